"""Matching, scores, both forms of detectors end to end, and what is drawn."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as pictures

from gandeblur.errors import InputError
from gandeblur.evaluation import detection
from gandeblur.evaluation.detection import Detections, Detector, match

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
    fewer = match(Detections(*(values[strong] for values in found)), reference)
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


# Detectors


class FasterRcnn(tf.Module):
    """The signature of the Object Detection API: finds the bright part of the image, and a second class in its corner.

    Its score is a variable: that it can be read is part of the test.
    """

    def __init__(self):
        super().__init__()
        self.score = tf.Variable(0.75)

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
    def __call__(self, input_tensor):
        size = tf.cast(tf.shape(input_tensor)[1:3], tf.float32)
        bright = tf.cast(tf.where(input_tensor[0, :, :, 0] > 128), tf.float32)
        box = tf.concat([tf.reduce_min(bright, 0) / size, (tf.reduce_max(bright, 0) + 1) / size], 0)
        return {
            "detection_boxes": tf.stack([box, [0.0, 0.0, 0.5, 0.25], [0.0, 0.0, 1.0, 1.0]])[tf.newaxis],
            "detection_classes": tf.constant([[1.0, 3.0, 2.0]]),
            "detection_scores": tf.stack([self.score, 0.5, 0.0])[tf.newaxis],
            "num_detections": tf.constant([2.0]),
            "raw_detection_boxes": tf.zeros([1, 7, 4]),
        }


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faster_rcnn")
    module = FasterRcnn()
    tf.saved_model.save(module, str(folder), signatures=module.__call__.get_concrete_function())
    return folder


def bright_square():
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[10:20, 30:50] = 200
    return picture


def test_a_saved_model_finds_boxes_in_pixels(saved_model):
    found = detection.load_detector(saved_model).detect(bright_square())
    np.testing.assert_allclose(found.boxes, [[10, 30, 20, 50], [0, 0, 20, 20]])
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.classes.tolist() == [1, 3] and found.scores.tolist() == [0.75, 0.5]  # num_detections of three


def test_a_saved_model_is_scored_from_file_to_result(saved_model):
    shifted = np.roll(bright_square(), 8, axis=1)  # 12 of 20 columns in common: 12 / 28 < 1 / 2
    cases = [("a", {"input": shifted, "ours": np.roll(shifted, -4, axis=1), "sharp": bright_square()})]
    result = detection.evaluate(detection.load_detector(saved_model), cases)
    assert result["detector"] == saved_model.name and re.fullmatch("[0-9a-f]{64}", result["sha256"])
    assert result["methods"]["input"]["f1"] == 0.5 and result["methods"]["ours"]["f1"] == 1


def test_the_hash_of_a_saved_model_covers_its_variables(saved_model, tmp_path):
    changed = FasterRcnn()
    changed.score.assign(0.5)
    tf.saved_model.save(changed, str(tmp_path), signatures=changed.__call__.get_concrete_function())
    assert detection.load_detector(tmp_path).sha256 != detection.load_detector(saved_model).sha256


SSD_INPUT = (1, 8, 16, 3)


def litert(outputs, dtype=tf.float32, shape=SSD_INPUT):
    """A LiteRT model: `outputs` is a function from the image's mean to its outputs."""

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype)])
    def model(images):
        return outputs(tf.reduce_mean(tf.cast(images, tf.float32)))

    return tf.lite.TFLiteConverter.from_concrete_functions([model.get_concrete_function()]).convert()


def ssd(mean):
    """Boxes, classes, scores and count, as TFLite_Detection_PostProcess orders them; the first score is the mean."""
    boxes = tf.constant([[[0.0, 0.0, 0.5, 0.5], [0.25, 0.5, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]])
    live = 0 * mean  # a constant output would not survive the conversion
    return boxes + live, tf.constant([[0.0, 2.0, 5.0]]) + live, tf.stack([[mean, 0.5, 0.1]]), tf.constant([2.0]) + live


def by_name(mean):
    names = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    return dict(zip(names, ssd(mean), strict=True))


@pytest.mark.parametrize(
    "outputs",
    [ssd, lambda mean: ssd(mean)[::-1], by_name],
    ids=["in the order of the operation", "reversed, as TensorFlow 2 exports", "named"],
)
def test_a_litert_model_finds_boxes_in_pixels_whatever_the_order_of_its_outputs(tmp_path, outputs):
    path = tmp_path / "ssd.tflite"
    path.write_bytes(litert(outputs))
    found = detection.load_detector(path).detect(np.full((40, 80, 3), 255, np.uint8))
    np.testing.assert_allclose(found.boxes, [[0, 0, 20, 40], [10, 40, 40, 80]])
    assert found.classes.tolist() == [0, 2] and found.scores.tolist() == [1, 0.5]


@pytest.mark.parametrize(("dtype", "expected"), [(tf.float32, 51 / 127.5 - 1), (tf.uint8, 51)])
def test_a_litert_model_is_given_bytes_or_values_from_minus_one_to_one(tmp_path, dtype, expected):
    path = tmp_path / "ssd.tflite"
    path.write_bytes(litert(ssd, dtype))
    found = detection.load_detector(path).detect(np.full((40, 80, 3), 51, np.uint8))
    assert found.scores[0] == pytest.approx(expected, rel=1e-5)


def test_names_of_classes_come_from_the_label_map_beside_the_model(tmp_path, saved_model):
    path = tmp_path / "ssd.tflite"
    path.write_bytes(litert(ssd))
    assert detection.load_detector(path).label(0) == "0"
    (tmp_path / "coco_labelmap.txt").write_text("???\nperson\n???\ncar\n", encoding="utf-8")
    detector = detection.load_detector(path)
    assert [detector.label(number) for number in range(4)] == ["person", "1", "car", "3"]
    (tmp_path / "coco_labelmap.txt").write_text("person\nbicycle\n", encoding="utf-8")  # without the background
    assert detection.load_detector(path).label(0) == "person"


def test_a_saved_model_counts_its_classes_from_one(tmp_path):
    module = FasterRcnn()
    tf.saved_model.save(module, str(tmp_path), signatures=module.__call__.get_concrete_function())
    (tmp_path / "labelmap.txt").write_text("???\nperson\nbicycle\ncar\n", encoding="utf-8")
    detector = detection.load_detector(tmp_path)
    assert [detector.label(number) for number in detector.detect(bright_square()).classes] == ["person", "car"]


def error_of(path):
    with pytest.raises(InputError) as caught:
        detection.load_detector(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "; " in message and "\n" not in message
    return message


def test_what_is_no_detector_is_told_in_one_line(tmp_path):
    assert "no such file or folder" in error_of(tmp_path / "missing.tflite")
    assert "no saved_model.pb" in error_of(tmp_path)
    text = tmp_path / "text.tflite"
    text.write_text("not a model", encoding="utf-8")
    assert "cannot be read" in error_of(text)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"not a model")
    assert "cannot be read" in error_of(tmp_path / "damaged")


@pytest.mark.parametrize(
    ("outputs", "shape"),
    [
        (lambda mean: mean[tf.newaxis], SSD_INPUT),
        (lambda mean: ssd(mean)[:3], SSD_INPUT),
        (lambda mean: (*ssd(mean)[:3], mean), SSD_INPUT),
        (ssd, (1, 8, 16, 1)),
        (ssd, (8, 16)),
    ],
    ids=["a classifier", "no count", "a count without a shape", "grey images", "no images"],
)
def test_a_litert_model_of_another_kind_is_no_detector(tmp_path, outputs, shape):
    path = tmp_path / "other.tflite"
    path.write_bytes(litert(outputs, shape=shape))
    assert "no detector" in error_of(path)


@pytest.mark.parametrize(
    ("dtype", "shape", "outputs", "missing"),
    [
        (tf.float32, [1, None, None, 3], ["detection_boxes"], "uint8"),
        (tf.uint8, [1, 300, 300, 3], ["detection_boxes"], "any size"),
        (tf.uint8, [1, None, None, 3], ["detection_boxes", "detection_classes"], "lacks the output detection_scores"),
    ],
)
def test_a_saved_model_of_another_kind_is_no_detector(tmp_path, dtype, shape, outputs, missing):
    module = tf.Module()
    module.f = tf.function(
        lambda images: {name: tf.reduce_sum(tf.cast(images, tf.float32)) for name in outputs},
        input_signature=[tf.TensorSpec(shape, dtype)],
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.f.get_concrete_function())
    message = error_of(tmp_path)
    assert "no detector" in message and missing in message


def test_a_saved_model_without_signature_is_no_detector(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    assert "no detector" in error_of(tmp_path)


def test_two_label_maps_and_an_unreadable_one_are_errors(tmp_path):
    path = tmp_path / "ssd.tflite"
    path.write_bytes(litert(ssd))
    (tmp_path / "a_labelmap.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="a_labelmap.txt: cannot be read as text"):
        detection.load_detector(path)
    (tmp_path / "b_labelmap.txt").write_text("person\n", encoding="utf-8")
    with pytest.raises(InputError, match="b_labelmap.txt: a second label map beside a_labelmap.txt"):
        detection.load_detector(path)


@pytest.mark.skipif("GANDEBLUR_DETECTOR" not in os.environ, reason="GANDEBLUR_DETECTOR names no detector of COCO")
def test_a_real_detector_finds_the_astronaut_and_is_less_sure_when_the_image_is_blurred():
    detector = detection.load_detector(Path(os.environ["GANDEBLUR_DETECTOR"]))
    sharp = pictures.astronaut()
    blurred = np.asarray(Image.fromarray(sharp).resize((40, 40)).resize((512, 512)))
    result = detection.evaluate(detector, [("astronaut", {"input": blurred, "sharp": sharp})])
    person = next(
        entry for entry in result["images"][0]["methods"]["sharp"]["detections"] if entry["label"] == "person"
    )
    top, left, bottom, right = person["box"]
    assert top < 100 < 400 < bottom and left < 150 < 300 < right  # head to chest
    assert result["methods"]["input"]["object_score"] < result["methods"]["sharp"]["object_score"]
