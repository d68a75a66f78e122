import struct

import numpy as np
import pytest
from photograph_files import JOSE, NAMED, jpeg, tiff
from PIL import Image

from gandeblur.inference.formats import exif
from gandeblur.inference.formats.photograph import upright

WIDTH, HEIGHT = 30, 20


def block(orientation, order="<", subject=(7, 4, 6, 2)):
    def short(tag, *values):
        return tag, 3, len(values), struct.pack(f"{order}{len(values)}H", *values)

    below = [short(0x9214, *subject), short(0xA002, WIDTH), short(0xA003, HEIGHT)]
    resolutions = [(tag, 5, 1, struct.pack(f"{order}2I", n, 1)) for tag, n in ((282, 300), (283, 200))]
    entries = [short(0x112, orientation), *resolutions, (0x8769, 4, 1, below), (315, 2, len(JOSE), JOSE)]
    return tiff(order, entries, b"")


def values(data, tag, group=0x8769):
    told = Image.Exif()
    told.load(data)
    return (told.get_ifd(group) if group else told)[tag]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_turning_changes(orientation, order):
    """The place that the photographer aimed at lies where the pixel lies after `upright`."""
    old = block(orientation, order)
    new, said, damage = exif.upright(old)
    assert (said, damage, len(new)) == (orientation, "", len(old)) and JOSE in new
    picture = np.zeros((HEIGHT, WIDTH))
    picture[4, 7] = 1
    turned = upright(picture, orientation)
    ((row, column),) = np.argwhere(turned)
    sideways = orientation > 4
    assert values(new, 0x9214) == (column, row, *((2, 6) if sideways else (6, 2)))
    assert (values(new, 0xA003), values(new, 0xA002)) == turned.shape
    assert [values(new, tag, None) for tag in (0x112, 282, 283)] == [1, *((200, 300) if sideways else (300, 200))]
    assert exif.upright(new).data == new  # once


def test_nothing_changes_without_an_orientation():
    data = NAMED[len(exif.PREFIX) :]
    assert exif.upright(NAMED) == (NAMED, 0, "") and exif.upright(data) == (data, 0, "")


@pytest.mark.parametrize("last", [True, False])
def test_the_thumbnail_goes(last):
    small = jpeg(np.full((8, 8, 3), 99, np.uint8))
    start = 8 + 6 + 6 + 24  # behind an empty directory, and one of two entries
    second = struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, start, 0x202, 4, 1, len(small), 0)
    data = (
        b"II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 14) + second + small + b"" * last + b"kept" * (not last)
    )
    new = exif.upright(data).data
    assert b"\xff\xd8" not in new and new[:10] == data[:10] and new[10:14] == bytes(4)
    assert len(new) == len(data) - len(small) * last and new.endswith(b"kept") != last


@pytest.mark.parametrize(
    "data", [b"", b"MM", b"Exif\0\0", b"\xde\xad\xbe\xef" * 4, b"II*\0\xff\xff\0\0", b"MM\0*\0\0\0\x08"]
)
def test_what_cannot_be_read_is_left_out(data):
    assert exif.upright(data) == (None, 0, "its EXIF data cannot be read and is left out")


def test_a_value_outside_is_told_and_stays():
    data = tiff("<", [(0x10F, 2, 20, b"x" * 20)], b"")[:-4]
    cut = data.replace(struct.pack("<HHI", 0x10F, 2, 20), struct.pack("<HHI", 0x10F, 2, 2000))
    assert exif.upright(cut) == (cut, 0, "a part of its EXIF data cannot be read")
