"""Which container, codec, pixel format and size a film is written in."""

import films
import numpy as np
import pytest

from gandeblur.errors import InputError
from gandeblur.inference import film_codecs, video

av = pytest.importorskip("av")


@pytest.mark.parametrize(
    "codec, pix_fmt, size, suffix",
    [
        ("libx264", "yuv444p", (181, 321), "mp4"),
        ("libx264", "yuv422p", (181, 320), "mp4"),
        ("ffv1", "yuv420p", (181, 321), "mkv"),
        ("ffv1", "bgr0", (33, 47), "mkv"),
        ("libvpx-vp9", "yuv420p", (181, 321), "webm"),
        ("mjpeg", "yuvj420p", (181, 321), "avi"),
        ("mjpeg", "yuvj422p", (181, 321), "mov"),
        ("png", "rgb24", (31, 33), "mov"),
    ],
)
def test_odd_sizes_stay_where_the_codec_holds_them(codec, pix_fmt, size, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", [np.resize(films.patches(), (*size, 3))] * 2, codec, pix_fmt)
    report, target = films.restored(path)
    old, new = films.read(path), films.read(target)
    assert new.size == old.size == size[::-1]
    assert (new.codec, new.pix_fmt) == (old.codec, old.pix_fmt)
    assert not any("became" in note for note in report.notes)


def test_an_odd_size_that_the_new_codec_does_not_hold_is_said(tmp_path):
    path = films.write(tmp_path / "a.avi", [np.zeros((33, 47, 3), np.uint8)] * 2, "mpeg4")
    report, target = films.restored(path)
    assert films.read(target).size == (46, 32)
    assert "47x33 became 46x32: H.264 has even sides here" in report.notes
    assert "H.264 in place of mpeg4" in report.notes


@pytest.mark.parametrize(
    "codec, pix_fmt, suffix, words",
    [
        ("rawvideo", "bgr24", "avi", "FFV1 in place of rawvideo"),
        ("huffyuv", "yuv422p", "avi", "FFV1 in place of huffyuv"),
        ("magicyuv", "gbrp", "mov", "PNG in place of magicyuv"),
        ("v210", "yuv422p10le", "mov", "ProRes in place of v210"),
    ],
)
def test_another_codec_that_does_not_lose_is_named(codec, pix_fmt, suffix, words, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(2), codec, pix_fmt)
    report, _ = films.restored(path)
    assert words in report.notes


def test_colours_that_the_new_file_does_not_tag_are_not_said_to_be_tagged(tmp_path):
    path = films.write(tmp_path / "a.avi", films.moving(2), "huffyuv", "yuv422p")
    report, target = films.restored(path)
    assert films.read(target).tags[0] == 2
    assert "its colours are not tagged: taken for BT.601 by its size" in report.notes
    path = films.write(tmp_path / "b.mkv", films.moving(2), "ffv1", "yuv422p", tags=(1, 1, 1, 1))
    report = video.restore_video(films.same, path, tmp_path / "b.avi")
    assert ".avi does not hold tags of colours" in report.notes


def clear(count=4):
    ramp = np.linspace(0, 255, 64).round().astype(np.uint8)[None].repeat(48, 0)
    return [np.dstack([image, ramp]) for image in films.moving(count)]


@pytest.mark.parametrize(
    "codec, pix_fmt, suffix",
    [("qtrle", "argb", "mov"), ("prores_ks", "yuva444p10le", "mov"), ("ffv1", "bgra", "mkv"), ("png", "rgba", "mov")],
)
def test_transparency_stays(codec, pix_fmt, suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for image in clear():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba").reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    _, target = films.restored(path)
    new = films.read(target)
    alpha = new.frames[0].to_ndarray(format="rgba")[..., 3]
    assert new.codec == films.read(path).codec
    assert np.abs(alpha.astype(int) - clear()[0][..., 3]).max() <= 2


def alpha_of(path):
    """The alpha of a WebM file, which only libvpx decodes."""
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(str(path)) as container:
        frames = [one for packet in container.demux(video=0) for one in decoder.decode(packet)]
    return frames[0].format.name, films.stored(frames[0])[3]


def test_transparency_of_webm_stays(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25, options={"auto-alt-ref": "0", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for image in clear():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba").reformat(format="yuva420p")))
        container.mux(stream.encode(None))
    _, target = films.restored(path)
    name, alpha = alpha_of(target)
    assert name == "yuva420p" and np.abs(alpha.astype(int) - clear()[0][..., 3]).mean() < 3


def test_transparency_that_a_container_does_not_hold_is_named(tmp_path):
    path = tmp_path / "a.mov"
    films.write(path, [films.patches()] * 2, "qtrle", "argb")
    report = video.restore_video(films.same, path, tmp_path / "a.mp4")
    assert "transparency left out, colours as they lie below it" in report.notes


@pytest.mark.parametrize(
    "suffix, codec, sound, written",
    [
        ("mts", "libx264", "ac3", ".mts"),
        ("m2ts", "libx264", "ac3", ".m2ts"),
        ("ts", "mpeg2video", "mp2", ".ts"),
        ("mpg", "mpeg2video", "mp2", ".mkv"),
        ("3gp", "mpeg4", "aac", ".3gp"),
        ("wmv", "wmv2", "wmav2", ".mkv"),
        ("flv", "flv", "aac", ".flv"),
        ("vob", "mpeg2video", "ac3", ".mkv"),
    ],
)
def test_other_kinds_of_films_are_films(suffix, codec, sound, written, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(12, 96, 128), codec, sounds=["deu"], sound_codec=sound)
    assert path.suffix in video.SUFFIXES
    report, target = films.restored(path)
    old, new = films.read(path), films.read(target)
    assert target.suffix == written and report.damage == ""
    assert len(new.frames) == len(old.frames) == 12
    assert sorted(kind for kind, _ in new.streams) == sorted(kind for kind, _ in old.streams)
    assert new.codec == "h264"
    if codec != "libx264":
        assert any(note.startswith("H.264 in place of") for note in report.notes)
    assert np.diff(new.times).tolist() == pytest.approx(np.diff(old.times).tolist(), abs=1)


def test_ogg_films_are_films(tmp_path):
    path = tmp_path / "a.ogv"
    with av.open(str(path), "w", "ogg") as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in films.moving(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    report, target = films.restored(path)
    assert target.suffix == ".mkv" and len(films.read(target).frames) == 6 and report.damage == ""


def test_suffixes_and_choices(tmp_path):
    assert {
        ".mts",
        ".m2ts",
        ".ts",
        ".mpg",
        ".3gp",
        ".wmv",
        ".flv",
        ".ogv",
        ".mp4",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".m4v",
    } <= set(video.SUFFIXES)
    with pytest.raises(InputError, match=r"\.wmv: films are not written so"):
        film_codecs.container_of(".wmv")
    for suffix, container in film_codecs.CONTAINERS.items():
        assert container in film_codecs.ENCODERS, suffix

    def choice(container, codec, pix_fmt, size=(64, 48)):
        return film_codecs.choose(container, codec, av.VideoFormat(pix_fmt), size, False)

    assert (choice("webm", "vp9", "yuv420p10le").encoder, choice("webm", "vp9", "yuv420p10le").pix_fmt) == (
        "libsvtav1",
        "yuv420p10le",
    )
    assert choice("matroska", "dvvideo", "yuv411p").pix_fmt == "yuv422p"
    assert choice("avi", "huffyuv", "yuv422p").encoder == "ffv1"
    assert choice("mov", "v210", "yuv422p10le").encoder == "prores_ks"
    assert choice("mov", "rawvideo", "rgb24").encoder == "png"
    assert choice("3gp", "hevc", "yuv420p10le").pix_fmt == "yuv420p10le"
    assert "chroma became yuv420p10le" in choice("webm", "av1", "yuv422p10le").notes
    with pytest.raises(InputError, match="0x0 are too small"):
        choice("webm", "av1", "yuv420p10le", (0, 0))
