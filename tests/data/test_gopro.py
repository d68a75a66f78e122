import re

import numpy as np
import pytest
from pair_sets import gopro, pair_folder

from gandeblur.data.datasets.find import find
from gandeblur.errors import InputError


@pytest.fixture
def root(write_image, tmp_path):
    """Two training sequences with both variants, one test sequence, two pairs each."""
    for sequence in ("train/S2", "train/S1", "test/S3"):
        for folder in ("blur", "blur_gamma", "sharp"):
            for name in ("000007", "000011"):
                write_image(f"GOPRO/{sequence}/{folder}/{name}.png")
    return tmp_path / "GOPRO"


def remove(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def raises(line):
    return pytest.raises(InputError, match=f"^{re.escape(str(line))}")


def test_pairs_are_named_by_sequence_and_file_and_the_set_by_split_and_variant(root):
    pairs = gopro(root, "train", "blur_gamma")
    assert (pairs.name, pairs.variant) == ("GOPRO/train/blur_gamma", "blur_gamma")
    assert pairs.names == ("S1/000007", "S1/000011", "S2/000007", "S2/000011")
    for pair in pairs.pairs:
        assert pair.blurred == root / f"train/{pair.name.replace('/', '/blur_gamma/')}.png"
        assert pair.sharp == root / f"train/{pair.name.replace('/', '/sharp/')}.png"


def test_the_variant_has_to_be_chosen_where_there_are_two(root):
    with pytest.raises(TypeError):
        gopro(root, "train")
    with raises(f"{root}: holds blur and blur_gamma; choose --blurred=blur|blur_gamma"):
        find(root, split="test")
    for sequence in ("train/S1", "train/S2", "test/S3"):
        remove(root / sequence / "blur")
    assert find(root, split="test") == gopro(root, "test", "blur_gamma")
    with raises(f"{root}: holds no blur; choose --blurred=blur_gamma"):
        find(root, split="test", variant="blur")
    with raises(f"{root / 'test'}: holds no folder blur; choose blur_gamma"):
        gopro(root, "test", "blur")


def test_the_split_has_to_be_chosen_where_there_are_two(root):
    with raises(f"{root}: holds train and test; choose --split=train|test"):
        find(root, variant="blur")
    with raises(f"{root}: holds no val; choose --split=train|test"):
        find(root, variant="blur", split="val")
    with raises(f"{root}: has no split val; choose train or test"):
        gopro(root, "val", "blur")
    for folder in ("blur", "blur_gamma", "sharp"):
        remove(root / "test/S3" / folder)
    assert find(root, variant="blur") == gopro(root, "train", "blur")


def test_a_split_or_a_sequence_can_be_given_itself(root):
    split = find(root / "train", variant="blur")
    assert split == gopro(root / "train", None, "blur")
    assert (split.name, split.names) == ("train/blur", gopro(root, "train", "blur").names)
    with raises(f"{root / 'train'}: has no split test; leave out the split"):
        gopro(root / "train", "test", "blur")
    assert find(root / "train/S1", variant="blur") == pair_folder(root / "train/S1")


@pytest.mark.parametrize(("blurred", "sharp"), [("blur", "sharp"), ("A", "B")])
def test_the_light_version_has_no_sequences(write_image, tmp_path, blurred, sharp):
    for split in ("train", "test"):
        pixels = [write_image(f"light/{split}/{folder}/S1-000007.png")[1] for folder in (blurred, sharp)]
    pairs = find(tmp_path / "light", split="test")
    assert pairs == gopro(tmp_path / "light", "test", blurred)
    assert (pairs.name, pairs.names) == (f"light/test/{blurred}", ("S1-000007",))
    np.testing.assert_array_equal(pairs.read(0), pixels)


def test_a_sequence_without_the_variant_is_named_with_what_it_has(root):
    remove(root / "train/S2/blur_gamma")
    with raises(f"{root / 'train/S2/blur_gamma'}: no such folder, only blur; "):
        gopro(root, "train", "blur_gamma")
    assert len(gopro(root, "train", "blur")) == 4
    remove(root / "train/S2/blur")
    with raises(f"{root / 'train/S2/blur'}: no such folder, only sharp; "):
        gopro(root, "train", "blur")
    assert len(gopro(root, "test", "blur")) == 2


def test_a_split_of_sharp_images_only_is_an_error(root):
    for folder in ("blur", "blur_gamma"):
        remove(root / "test/S3" / folder)
    with raises(f"{root / 'test/S3/blur'}: no such folder, only sharp; "):
        find(root, split="test")


def test_a_sequence_in_two_splits_is_named(root, write_image):
    for folder in ("blur", "sharp"):
        write_image(f"GOPRO/test/S1/{folder}/000099.png")
    with raises(f"{root / 'train/S1'}: is a sequence of test, too; "):
        gopro(root, "train", "blur")
    with raises(f"{root / 'test/S1'}: is a sequence of train, too; "):
        find(root, split="test", variant="blur")


def test_partners_are_looked_for_within_the_sequence(root):
    (root / "train/S1/sharp/000011.png").rename(root / "train/S2/sharp/000013.png")
    with raises(f"{root / 'train/S1/blur/000011.png'}: has no sharp image in {root / 'train/S1/sharp'}; ") as caught:
        gopro(root, "train", "blur")
    assert f"(and 1 more: gandeblur check-data {root} lists them)" in str(caught.value)


def test_another_depth_is_an_error_that_names_the_right_folder(root, tmp_path, write_image):
    with raises(f"{root / 'test/S3'}: holds pairs, too far below {tmp_path}; give {root} instead"):
        find(tmp_path)
    with raises(f"{root / 'test/S3'}: holds pairs, too far below {tmp_path}; give {root} instead"):
        gopro(tmp_path, "test", "blur")
    write_image("GOPRO/extra/blur/000001.png")
    with raises(f"{root / 'extra'}: holds pairs outside of test, train; move it into one of them"):
        find(root, split="test", variant="blur")


def test_a_folder_without_pairs_is_an_error(write_image, tmp_path):
    write_image("photos/a.png")
    with raises(f"{tmp_path / 'photos'}: holds no folders called blur and sharp; "):
        gopro(tmp_path / "photos", "train", "blur")
    with raises(f"{tmp_path / 'none'}: no such folder; "):
        gopro(tmp_path / "none", "train", "blur")


def test_linked_folders_are_followed_and_hidden_ones_are_not(root, tmp_path, write_image):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "test").symlink_to(root / "test", target_is_directory=True)
    (linked / "loop").symlink_to(linked, target_is_directory=True)
    write_image("linked/.trash/blur/a.png")
    assert find(linked, variant="blur").names == ("S3/000007", "S3/000011")
