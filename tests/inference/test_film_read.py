import random
from fractions import Fraction

import films
import numpy as np
import pytest

from gandeblur.errors import InputError
from gandeblur.inference import film_frames, film_read, video

av = pytest.importorskip("av")


def restored(path, restore=films.same, name=None):
    """(report, path of the new film)."""
    target = video.target(path.parent / "out" / (name or path.name))
    target.parent.mkdir(exist_ok=True)
    return video.restore_video(restore, path, target), target


# What a viewer sees of each display matrix: by FFmpeg's own documentation x' = ax + cy, y' = bx + dy.
TURNS = {
    (1, 0, 0, 1): lambda image: image,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),
    (0, 1, 1, 0): lambda image: image.swapaxes(0, 1),
    (0, -1, -1, 0): lambda image: np.rot90(image, 2).swapaxes(0, 1),
}


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("matrix", TURNS)
def test_display_matrices_of_every_kind_are_applied(matrix, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", [films.patches(48, 64)] * 2, tags=(1, 1, 1, 1), aspect=Fraction(4, 3))
    plain = films.read(path).frames[0].to_ndarray(format="rgb24")
    films.set_matrix(path, *matrix)
    seen = []
    report, target = restored(path, lambda pixels: seen.append(pixels) or pixels)
    assert report == ((), "")
    expected = TURNS[matrix](plain)
    assert np.abs(seen[0].astype(int) - expected).mean() < 3
    new = films.read(target)
    assert "DISPLAYMATRIX" not in new.side_data
    assert np.abs(new.frames[0].to_ndarray(format="rgb24").astype(int) - expected).mean() < 3
    turned = matrix[0] == 0
    assert new.size == ((48, 64) if turned else (64, 48))
    assert float(new.aspect) == pytest.approx(3 / 4 if turned else 4 / 3, abs=0.001)


def test_a_matrix_of_another_angle_stays_beside_the_pixels(tmp_path):
    path = films.write(tmp_path / "a.mp4", films.moving(2))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"tkhd") + 44
    turn = [round(65536 * value) for value in (0.866, 0.5, -0.5, 0.866)]
    data[at : at + 36] = np.array([*turn[:2], 0, *turn[2:], 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data)
    _, target = restored(path)
    assert films.read(target).side_data["DISPLAYMATRIX"] == films.read(path).side_data["DISPLAYMATRIX"]


def test_a_matrix_that_enlarges_is_still_a_turn():
    numbers = np.array([0, 3 << 16, 0, -3 << 16, 0, 0, 9, 9, 1 << 30], np.int32)
    assert film_frames.turn(numbers.tobytes()) == (True, True, False)
    numbers[:5] = 1 << 16, 1 << 15, 0, 0, 1 << 16
    assert film_frames.turn(numbers.tobytes()) is None


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_interlaced_films_are_deinterlaced_and_it_is_said(suffix, tmp_path):
    frames = films.moving(16, 96, 128)
    woven = []
    for first, second in zip(frames[::2], frames[1::2], strict=True):
        woven.append(first.copy())
        woven[-1][1::2] = second[1::2]
    path = films.write(tmp_path / f"a.{suffix}", woven, options={"x264-params": "tff=1", "flags": "+ilme+ildct"})
    assert films.read(path).interlaced
    seen = []
    report, target = restored(path, lambda pixels: seen.append(pixels) or pixels)
    assert "interlaced: each frame was deinterlaced (bwdif)" in report.notes
    new = films.read(target)
    assert not new.interlaced and new.times == films.read(path).times and len(seen) == len(woven)

    def combs(image):  # rows differ from both neighbours in the same way
        rows = image.astype(float)
        middle = rows[1:-1] - (rows[:-2] + rows[2:]) / 2
        return np.abs(middle[:68]).mean()

    assert combs(seen[4]) < 0.4 * combs(woven[4])


def test_interlacing_that_the_container_alone_marks_is_seen(tmp_path):
    def marked(container, stream):
        stream.codec_context.field_order = 2

    path = films.write(tmp_path / "a.mov", films.moving(4), "png", "rgb24", prepare=marked)
    if not films.read(path).interlaced:
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.field_order == 2
    report, _ = restored(path)
    assert any("deinterlaced" in note for note in report.notes)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    "times, last",
    [([0, 20, 45, 62, 95, 1000, 1010], 3000), ([0, 2000, 4000], 2000), ([0, 40, 80, 120], 40), ([0], 5000)],
)
def test_times_and_the_last_frames_stay(times, last, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(len(times)), times=times, last=last, options={"bf": "0"})
    report, target = restored(path)
    old, new = films.read(path), films.read(target)
    assert new.times == old.times == times and report.damage == ""
    assert old.seconds == new.seconds == pytest.approx((times[-1] + last) / 1000, abs=0.002)


def test_a_matroska_films_last_frame_stays_though_sound_ends_before(tmp_path):
    path = films.write(
        tmp_path / "a.mkv", films.moving(3), times=[0, 100, 200], last=4000, sounds=["deu"], options={"bf": "0"}
    )
    _, target = restored(path)
    assert films.read(target).seconds == pytest.approx(4.2, abs=0.03)


def test_a_matroska_film_that_begins_late_does_not_stay_for_longer(tmp_path):
    times = [10_000, 10_040, 10_080]
    path = films.write(tmp_path / "a.mkv", films.moving(3), times=times, last=40, options={"bf": "0"})
    _, target = restored(path)
    old, new = films.read(path), films.read(target)
    assert new.times == old.times == times and new.seconds == old.seconds == pytest.approx(10.12)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_with_b_frames_comes_in_order_and_can_be_read_again(codec, tmp_path):
    def b_frames(container, stream):
        stream.codec_context.max_b_frames = 2

    path = films.write(tmp_path / "a.avi", films.moving(12), codec, prepare=b_frames)
    _, target = restored(path)
    new = films.read(target)
    assert len(new.frames) == 12 and set(np.diff(new.times)) == {40}
    for old, one in zip(films.read(path).frames, new.frames, strict=True):
        assert np.abs(old.to_ndarray(format="gray").astype(int) - one.to_ndarray(format="gray")).mean() < 4
    assert restored(target, name="again.avi")[0].damage == ""


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
    report, target = restored(path, lambda pixels: seen.append(pixels.mean()) or pixels)
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
    report, target = restored(path)
    assert len(films.read(target).frames) == 23
    assert report.damage == "1 packet could not be decoded"


@pytest.mark.parametrize("seed", range(4))
def test_frames_that_the_decoder_completes_are_counted(seed, tmp_path):
    path = films.write(tmp_path / "a.mp4", films.moving(24), options={"qp": "20", "x264-params": "keyint=6"})
    damaged(path, 60, seed)
    report, target = restored(path)
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
    assert restored(path)[0].damage == ""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    report, target = restored(path)
    assert "cut off" in report.damage
    assert 0 < len(films.read(target).frames) < 48 + (share > 0.9)


def test_a_stream_that_begins_between_key_frames_is_no_damaged_one(tmp_path):
    path = films.write(
        tmp_path / "a.ts", films.moving(48), options={"qp": "30", "x264-params": "keyint=12:scenecut=0:bframes=0"}
    )
    with av.open(str(path)) as container:
        spots = [packet.pos for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[spots[5] // 188 * 188 :])
    report, target = restored(path)
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
    report, target = restored(path)
    assert report == ((), "")
    new = films.read(target)
    assert len(new.frames) == 120 and np.diff(new.times).min() > 0 and np.diff(new.times).max() < 400
    counts = []
    for file in (part, target):
        with av.open(str(file)) as container:
            counts.append(sum(1 for packet in container.demux(audio=0) if packet.size))
    assert counts[1] == 2 * counts[0]
