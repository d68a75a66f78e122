"""A made result of five images, its pictures, and its page."""

import numpy as np
import pytest
from PIL import Image
from report_pages import ERRORS, METHODS

from gandeblur.evaluation import metrics, report
from gandeblur.evaluation.pictures import image_path
from gandeblur.evaluation.results import PaperTable, Results, Test, Trained
from gandeblur.evaluation.scoring import score_set


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def results(folder):
    rng = np.random.default_rng(0)
    pairs = []
    for name in ERRORS:
        sharp = np.full((32, 40, 3), 100, np.uint8)
        sharp[8:16, 24:32] += rng.integers(0, 100, (8, 8, 1), np.uint8)  # the only detail
        pairs.append((name, sharp + 20, sharp))

    def keep(name, method, image):
        path = image_path(folder, "set5", name, method)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)

    names = iter(ERRORS)  # score_set goes through the pairs in order, and through the methods of each

    def gan_d(degraded):
        return degraded - 20 + ERRORS[next(names)][2]

    methods = dict(zip(METHODS, (lambda image: image, lambda image: image - 10, gan_d), strict=True))
    return Results(
        title="GAN-D <title>",
        citation="Authors, doi https://doi.org/10.0/0",
        description="A test.",
        ours="GAN-D",
        methods=METHODS,
        runs={
            "GAN-D": {
                "experiment": {"name": "gan_d", "seed": 7, "float16": False},
                "generator": {"widths": {"maps": 38, "kernels": [121, 16]}, "parameters": 676571},
                "optimizer": {"learning_rate": 1e-5, "clipping": None},
                "terms": [{"name": "mse", "weight": 1.0}, {"name": "adversarial", "weight": 1e-4}],
                "departures": ["a <b>smaller</b> set"],
                "format": 1,
            }
        },
        training={"GAN-D": Trained(steps=1300, seconds=400.123, images=5200)},
        test=Test(sets={"set5": 5}, conditions={"set5": "20 levels brighter"}, seed=7, dropout=False),
        protocol=str(metrics.RGB),
        weights_sha256={"GAN-D": "ab12" * 16},
        commit=None,
        versions={"tensorflow": "2.21.0"},
        created="2026-01-02T03:04:05+00:00",
        sets={"set5": score_set(methods, pairs, keep=keep)},
        paper=PaperTable(
            table="Table 1",
            rows={
                "set5": {"input": [17.15, 0.69], "odcnn": [18.14, 0.838], "GAN-D": [24.392, 0.81]},
                "set14": {"input": [16.7, 0.73], "odcnn": [16.9, 0.72], "GAN-D": [21.67, 0.77]},
            },
            measured={"set5": "set5"},
            columns={"input": "input", "GAN-D": "GAN-D"},
        ),
        audit={
            "generator": [
                {"layer": "conv 1", "kernel": "1x121", "stride": 1, "in": 3, "out": 38, "parameters": 13832,
                 "paper": None, "verdict": "open in the paper"},
            ],
        },
        history={"step": [1, 2, 3], "loss/mse": [0.5, 0.1, 0.001], "val_psnr_db": [None, 20.0, 21.5]},
    )  # fmt: skip


@pytest.fixture
def write(folder, tmp_path):
    def write(results):
        report.write_report(results, folder, tmp_path / "report.html")
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write
