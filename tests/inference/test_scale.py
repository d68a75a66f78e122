"""The scale that a picture is restored at, with a network's place taken by one that undoes blur of some sizes only."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gandeblur import cli
from gandeblur.errors import InputError
from gandeblur.inference import flat, scale


def picture(side=256, seed=0):
    """Squares of many sizes and colours: sharp edges, and areas between them."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), 128, np.uint8)
    for size in (96, 48, 24, 12, 6):
        for top, left in rng.integers(0, side - size, (400 // size, 2)):
            image[top : top + size, left : left + size] = rng.integers(0, 256, 3)
    return image


def blurred(image, radius):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.BoxBlur(radius)))


def identity(image, **options):
    return image.copy()


def inverted(image, **options):
    return np.iinfo(image.dtype).max - image


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_at_its_own_size_the_result_is_the_networks(dtype):
    image = picture().astype(dtype) * (257 if dtype == "uint16" else 1)
    np.testing.assert_array_equal(scale.restored_at(inverted, image, 1.0), inverted(image))


@pytest.mark.parametrize("factor", [0.71, 0.25])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_at_a_smaller_size_what_the_network_leaves_stays(dtype, factor):
    image = picture().astype(dtype) * (257 if dtype == "uint16" else 1)
    restored = scale.restored_at(identity, image, factor)
    assert restored.dtype == image.dtype
    np.testing.assert_array_equal(restored, image)


def test_the_enlarged_correction_is_added():
    image = blurred(picture(), 6)

    def brighter(small, **options):
        return (small.astype(np.int64) + (2570 if small.dtype == np.uint16 else 10)).clip(0, 65535).astype(small.dtype)

    restored = scale.restored_at(brighter, np.minimum(image, 240), 0.5)
    assert np.abs(restored.astype(int) - np.minimum(image, 240) - 10).max() <= 1


def of_band(low, high):
    """A restorer that changes a picture by 10 levels where it is blurred by this many pixels, else by 2."""

    def restore(image, **options):
        levels = image.astype(np.float32) * (255 / np.iinfo(image.dtype).max)
        gradient = np.abs(np.diff(levels, axis=1)).max()
        changed = levels + (10 if 200 / high <= gradient <= 200 / low else 2)
        return np.rint(np.clip(changed, 0, 255) * (np.iinfo(image.dtype).max / 255)).astype(image.dtype)

    return restore


def ramp(px, side=1024):
    """An edge of 200 levels that is blurred over `px` pixels."""
    column = 28 + 200 * np.clip((np.arange(side) - side / 2) / px + 0.5, 0, 1)
    rows = np.broadcast_to(column[None, :, None], (side, side, 3))
    return np.rint(rows).astype(np.uint8)


@pytest.mark.parametrize(("px", "expected"), [(10, 1.0), (20, 0.71), (40, 0.35)])
def test_the_scale_is_that_of_the_strongest_correction(px, expected):
    choice = scale.choose(of_band(8, 15), ramp(px))
    assert choice.scale == expected and not choice.sharp
    assert len(choice.changes) == len(choice.gradients) == len(scale.SCALES)


def test_a_picture_that_would_become_too_small_is_not_tried_there():
    assert len(scale.choose(identity, picture(160)).changes) == 1  # 0.71 of it is 114


def test_a_sharp_picture_that_the_network_hardly_changes_is_left_as_it_is():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    restore = scale.Fitting(inverted, "auto")
    np.testing.assert_array_equal(scale.Fitting(identity, "auto")(noise), noise)
    few = scale.Fitting(lambda image, **options: image // 2 * 2)
    np.testing.assert_array_equal(few(noise), noise)
    assert few.notes == (scale.LEFT,)
    forced = scale.Fitting(lambda image, **options: image // 2 * 2, force_restore=True)
    assert (forced(noise) != noise).any() and "hardly blurred" in forced.notes[0]
    assert (restore(noise) != noise).any()  # a network that changes all is believed


def test_the_words_name_the_blur_and_the_size():
    assert scale.Choice(0.5, 54.0).words == "blur of about 54 pixels: restored at half its size"
    assert scale.Choice(0.35, 77.1).words == "blur of about 77 pixels: restored at 35 % of its size"
    assert scale.Choice(1.0).words == "restored at its own size"


@pytest.mark.parametrize("wrong", [0, -1, 1.5, float("nan")])
def test_a_scale_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="number above 0, 1 at most"):
        scale.Fitting(identity, wrong)


@pytest.mark.parametrize("wrong", ["0", "1.5", "half", "nan"])
def test_the_command_refuses_a_scale_that_is_none_before_it_makes_a_folder(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["restore", "photo.jpg", "-o", str(tmp_path / "out"), f"--scale={wrong}"])
    assert end.value.code == 2 and "give auto, or a number above 0, 1 at most" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_film_keeps_its_scale_for_a_scene():
    asked = []

    def restore(image, **options):
        asked.append(image.shape)
        return image // 2 * 2

    frame = scale.Fitting(restore, "auto", force_restore=True).film()
    first = ramp(30, 256)
    frame(first)
    looked = len(asked)
    frame(first)
    assert len(asked) == looked + 1  # restored, not looked at again
    frame(255 - first)
    assert len(asked) > looked + 2  # another scene


def test_black_frames_of_a_film_say_nothing_of_its_scene():
    frame = scale.Fitting(inverted, "auto").film()
    black = np.zeros((64, 64, 3), np.uint8)
    np.testing.assert_array_equal(frame(black), black)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("level", [0, 200])
def test_a_page_of_one_colour_stays(dtype, level):
    page = np.full((64, 80, 3), level * (257 if dtype == "uint16" else 1), dtype)
    np.testing.assert_array_equal(scale.Fitting(inverted, 0.5)(page), page)


def test_a_frame_around_a_picture_is_not_shown_to_the_network():
    inner = picture(128)
    framed = np.pad(inner, [(20, 30), (10, 0), (0, 0)])
    seen = []

    def restore(image, **options):
        seen.append(image.shape)
        return inverted(image)

    restored = scale.Fitting(restore, 0.999)(framed)
    assert restored.shape == framed.shape and {shape[:2] for shape in seen} == {(128, 128)}
    np.testing.assert_array_equal(restored[:20], framed[:20])
    np.testing.assert_array_equal(restored[:, :10], framed[:, :10])


def test_flat_areas_change_by_two_levels_and_texture_as_the_network_says():
    image = np.full((128, 128, 3), 100, np.uint8)
    image[:, 64:] = picture(128)[:, :64]

    def restore(image, **options):
        return (image.astype(int) + 40).clip(0, 255).astype(np.uint8)

    restored = flat.kept(restore)(image)
    assert np.abs(restored[:, :32].astype(int) - 100).max() == flat.MOST_CHANGED
    np.testing.assert_array_equal(restored[:, 80:], restore(image)[:, 80:])


def test_stars_in_a_night_sky_are_restored_and_the_sky_stays():
    sky = np.full((128, 128, 3), 12, np.uint8)
    sky[64, 64] = 250

    def restore(image, **options):
        return (image.astype(int) + 30).clip(0, 255).astype(np.uint8)

    restored = flat.kept(restore)(sky)
    assert restored[64, 64, 0] == 255
    assert restored[:40].max() <= 14 and restored[:, 90:].max() <= 14
