"""Colours of films: from a decoded frame to RGB and back, so that what is not changed comes back unchanged.

FFmpeg's swscale converts. Two of its choices matter. Without ACCURATE_RND it cuts fractions off, and all is a level
darker. Chroma that is interpolated on the way in and averaged on the way out blurs hard edges; repeated (POINT) and
averaged (AREA) it comes back as it was.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from gandeblur.inference import film_levels

RGB, BT709, UNTOLD, BT470BG, SMPTE170M, BT2020_CONSTANT = 0, 1, 2, 5, 6, 10  # of ITU-T H.273, as FFmpeg has them
PQ, HLG = 16, 18
TAGGED = ", and tagged so"
LIMITED, FULL = 1, 2
SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # H.273's matrix -> swscale's number of its coefficients
MATRICES = {1: "BT.709", 5: "BT.601", 6: "BT.601", 8: "YCgCo", 14: "ICtCp"}
# Where chroma samples of 4:2:0 lie among their four pixels: FFmpeg's name -> to the right, down.
PLACES = {
    "left": (0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0, 0),
    "top": (0.5, 0),
    "bottomleft": (0, 1),
    "bottom": (0.5, 1),
}


@dataclass(frozen=True)
class Colour:
    """A film's tags of its colours, by the numbers of ITU-T H.273.

    Args:
        matrix, primaries, transfer: 2 is "unspecified".
        range: 1 limited (black 16, white 235), 2 full.
        notes: tags that were missing, and so supposed, in words.
    """

    matrix: int
    primaries: int
    transfer: int
    range: int
    notes: tuple[str, ...] = ()


def told(frame: Any, context: Any) -> Colour:
    """The colours of a film by its first frame, else by its container.

    Where no matrix is told, players go by the size: BT.709 from 720 lines or 1280 columns on, else BT.601.

    Args:
        frame: `av.VideoFrame`.
        context: `av.VideoCodecContext` of the stream.
    """

    def tag(name: str, untold: int) -> int:
        return next((value for one in (frame, context) if (value := int(getattr(one, name))) != untold), untold)

    matrix, reach = tag("colorspace", UNTOLD), tag("color_range", 0)
    notes = []
    if frame.format.is_rgb or frame.format.has_palette:
        matrix, reach = RGB, FULL
    elif matrix in (RGB, UNTOLD):
        matrix = by_size(frame)
        if not is_grey(frame.format):
            notes.append(f"its colours are not tagged: taken for {MATRICES[matrix]} by its size{TAGGED}")
    elif matrix not in SWSCALE or matrix == BT2020_CONSTANT:
        name = MATRICES.get(matrix, f"number {matrix}")
        notes.append(f"the network saw the colour matrix {name} by the nearest one that can be computed")
    if frame.format.name.startswith("yuvj"):
        reach = FULL
    return Colour(matrix, tag("color_primaries", UNTOLD), tag("color_trc", UNTOLD), reach or LIMITED, tuple(notes))


def by_size(frame: Any) -> int:
    """The matrix of an untagged film."""
    if frame.height >= 720 or frame.width >= 1280:
        return BT709
    return BT470BG if frame.height in (288, 576) else SMPTE170M


def chroma_place(stream: Any) -> str:
    """Where a film says that its chroma samples lie, a key of `PLACES`; empty if it does not say.

    PyAV has no attribute for it, but FFmpeg's description of the file tells it to who wants many words.

    Args:
        stream: `av.VideoStream`.
    """
    from av import logging

    level = logging.get_level()
    logging.set_level(logging.VERBOSE)
    logging.set_libav_level(logging.VERBOSE)
    try:
        described = stream.container.dumps_format()
    finally:
        logging.set_libav_level(logging.INFO)
        logging.set_level(level)
    pix_fmt = re.escape(stream.codec_context.pix_fmt or "none")
    found = re.search(
        rf"^ *Stream #0:{stream.index}\b.* Video: .* {pix_fmt}\((?:.*, )?({'|'.join(PLACES)})\)", described, re.M
    )
    return found[1] if found else ""


def turned_place(place: str, how: tuple[bool, bool, bool]) -> str:
    """The place of chroma in turned frames, see `film_frames.turn`; at the right, which has no name, the centre."""
    if not place:
        return ""
    across, down = PLACES[place][:: -1 if how[0] else 1]
    across, down = 1 - across if how[1] else across, 1 - down if how[2] else down
    return next(name for name, at in PLACES.items() if at == (min(across, 0.5), down))


class Converter:
    """Frames to pixels and back. swscale's tables are kept from frame to frame.

    Args:
        colour: of the frames that are read.
        written: of the frames that are written; the same but for a film in RGB that becomes one in YCbCr.
    """

    def __init__(self, colour: Colour, written: Colour):
        from av.video.reformatter import Interpolation, VideoReformatter

        self.colour, self.written = colour, written
        self._carrier: Any = None  # the frame that was read last, in RGB
        exact = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
        self._repeat, self._average = exact | Interpolation.POINT, exact | Interpolation.AREA
        self._resize = exact | Interpolation.BICUBIC
        self._reader, self._sizer = VideoReformatter(), VideoReformatter()
        self._writer, self._finer, self._coarser = (VideoReformatter() for _ in range(3))

    def pixels(self, frame: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """What a viewer sees of a frame.

        Args:
            frame: `av.VideoFrame`.

        Returns:
            uint8 `[H, W, 3]`, of more than 8 bits uint16; and its alpha of the same type `[H, W]`, or None.
        """
        is_pq = self.colour.transfer == PQ
        if is_grey(frame.format):
            self._carrier = None
            grey = film_levels.grey(bits(frame.format), self.colour.range == FULL, is_pq)[0][_rows(frame)]
            return grey[..., None].repeat(3, axis=2), None
        clear, deep = has_alpha(frame.format), bits(frame.format) > 8
        name = ("rgba64le" if deep else "rgba") if clear else ("rgb48le" if deep else "rgb24")
        code = SWSCALE.get(self.colour.matrix, SWSCALE[SMPTE170M])
        self._carrier = self._reader.reformat(
            frame,
            format=name,
            src_colorspace=code,
            dst_colorspace=code,
            src_color_range=self.colour.range,
            dst_color_range=FULL,
            interpolation=self._repeat,
        )
        image = self._carrier.to_ndarray()
        alpha = np.ascontiguousarray(image[..., 3]) if clear else None
        seen = np.ascontiguousarray(image[..., :3])
        return (film_levels.curves(is_pq, _white(frame.format, self.colour.range)[0])[0][seen] if deep else seen), alpha

    def frame(self, pixels: np.ndarray, alpha: np.ndarray | None, size: tuple[int, int], pix_fmt: str) -> Any:
        """The inverse of `pixels`.

        Args:
            pixels: uint8 or uint16 `[H, W, 3]`.
            alpha: `[H, W]` of the same type, or None.
            size: (width, height) of the film; a frame of another size is enlarged or made smaller.
            pix_fmt: FFmpeg's name of the pixel format to write.
        """
        import av
        from av.video.frame import PictureType

        is_pq, chosen = self.colour.transfer == PQ, av.VideoFormat(pix_fmt)
        if is_grey(chosen) and (pixels.shape[1], pixels.shape[0]) == size:
            made = av.VideoFrame(*size, pix_fmt)
            grey = np.rint(pixels.mean(axis=2)).astype(pixels.dtype)
            _rows(made)[...] = film_levels.grey(bits(chosen), self.written.range == FULL, is_pq)[1][grey]
            return made
        name = "rgb24"
        if pixels.dtype == np.uint16:
            pixels = film_levels.curves(is_pq, _white(chosen, self.written.range)[1])[1][pixels]
            name = "rgb48le"
        if alpha is not None:
            pixels = np.dstack([pixels, alpha])
            name = {"rgb24": "rgba", "rgb48le": "rgba64le"}[name]
        image = self._carried(pixels, name) or av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), name)
        if (image.width, image.height) != size:
            image = self._sizer.reformat(image, width=size[0], height=size[1], interpolation=self._resize)
        made = self._encoded(self._writer, image, pix_fmt)
        if self.written.range == FULL and not made.format.is_rgb and bits(made.format) == 8:
            # swscale's chroma of full range is half a level low, but not from 12 bits, where its luma is half too high.
            fine = self._encoded(self._finer, image, "yuva444p12le" if alpha is not None else "yuv444p12le")
            better = self._encoded(self._coarser, fine, pix_fmt)
            for plane, chroma in zip(made.planes[1:3], better.planes[1:3], strict=True):
                plane.update(bytes(chroma))
        made.pict_type, made.key_frame = PictureType.NONE, False  # the source's would bind the encoder
        return made

    def _carried(self, pixels, name):
        """The frame that was read last, with new pixels: captions beside them stay. None if its shape differs."""
        carrier, (height, width, channels) = self._carrier, pixels.shape
        if carrier is None or (carrier.format.name, carrier.width, carrier.height) != (name, width, height):
            return None
        rows = np.frombuffer(carrier.planes[0], pixels.dtype).reshape(height, -1)
        rows[:, : width * channels] = pixels.reshape(height, -1)
        return carrier

    def _encoded(self, converter, image, pix_fmt):
        code = SWSCALE.get(self.written.matrix, SWSCALE[SMPTE170M])
        return converter.reformat(
            image,
            format=pix_fmt,
            src_colorspace=code,
            dst_colorspace=code,
            src_color_range=FULL,
            dst_color_range=self.written.range,
            interpolation=self._average,
        )


def bits(pixel_format: Any) -> int:
    """The bits of a pixel format's deepest component."""
    return 8 if pixel_format.has_palette else max(part.bits for part in pixel_format.components)


def has_alpha(pixel_format: Any) -> bool:
    """Whether a pixel format holds transparency; that of a palette is not looked at."""
    return not pixel_format.has_palette and any(part.is_alpha for part in pixel_format.components)


def is_grey(pixel_format: Any) -> bool:
    """Whether a pixel format is one component of whole numbers, and no palette."""
    return pixel_format.name.startswith("gray") and len(pixel_format.components) == 1 and bits(pixel_format) <= 16


def _rows(frame):
    """The one plane of a grey frame, `[H, W]`, as it lies in its memory."""
    kind = np.dtype(np.uint8 if bits(frame.format) == 8 else ">u2" if frame.format.name.endswith("be") else "<u2")
    plane = frame.planes[0]
    return np.frombuffer(plane, kind).reshape(frame.height, plane.line_size // kind.itemsize)[:, : frame.width]


def _white(pixel_format, reach):
    return film_levels.white(bits(pixel_format), pixel_format.is_rgb, reach == FULL)
