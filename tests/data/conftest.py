import os

import numpy as np
import pytest
from PIL import Image
from scenes import SCENES, blurred_scene

from gandeblur.data.datasets import Pair, PairSet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture
def write_image(tmp_path):
    """Writes random pixels (a different image per name) as a file below tmp_path; returns path and pixels."""

    def write(name, height=40, width=48):
        seed = sum(name.encode())
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path, pixels

    return write


@pytest.fixture
def truncated(write_image):
    """Path of a PNG file that ends in the middle of its pixels."""
    path, _ = write_image("truncated.png")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.fixture
def pairs(write_image):
    sizes = [(40, 48), (33, 37), (36, 64)]

    def pair(k, size):
        return Pair(f"seq/{k}", *(write_image(f"pairs/{kind}/{k}.png", *size)[0] for kind in ("blur", "sharp")))

    return PairSet("pairs/blur", "blur", tuple(pair(k, size) for k, size in enumerate(sizes)))


@pytest.fixture
def sequence(tmp_path):
    """Writes frames, uint8 [N, H, W, 3] or random ones, as a folder below tmp_path; returns path and frames."""

    def write(name="scene", frames=40, first=1, height=6, width=8):
        if isinstance(frames, int):
            frames = np.random.default_rng(len(name)).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
        folder = tmp_path / "frames" / name
        folder.mkdir(parents=True)
        for number, frame in enumerate(frames, start=first):
            Image.fromarray(frame).save(folder / f"{number:06}.png")
        return folder, frames

    return write


@pytest.fixture
def write_pairs(tmp_path):
    """Writes (path of the blurred, path of the sharp, scene) files below a folder, which it returns."""

    def write(*pairs, root="data"):
        for blurred, sharp, scene in pairs:
            for name, pixels in ((blurred, blurred_scene(scene)), (sharp, SCENES[scene])):
                if name:
                    path = tmp_path / root / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(path)
        return tmp_path / root

    return write
