"""The page: numbers, differences to the paper, provenance, and that nothing outside it is needed."""

import copy
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.evaluation import detection, metrics, report
from gandeblur.evaluation.detectors import Detections, Detector
from gandeblur.evaluation.pictures import image_path
from gandeblur.evaluation.results import PaperTable, Results, Test, Trained
from gandeblur.evaluation.scoring import score_set

METHODS = ["input", "gain undone + Wiener", "GAN-D"]
# Errors in grey levels of each method on each image: GAN-D is best on c, then a, b, e, d.
ERRORS = {
    "a": (20, 10, 6),
    "b": (20, 10, 7),
    "c": (20, 10, 5),
    "d": (20, 10, 9),
    "e": (20, 10, 8),
}
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Text, tags with attributes, and a check that every element is closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.parts = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.parts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.parts))


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


def psnr(error):
    return 20 * np.log10(255 / error)


def section(page, name):
    return Page(re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL).group()).text


def test_headline_states_the_distances(results, write):
    mean = np.mean([psnr(errors[2]) for errors in ERRORS.values()])
    above_input, above_best = mean - psnr(20), mean - psnr(10)
    assert (
        f"Over 5 test images (set5), GAN-D reaches a mean PSNR of {mean:.2f} dB: {above_input:.2f} dB above "
        f"the degraded input and {above_best:.2f} dB above the best other method, gain undone + Wiener."
    ) in Page(write(results)).text


def test_headline_admits_being_worse(results, write):
    results = replace(results, ours="input", methods=["input", "gain undone + Wiener"])
    text = Page(write(results)).text
    assert "level with the degraded input and 6.02 dB below the best other method" in text


def scores(results, method, name="set5"):
    means = results.sets[name]["methods"][method]
    return means["psnr_db"]["mean"], means["ssim"]["mean"]


def printed(psnr_db, ssim, spec=""):
    return f"{psnr_db:{spec}.2f} {ssim:{spec}.3f}".replace("-", "−")


def difference(results, method, paper, name="set5"):
    return printed(*np.subtract(scores(results, method, name), paper), spec="+")


def test_every_method_with_a_column_of_the_papers_is_subtracted(results, write):
    text = section(write(results), "paper")
    # The input and ours, not the other baseline.
    ours = " ".join(printed(*scores(results, method)) for method in ("input", "GAN-D"))
    differences = f"{difference(results, 'input', (17.15, 0.69))} {difference(results, 'GAN-D', (24.392, 0.81))}"
    assert f"set5 17.15 0.69 18.14 0.838 24.392 0.81 {ours} {differences}" in text
    assert "set14 16.70 0.73 16.90 0.72 21.67 0.77 — — — —" in text
    assert "Not measured here: set14" in text and "Not among" not in text


def test_variants_of_one_network_have_differences_of_their_own(results, write, folder):
    """Two networks that stand for one column, and a set with another name than the paper's."""
    renamed = {"gopro, test": results.sets["set5"]}
    (folder / "set5").rename(folder / "gopro, test")
    paper = replace(
        results.paper,
        measured={"set5": "gopro, test"},
        columns={"gain undone + Wiener": "odcnn", "GAN-D": "odcnn"},
    )
    results = replace(results, sets=renamed, paper=paper, runs={"gain undone + Wiener": {}, "GAN-D": {}})
    text = section(write(results), "paper")
    differences = " ".join(
        difference(results, method, (18.14, 0.838), "gopro, test") for method in ("gain undone + Wiener", "GAN-D")
    )
    assert differences in text and len(set(differences.split())) == 4
    assert "set5 gopro, test 17.15" in text and "gain undone + Wiener − odcnn GAN-D − odcnn" in text


def test_a_network_without_a_column_is_shown_and_not_subtracted(results, write):
    text = section(write(replace(results, paper=replace(results.paper, columns={}))), "paper")
    assert f"24.392 0.81 {printed(*scores(results, 'GAN-D'))} set14" in text and "difference set" not in text


def test_sets_that_the_paper_lacks_have_rows_without_a_difference(results, write, folder):
    """Even one of a name of the paper's: it is the paper's set only where `measured` says so."""
    results = replace(
        results,
        sets={"set14": results.sets["set5"]},
        paper=replace(results.paper, measured={}),
    )
    (folder / "set5").rename(folder / "set14")
    page = write(results)
    text = section(page, "paper")
    ours = " ".join(printed(*scores(results, method, "set14")) for method in ("input", "GAN-D"))
    assert f"set14 — — — {ours} — —" in text
    assert "set14 16.70 0.73 16.90 0.72 21.67 0.77 — — — —" in text
    assert "None of the paper's rows was measured here" in text
    assert "Not among the paper's sets, and so without a difference: set14." in text
    assert "set14 22.11" in section(page, "baselines")


def test_the_row_all_is_the_mean_of_all_the_papers_sets_or_missing(results, write, folder):
    paper = replace(results.paper, rows=results.paper.rows | {"all": {"GAN-D": [23.0, 0.79]}})
    assert "all — — 23.00 0.79 — — — —" in section(write(replace(results, paper=paper)), "paper")

    better = copy.deepcopy(results.sets["set5"])
    for metric, shift in (("psnr_db", 2.0), ("ssim", -0.02)):
        better["methods"]["GAN-D"][metric]["mean"] += shift
    (folder / "set14").symlink_to(folder / "set5")
    results = replace(
        results,
        sets=results.sets | {"set14": better},
        paper=replace(paper, measured={"set5": "set5", "set14": "set14"}),
    )
    psnr_db, ssim = np.add(scores(results, "GAN-D"), (1, -0.01))
    above = printed(psnr_db - 23.0, ssim - 0.79, spec="+")
    text = section(write(results), "paper")
    assert f"all — — 23.00 0.79 {printed(*scores(results, 'input'))} {printed(psnr_db, ssim)} — {above}" in text
    assert "Not measured" not in text


def test_the_papers_range_stands_above_ours(results, write):
    assert "paper" not in section(write(results), "range")
    ranges = {
        "psnr_db": {"max": 32.33, "min": 25.39, "mean": 29.30},
        "ssim": {"max": 0.77, "min": 0.65, "mean": 0.72},
    }
    page = write(replace(results, paper=replace(results.paper, ranges=ranges)))
    assert "paper GAN-D 29.30 25.39 32.33 0.72 0.65 0.77 set5 input" in section(page, "range")


def test_best_median_and_worst(results, write):
    text = section(write(results), "images")
    chosen = re.findall(r"(Best|Median|Worst) · (\w)", text)
    assert chosen == [("Best", "c"), ("Median", "b"), ("Worst", "d")]
    assert f"{psnr(5):.2f} dB" in text and f"{psnr(9):.2f} dB" in text


@pytest.mark.parametrize(("count", "ranks"), [(1, ["Only image"]), (2, ["Best", "Worst"])])
def test_small_sets_show_each_image_once(results, write, count, ranks):
    del results.sets["set5"]["images"][count:]
    assert re.findall(r"(Only image|Best|Median|Worst) · \w", section(write(results), "images")) == ranks


def test_the_page_stands_alone(results, write):
    page = Page(write(results))
    resources = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(resources) == 3 * 4 * 2  # examples, panels, whole and crop
    assert all(resource.startswith("data:image/png;base64,") for resource in resources)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", write(results))
    inside = [attributes["xlink:href"] for tag, attributes in page.tags if "xlink:href" in attributes]
    assert inside and all(reference.startswith("#") for reference in inside)  # the markers of the curves


def test_text_is_escaped(results, write):
    page = write(results)
    assert "GAN-D &lt;title&gt;" in page and "a &lt;b&gt;smaller" in page


def test_audit_shows_the_papers_counts_where_there_are_any(results, write):
    text = section(write(results), "audit")
    assert "Generator layer kernel" in text and "conv 1 1x121 1 3 38 13,832 — open in the paper" in text
    rows = [{key: value for key, value in row.items() if key != "paper"} for row in results.audit["generator"]]
    rows[0]["verdict"] = "ok"
    text = section(write(replace(results, audit={"generator": rows})), "audit")
    assert "Generator, as read here layer" in text and "parameters verdict conv 1 1x121 1 3 38 13,832 ok" in text


def test_all_that_a_run_states_is_printed(results, write):
    text = section(write(results), "provenance")
    for fact in (
        "The run of GAN-D Experiment Name gan_d Seed 7 Float16 no",
        "Generator Widths Maps 38 Kernels 121, 16 Parameters 676,571",
        "Optimizer Learning rate 1e-05 Clipping —",
        "Terms name mse, weight 1 name adversarial, weight 0.0001",
        "Departures a <b>smaller</b> set Format 1",
        "Weights of GAN-D, SHA-256 " + "ab12" * 16,
        "not run from a git checkout",
        "tensorflow 2.21.0",
    ):
        assert fact in text
    runs = results.runs | {"ODCNN": {"experiment": {"name": "odcnn"}, "notes": {}}}
    text = section(write(replace(results, runs=runs)), "provenance")
    assert text.endswith("The run of ODCNN Experiment Name odcnn Notes none ") and "The run of GAN-D" in text


def test_test_images_and_training_are_told(results, write):
    page = write(results)
    text = section(page, "data")
    assert "Images set5 5 Seed of the degradation 7 Dropout when restoring no" in text
    assert "set5 5 20 levels brighter" in text
    assert "GAN-D 1,300 5,200 6 min 40 s" in section(page, "training")


def test_curves_are_drawn(results, write):
    page = write(results)
    assert page.count("<svg") == 2
    text = section(page, "training")
    assert "Losses, logarithmic axis" in text and "Validation PSNR (dB)" in text


def test_without_training(results, write):
    page = write(replace(results, history={}, training={}))
    assert "<svg" not in page and "no training in this run" in section(page, "training")


def test_grid_artifacts_of_every_method_are_tabled(results, write):
    values = {"input": (-0.04, 0.31), "gain undone + Wiener": (-1.26, None), "GAN-D": (12.34, 5.67)}
    for method, means in values.items():
        scores = results.sets["set5"]["methods"][method]
        scores["grid_2px_db"]["mean"], scores["grid_4px_db"]["mean"] = means
    assert "set5 0.0 0.3 −1.3 — 12.3 5.7" in section(write(results), "grid")


def test_the_sharpness_of_every_method_is_tabled_where_it_was_measured(results, write):
    older = copy.deepcopy(results.sets)
    for methods in (result["methods"] for result in older.values()):
        for scores in methods.values():
            scores.pop("gradient_energy", None)
    assert 'id="looks"' not in write(replace(results, sets=older))
    values = {"input": 0.5, "gain undone + Wiener": None, "GAN-D": 1.127}
    for result in results.sets.values():
        for method, mean in values.items():
            result["methods"][method]["gradient_energy"] = {"mean": mean, "min": mean, "max": mean}
    assert "set5 0.50 — 1.13" in section(write(results), "looks")


def test_infinite_scores_are_shown(results, write):
    sets = copy.deepcopy(results.sets)
    sets["set5"]["methods"]["GAN-D"]["psnr_db"].update(mean=float("inf"), max=float("inf"))
    text = section(write(replace(results, sets=sets)), "range")
    assert re.search(r"GAN-D ∞ [\d.]+ ∞", text)


def test_without_detections_there_is_no_word_of_them(results, write):
    assert "etection" not in write(results)


@pytest.fixture
def with_detections(results):
    """The truth of image x holds as many objects as the letter says; ours finds one of them, and a false one."""
    objects = {"a": 2, "b": 0, "c": 1, "d": 3, "e": 1}

    def detections(count, label=1):
        boxes = np.array([[2, 4 * k, 12, 4 * k + 3] for k in range(count)], np.float32).reshape(-1, 4)
        return Detections(boxes, np.full(count, label), np.full(count, 0.75, np.float32))

    def restored(count):
        return Detections(*map(np.concatenate, zip(detections(min(count, 1)), detections(1, label=2), strict=True)))

    detector = Detector("judge.tflite", "cd34" * 16, {1: "person"}, lambda answer: answer)
    cases = [
        (name, {"input": detections(0), "GAN-D": restored(count), "sharp": detections(count)})
        for name, count in objects.items()
    ]
    return replace(results, detection={"set5": json.loads(json.dumps(detection.evaluate(detector, cases)))})


def test_detections_are_tabled_by_method_and_by_class(with_detections, write):
    page = write(with_detections)
    text = section(page, "detection")
    # 7 objects; ours finds 4 of them and 5 wrong ones.
    assert "set5 , 7 objects input 0 0 — 0.000 0.000 — 0.000" in text
    assert "GAN-D 9 4 0.444 0.571 0.500 0.750 0.429" in text
    assert "truth 7 7 1.000 1.000 1.000 0.750 0.750" in text
    assert "person , 7 objects" in text and "2 , 0 objects" in text
    assert "GAN-D 5 0 0.000 — 0.000 0.750 —" in text  # the class that the truth lacks
    assert "judge.tflite" in text and "cd34" * 4 in text
    assert page.count("<details>") == 1


def test_the_images_with_the_most_objects_are_shown_with_boxes(with_detections, write):
    page = Page(write(with_detections))
    text = section(write(with_detections), "detection")
    assert re.findall(r"(\w) · set5, (\d)", text) == [("d", "3"), ("a", "2"), ("c", "1"), ("e", "1")]
    assert "2 found, 1 correct" in text
    shown = [attributes for tag, attributes in page.tags if tag == "img" and "detections on d" in attributes["alt"]]
    assert [attributes["alt"].split(", ")[1] for attributes in shown] == ["input", "GAN-D", "truth"]
    images = [attributes["src"] for attributes in shown]
    assert len(set(images)) == 3 and all(image.startswith("data:image/png;base64,") for image in images)


def test_a_detector_that_finds_nothing_is_reported_as_such(with_detections, write):
    found = with_detections.detection["set5"]
    found["images"] = [image for image in found["images"] if image["name"] == "b"]
    page = write(with_detections)
    assert "finds nothing on the truth" in section(page, "detection") and "detections on" not in page


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_unreadable_images_are_named_and_the_old_page_stays(results, write, folder, damage):
    before = write(results)
    path = image_path(folder, "set5", "c", "GAN-D")
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*--stage=evaluate"):
        write(results)
    assert (folder.parent / "report.html").read_text(encoding="utf-8") == before
    assert {entry.name for entry in folder.parent.iterdir()} == {"images", "report.html"}
