import json
import re
from dataclasses import replace

import numpy as np
import pytest
from report_pages import Page, section

from gandeblur.evaluation import detection
from gandeblur.evaluation.detectors import Detections, Detector


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
        return Detections(
            *map(np.concatenate, zip(detections(min(count, 1))[:3], detections(1, label=2)[:3], strict=True))
        )

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
