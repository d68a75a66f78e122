"""How well an object detector works on restored images (SharinGAN, section 4).

The detections on the sharp image are the reference: the truth here is the detector's own opinion, not labels.
The detections on the blurred and on the restored image are compared with the reference by precision, recall and F1
(class for class, boxes that overlap by half) and by the scores that the detector gives (its "objectness").
"""

import itertools
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gandeblur.errors import InputError
from gandeblur.evaluation.detectors import Detections, Detector

_CORRECT, _FALSE = "#2f7de1", "#e8730c"  # blue and orange differ for colour-blind readers too


def match(found: Detections, reference: Detections, iou: float = 0.5) -> list[tuple[int, int]]:
    """Assigns detections to reference objects one to one, the highest score first.

    Each detection takes the object of its own class that it overlaps most among those not yet taken, if intersection
    over union is at least `iou` (the assignment of COCO's evaluation). A detection without an object is a false
    positive, an object without a detection a false negative. A weaker detection never takes an object from a
    stronger one: leaving out all below some score leaves the other pairs as they are.

    Returns:
        (index in `found`, index in `reference`) of each true positive.
    """
    from keras.utils import bounding_boxes  # here: reports draw detections without Keras

    ious = np.asarray(bounding_boxes.compute_iou(found.boxes, reference.boxes, "yxyx"))
    overlap = np.where(found.classes[:, np.newaxis] == reference.classes, ious, 0.0)
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
    """Compares the detections on every method's images with the detections on the sharp ones.

    A detection counts if its score is at least `threshold`, on the sharp images (then it is a reference object) and
    on the others. Totals and classes pool the detections of all images, so that an image weighs as much as it holds.
    The scores, each None where its divisor is 0:

        precision     correct / found
        recall        correct / objects
        f1            2 correct / (found + objects)
        mean_score    mean score of the detections found
        object_score  mean over the reference objects of the score of the detection that matches it, below the
                      threshold too; 0 for an object that nothing matches
        objectness    the same of the detector's objectness; left out where the detector has none

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
        reference = sharp.chosen(sharp.scores >= threshold)
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


def _compare(detector: Detector, found: Detections, reference: Detections, threshold: float, iou: float) -> dict:
    """One image and method: the detections that count, and the score at which each reference object was found."""
    pairs = match(found, reference, iou)
    matched = {index for index, _ in pairs}
    index_of = {best: index for index, best in pairs}

    def seen(values: np.ndarray, best: int) -> float:
        """What the detector gives the detection that matches an object."""
        return float(values[index_of[best]]) if best in index_of else 0.0

    return {
        "found": [
            {
                "box": [round(float(edge), 1) for edge in box],
                "label": detector.label(int(number)),
                "score": float(score),
                "correct": index in matched,
            }
            for index, (box, number, score) in enumerate(zip(*found[:3], strict=True))
            if score >= threshold
        ],
        "objects": [
            {"label": detector.label(int(number)), "score": seen(found.scores, best)}
            | ({} if found.objectness is None else {"objectness": seen(found.objectness, best)})
            for best, number in enumerate(reference.classes)
        ],
    }


def _scores(found: list[dict], objects: list[dict]) -> dict:
    """The numbers that `evaluate` defines."""
    correct = sum(entry["correct"] for entry in found)
    told = [entry["objectness"] for entry in objects if "objectness" in entry]
    scores = {
        "objects": len(objects),
        "found": len(found),
        "correct": correct,
        "precision": _ratio(correct, len(found)),
        "recall": _ratio(correct, len(objects)),
        "f1": _ratio(2 * correct, len(found) + len(objects)),
        "mean_score": _ratio(sum(entry["score"] for entry in found), len(found)),
        "object_score": _ratio(sum(entry["score"] for entry in objects), len(objects)),
    }
    return scores | ({"objectness": _ratio(sum(told), len(told))} if told else {})


def _ratio(value: float, divisor: int) -> float | None:
    return value / divisor if divisor else None


def _draw_line(
    pen: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    line_px: int,
    dashed: bool,
) -> None:
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    dashes = max(1, round(length / (8 * line_px))) if dashed else 1
    for dash in range(dashes):
        # The first 5 eighths of each stretch are drawn, all of it where the line is solid.
        a, b = dash / dashes, (dash + (0.625 if dashed else 1)) / dashes
        ends = [tuple(s + t * (e - s) for s, e in zip(start, end, strict=True)) for t in (a, b)]
        pen.line(ends, colour, line_px)
