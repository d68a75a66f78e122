"""How well an object detector works on restored images (SharinGAN, section 4).

What the detector finds on the sharp image is the reference: the truth here is the detector's own opinion, not labels.
Its detections on the blurred and on the restored image are compared with the reference by precision, recall and F1
(class for class, boxes that overlap by half) and by the scores that the detector gives (its "objectness").
"""

import hashlib
import itertools
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from gandeblur.errors import InputError

try:
    from ai_edge_litert.interpreter import Interpreter
except ModuleNotFoundError:  # the same interpreter, in TensorFlow up to 2.21
    Interpreter = tf.lite.Interpreter

_BACKGROUND = ("???", "background")  # what label maps call the class before the first
_OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
_CORRECT, _FALSE = "#2f7de1", "#e8730c"  # blue and orange differ for colour-blind readers too


class Detections(NamedTuple):
    """What a detector found on one image, in the detector's order.

    Attributes:
        boxes: float32 `[n, 4]`, (top, left, bottom, right) in pixels.
        classes: int `[n]`, numbered as the detector does.
        scores: float32 `[n]` in [0, 1].
    """

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Detector:
    """An object detector and what its results are told by.

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
    """Reads an object detector: a SavedModel (Faster R-CNN of TensorFlow's model zoo) or a LiteRT model (SSD).

    A SavedModel is called by its signature "serving_default": one uint8 image `[1, H, W, 3]` of any size; outputs
    `detection_boxes` (normalised), `detection_classes`, `detection_scores`, `num_detections`, as exported by the
    Object Detection API. A LiteRT model has the four outputs of TFLite_Detection_PostProcess; the image is resized
    (bilinear) to its input, uint8 or float32 in [-1, 1].

    Names of classes are the lines of the one `*labelmap.txt` that lies beside the `.tflite` file, or beside
    `saved_model.pb`.

    Args:
        path: folder of a SavedModel, or LiteRT file.

    Raises:
        InputError: there is no such file, it cannot be read, or it is no detector of these two forms.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name a detector's SavedModel folder or .tflite file")
    if path.is_dir():
        folder, first_class, detect = path, 1, _saved_model(path)  # the API counts the background as class 0
    else:
        folder, first_class, detect = path.parent, 0, _litert_model(path)
    return Detector(path.resolve().name, _sha256(path), _labels(folder, first_class), detect)


def match(found: Detections, reference: Detections, iou: float = 0.5) -> list[tuple[int, int]]:
    """Assigns detections to reference objects one to one, the highest score first.

    Each detection takes the object of its own class that it overlaps most among those not yet taken, if intersection
    over union is at least `iou` (the assignment of COCO's evaluation). A detection without an object is a false
    positive, an object without a detection a false negative. A weaker detection never takes an object from a
    stronger one: leaving out all below some score leaves the other pairs as they are.

    Returns:
        (index in `found`, index in `reference`) of each true positive.
    """
    overlap = np.where(found.classes[:, np.newaxis] == reference.classes, _ious(found.boxes, reference.boxes), 0.0)
    pairs = []
    for index in np.argsort(-found.scores, kind="stable"):
        best = int(overlap[index].argmax()) if len(reference.scores) else None
        if best is not None and overlap[index, best] >= iou:
            pairs.append((int(index), best))
            overlap[:, best] = 0
    return pairs


def evaluate(
    detector: Detector, cases: Iterable[tuple[str, Mapping[str, np.ndarray]]], threshold: float = 0.5, iou: float = 0.5
) -> dict:
    """Compares what the detector finds on every method's images with what it finds on the sharp ones.

    A detection counts if its score is at least `threshold`, on the sharp images (then it is a reference object) and
    on the others. Totals and classes pool the detections of all images, so that an image weighs as much as it holds.
    The scores, each None where its divisor is 0:

        precision     correct / found
        recall        correct / objects
        f1            2 correct / (found + objects)
        mean_score    mean score of the detections found
        object_score  mean over the reference objects of the score of the detection that matches it, below the
                      threshold too; 0 for an object that nothing matches

    Args:
        detector: the judge.
        cases: (image name, {method: uint8 `[H, W, 3]`}) of each image, "sharp" among the methods, all of one size.
        threshold: least score of a detection that counts.
        iou: least intersection over union of a match.

    Returns:
        `{"detector": name, "sha256": hash, "threshold": float, "iou": float, "methods": {method: scores},
        "classes": {label: {method: scores}}, "images": [{"name": str, "methods": {method: {"scores": scores,
        "detections": [{"box": [top, left, bottom, right], "label": str, "score": float, "correct": bool}]}}}]}`,
        where `scores` is `{"objects": int, "found": int, "correct": int, "precision": float or None, ...}`; classes
        with the most reference objects first. It can be written as JSON.

    Raises:
        InputError: there is no image.
    """
    images = []
    for name, pictures in cases:
        detections = {method: detector.detect(picture) for method, picture in pictures.items()}
        sharp = detections["sharp"]
        reference = Detections(*(values[sharp.scores >= threshold] for values in sharp))
        compared = {
            method: _compare(detector, found, reference, threshold, iou) for method, found in detections.items()
        }
        images.append((name, compared))
    if not images:
        raise InputError("the test set holds no image; name a folder with images")

    def total(method: str, labels: Collection[str]) -> dict:
        pooled = {
            part: [entry for _, compared in images for entry in compared[method][part] if entry["label"] in labels]
            for part in ("found", "objects")
        }
        return _scores(**pooled)

    methods = list(images[0][1])
    labels = {entry["label"] for _, compared in images for parts in compared.values() for entry in parts["found"]}
    classes = {label: {method: total(method, {label}) for method in methods} for label in sorted(labels)}
    return {
        "detector": detector.name,
        "sha256": detector.sha256,
        "threshold": threshold,
        "iou": iou,
        "methods": {method: total(method, labels) for method in methods},
        "classes": dict(sorted(classes.items(), key=lambda item: -item[1]["sharp"]["objects"])),
        "images": [
            {
                "name": name,
                "methods": {
                    method: {"scores": _scores(**parts), "detections": parts["found"]}
                    for method, parts in compared.items()
                },
            }
            for name, compared in images
        ],
    }


def draw(image: np.ndarray, detections: list[dict]) -> np.ndarray:
    """Draws boxes with label and score: solid blue where correct, dashed orange where not.

    Lines and letters grow with the image's width, so that pictures shown side by side look alike.

    Args:
        image: uint8 `[H, W, 3]`.
        detections: "detections" of one image and method from `evaluate`.

    Returns:
        uint8 `[H, W, 3]`.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, picture.width / 36))
    line_px = max(1, round(picture.width / 200))
    for entry in sorted(detections, key=lambda entry: entry["score"]):  # the surest on top
        colour = _CORRECT if entry["correct"] else _FALSE
        top, left, bottom, right = entry["box"]
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for start, end in itertools.pairwise(corners):
            _draw_line(pen, start, end, colour, line_px, dashed=not entry["correct"])
        text = f"{entry['label']} {entry['score']:.2f}"
        x0, y0, x1, y1 = pen.textbbox((0, 0), text, font)
        x = max(0, min(left, picture.width - x1))
        y = top - y1 if top >= y1 else max(0, top)  # inside the box where there is no room above it
        pen.rectangle((x + x0, y + y0, x + x1, y + y1), fill=colour)
        pen.text((x, y), text, "white", font)
    return np.asarray(picture)


# Detectors


def _saved_model(path: Path) -> Callable[[np.ndarray], Detections]:
    if not (path / "saved_model.pb").exists():
        raise InputError(f"{path}: holds no saved_model.pb; name the folder that does")
    try:
        signature = tf.saved_model.load(str(path)).signatures.get("serving_default")
    except Exception as error:  # damaged files make TensorFlow raise almost anything
        raise _unreadable(path, error) from error
    inputs = signature.structured_input_signature[1] if signature else {}
    any_image = tf.TensorSpec([1, 481, 321, 3], tf.uint8)
    if len(inputs) != 1 or not all(spec.is_compatible_with(any_image) for spec in inputs.values()):
        raise InputError(
            f"{path}: no detector (its signature serving_default must take one uint8 image [1, height, width, 3] "
            "of any size); export it with the Object Detection API"
        )
    missing = [name for name in _OUTPUTS if name not in signature.structured_outputs]
    if missing:
        raise InputError(f"{path}: no detector (it lacks the output {missing[0]}); name an object detector's folder")
    (input_name,) = inputs

    def detect(image: np.ndarray) -> Detections:
        outputs = signature(**{input_name: tf.constant(image[np.newaxis])})
        return _in_pixels(*(outputs[name].numpy() for name in _OUTPUTS), image.shape)

    return detect


def _litert_model(path: Path) -> Callable[[np.ndarray], Detections]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's, that its interpreter moves to another package
            interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise _unreadable(path, error) from error
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
        return _in_pixels(*(interpreter.get_tensor(index) for index in outputs), image.shape)

    return detect


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


def _in_pixels(boxes, classes, scores, count, image_shape: tuple[int, ...]) -> Detections:
    """The first `count` detections of a batch of one; boxes from fractions of the image to pixels."""
    height, width, _ = image_shape
    n = round(float(np.squeeze(count)))
    scale = np.array([height, width, height, width], np.float32)
    return Detections(boxes[0, :n] * scale, np.rint(classes[0, :n]).astype(int), scores[0, :n])


def _unreadable(path: Path, error: Exception) -> InputError:
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


# Comparison


def _compare(detector: Detector, found: Detections, reference: Detections, threshold: float, iou: float) -> dict:
    """One image and method: the detections that count, and the score at which each reference object was found."""
    pairs = match(found, reference, iou)
    matched = {index for index, _ in pairs}
    score_of = {best: float(found.scores[index]) for index, best in pairs}
    return {
        "found": [
            {
                "box": [round(float(edge), 1) for edge in box],
                "label": detector.label(int(number)),
                "score": float(score),
                "correct": index in matched,
            }
            for index, (box, number, score) in enumerate(zip(*found, strict=True))
            if score >= threshold
        ],
        "objects": [
            {"label": detector.label(int(number)), "score": score_of.get(index, 0.0)}
            for index, number in enumerate(reference.classes)
        ],
    }


def _scores(found: list[dict], objects: list[dict]) -> dict:
    """The numbers that `evaluate` defines."""
    correct = sum(entry["correct"] for entry in found)
    return {
        "objects": len(objects),
        "found": len(found),
        "correct": correct,
        "precision": _ratio(correct, len(found)),
        "recall": _ratio(correct, len(objects)),
        "f1": _ratio(2 * correct, len(found) + len(objects)),
        "mean_score": _ratio(sum(entry["score"] for entry in found), len(found)),
        "object_score": _ratio(sum(entry["score"] for entry in objects), len(objects)),
    }


def _ratio(value: float, divisor: int) -> float | None:
    return value / divisor if divisor else None


def _ious(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each box with each of the others: float64 `[n, m]`; 0 for boxes without area."""
    a, b = boxes[:, np.newaxis].astype(np.float64), others.astype(np.float64)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    intersection = np.maximum(sides, 0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def _draw_line(pen: ImageDraw.ImageDraw, start, end, colour: str, line_px: int, dashed: bool) -> None:
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    dashes = max(1, round(length / (8 * line_px))) if dashed else 1
    for dash in range(dashes):
        # The first 5 eighths of each stretch are drawn, all of it where the line is solid.
        a, b = dash / dashes, (dash + (0.625 if dashed else 1)) / dashes
        ends = [tuple(s + t * (e - s) for s, e in zip(start, end, strict=True)) for t in (a, b)]
        pen.line(ends, colour, line_px)
