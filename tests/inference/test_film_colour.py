import films
import numpy as np
import pytest

from gandeblur.inference import film_colour
from gandeblur.inference.video import restore_video

av = pytest.importorskip("av")
BT709, BT601, BT2020 = (1, 1, 1, 1), (6, 6, 6, 1), (9, 9, 1, 1)


def restored(tmp_path, name="a.mp4", restore=films.same):
    """(report, path of the new film) of `name`."""
    target = tmp_path / "out" / name
    target.parent.mkdir(exist_ok=True)
    return restore_video(restore, tmp_path / name, target), target


TAGS = [BT709, BT601, (5, 5, 6, 1), BT2020, (1, 1, 1, 2), (6, 6, 6, 2), (7, 7, 7, 1), (4, 4, 4, 1), (1, 1, 13, 1)]


@pytest.mark.parametrize("tags", TAGS)
def test_what_is_not_changed_comes_back_unchanged(tags, tmp_path):
    image = films.patches(96, 128)
    films.write(tmp_path / "a.mkv", [films.planes(image, tags[0], tags[3] == 2)], "ffv1", tags=tags)
    report, target = restored(tmp_path, "a.mkv")
    assert report == ((), "") and films.read(target).tags == tags
    before, after = films.shown(tmp_path / "a.mkv"), films.shown(target)
    assert np.abs((after - before).mean((0, 1))).max() < 0.05
    assert films.psnr_db(before, after) > 50


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "m4v", "avi", "3gp", "flv"])
@pytest.mark.parametrize("tags", TAGS)
def test_colours_and_their_tags_are_those_of_the_source(tags, suffix, tmp_path):
    parts = films.planes(films.patches(96, 128), tags[0], tags[3] == 2)
    films.write(tmp_path / f"a.{suffix}", [parts] * 2, tags=tags, options={"bf": "0"})
    report, target = restored(tmp_path, f"a.{suffix}")
    assert report == ((), "") and films.read(target).tags == tags
    before, after = films.shown(tmp_path / f"a.{suffix}"), films.shown(target)
    assert np.abs((after - before).mean((0, 1))).max() < 0.6  # of so few saturated pixels the codec's share is large
    assert films.psnr_db(before, after) > 40


def test_the_network_sees_what_a_player_shows(tmp_path):
    image = films.patches(96, 128)
    for name, tags in (("hd.mp4", BT709), ("sd.mp4", BT601), ("uhd.mp4", BT2020), ("full.mp4", (1, 1, 1, 2))):
        films.write(tmp_path / name, [films.planes(image, tags[0], tags[3] == 2)] * 2, tags=tags)
        seen = []
        restored(tmp_path, name, lambda pixels, seen=seen: seen.append(pixels) or pixels)
        difference = seen[0] - films.shown(tmp_path / name)
        assert seen[0].dtype == np.uint8
        assert np.abs(difference).max() <= 1.5 and abs(difference.mean()) < 0.1


@pytest.mark.parametrize(
    "height, width, matrix, name",
    [(720, 96, 1, "BT.709"), (96, 1280, 1, "BT.709"), (576, 96, 5, "BT.601"), (96, 96, 6, "BT.601")],
)
def test_untagged_films_are_read_by_their_size_and_tagged_so(height, width, matrix, name, tmp_path):
    image = films.patches(height, width)
    films.write(tmp_path / "a.mp4", [films.planes(image, matrix)])
    report, target = restored(tmp_path)
    assert f"not tagged: taken for {name} by its size" in report.notes[0]
    assert films.read(target).tags == (matrix, 2, 2, 1)
    assert films.psnr_db(films.shown(tmp_path / "a.mp4"), films.shown(target)) > 40


def test_ten_times_restored_is_no_darker(tmp_path):
    parts = films.planes(films.patches(96, 128), 1)
    films.write(tmp_path / "0.mp4", [parts], tags=BT709)
    for number in range(10):
        restore_video(films.same, tmp_path / f"{number}.mp4", tmp_path / f"{number + 1}.mp4")
    difference = films.shown(tmp_path / "10.mp4") - films.shown(tmp_path / "0.mp4")
    assert np.abs(difference.mean((0, 1))).max() < 0.6


@pytest.mark.parametrize("where", [0, 1, 2, 3, 4, 5])
def test_the_place_of_chroma_samples_does_not_shift_it(where, tmp_path):
    image = films.patches(96, 128)
    options = {"x264-params": f"chromaloc={where}"}
    films.write(tmp_path / "a.mp4", [films.planes(image, 1)], tags=BT709, options=options)
    _, target = restored(tmp_path)
    before, after = (films.stored(films.read(path).frames[0]) for path in (tmp_path / "a.mp4", target))
    for old, new in zip(before[1:], after[1:], strict=True):
        difference = new.astype(int) - old
        assert np.abs(difference).mean() < 0.5 and np.abs(difference).max() < 16  # a sample's shift: 60 at an edge


@pytest.mark.parametrize(
    "codec, pix_fmt, steps, bits, suffix",
    [
        ("libx264", "yuv420p10le", (2, 2), 10, "mp4"),
        ("libx264", "yuv422p10le", (2, 1), 10, "mkv"),
        ("libx265", "yuv420p10le", (2, 2), 10, "mkv"),
        ("libx265", "yuv444p12le", (1, 1), 12, "mkv"),
        ("libx264", "yuv422p", (2, 1), 8, "mp4"),
        ("libx264", "yuv444p", (1, 1), 8, "mkv"),
        ("ffv1", "yuv444p16le", (1, 1), 16, "mkv"),
    ],
)
def test_bits_and_chroma_stay(codec, pix_fmt, steps, bits, suffix, tmp_path):
    parts = films.planes(films.patches(96, 128), 1, bits=bits, steps=steps)
    films.write(tmp_path / f"a.{suffix}", [parts] * 2, codec, pix_fmt, tags=BT709)
    seen = []
    report, target = restored(tmp_path, f"a.{suffix}", lambda pixels: seen.append(pixels) or pixels)
    assert report == ((), "")
    assert seen[0].dtype == (np.uint8 if bits == 8 else np.uint16)
    difference = seen[0] * (255 / np.iinfo(seen[0].dtype).max) - films.shown(tmp_path / f"a.{suffix}")
    assert abs(difference.mean()) < 0.1
    new = films.read(target)
    assert new.pix_fmt == pix_fmt and new.tags == BT709
    assert films.psnr_db(films.shown(tmp_path / f"a.{suffix}"), films.shown(target)) > 42


@pytest.mark.parametrize(
    "codec, suffix", [("libx265", "mov"), ("libx265", "mkv"), ("libx264", "mp4"), ("libsvtav1", "webm")]
)
@pytest.mark.parametrize("transfer, kind", [(18, "HLG"), (16, "PQ")])
def test_hdr_stays_hdr(transfer, kind, codec, suffix, tmp_path):
    tags = (9, 9, transfer, 1)
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    options = {
        "libx265": {"x265-params": f"crf=4:bframes=0:log-level=error:master-display={display}:max-cll=1000,400"},
        "libx264": {"x264-params": f"mastering-display={display}:cll=1000,400"},
        "libsvtav1": {
            "svtav1-params": "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)"
            ":content-light=1000,400"
        },
    }[codec]
    levels = np.linspace(64, 940, 256).astype(np.uint16)[None].repeat(48, 0)
    parts = [levels, *[np.full((24, 128), 512, np.uint16)] * 2]
    films.write(tmp_path / f"a.{suffix}", [parts] * 2, codec, "yuv420p10le", options, tags)
    report, target = restored(tmp_path, f"a.{suffix}")
    assert f"HDR ({kind}) kept" in report.notes[0]
    old, new = films.read(tmp_path / f"a.{suffix}"), films.read(target)
    assert new.pix_fmt == "yuv420p10le" and new.tags == tags
    for name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert name in old.side_data and new.side_data[name] == old.side_data[name]
    difference = films.stored(new.frames[0])[0].astype(int) - films.stored(old.frames[0])[0]
    assert np.abs(difference).mean() < 3 and abs(difference.mean()) < 0.5  # of 1023


def test_pq_is_seen_as_an_ordinary_screen_would_show_it(tmp_path):
    def code(nits):  # SMPTE ST 2084's inverse
        power = (nits / 10000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)

    lights = np.array([0.1, 1, 10, 50, 100, 203, 1000, 10000])
    luma = np.rint(64 + 876 * code(lights)).astype(np.uint16).repeat(8)[None].repeat(16, 0)
    films.write(
        tmp_path / "a.mkv",
        [[luma, *[np.full((16, 64), 512, np.uint16)] * 2]],
        "ffv1",
        "yuv444p10le",
        tags=(9, 9, 16, 1),
    )
    seen = []
    _, target = restored(tmp_path, "a.mkv", lambda pixels: seen.append(pixels) or pixels)
    white = lights / 203
    expected = (white * (1 + white / (10000 / 203) ** 2) / (1 + white)) ** (1 / 2.2)
    np.testing.assert_allclose(seen[0][0, 4::8, 0] / 65535, expected, atol=0.005)
    np.testing.assert_array_equal(films.stored(films.read(target).frames[0])[0], luma)


def test_colours_of_a_matrix_that_is_not_computed_come_back_and_it_is_said(tmp_path):
    parts = films.planes(films.patches(96, 128) // 2 + 60, 6)
    films.write(tmp_path / "a.mp4", [parts], tags=(8, 1, 1, 1))
    report, target = restored(tmp_path)
    assert "the network saw the colour matrix YCgCo by the nearest one" in report.notes[0]
    new = films.read(target)
    assert new.tags == (8, 1, 1, 1)
    for old, part in zip(parts, films.stored(new.frames[0]), strict=True):
        assert np.abs(part.astype(int) - old).mean() < 1


@pytest.mark.parametrize(
    "codec, pix_fmt, suffix", [("libx264rgb", "rgb24", "mp4"), ("ffv1", "bgr0", "mkv"), ("qtrle", "rgb24", "mov")]
)
def test_films_in_rgb_stay_in_rgb(codec, pix_fmt, suffix, tmp_path):
    image = films.patches()
    films.write(tmp_path / f"a.{suffix}", [image] * 2, codec, pix_fmt, {"qp": "0"} if codec == "libx264rgb" else {})
    report, target = restored(tmp_path, f"a.{suffix}")
    assert report == ((), "")
    new = films.read(target)
    assert new.frames[0].format.is_rgb
    assert np.abs(new.frames[0].to_ndarray(format="rgb24").astype(int) - image).mean() < 1


def test_grey_stays_grey(tmp_path):
    luma = np.linspace(16, 235, 64).round().astype(np.uint8)[None].repeat(48, 0)
    films.write(tmp_path / "a.mkv", [[luma]], "ffv1", "gray", tags=(1, 1, 1, 1))
    _, target = restored(tmp_path, "a.mkv")
    new = films.read(target)
    assert new.pix_fmt == "gray"
    np.testing.assert_array_equal(films.stored(new.frames[0])[0], luma)


@pytest.mark.parametrize("place", ["left", "center", "topleft", "top", "bottomleft", "bottom"])
@pytest.mark.parametrize(
    "codec, suffix", [("libx264", "mp4"), ("libx265", "mkv"), ("ffv1", "mkv"), ("libvpx-vp9", "webm")]
)
def test_the_place_of_chroma_samples_is_kept(place, codec, suffix, tmp_path):
    if place.startswith("bottom") and not codec.startswith("libx26"):
        pytest.skip("Matroska has no such place")
    path = films.write(tmp_path / f"a.{suffix}", films.moving(3), codec, options={"chroma_sample_location": place})
    target = tmp_path / f"b.{suffix}"
    restore_video(films.same, path, target)
    with av.open(str(path)) as old, av.open(str(target)) as new:
        assert film_colour.chroma_place(old.streams.video[0]) == place
        assert film_colour.chroma_place(new.streams.video[0]) == place


def test_a_turned_film_has_the_place_of_its_turned_chroma_samples(tmp_path):
    path = films.write(tmp_path / "a.mov", films.moving(3), options={"chroma_sample_location": "topleft"})
    films.set_matrix(path, 0, -1, 1, 0)  # a quarter turn to the left: the upper left corner becomes the lower left one
    restore_video(films.same, path, tmp_path / "b.mov")
    with av.open(str(tmp_path / "b.mov")) as new:
        assert film_colour.chroma_place(new.streams.video[0]) == "bottomleft"
    assert film_colour.turned_place("", (True, False, False)) == ""
    assert film_colour.turned_place("left", (True, False, False)) == "top"
    assert film_colour.turned_place("left", (False, True, False)) == "center"
    assert film_colour.turned_place("left", (False, False, True)) == "left"
