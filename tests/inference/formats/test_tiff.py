import struct

import numpy as np
import pytest
import tifffile
from photograph_cases import restored
from photograph_files import A16, SRGB, A, encoded, grey_tiff, maker, mask

from gandeblur.errors import InputError
from gandeblur.inference import photographs


def page(path):
    return tifffile.TiffFile(path).pages.first  # which reads its values from the open file


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd"])
def test_lossless_compression_stays(compression, tmp_path):
    predictor = {} if compression in ("raw", "packbits") else {"tiffinfo": {317: 2}}
    out = restored(tmp_path, "a.tif", encoded("TIFF", compression=compression, **predictor))
    assert (out.db, out.said) == (99.0, "")
    assert page(out.path).compression == page(out.source).compression
    assert page(out.path).predictor == page(out.source).predictor


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("array", [A, A16, A16[..., 0]], ids=["8 bits", "16 bits", "grey"])
def test_byte_order_and_unknown_tags_stay(array, order, tmp_path):
    tags = [(65000, "H", 3, (1, 2, 500), True), (65001, "d", 2, (0.5, 1e9), True), (65002, "s", 0, "José", True)]
    options = {"photometric": "rgb" if array.ndim == 3 else "minisblack", "metadata": None, "iccprofile": SRGB}
    tifffile.imwrite(tmp_path / "b.tif", array, byteorder=order, extratags=tags[:2], resolution=(300, 200), **options)
    out = restored(tmp_path, "a.tif", (tmp_path / "b.tif").read_bytes())
    new = page(out.path)
    np.testing.assert_array_equal(tifffile.imread(out.path), array)
    assert new.tags[65000].value == (1, 2, 500) and new.tags[65001].value == (0.5, 1e9)
    assert new.iccprofile == SRGB and out.data[:2] == (b"II" if order == "<" else b"MM")
    assert new.resolution == (300, 200)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_that_begins_at_white(kind, alpha, tmp_path):
    """As scanners of X-ray films write it; the new file says that black is 0."""
    levels = (A16[..., 0] if kind == np.uint16 else A[..., 0]).copy()
    opacity = np.full_like(levels, np.iinfo(kind).max // 3)
    array = np.dstack([levels, opacity]) if alpha else levels
    more = {"extrasamples": ["unassalpha"], "planarconfig": "contig"} if alpha else {}
    tifffile.imwrite(tmp_path / "b.tif", array, photometric="miniswhite", metadata=None, **more)
    out = restored(tmp_path, "a.tif", (tmp_path / "b.tif").read_bytes())
    new = tifffile.imread(out.path)
    np.testing.assert_array_equal(new[..., 0] if alpha else new, np.iinfo(kind).max - levels)
    assert page(out.path).photometric == tifffile.PHOTOMETRIC.MINISBLACK and out.said == ""
    if alpha:
        np.testing.assert_array_equal(new[..., 1], opacity)


def test_bigtiff_and_further_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "b.tif", bigtiff=True) as writer:
        tags = [(65000, "Q", 2, (7, 8), True)]
        writer.write(A, photometric="rgb", metadata=None, extratags=tags, description="one")
        writer.write(A, photometric="rgb", metadata=None)
    out = restored(tmp_path, "a.tif", (tmp_path / "b.tif").read_bytes())
    assert out.said == "the first of 2 pages" and page(out.path).tags[65000].value == (7, 8)
    assert page(out.path).description == "one" and out.db == 99.0


@pytest.mark.parametrize("place", [0, 1 << 17])
def test_a_maker_note_stays_where_it_lies(place, tmp_path):
    """Behind all pixels, or between them."""
    tall = np.tile(A[..., 0], (60, 1))
    start = 8 + tall.size
    for _ in range(2):
        note = maker(start)
        data = grey_tiff(tall, 8, (65000, 7, place, bytes(place)), (0x8769, 4, 1, [(0x927C, 7, len(note), note)]))
        start = data.index(note)
    out = restored(tmp_path, "a.tif", data)
    assert out.data.index(note) == start and out.db == 99.0


def test_layers_go_and_are_named(tmp_path):
    tags = {37724: b"Adobe Photoshop Document Data Block\0", 269: b"name\0"}
    data = grey_tiff(A[..., 0], 8, *((tag, 7 if tag > 300 else 2, len(value), value) for tag, value in tags.items()))
    out = restored(tmp_path, "a.tif", data)
    assert out.said == "without its Photoshop layers" and 37724 not in page(out.path).tags
    assert page(out.path).tags[269].value == "name"


def test_grey_with_a_mask_and_premultiplied_colours(tmp_path):
    tifffile.imwrite(
        tmp_path / "b.tif", A16[..., :2], photometric="minisblack", extrasamples=["unspecified"], metadata=None
    )
    out = restored(tmp_path, "a.tif", (tmp_path / "b.tif").read_bytes())
    assert tifffile.imread(out.path).shape == A.shape[:2] and out.said == "without its mask"
    out = restored(tmp_path, "c.tif", lambda path: mask(path, A, ["assocalpha"]))
    assert page(out.path).extrasamples == (2,)


def test_colours_of_twelve_bits(tmp_path):
    pytest.importorskip("imagecodecs")
    values = (A.astype(np.uint16) << 4) + 5
    flat = grey_tiff(values.reshape(A.shape[0], -1), 12)
    data = bytearray(flat)
    for tag, number in ((256, A.shape[1]), (262, 2), (277, 3)):
        place = data.index(struct.pack("<HHI", tag, 3, 1))
        data[place + 8 : place + 10] = struct.pack("<H", number)
    out = restored(tmp_path, "a.tif", bytes(data))
    assert out.said == "12 bits became 16" and abs(tifffile.imread(out.path) / 65535 - values / 4095).max() < 1e-4


def test_a_preview_as_first_page_is_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(A[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        writer.write(A, photometric="rgb", metadata=None)
    with pytest.raises(InputError, match="a.tif: its first picture is a small copy of another"):
        photographs.read(tmp_path / "a.tif")
