"""Both forms of detectors, from file to result, and what is refused."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data as pictures

from gandeblur.errors import InputError
from gandeblur.evaluation import detection
from gandeblur.evaluation.detectors import load_detector


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
    found = load_detector(saved_model).detect(bright_square())
    np.testing.assert_allclose(found.boxes, [[10, 30, 20, 50], [0, 0, 20, 20]])
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.classes.tolist() == [1, 3] and found.scores.tolist() == [0.75, 0.5]  # num_detections of three


def test_a_saved_model_is_scored_from_file_to_result(saved_model):
    shifted = np.roll(bright_square(), 8, axis=1)  # 12 of 20 columns in common: 12 / 28 < 1 / 2
    cases = [("a", {"input": shifted, "ours": np.roll(shifted, -4, axis=1), "sharp": bright_square()})]
    result = detection.evaluate(load_detector(saved_model), cases)
    assert result["detector"] == saved_model.name and re.fullmatch("[0-9a-f]{64}", result["sha256"])
    assert result["methods"]["input"]["f1"] == 0.5 and result["methods"]["ours"]["f1"] == 1


def test_the_hash_of_a_saved_model_covers_its_variables(saved_model, tmp_path):
    changed = FasterRcnn()
    changed.score.assign(0.5)
    tf.saved_model.save(changed, str(tmp_path), signatures=changed.__call__.get_concrete_function())
    assert load_detector(tmp_path).sha256 != load_detector(saved_model).sha256


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
    found = load_detector(path).detect(np.full((40, 80, 3), 255, np.uint8))
    np.testing.assert_allclose(found.boxes, [[0, 0, 20, 40], [10, 40, 40, 80]])
    assert found.classes.tolist() == [0, 2] and found.scores.tolist() == [1, 0.5]


@pytest.mark.parametrize(("dtype", "expected"), [(tf.float32, 51 / 127.5 - 1), (tf.uint8, 51)])
def test_a_litert_model_is_given_bytes_or_values_from_minus_one_to_one(tmp_path, dtype, expected):
    path = tmp_path / "ssd.tflite"
    path.write_bytes(litert(ssd, dtype))
    found = load_detector(path).detect(np.full((40, 80, 3), 51, np.uint8))
    assert found.scores[0] == pytest.approx(expected, rel=1e-5)


def test_names_of_classes_come_from_the_label_map_beside_the_model(tmp_path, saved_model):
    path = tmp_path / "ssd.tflite"
    path.write_bytes(litert(ssd))
    assert load_detector(path).label(0) == "0"
    (tmp_path / "coco_labelmap.txt").write_text("???\nperson\n???\ncar\n", encoding="utf-8")
    detector = load_detector(path)
    assert [detector.label(number) for number in range(4)] == ["person", "1", "car", "3"]
    (tmp_path / "coco_labelmap.txt").write_text("person\nbicycle\n", encoding="utf-8")  # without the background
    assert load_detector(path).label(0) == "person"


def test_a_saved_model_counts_its_classes_from_one(tmp_path):
    module = FasterRcnn()
    tf.saved_model.save(module, str(tmp_path), signatures=module.__call__.get_concrete_function())
    (tmp_path / "labelmap.txt").write_text("???\nperson\nbicycle\ncar\n", encoding="utf-8")
    detector = load_detector(tmp_path)
    assert [detector.label(number) for number in detector.detect(bright_square()).classes] == ["person", "car"]


def error_of(path):
    with pytest.raises(InputError) as caught:
        load_detector(path)
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
        load_detector(path)
    (tmp_path / "b_labelmap.txt").write_text("person\n", encoding="utf-8")
    with pytest.raises(InputError, match="b_labelmap.txt: a second label map beside a_labelmap.txt"):
        load_detector(path)


@pytest.mark.skipif("GANDEBLUR_DETECTOR" not in os.environ, reason="GANDEBLUR_DETECTOR names no detector of COCO")
def test_a_real_detector_finds_the_astronaut_and_is_less_sure_when_the_image_is_blurred():
    detector = load_detector(Path(os.environ["GANDEBLUR_DETECTOR"]))
    sharp = pictures.astronaut()
    blurred = np.asarray(Image.fromarray(sharp).resize((40, 40)).resize((512, 512)))
    result = detection.evaluate(detector, [("astronaut", {"input": blurred, "sharp": sharp})])
    person = next(
        entry for entry in result["images"][0]["methods"]["sharp"]["detections"] if entry["label"] == "person"
    )
    top, left, bottom, right = person["box"]
    assert top < 100 < 400 < bottom and left < 150 < 300 < right  # head to chest
    assert result["methods"]["input"]["object_score"] < result["methods"]["sharp"]["object_score"]
