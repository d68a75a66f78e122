import functools
import itertools
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gandeblur.errors import InputError
from gandeblur.inference import restore, tiles
from gandeblur.inference.restore import Deblurrer
from gandeblur.models import deblurgan, gan_d, hkust_gan, ird_gan
from gandeblur.models.layers import own_statistics

NETWORKS = {
    "instance": lambda: deblurgan.generator(maps=4, blocks=1, dropout=0.0, output_stddev=0.05),
    "branches": lambda: ird_gan.generator(maps=4, blocks=2, dropout=0.0, output_stddev=0.05),
    "batch": lambda: hkust_gan.generator(maps=4, blocks=1, own_statistics=True),
    "none": lambda: gan_d.generator(maps=3, wide_maps=4, identity_noise=0.01),
}
# Branches are normalised as instances are.
KINDS = [pytest.param(kind, marks=pytest.mark.slow) if kind == "branches" else kind for kind in NETWORKS]


def photograph(height, width):
    """Smooth, with another brightness at each end: tiles normalised each by its own statistics would differ."""
    rng = np.random.default_rng(0)
    noise = keras.ops.image.resize(rng.uniform(0, 80, (1, height // 4, width // 4, 3)), (height, width))
    return (np.asarray(noise)[0] + np.linspace(0, 170, width)[:, None]).astype(np.uint8)


@functools.cache
def deblurrer(kind):
    keras.utils.set_random_seed(1)
    black = 0.0 if kind == "none" else -1.0
    return Deblurrer(NETWORKS[kind](), (black, 1.0), size_multiple=1 if kind == "none" else 4)


@given(
    length=st.integers(1, 60).map(lambda n: 4 * n),
    tile=st.integers(1, 60).map(lambda n: 4 * n),
    margin=st.integers(0, 15),
)
def test_windows_cover_the_axis_and_their_weights_sum_up_to_one(length, tile, margin):
    tile = min(tile, length)
    found = tiles.windows(length, tile, min(margin, tile // 4), 4)
    total = np.zeros(length)
    for start, weights in found:
        assert start % 4 == 0 and len(weights) == tile and np.all(weights >= 0)
        total[start : start + tile] += weights
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_a_window_counts_for_nothing_at_its_inner_edges():
    first, second, *_ = tiles.windows(100, 40, 8, 4)
    assert (first.start, second.start) == (0, 24)  # 40 - 2 x 8
    assert first.weights[0] == 1 and np.all(first.weights[-4:] < 1e-4) and np.all(second.weights[:4] < 1e-4)
    np.testing.assert_allclose(first.weights[24:] + second.weights[:16], 1, rtol=1e-6)
    assert np.abs(np.diff(first.weights)).max() < 0.2  # it fades over 8 pixels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 70)])
def test_the_smallest_pictures_are_restored(kind, size):
    restored = deblurrer(kind).restore(np.full((*size, 3), 99, np.uint8))
    assert restored.shape == (*size, 3) and restored.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_whole_images_statistics_tiles_are_the_whole_image(kind, monkeypatch):
    """Where a tile's edges are further away than the network sees, for GAN-D some 72 pixels."""
    monkeypatch.setattr(restore, "MARGIN_PX", 160 if kind == "none" else 64)
    side = 640 if kind == "none" else 256
    image, deblur = photograph(200, side + 100), deblurrer(kind)
    whole = deblur.restore(image, tile=None)
    exact = deblur._forward(deblur.value_range[0] + image[None] / np.float32(255 / np.ptp(deblur.value_range)), None)[1]
    monkeypatch.setattr(own_statistics, "pooled", lambda parts: exact)
    assert np.ptp(whole.astype(int) - image) > 10  # it changes the picture
    tiled = deblur.restore(image, tile=side)
    assert np.abs(tiled.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("kind", KINDS[:3])  # GAN-D's kernels of 121 px fade only with training
def test_tiles_leave_no_seam(kind):
    """Where tiles meet, neighbouring pixels differ as much as they do elsewhere, measured in the whole image's."""
    image, deblur = photograph(128, 400), deblurrer(kind)
    restored = [deblur.restore(image, tile=tile).astype(float) for tile in (None, 128)]
    whole, tiled = (np.abs(np.diff(one, axis=1)).mean(axis=(0, 2)) for one in restored)
    starts = [window.start for window in tiles.windows(400, 128, 32, deblur.size_multiple)][1:]
    seams = np.concatenate([np.arange(start, start + 64) for start in starts])  # where two tiles overlap
    elsewhere = np.setdiff1d(np.arange(399), seams)
    ratio = tiled / whole
    # Of each place by itself: a seam is one column, which a mean over all would hide.
    most = min(1.15 * ratio[elsewhere].max(), ratio[elsewhere].mean() + 4 * ratio[elsewhere].std() + 0.05)
    assert ratio[seams].max() < most
    assert ratio[seams].mean() < 1.02 * ratio[elsewhere].mean()  # where two results blend it may be smoother


def test_statistics_of_equal_parts_are_those_of_the_whole():
    deblur = deblurrer.__wrapped__("instance")  # whose layer is changed here
    layer = own_statistics.own_statistics_layers(deblur.generator)[0]
    x = np.random.default_rng(0).normal(2, 3, (1, 8, 12, 5)).astype(np.float32)

    def moments(part):
        vars(layer).update(seen=[])
        layer(part)
        return layer.seen

    [pooled] = own_statistics.pooled([moments(part) for part in np.split(x, 3, axis=2)])
    for found, whole in zip(pooled, moments(x)[0], strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-5)


def sides(per_pixel, height, width, memory_gib, margin=32, multiple=4):
    return tiles.tile_sides(per_pixel, height, width, memory_gib * tiles.GIB, margin, multiple)


@settings(deadline=None, max_examples=40)
@given(
    multiple=st.sampled_from([1, 4, 256]),
    height=st.integers(1, 2000),
    width=st.integers(1, 2000),
    memory_gib=st.floats(1.9, 3.0),
)
def test_tiles_fit_and_overlap_and_none_that_fit_are_less_work(multiple, height, width, memory_gib):
    """Against square tiles of every size that fits."""
    height, width = (-(-side // multiple) * multiple for side in (height, width))

    def lines(high, wide):
        return [tiles.windows(*one, 32, multiple) for one in ((height, high), (width, wide))]

    def work(high, wide):
        rows, columns = lines(high, wide)
        return len(rows) * high * len(columns) * wide

    high, wide = sides(1024, height, width, memory_gib, multiple=multiple)
    most = (memory_gib - 1.2) * tiles.GIB - 36 * height * width
    assert high % multiple == 0 and wide % multiple == 0 and 1024 * high * wide <= most
    for line, side in zip(lines(high, wide), (high, wide), strict=True):
        assert all(first.start + side - second.start >= 64 for first, second in itertools.pairwise(line))
    least = max(128, multiple + 64)
    squares = [(min(side, height), min(side, width)) for side in range(0, 2049, max(multiple, 16)) if side >= least]
    assert work(high, wide) <= min(work(*one) for one in squares if 1024 * math.prod(one) <= most)


def test_samples_lie_evenly_over_the_image():
    samples = deblurrer("instance")._samples(4000, 6000, (900, 1000))
    assert {sample[2:] for sample in samples} == {(256, 256)}
    assert {sample[2:] for sample in deblurrer("instance")._samples(400, 600, (128, 300))} == {(128, 256)}
    assert 1 / 16 <= len(samples) * 256**2 / (4000 * 6000) < 1 / 13
    tops, lefts = ({sample[place] for sample in samples} for place in (0, 1))
    for starts, length in ((tops, 4000), (lefts, 6000)):
        middles = sorted(start + 128 for start in starts)
        assert middles[0] + middles[-1] == pytest.approx(length, abs=8)
        assert np.ptp(np.diff(middles)) <= 8


def test_the_memory_decides_the_tiles():
    network = gan_d.generator(maps=38, wide_maps=512)
    per_pixel = tiles.bytes_per_pixel(network)
    assert per_pixel == 4 * 4 * 512
    assert sides(per_pixel, 128, 128, 4) == (128, 128)
    high, wide = sides(per_pixel, 4000, 6000, 4)
    assert 400**2 < high * wide < 700**2
    assert math.prod(sides(per_pixel, 4000, 6000, 8)) > high * wide
    deblur = deblurrer("none")
    with pytest.raises(InputError, match=r"an image of 32x32 needs 1\.\d GiB of memory at least; give it"):
        deblur.restore(np.zeros((5, 6, 3), np.uint8), memory_bytes=2**20)


def test_the_mean_over_flips_and_turns_turns_with_the_image():
    image, deblur, seen = photograph(40, 52), deblurrer("instance"), []
    mean = deblur.restore(image, self_ensemble=True, progress=seen.append)
    assert seen == [number / 8 for number in range(1, 9)]
    turned = deblur.restore(np.rot90(image[:, ::-1]), self_ensemble=True)
    assert np.abs(np.rot90(mean[:, ::-1]).astype(int) - turned).max() <= 1
    assert np.any(mean != deblur.restore(image))


def test_sixteen_bits_stay_sixteen_bits():
    image, deblur = photograph(40, 52), deblurrer("instance")
    restored = deblur.restore(image.astype(np.uint16) * 257)
    assert restored.dtype == np.uint16 and len(np.unique(restored)) > 256
    np.testing.assert_allclose(restored / 257, deblur.restore(image), atol=0.51)


_LARGE = """
import re, sys
from pathlib import Path
import keras, numpy as np
from gandeblur.inference.restore import Deblurrer
from gandeblur.models import deblurgan

keras.utils.set_random_seed(0)
deblur = Deblurrer(deblurgan.generator(maps=16, blocks=1, dropout=0.0, output_stddev=0.05), (-1.0, 1.0), 4)
side, memory_gib = int(sys.argv[1]), float(sys.argv[2])
image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
parts = []
deblur.restore(image, memory_bytes=memory_gib * 2**30, progress=parts.append)
peak_kib = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]  # `getrusage`: or the parent's
print(len(parts), int(peak_kib) / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.machines
def test_a_process_stays_within_its_memory():
    """Which the whole picture would break: one layer's 16 maps of 2560x2560 pixels in float32 are 0.4 GiB."""

    def peak(side, memory_gib):
        told = subprocess.run(
            [sys.executable, "-c", _LARGE, str(side), str(memory_gib)], check=True, capture_output=True, text=True
        )
        parts, peak_gib = told.stdout.split()
        return int(parts), float(peak_gib)

    parts, peak_gib = peak(2560, 1.75)
    print(f"{parts} parts, peak {peak_gib:.2f} GiB")
    assert parts > 1 and peak_gib < 1.75
    assert peak(2560, 16)[1] > 1.75
