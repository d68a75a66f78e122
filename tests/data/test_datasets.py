import time
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from gandeblur.data.datasets import ImageSet, Pair, PairSet, sample
from gandeblur.data.datasets.benchmarks import benchmark_sets
from gandeblur.data.datasets.folder import image_folder, split
from gandeblur.data.images import read_image
from gandeblur.errors import InputError


def test_a_folder_is_searched_deeply_in_order_without_hidden_files(tmp_path, write_image):
    for name in ("b.png", "a/z.JPG", "a/B.webp", ".hidden.png", ".cache/c.png", "a/._z.png"):
        write_image(name)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.png").mkdir()
    images = image_folder(tmp_path)
    assert images.name == tmp_path.name
    assert [path.relative_to(tmp_path).as_posix() for path in images.paths] == [
        "a/B.webp",
        "a/z.JPG",
        "b.png",
    ]
    assert len(images) == 3
    assert image_folder(tmp_path, "mine").name == "mine"


def test_unusable_folders_are_named(tmp_path, write_image):
    file, _ = write_image("a.png")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, message in (
        (tmp_path / "none", "no such folder"),
        (file, "is not a folder"),
        (empty, "holds no images"),
    ):
        with pytest.raises(InputError, match=f"{folder}: {message}.*;"):
            image_folder(folder)


@pytest.mark.parametrize(("count", "fraction", "held_out"), [(100, 0.1, 10), (7, 0.3, 2), (5, 0.01, 1), (2, 0.9, 1)])
def test_split_is_a_partition_spread_evenly(tmp_path, count, fraction, held_out):
    images = ImageSet("s", tuple(tmp_path / f"{index:03}.png" for index in range(count)))
    train, validation = split(images, fraction)
    assert len(validation) == held_out
    assert sorted(train.paths + validation.paths) == list(images.paths)
    positions = [images.paths.index(path) for path in validation.paths]
    gaps = np.diff(positions)
    assert (gaps > 0).all() and (np.ptp(gaps) <= 1 if len(gaps) else True)
    assert split(images, fraction) == (train, validation)


def numbered_pairs(lengths):
    """A set of pairs without files: sequence -> number of pairs."""
    names = [f"{sequence}/{number:03}" for sequence, length in lengths.items() for number in range(length)]
    return PairSet("p/blur", "blur", tuple(Pair(name, Path(), Path()) for name in names))


@pytest.mark.parametrize(
    ("lengths", "fraction", "expected"),
    [
        (dict.fromkeys("abcde", 10), 0.04, "c"),  # at least one
        (dict.fromkeys("abcde", 10), 0.4, "bd"),
        (dict.fromkeys("abcde", 10), 1.0, "abde"),  # not all
        ({"a": 10, "b": 2, "c": 50, "d": 30}, 0.3, "bd"),  # 32 of 92 are nearer to 28 than c's 50
        ({"": 3, "a/x": 3}, 0.5, ["a/x"]),
    ],
)
def test_validation_pairs_are_whole_sequences(lengths, fraction, expected):
    pairs = numbered_pairs(lengths)
    train, validation = split(pairs, fraction)
    sequences = [{name.rpartition("/")[0] for name in part.names} for part in (train, validation)]
    assert sequences[1] == set(expected) and sequences[0] == set(lengths) - set(expected)
    assert sorted(train.names + validation.names) == sorted(pairs.names)
    assert (train.name, validation.name) == ("p/blur/train", "p/blur/validation")


@pytest.mark.parametrize(("fraction", "held_out"), [(0.25, 5), (0.001, 1), (1.0, 19)])
def test_of_a_single_sequence_the_last_pairs_are_for_validation(fraction, held_out):
    pairs = numbered_pairs({"a": 20})
    train, validation = split(pairs, fraction)
    assert train.pairs + validation.pairs == pairs.pairs and len(validation) == held_out


def test_names_and_the_splits_of_many_images_take_linear_time():
    # Quadratic, the loop alone would make 400 million names.
    pairs = numbered_pairs(dict.fromkeys(map(str, range(200)), 100))
    images = ImageSet("s", (Path("a.png"),) * 20000)
    start = time.perf_counter()
    for many in (pairs, images):
        assert len([many.names[index] for index in range(len(many))]) == 20000
        split(many, 0.04)
    assert time.perf_counter() - start < 5


def test_one_image_cannot_be_split(tmp_path):
    with pytest.raises(InputError, match="only.png: is the only image"):
        split(ImageSet("s", (tmp_path / "only.png",)), 0.5)


def test_benchmarks_are_found_in_any_case_in_the_papers_order(tmp_path, write_image):
    for name in ("BSD100/1.png", "Set5/baby.png", "Set5/bird.png", "Urban100/1.png"):
        write_image(name)
    assert [(images.name, len(images)) for images in benchmark_sets(tmp_path)] == [("set5", 2), ("bsd100", 1)]


def test_xus_test_images_are_the_fourth_however_they_are_spelled(tmp_path, write_image):
    for name in ("odcnn_set/1.png", "set5/baby.png"):
        write_image(name)
    assert [images.name for images in benchmark_sets(tmp_path)] == ["set5", "ODCNN set"]
    write_image("ODCNN/1.png")
    with pytest.raises(InputError, match="odcnn_set: is ODCNN set, as ODCNN is; rename or remove one"):
        benchmark_sets(tmp_path)


def test_missing_benchmarks_say_what_is_expected(tmp_path):
    with pytest.raises(InputError, match="no such folder.*set5, set14, bsd100"):
        benchmark_sets(tmp_path / "none")
    with pytest.raises(InputError, match="none of the folders set5, set14, bsd100"):
        benchmark_sets(tmp_path)


def test_the_sample_is_in_scikit_images_wheel():
    shipped = {file.locate().resolve() for file in distribution("scikit-image").files}
    assert {path.resolve() for path in sample.train().paths + sample.test().paths} <= shipped


def test_the_sample_is_in_colour_and_its_halves_are_disjoint():
    train, test = sample.train(), sample.test()
    assert len(train) >= 5 and len(test) >= 2
    assert not set(train.paths) & set(test.paths)
    assert not any("motorcycle" in path.name for path in test.paths)  # two views of one scene
    for path in train.paths + test.paths:
        image = read_image(path)
        assert min(image.shape[:2]) >= 256
        assert np.ptp(image.astype(int), axis=-1).mean() > 5
