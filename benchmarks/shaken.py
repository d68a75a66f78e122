"""Sharp photographs, blurred in light (gamma 2.2) as cameras blur: what `scales.py` and `large.py` restore."""

import argparse
import functools
import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.signal import fftconvolve

KINDS = ("straight", "curved", "two motions", "defocus", "noise", "jpeg")
GAMMA = 2.2


def path(kind: str, length: float, rng: np.random.Generator) -> np.ndarray:
    """Points (y, x) of a camera's path, of this extent."""
    angle = rng.uniform(0, np.pi)
    ahead = np.array([np.sin(angle), np.cos(angle)])
    aside = np.array([ahead[1], -ahead[0]])
    t = np.linspace(-0.5, 0.5, int(8 * length) + 1)[:, None]
    bow = rng.uniform(0.3, 0.6) if kind == "curved" else 0.0
    return length * (t * ahead + bow * (t**2 * 4 - 0.5) * aside)


def kernel(kind: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """Point spread function, float64, odd sides, sum 1."""
    side = 2 * length + 3
    if kind == "defocus":
        y, x = np.indices((side, side)) - side // 2
        spread = np.clip(length / 2 + 0.5 - np.hypot(y, x), 0, 1)
        return spread / spread.sum()
    spread = np.zeros((side, side))
    points = path(kind, length, rng) + side // 2
    low = np.floor(points).astype(int)
    for dy, dx in itertools.product((0, 1), repeat=2):
        weight = np.prod(1 - np.abs(points - low - (dy, dx)), axis=1)
        np.add.at(spread, (low[:, 0] + dy, low[:, 1] + dx), weight)
    return spread / spread.sum()


def blurred(sharp: np.ndarray, kind: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 `[H, W, 3]`; beyond its end the picture is mirrored."""
    light = (np.pad(sharp, [(length, length), (length, length), (0, 0)], mode="symmetric") / 255) ** GAMMA

    def along(spread):
        return fftconvolve(light, spread[..., None], mode="same", axes=(0, 1))

    if length:
        path_kind = kind if kind in ("curved", "defocus") else "straight"
        seen = along(kernel(path_kind, length, rng))
        if kind == "two motions":
            half = length + sharp.shape[1] // 2
            seen[:, half:] = along(kernel("straight", max(length // 2, 1), rng))[:, half:]
        light = seen[length:-length, length:-length]
    picture = 255 * np.clip(light, 0, 1) ** (1 / GAMMA)
    if kind == "noise":
        picture += rng.normal(size=picture.shape) * np.sqrt(4 + 0.06 * picture)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


@functools.lru_cache(1)
def opened(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file).convert("RGB"))


def cases(
    options: argparse.Namespace, needed: Callable[..., bool] = lambda *key: True
) -> Iterator[tuple[str, int, str, int, np.ndarray, np.ndarray]]:
    """Image, its shorter side, kind and pixels of blur, if `needed` wants these four; sharp and blurred windows."""
    files = [file for one in options.images for file in (sorted(one.iterdir()) if one.is_dir() else [one])]
    for file, kind, px in itertools.product(files, options.kinds, options.px):
        if px == 0 and kind in KINDS[1:4]:
            continue  # the same as a straight path of no length
        sharp = opened(file)
        sides = sharp.shape[:2]
        places = [(max(0, side - most) // 2, most) for side, most in zip(sides, options.window, strict=True)]
        inside = tuple(slice(start, start + most) for start, most in places)
        if not needed(file.stem, min(sides), kind, px):
            continue
        rng = np.random.default_rng([options.seed, zlib.crc32(f"{file.name} {kind} {px}".encode())])
        picture = blurred(sharp, kind, px, rng)[inside]
        yield file.stem, min(sides), kind, px, sharp[inside], as_jpeg(picture) if kind == "jpeg" else picture
