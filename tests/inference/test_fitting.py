"""What a user gets of a picture or a film, with a network's place taken by one that undoes blur of some sizes only."""

import numpy as np
import pytest
from pictures import identity, inverted, of_band, ramp, squares

from gandeblur import cli
from gandeblur.errors import InputError
from gandeblur.inference import app, files, fitting
from gandeblur.inference.fitting import Fitting, Scenes
from gandeblur.inference.parts import Locally
from gandeblur.inference.scale import SCALES, choose, looking

NOISE = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)


def edge(px):
    """`ramp`, with waves along the edge: without them its ends would be borders of one colour."""
    waves = 20 * np.sin(np.arange(1024) * 2 * np.pi / 64)
    return np.clip(np.rint(ramp(px) + waves[:, None, None]), 0, 255).astype(np.uint8)


def hardly(image, **options):
    """Changes a picture a little."""
    return image // 2 * 2


def test_a_sharp_picture_that_the_network_hardly_changes_is_left_as_it_is():
    left = Fitting(hardly)
    np.testing.assert_array_equal(left(NOISE), NOISE)
    assert left.notes == left.telling == (fitting.LEFT,) and left.left
    forced = Fitting(hardly, force_restore=True)
    np.testing.assert_array_equal(forced(NOISE), hardly(NOISE))
    assert forced.notes == ("hardly blurred: restored at its own size",) and forced.telling == ()
    assert (Fitting(inverted)(NOISE) != NOISE).any()  # a network that changes all is believed


def test_a_blurred_picture_is_restored_at_the_scale_of_its_blur():
    restore = Fitting(of_band(8, 15))
    restored = restore(edge(40))
    assert restore.used == 0.3 and restore.notes == ("blur of about 97 pixels: restored at 30 % of its size",)
    assert np.abs(restored.astype(int) - edge(40)).max() == 10
    np.testing.assert_array_equal(restore(NOISE // 16 * 16), NOISE // 16 * 16)
    assert restore.notes == (fitting.LEFT,) and restore.used == 1  # of the last picture alone


def test_at_scale_1_the_network_restores_all_there_is():
    page = np.full((64, 80, 3), 200, np.uint8)
    plain = Fitting(inverted, 1)
    np.testing.assert_array_equal(plain(page), inverted(page))
    assert plain.notes == ()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, float("nan"), "half", None])
def test_a_scale_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="number above 0, 1 at most"):
        Fitting(identity, wrong)


def test_a_film_refuses_parts_of_their_own_scale_and_says_what_to_take():
    with pytest.raises(
        InputError, match="^films have one scale in each scene, so that nothing pumps; give auto or a number$"
    ):
        Scenes(identity, "local")


def test_every_entrance_takes_the_same_scales():
    offered = [value for _, value in app.SIZES]
    assert {"auto", "local", 1.0, 0.5} <= set(offered)
    for value in offered:
        assert cli._scale(str(value)) == value
        assert Fitting(identity, value).scale in (value, Locally())
    for value in (np.float32(0.5), np.float64(0.5), 1):
        assert Fitting(identity, value).scale == value


def test_of_parts_at_their_own_scale_the_first_look_tells_whether_it_is_sharp():
    asked = []

    def looks(image, **options):
        asked.append(image.shape)
        return hardly(image)

    restore = Fitting(identity, Locally(looks))
    restore(NOISE)
    assert restore.notes == (fitting.LEFT,) and asked == [NOISE.shape]


def test_the_progress_goes_from_the_choosing_to_the_end():
    told = []

    def restore(image, progress):
        changed = of_band(8, 15)(image)
        progress(0.5)
        progress(1.0)
        return changed

    def chosen(image, progress):
        return choose(of_band(8, 15), image, progress=progress)

    Fitting(restore, 0.5)(edge(40), progress=told.append)
    assert told == [0.5, 1.0]
    told.clear()
    Fitting(restore, chosen)(edge(40), progress=told.append)
    share, work = looking(edge(40), SCALES, (1.0,)), np.square(SCALES)
    assert told[:5] == pytest.approx(list(share * np.cumsum(work) / work.sum()))
    assert told[5:] == pytest.approx([(1 + share) / 2, 1.0])


@pytest.mark.parametrize("wrong", ["0", "1.5", "half", "nan"])
def test_the_command_refuses_a_scale_that_is_none_before_it_makes_a_folder(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["restore", "photo.jpg", "-o", str(tmp_path / "out"), f"--scale={wrong}"])
    assert end.value.code == 2 and "give auto, local, or a number above 0, 1 at most" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_s_line_says_what_was_chosen_and_how_to_have_it_otherwise(tmp_path, capsys):
    from PIL import Image

    for name, image in (("sharp.png", NOISE), ("soft.png", edge(40))):
        Image.fromarray(image).save(tmp_path / name)
    todo = files.jobs([str(tmp_path)], tmp_path / "out")
    assert files.restore_files(of_band(8, 15), todo, scale="auto") == []
    sharp, soft = capsys.readouterr().out.splitlines()
    assert sharp.endswith("sharp.png (hardly blurred: left as it is, --force_restore restores it all the same)")
    assert soft.endswith("soft.png (blur of about 97 pixels: restored at 30 % of its size)")


def test_what_was_left_gets_no_remark_and_what_was_restored_is_judged_at_its_scale(tmp_path):
    from PIL import Image

    asked = []

    def remark(blurred, restored, scale):
        asked.append(scale)
        return "hardly changed"

    for name, image in (("sharp.png", NOISE), ("soft.png", edge(40))):
        Image.fromarray(image).save(tmp_path / name)
        notes = files.restore_photograph(of_band(8, 15), tmp_path / name, tmp_path / "out.png", remark, scale="auto")
        assert ("hardly changed" in notes) == (name == "soft.png")
    assert asked == [0.3]


def test_a_film_keeps_its_scale_for_a_scene_and_tells_of_each():
    asked = []

    def restore(image, **options):
        asked.append(image.shape)
        return of_band(8, 15)(image)

    film = Scenes(restore)
    first = edge(40)
    film(first)
    looked = len(asked)
    film(first)
    assert len(asked) == looked + 1 and asked[-1][0] == round(0.3 * 1024)  # restored, not looked at again
    assert film.notes == ("blur of about 97 pixels: restored at 30 % of its size",)
    film(255 - edge(10))
    assert len(asked) > looked + 2 and asked[-1][0] == 1024  # another scene
    assert film.notes == (
        "1 of 2 scenes, blur of about 97 pixels: restored at 30 % of its size",
        "1 of 2 scenes, blur of some 34 pixels at most: restored at its own size",
    )


def test_a_scene_whose_first_frame_is_sharp_is_not_left():
    film = Scenes(hardly)
    np.testing.assert_array_equal(film(NOISE), hardly(NOISE))
    assert film.notes == ("hardly blurred: restored at its own size",)


def test_black_frames_of_a_film_stay_and_say_nothing_of_its_scene():
    film = Scenes(inverted)
    black = np.zeros((64, 64, 3), np.uint8)
    np.testing.assert_array_equal(film(black), black)
    assert film.notes == ()
    dim = np.clip(black + (np.arange(64)[:, None] // 4 % 2)[..., None], 0, 255).astype(np.uint8)
    film(dim)
    assert film.notes == ()  # but it is restored


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("level", [0, 200])
@pytest.mark.parametrize("scale", ["auto", 0.5])
def test_a_page_of_one_colour_stays(dtype, level, scale):
    page = np.full((64, 80, 3), level * (257 if dtype == "uint16" else 1), dtype)
    restore = Fitting(inverted, scale)
    np.testing.assert_array_equal(restore(page), page)
    assert restore.notes == (fitting.ONE_COLOUR,)


def test_a_frame_around_a_picture_is_not_shown_to_the_network():
    inner = squares(128)
    framed = np.pad(inner, [(20, 30), (10, 0), (0, 0)])
    seen = []

    def restore(image, **options):
        seen.append(image.shape)
        return inverted(image)

    restored = Fitting(restore, 0.999)(framed)
    assert restored.shape == framed.shape and {shape[:2] for shape in seen} == {(128, 128)}
    np.testing.assert_array_equal(restored[:20], framed[:20])
    np.testing.assert_array_equal(restored[:, :10], framed[:, :10])
