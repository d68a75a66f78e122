"""What is refused, what a killed run leaves, and videos."""

import signal
import subprocess
import sys

import pytest
from folders import files, snapshot
from PIL import Image

from gandeblur.data.averaging import Summary, build_pairs
from gandeblur.data.images import read_image
from gandeblur.errors import InputError


def assert_refused(folder, out, message, **settings):
    before = snapshot(out)
    with pytest.raises(InputError, match=message) as error:
        build_pairs(folder, out, **settings)
    assert "\n" not in str(error.value) and "; " in str(error.value)
    assert snapshot(out) == before


@pytest.mark.parametrize("part", ["sharp", "blur_gamma"])
def test_a_changed_image_is_refused_and_left_as_it_is(tmp_path, sequence, part):
    folder, _ = sequence()
    build_pairs(folder, tmp_path / "out")
    changed = sorted((tmp_path / "out/train/scene" / part).iterdir())[1]
    pixels = read_image(changed).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(changed)
    assert_refused(folder, tmp_path / "out", f"{changed}: has other pixels")


def test_another_gamma_is_refused(tmp_path, sequence):
    folder, _ = sequence()
    build_pairs(folder, tmp_path / "out", gamma=2.2)
    assert_refused(folder, tmp_path / "out", "blur_gamma/.*: has other pixels", gamma=1.8)


@pytest.mark.parametrize("settings", [{"seed": 1}, {"window": (9, 9)}, {"gamma": None, "seed": 1}])
def test_other_windows_are_refused_even_for_the_other_variant(tmp_path, sequence, settings):
    folder, _ = sequence(frames=60)
    build_pairs(folder, tmp_path / "out")
    assert_refused(folder, tmp_path / "out", "is no middle frame of these windows", **settings)


@pytest.mark.parametrize("name", ["sharp/000005.png", "blur/000005.png", "blur_gamma/4.png", "sharp/scene.png"])
def test_a_stray_image_is_refused(tmp_path, sequence, write_image, name):
    folder, _ = sequence()
    write_image(f"out/train/scene/{name}")
    assert_refused(folder, tmp_path / "out", f"{name}: is no middle frame", window=(7, 7))


def test_a_killed_run_is_completed_by_the_next(tmp_path, sequence):
    folder, _ = sequence()
    expected = build_pairs(folder, tmp_path / "expected")
    # Killed with the second pair's sharp image in place and its blurred one still under its temporary name.
    program = f"""
import os, signal
from gandeblur.data.averaging import build_pairs
replace, calls = os.replace, []
def replace_or_die(*names):
    calls.append(names)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = replace_or_die
build_pairs({str(folder)!r}, {str(tmp_path / "out")!r})
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == -signal.SIGKILL
    out = tmp_path / "out/train/scene"
    (temporary,) = out.glob("blur_gamma/.*")
    assert temporary.suffix == ".png"
    done = {name: entry for name, entry in snapshot(out).items() if name != f"blur_gamma/{temporary.name}"}
    assert [name.partition("/")[0] for name in done] == ["blur_gamma", "sharp", "sharp"]

    assert build_pairs(folder, tmp_path / "out") == Summary(expected.written - 1, 1, expected.left_over)
    assert done.items() < snapshot(out).items()
    temporary.unlink()
    contents = [
        {name: path.read_bytes() for name, path in files(tmp_path / root).items()} for root in ("out", "expected")
    ]
    assert contents[0] == contents[1]


def test_a_gap_is_refused_by_the_frame_after_it(tmp_path, sequence):
    folder, _ = sequence()
    (folder / "000017.png").unlink()
    (folder / "000018.png").unlink()
    assert_refused(folder, tmp_path / "out", f"{folder / '000019.png'}: is frame 19, but .* frame 16;")


def test_a_number_given_twice_is_refused(tmp_path, sequence):
    folder, frames = sequence()
    Image.fromarray(frames[0]).save(folder / "5.jpg")
    assert_refused(folder, tmp_path / "out", "is frame 5, but the one before it is frame 5;")


def test_an_image_that_is_not_numbered_among_numbered_frames_is_refused(tmp_path, sequence, write_image):
    folder, _ = sequence()
    stranger, _ = write_image("frames/scene/cover.png")
    assert_refused(folder, tmp_path / "out", f"{stranger}: is not numbered")


@pytest.mark.parametrize("number", [3, 12])
def test_a_frame_of_another_size_is_named(tmp_path, sequence, write_image, number):
    folder, _ = sequence(frames=20)
    wrong, _ = write_image(f"frames/scene/{number:06}.png", height=8, width=6)
    with pytest.raises(InputError, match=f"{wrong}: is 6x8, but the first frame is 8x6;"):
        build_pairs(folder, tmp_path / "out", window=(7, 7))


def test_a_truncated_frame_is_named(tmp_path, sequence):
    folder, _ = sequence(height=40, width=40)
    frame = folder / "000005.png"
    frame.write_bytes(frame.read_bytes()[:1000])
    assert_refused(folder, tmp_path / "out", f"{frame}: cannot be read")


def test_unusable_folders_are_named_before_anything_is_made(tmp_path, sequence, write_image):
    good, _ = sequence("a")
    short, _ = sequence("b", frames=6)
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out"
    assert_refused(tmp_path / "none", out, f"{tmp_path / 'none'}: no such file or folder")
    assert_refused(empty, out, f"{empty}: holds no frames")
    assert_refused(good.parent, out, f"{short}: has 6 frames, the first window takes 7;", window=(7, 7))
    assert_refused(good, good / "out", "lies within the frames' folder")
    write_image("frames/cover.png")
    assert_refused(good.parent, out, f"{good.parent}: holds frames and folders of frames")
    file, _ = write_image("file.png")
    assert_refused(good, file, f"{file}: is not a folder")
    assert not out.exists()


@pytest.fixture
def video(tmp_path, sequence):
    """A lossless video, with its frames."""
    av = pytest.importorskip("av")
    _, frames = sequence(frames=20, height=32, width=48)
    path = tmp_path / "videos" / "scene.mkv"
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=240)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "bgr0"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    return path, frames


def test_a_video_gives_the_same_files_as_its_frames(tmp_path, video):
    path, frames = video
    expected = build_pairs(tmp_path / "frames/scene", tmp_path / "from-images", window=(3, 5))
    assert build_pairs(path, tmp_path / "from-video", window=(3, 5)) == expected
    contents = [
        {name: path.read_bytes() for name, path in files(tmp_path / root).items()}
        for root in ("from-images", "from-video")
    ]
    assert len(contents[0]) == 2 * expected.written and contents[0] == contents[1]


def test_unusable_videos_are_named(tmp_path, video):
    path, _ = video
    assert_refused(path, tmp_path / "out", f"{path}: has 20 frames, the first window takes 21;", window=(21, 21))
    text = tmp_path / "scene.mp4"
    text.write_text("not a video")
    assert_refused(text, tmp_path / "out", f"{text}: cannot be read as a video")
    assert not (tmp_path / "out").exists()


def test_a_video_without_pyav_tells_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "scene.mp4"
    path.touch()
    assert_refused(path, tmp_path / "out", rf"{path}: a video .*; pip install 'gandeblur\[video\]'")
