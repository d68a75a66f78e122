"""Object detectors read from files: what they find on one image."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gandeblur.errors import InputError

# TensorFlow is imported by the functions that load a model: reports draw detections without it.

_BACKGROUND = ("???", "background", "__background__")  # what label maps call the class before the first
OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")


class Detections(NamedTuple):
    """What a detector found on one image, in the detector's order.

    Attributes:
        boxes: float32 `[n, 4]`, (top, left, bottom, right) in pixels.
        classes: int `[n]`, numbered as the detector does.
        scores: float32 `[n]` in [0, 1].
        objectness: float32 `[n]` in [0, 1], how sure it is that there is an object of any class; None where the
            detector does not tell.
    """

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    objectness: np.ndarray | None = None

    def chosen(self, which: np.ndarray) -> "Detections":
        """Those of a mask or of indices."""
        objectness = None if self.objectness is None else self.objectness[which]
        return Detections(self.boxes[which], self.classes[which], self.scores[which], objectness)


@dataclass(frozen=True)
class Detector:
    """An object detector and the names that go with its results.

    Attributes:
        name: travels with every number.
        sha256: of the model's files.
        labels: class number -> name; a class without a name goes by its number.
        detect: function from uint8 `[H, W, 3]`, RGB, to `Detections`.
    """

    name: str
    sha256: str
    labels: Mapping[int, str]
    detect: Callable[[np.ndarray], Detections]

    def label(self, number: int) -> str:
        return self.labels.get(number, str(number))


def load_detector(path: str | Path) -> Detector:
    """Reads an object detector: a SavedModel (Faster R-CNN), a LiteRT model (SSD), or an ONNX model (those, and YOLO).

    A SavedModel is called by its signature "serving_default": one uint8 image `[1, H, W, 3]` of any size; outputs
    `detection_boxes` (normalised), `detection_classes`, `detection_scores`, `num_detections`, as exported by the
    Object Detection API. A LiteRT model has the four outputs of TFLite_Detection_PostProcess; the image is resized
    (bilinear) to its input, uint8 or float32 in [-1, 1]. An ONNX model: see `onnx_detectors.load`.

    Names of classes are the lines of the one `*labelmap.txt` that lies beside the file, or beside `saved_model.pb`;
    without one, an ONNX model's own names.

    Args:
        path: folder of a SavedModel, LiteRT file or ONNX file.

    Raises:
        InputError: there is no such file, it cannot be read, or it is no detector of these forms.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name a detector's SavedModel folder, .tflite or .onnx file")
    known: dict[int, str] = {}
    if path.is_dir():
        first_class, detect = 1, _saved_model(path)  # the API counts the background as class 0
    elif path.suffix == ".onnx":
        from gandeblur.evaluation import onnx_detectors  # here: it needs this module

        first_class, known, detect = onnx_detectors.load(path)
    else:
        first_class, detect = 0, _litert_model(path)
    labels = _labels(path if path.is_dir() else path.parent, first_class)
    return Detector(path.resolve().name, _sha256(path), labels or known, detect)


def _saved_model(path: Path) -> Callable[[np.ndarray], Detections]:
    import tensorflow as tf

    if not (path / "saved_model.pb").exists():
        raise InputError(f"{path}: holds no saved_model.pb; name the folder that does")
    try:
        signature = tf.saved_model.load(str(path)).signatures.get("serving_default")
    except Exception as error:  # damaged files make TensorFlow raise almost anything
        raise unreadable(path, error) from error
    inputs = signature.structured_input_signature[1] if signature else {}
    any_image = tf.TensorSpec([1, 481, 321, 3], tf.uint8)
    if len(inputs) != 1 or not all(spec.is_compatible_with(any_image) for spec in inputs.values()):
        raise InputError(
            f"{path}: no detector (its signature serving_default must take one uint8 image [1, height, width, 3] "
            "of any size); export it with the Object Detection API"
        )
    missing = [name for name in OUTPUTS if name not in signature.structured_outputs]
    if missing:
        raise InputError(f"{path}: no detector (it lacks the output {missing[0]}); name an object detector's folder")
    (input_name,) = inputs

    def detect(image: np.ndarray) -> Detections:
        outputs = signature(**{input_name: tf.constant(image[np.newaxis])})
        return in_pixels([outputs[name].numpy() for name in OUTPUTS], image.shape)

    return detect


def _litert_model(path: Path) -> Callable[[np.ndarray], Detections]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's, that its interpreter moves to another package
            interpreter = _interpreter(path)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise unreadable(path, error) from error
    inputs = interpreter.get_input_details()
    batch, height, width, channels = inputs[0]["shape"] if len(inputs[0]["shape"]) == 4 else (0, 0, 0, 0)
    dtype = inputs[0]["dtype"]
    if len(inputs) != 1 or (batch, channels) != (1, 3) or dtype not in (np.uint8, np.float32):
        raise InputError(
            f"{path}: no detector (its input must be one image, uint8 or float32 [1, height, width, 3]); "
            "name an object detector's file"
        )
    outputs = _post_processed(interpreter.get_output_details())
    if outputs is None:
        raise InputError(
            f"{path}: no detector (its outputs must be boxes, classes, scores and their count); "
            "export it with TFLite_Detection_PostProcess"
        )

    def detect(image: np.ndarray) -> Detections:
        resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        if dtype == np.float32:
            resized = resized.astype(np.float32) / 127.5 - 1
        interpreter.set_tensor(inputs[0]["index"], resized[np.newaxis])
        interpreter.invoke()
        return in_pixels([interpreter.get_tensor(index) for index in outputs], image.shape)

    return detect


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert import interpreter
    except ModuleNotFoundError:  # the same interpreter, in TensorFlow up to 2.21
        from tensorflow import lite as interpreter
    return interpreter.Interpreter(str(path))


def _post_processed(details: list[dict]) -> list[int] | None:
    """Indices of boxes, classes, scores and count; None if the outputs are no detector's.

    Exporters number the four in this order or in the reverse, and the interpreter lists them in any order. So the
    names tell the order, and the shapes of the outermost the direction.
    """
    details = sorted(details, key=lambda output: output["name"])
    if len(details) == 4 and len(details[-1]["shape"]) == 3:
        details.reverse()
    shapes = [tuple(int(size) for size in output["shape"]) for output in details]
    if len(shapes) != 4 or len(shapes[0]) != 3:
        return None
    n = shapes[0][1]
    return [output["index"] for output in details] if shapes == [(1, n, 4), (1, n), (1, n), (1,)] else None


def in_pixels(outputs: list[np.ndarray], image_shape: tuple[int, ...]) -> Detections:
    """The detections of a batch of one that its count says; boxes from fractions of the image to pixels."""
    boxes, classes, scores, count = outputs
    height, width, _ = image_shape
    n = round(float(np.squeeze(count)))
    scale = np.array([height, width, height, width], np.float32)
    return Detections(boxes[0, :n] * scale, np.rint(classes[0, :n]).astype(int), scores[0, :n])


def unreadable(path: Path, error: Exception) -> InputError:
    """What is told of a file that a library cannot open."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return InputError(f"{path}: cannot be read as a detector ({reason}); replace it or name another")


def _labels(folder: Path, first_class: int) -> dict[int, str]:
    files = sorted(folder.glob("*labelmap.txt"))
    if not files:
        return {}
    if len(files) > 1:
        raise InputError(f"{files[1]}: a second label map beside {files[0].name}; keep the detector's own only")
    try:
        names = [line.strip() for line in files[0].read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{files[0]}: cannot be read as text ({error}); replace or remove the file") from error
    if names and names[0] in _BACKGROUND:
        del names[0]
    return {number: name for number, name in enumerate(names, first_class) if name and name not in _BACKGROUND}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
