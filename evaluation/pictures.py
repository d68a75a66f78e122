"""The images of the report: where the evaluation stores them, and how they are shown side by side."""

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.evaluation.detection import draw
from gandeblur.evaluation.results import ImageScores, Results

_DETECTION_EXAMPLES = 4  # at most
_SHOWN_PX = (640, 640)  # larger images shrink


def slug(method: str) -> str:
    """The method's name in file names: "gain undone + Wiener" -> "gain-undone-wiener"."""
    return re.sub(r"[^a-z0-9]+", "-", method.lower()).strip("-")


def image_path(folder: Path, set_name: str, image: str, method: str) -> Path:
    """Where the evaluation stores an image and the report finds it; the truth is the method "sharp"."""
    return folder / set_name / f"{image}_{slug(method)}.png"


def examples(results: Results, set_name: str, folder: Path) -> list[dict]:
    """The best, the median and the worst image of one set by our PSNR (fewer where the set has fewer).

    Args:
        results: of the evaluation that stored the images.
        set_name: one of its sets.
        folder: holds the images under `image_path`, 8-bit RGB.

    Returns:
        Of each image: "rank", "name", "panels" (the input, every method and the truth: "method", "ours", "scores",
        and as data URIs "image" and "crop"), "window" (of the crop, per cent of the image) and "ratio" of its sides.

    Raises:
        InputError: an image is missing or cannot be read.
    """
    ranked = sorted(
        results.sets[set_name]["images"],
        key=lambda image: (image["scores"][results.ours]["psnr_db"], image["name"]),
        reverse=True,
    )
    # In a small set one image holds several ranks: the later entry names it.
    ranks = {len(ranked) // 2: "Median", len(ranked) - 1: "Worst", 0: "Best"}
    if len(ranked) == 1:
        ranks = {0: "Only image"}
    return [
        {"rank": rank, "name": ranked[index]["name"], **_panels(results, set_name, ranked[index], folder)}
        for index, rank in sorted(ranks.items())
    ]


def detection_examples(results: Results, folder: Path) -> list[dict]:
    """The images with the most objects, with boxes drawn on the input, our restoration and the truth.

    Returns:
        Of each image: "set", "name" and "panels" ("method", "scores" and "image", a data URI).

    Raises:
        InputError: an image is missing or cannot be read.
    """
    images = [(name, image) for name, result in results.detection.items() for image in result["images"]]
    images.sort(key=lambda entry: -_objects(entry[1]))
    return [
        {"set": name, "name": image["name"], "panels": _detection_panels(results, name, image, folder)}
        for name, image in images[:_DETECTION_EXAMPLES]
        if _objects(image)
    ]


def detailed_window(sharp: np.ndarray) -> tuple[int, int, int]:
    """The square window with the most detail: the largest sum of absolute grey-value differences.

    Not of their squares, which would prefer one hard edge to a texture.

    Args:
        sharp: uint8 [H, W, 3].

    Returns:
        (left, top, side) in pixels; the side is a quarter of the shorter side of the image.
    """
    from skimage.color import rgb2gray  # these two take half a second; who only stores images does not wait
    from skimage.transform import integral_image

    grey = rgb2gray(sharp)
    vertical, horizontal = np.abs(np.gradient(grey))
    sums = np.pad(integral_image(vertical + horizontal), ((1, 0), (1, 0)))
    side = min(grey.shape) // 4
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(windows.argmax(), windows.shape)
    return int(left), int(top), side


def _panels(results: Results, set_name: str, image: ImageScores, folder: Path) -> dict:
    sharp = _read(image_path(folder, set_name, image["name"], "sharp"))
    left, top, side = detailed_window(np.asarray(sharp))
    panels = []
    for method in [*results.methods, "sharp"]:
        picture = _read(image_path(folder, set_name, image["name"], method))
        crop = picture.crop((left, top, left + side, top + side))  # at full resolution
        picture.thumbnail(_SHOWN_PX)
        panels.append(
            {
                "method": "truth" if method == "sharp" else method,
                "ours": method == results.ours,
                "scores": image["scores"].get(method),
                "image": _data_uri(picture),
                "crop": _data_uri(crop),
            }
        )
    width, height = sharp.size
    percent = {
        "left": 100 * left / width,
        "top": 100 * top / height,
        "width": 100 * side / width,
        "height": 100 * side / height,
    }
    return {"panels": panels, "window": percent, "ratio": f"{width} / {height}"}


def _objects(image: dict) -> int:
    return image["methods"]["sharp"]["scores"]["objects"]


def _detection_panels(results: Results, set_name: str, image: dict, folder: Path) -> list[dict]:
    panels = []
    for method in ("input", results.ours, "sharp"):
        picture = np.asarray(_read(image_path(folder, set_name, image["name"], method)))
        drawn = Image.fromarray(draw(picture, image["methods"][method]["detections"]))
        drawn.thumbnail(_SHOWN_PX)
        panels.append({"method": method, "scores": image["methods"][method]["scores"], "image": _data_uri(drawn)})
    return panels


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: missing or not readable as an image; run --stage=evaluate again") from error


def _data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
