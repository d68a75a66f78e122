"""Which container, codec and pixel format a film is written in: those it has, or the nearest that lose least."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from gandeblur.errors import InputError
from gandeblur.inference.film_colour import bits, has_alpha

# Suffix -> FFmpeg's container. Films of the kinds below it are read, and written as Matroska.
CONTAINERS = {
    **dict.fromkeys((".mp4", ".m4v"), "mp4"),
    **dict.fromkeys((".mov", ".qt"), "mov"),
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    **dict.fromkeys((".ts", ".mts", ".m2ts", ".m2t"), "mpegts"),
    ".3gp": "3gp",
    ".3g2": "3g2",
    ".flv": "flv",
}
READ_ONLY = (".mpg", ".mpeg", ".vob", ".mod", ".tod", ".wmv", ".asf", ".ogv", ".dv", ".mxf", ".f4v", ".divx")
SUFFIXES = (*CONTAINERS, *READ_ONLY)
QUICKTIME = ("mp4", "mov", "3gp", "3g2")

H264, H265, VP9, AV1 = "libx264", "libx265", "libvpx-vp9", "libsvtav1"
ENCODERS = {  # of each container, those that are tried, in this order
    "mp4": (H264, "libx264rgb", H265, VP9, AV1),
    "mov": (H264, "libx264rgb", H265, "prores_ks", "qtrle", "png", "mjpeg"),
    "matroska": (H264, "libx264rgb", H265, VP9, AV1, "ffv1", "prores_ks", "mjpeg"),
    "webm": (VP9, AV1),
    "avi": (H264, "ffv1", "mjpeg"),
    "mpegts": (H264, H265),
    "3gp": (H264,),
    "3g2": (H264,),
    "flv": (H264,),
}
SAME = {"h264": (H264, "libx264rgb"), "hevc": (H265,), "vp9": (VP9,), "av1": (AV1,), "prores": ("prores_ks",)}
QUALITY = 16  # constant rate factor of x264 and x265: visually lossless
OPTIONS = {
    H264: {"crf": str(QUALITY), "forced-idr": "1"},
    "libx264rgb": {"crf": str(QUALITY), "forced-idr": "1"},
    H265: {"crf": str(QUALITY), "forced-idr": "1"},
    VP9: {"crf": str(QUALITY), "row-mt": "1", "cpu-used": "4"},
    AV1: {"crf": str(QUALITY), "preset": "8"},
    "prores_ks": {"vendor": "apl0"},
    "ffv1": {"level": "3", "slicecrc": "1"},
}
EVEN = (H264, "libx264rgb", H265, AV1)  # sides are a multiple of the chroma's step
TELL_ASPECT = (H264, "libx264rgb", H265)  # the codecs that state their pixels' aspect, whatever the container
NAMES = {
    H264: "H.264",
    "libx264rgb": "H.264",
    H265: "HEVC",
    VP9: "VP9",
    AV1: "AV1",
    "prores_ks": "ProRes",
    "ffv1": "FFV1",
    "qtrle": "QuickTime Animation",
    "png": "PNG",
    "mjpeg": "Motion JPEG",
}

# What FFmpeg writes into MP4 and MOV where players look for it. Other keys need `use_metadata_tags`, which writes all
# of them as Apple's keys, and no cover.
PLAIN_KEYS = {
    "mp4": "title artist album_artist composer album date creation_time comment genre copyright grouping lyrics "
    "description synopsis show episode_id network keywords track disc compilation location season_number episode_sort "
    "hd_video gapless_playback media_type",
    "mov": "title artist album date creation_time comment genre copyright location make model",
}


@dataclass(frozen=True)
class Choice:
    """How frames are encoded.

    Args:
        encoder, pix_fmt: FFmpeg's names.
        size: (width, height); odd sides lose a row or column where the codec has none.
        options: of the encoder.
        notes: losses from the source, in words.
    """

    encoder: str
    pix_fmt: str
    size: tuple[int, int]
    options: dict[str, str]
    notes: tuple[str, ...]


def container_of(suffix: str) -> str:
    """FFmpeg's name of the container that a suffix stands for.

    Raises:
        InputError: no film is written under it.
    """
    try:
        return CONTAINERS[suffix.lower()]
    except KeyError:
        raise InputError(f"{suffix}: films are not written so; choose one of {', '.join(CONTAINERS)}") from None


def container_options(suffix: str, keys: Iterable[str], covers: bool, time_base: Fraction) -> dict[str, str]:
    """FFmpeg's options of a new container.

    Args:
        suffix: of the film, in small letters.
        keys: of its metadata.
        covers: whether it has pictures beside the film.
        time_base: of its times, in seconds.
    """
    container = container_of(suffix)
    if container in QUICKTIME:
        plain = PLAIN_KEYS.get(container, PLAIN_KEYS["mp4"]).split()
        tags = "+use_metadata_tags" if {key.split("-")[0] for key in keys} - set(plain) and not covers else ""
        # Without `movie_timescale` the film's length is rounded to milliseconds.
        exact = time_base.numerator == 1 and 1000 <= time_base.denominator <= 10**6
        return {
            "movflags": f"+faststart{tags}",
            "movie_timescale": str(time_base.denominator if exact else 1000),
        }
    if container == "mpegts":
        return {"mpegts_m2ts_mode": "1" if suffix in (".mts", ".m2ts") else "0", "mpegts_copyts": "1"}
    return {}


def choose(container: str, source: str, pixel_format: Any, size: tuple[int, int], full_range: bool) -> Choice:
    """The encoder and pixel format that lose least; of equals the source's own codec, then the first.

    Args:
        container: FFmpeg's name of it.
        source: FFmpeg's name of the source's codec.
        pixel_format: `av.VideoFormat` of its frames.
        size: (width, height) of the frames to write.
        full_range: whether black is 0.
    """
    import av

    codec = av.Codec(source)
    own = SAME.get(codec.canonical_name, (codec.canonical_name,))
    if codec.lossless and not codec.lossy and not set(own) & set(ENCODERS[container]):
        own = ("ffv1", "png" if pixel_format.is_rgb or pixel_format.has_palette else "prores_ks")
    best = None
    for order, encoder in enumerate(ENCODERS[container]):
        if encoder not in av.codecs_available:
            continue
        formats = av.Codec(encoder, "w").video_formats or []
        if encoder == H265 or container == "mp4":  # they hold transparency for few players, or none
            formats = [one for one in formats if not has_alpha(one)]
        for wanted in _formats(encoder, [one.name for one in formats], full_range):
            chosen = av.VideoFormat(wanted, *size)
            written = tuple(side // step * step for side, step in zip(size, _steps(encoder, chosen), strict=True))
            alpha, depth, chroma, other_colours, surplus = _losses(pixel_format, chosen)
            # Another codec than the source's is worth transparency or more than 8 bits, not a row of an odd size.
            coarse = depth > 0 and bits(chosen) < 10
            key = (alpha, coarse, chroma, encoder not in own, other_colours, order, depth, surplus, written != size)
            if min(written) > 0 and (best is None or key < best[0]):
                best = (key, Choice(encoder, wanted, written, dict(OPTIONS.get(encoder, {})), ()))
    if best is None:
        raise InputError(f"frames of {size[0]}x{size[1]} are too small for {container}; leave it out")
    (alpha, _, chroma, _, _, _, depth, *_), choice = best
    name, notes = NAMES[choice.encoder], []
    if choice.encoder not in SAME.get(codec.canonical_name, (codec.canonical_name,)):
        notes.append(f"{name} in place of {codec.canonical_name}")
    if alpha:
        notes.append("transparency left out, colours as they lie below it")
    if depth:
        notes.append(f"{bits(pixel_format)} bits became {bits(av.VideoFormat(choice.pix_fmt))}")
    if chroma:
        notes.append(f"chroma became {choice.pix_fmt}")
    if choice.size != size:
        notes.append(f"{size[0]}x{size[1]} became {choice.size[0]}x{choice.size[1]}: {name} has even sides here")
    options = choice.options
    if has_alpha(av.VideoFormat(choice.pix_fmt)) and choice.encoder == VP9:
        options["auto-alt-ref"] = "0"  # libvpx encodes transparency only so
    if choice.encoder == "prores_ks":
        options["profile"] = "4444" if "444" in choice.pix_fmt else "hq"
    return Choice(choice.encoder, choice.pix_fmt, choice.size, options, tuple(notes))


def _formats(encoder, names, full_range):
    """The pixel formats of an encoder that come into question."""
    if encoder == "mjpeg":  # the others say limited range, which few readers of JPEG know
        names = [name for name in names if name.startswith("yuvj")] if full_range else names
        names = [name.replace("yuv4", "yuvj4") for name in names if name.startswith("yuv4")] or names
    else:
        names = [name for name in names if not name.startswith(("yuvj", "nv"))]
    return [name for name in names if not name.endswith("be") or encoder == "png"]


def _steps(encoder, pixel_format):
    """The multiples that the (width, height) of an encoder's frames have to be."""
    if encoder not in EVEN:
        return 1, 1
    if encoder == AV1:
        return 2, 2
    return _chroma_steps(pixel_format)


def _chroma_steps(pixel_format):
    """Columns and rows of pixels for one of chroma: (2, 2) in 4:2:0, (4, 1) in 4:1:1."""
    return 8 // pixel_format.chroma_width(8), 8 // pixel_format.chroma_height(8)


def _losses(before, after):
    """(alpha, bits, chroma, RGB or not) that are lost from one pixel format to another, or stored in vain."""

    def shape(one):
        parts = one.components
        is_rgb = one.is_rgb or one.has_palette
        is_grey = not is_rgb and sum(not part.is_alpha for part in parts) == 1
        return has_alpha(one), bits(one), is_grey, (1, 1) if is_rgb else _chroma_steps(one), is_rgb

    alpha, depth, is_grey, steps, is_rgb = shape(before)
    new_alpha, new_depth, new_grey, new_steps, new_rgb = shape(after)
    chroma = not is_grey and (new_grey or new_steps[0] > steps[0] or new_steps[1] > steps[1])
    # Less is lost, but much is stored, where the new format holds more than the old one.
    surplus = (new_depth - depth if new_depth > depth else 0) + 4 * (new_alpha and not alpha)
    surplus += 2 * (steps[0] * steps[1] // (new_steps[0] * new_steps[1])) * (not is_grey) + (is_grey and not new_grey)
    return alpha and not new_alpha, max(0, depth - new_depth), chroma, is_rgb != new_rgb, surplus


@contextmanager
def as_scheduled() -> Iterator[None]:
    """Gives all threads of the process, those that are new included, the scheduling of the one that calls.

    Run by root, as in a container, SVT-AV1 makes its own threads and the one that starts it real-time ones of the
    highest priority, for good: no other thread, of whatever program, runs on their processors while they compute.
    """
    if sys.platform != "linux":  # SVT-AV1 does so on Linux alone
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(int(thread.name)) != before[0]:
                    os.sched_setscheduler(int(thread.name), *before)
