"""The boxes of ISO base media files (ISO/IEC 14496-12), which HEIC and AVIF files are."""

import struct
from pathlib import Path

from gandeblur.inference.formats import xmp

_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # the box that C2PA puts at the top level
_CODED, _COLOUR = b"av1C", b"colrnclx"


def top(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents at the top level; the last box may be cut off."""
    boxes, position = [], 0
    while position + 8 <= len(data):
        (size,), name, head = struct.unpack_from(">I", data, position), data[position + 4 : position + 8], 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, position + 8), 16
        size = size or len(data) - position
        if size < head:
            break
        boxes.append((name, data[position + head : position + size]))
        position += size
    return boxes


def brands(data: bytes) -> set[bytes]:
    """The brands of the file, its main brand among them."""
    return {data[at : at + 4] for at in (8, *range(16, min(struct.unpack_from(">I", data)[0], len(data)), 4))}


def gone(path: Path) -> list[str]:
    """Names of parts that a new file cannot carry."""
    found = top(path.read_bytes())
    names = [xmp.CREDENTIALS for name, content in found if name == b"uuid" and content.startswith(_CREDENTIALS)]
    names += [xmp.MOTION for name, _ in found if name in (b"moov", b"mpvd")]
    names += [xmp.GAIN_MAP for name, content in found if name == b"meta" and b"tmap" in content]
    return names


def av1_bits(data: bytes) -> int:
    """Of a sample of an AVIF file's main picture."""
    place = data.find(_CODED)
    third = data[place + 6] if place >= 0 else 0
    return 8 if not third & 0x40 else 12 if third & 0x20 else 10


def av1_sampling(data: bytes) -> str:
    """Of an AVIF file's main picture, in Pillow's words."""
    place = data.find(_CODED)
    third = data[place + 6] if place >= 0 else 0x0C
    if third & 0x10:
        return "4:0:0"
    return {0x0C: "4:2:0", 0x08: "4:2:2"}.get(third & 0x0C, "4:4:4")


def colours(data: bytes) -> bytes:
    """Primaries and transfer of an AVIF file, by the numbers of H.273, in 4 bytes; empty if it does not say."""
    place = data.find(_COLOUR)
    return data[place + 8 : place + 12] if place >= 0 else b""


def with_colours(data: bytes, told: bytes) -> bytes:
    """The file with other primaries and transfer."""
    place = data.find(_COLOUR)
    return data[: place + 8] + told + data[place + 12 :] if place >= 0 and told else data
