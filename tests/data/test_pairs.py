import re
import shutil

import numpy as np
import pytest
from pair_sets import pair_folder
from PIL import Image

from gandeblur.data.datasets import ImageSet, PairSet
from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.packed import pack
from gandeblur.data.datasets.pairs import side_by_side
from gandeblur.errors import InputError


@pytest.fixture
def write_pairs(write_image, tmp_path):
    """Writes blur/<name>.png and sharp/<name>.png for each name; returns the folder and name -> pixels."""

    def write(*names, blurred="blur", sharp="sharp"):
        pixels = {
            name: np.stack([write_image(f"data/{folder}/{name}.png")[1] for folder in (blurred, sharp)])
            for name in names
        }
        return tmp_path / "data", pixels

    return write


def message(function, *arguments, **options):
    """The error's line."""
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value) and "; " in str(caught.value)
    return str(caught.value)


def test_a_pair_is_two_files_of_one_name_whatever_the_order_and_suffix(write_image, tmp_path):
    # By position, blur/a.png would meet sharp/a.bmp, but blur/c.png sharp/b.png.
    for name in ("blur/c.png", "blur/a.png", "blur/b.bmp", "sharp/a.bmp", "sharp/b.png", "sharp/c.webp"):
        write_image(name)
    for name in ("blur/.d.png", "sharp/._a.png", "blur/notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "blur/e.png").mkdir()
    pairs = pair_folder(tmp_path)
    assert pairs.names == ("a", "b", "c") and pairs.has_pairs
    assert (pairs.name, pairs.variant) == (f"{tmp_path.name}/blur", "blur")
    assert [(pair.blurred.name, pair.sharp.name) for pair in pairs.pairs] == [
        ("a.png", "a.bmp"),
        ("b.bmp", "b.png"),
        ("c.png", "c.webp"),
    ]


def test_a_pair_reads_as_blurred_then_sharp(write_pairs):
    folder, pixels = write_pairs("x", "y", blurred="A", sharp="B")
    pairs = pair_folder(folder, blurred="A", sharp="B", name="mine")
    assert (pairs.name, pairs.variant, pairs.size(1)) == ("mine", "A", (40, 48))
    np.testing.assert_array_equal(pairs.read(1), pixels["y"])


def test_grey_and_16_bit_files_pair_with_colour(write_pairs):
    folder, pixels = write_pairs("x", "y")
    grey = pixels["x"][0, ..., 0]
    Image.fromarray(grey).save(folder / "blur/x.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "blur/y.png")
    pairs = pair_folder(folder)
    for index, name in enumerate("xy"):
        np.testing.assert_array_equal(pairs.read(index), [np.repeat(grey[..., None], 3, -1), pixels[name][1]])


def test_four_kinds_of_damage_have_four_messages_that_name_the_files(write_pairs):
    folder, _ = write_pairs(*"abc")
    blur, sharp = folder / "blur", folder / "sharp"
    whole = {path: path.read_bytes() for path in folder.rglob("*.png")}

    def restore():
        for path in folder.rglob("*.png"):
            path.unlink()
        for path, content in whole.items():
            path.write_bytes(content)

    def read_all():
        pairs = pair_folder(folder)
        return [pairs.read(index) for index in range(len(pairs))]

    (sharp / "b.png").unlink()
    deleted = message(read_all)
    assert deleted == f"{blur / 'b.png'}: has no sharp image in {sharp}; add it, or remove this file"
    restore()
    (blur / "b.png").unlink()
    assert message(read_all) == f"{sharp / 'b.png'}: has no blurred image in {blur}; add it, or remove this file"
    restore()
    (sharp / "b.png").rename(sharp / "renamed.png")
    assert re.match(f"{blur / 'b.png'}: .*{sharp / 'renamed.png'}.*; give both the same name", message(read_all))
    restore()
    (sharp / "b.png").write_bytes(whole[sharp / "b.png"][:1000])
    assert message(read_all).startswith(f"{sharp / 'b.png'}: cannot be read (")
    restore()
    Image.new("RGB", (30, 20)).save(sharp / "b.png")
    assert message(read_all).startswith(f"{blur / 'b.png'}: is 48x40, but {sharp / 'b.png'} is 30x20; ")
    restore()
    assert len(read_all()) == 3


def test_the_first_problem_tells_how_to_see_the_others(write_pairs):
    folder, _ = write_pairs(*"abcd")
    for name in "bc":
        (folder / f"sharp/{name}.png").unlink()
    assert message(pair_folder, folder).endswith(f" (and 1 more: gandeblur check-data {folder} lists them)")


def test_names_that_never_agree_are_one_problem(write_pairs):
    folder, _ = write_pairs(*"abc")
    for path in (folder / "sharp").iterdir():
        path.rename(path.with_name(f"other_{path.name}"))
    assert message(pair_folder, folder).startswith(f"{folder / 'blur'}: shares no file name with {folder / 'sharp'}; ")


def test_two_files_of_one_name_in_a_folder_are_an_error(write_pairs, write_image):
    folder, _ = write_pairs("a", "b")
    write_image("data/sharp/a.jpg")
    assert message(pair_folder, folder) == f"{folder / 'sharp/a.jpg'}: has the name of a.png too; keep one of them"


def test_missing_and_empty_folders_are_named(write_pairs, tmp_path):
    folder, _ = write_pairs("a")
    assert message(pair_folder, tmp_path / "none").startswith(f"{tmp_path / 'none'}: no such folder")
    assert message(pair_folder, folder / "blur/a.png").startswith(f"{folder / 'blur/a.png'}: is not a folder")
    (folder / "sharp/a.png").unlink()
    assert message(pair_folder, folder).startswith(f"{folder / 'sharp'}: holds no images")
    (folder / "sharp").rmdir()
    assert message(pair_folder, folder).startswith(f"{folder / 'sharp'}: no such folder")


def test_side_by_side_files_are_blurred_left_and_sharp_right(write_image, tmp_path):
    for name in ("b.png", "s/a.png"):
        _, pixels = write_image(f"both/{name}", height=20, width=60)
    pairs = side_by_side(tmp_path / "both")
    assert (pairs.name, pairs.variant, pairs.names) == ("both/side_by_side", "side_by_side", ("b", "s/a"))
    assert pairs.size(1) == (20, 30)
    np.testing.assert_array_equal(pairs.read(1), [pixels[:, :30], pixels[:, 30:]])
    write_image("both/odd.png", width=61)
    odd = side_by_side(tmp_path / "both")
    assert message(odd.read, odd.names.index("odd")).startswith(f"{tmp_path / 'both/odd.png'}: is 61 pixels wide")
    write_image("both/b.jpg")
    assert "b.jpg: has the name of b.png too" in message(side_by_side, tmp_path / "both")


# What a user's folder is ---------------------------------------------------------------------------------------


def test_a_folder_of_pairs_is_found_and_read_like_pair_folder(write_pairs):
    folder, _ = write_pairs("a", "b")
    assert find(folder) == find(folder, variant="blur") == pair_folder(folder)
    assert message(find, folder, variant="blur_gamma") == f"{folder}: holds no blur_gamma; choose --blurred=blur"
    assert message(find, folder, split="test") == f"{folder}: holds nothing to choose by --split=test; leave it out"


def test_sharp_images_are_found_in_any_sub_folder(write_image, tmp_path):
    # A and C are no pairs, nor is a lone folder called sharp.
    for name in ("a.png", "A/b.png", "C/c.png", "deep/er/d.png", "sharp/e.png"):
        write_image(name)
    images = find(tmp_path)
    assert isinstance(images, ImageSet) and len(images) == 5
    for choice in ({"variant": "blur"}, {"split": "train"}):
        assert "; leave it out" in message(find, tmp_path, **choice)


@pytest.mark.parametrize(
    "names",
    [
        ("blur/a.png",),
        ("s1/blur/a.png", "s2/sharp/a.png"),
        ("train/s1/blur_gamma/a.png",),
        ("sub/train/s1/blur/a.png", "sub/train/s1/sharp/a.png"),
        ("train_blur/000/a.png", "val_sharp/000/a.png"),
        ("Blurred/a.png", "c/a.png"),
        ("lq/a.png",),
    ],
)
def test_blurred_images_are_never_taken_for_sharp_ones(write_image, tmp_path, names):
    for name in names:
        write_image(f"data/{name}")
    assert str(tmp_path / "data") in message(find, tmp_path / "data")


def test_the_blurred_half_of_a_pair_is_no_folder_of_sharp_images_but_the_sharp_half_is(write_pairs):
    folder, _ = write_pairs("a")
    assert message(find, folder / "blur").startswith(f"{folder / 'blur'}: holds blurred images by its name")
    assert isinstance(find(folder / "sharp"), ImageSet)


def test_side_by_side_is_found_only_when_asked_for(write_image, write_pairs, tmp_path):
    for name in ("both/train/a.png", "both/test/a.png", "one/a.png"):
        write_image(name)
    assert isinstance(find(tmp_path / "one"), ImageSet)
    assert find(tmp_path / "one", layout="side_by_side") == side_by_side(tmp_path / "one")
    assert find(tmp_path / "both", layout="side_by_side", split="test").name == "both/test/side_by_side"
    assert message(find, tmp_path / "both", layout="side_by_side").endswith("; choose --split=train|test")
    assert message(find, tmp_path / "one", layout="diagonal").startswith("--layout=diagonal: unknown; ")
    folder, _ = write_pairs("a")
    assert message(find, folder, layout="side_by_side").endswith("; leave out --layout=side_by_side")


def test_packed_folders_are_found(write_pairs, tmp_path):
    folder, pixels = write_pairs("a", "b")
    pack(pair_folder(folder), tmp_path / "packed")
    shutil.rmtree(folder)
    pairs = find(tmp_path / "packed")
    assert not isinstance(pairs, PairSet) and (pairs.variant, pairs.names) == ("blur", ("a", "b"))
    np.testing.assert_array_equal(find(tmp_path / "packed", variant="blur").read(1), pixels["b"])
    assert "choose --blurred=blur" in message(find, tmp_path / "packed", variant="blur_gamma")
    assert "leave out --layout" in message(find, tmp_path / "packed", layout="side_by_side")
