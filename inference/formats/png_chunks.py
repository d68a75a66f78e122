"""The chunks of a PNG file: found, told apart, and changed where the new picture needs it."""

import re
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from gandeblur.inference.formats import exif, xmp

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp"
# What goes with the coding, which is new: palettes become colours, one transparent colour an alpha channel; a histogram
# of the palette; Apple's places in the coded data; the parts of an animation that shows one picture.
_CODING = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"hIST", b"iDOT", b"acTL", b"fcTL", b"fdAT")
_GONE = {b"caBX": xmp.CREDENTIALS, b"gmAP": xmp.GAIN_MAP, b"gdAT": xmp.GAIN_MAP}
# Known, and true of any picture of the same scene, though an editor that does not know them may not copy them.
_TRUE: tuple[bytes, ...] = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"mDCV", b"cLLI", b"mDCv", b"cLLi")
_TRUE += (b"bKGD", b"tIME", b"eXIf", b"oFFs", b"pCAL", b"sTER", b"gIFg", b"gIFx")


class Chunk(NamedTuple):
    """A name of four letters, and what belongs to it."""

    name: bytes
    data: bytes

    def checksum(self) -> bytes:
        """CRC-32 of name and data."""
        return struct.pack(">I", zlib.crc32(self.data, zlib.crc32(self.name)))

    def coded(self) -> bytes:
        """As it lies in a file."""
        return b"".join((struct.pack(">I", len(self.data)), self.name, self.data, self.checksum()))


def parsed(data: bytes) -> tuple[list[Chunk], int, bool]:
    """The chunks; where the file's last one ends, 0 if that is missing; whether the pixels' checksums are right.

    A chunk of pixels that is cut off is one of them.
    """
    chunks: list[Chunk] = []
    position, sound = len(SIGNATURE), True
    while position + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, position)
        name, content = data[position + 4 : position + 8], data[position + 8 : position + 8 + size]
        check = data[position + 8 + size : position + 12 + size]
        if len(content) < size and name != b"IDAT":
            break
        chunk = Chunk(name, content)
        chunks.append(chunk)
        sound = sound and (name != b"IDAT" or chunk.checksum() == check)
        position += 12 + size
        if name == b"IEND":
            return chunks, position, sound
    return chunks, 0, sound


def text(keyword: str, value: str) -> Chunk:
    """A text of any alphabet."""
    return Chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + value.encode())


def edited(
    chunks: Sequence[Chunk], bits: int, colour: int, channels: int
) -> tuple[tuple[tuple[Chunk, ...], tuple[Chunk, ...]], int, list[str], list[str]]:
    """The chunks that describe the picture, true of the restored one.

    Args:
        chunks: of the file.
        bits: of a sample in the file.
        colour: the type of the file's colours.
        channels: of the new picture.

    Returns:
        Chunks before and behind the pixels; the EXIF orientation, 0 if there is none; names of parts that are gone; the
        damage, in words.
    """
    told = [exif.upright(content) for content in map(_exif_of, chunks) if content is not None]
    orientation = next((one.orientation for one in told if one.orientation), 0)
    palette = next((chunk.data for chunk in chunks if chunk.name == b"PLTE"), b"")
    kept: tuple[list[Chunk], list[Chunk]] = ([], [])
    gone: list[str] = []
    behind = 0
    for chunk in chunks:
        name, data = chunk
        behind = behind or int(name == b"IDAT")
        if name in _GONE:
            gone.append(_GONE[name])
        elif name in _CODING:
            continue
        elif (
            name not in _TRUE and not name[3:].islower()
        ):  # it goes with the pixels, in a way that only its maker knows
            gone.append(f"{name.decode('latin-1')} chunk")
        elif name == b"sBIT":
            kept[behind].append(Chunk(name, _significant(data, bits, channels)))
        elif name == b"bKGD":
            kept[behind].extend(Chunk(name, new) for new in _background(data, bits, colour, palette))
        elif name == b"pHYs" and orientation > 4:
            kept[behind].append(Chunk(name, data[4:8] + data[:4] + data[8:]))
        else:
            new, promised = _described(chunk, orientation)
            gone += promised
            kept[behind].extend(new)
    damage = [one.damage for one in told if one.damage]
    return (tuple(kept[0]), tuple(kept[1])), orientation, gone, damage


def profile(data: bytes) -> bytes | None:
    """The ICC profile of an iCCP chunk; None if it cannot be read."""
    try:
        return zlib.decompress(data.partition(b"\0")[2][1:])
    except zlib.error:
        return None


def _significant(data: bytes, bits: int, channels: int) -> bytes:
    """How many bits of each channel count; all of an alpha channel that is new."""
    colours = 1 if channels < 3 else 3
    return data[:channels] if len(data) >= channels else data[:colours] + bytes([max(bits, 8)])


def _background(data: bytes, bits: int, colour: int, palette: bytes) -> list[bytes]:
    """The colour behind a transparent picture, without the palette and scaled to 8 bits."""
    if colour == 3:
        entry = palette[3 * data[0] : 3 * data[0] + 3]
        return [struct.pack(">3H", *entry)] if len(entry) == 3 else []
    if bits < 8:
        return [struct.pack(">H", struct.unpack(">H", data[:2])[0] * (255 // (2**bits - 1)))]
    return [data]


def _described(chunk: Chunk, orientation: int) -> tuple[list[Chunk], tuple[str, ...]]:
    """EXIF and XMP data, wherever they are, made true; all else as it is."""
    if chunk.name == b"eXIf":
        new = exif.upright(chunk.data).data
        return ([Chunk(b"eXIf", new)] if new else []), ()
    profile = _profile(chunk)
    if profile is not None:
        kind, content = profile
        if content.startswith(xmp.HEADER) or kind == b"xmp":
            header = xmp.HEADER if content.startswith(xmp.HEADER) else b""
            true = xmp.true(content[len(header) :], orientation)
            return [_with_profile(chunk, kind, header + true.data)], true.gone
        if kind in (b"exif", b"APP1"):
            new = exif.upright(content).data
            return ([_with_profile(chunk, kind, new)] if new else []), ()
    if chunk.name == b"iTXt" and chunk.data.startswith(_XMP + b"\0"):
        start, packed, packet = _international(chunk.data)
        true = xmp.true(packet, orientation)
        return [Chunk(b"iTXt", start + (zlib.compress(true.data) if packed else true.data))], true.gone
    return [chunk], ()


def _international(data: bytes) -> tuple[bytes, bool, bytes]:
    """An iTXt chunk: keyword, flags, language and translated keyword; whether it is compressed; the text."""
    flags = data.index(b"\0") + 1
    place = data.index(b"\0", data.index(b"\0", flags + 2) + 1) + 1
    packed = data[flags] == 1
    return data[:place], packed, zlib.decompress(data[place:]) if packed else data[place:]


def _exif_of(chunk: Chunk) -> bytes | None:
    if chunk.name == b"eXIf":
        return chunk.data
    profile = _profile(chunk)
    return profile[1] if profile and profile[0] in (b"exif", b"APP1") and profile[1].startswith(exif.PREFIX) else None


def _profile(chunk: Chunk) -> tuple[bytes, bytes] | None:
    """EXIF, XMP or IPTC data as hexadecimal text, as ImageMagick wrote before there was a chunk for them."""
    if chunk.name not in (b"tEXt", b"zTXt") or not chunk.data.startswith(b"Raw profile type "):
        return None
    keyword, _, rest = chunk.data.partition(b"\0")
    try:
        written = zlib.decompress(rest[1:]) if chunk.name == b"zTXt" else rest
        match = re.match(rb"\s*\w+\s+\d+\s+([0-9a-fA-F\s]*)", written)
        return (keyword[17:], bytes.fromhex(match[1].decode())) if match else None
    except (zlib.error, ValueError):
        return None


def _with_profile(chunk: Chunk, kind: bytes, content: bytes) -> Chunk:
    lines = b"\n".join(re.findall(rb".{1,72}", content.hex().encode()))
    written = b"\n%s\n%8d\n%s\n" % (kind.lower(), len(content), lines)
    rest = b"\0" + zlib.compress(written) if chunk.name == b"zTXt" else written
    return Chunk(chunk.name, chunk.data.partition(b"\0")[0] + b"\0" + rest)
