"""How a film is written: metadata, the pixels' aspect, times, key frames, what players look for."""

import os
import sys
from fractions import Fraction
from pathlib import Path

import films
import numpy as np
import pytest

from gandeblur.inference import film_matroska, video

av = pytest.importorskip("av")


@pytest.mark.parametrize(
    "suffix, keys",
    [
        ("mp4", ["title", "artist", "comment", "creation_time", "location"]),
        ("mp4", ["title", "creation_time", "location", "make", "model", "com.android.version"]),
        ("mov", ["title", "creation_time", "location", "make", "model"]),
        ("mov", ["creation_time", "com.apple.quicktime.location.ISO6709", "com.apple.quicktime.make"]),
        ("mkv", ["title", "creation_time", "location", "make", "anything"]),
        ("avi", ["title", "artist", "comment"]),
        ("flv", ["title", "artist"]),
    ],
)
def test_metadata_are_kept(suffix, keys, tmp_path):
    values = {"creation_time": "2024-05-06T07:08:09.000000Z", "location": "+48.2000+016.3700/"}
    values |= {"com.apple.quicktime.location.ISO6709": "+47.3000+008.5500+410.000/"}
    metadata = {key: values.get(key, f"Ü {key}") for key in keys}
    flags = {"movflags": "use_metadata_tags"} if suffix in ("mp4", "mov") else {}
    path = films.write(tmp_path / f"a.{suffix}", films.moving(2), metadata=metadata, container_options=flags)
    report, target = films.restored(path)
    found = {key.lower(): value for key, value in films.read(target).metadata.items()}
    assert {key: found.get(key.lower()) for key in keys} == metadata
    assert not any("does not hold" in note for note in report.notes)


def test_metadata_that_a_container_does_not_hold_are_named(tmp_path):
    path = films.write(tmp_path / "a.mkv", films.moving(12), metadata={"title": "Here", "model": "X"})
    report = video.restore_video(films.same, path, tmp_path / "a.ts")
    assert ".ts does not hold metadata title, metadata model" in [
        note.lower().replace(".TS", ".ts") for note in report.notes
    ]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "m4v", "ts", "avi"])
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(64, 45), Fraction(16, 15), Fraction(32, 27)])
def test_the_pixels_aspect_stays(aspect, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(4), aspect=aspect)
    report, target = films.restored(path)
    assert films.read(target).aspect == films.read(path).aspect == aspect
    assert not any("does not hold" in note for note in report.notes)


@pytest.mark.parametrize(
    "codec, pix_fmt, suffix",
    [
        ("ffv1", "yuv422p", "mkv"),
        ("ffv1", "bgra", "mkv"),
        ("libvpx-vp9", "yuv420p", "webm"),
        ("libvpx-vp9", "yuv420p", "mkv"),
        ("libsvtav1", "yuv420p", "webm"),
        ("mjpeg", "yuvj420p", "mkv"),
        ("prores_ks", "yuv422p10le", "mkv"),
    ],
)
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(64, 45), Fraction(16, 15), Fraction(8, 9)])
def test_matroska_states_the_aspect_of_codecs_that_do_not(aspect, codec, pix_fmt, suffix, tmp_path):
    first = films.write(tmp_path / "a.mov", [films.patches(72, 720)] * 2, "png", "rgb24", aspect=aspect)
    path = films.write(tmp_path / f"b.{suffix}", [films.patches(72, 720)] * 2, codec, pix_fmt)
    shown = film_matroska.shown_size("matroska", (720, 72), aspect)
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)
    writer_aspect = Fraction(shown[0], 720)
    if codec == "ffv1":  # from a container that states it, and again from its own result
        report = video.restore_video(films.same, first, path)
        assert not any("does not hold" in note for note in report.notes)
        assert films.read(path).aspect == writer_aspect
    else:
        path = films.write(path, [films.patches(72, 720)] * 2, codec, pix_fmt, prepare=marked)
        film_matroska.set_size(path, shown)
        assert films.read(path).aspect == writer_aspect
    report, target = films.restored(path)
    new = films.read(target)
    assert new.aspect == writer_aspect and len(new.frames) == 2
    assert not any("does not hold" in note for note in report.notes)
    assert not {"STEREO3D"} & set(new.side_data)


@pytest.mark.skipif(sys.platform != "linux", reason="SVT-AV1 asks for it on Linux alone")
def test_no_thread_becomes_a_real_time_one(tmp_path):
    """Which SVT-AV1 makes of its own and of the one that calls it, where root runs it."""
    path = films.write(tmp_path / "a.webm", films.moving(2), "libsvtav1")
    seen = set()

    def look(image, **options):
        seen.update(os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir())
        return image

    before = os.sched_getscheduler(0)
    video.restore_video(look, path, tmp_path / "b.webm")  # the second frame's look is behind the encoder's start
    look(None)
    assert seen == {before}


def marked(container, stream):
    stream.metadata.update(film_matroska.MARK)


def test_an_aspect_that_a_container_cannot_state_is_named(tmp_path):
    path = films.write(tmp_path / "a.mov", films.moving(2), "qtrle", "rgb24", aspect=Fraction(4, 3))
    report = video.restore_video(films.same, path, tmp_path / "a.avi")
    assert ".avi does not hold pixels of 4/3 to 1 for FFV1" in report.notes


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm"])
def test_key_frames_come_every_two_seconds_at_most(suffix, tmp_path):
    times = [*range(0, 7000, 100), 9500, 9600, 15000]
    codec = "libvpx-vp9" if suffix == "webm" else "libx264"
    path = films.write(tmp_path / f"a.{suffix}", [films.patches()] * len(times), codec, times=times)
    _, target = films.restored(path)
    with av.open(str(target)) as container:
        keys = [float(one.pts * one.time_base) for one in container.demux(video=0) if one.size and one.is_keyframe]
    assert np.diff([one for one in keys if one < 7]).max() <= 2.001
    assert {0.0, 2.0, 4.0, 6.0} <= {round(one, 3) for one in keys}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "m4v", "3gp"])
def test_the_index_comes_first_for_the_web(suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(4))
    _, target = films.restored(path)
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_timecode_and_hevc_tag_of_quicktime_are_kept(tmp_path):
    def timecode(container, stream):
        stream.metadata["timecode"] = "01:02:03:04"

    path = films.write(
        tmp_path / "a.mov",
        films.moving(4),
        "libx265",
        options={"x265-params": "bframes=0:log-level=error"},
        prepare=timecode,
    )
    report, target = films.restored(path)
    with av.open(str(target)) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:02:03:04"
        assert sum(one.type == "data" for one in container.streams) == 1
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_hevc_films_of_few_frames_are_written(count, tmp_path):
    path = films.write(
        tmp_path / "a.mp4", films.moving(count), "libx265", options={"x265-params": "bframes=0:log-level=error"}
    )
    _, target = films.restored(path)
    assert films.read(target).times == films.read(path).times


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_start_times_stay_in_step(suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(6), times=[300, 340, 380, 420, 460, 500], sounds=["deu"])
    _, target = films.restored(path)
    with av.open(str(path)) as old, av.open(str(target)) as new:
        starts = [[float(next(box.decode(one)).time) for one in (box.streams.video[0],)] for box in (old, new)]
    assert starts[0] == [0.3]
    assert starts[1] == pytest.approx(starts[0], abs=0.001)


def test_sizes_that_change_are_fitted_and_it_is_said(tmp_path):
    path = tmp_path / "a.ts"
    parts = [films.write(tmp_path / f"{number}.ts", films.moving(6, 48 * number, 64 * number)) for number in (1, 2)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    report, target = films.restored(path)
    assert "frames of another size than the first were fitted to it" in report.notes
    assert {(one.width, one.height) for one in films.read(target).frames} == {(64, 48)}
