"""Levels of more than 8 bits, and of grey films: what is not changed comes back to the level."""

import films
import numpy as np
import pytest

from gandeblur.inference import film_levels

av = pytest.importorskip("av")
RAMP = np.linspace(0, 1, 64)[None].repeat(48, 0)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le", "gray12le", "gray16le"])
def test_grey_films(pix_fmt, full, tmp_path):
    depth = av.VideoFormat(pix_fmt).components[0].bits
    black, white = (0, 2**depth - 1) if full else (16 << depth - 8, 235 << depth - 8)
    levels = np.rint(black + RAMP * (white - black)).astype(np.uint8 if depth == 8 else np.uint16)
    path = films.write(tmp_path / "a.mkv", [[levels]] * 2, "ffv1", pix_fmt, tags=(1, 1, 1, 2 if full else 1))
    seen = []
    report, target = films.restored(path, lambda image, **_: seen.append(image) or image)
    new = films.read(target)
    assert (report, new.pix_fmt, new.tags) == (((), ""), pix_fmt, (1, 1, 1, 2 if full else 1))
    np.testing.assert_array_equal(films.stored(new.frames[0])[0], levels)
    assert seen[0].dtype == levels.dtype and np.ptp(seen[0], axis=2).max() == 0
    most = np.iinfo(levels.dtype).max
    np.testing.assert_allclose(seen[0][..., 0], RAMP * most, atol=most / (white - black))  # black is 0, white the most


@pytest.mark.parametrize("pix_fmt", ["gbrp10le", "gbrp12le", "gbrp16le"])
def test_films_in_rgb_of_more_than_8_bits(pix_fmt, tmp_path):
    most = 2 ** av.VideoFormat(pix_fmt).components[0].bits - 1
    levels = np.rint(RAMP * most).astype(np.uint16)
    path = films.write(tmp_path / "a.mkv", [[levels, levels[::-1], levels[:, ::-1]]], "ffv1", pix_fmt)
    report, target = films.restored(path)
    new = films.read(target)
    assert report == ((), "") and new.pix_fmt == pix_fmt
    for part, old in zip(films.stored(new.frames[0]), (levels, levels[::-1], levels[:, ::-1]), strict=True):
        np.testing.assert_array_equal(part, old)


@pytest.mark.parametrize("full, most", [(True, 1023), (False, 940)])
def test_white_of_10_bits_is_the_networks_white(full, most, tmp_path):
    luma = np.rint(RAMP * most).astype(np.uint16) if full else np.rint(64 + RAMP * (most - 64)).astype(np.uint16)
    chroma = np.full((24, 32), 512, np.uint16)
    tags = (1, 1, 1, 2 if full else 1)
    path = films.write(tmp_path / "a.mkv", [[luma, chroma, chroma]], "ffv1", "yuv420p10le", tags=tags)
    seen = []
    _, target = films.restored(path, lambda image, **_: seen.append(image) or image)
    new = films.read(target)
    assert new.tags == tags and seen[0].max() == 65535 and seen[0].min() == 0
    assert np.abs(films.stored(new.frames[0])[0].astype(int) - luma).max() <= 1


@pytest.mark.parametrize("white", [65280, 65472, 65535])
@pytest.mark.parametrize("is_pq", [False, True])
def test_the_curves_are_inverse_to_one_another(is_pq, white):
    there, back = film_levels.curves(is_pq, white)
    coded = np.arange(1 << 12) * white // 4095
    assert there[0] == 0 and there[white] == 65535 and np.all(np.diff(there.astype(int)) >= 0)
    assert np.abs(back[there[coded]].astype(int) - coded).max() <= 8  # half a level of 12 bits
