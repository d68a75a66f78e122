"""Data of frames beside their pixels: the light of HDR films, and data that no encoder here writes again."""

import struct
from pathlib import Path
from typing import Any

from gandeblur.errors import InputError
from gandeblur.inference.film_colour import HLG, PQ, UNTOLD, Colour

LOST = {
    "A53_CC": "captions within the pictures",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision",
    "AMBIENT_VIEWING_ENVIRONMENT": "the light around the viewer",
    "STEREO3D": "the mark of a 3D film",
    "SPHERICAL": "the mark of a 360-degree film",
    "ICC_PROFILE": "the colour profile",
}


def refuse_hidden(path: Path, frame: Any, colour: Colour) -> None:
    """Refuses Dolby Vision of profile 5: without its data, which are not applied here, its frames are green and purple.

    Raises:
        InputError: the frames have such data, and no transfer by which others could show them.
    """
    kinds = {one.type.name for one in frame.side_data}
    if kinds & {"DOVI_RPU_BUFFER", "DOVI_METADATA"} and colour.transfer == UNTOLD:
        raise InputError(
            f"{path}: is Dolby Vision that other players cannot show (profile 5); convert it to HDR10 first"
        )


def light(frame: Any, encoder: str) -> dict[str, str]:
    """The mastering display and the light levels (SMPTE ST 2086, CTA-861.3) as options of an encoder.

    Args:
        frame: `av.VideoFrame` whose side data may hold them.
        encoder: FFmpeg's name.
    """
    found = {one.type.name: bytes(one) for one in frame.side_data}
    said = []
    display = found.get("MASTERING_DISPLAY_METADATA")
    names = {
        "libx265": ("x265-params", "master-display", "max-cll"),
        "libx264": ("x264-params", "mastering-display", "cll"),
        "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
    }.get(encoder)
    if not names:
        return {}
    if display:
        said.append(f"{names[1]}={_display(display, encoder == 'libsvtav1')}")
    if level := found.get("CONTENT_LIGHT_LEVEL"):
        said.append("{}={},{}".format(names[2], *struct.unpack_from("=II", level)))
    if encoder == "libx265":
        said.append("log-level=error")
    return {names[0]: ":".join(said)} if said else {}


def _display(data, in_units):
    """x265's way to write AVMasteringDisplayMetadata: chromaticities in 1/50000, light in 1/10000 nits.

    Args:
        data: ten fractions of two int32 each (red, green, blue, white as x, y; darkest, brightest), two marks.
        in_units: whether 1 and nits are meant, as SVT-AV1 has it.
    """
    numbers = struct.unpack_from("=20i", data)
    values = [above / below if below else 0.0 for above, below in zip(numbers[::2], numbers[1::2], strict=True)]
    scales = [1 if in_units else 50000] * 8 + [1 if in_units else 10000] * 2
    texts = [
        f"{value:.5f}" if in_units else str(round(value * scale)) for value, scale in zip(values, scales, strict=True)
    ]
    red, green, blue, white = (f"({texts[k]},{texts[k + 1]})" for k in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({texts[9]},{texts[8]})"


def lost_side_data(frame: Any, colour: Colour, captions: bool) -> list[str]:
    """The data that frames lose beside their pixels, in words, and how HDR was treated.

    Args:
        frame: `av.VideoFrame`.
        colour: of the film.
        captions: whether captions within the pictures are written again.
    """
    kinds = [one.type.name for one in frame.side_data]
    kinds = [LOST[kind] for kind in kinds if kind in LOST and not (captions and kind == "A53_CC")]
    said = [f"left out: {', '.join(dict.fromkeys(kinds))}"] if kinds else []
    if colour.transfer == PQ:
        said.insert(0, "HDR (PQ) kept; the network saw it as an ordinary screen would show it")
    if colour.transfer == HLG:
        said.insert(0, "HDR (HLG) kept; the network saw it as an ordinary screen shows it")
    return said
