"""Matching, scores, and what is drawn."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gandeblur.errors import InputError
from gandeblur.evaluation import detection
from gandeblur.evaluation.detection import match
from gandeblur.evaluation.detectors import Detections, Detector

SQUARE = (0, 0, 10, 10)
FAR = (50, 50, 60, 60)


def detections(*entries):
    """From (box, class, score) of each."""
    boxes, classes, scores = zip(*entries, strict=True) if entries else ((), (), ())
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, int), np.array(scores, np.float32))


NOTHING = detections()


# Matching


def test_each_detection_takes_the_object_it_lies_on():
    found = detections((FAR, 1, 0.6), ((0, 1, 10, 11), 1, 0.9))
    assert match(found, detections((SQUARE, 1, 0.8), (FAR, 1, 0.8))) == [(1, 0), (0, 1)]


def test_of_two_detections_of_one_object_only_the_surer_one_is_correct():
    # The weaker one overlaps perfectly; the order is by score, not by overlap.
    found = detections((SQUARE, 1, 0.6), ((0, 0, 10, 12), 1, 0.9))
    assert match(found, detections((SQUARE, 1, 0.8))) == [(1, 0)]


def test_a_surer_detection_takes_the_object_it_overlaps_most_and_leaves_the_other():
    near = (0, 2, 10, 12)
    found = detections((SQUARE, 1, 0.6), (near, 1, 0.9))
    assert match(found, detections((SQUARE, 1, 0.8), (near, 1, 0.8))) == [(1, 1), (0, 0)]


def test_a_detection_whose_object_is_taken_goes_to_the_next_it_overlaps():
    shifted = (0, 2, 10, 12)  # overlaps SQUARE by 2 / 3
    found = detections((SQUARE, 1, 0.9), (SQUARE, 1, 0.6))
    assert match(found, detections((SQUARE, 1, 0.8), (shifted, 1, 0.8))) == [(0, 0), (1, 1)]


def test_another_class_never_matches():
    assert match(detections((SQUARE, 2, 0.9)), detections((SQUARE, 1, 0.9))) == []


@pytest.mark.parametrize(("bottom", "matches"), [(20.0, True), (20.001, False)])
def test_an_overlap_of_exactly_one_half_is_enough(bottom, matches):
    pairs = match(detections(((0, 0, bottom, 10), 1, 0.9)), detections((SQUARE, 1, 0.9)))
    assert pairs == ([(0, 0)] if matches else [])


def test_boxes_that_touch_or_have_no_area_do_not_match():
    empty = (5, 5, 5, 5)
    assert match(detections(((0, 10, 10, 20), 1, 0.9), (empty, 1, 0.8)), detections((SQUARE, 1, 1))) == []
    assert match(detections((empty, 1, 0.8)), detections((empty, 1, 0.8))) == []


def test_nothing_matches_nothing():
    one = detections((SQUARE, 1, 0.9))
    assert match(NOTHING, NOTHING) == match(one, NOTHING) == match(NOTHING, one) == []


def some_detections(count):
    corner, side = st.integers(0, 8), st.integers(1, 8)
    entry = st.tuples(corner, corner, side, side, st.integers(1, 2), st.integers(0, 100))
    return st.lists(entry, max_size=count).map(
        lambda entries: detections(*(((y, x, y + h, x + w), c, s / 100) for y, x, h, w, c, s in entries))
    )


@settings(deadline=None, max_examples=60)
@given(some_detections(8), some_detections(5), st.floats(0, 1))
def test_pairs_are_one_to_one_and_leaving_out_weak_detections_leaves_the_other_pairs(found, reference, threshold):
    pairs = match(found, reference)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    strong = np.flatnonzero(found.scores >= threshold)
    fewer = match(found.chosen(strong), reference)
    assert [(strong[a], b) for a, b in fewer] == [(a, b) for a, b in pairs if a in strong]


# Scores


def judge(answers):
    """A detector that knows each image by its first value."""
    return Detector("judge", "ab", {1: "person", 2: "car"}, lambda image: answers[image[0, 0, 0]])


def image(number):
    return np.full((80, 80, 3), number, np.uint8)


@pytest.fixture
def result():
    answers = {
        # Image a: two persons and a car; the third person is too unsure to be an object.
        0: detections((SQUARE, 1, 0.9), (FAR, 1, 0.7), (FAR, 2, 0.6), ((20, 20, 30, 30), 1, 0.4)),
        # Blurred: one person found, one with a score below the threshold, a car where there is none.
        1: detections((SQUARE, 1, 0.8), (FAR, 1, 0.3), (SQUARE, 2, 0.5)),
        # Restored: both persons.
        2: detections((SQUARE, 1, 0.9), (FAR, 1, 0.6)),
        # Image b: one car, found in neither.
        3: detections((SQUARE, 2, 0.5)),
        4: NOTHING,
    }
    cases = [
        ("a", {"input": image(1), "ours": image(2), "sharp": image(0)}),
        ("b", {"input": image(4), "ours": image(4), "sharp": image(3)}),
    ]
    return detection.evaluate(judge(answers), iter(cases))


def test_totals_pool_the_detections_of_all_images(result):
    assert result["methods"]["input"] == pytest.approx(
        {"objects": 4, "found": 2, "correct": 1, "precision": 1 / 2, "recall": 1 / 4, "f1": 2 / 6,
         "mean_score": (0.8 + 0.5) / 2, "object_score": (0.8 + 0.3) / 4}
    )  # fmt: skip
    assert result["methods"]["ours"] == pytest.approx(
        {"objects": 4, "found": 2, "correct": 2, "precision": 1, "recall": 1 / 2, "f1": 4 / 6,
         "mean_score": 0.75, "object_score": (0.9 + 0.6) / 4}
    )  # fmt: skip


def test_the_sharp_images_agree_with_themselves(result):
    sharp = result["methods"]["sharp"]
    assert sharp["precision"] == sharp["recall"] == sharp["f1"] == 1
    assert sharp["mean_score"] == pytest.approx(sharp["object_score"]) == pytest.approx((0.9 + 0.7 + 0.6 + 0.5) / 4)


def test_scores_per_class_add_up_to_the_totals(result):
    assert list(result["classes"]) == ["car", "person"]  # two objects each, then by name
    person = result["classes"]["person"]["input"]
    assert (person["objects"], person["found"], person["precision"], person["recall"]) == (2, 1, 1, 0.5)
    for method, total in result["methods"].items():
        for count in ("objects", "found", "correct"):
            assert sum(methods[method][count] for methods in result["classes"].values()) == total[count]


def test_scores_without_a_divisor_are_none(result):
    scores = result["images"][1]["methods"]["input"]["scores"]
    assert scores["precision"] is None and scores["mean_score"] is None
    assert scores["recall"] == scores["f1"] == scores["object_score"] == 0
    empty = detection.evaluate(judge({0: NOTHING}), [("a", {"input": image(0), "sharp": image(0)})])
    for metric in ("precision", "recall", "f1", "mean_score", "object_score"):
        assert empty["methods"]["input"][metric] is None
    assert empty["classes"] == {}


def test_the_detections_of_each_image_are_kept(result):
    assert [entry["name"] for entry in result["images"]] == ["a", "b"]
    first, second = result["images"][0]["methods"]["input"]["detections"]
    assert first == {"box": [0, 0, 10, 10], "label": "person", "score": pytest.approx(0.8), "correct": True}
    assert (second["label"], second["correct"]) == ("car", False)


def test_the_result_survives_json(result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_threshold_and_overlap_are_told_and_applied():
    answers = {0: detections((SQUARE, 3, 0.4)), 1: detections(((0, 0, 10, 20), 3, 0.4))}
    cases = [("a", {"input": image(1), "sharp": image(0)})]
    result = detection.evaluate(judge(answers), cases, threshold=0.3, iou=0.6)
    assert (result["detector"], result["sha256"], result["threshold"], result["iou"]) == ("judge", "ab", 0.3, 0.6)
    assert (result["methods"]["input"]["found"], result["methods"]["input"]["correct"]) == (1, 0)
    assert list(result["classes"]) == ["3"]  # a class without a name goes by its number


def test_no_image_is_an_error():
    with pytest.raises(InputError, match="no image"):
        detection.evaluate(judge({}), [])


# Drawing


def test_boxes_are_drawn_in_the_colour_of_their_kind_and_the_image_is_left_alone():
    grey = np.full((100, 120, 3), 128, np.uint8)
    entry = {"box": [40.0, 30.0, 80.0, 90.0], "label": "person", "score": 0.9}
    correct = detection.draw(grey, [{**entry, "correct": True}])
    false = detection.draw(grey, [{**entry, "correct": False}])
    assert correct.shape == grey.shape and correct.dtype == np.uint8 and (grey == 128).all()
    red, _, blue = correct[80, 89].astype(int)
    assert blue > red  # the bottom edge
    assert (correct[80, 31:90] != 128).any(-1).all() and not (false[80, 31:90] != 128).any(-1).all()  # solid, dashed
    red, _, blue = false[80, 89].astype(int)
    assert red > blue
    assert (correct[45:75, 35:85] == 128).all()  # nothing inside the box


def test_labels_of_boxes_at_the_edges_stay_inside_the_image():
    grey = np.full((40, 60, 3), 128, np.uint8)
    for box in ([-5.0, -5.0, 30.0, 20.0], [0.0, 50.0, 40.0, 70.0]):
        drawn = detection.draw(grey, [{"box": box, "label": "p", "score": 1.0, "correct": True}])
        assert (drawn > 200).all(-1).any()  # white letters
