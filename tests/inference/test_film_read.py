"""What is read of a film: its stream, times, length, and what is damaged."""

import random
import struct
from fractions import Fraction

import films
import numpy as np
import pytest

from gandeblur.errors import InputError
from gandeblur.inference import film_read

av = pytest.importorskip("av")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    "times, last",
    [([0, 20, 45, 62, 95, 1000, 1010], 3000), ([0, 2000, 4000], 2000), ([0, 40, 80, 120], 40), ([0], 5000)],
)
def test_times_and_the_last_frames_stay(times, last, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(len(times)), times=times, last=last, options={"bf": "0"})
    report, target = films.restored(path)
    old, new = films.read(path), films.read(target)
    assert new.times == old.times == times and report.damage == ""
    assert old.seconds == new.seconds == pytest.approx((times[-1] + last) / 1000, abs=0.002)


def test_a_frame_that_has_the_time_of_another_does_not_shift_those_behind_it(tmp_path):
    path = films.write(tmp_path / "a.mkv", films.moving(9), times=[40 * n for n in range(9)], options={"bf": "0"})
    film = film_read.opened(path)
    with film.container:
        assert [
            float(film._later(*times)) for times in ((0.08, 0.08, 0.04), (0.05, 0.08, 0.04), (0.2, 0.08, 0.04))
        ] == [
            pytest.approx(0.09),  # a little behind it
            pytest.approx(0.09),
            0.2,
        ]
        assert float(film._later(None, 0.08, 0.05)) == pytest.approx(0.13)
        assert float(film._later(0.0, 5.0, 0.04)) == pytest.approx(5.04)  # times that begin anew: at the film's rate


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("times", [[*range(0, 240, 40), 360, 480, 600, 720, 840, 960], [0, 40, 80, 200, 700, 1500]])
def test_the_length_is_right_where_frames_stay_longer_and_longer(times, suffix, tmp_path):
    """Frames are decoded before they are shown, and QuickTime states the film's length and that of its times."""
    path = films.write(tmp_path / f"a.{suffix}", films.moving(len(times)), times=times, last=40, options={"bf": "2"})
    _, target = films.restored(path)
    assert films.read(target).times == times
    length = Fraction(times[-1] + 40, 1000)
    with av.open(str(target)) as new:
        stream = new.streams.video[0]
        assert stream.duration * stream.time_base == length and Fraction(new.duration, 10**6) == length
    data = target.read_bytes()
    at = data.index(b"mvhd") + 16  # of the whole film: units a second, length
    units, whole = struct.unpack_from(">II", data, at)
    assert Fraction(whole, units) == length


def test_a_length_of_no_whole_milliseconds_stays(tmp_path):
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in films.moving(7):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    old = films.read(path)
    _, target = films.restored(path)
    with av.open(str(target)) as new:
        stream = new.streams.video[0]
        assert stream.duration * stream.time_base == 7 * Fraction(1001, 30000)
    assert films.read(target).times == old.times


def test_a_matroska_films_last_frame_stays_though_sound_ends_before(tmp_path):
    path = films.write(
        tmp_path / "a.mkv", films.moving(3), times=[0, 100, 200], last=4000, sounds=["deu"], options={"bf": "0"}
    )
    _, target = films.restored(path)
    assert films.read(target).seconds == pytest.approx(4.2, abs=0.03)


def test_a_matroska_film_that_begins_late_does_not_stay_for_longer(tmp_path):
    times = [10_000, 10_040, 10_080]
    path = films.write(tmp_path / "a.mkv", films.moving(3), times=times, last=40, options={"bf": "0"})
    _, target = films.restored(path)
    old, new = films.read(path), films.read(target)
    assert new.times == old.times == times and new.seconds == old.seconds == pytest.approx(10.12)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_with_b_frames_comes_in_order_and_can_be_read_again(codec, tmp_path):
    def b_frames(container, stream):
        stream.codec_context.max_b_frames = 2

    path = films.write(tmp_path / "a.avi", films.moving(12), codec, prepare=b_frames)
    _, target = films.restored(path)
    new = films.read(target)
    assert len(new.frames) == 12 and set(np.diff(new.times)) == {40}
    for old, one in zip(films.read(path).frames, new.frames, strict=True):
        assert np.abs(old.to_ndarray(format="gray").astype(int) - one.to_ndarray(format="gray")).mean() < 4
    assert films.restored(target, name="again.avi")[0].damage == ""


def test_the_default_film_is_taken_and_never_a_cover(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, disposition in zip(streams, (0, 1), strict=True):
            stream.width, stream.height, stream.pix_fmt, stream.disposition = 64, 48, "yuv420p", disposition
        for stream, value in zip(streams, (40, 200), strict=True):
            for _ in range(3):
                picture = np.full((48, 64, 3), value, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode(None))
    seen = []
    report, target = films.restored(path, lambda pixels: seen.append(pixels.mean()) or pixels)
    assert np.allclose(seen, 200, atol=3)
    assert "picture track 1 copied as it is, not restored" in report.notes
    assert len(films.read(target).streams) == 2


def damaged(path, count, seed=0):
    data, rng = bytearray(path.read_bytes()), random.Random(seed)
    with av.open(str(path)) as container:
        spots = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for _ in range(count):
        position, size = spots[rng.randrange(len(spots) // 3, len(spots))]
        data[position + rng.randrange(16, max(17, size))] = rng.randrange(256)
    path.write_bytes(data)


def test_a_damaged_packet_costs_its_frame_alone(tmp_path):
    path = films.write(tmp_path / "a.mp4", films.moving(24), options={"x264-params": "keyint=6"})
    with av.open(str(path)) as container:
        spots = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    position, size = spots[14]
    data[position : position + size] = bytes(size)
    path.write_bytes(data)
    report, target = films.restored(path)
    assert len(films.read(target).frames) == 23
    assert report.damage == "1 packet could not be decoded"


@pytest.mark.parametrize("seed", range(4))
def test_frames_that_the_decoder_completes_are_counted(seed, tmp_path):
    path = films.write(tmp_path / "a.mp4", films.moving(24), options={"qp": "20", "x264-params": "keyint=6"})
    damaged(path, 60, seed)
    report, target = films.restored(path)
    assert len(films.read(target).frames) >= 20
    assert "damaged parts" in report.damage or "could not be decoded" in report.damage


@pytest.mark.parametrize(
    "suffix, codec",
    [
        ("mp4", "libx264"),
        ("mov", "libx264"),
        ("mkv", "libx264"),
        ("webm", "libvpx-vp9"),
        ("avi", "mpeg4"),
        ("flv", "libx264"),
        ("wmv", "wmv2"),
    ],
)
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_cut_file_gives_what_is_there_and_says_so(share, suffix, codec, tmp_path):
    box = {"container_options": {"movflags": "faststart"}} if suffix in ("mp4", "mov") else {}
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    path = films.write(
        tmp_path / f"a.{suffix}",
        [np.roll(noise, 3 * number, axis=1) for number in range(48)],
        codec,
        options={"g": "12"} | ({"qp": "20"} if codec == "libx264" else {}),
        **box,
    )
    assert films.restored(path)[0].damage == ""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    report, target = films.restored(path)
    assert "cut off" in report.damage
    assert 0 < len(films.read(target).frames) < 48 + (share > 0.9)


def test_a_stream_that_begins_between_key_frames_is_no_damaged_one(tmp_path):
    path = films.write(
        tmp_path / "a.ts", films.moving(48), options={"qp": "30", "x264-params": "keyint=12:scenecut=0:bframes=0"}
    )
    with av.open(str(path)) as container:
        spots = [packet.pos for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[spots[5] // 188 * 188 :])
    report, target = films.restored(path)
    assert report.damage == ""
    assert "begins between two key frames: what comes before the first one was left out" in report.notes
    assert len(films.read(target).frames) == 36


def test_what_holds_no_film_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film at all")
    with pytest.raises(InputError, match=r"a\.mp4: cannot be read as a video"):
        film_read.opened(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with pytest.raises(InputError, match=r"song\.mp4: holds no video that can be decoded"):
        film_read.opened(tmp_path / "song.mp4")
    films.write(
        tmp_path / "cover.mp4",
        [films.patches()],
        "mjpeg",
        "yuvj420p",
        prepare=lambda box, stream: setattr(stream, "disposition", 1024),
        sounds=["deu"],
    )
    with pytest.raises(InputError, match=r"cover\.mp4: holds only a cover picture"):
        film_read.opened(tmp_path / "cover.mp4")


@pytest.mark.parametrize("suffix", ["ts", "mts"])
def test_recordings_that_were_joined_go_on_in_step(suffix, tmp_path):
    sound = {"sounds": ["deu"], "sound_codec": "ac3"}
    part = films.write(tmp_path / f"part.{suffix}", films.moving(60), tags=(1, 1, 1, 1), options={"bf": "0"}, **sound)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(part.read_bytes() * 2)
    report, target = films.restored(path)
    assert report == ((), "")
    new = films.read(target)
    assert len(new.frames) == 120 and np.diff(new.times).min() > 0 and np.diff(new.times).max() < 400
    counts = []
    for file in (part, target):
        with av.open(str(file)) as container:
            counts.append(sum(1 for packet in container.demux(audio=0) if packet.size))
    assert counts[1] == 2 * counts[0]
