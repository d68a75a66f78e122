"""Object detectors in ONNX files, by onnxruntime: YOLO, Faster R-CNN of torchvision, and the Object Detection API's."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.evaluation.detectors import OUTPUTS, Detections, in_pixels, unreadable

Detect = Callable[[np.ndarray], Detections]

_SIDE_PX = 640  # of YOLO's input, where the file leaves it open
_STRIDES = ((8, 16, 32), (8, 16, 32, 64))  # of YOLO's maps; the second: models for large images
_GREY = 114  # beside a picture that does not fill YOLO's square, as in its own code
_LEAST_SCORE, _MOST, _OVERLAP = 0.01, 100, 0.45  # of what YOLO's boxes are thinned to
_FORMS = "YOLO's one output, Faster R-CNN's boxes, labels and scores, or the Object Detection API's four"


def load(path: Path) -> tuple[int, dict[int, str], Detect]:
    """Reads a detector. What it is, its outputs tell.

    outputs                                            detector
    `detection_boxes` and so on, of a uint8 image      the Object Detection API's, by tf2onnx
    boxes `[n, 4]`, labels `[n]`, scores `[n]`         torchvision's (Faster R-CNN): RGB in [0, 1], corners in pixels
    one of `[1, 3 cells, 5 + classes]`                 YOLO v3, v5, v7: centre, size, objectness, classes
    one of `[1, 4 + classes, cells]`                   YOLO v8, v9, v11: centre, size, classes
    one of `[1, n, 6]`                                 YOLO v10, or with the thinning inside: corners, score, class

    Cells are those of the maps of strides 8, 16, 32 (and 64). YOLO gets the picture shrunk or enlarged to fit its
    square, the rest grey. Its score is objectness times the class's, or the class's alone. Of boxes of one class that
    overlap by more than 0.45 the surest stays; of those with a score of 0.01 or more, 100.

    Returns:
        The number of the first class in a label map, the classes' names that the file holds, and the detector.

    Raises:
        InputError: onnxruntime is not installed, the file cannot be read, or it is no such detector.
    """
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"{path}: is read by onnxruntime; pip install 'gandeblur[export]'") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what is wrong is told here
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each kind of damage
        raise unreadable(path, error) from error
    outputs = {output.name: len(output.shape) for output in session.get_outputs()}
    if len(session.get_inputs()) == 1:
        if set(OUTPUTS) <= outputs.keys():
            return 1, {}, _of_the_api(path, session)
        if sorted(outputs.values()) == [1, 1, 2]:
            return 1, {}, _faster_rcnn(path, session)
        if list(outputs.values()) == [3]:
            return 0, _names(session), _yolo(path, session)
    raise InputError(f"{path}: no detector (its outputs must be {_FORMS}); export an object detector")


def _of_the_api(path: Path, session: Any) -> Detect:
    (image_input,) = session.get_inputs()
    if image_input.type != "tensor(uint8)":
        raise InputError(f"{path}: no detector (its input must be one uint8 image [1, height, width, 3]); export it so")

    def detect(image: np.ndarray) -> Detections:
        return in_pixels(session.run(list(OUTPUTS), {image_input.name: image[np.newaxis]}), image.shape)

    return detect


def _faster_rcnn(path: Path, session: Any) -> Detect:
    (image_input,) = session.get_inputs()
    channels = image_input.shape[-3] if len(image_input.shape) in (3, 4) else None
    sides = image_input.shape[-2:]
    if channels not in (3, "channels") or any(isinstance(side, int) for side in sides):
        raise InputError(
            f"{path}: no detector (its input must be one image [3, height, width] of any size); "
            "export it with both sides dynamic"
        )
    kinds = {output.name: (len(output.shape), output.type) for output in session.get_outputs()}
    boxes = next(name for name, (rank, _) in kinds.items() if rank == 2)
    labels = next((name for name, (rank, kind) in kinds.items() if rank == 1 and "int" in kind), None)
    scores = next((name for name, (rank, kind) in kinds.items() if rank == 1 and "float" in kind), None)
    if labels is None or scores is None:
        raise InputError(f"{path}: no detector (its outputs must be boxes, whole labels and scores); export it anew")

    def detect(image: np.ndarray) -> Detections:
        pixels = np.transpose(image.astype(np.float32) / 255, (2, 0, 1))
        fed = pixels if len(image_input.shape) == 3 else pixels[np.newaxis]
        found, numbers, sure = session.run([boxes, labels, scores], {image_input.name: fed})
        return Detections(found[:, [1, 0, 3, 2]], numbers.astype(int), sure)

    return detect


def _yolo(path: Path, session: Any) -> Detect:
    (image_input,) = session.get_inputs()
    if len(image_input.shape) != 4 or image_input.shape[1] != 3 or image_input.type != "tensor(float)":
        raise InputError(f"{path}: no detector (its input must be float32 [1, 3, height, width]); export it so")
    height, width = (side if isinstance(side, int) else _SIDE_PX for side in image_input.shape[2:])

    def raw(image: np.ndarray) -> tuple[np.ndarray, float]:
        """The output, and how much smaller than the image what was fed is."""
        scale = min(height / image.shape[0], width / image.shape[1])
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        fed = np.full((height, width, 3), _GREY, np.uint8)
        fed[: size[1], : size[0]] = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        values = np.transpose(fed.astype(np.float32) / 255, (2, 0, 1))[np.newaxis]
        return session.run(None, {image_input.name: values})[0][0], scale

    shape = raw(np.zeros((height, width, 3), np.uint8))[0].shape  # what is wrong shows now
    cells = [sum((height // stride) * (width // stride) for stride in strides) for strides in _STRIDES]
    with_objectness = shape[0] in [3 * count for count in cells] and shape[1] > 5
    columns_are_boxes = shape[1] in cells and shape[0] > 4
    if not (with_objectness or columns_are_boxes or shape[1] == 6):
        raise InputError(f"{path}: no detector (its output {[1, *shape]} is none of YOLO's); export it anew")

    def detect(image: np.ndarray) -> Detections:
        output, scale = raw(image)
        if with_objectness:
            found = _thinned(_corners(output[:, :4]), output[:, 4:5] * output[:, 5:], output[:, 4])
        elif columns_are_boxes:
            found = _thinned(_corners(output[:4].T), output[4:].T)
        else:
            there = output[:, 4] >= _LEAST_SCORE
            boxes, scores, classes = output[there, :4], output[there, 4], np.rint(output[there, 5]).astype(int)
            found = Detections(boxes[:, [1, 0, 3, 2]], classes, scores)
        most = np.array([*image.shape[:2], *image.shape[:2]], np.float32)
        return found._replace(boxes=np.clip(found.boxes / np.float32(scale), 0, most))

    return detect


def _corners(boxes: np.ndarray) -> np.ndarray:
    """(x, y, width, height) around the centre -> (top, left, bottom, right)."""
    centre, half = boxes[:, 1::-1], boxes[:, :1:-1] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _thinned(boxes: np.ndarray, scores: np.ndarray, objectness: np.ndarray | None = None) -> Detections:
    """The surest of the boxes of one class that overlap; each box is of the class that it is surest of."""
    import tensorflow as tf  # here: reports need none

    classes, best = scores.argmax(axis=1), scores.max(axis=1)
    apart = boxes + 2 * np.abs(boxes).max(initial=1.0) * classes[:, np.newaxis]  # other classes' boxes never overlap
    kept = tf.image.non_max_suppression(apart, best, _MOST, _OVERLAP, _LEAST_SCORE).numpy()
    return Detections(boxes, classes, best, objectness).chosen(kept)


def _names(session: Any) -> dict[int, str]:
    """Class number -> name, as YOLO's exporter keeps them: a Python literal."""
    try:
        names = ast.literal_eval(session.get_modelmeta().custom_metadata_map.get("names", "{}"))
    except (ValueError, SyntaxError):
        return {}
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    return {number: str(name) for number, name in pairs if isinstance(number, int)}
