from fractions import Fraction

import films
import numpy as np
import pytest

from gandeblur import cli
from gandeblur.errors import InputError
from gandeblur.inference import files, video
from gandeblur.inference.video import restore_video

av = pytest.importorskip("av")
FRAMES = [np.full((33, 48, 3), value, np.uint8) for value in range(20, 220, 20)]  # an odd height


def inverted(pixels, progress=lambda share: None):
    return 255 - pixels


def write_video(path, sound=True):
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("ffv1", rate=25)
        pictures.height, pictures.width = FRAMES[0].shape[:2]
        pictures.pix_fmt = "bgr0"
        audio = container.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        for pixels in FRAMES:
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="bgr0")))
        container.mux(pictures.encode())
        if audio:
            wave = np.random.default_rng(0).integers(-9999, 9999, (1, 3200), dtype=np.int16)
            frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            frame.rate = 8000
            container.mux(audio.encode(frame))
            container.mux(audio.encode())


def write_phone_video(path):
    """H.264 and AAC as phones write them, at irregular times, the sound first."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=30, time_base=Fraction(1, 600))
        pictures.height, pictures.width, pictures.pix_fmt = 32, 48, "yuv420p"
        audio = container.add_stream("aac", rate=48000, layout="mono")
        container.start_encoding()
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        container.mux(audio.encode(frame))
        container.mux(audio.encode())
        for pixels, pts in zip(FRAMES, np.cumsum([0, 20, 25, 17, 33, 20, 20, 41, 20, 20]), strict=True):
            image = av.VideoFrame.from_ndarray(pixels[:32], "rgb24")
            image.pts, image.time_base = int(pts), Fraction(1, 600)
            container.mux(pictures.encode(image))
        container.mux(pictures.encode())


def contents(path):
    """(frames, their times, sound) of a video."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    sound = []
    with av.open(str(path)) as container:
        if container.streams.audio:
            sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
    pixels = [frame.to_ndarray(format="rgb24") for frame in frames]
    return pixels, [frame.time for frame in frames], np.concatenate(sound, axis=1) if sound else None


@pytest.mark.parametrize("sound", [True, False])
def test_every_frame_is_restored_and_sound_and_times_stay(sound, tmp_path):
    write_video(tmp_path / "a.mkv", sound)
    jobs = files.jobs([str(tmp_path / "a.mkv")], tmp_path / "out")
    assert files.restore_files(inverted, jobs) == []
    (before, times, wave), (after, new_times, new_wave) = map(contents, (tmp_path / "a.mkv", tmp_path / "out/a.mkv"))
    assert len(after) == len(FRAMES) and after[0].shape == (33, 48, 3)
    for old, new in zip(before, after, strict=True):
        assert np.abs(255 - old.astype(int) - new).mean() < 1
    assert new_times == pytest.approx(times, abs=0.002)
    if sound:
        np.testing.assert_array_equal(new_wave, wave)
    else:
        assert new_wave is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_phones_video_keeps_its_uneven_times_and_its_sound(name, tmp_path):
    write_phone_video(tmp_path / name)
    restore_video(inverted, tmp_path / name, tmp_path / f"new_{name}")
    (before, times, wave), (after, new_times, new_wave) = map(contents, (tmp_path / name, tmp_path / f"new_{name}"))
    assert len(after) == len(before) == len(FRAMES) and len(set(np.diff(times).round(3))) > 3
    assert new_times == pytest.approx(times, abs=0.002)
    assert len(wave[0]) > 0 and new_wave.shape == wave.shape


def test_what_is_no_video_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    with pytest.raises(InputError, match="a.mp4: cannot be read as a video"):
        restore_video(inverted, tmp_path / "a.mp4", tmp_path / "b.mp4")
    write_video(tmp_path / "a.mkv")

    def stopped(pixels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_video(stopped, tmp_path / "a.mkv", tmp_path / "b.mkv")
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "a.mkv"}


def test_what_was_done_to_a_film_is_said_with_its_name(tmp_path, capsys):
    films.write(tmp_path / "a.mpg", films.moving(4), "mpeg2video")
    jobs = files.jobs([str(tmp_path / "a.mpg")], tmp_path / "out")
    assert [job.target.name for job in jobs] == ["a.mkv"]
    assert files.restore_files(films.same, jobs) == []
    line = capsys.readouterr().out
    assert line.startswith(f"{tmp_path / 'out' / 'a.mkv'} (") and "H.264 in place of mpeg2video" in line


def test_a_film_whose_result_would_have_another_s_name_keeps_its_own_suffix_too(tmp_path):
    for name, codec in (("a.mpg", "mpeg2video"), ("a.mkv", "libx264")):
        films.write(tmp_path / name, films.moving(2), codec)
    targets = {job.source.name: job.target.name for job in files.jobs([str(tmp_path)], tmp_path / "out")}
    assert targets == {"a.mkv": "a.mkv", "a.mpg": "a.mpg.mkv"}


def test_a_damaged_film_is_kept_and_the_exit_status_says_so(tmp_path, monkeypatch, capsys):
    path = films.write(tmp_path / "a.mkv", films.moving(48), options={"g": "12"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])

    class Network:
        purpose = "nothing"
        remark = staticmethod(lambda blurred, restored, scale: "")
        scale_of = staticmethod(lambda asked: asked)

        def restore(self, image, **options):
            return image

    monkeypatch.setattr(cli, "_load", lambda options: Network())
    assert cli.main(["restore", str(path), "-o", str(tmp_path / "out")]) == 1
    frames = len(contents(tmp_path / "out" / "a.mkv")[0])
    assert 0 < frames < 48
    assert f"cut off or unreadable from some point on: {frames} frames are there" in capsys.readouterr().err


def test_progress_tells_frames_and_speed(tmp_path):
    path = films.write(tmp_path / "a.mp4", films.moving(4))
    told = []
    video.restore_video(films.same, path, tmp_path / "b.mp4", lambda share, text: told.append((share, text)))
    assert [share for share, _ in told] == [0.25, 0.5, 0.75, 1.0]
    assert told[1][1].startswith("frame 2 of 4, ") and told[1][1].endswith(" frames/s")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_ctrl_c_leaves_nothing_of_the_film_at_hand(name, tmp_path):
    path = films.write(tmp_path / name, films.moving(12))
    seen = []

    def stopped(pixels):
        seen.append(1)
        if len(seen) > 5:
            raise KeyboardInterrupt
        return pixels

    with pytest.raises(KeyboardInterrupt):
        restore_video(stopped, path, tmp_path / f"new_{name}")
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_full_disk_is_no_fault_of_the_film(tmp_path, monkeypatch):
    path = films.write(tmp_path / "a.mkv", films.moving(4))

    def full(self, picture, restored, alpha):
        raise av.error.OSError(28, "No space left on device", "b.mkv")

    monkeypatch.setattr("gandeblur.inference.film_write.Writer.picture", full)
    with pytest.raises(OSError) as caught:
        restore_video(films.same, path, tmp_path / "b.mkv")
    assert caught.value.errno == 28
    assert [one.name for one in tmp_path.iterdir()] == ["a.mkv"]


def test_a_wrong_size_from_the_network_is_the_films_new_size(tmp_path):
    path = films.write(tmp_path / "a.mkv", films.moving(3))
    restore_video(lambda pixels: pixels[:40], path, tmp_path / "b.mkv")
    assert contents(tmp_path / "b.mkv")[0][0].shape == (40, 64, 3)
