import os

import numpy as np
import pytest

from gandeblur.data import pipeline
from gandeblur.data.datasets import benchmarks
from gandeblur.evaluation import metrics
from gandeblur.experiments import audit
from gandeblur.experiments.gan_d import EXPERIMENT
from gandeblur.models import gan_d


@pytest.mark.parametrize("name", EXPERIMENT.variants)
def test_every_layer_is_the_papers(name):
    variant = EXPERIMENT.variants[name]
    networks = {"generator": variant.generator(None)}
    if variant.discriminator:
        networks["discriminator"] = variant.discriminator(128)
    assert set(networks) == set(variant.layers)
    for network, model in networks.items():
        for row in audit.rows(model, variant.layers[network]):
            assert row["verdict"] == "ok", row


def test_audit_names_what_differs():
    layers = EXPERIMENT.variants["combined"].layers["generator"]
    wider = gan_d.generator(maps=39, wide_maps=512)
    rows = {row["layer"]: row for row in audit.rows(wider, layers[1:])}
    assert rows["conv_1x121"]["verdict"] == audit.NOT_LISTED
    assert "in is 38 in the paper" in rows["conv_121x1"]["verdict"]
    assert rows["total"]["verdict"].startswith("differs by +")
    missing = audit.rows(wider, [*layers, layers[0].__class__("extra", "1x1", 1, 3, 3, 12)])
    assert [row["verdict"] for row in missing if row["layer"] == "extra"] == ["missing here"]


def test_paper_preset_sees_two_million_patches():
    preset = EXPERIMENT.presets["paper"]
    assert preset.epochs * preset.steps_per_epoch * preset.batch_size == 2_000_000
    assert (preset.learning_rate, preset.beta_1, preset.value_range) == (1e-5, 0.9, (0, 255))


@pytest.mark.skipif(
    "GANDEBLUR_BENCHMARKS" not in os.environ, reason="GANDEBLUR_BENCHMARKS names no folder of test sets"
)
def test_the_degraded_input_scores_as_the_reading_measured():
    expected = {"set5": 17.05, "set14": 16.10, "bsd100": 17.19}
    for image_set in benchmarks.benchmark_sets(os.environ["GANDEBLUR_BENCHMARKS"]):
        stream = pipeline.evaluation_stream(
            pipeline.Source(image_set, EXPERIMENT.degradations),
            size_px=128,
            batch_size=1,
            seed=0,
        )
        scores = [
            metrics.psnr_db(*(metrics.to_uint8(side[0], (0, 1)) for side in pair), EXPERIMENT.protocol)
            for pair in stream.as_numpy_iterator()
        ]
        assert np.mean(scores) == pytest.approx(expected[image_set.name], abs=0.15)
