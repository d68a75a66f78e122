"""JPEG files with any chroma sampling, of which Pillow writes three.

A scan of one component holds no more than a grey file of that component's size (ITU-T T.81, A.2.2). So each component
is coded as a grey file, and their scans are put behind one common frame header.
"""

import io
import struct

import numpy as np
from PIL import Image

from gandeblur.inference.formats.jpeg_segments import APP0

# JFIF 1.02, from RGB: Pillow's own conversion cuts where it should round, which costs up to 3 dB.
_LUMA, _CB, _CR = (0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411)
_FRAMES, _HUFFMAN, _SCAN, _QUANTISATION, _END = (0xC0, 0xC1, 0xC2), 0xC4, 0xDA, 0xDB, 0xD9


def encoded(image: Image.Image, ratio: tuple[int, int], qtables: list[list[int]], progressive: bool) -> bytes:
    """A JPEG file.

    Args:
        image: RGB.
        ratio: luma samples to one of chroma, across and down, 1 to 4 each.
        qtables: of quantisation, row by row: of luma; of chroma, if they differ; of the second chroma, if it does.
        progressive: whether the scans refine the picture step by step.
    """
    frame, tables, scans = 0xC0, b"", b""
    for number, plane in enumerate(_planes(image, ratio)):
        buffer = io.BytesIO()
        table = qtables[min(number, len(qtables) - 1)]
        plane.save(buffer, "JPEG", qtables=[table], progressive=progressive, optimize=True)
        for marker, content, coded in _parts(buffer.getvalue()):
            if marker == _QUANTISATION:  # one of 8 or 16 bits, numbered 0
                tables += _segment(marker, bytes([content[0] | number]) + content[1 : 129 if content[0] >> 4 else 65])
            elif marker in _FRAMES:
                frame = max(frame, marker)
            elif marker == _HUFFMAN:
                scans += _segment(marker, content)
            elif marker == _SCAN:
                scans += _segment(marker, content[:1] + bytes([number + 1]) + content[2:]) + coded
    sampling = [ratio[0] << 4 | ratio[1], 0x11, 0x11]
    header = struct.pack(">BHHB", 8, image.height, image.width, 3)
    header += b"".join(bytes([number + 1, sampling[number], number]) for number in range(3))
    return b"\xff\xd8" + tables + _segment(frame, header) + scans + bytes([0xFF, _END])


def _planes(image, ratio):
    pixels = np.asarray(image, np.float32)
    for number, weights in enumerate((_LUMA, _CB, _CR)):
        plane = Image.fromarray(pixels @ np.asarray(weights, np.float32) + (128 if number else 0))
        values = np.asarray(plane.reduce(ratio) if number else plane)
        yield Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))


def _segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def _parts(data):
    """(marker, content, coded data behind it) of a file as Pillow writes it."""
    position = 2
    while data[position + 1] != _END:
        marker, (size,) = data[position + 1], struct.unpack_from(">H", data, position + 2)
        content = data[position + 4 : position + 2 + size]
        position += 2 + size
        begin = position
        if marker == _SCAN:
            while data[position] != 0xFF or data[position + 1] in (0, *range(0xD0, 0xD8)):
                position = data.index(b"\xff", position + 1)
        if not APP0 <= marker < APP0 + 16:
            yield marker, content, data[begin:position]
