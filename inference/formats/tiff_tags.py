"""The tags of a TIFF file (revision 6.0, and BigTIFF) as bytes: read from one file, put into another.

No value is decoded, so text of any alphabet stays as it is. A maker note stays where it lay, for its offsets may count
from the start of the file.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from gandeblur.inference.formats import exif, photoshop, xmp

EXIF, GPS, INTEROPERABILITY, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
ORIENTATION, SUBFILES, PROFILE = 274, 330, 34675
_XMP, _PHOTOSHOP, _LAYERS, _CREDENTIALS = 700, 34377, 37724, 52545
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_LONG, _LONGS_OF_BIG = 4, (16, 18)
# How the pixels lie in the file, which is new: sizes, bits, compression, tiles, colour space, extremes of the values.
CODING = {*range(254, 260), *range(262, 267), *range(273, 282), 284, *range(288, 294), 317, 320, *range(322, 328)}
CODING |= {330, *range(332, 335), 336, *range(338, 343), 347, *range(512, 522), *range(529, 533), 559, 33421, 33422}
_RAW = range(50706, 51200)  # DNG's tags describe how the sensor's values become a picture


class Tag(NamedTuple):
    """A value of a directory, or a directory below it.

    Attributes:
        kind: of the numbers, see `exif.SIZES`.
        numbers: how many there are.
        data: their bytes in the file's order.
        place: where they lie in the file.
        below: the tags of the directory that the value points to; None for a value.
    """

    kind: int
    numbers: int
    data: bytes
    place: int = 0
    below: "dict[int, Tag] | None" = None


class Tags(NamedTuple):
    """The first directory of a file.

    Attributes:
        order: of bytes, "<" or ">".
        tags: number -> tag.
        subfiles: the directories of smaller or other versions of the picture.
    """

    order: Literal["<", ">"]
    tags: dict[int, Tag]
    subfiles: list[dict[int, Tag]]

    def number(self, tag: int, default: int = 0) -> int:
        """The first number of a tag."""
        return number(self.tags[tag], self.order) if tag in self.tags else default


class Kept(NamedTuple):
    """For a new TIFF file: tags, and TIFF's numbers of a lossless compression and of its predictor."""

    tags: Tags
    compression: int = 8
    predictor: int = 1


def number(tag: Tag, order: str) -> int:
    """The first whole number of a tag."""
    code = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I"}.get(tag.kind)
    return struct.unpack_from(order + code, tag.data)[0] if code and tag.data else 0


def read(file: BinaryIO) -> Tags:
    """The tags of a file's first picture, of its EXIF and of its GPS data."""
    file.seek(0)
    header = file.read(16)
    order: Literal["<", ">"] = "<" if header[:2] == b"II" else ">"
    big = header[2:4] in (b"+\0", b"\0+")
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), header, 8 if big else 4)
    tags = _directory(file, first, order, big)
    for group in (EXIF, GPS):
        if group in tags:
            below = _below(file, tags[group], order, big)
            if INTEROPERABILITY in below:
                inner = _below(file, below[INTEROPERABILITY], order, big)
                below[INTEROPERABILITY] = below[INTEROPERABILITY]._replace(below=inner)
            tags[group] = tags[group]._replace(below=below)
    subfiles = []
    if SUBFILES in tags:
        count = tags[SUBFILES].numbers
        offsets = struct.unpack(f"{order}{count}I", tags[SUBFILES].data[: 4 * count])
        subfiles = [_directory(file, offset, order, big) for offset in offsets]
    return Tags(order, tags, subfiles)


def missing(file: BinaryIO, tags: Tags) -> int:
    """How many bytes of the pixels lie behind the file's end."""
    for place, size in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
        if place in tags.tags and size in tags.tags:
            places, sizes = (_longs(tags.tags[tag], tags.order) for tag in (place, size))
            return max(0, max(map(sum, zip(places, sizes, strict=False)), default=0) - file.seek(0, os.SEEK_END))
    return 0


def described(tags: Tags, orientation: int) -> tuple[Tags, list[str]]:
    """The tags that describe the picture, true of the restored one; and names of parts that are gone."""
    kept = {tag: value for tag, value in tags.tags.items() if tag not in CODING and tag not in _RAW}
    gone = [words for tag, words in {_LAYERS: "Photoshop layers", _CREDENTIALS: xmp.CREDENTIALS}.items() if tag in kept]
    kept.pop(_LAYERS, None), kept.pop(_CREDENTIALS, None)
    if _XMP in kept:
        packet = xmp.true(kept[_XMP].data, orientation)
        gone += packet.gone
        kept[_XMP] = _bytes(packet.data, kept[_XMP].kind)
    if _PHOTOSHOP in kept:
        kept[_PHOTOSHOP] = _bytes(photoshop.without_thumbnail(kept[_PHOTOSHOP].data), kept[_PHOTOSHOP].kind)
    for directory in (kept, *(value.below for value in kept.values() if value.below)):
        _turn(directory, orientation, tags.order)
    return Tags(tags.order, kept, []), gone


def undefined(data: bytes) -> Tag:
    """Bytes whose meaning their tag says, such as a colour profile."""
    return _bytes(data, 7)


def assemble(path: Path, pixels: BinaryIO, tags: Tags) -> None:
    """Writes a TIFF file.

    Args:
        path: file to write.
        pixels: a TIFF file of strips; of its tags those about its coding are taken.
        tags: all others, see `described`.
    """
    coded = read(pixels)
    own = {tag: _ordered(value, coded.order, tags.order) for tag, value in coded.tags.items() if tag in CODING}
    offsets, sizes = (_longs(own[tag], tags.order) for tag in (_STRIPS, _STRIP_BYTES))
    note = (tags.tags[EXIF].below or {}).get(MAKER_NOTE) if EXIF in tags.tags else None
    with open(path, "wb") as out:
        writer = _Writer(out, tags.order, note)
        places = []
        for offset, size in zip(offsets, sizes, strict=True):
            pixels.seek(offset)
            places.append(writer.place(pixels.read(size)))
        own[_STRIPS] = Tag(_LONG, len(places), struct.pack(f"{tags.order}{len(places)}I", *places))
        first = writer.directory({**tags.tags, **own})
        writer.end()
        out.seek(0)
        out.write((b"II*\0" if tags.order == "<" else b"MM\0*") + struct.pack(f"{tags.order}I", first))


class _Writer:
    """Puts blocks one behind the other, around the place of the maker note."""

    def __init__(self, out: BinaryIO, order: str, note: Tag | None):
        self.out, self.order, self.note = out, order, note
        self.position = 8

    def place(self, data: bytes) -> int:
        self.position += self.position % 2
        behind = self.note.place + len(self.note.data) if self.note else 0
        if self.note and self.position < behind and self.position + len(data) > self.note.place:
            self.position = behind + behind % 2
        start = self.position
        self.out.seek(start)
        self.position += self.out.write(data)
        return start

    def directory(self, tags: dict[int, Tag]) -> int:
        entries = []
        for tag in sorted(tags):
            value = tags[tag]
            if value is self.note:
                self.out.seek(value.place)
                self.out.write(value.data)
                where = struct.pack(f"{self.order}I", value.place)
            elif value.below is not None:
                value = Tag(_LONG, 1, b"")
                where = struct.pack(f"{self.order}I", self.directory(tags[tag].below or {}))
            elif len(value.data) <= 4:
                where = value.data.ljust(4, b"\0")
            else:
                where = struct.pack(f"{self.order}I", self.place(value.data))
            entries.append(struct.pack(f"{self.order}HHI", tag, value.kind, value.numbers) + where)
        return self.place(struct.pack(f"{self.order}H", len(entries)) + b"".join(entries) + bytes(4))

    def end(self) -> None:
        self.out.seek(0, os.SEEK_END)
        self.out.write(b"\0" * (self.out.tell() % 2))


def _directory(file: BinaryIO, offset: int, order: str, big: bool) -> dict[int, Tag]:
    file.seek(offset)
    (count,) = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))
    size, inside = (20, 8) if big else (12, 4)
    block = file.read(min(count, 65536) * size)
    tags = {}
    for start in range(0, len(block) - size + 1, size):
        tag, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), block, start)
        length = exif.SIZES.get(kind, 8 if kind in (16, 17, 18) else 1) * number
        place = offset + (8 if big else 2) + start + size - inside
        if length > inside:
            (place,) = struct.unpack_from(order + ("Q" if big else "I"), block, start + size - inside)
        file.seek(place)
        data = file.read(length)
        if len(data) == length:  # else it lies behind the end of the file
            tags[tag] = _small(Tag(kind, number, data, place), order)
    return tags


def _small(tag: Tag, order: str) -> Tag:
    """Numbers of 8 bytes, which only BigTIFF has, in 4."""
    if tag.kind not in _LONGS_OF_BIG:
        return tag
    numbers = struct.unpack(f"{order}{tag.numbers}Q", tag.data)
    return Tag(_LONG, tag.numbers, struct.pack(f"{order}{tag.numbers}I", *(n & 0xFFFFFFFF for n in numbers)), tag.place)


def _below(file: BinaryIO, tag: Tag, order: str, big: bool) -> dict[int, Tag]:
    return _directory(file, number(tag, order), order, big)


def _ordered(tag: Tag, order: str, wanted: str) -> Tag:
    if order == wanted:
        return tag
    size = {5: 4, 10: 4}.get(tag.kind, exif.SIZES.get(tag.kind, 1))
    data = b"".join(tag.data[at : at + size][::-1] for at in range(0, len(tag.data), size))
    return tag._replace(data=data)


def _bytes(data: bytes, kind: int) -> Tag:
    return Tag(kind if kind in (1, 2, 7) else 7, len(data), data)


def _longs(tag: Tag, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{tag.numbers}{'H' if tag.kind == 3 else 'I'}", tag.data)


def _turn(directory: dict[int, Tag], orientation: int, order: str) -> None:
    if orientation > 4:
        for one, other in exif.EXCHANGED.items():
            if one in directory and other in directory:
                directory[one], directory[other] = directory[other], directory[one]
