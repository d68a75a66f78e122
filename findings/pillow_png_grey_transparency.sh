#!/usr/bin/env bash
# Pillow and one transparent grey in PNG files of 2 and 4 bits: it scales the pixels to 8 bits, and compares them with
# the transparent value as it stands in the file. No pixel is transparent; with 1 and 8 bits those of that value are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==12.3.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import io
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(bits):
    """8x8 pixels: all values of that many bits in turn, of which the value 1 is transparent."""
    values = (np.arange(64).reshape(8, 8) % 2**bits).astype(np.uint8)
    ones = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :].reshape(8, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(ones, axis=1))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, bits, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"tRNS", struct.pack(">H", 1)) + pixels, int((values == 1).sum())


print("Pillow", PIL.__version__)
seen = {}
for bits in (1, 2, 4, 8):
    data, wanted = png(bits)
    alpha = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3]
    seen[bits] = int((alpha == 0).sum()), wanted
    print(f"{bits} bits: {seen[bits][0]} pixels are transparent, {wanted} should be")
sys.exit(seen != {1: (32, 32), 2: (0, 16), 4: (0, 4), 8: (1, 1)})
PYTHON
# Seen (Python 3.11, Linux x86-64): 1 bits: 32 of 32; 2 bits: 0 of 16; 4 bits: 0 of 4; 8 bits: 1 of 1.
