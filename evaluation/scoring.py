"""Scores of every method on every image of a test set, and the file that holds them."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from gandeblur.errors import InputError
from gandeblur.evaluation.grid import GRID_METRICS, grid_db
from gandeblur.evaluation.looks import gradient_energy
from gandeblur.evaluation.metrics import RGB, Protocol, psnr_db, ssim
from gandeblur.evaluation.results import ImageScores, Scores, SetScores
from gandeblur.files import replacing
from gandeblur.names import ESCAPED

GRADIENT_ENERGY, FEATURE_DISTANCE = "gradient_energy", "feature_distance"
LEAST_PX = 11  # the side of the window of SSIM


def score_set(
    methods: dict[str, Callable[[np.ndarray], np.ndarray]],
    pairs: Iterable[tuple[str, np.ndarray, np.ndarray]],
    protocol: Protocol = RGB,
    keep: Callable[[str, str, np.ndarray], None] | None = None,
    features: Callable[[np.ndarray, np.ndarray], float] | None = None,
) -> SetScores:
    """Scores every method on every image of one test set.

    Means are over images, each counting once whatever its size. An image restored exactly has an infinite
    PSNR, and then so has the mean of its set: nothing is left out or capped. Means of `grid_db` are plain means of
    the dB values, over the images large enough to have one.

    Args:
        methods: name -> function from degraded to restored, both uint8 [H, W, 3]. The degraded input itself
            is the method `lambda image: image`.
        pairs: (name, degraded, sharp) of each image, uint8 [H, W, 3]. Names are unique.
        protocol: how scores are taken.
        keep: called with (image name, method, restored) for every restored image, and with
            (image name, "sharp", sharp) for the truth, for example to store them.
        features: how far an image is from the truth, of (restored, sharp), as `stages.features.FeatureDistance`; None:
            that distance is left out.

    Returns:
        The scores, in the order of `methods` and `pairs`. All but PSNR and SSIM are measured on the whole RGB image,
        whatever the protocol.

    Raises:
        InputError: there is no image, two images have the same name, or one is smaller than SSIM's window.
        ValueError: as `psnr_db` and `ssim`.
    """
    images: list[ImageScores] = []
    for name, degraded, sharp in pairs:
        if any(name == image["name"] for image in images):
            raise InputError(f"{name}: two test images have this name; rename one of them")
        if min(sharp.shape[:2]) < LEAST_PX:
            raise InputError(f"{name}: {sharp.shape[1]}x{sharp.shape[0]} are too few pixels; SSIM's window has 11x11")
        scores: dict[str, Scores] = {}
        for method, restore in methods.items():
            restored = restore(degraded)
            scores[method] = {
                "psnr_db": psnr_db(restored, sharp, protocol),
                "ssim": ssim(restored, sharp, protocol),
                **{metric: grid_db(restored, sharp, period_px) for metric, period_px in GRID_METRICS.items()},
                GRADIENT_ENERGY: gradient_energy(restored, sharp),
            }
            if features:
                scores[method][FEATURE_DISTANCE] = features(restored, sharp)
            if keep:
                keep(name, method, restored)
        if keep:
            keep(name, "sharp", sharp)
        images.append({"name": name, "scores": scores})
    if not images:
        raise InputError("the test set holds no image; name a folder with images")

    def summary(method: str, metric: str) -> Scores:
        of_images = [image["scores"][method][metric] for image in images]
        values = [value for value in of_images if value is not None]
        if not values:
            return dict.fromkeys(("mean", "min", "max"))
        return {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}

    return {
        "protocol": protocol.name,
        "methods": {
            method: {metric: summary(method, metric) for metric in images[0]["scores"][method]} for method in methods
        },
        "images": images,
    }


def write_csv(sets: dict[str, SetScores], path: Path) -> None:
    """Writes one row per set, image and method: set, image, method, the scores, protocol.

    A score that an image lacks (see `grid_db`) is an empty cell.

    Written under a temporary name and renamed, so that `path` is the old file or the whole new one.

    Args:
        sets: set name -> its scores.
        path: file to write or replace.
    """
    first = next(iter(sets.values()))["images"][0]["scores"]
    metrics = list(next(iter(first.values())))
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8", errors=ESCAPED) as file:
        writer = csv.writer(file)
        writer.writerow(("set", "image", "method", *metrics, "protocol"))
        for set_name, result in sets.items():
            for image in result["images"]:
                for method, scores in image["scores"].items():
                    values = (scores[metric] for metric in metrics)
                    writer.writerow((set_name, image["name"], method, *values, result["protocol"]))
