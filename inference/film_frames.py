"""Frames before they are seen: deinterlaced, and turned as their display matrix says."""

from collections.abc import Iterator
from typing import Any

import numpy as np

MOST_KINDS_OF_DATA = 64  # that may lie beside frames; FFmpeg 8.1 has 33


class Filters:
    """FFmpeg's filters between decoder and conversion.

    bwdif makes one frame of each interlaced one, at the time of its first field; progressive frames pass. The place of
    chroma samples is forgotten: by it swscale would take one's neighbour on the way in, but not on the way out.

    Data beside the pixels that PyAV has no name for (EXIF data of Motion JPEG, marks of a second view) are taken away,
    since it then gives none of the others, not even the display matrix.

    Args:
        frame: the first `av.VideoFrame`; all have its size and format.
        stream: its `av.VideoStream`.
        interlaced: whether there may be interlaced ones.

    Attributes:
        nameless: FFmpeg's numbers of such data that may be there; empty if the first frame has none.
    """

    def __init__(self, frame: Any, stream: Any, interlaced: bool):
        from av.filter import Graph

        self.nameless = _nameless(frame)
        self.shape, self.deinterlaces = (frame.width, frame.height, frame.format.name), interlaced
        self.graph = Graph()
        time_base = frame.time_base or stream.time_base
        source = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={time_base}"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        steps = [self.graph.add("buffer", source)]
        if interlaced:
            if not frame.interlaced_frame:  # the container alone says so
                first = "tff" if stream.codec_context.field_order in (2, 4) else "bff"
                steps.append(self.graph.add("setfield", first))
            steps.append(self.graph.add("bwdif", "mode=send_frame:deint=interlaced"))
        steps += [self.graph.add("sidedata", f"mode=delete:type={number}") for number in self.nameless]
        steps += [self.graph.add("setparams", "chroma_location=unspecified"), self.graph.add("buffersink")]
        self.graph.link_nodes(*steps).configure()

    def frames(self, frame: Any) -> Iterator[Any]:
        """The frames that are done once this one is given; None: all."""
        import av

        self.graph.push(frame)
        while True:
            try:
                yield self.graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return


def _nameless(frame):
    from av.sidedata.sidedata import Type

    try:
        frame.side_data  # noqa: B018
    except ValueError:
        return sorted(set(range(MOST_KINDS_OF_DATA)) - {kind.value for kind in Type})
    return []


def turn(matrix: bytes) -> tuple[bool, bool, bool] | None:
    """How a display matrix lays out pixels, if it only turns by quarters or mirrors.

    Args:
        matrix: nine int32, `a b u c d v x y w`: a point (x, y) is shown at (ax + cy, bx + dy).

    Returns:
        (transposed, then turned left to right, then upside down); None if it does something else.
    """
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32).astype(float)
    straight, across = min(abs(a), abs(d)), min(abs(b), abs(c))
    if straight > 0.99 * max(abs(a), abs(d)) and max(abs(b), abs(c)) < 0.01 * straight:
        return False, a < 0, d < 0
    if across > 0.99 * max(abs(b), abs(c)) and max(abs(a), abs(d)) < 0.01 * across:
        return True, c < 0, b < 0
    return None


def turned(pixels: np.ndarray, how: tuple[bool, bool, bool]) -> np.ndarray:
    """Lays out `[H, W, ...]` as a display matrix says, see `turn`."""
    transposed, sideways, upside_down = how
    pixels = pixels.swapaxes(0, 1) if transposed else pixels
    return np.ascontiguousarray(pixels[:: -1 if upside_down else 1, :: -1 if sideways else 1])
