"""Pixels that are not square, in Matroska and WebM: the size at which a film is shown (RFC 9559, section 5.1.4.1.28).

FFmpeg writes it from a field of the stream that PyAV does not let one set. H.264 and HEVC state their pixels' aspect
themselves; for other codecs a mark of stereoscopy is asked for, with which FFmpeg writes a size, and both are replaced
in place by the right size.
"""

import re
from fractions import Fraction
from pathlib import Path

MARK = {"stereo_mode": "left_right"}  # metadata of the stream
OPTIONS = {"write_crc32": "0"}  # of the container: a checksum of what is changed afterwards would be wrong
_STEREO, _WIDTH, _HEIGHT, _VOID = b"\x53\xb8", b"\x54\xb0", b"\x54\xba", b"\xec"
_WRITTEN = re.compile(_STEREO + rb"\x81\x01" + _WIDTH + rb"(?:\x81.|\x82..)" + _HEIGHT + rb"(?:\x81.|\x82..)", re.S)
_HEADER_BYTES = 2**20  # the tracks stand behind the index of the file, and before its pictures


def shown_size(container: str, size: tuple[int, int], aspect: Fraction | int) -> tuple[int, int] | None:
    """(width, height) at which a film is shown, as FFmpeg and mkvmerge write it: its own height, in whole pixels.

    Args:
        container: FFmpeg's name; of others than Matroska and WebM, and of square pixels, None.
        size: (width, height) of its frames.
        aspect: width of a pixel, its height being 1.
    """
    if container not in ("matroska", "webm") or aspect == 1:
        return None
    return min(max(1, round(size[0] * aspect)), 65535), size[1]


def set_size(path: Path, shown: tuple[int, int]) -> None:
    """Writes the size at which a film is shown in place of `MARK` and its size.

    Args:
        path: a file that FFmpeg has written with `MARK` and `OPTIONS`.
        shown: (width, height), 65535 at most.
    """
    with open(path, "r+b") as file:
        found = _WRITTEN.search(file.read(_HEADER_BYTES))
        if found is None:
            return  # then the aspect is missing, which is said as for all that is lost
        new = b"".join(
            name + b"\x82" + side.to_bytes(2, "big") for name, side in zip((_WIDTH, _HEIGHT), shown, strict=True)
        )
        rest = len(found[0]) - len(new)
        file.seek(found.start())
        file.write(new + _VOID + (0x80 | rest - 2).to_bytes(1, "big") + bytes(rest - 2))
