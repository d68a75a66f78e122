"""The segments of a JPEG file: found, told apart, and changed where they say what is no longer true."""

import hashlib
import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from gandeblur.inference.formats import exif, photoshop, xmp

APP0, _COMMENT, _SCAN, _END = 0xE0, 0xFE, 0xDA, 0xD9
ICC = b"ICC_PROFILE\0"
_JFIF, _JFXX, _MPF, _ADOBE = b"JFIF\0", b"JFXX\0", b"MPF\0", b"Adobe"
_ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in coded data: neither a stuffed byte nor a restart
_MOST = 65533  # bytes in a segment
_SECOND = "second picture"
_PICTURE, _CLIP = b"\xff\xd8\xff", b"ftyp"


class Segment(NamedTuple):
    """A marker's second byte, and what follows its length."""

    marker: int
    data: bytes

    def coded(self) -> bytes:
        """As it lies in a file."""
        return bytes([0xFF, self.marker]) + struct.pack(">H", len(self.data) + 2) + self.data

    def starts(self, app: int, header: bytes) -> bool:
        """Whether it is an APPn segment of that kind."""
        return self.marker == APP0 + app and self.data.startswith(header)

    def describes(self) -> bool:
        """Whether it belongs to the picture, and not to its coding."""
        return (APP0 <= self.marker < APP0 + 16 or self.marker == _COMMENT) and not self.starts(14, _ADOBE)


def parsed(data: bytes) -> tuple[list[Segment], int]:
    """The segments before the first scan; and where the picture ends, behind its end marker, or where the file does."""
    head: list[Segment] = []
    position, scanned = 2, False
    while position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker == 0xFF:  # what a damaged file holds; a byte that fills
            position += 1
        elif marker == _END:
            break
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            position += 2
        else:
            (size,) = struct.unpack_from(">H", data, position + 2)
            scanned = scanned or marker == _SCAN
            if not scanned:
                head.append(Segment(marker, data[position + 4 : position + 2 + size]))
            position += 2 + size
            if marker == _SCAN:
                found = _MARKER.search(data, position)
                position = found.start() if found else len(data)
    end = position + 2 if data[position : position + 2] == b"\xff\xd9" else len(data)
    return head, end


def bare(data: bytes, adobe: bool = True) -> bytes:
    """The file without segments that only describe the picture.

    Args:
        data: a JPEG file.
        adobe: whether the segment stays that says which colours the components are.
    """
    kept, position = [data[:2]], 2
    while data[position : position + 1] == b"\xff" and data[position + 1] != _SCAN:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        (size,) = struct.unpack_from(">H", data, position + 2)
        segment = Segment(marker, data[position + 4 : position + 2 + size])
        if not segment.describes() and (adobe or not segment.starts(14, _ADOBE)):
            kept.append(data[position : position + 2 + size])
        position += 2 + size
    return b"".join(kept) + data[position:]


def edited(head: Sequence[Segment]) -> tuple[list[Segment], int, list[str], list[str]]:
    """The segments that describe the picture, true of the restored one.

    Returns:
        The segments; the EXIF orientation, 0 if there is none; names of parts that are gone; the damage, in words.
    """
    told = [exif.upright(segment.data) for segment in head if segment.starts(1, exif.PREFIX)]
    orientation = next((one.orientation for one in told if one.orientation), 0)
    extension, digest, gone = _extension(head, orientation)
    kept: list[Segment] = []
    for segment in filter(Segment.describes, head):
        marker, data = segment
        if segment.starts(0, _JFIF) and len(data) >= 14:  # without its thumbnail
            density = data[10:12] + data[8:10] if orientation > 4 else data[8:12]
            kept.append(Segment(marker, data[:8] + density + b"\0\0"))
        elif segment.starts(1, exif.PREFIX):
            new = exif.upright(data).data
            kept += [Segment(marker, new)] if new else []
        elif segment.starts(1, xmp.HEADER):
            true = xmp.true(data[len(xmp.HEADER) :], orientation, digest)
            gone += true.gone
            kept.append(Segment(marker, xmp.HEADER + true.data))
        elif segment.starts(1, xmp.EXTENSION):
            kept += extension
            extension = []
        elif segment.starts(2, _ISO_GAIN_MAP):
            gone.append(xmp.GAIN_MAP)
        elif marker == APP0 + 11:
            gone.append(xmp.CREDENTIALS if b"c2pa" in data else "data in APP11 that go with the old pixels")
        elif not (segment.starts(0, _JFXX) or segment.starts(2, _MPF)):  # a thumbnail; where second pictures lie
            kept.append(segment)
    return _without_thumbnail(kept), orientation, gone, [one.damage for one in told if one.damage]


def behind(data: bytes, gone: Sequence[str]) -> list[str]:
    """Names of the parts behind a picture's end: other pictures, films, makers' data.

    Args:
        data: all that follows the end marker.
        gone: parts that the metadata promised.
    """
    names: list[str] = []
    position, other = 0, 0
    while position < len(data):
        if data.startswith(_PICTURE, position):
            head, end = parsed(data[position:])
            names.append(_second(head, gone))
            position += end
        elif data[position + 4 : position + 8] == _CLIP:
            names.append(xmp.MOTION)
            break
        else:
            found = [data.find(_PICTURE, position + 1), data.find(_CLIP, position + 5) - 4]
            following = min((place for place in found if place > position), default=len(data))
            other += len(data[position:following].strip(b"\0\xff\r\n "))
            position = following
    if other and not names:
        names.append(f"{other} bytes behind the picture")
    second = names.count(_SECOND)
    return [f"{second} other pictures" if one == _SECOND and second > 1 else one for one in names]


def _second(head: Sequence[Segment], gone: Sequence[str]) -> str:
    told = b"".join(segment.data for segment in head if segment.describes())
    if xmp.GAIN_MAP in gone or any(sign in told for sign in (b"hdr-gain-map", b"HDRGainMap", _ISO_GAIN_MAP)):
        return xmp.GAIN_MAP
    return xmp.DEPTH if re.search(rb"(?i)depth|disparity|matte", told) else _SECOND


def _extension(head: Sequence[Segment], orientation: int) -> tuple[list[Segment], bytes | None, list[str]]:
    """Extended XMP (part 3 of its specification): a second packet in pieces, found by its digest.

    Returns:
        Its segments; the digest that the first packet has to say, None: as it is; names of parts that are gone.
    """
    pieces = [segment.data[len(xmp.EXTENSION) :] for segment in head if segment.starts(1, xmp.EXTENSION)]
    as_it_is = [segment for segment in head if segment.starts(1, xmp.EXTENSION)]
    if not pieces or len({piece[:32] for piece in pieces}) > 1:
        return as_it_is, None, []
    packet = b"".join(piece[40:] for piece in sorted(pieces, key=lambda piece: piece[36:40]))
    true = xmp.true(packet, orientation)
    if true.data == packet:
        return as_it_is, None, []
    if xmp.holds_nothing(true.data):
        return [], b"", list(true.gone)
    digest = hashlib.md5(true.data, usedforsecurity=False).hexdigest().upper().encode()
    step = _MOST - len(xmp.EXTENSION) - 40
    starts = [xmp.EXTENSION + digest + struct.pack(">II", len(true.data), at) for at in range(0, len(true.data), step)]
    parts = [true.data[at : at + step] for at in range(0, len(true.data), step)]
    segments = [Segment(APP0 + 1, start + part) for start, part in zip(starts, parts, strict=True)]
    return segments, digest, list(true.gone)


def _without_thumbnail(segments: list[Segment]) -> list[Segment]:
    """Photoshop's resources may go on from one segment to the next."""
    header = photoshop.HEADER
    whole = b"".join(segment.data[len(header) :] for segment in segments if segment.starts(13, header))
    true = photoshop.without_thumbnail(whole)
    if true == whole:
        return segments
    first = next(place for place, segment in enumerate(segments) if segment.starts(13, header))
    step = _MOST - len(header)
    new = [Segment(APP0 + 13, header + true[at : at + step]) for at in range(0, len(true), step)]
    others = [[] if segment.starts(13, header) else [segment] for segment in segments]
    others[first] = new
    return sum(others, [])
