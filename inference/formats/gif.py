"""GIF files of one picture, which become PNG files: their palette of 256 colours cannot hold a restored picture."""

from pathlib import Path

import numpy as np

from gandeblur.errors import InputError
from gandeblur.inference.formats import png, png_chunks, xmp
from gandeblur.inference.formats.photograph import Photograph, from_channels, opened, without


def read(path: Path) -> Photograph:
    """Reads a GIF file of one picture, for a PNG file."""
    with opened(path, "GIF") as image:
        if image.n_frames > 1:
            raise InputError(f"{path}: holds {image.n_frames} pictures; restore them one by one, or as a video")
        comment, packet = image.info.get("comment"), image.info.get("xmp")
        array = np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))
    chunks: list[png_chunks.Chunk] = []
    gone: tuple[str, ...] = ()
    if comment:
        chunks.append(png_chunks.text("Comment", comment.decode("utf-8", "replace")))
    if packet:
        true = xmp.true(packet)
        gone = true.gone
        chunks.append(png_chunks.text("XML:com.adobe.xmp", true.data.decode("utf-8", "replace")))
    return from_channels(array, 1, "PNG", png.Kept(tuple(chunks), ())).noted(without(gone))
