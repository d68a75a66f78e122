"""What comes out of a film when nothing is restored: how it is measured, and what it has to be.

The cases are those in which films went wrong once. Each stands for its kind; the other tests look at the kinds closely.
"""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import films
import numpy as np
from PIL import Image

from gandeblur.inference import video


class Case(NamedTuple):
    """A film.

    Attributes:
        what: it shows, for the table.
        name: of the file.
        make: writes it to a path.
        seen: what is measured of `Out`.
        right: what it has to be.
    """

    what: str
    name: str
    make: Callable[[Path], Any]
    seen: Callable[[Any], Any]
    right: Any


def restored(folder: Path, name: str, make: Callable[[Path], Any]) -> Any:
    """A film after `restore_video` with the identity: `source`, `path` (None if it was refused), `said`."""
    source = folder / name
    make(source)
    target = getattr(video, "target", lambda path: path)(folder / "out" / name)
    target.parent.mkdir(exist_ok=True)
    try:
        report = video.restore_video(films.same, source, target)
    except Exception as error:
        return SimpleNamespace(source=source, path=None, said=str(error).replace(str(folder), "").lstrip("/"))
    said = "; ".join((*report.notes, report.damage)).strip("; ") if report else ""
    from av import FFmpegError

    try:
        old = films.read(source)
    except FFmpegError:  # it is damaged
        old = None
    return SimpleNamespace(source=source, path=target, said=said, old=old, new=films.read(target))


def hd(tags):
    """1280x720, of which the planes are made by the matrix itself."""
    image = films.patches(720, 1280)
    full = bool(tags) and tags[3] == 2
    return lambda path: films.write(path, [films.planes(image, 1, full)] * 2, tags=tags)


def error(out):
    """Whether the mean of each colour stays within 0.3 levels, and PSNR is 40 dB."""
    before, after = films.shown(out.source), films.shown(out.path)
    return bool(np.abs((after - before).mean((0, 1))).max() < 0.3), bool(films.psnr_db(before, after) >= 40)


def deep(transfer, codec="libx265", pix_fmt="yuv420p10le"):
    steps = (2, 2) if "420" in pix_fmt else (2, 1)
    parts = films.planes(films.patches(), 9, bits=10, steps=steps)
    return lambda path: films.write(path, [parts] * 3, codec, pix_fmt, tags=(9, 9, transfer, 1))


def mirrored(a, b, c, d):
    def make(path):
        films.write(path, films.moving(2))
        films.set_matrix(path, a, b, c, d)

    return make


def turns(change):
    """Whether the new film's stored picture is the old one's as the matrix has it shown."""

    def seen(out):
        old, new = (one.frames[0].to_ndarray(format="rgb24").astype(int) for one in (out.old, out.new))
        wanted = np.ascontiguousarray(change(old))
        return new.shape == wanted.shape and bool(np.abs(new - wanted).mean() < 6)

    return seen


def woven(path):
    many = films.moving(12)
    fields = [np.where((np.arange(48) % 2)[:, None, None], many[k + 1], many[k]) for k in range(0, 12, 2)]
    films.write(path, fields, options={"x264-params": "tff=1", "bf": "0"})


def lasting(path):
    films.write(path, films.moving(4), times=[0, 40, 80, 120], last=3000, options={"bf": "0"})


def aspect(codec="libx264", pix_fmt="yuv420p"):
    return lambda path: films.write(path, films.moving(4), codec, pix_fmt, aspect=Fraction(64, 45))


def one_bad_packet(path):
    """The third packet's picture is overwritten."""
    import av

    films.write(path, films.moving(12), "mpeg4", options={"bf": "0", "g": "1"})
    with av.open(str(path)) as container:
        bad = [bytes(one) for one in container.demux(video=0) if one.size][2]
    path.write_bytes(path.read_bytes().replace(bad, b"\xff" * len(bad)))


def cut(share):
    def make(path):
        flags = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
        films.write(path, films.moving(24), options={"bf": "0", "g": "6"}, container_options=flags)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return make


def two_sounds(path):
    films.write(path, films.moving(12), sounds=["ger", "eng"], metadata={"title": "Ümlaut"}, prepare=chapter)


def chapter(container, stream):
    mark = {"id": 0, "start": 0, "end": 480, "time_base": Fraction(1, 1000), "metadata": {"title": "Öne"}}
    container.set_chapters([mark])


def clear(path):
    import av

    ramp = np.linspace(0, 255, 64).round().astype(np.uint8)[None].repeat(48, 0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        for image in films.moving(2):
            picture = av.VideoFrame.from_ndarray(np.dstack([image, ramp]), "rgba")
            container.mux(stream.encode(picture.reformat(format="argb")))
        container.mux(stream.encode(None))


def song(path):
    """Sound, and a cover as its only picture."""
    import av

    art = io.BytesIO()
    Image.fromarray(films.patches()).save(art, "PNG")
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48000, layout="mono")
        container.add_attachment("cover.png", "image/png", art.getvalue())
        made = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        made.sample_rate = 48000
        container.mux(sound.encode(made))
        container.mux(sound.encode(None))


def keys(out):
    """The longest way from one key frame to the next, in seconds; whether the index comes first."""
    import av

    with av.open(str(out.path)) as container:
        times = [float(one.pts * one.time_base) for one in container.demux(video=0) if one.size and one.is_keyframe]
    data = out.path.read_bytes()
    return max(np.diff([*times, out.new.times[-1] / 1000])) <= 2.001, data.index(b"moov") < data.index(b"mdat")


def kind(out):
    return out.path is not None and len(out.new.frames) == len(out.old.frames)


def other(name, codec, sound="", **more):
    sounds = {"sounds": ["deu"], "sound_codec": sound} if sound else {}
    return Case(
        f"{name[1:]} files",
        name,
        lambda path: films.write(path, films.moving(12, 96, 128), codec, **sounds, **more),
        kind,
        True,
    )


CASES = [
    Case("BT.709, HD", "a.mp4", hd((1, 1, 1, 1)), lambda out: (out.new.tags, error(out)), ((1, 1, 1, 1), (True, True))),
    Case(
        "BT.709, HD, full range", "a.mp4", hd((1, 1, 1, 2)), lambda out: (out.new.tags[0], error(out)), (1, (True,) * 2)
    ),
    Case("HD, untagged", "a.mp4", hd(None), lambda out: ("BT.709" in out.said, error(out)), (True, (True, True))),
    *(
        Case(
            f"HDR, {name}",
            "a.mp4",
            deep(number),
            lambda out: (out.new.pix_fmt, out.new.tags[:3], "HDR" in out.said),
            ("yuv420p10le", (9, 9, number), True),
        )
        for name, number in (("HLG", 18), ("PQ", 16))
    ),
    Case("10 bits, 4:2:2", "a.mov", deep(1, "prores_ks", "yuv422p10le"), lambda out: out.new.pix_fmt, "yuv422p10le"),
    Case("mirrored, left to right", "a.mov", mirrored(-1, 0, 0, 1), turns(np.fliplr), True),
    Case("mirrored, upside down", "a.mp4", mirrored(1, 0, 0, -1), turns(np.flipud), True),
    Case("transposed", "a.mov", mirrored(0, 1, 1, 0), turns(lambda one: one.swapaxes(0, 1)), True),
    Case("turned by a quarter", "a.mov", mirrored(0, 1, -1, 0), turns(lambda one: np.rot90(one, -1)), True),
    Case("interlaced", "a.mkv", woven, lambda out: (out.new.interlaced, "deinterlaced" in out.said), (False, True)),
    Case(
        "B-frames in AVI",
        "a.avi",
        lambda path: films.write(path, films.moving(8), "mpeg4", options={"bf": "2"}),
        lambda out: (np.diff(out.new.times).tolist(), len(out.new.frames)),
        ([40] * 7, 8),
    ),
    *(
        Case(
            f"pixels that are not square, {name}",
            name,
            aspect(*how),
            lambda out: round(float(out.new.aspect or 1), 2),
            1.42,
        )
        for name, how in (("a.mp4", ()), ("a.mkv", ()))
    ),
    Case(
        "a last frame of 3 s, MP4",
        "a.mp4",
        lasting,
        lambda out: (out.new.times, round(out.new.seconds, 2)),
        ([0, 40, 80, 120], 3.12),
    ),
    Case("a last frame of 3 s, Matroska", "a.mkv", lasting, lambda out: round(out.new.seconds, 2), 3.12),
    Case(
        "one damaged packet of 12",
        "a.avi",
        one_bad_packet,
        lambda out: (len(out.new.frames), "1 " in out.said),
        (11, True),
    ),
    *(
        Case(
            f"cut at 60 %, {name}",
            name,
            cut(0.6),
            lambda out: (len(out.new.frames) > 5, "cut off" in out.said),
            (True, True),
        )
        for name in ("a.mp4", "a.mkv")
    ),
    Case(
        "two sounds, title and chapters, MP4",
        "a.mp4",
        two_sounds,
        lambda out: (
            [one for one in out.new.streams if one[0] == "audio"],
            out.new.metadata.get("title"),
            len(out.new.chapters),
        ),
        ([("audio", "ger"), ("audio", "eng")], "Ümlaut", 1),
    ),
    Case(
        "transparency, QuickTime Animation",
        "a.mov",
        clear,
        lambda out: (out.new.codec, out.new.pix_fmt),
        ("qtrle", "argb"),
    ),
    Case(
        "an odd size in VP9",
        "a.webm",
        lambda path: films.write(path, [np.resize(films.patches(), (33, 47, 3))] * 2, "libvpx-vp9"),
        lambda out: out.new.size,
        (47, 33),
    ),
    Case("a song with a cover", "a.mka.mkv", song, lambda out: (out.path is None, "cover" in out.said), (True, True)),
    Case(
        "key frames, and the index first",
        "a.mp4",
        lambda path: films.write(path, films.moving(3) * 30),
        keys,
        (True, True),
    ),
    other("a.mts", "libx264", "ac3"),
    other("a.ts", "mpeg2video", "mp2"),
    other("a.mpg", "mpeg2video", "mp2"),
    other("a.3gp", "mpeg4", "aac"),
    other("a.wmv", "wmv2", "wmav2"),
    other("a.flv", "flv", "aac"),
]
