"""JPEG files (ITU-T T.81): the picture is coded anew, its metadata lie in segments that are copied as bytes."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gandeblur.inference.formats import colour, jpeg_planes, jpeg_segments
from gandeblur.inference.formats.jpeg_segments import APP0, ICC, Segment
from gandeblur.inference.formats.photograph import Photograph, from_channels, opened, refusal, without

_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # baseline, extended, progressive; the last two in arithmetic coding
_PROGRESSIVE = (0xC2, 0xCA)
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # tables


class Component(NamedTuple):
    """Of a frame: how its samples lie, and which table quantises them."""

    number: int
    across: int
    down: int
    table: int


class Kept(NamedTuple):
    """Data for the new file.

    Attributes:
        segments: in their order.
        tables: of quantisation, for each component 64 numbers, row by row.
        ratio: luma samples to one of chroma, across and down.
        progressive: whether the picture comes in several scans.
        rgb: whether the components are red, green and blue.
    """

    segments: tuple[Segment, ...]
    tables: tuple[tuple[int, ...], ...]
    ratio: tuple[int, int]
    progressive: bool
    rgb: bool


def read(path: Path) -> Photograph:
    """Reads the first picture of a JPEG file; one that ends too early as far as it goes."""
    data = path.read_bytes()
    head, end = jpeg_segments.parsed(data)
    frame = next((one for one in head if 0xC0 <= one.marker <= 0xCF and one.marker not in _NO_FRAMES), None)
    if frame is None:
        raise ValueError("truncated before its picture")
    if frame.marker in _LOSSLESS or frame.data[0] != 8 or frame.marker not in _FRAMES:
        kind = "lossless JPEG" if frame.marker in _LOSSLESS else f"JPEG of {frame.data[0]} bits"
        raise refusal(path, f"a {kind}, which is not read", "save it as TIFF of 16 bits first")
    components = [Component(n, s >> 4, s & 15, t) for n, s, t in zip(*[iter(frame.data[6:])] * 3, strict=False)]
    whole = data[end - 2 : end] == b"\xff\xd9"
    bare = jpeg_segments.bare(data[:end] if whole else data + b"\xff\xd9")
    with opened(bare, "JPEG") as image:
        image.load()
    damage = [] if whole else [_missing(bare[:-2], np.asarray(image))]
    segments, orientation, gone, bad = jpeg_segments.edited(head)
    gone += jpeg_segments.behind(data[end:], gone)
    across, down = _ratio(components)
    ratio = (down, across) if orientation > 4 else (across, down)
    kept = Kept(tuple(segments), _tables(components, image), ratio, frame.marker in _PROGRESSIVE, False)
    notes = [without(gone)]
    profile = b"".join(one.data[14:] for one in sorted(one for one in head if one.starts(2, ICC)))
    if image.mode == "CMYK":
        array, said = colour.to_rgb(image, profile)
        profile = colour.srgb()
        others = [segment for segment in segments if not segment.starts(2, ICC)]
        kept = kept._replace(segments=(*others, Segment(APP0 + 2, ICC + b"\1\1" + profile)))
        notes.append(said)
    else:
        array = np.asarray(image if image.mode == "L" else image.convert("RGB"))
        kept = kept._replace(rgb=len(components) == 3 and image.info.get("adobe_transform") == 0)
    photograph = from_channels(array.reshape(*array.shape[:2], -1), orientation, "JPEG", kept, profile)
    return photograph.noted(*notes, damage=(*damage, *bad))


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes the picture with the tables, the chroma sampling and the segments of the old file."""
    kept: Kept = photograph.kept
    array = photograph.array(restored)
    image = Image.fromarray(array[..., 0] if photograph.grey else array)
    sampling = {(1, 1): 0, (2, 1): 1, (2, 2): 2}.get(kept.ratio)
    tables = [list(table) for table in kept.tables]
    if photograph.grey or sampling is not None:
        buffer = io.BytesIO()
        options = {"subsampling": sampling or 0, "keep_rgb": kept.rgb, "progressive": kept.progressive}
        image.save(buffer, "JPEG", qtables=tables, **options)
        coded = buffer.getvalue()
    else:
        coded = jpeg_planes.encoded(image, kept.ratio, tables, kept.progressive)
    start = jpeg_segments.bare(coded, adobe=kept.rgb)
    path.write_bytes(start[:2] + b"".join(segment.coded() for segment in kept.segments) + start[2:])


def _tables(components, image):
    """The luma's, the chroma's, and that of the second chroma, as far as they have numbers of their own."""
    numbers = [component.table for component in components[:3]]
    while len(numbers) > 1 and numbers[-1] == numbers[-2]:
        numbers.pop()
    return tuple(tuple(image.quantization[number]) for number in numbers)


def _ratio(components: list[Component]) -> tuple[int, int]:
    if len(components) < 3:
        return 1, 1
    luma, chroma = components[0], components[1]
    exact = components[1][1:3] == components[2][1:3] and luma.across % chroma.across == 0 == luma.down % chroma.down
    return (luma.across // chroma.across, luma.down // chroma.down) if exact else (1, 1)


def _missing(cut: bytes, decoded: np.ndarray) -> str:
    """How much of a file without an end is missing: the rows that change if anything else follows.

    Args:
        cut: the file, without its metadata.
        decoded: its pixels, after an end was put there.
    """
    with opened(cut + bytes(range(1, 255)) * 64 + b"\xff\xd9", "JPEG") as image:
        other = np.asarray(image)
    changed = (other != decoded).reshape(len(decoded), -1).any(axis=1)
    if not changed.any():
        return "the file lacks its last bytes"
    share = 1 - np.argmax(changed) / len(changed)
    return f"the file ends too early: {max(1, round(100 * share))} % of the picture are missing or grey"
