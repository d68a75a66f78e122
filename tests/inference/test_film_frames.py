"""Frames before they are seen: turned, deinterlaced, and rid of data that hide the others."""

import io
from fractions import Fraction

import films
import numpy as np
import pytest
from PIL import Image

from gandeblur.inference import film_frames

av = pytest.importorskip("av")

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
    report, target = films.restored(path, lambda pixels: seen.append(pixels) or pixels)
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
    _, target = films.restored(path)
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
    report, target = films.restored(path, lambda pixels: seen.append(pixels) or pixels)
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
    report, _ = films.restored(path)
    assert any("deinterlaced" in note for note in report.notes)


def test_data_that_pyav_does_not_name_do_not_hide_the_others(tmp_path):
    """Motion JPEG with EXIF data, as cameras write it: FFmpeg hands them on beside the frame."""
    told = Image.Exif()
    told[0x112] = 6
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        container.start_encoding()
        for number, image in enumerate(films.moving(3)):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "JPEG", quality=95, exif=told.tobytes())
            packet = av.Packet(file.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.duration = 1
            container.mux(packet)
    with av.open(str(path)) as container, pytest.raises(ValueError, match="is not a valid Type"):
        next(container.decode(video=0)).side_data  # noqa: B018
    report, target = films.restored(path)
    assert "left out: data beside the frames that PyAV has no name for, such as EXIF" in report.notes
    assert len(films.read(target).frames) == 3
