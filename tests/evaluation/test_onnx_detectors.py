"""Detectors in ONNX files: each form is built here, of an image it is told to look at, and read from file to result."""

import numpy as np
import pytest
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.evaluation import detection
from gandeblur.evaluation.detectors import load_detector

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
FLOAT, INT, UINT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.UINT8
SIDE = 64  # strides 8, 16, 32: 64 + 16 + 4 cells
CELLS = 84


def saved(path, image, outputs, metadata=None):
    """A model of an image whose outputs are these arrays, each scaled by the image's mean if it says so.

    Args:
        path: to write.
        image: (type, shape) of the input.
        outputs: name -> (array, whether the mean of the image in [0, 1] is added to its last column).
        metadata: key -> value.
    """
    nodes, constants, infos = [], [], []
    node = onnx.helper.make_node
    nodes.append(node("Cast", ["image"], ["values"], to=FLOAT))
    nodes.append(node("ReduceMean", ["values"], ["mean"], keepdims=0))
    for name, array in outputs.items():
        kind = INT if array.dtype.kind == "i" else FLOAT
        constants.append(onnx.numpy_helper.from_array(array, f"{name}_values"))
        nodes.append(node("Mul", ["mean", "zero"], [f"{name}_nothing"]))
        nodes.append(node("Cast", [f"{name}_nothing"], [f"{name}_zero"], to=kind))
        nodes.append(node("Add", [f"{name}_values", f"{name}_zero"], [name]))
        infos.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
    constants.append(onnx.numpy_helper.from_array(np.float32(0), "zero"))
    graph = onnx.helper.make_graph(
        nodes, "detector", [onnx.helper.make_tensor_value_info("image", *image)], infos, constants
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    if metadata:
        onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


SQUARE = (FLOAT, [1, 3, SIDE, SIDE])
PICTURE = np.zeros((32, 128, 3), np.uint8)  # half the size in YOLO's square, the lower three quarters grey


def test_yolo_with_objectness(tmp_path):
    """Two boxes of one class that overlap, a third of another class in the same place, and one hardly sure."""
    rows = np.zeros((1, 3 * CELLS, 5 + 3), np.float32)
    rows[0, 5] = (20, 8, 16, 12, 0.8, 0.0, 0.5, 0.0)
    rows[0, 6] = (21, 8, 16, 12, 0.75, 0.0, 0.5, 0.0)  # the same object
    rows[0, 70] = (20, 8, 16, 12, 0.9, 1.0, 0.0, 0.0)
    rows[0, 251] = (50, 8, 4, 4, 0.02, 0.0, 0.0, 0.25)  # 0.005: too little
    path = saved(tmp_path / "v5.onnx", SQUARE, {"out": rows}, {"names": "{0: 'person', 1: 'bicycle', 2: 'car'}"})
    detector = load_detector(path)
    found = detector.detect(PICTURE)
    assert [detector.label(number) for number in found.classes] == ["person", "bicycle"]
    np.testing.assert_allclose(found.scores, [0.9, 0.4], rtol=1e-6)
    np.testing.assert_allclose(found.objectness, [0.9, 0.8], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, [[4, 24, 28, 56]] * 2, rtol=1e-6)  # twice what YOLO sees

    scores = detection.evaluate(detector, [("a", {"input": PICTURE, "sharp": PICTURE})], threshold=0.35)["methods"]
    assert scores["input"]["object_score"] == pytest.approx(0.65)
    assert scores["input"]["objectness"] == pytest.approx(0.85)


def test_yolo_without_objectness_and_boxes_that_leave_the_picture(tmp_path):
    columns = np.zeros((1, 4 + 2, CELLS), np.float32)
    columns[0, :, 3] = (62, 14, 10, 10, 0.1, 0.7)
    path = saved(tmp_path / "v8.onnx", SQUARE, {"out": columns})
    (tmp_path / "labelmap.txt").write_text("cat\ndog\n", encoding="utf-8")
    detector = load_detector(path)
    found = detector.detect(PICTURE)
    assert found.objectness is None and [detector.label(number) for number in found.classes] == ["dog"]
    np.testing.assert_allclose(found.boxes, [[18, 114, 32, 128]])
    scores = detection.evaluate(detector, [("a", {"input": PICTURE, "sharp": PICTURE})])["methods"]["input"]
    assert scores["f1"] == 1 and "objectness" not in scores


def test_yolo_that_thins_its_boxes_itself(tmp_path):
    rows = np.array([[[4, 2, 20, 14, 0.6, 1], [0, 0, 1, 1, 0.001, 0]]], np.float32)
    found = load_detector(saved(tmp_path / "v10.onnx", SQUARE, {"out": rows})).detect(PICTURE)
    np.testing.assert_allclose(found.boxes, [[4, 8, 28, 40]])
    assert found.classes.tolist() == [1] and found.scores.tolist() == pytest.approx([0.6])


@pytest.mark.parametrize("batch", [[], [1]], ids=["an image", "a batch of one"])
def test_faster_rcnn_of_torchvision(tmp_path, batch):
    outputs = {
        "boxes": np.array([[30, 10, 50, 20], [0, 0, 8, 8]], np.float32),
        "labels": np.array([1, 3]),
        "scores": np.array([0.9, 0.3], np.float32),
    }
    path = saved(tmp_path / "rcnn.onnx", (FLOAT, [*batch, 3, "height", "width"]), outputs)
    (tmp_path / "labelmap.txt").write_text("__background__\nperson\nbicycle\ncar\n", encoding="utf-8")
    detector = load_detector(path)
    found = detector.detect(PICTURE)
    np.testing.assert_allclose(found.boxes, [[10, 30, 20, 50], [0, 0, 8, 8]])  # top, left, bottom, right
    assert [detector.label(number) for number in found.classes] == ["person", "car"]
    assert found.scores.tolist() == pytest.approx([0.9, 0.3])


def test_the_object_detection_apis_as_tf2onnx_writes_it(tmp_path):
    outputs = {
        "detection_boxes": np.array([[[0.25, 0.5, 1.0, 1.0], [0, 0, 1, 1]]], np.float32),
        "detection_classes": np.array([[2.0, 1.0]], np.float32),
        "detection_scores": np.array([[0.5, 0.1]], np.float32),
        "num_detections": np.array([1.0], np.float32),
        "raw_detection_scores": np.zeros((1, 2, 3), np.float32),
    }
    path = saved(tmp_path / "api.onnx", (UINT8, [1, "height", "width", 3]), outputs)
    found = load_detector(path).detect(PICTURE)
    np.testing.assert_allclose(found.boxes, [[8, 64, 32, 128]])
    assert found.classes.tolist() == [2]


class Echo:
    """In onnxruntime's place: keeps what is fed."""

    def __init__(self, session):
        self.session, self.fed = session, []

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, names, feeds):
        self.fed.append(next(iter(feeds.values())))
        return self.session.run(names, feeds)


def test_yolo_sees_the_whole_picture_and_grey_beside_it(tmp_path, monkeypatch):
    import onnxruntime

    sessions = []
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *a, **k: sessions.append(Echo(real(*a, **k))) or sessions[-1]
    )
    path = saved(tmp_path / "v8.onnx", SQUARE, {"out": np.zeros((1, 6, CELLS), np.float32)})
    picture = np.random.default_rng(0).integers(0, 256, (32, 128, 3), np.uint8)
    assert len(load_detector(path).detect(picture).scores) == 0
    fed = sessions[0].fed[-1]
    assert fed.shape == (1, 3, SIDE, SIDE) and fed.dtype == np.float32
    small = np.asarray(Image.fromarray(picture).resize((64, 16), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(fed[0, :, :16], small.transpose(2, 0, 1) / 255, atol=1e-6)
    np.testing.assert_allclose(fed[0, :, 16:], 114 / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "outputs", "line"),
    [
        (SQUARE, {"out": np.zeros((1, 10), np.float32)}, "its outputs must be YOLO's one output"),
        (SQUARE, {"out": np.zeros((1, 90, 8), np.float32)}, "its output [1, 90, 8] is none of YOLO's"),
        (
            (UINT8, [1, 3, 64, 64]),
            {"out": np.zeros((1, 6, CELLS), np.float32)},
            "must be float32 [1, 3, height, width]",
        ),
        (
            (FLOAT, [1, 3, 64, 64]),
            {"b": np.zeros((1, 4), np.float32), "l": np.zeros(1, int), "s": np.zeros(1, np.float32)},
            "of any size",
        ),
    ],
)
def test_what_is_no_detector_is_told_in_one_line(tmp_path, image, outputs, line):
    path = saved(tmp_path / "other.onnx", image, outputs)
    with pytest.raises(InputError) as caught:
        load_detector(path)
    assert str(caught.value).startswith(f"{path}: no detector (") and line in str(caught.value)


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match="damaged.onnx: cannot be read as a detector") as caught:
        load_detector(path)
    assert "\n" not in str(caught.value)
