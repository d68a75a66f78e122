"""PNG files (third edition): pixels of 1 to 16 bits, and all chunks that say something of the picture, as bytes."""

import io
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.inference.formats import png_chunks
from gandeblur.inference.formats.photograph import Photograph, from_channels, limit, opened, without
from gandeblur.inference.formats.png_chunks import SIGNATURE, Chunk

# Interlaced pictures lie in seven passes: first column and row, and steps between them.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class Header(NamedTuple):
    """IHDR."""

    width: int
    height: int
    bits: int
    colour: int
    compression: int
    filtering: int
    interlaced: int


class Kept(NamedTuple):
    """Chunks before and behind the pixels."""

    before: tuple[Chunk, ...]
    behind: tuple[Chunk, ...]


def read(path: Path) -> Photograph:
    """Reads a PNG file of one picture; one that ends too early as far as it goes."""
    data = path.read_bytes()
    chunks, end, sound = png_chunks.parsed(data)
    named = {chunk.name: chunk.data for chunk in reversed(chunks)}  # of several the first
    header = Header(*struct.unpack(">IIBBBBB", named[b"IHDR"]))
    limit(header.width, header.height)
    if b"IDAT" not in named:
        raise ValueError("truncated before its picture")
    if b"acTL" in named and struct.unpack(">I", named[b"acTL"][:4])[0] > 1:
        (frames,) = struct.unpack(">I", named[b"acTL"][:4])
        raise InputError(f"{path}: holds {frames} pictures; restore them one by one, or as a video")
    coded = b"".join(chunk.data for chunk in chunks if chunk.name == b"IDAT")
    damage = []
    if not (end and sound):
        coded, share = _completed(coded, header)
        what = "the pixels' checksum is wrong" if end else "the file lacks its last bytes"
        lost = f"{max(1, round(100 * share))} % of the picture are missing and stay black"
        damage = [f"{what}: {lost}" if share else what]
    array = _decoded(coded, header, named)
    if b"tRNS" in named and header.colour in (0, 2):
        array = np.dstack([array, _opacity(array, header, named[b"tRNS"])])
    kept, orientation, gone, bad = png_chunks.edited(chunks, header.bits, header.colour, array.shape[2])
    photograph = from_channels(array, orientation, "PNG", Kept(*kept), png_chunks.profile(named.get(b"iCCP", b"")))
    behind = len(data[end:].strip(b"\0\xff\r\n ")) if end else 0
    gone += [f"{behind} bytes behind the picture"] if behind else []
    return photograph.noted(without(gone), damage=(*damage, *bad))


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes 8 or 16 bits, as many as the photograph has, with the kept chunks around them."""
    array = photograph.array(restored)
    if array.dtype == np.uint16:
        import tensorflow as tf  # here: it takes seconds. Pillow writes no colours of 16 bits

        coded = tf.io.encode_png(array).numpy()
    else:
        buffer = io.BytesIO()
        Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(buffer, "PNG")
        coded = buffer.getvalue()
    own, *_ = png_chunks.parsed(coded)
    header = [chunk for chunk in own if chunk.name == b"IHDR"]
    pixels = [chunk for chunk in own if chunk.name == b"IDAT"]
    kept: Kept = photograph.kept
    everything = (*header, *kept.before, *pixels, *kept.behind, Chunk(b"IEND", b""))
    path.write_bytes(SIGNATURE + b"".join(chunk.coded() for chunk in everything))


def _decoded(coded: bytes, header: Header, named: dict[bytes, bytes]) -> np.ndarray:
    """The pixels alone, `[H, W, channels]`; a palette's as RGB or RGBA."""
    chunks = [Chunk(b"IHDR", named[b"IHDR"])]
    if header.colour == 3:
        chunks += [Chunk(name, named[name]) for name in (b"PLTE", b"tRNS") if name in named]
    chunks += [Chunk(b"IDAT", coded), Chunk(b"IEND", b"")]
    data = SIGNATURE + b"".join(chunk.coded() for chunk in chunks)
    with opened(data, "PNG") as image:
        if header.bits == 16:
            import tensorflow as tf

            return tf.io.decode_png(data, dtype=tf.uint16).numpy()
        if header.colour == 3:
            image = image.convert("RGBA" if b"tRNS" in named else "RGB")
        elif image.mode == "1":
            image = image.convert("L")
        array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def _opacity(array: np.ndarray, header: Header, transparent: bytes) -> np.ndarray:
    """Of a picture in which one colour is transparent. Readers compare scaled samples with that colour as it is."""
    samples = np.frombuffer(transparent[: 2 * array.shape[2]], ">u2") & (2**header.bits - 1)
    colour = samples.astype(np.uint32) * (np.iinfo(array.dtype).max // (2**header.bits - 1))
    return np.where((array == colour).all(axis=2), 0, np.iinfo(array.dtype).max).astype(array.dtype)


def _completed(coded: bytes, header: Header) -> tuple[bytes, float]:
    """Pixels as they are coded, black where they are missing, and how much is."""
    depth = header.bits * _CHANNELS[header.colour]
    passes = _PASSES if header.interlaced else ((0, 0, 1, 1),)
    size = 0
    for left, top, across, down in passes:
        width, height = -(-(header.width - left) // across), -(-(header.height - top) // down)
        size += height * (1 + -(-width * depth // 8)) if width > 0 and height > 0 else 0
    stream, rows = zlib.decompressobj(), bytearray()
    try:
        for start in range(0, len(coded), 1024):
            rows += stream.decompress(coded[start : start + 1024])
    except zlib.error:
        pass  # the damaged part, and all behind it
    if not rows:
        raise ValueError("truncated before its picture")
    return zlib.compress(bytes(rows[:size]).ljust(size, b"\0"), 1), max(0.0, 1 - len(rows) / size)
