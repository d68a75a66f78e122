"""Small films, and an independent player: planes as they are stored, matrix and range applied in floating point."""

import os
import struct
from fractions import Fraction
from types import SimpleNamespace

import numpy as np

from gandeblur.inference.film_codecs import as_scheduled

os.environ.setdefault("SVT_LOG", "1")  # else the AV1 encoder tells its settings on stderr
WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}


def same(image, **options):
    """The identity as restorer: any change is the suite's."""
    return image


def restored(path, restore=same, name=None):
    """(report, path of the new film, in `out` beside the old one)."""
    from gandeblur.inference import video

    target = video.target(path.parent / "out" / (name or path.name))
    target.parent.mkdir(exist_ok=True)
    return video.restore_video(restore, path, target), target


def patches(height=48, width=64):
    """Saturated colours beside a gradient, uint8 `[H, W, 3]`."""
    colours = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
        (255, 0, 255),
        (0, 255, 255),
        (200, 30, 30),
        (128,) * 3,
    ]
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(0, 255, width)[None, :, None]
    image[..., 1] = np.linspace(40, 210, height)[:, None]
    for number, colour in enumerate(colours):
        step = width // len(colours)
        image[height * 3 // 4 :, number * step : (number + 1) * step] = colour
    return image


def moving(count=8, height=48, width=64):
    """Frames of a picture that moves by two pixels."""
    image = patches(height, width)
    return [np.roll(image, 2 * number, axis=1) for number in range(count)]


def planes(image, matrix, full=False, bits=8, steps=(2, 2)):
    """uint8 `[H, W, 3]` -> Y, U, V by the matrix's definition (ITU-T H.273); chroma is the mean of its pixels."""
    red, blue = WEIGHTS[matrix]
    r, g, b = np.moveaxis(image.astype(float) / 255, -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    across, down = steps
    u, v = (
        c.reshape(c.shape[0] // down, down, -1, across).mean((1, 3))
        for c in ((b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red))
    )
    scale, most = 2 ** (bits - 8), 2**bits - 1
    if full:
        values = y * most, u * most + 128 * scale, v * most + 128 * scale
    else:
        values = (16 + 219 * y) * scale, (128 + 224 * u) * scale, (128 + 224 * v) * scale
    return [np.clip(np.rint(one), 0, most).astype(np.uint8 if bits == 8 else np.uint16) for one in values]


def colours(y, u, v, matrix, full=False, bits=8):
    """The inverse: Y, U, V -> RGB, float `[H, W, 3]`, 0 to 255. Chroma by repetition, as many players have it."""
    red, blue = WEIGHTS[matrix]
    u, v = (one.repeat(-(-y.shape[0] // one.shape[0]), 0).repeat(-(-y.shape[1] // one.shape[1]), 1) for one in (u, v))
    u, v = (one[: y.shape[0], : y.shape[1]].astype(float) for one in (u, v))
    scale, most = 2 ** (bits - 8), 2**bits - 1
    y = y / most if full else (y / scale - 16) / 219
    u, v = ((one - 128 * scale) / most if full else (one / scale - 128) / 224 for one in (u, v))
    r, b = y + (2 - 2 * red) * v, y + (2 - 2 * blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)


def frame(parts, pix_fmt):
    """An `av.VideoFrame` of planes."""
    import av

    made = av.VideoFrame(parts[0].shape[1], parts[0].shape[0], pix_fmt)
    for plane, part in zip(made.planes, parts, strict=True):
        part = np.ascontiguousarray(part)
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : part.shape[1] * part.itemsize] = part.view(np.uint8)
        plane.update(rows.tobytes())
    return made


def stored(made):
    """The planes of an `av.VideoFrame`, as they are stored."""
    parts = []
    for plane, component in zip(made.planes, made.format.components, strict=False):
        kind = np.uint8 if component.bits == 8 else np.uint16
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        parts.append(rows[:, : plane.width * np.dtype(kind).itemsize].copy().view(kind))
    return parts


@as_scheduled()
def write(path, frames, codec="libx264", pix_fmt="yuv420p", options=None, tags=None, times=None, last=None, **more):
    """A film of RGB pictures (by FFmpeg, untagged), or of lists of planes (as they are).

    Args:
        path: its file.
        frames: uint8 `[H, W, 3]`, or planes.
        tags: numbers of (matrix, primaries, transfer, range).
        times: of the frames, in ms; None: 25 a second.
        last: how long the last frame stays, in ms.
        more: `prepare(container, stream)`, `format`, `aspect`, `metadata`, `container_options`, `sounds` (languages).
    """
    import av

    lossless = {"libx264": {"qp": "0"}, "libx265": {"x265-params": "lossless=1:bframes=0:log-level=error"}}
    with av.open(str(path), "w", more.get("format"), container_options=more.get("container_options")) as container:
        container.metadata.update(more.get("metadata", {}))
        base = Fraction(1, 1000) if times is not None else Fraction(1, 25)
        stream = container.add_stream(codec, rate=25, time_base=base, options=lossless.get(codec, {}) | (options or {}))
        shape = np.asarray(frames[0][0]).shape if isinstance(frames[0], list) else frames[0].shape
        stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], pix_fmt
        context = stream.codec_context
        if tags:
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        if "aspect" in more:
            context.sample_aspect_ratio = more["aspect"]
        sounds = []
        for language in more.get("sounds", ()):
            sound = container.add_stream(more.get("sound_codec", "aac"), rate=48000, layout="mono")
            sound.metadata["language"], sound.bit_rate = language, 96000
            sounds.append(sound)
        if "prepare" in more:
            more["prepare"](container, stream)
        packets = []
        for number, one in enumerate(frames):
            made = frame(one, pix_fmt) if isinstance(one, list) else av.VideoFrame.from_ndarray(one, "rgb24")
            made.pts, made.time_base = (times[number] if times is not None else number), base
            packets += stream.encode(made)
        packets += stream.encode(None)
        for packet in packets:
            if last is not None and packet is packets[-1]:
                packet.duration = round(Fraction(last, 1000) / packet.time_base)
            container.mux(packet)
        for number, sound in enumerate(sounds):
            tone = (0.2 * np.sin(np.arange(16384) * (number + 1) / 20)).astype(np.float32)[None]
            made = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            made.sample_rate, made.pts, made.time_base = 48000, 0, Fraction(1, 48000)
            container.mux(sound.encode(made))
            container.mux(sound.encode(None))
    return path


def read(path):
    """What a film's file holds: frames, their times, the stream, its tags, all streams' kinds and languages."""
    import av

    with av.open(str(path)) as container:
        stream = next(one for one in container.streams.video if not one.disposition & 1024)
        frames = list(container.decode(stream))
        first, context = frames[0], stream.codec_context
        return SimpleNamespace(
            frames=frames,
            times=[round(float(one.time) * 1000) for one in frames],
            codec=context.name,
            pix_fmt=first.format.name,
            size=(first.width, first.height),
            tags=(first.colorspace, first.color_primaries, first.color_trc, first.color_range),
            aspect=stream.sample_aspect_ratio,
            interlaced=any(one.interlaced_frame for one in frames),
            seconds=container.duration / 1e6 if container.duration else None,
            side_data={one.type.name: bytes(one) for one in first.side_data},
            streams=[(one.type, one.metadata.get("language")) for one in container.streams],
            dispositions=[int(one.disposition) for one in container.streams],
            metadata=container.metadata,
            chapters=container.chapters(),
        )


def shown(path, number=0):
    """A frame as a player shows it: by its tags, or untagged by its size; float `[H, W, 3]`, 0 to 255."""
    film = read(path)
    one = film.frames[number]
    matrix, _, _, reach = film.tags
    if matrix == 2:
        matrix = 1 if one.height >= 720 or one.width >= 1280 else 5
    full = reach == 2 or one.format.name.startswith("yuvj")
    return colours(*stored(one)[:3], matrix, full, one.format.components[0].bits)


def psnr_db(first, second):
    return 10 * np.log10(255**2 / max(np.mean((first - second) ** 2), 1e-9))


def set_matrix(path, a, b, c, d):
    """Writes a display matrix into the track header of an MP4 or MOV file."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
