"""The page: numbers, chosen images, and that nothing outside it is needed."""

import copy
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.evaluation import detection, metrics, report

METHODS = ["input", "gain undone + Wiener", "GAN-D"]
# Errors in grey levels of each method on each image: GAN-D is best on c, then a, b, e, d.
ERRORS = {
    "a": (20, 10, 6),
    "b": (20, 10, 7),
    "c": (20, 10, 5),
    "d": (20, 10, 9),
    "e": (20, 10, 8),
}
VOID = {"meta", "img", "br", "line", "circle", "polyline"}


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
        path = report.image_path(folder, "set5", name, method)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)

    names = iter(ERRORS)  # score_set goes through the pairs in order, and through the methods of each

    def gan_d(degraded):
        return degraded - 20 + ERRORS[next(names)][2]

    methods = dict(zip(METHODS, (lambda image: image, lambda image: image - 10, gan_d), strict=True))
    return {
        "experiment": "gan_d",
        "title": "GAN-D <title>",
        "citation": "Authors, doi https://doi.org/10.0/0",
        "variant": "combined",
        "preset": "quick",
        "description": "A test.",
        "data": {"train": "few photographs", "size": "32x40"},
        "protocol": str(metrics.RGB),
        "seed": 7,
        "weights_sha256": "ab12" * 16,
        "commit": None,
        "versions": {"tensorflow": "2.21.0"},
        "created": "2026-01-02T03:04:05+00:00",
        "training": {"steps": 1300, "seconds": 400.123, "parameters": 676571},
        "departures": ["a <b>smaller</b> set"],
        "methods": METHODS,
        "ours": "GAN-D",
        "sets": {"set5": metrics.score_set(methods, pairs, keep=keep)},
        "paper": {
            "table": "Table 1",
            "rows": {
                "set5": {"input": [17.15, 0.69], "odcnn": [18.14, 0.838], "GAN-D": [24.392, 0.81]},
                "set14": {"input": [16.7, 0.73], "odcnn": [16.9, 0.72], "GAN-D": [21.67, 0.77]},
            },
            "ranges": {},
        },
        "audit": {
            "generator": [
                {"layer": "conv 1", "kernel": "1x121", "stride": 1, "in": 3, "out": 38, "parameters": 13832,
                 "paper": None, "verdict": "open in the paper"},
            ],
        },
        "history": {
            "step": [1, 2, 3],
            "loss/mse": [0.5, 0.1, 0.001],
            "loss/adversarial": [0.7, 0.6, 0.5],
            "val_psnr_db": [None, 20.0, 21.5],
        },
    }  # fmt: skip


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
    results["ours"], results["methods"] = "input", ["input", "gain undone + Wiener"]
    text = Page(write(results)).text
    assert "level with the degraded input and 6.02 dB below the best other method" in text


def test_differences_to_the_paper(results, write):
    ours, degraded = (results["sets"]["set5"]["methods"][method] for method in ("GAN-D", "input"))
    text = section(write(results), "paper")
    difference = ours["psnr_db"]["mean"] - 24.392
    # Measured and in the paper's table: the input, in the paper's order, and ours; not the other baseline.
    measured = " ".join(f"{scores['psnr_db']['mean']:.2f} {scores['ssim']['mean']:.3f}" for scores in (degraded, ours))
    assert difference > 0 and f"24.392 0.81 {measured} +{difference:.2f}" in text
    assert f"+{difference:.2f}" in text
    assert f"{ours['ssim']['mean'] - 0.81:+.3f}".replace("-", "−") in text
    assert "set14 16.70 0.73 16.90 0.72 21.67 0.77 — — —" in text
    assert "Not measured in this run: set14" in text and "--benchmarks" not in text


def test_a_set_that_the_paper_lacks(results, write, folder):
    results["sets"] = {"sample test": results["sets"]["set5"]}
    (folder / "set5").rename(folder / "sample test")
    page = write(results)
    scores = results["sets"]["sample test"]["methods"]["input"]
    degraded = f"{scores['psnr_db']['mean']:.2f} {scores['ssim']['mean']:.3f}"
    ours = results["sets"]["sample test"]["methods"]["GAN-D"]["psnr_db"]["mean"]
    assert "This run's test data, sample test, go by none of the paper's names" in section(page, "paper")
    assert f"sample test — — — {degraded} {ours:.2f}" in section(page, "paper")
    assert "set5 17.15 0.69 18.14 0.838 24.392 0.81 — — —" in section(page, "paper")
    assert "sample test 22.11" in section(page, "baselines")


def test_the_papers_range_stands_above_ours(results, write):
    assert "paper" not in section(write(results), "range")
    results["paper"]["ranges"] = {
        "psnr_db": {"max": 32.33, "min": 25.39, "mean": 29.30},
        "ssim": {"max": 0.77, "min": 0.65, "mean": 0.72},
    }
    assert "paper GAN-D 29.30 25.39 32.33 0.72 0.65 0.77 set5 input" in section(write(results), "range")


def test_best_median_and_worst(results, write):
    text = section(write(results), "images")
    chosen = re.findall(r"(Best|Median|Worst) · (\w)", text)
    assert chosen == [("Best", "c"), ("Median", "b"), ("Worst", "d")]
    assert f"{psnr(5):.2f} dB" in text and f"{psnr(9):.2f} dB" in text


@pytest.mark.parametrize(("count", "ranks"), [(1, ["Only image"]), (2, ["Best", "Worst"])])
def test_small_sets_show_each_image_once(results, write, count, ranks):
    del results["sets"]["set5"]["images"][count:]
    assert re.findall(r"(Only image|Best|Median|Worst) · \w", section(write(results), "images")) == ranks


def test_the_window_lies_on_the_detail():
    image = np.zeros((32, 48, 3), np.uint8)
    image[10:18, 30:38] = np.random.default_rng(0).integers(0, 255, (8, 8, 1))
    left, top, side = report.detailed_window(image)
    assert side == 8 and abs(left - 30) <= 1 and abs(top - 10) <= 1


def test_the_page_stands_alone(results, write):
    page = Page(write(results))
    resources = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(resources) == 3 * 4 * 2  # examples, panels, whole and crop
    assert all(resource.startswith("data:image/png;base64,") for resource in resources)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", write(results))


def test_text_is_escaped(results, write):
    page = write(results)
    assert "GAN-D &lt;title&gt;" in page and "a &lt;b&gt;smaller" in page


def test_audit_data_and_provenance(results, write):
    page = write(results)
    assert "conv 1 1x121 1 3 38 13,832 — open in the paper" in section(page, "audit")
    provenance = section(page, "provenance")
    for fact in ("Seed 7", "ab12" * 16, "not run from a git checkout", "tensorflow 2.21.0", "676,571"):
        assert fact in provenance
    assert "Train few photographs" in section(page, "data")


def curves(page):
    return [
        [tuple(map(float, point.split(","))) for point in attributes["points"].split()]
        for tag, attributes in Page(page).tags
        if tag == "polyline"
    ]


def test_curves(results, write):
    page = write(results)
    mse, adversarial, validation = curves(page)
    assert len(mse) == len(adversarial) == 3 and len(validation) == 2  # None is not a point
    assert mse[0][1] < mse[1][1] < mse[2][1]  # falling values, and y points down
    # 0.5 -> 0.1 -> 0.001 on a logarithmic axis: distances in proportion to log 5 and log 100.
    ratio = (mse[2][1] - mse[1][1]) / (mse[1][1] - mse[0][1])
    assert ratio == pytest.approx(np.log(100) / np.log(5), rel=0.01)
    assert "Losses, logarithmic axis" in page and "Validation PSNR (dB)" in page
    assert "Validation PSNR (dB), logarithmic" not in page


def test_curves_of_constant_and_single_values(results, write):
    results["history"] = {
        "step": [5],
        "learning_rate/generator": [1e-5],
        "loss/d": [0.0],
        "x": [float("nan")],
    }
    first, second = curves(write(results))
    assert len(first) == len(second) == 1 and np.isfinite([first, second]).all()


def test_without_training(results, write):
    results["history"] = {}
    page = write(results)
    assert not curves(page) and "no training in this run" in section(page, "training")


def test_grid_artifacts_of_every_method_are_tabled(results, write):
    values = {"input": (-0.04, 0.31), "gain undone + Wiener": (-1.26, None), "GAN-D": (12.34, 5.67)}
    for method, means in values.items():
        scores = results["sets"]["set5"]["methods"][method]
        scores["grid_2px_db"]["mean"], scores["grid_4px_db"]["mean"] = means
    assert "set5 0.0 0.3 −1.3 — 12.3 5.7" in section(write(results), "grid")


def test_infinite_scores_are_shown(results, write):
    sets = copy.deepcopy(results["sets"])
    sets["set5"]["methods"]["GAN-D"]["psnr_db"].update(mean=float("inf"), max=float("inf"))
    text = section(write({**results, "sets": sets}), "range")
    assert re.search(r"GAN-D ∞ [\d.]+ ∞", text)


def test_without_detections_there_is_no_word_of_them(results, write):
    assert "etection" not in write(results)


@pytest.fixture
def with_detections(results):
    """The truth of image x holds as many objects as the letter says; ours finds one of them, and a false one."""
    objects = {"a": 2, "b": 0, "c": 1, "d": 3, "e": 1}

    def detections(count, label=1):
        boxes = np.array([[2, 4 * k, 12, 4 * k + 3] for k in range(count)], np.float32).reshape(-1, 4)
        return detection.Detections(boxes, np.full(count, label), np.full(count, 0.75, np.float32))

    def restored(count):
        return detection.Detections(
            *map(np.concatenate, zip(detections(min(count, 1)), detections(1, label=2), strict=True))
        )

    detector = detection.Detector("judge.tflite", "cd34" * 16, {1: "person"}, lambda answer: answer)
    cases = [
        (name, {"input": detections(0), "GAN-D": restored(count), "sharp": detections(count)})
        for name, count in objects.items()
    ]
    results["detection"] = {"set5": json.loads(json.dumps(detection.evaluate(detector, cases)))}
    return results


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
    found = with_detections["detection"]["set5"]
    found["images"] = [image for image in found["images"] if image["name"] == "b"]
    page = write(with_detections)
    assert "finds nothing on the truth" in section(page, "detection") and "detections on" not in page


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_unreadable_images_are_named_and_the_old_page_stays(results, write, folder, damage):
    before = write(results)
    path = report.image_path(folder, "set5", "c", "GAN-D")
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*--stage=evaluate"):
        write(results)
    assert (folder.parent / "report.html").read_text(encoding="utf-8") == before
    assert not list(folder.parent.glob("*.tmp"))


@pytest.mark.parametrize(
    ("method", "expected"),
    [("gain undone + Wiener", "gain-undone-wiener"), ("GAN-D", "gan-d"), ("sharp", "sharp")],
)
def test_slug(method, expected):
    assert report.slug(method) == expected


def test_ticks_are_round_and_inside():
    assert report._ticks(19.8, 23.1) == [20, 20.5, 21, 21.5, 22, 22.5, 23]
    assert report._ticks(0, 1, at_most=5, at_least_apart=1) == [0, 1]
    assert report._log_ticks(-2.1, 0.3) == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
    assert [report._tick_label(value) for value in (2e-05, 0.5, 1200)] == ["2e−5", "0.5", "1,200"]
