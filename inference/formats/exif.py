"""EXIF data, a small TIFF structure (Exif 3.0, section 4.6), changed in place.

No byte moves. So maker notes, whose offsets count from where they lie, stay readable, and text of any alphabet stays as
it is. Changed are the orientation, the values that turn with it, and the thumbnail, which shows the blurred picture.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION, NEXT = 0x0112, 0
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_SUBJECT_AREA, _SUBJECT_LOCATION = 0x9214, 0xA214
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
# Width and height, and resolutions along them: of the image and of the focal plane.
EXCHANGED = {0x0100: 0x0101, 0x011A: 0x011B, 0xA002: 0xA003, 0xA20E: 0xA20F}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
PREFIX = b"Exif\0\0"


class Exif(NamedTuple):
    """EXIF data of an upright picture.

    Attributes:
        data: as long as before, or shorter by the thumbnail; None if it cannot be read.
        orientation: that the picture had, 1 to 8; 0 if it says none.
        damage: in words; empty if there is none.
    """

    data: bytes | None
    orientation: int
    damage: str


def upright(data: bytes) -> Exif:
    """The EXIF data of the same picture after it was turned as its orientation says.

    Args:
        data: with or without `Exif\\0\\0` before it.
    """
    prefix = PREFIX if data.startswith(PREFIX) else b""
    block = _Block(data[len(prefix) :])
    try:
        orientation = block.orientation()
    except (struct.error, ValueError):
        return Exif(None, 0, "its EXIF data cannot be read and is left out")
    damage = ""
    try:
        block.turn(orientation)
    except (struct.error, ValueError):
        damage = "a part of its EXIF data cannot be read"
    return Exif(prefix + bytes(block.data), orientation, damage)


def moved(orientation: int, x: float, y: float, width: float, height: float) -> tuple[float, float]:
    """Where a point of the stored picture lies in the upright one.

    Args:
        orientation: 0 to 8.
        x, y: of the point.
        width, height: the largest x and y of the stored picture.
    """
    if orientation in (2, 3, 7, 8):  # columns run backwards
        x = width - x
    if orientation in (3, 4, 6, 7):
        y = height - y
    return (y, x) if orientation > 4 else (x, y)


def renamed(data: bytes, old: int, new: int) -> bytes:
    """EXIF data in which one tag of the image has another number."""
    prefix = PREFIX if data.startswith(PREFIX) else b""
    block = _Block(data[len(prefix) :])
    for entry in block.entries():
        if entry.tag == old:
            struct.pack_into(block.order + "H", block.data, entry.position, new)
    return prefix + bytes(block.data)


class _Entry(NamedTuple):
    tag: int
    kind: int
    numbers: int
    position: int  # of its 12 bytes
    value: int  # where its values lie


class _Block:
    def __init__(self, data: bytes):
        self.data = bytearray(data)
        self.order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]), "")

    def orientation(self) -> int:
        """Sets it to 1."""
        if not self.order:
            raise ValueError
        found = 0
        for entry in self.entries():
            if entry.tag == ORIENTATION and entry.kind in (1, 3, 4) and entry.numbers:
                code = {1: "B", 3: "H", 4: "I"}[entry.kind]
                (found,) = struct.unpack_from(self.order + code, self.data, entry.value)
                struct.pack_into(self.order + code, self.data, entry.value, 1)
        return found if found <= 8 else 0

    def entries(self) -> Iterator[_Entry]:
        """Of the first directory."""
        return self._entries(self._number(4))

    def turn(self, orientation: int) -> None:
        first = self._number(4)
        main = {entry.tag: entry for entry in self._entries(first)}
        directories = [main]
        self._drop_thumbnail(first + 2 + 12 * struct.unpack_from(f"{self.order}H", self.data, first)[0])
        for tag in (_EXIF, _GPS):
            if tag in main:
                directories.append({entry.tag: entry for entry in self._entries(self._number(main[tag].value))})
        if _EXIF in main and _INTEROPERABILITY in directories[1]:
            directories.append({e.tag: e for e in self._entries(self._number(directories[1][_INTEROPERABILITY].value))})
        self._move_subject(directories, orientation)
        if orientation > 4:
            for directory in directories:
                for one, other in EXCHANGED.items():
                    if one in directory and other in directory:
                        a, b = (
                            slice(directory[tag].position + 2, directory[tag].position + 12) for tag in (one, other)
                        )
                        self.data[a], self.data[b] = self.data[b], self.data[a]
        for directory in directories:
            if any(e.value + SIZES.get(e.kind, 1) * e.numbers > len(self.data) for e in directory.values()):
                raise ValueError

    def _number(self, position: int) -> int:
        return struct.unpack_from(f"{self.order}I", self.data, position)[0]

    def _entries(self, offset: int) -> Iterator[_Entry]:
        (count,) = struct.unpack_from(f"{self.order}H", self.data, offset)
        for position in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{self.order}HHI", self.data, position)
            inside = SIZES.get(kind, 1) * number <= 4
            yield _Entry(tag, kind, number, position, position + 8 if inside else self._number(position + 8))

    def _drop_thumbnail(self, pointer: int) -> None:
        """It is the second directory; its JPEG data is wiped, and cut off where nothing follows."""
        if pointer + 4 > len(self.data) or not self._number(pointer):
            return
        second = {entry.tag: entry for entry in self._entries(self._number(pointer))}
        struct.pack_into("I", self.data, pointer, NEXT)
        if _THUMBNAIL in second and _THUMBNAIL_BYTES in second:
            start, size = (self._number(second[tag].value) for tag in (_THUMBNAIL, _THUMBNAIL_BYTES))
            end = min(start + size, len(self.data))
            if self.data[start : start + 2] == b"\xff\xd8":
                self.data[start:end] = b"" if end == len(self.data) else bytes(end - start)

    def _move_subject(self, directories: list[dict[int, _Entry]], orientation: int) -> None:
        """What the photographer aimed at, in pixels of the stored picture: a point, a circle or a box."""
        sizes = [one for directory in directories for one in (directory.get(0xA002), directory.get(0xA003)) if one]
        if len(sizes) != 2 or orientation < 2:
            return
        width, height = (
            struct.unpack_from(self.order + ("H" if e.kind == 3 else "I"), self.data, e.value)[0] for e in sizes
        )
        for directory in directories:
            for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
                entry = directory.get(tag)
                if entry is None or entry.kind != 3 or not 2 <= entry.numbers <= 4:
                    continue
                code = f"{self.order}{entry.numbers}H"
                x, y, *extent = struct.unpack_from(code, self.data, entry.value)
                place = moved(orientation, x, y, max(width - 1, x), max(height - 1, y))
                extent = extent[::-1] if orientation > 4 else extent
                struct.pack_into(code, self.data, entry.value, *map(int, place), *extent)
