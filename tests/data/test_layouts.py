"""The folders of data sets as they are downloaded and unpacked, each drawn in docs/data.md."""

import pytest
from scenes import both, check

from gandeblur.data.datasets import ImageSet
from gandeblur.data.datasets.find import find, look
from gandeblur.errors import InputError
from gandeblur.evaluation.check_data import check_data


@pytest.mark.parametrize(
    ("blurred", "sharp"),
    [
        *(("input", "target"), ("input", "gt"), ("blur", "gt"), ("lq", "gt"), ("blurry", "sharp"), ("low", "label")),
        *(("Blurred", "Sharp"), ("blur_gamma", "sharp"), ("input_crops", "target_crops"), ("blur_300", "sharp_300")),
        *(("blurred_images", "ground_truth"), ("Blurred Images", "Sharp Images"), ("input", "GroundTruth")),
        *(("inputC", "target"), ("source", "target"), ("BLUR", "SHARP"), ("A", "B"), ("train_blur", "train_sharp")),
    ],
)
def test_two_folders_of_one_name_each(write_pairs, blurred, sharp):
    root = write_pairs(*both(blurred + "/{}.png", sharp + "/{}.png", ["000047", "000048"]))
    images = find(root)
    check(images, ["000047", "000048"])
    assert images.variant == blurred.removeprefix("train_") and images.name.endswith(f"/{images.variant}")
    report = check_data(root)
    assert report.kind == "pairs of files" and not report.problems


def test_mprnets_gopro(write_pairs):
    root = write_pairs(*both("train/input/{}.png", "train/target/{}.png", ["a", "b"]))
    write_pairs(*both("test/input/{}.png", "test/target/{}.png", ["c"]))
    check(find(root, split="train"), ["a", "b"])
    assert find(root, split="test").name == "data/test/input"
    check(find(root / "train"), ["a", "b"])
    for half in ("input", "target"):  # one half alone: the blurred one is refused, the sharp one is a set
        given = root / "train" / half
        if half == "target":
            assert isinstance(find(given), ImageSet)
        else:
            with pytest.raises(InputError, match=f"^{given}: holds the blurred images of {root / 'train/target'} by"):
                find(given)


def test_several_test_sets_beside_one_another(write_pairs):
    for name in ("GoPro", "HIDE", "RealBlur_J"):
        root = write_pairs(*both(name + "/input/{}.png", name + "/target/{}.png", ["1"]))
    assert find(root).names == ("GoPro/1", "HIDE/1", "RealBlur_J/1")


REDS = ["000/00000000", "000/00000001", "001/00000000"]


@pytest.mark.parametrize("kind", ["blur", "blur_comp", "blur_jpeg", "blur_bicubic"])
def test_reds_as_its_authors_zip_it_and_flattened(write_pairs, kind):
    own = write_pairs(*both("train/train_" + kind + "/{}.png", "train/train_sharp/{}.png", REDS), root="REDS")
    write_pairs(("val/val_" + kind + "/000/0.png", "val/val_sharp/000/0.png", 9), root="REDS")
    write_pairs(("test/test_" + kind + "/000/0.png", None, 3), root="REDS")  # its truth is not given away
    for images in (find(own, split="train"), find(own / "train"), find(own / "train", split="train")):
        check(images, REDS)
        assert images.variant == kind
    assert find(own, split="val").name == f"REDS/val/{kind}"
    flat = write_pairs(*both("train_" + kind + "/{}.png", "train_sharp/{}.png", REDS), root="flat")
    write_pairs(("val_" + kind + "/000/0.png", "val_sharp/000/0.png", 9), root="flat")
    check(find(flat, split="train"), REDS)
    check(find(flat, split="val"), ["000/0"], [9])
    with pytest.raises(InputError, match=f"{own / 'test/test_'}.*holds blurred images by its name"):
        find(own / "test")


def test_reds_with_a_sequence_in_each_name(write_pairs):
    names = ["000_00000000", "000_00000001", "001_00000000"]
    check(find(write_pairs(*both("train_blur/{}.png", "train_sharp/{}.png", names))), names)


def test_sharp_clips_of_a_film_are_photographs(write_pairs):
    root = write_pairs(
        *((None, f"train_sharp/{name}.png", k) for k, name in enumerate([*REDS, "001/00000001", "002/00000000"]))
    )
    assert len(find(root / "train_sharp")) == 5


def test_realblur_names_its_files_by_their_kind(write_pairs):
    names = ["scene001/1", "scene001/2", "scene002/1"]
    files = [
        (f"{name[:8]}/blur/blur_{name[9]}.png", f"{name[:8]}/gt/gt_{name[9]}.png", k) for k, name in enumerate(names)
    ]
    root = write_pairs(*files, root="RealBlur/RealBlur-J_ECC_IMCORR_centroid_itensity_ref")
    check(find(root), names)
    check(find(root / "scene001"), ["1", "2"])
    with pytest.raises(InputError, match=f"too far below {root.parent}; give {root} instead"):
        find(root.parent)


def test_hide_has_one_folder_of_truths(write_pairs):
    root = write_pairs(
        ("train/1fromGOPR1.png", "GT/1fromGOPR1.png", 0), ("train/2fromGOPR1.png", "GT/2fromGOPR1.png", 1)
    )
    write_pairs(("test/test-close-ups/3.png", "GT/3.png", 2), ("test/test-long-shot/4.png", "GT/4.png", 3))
    check(find(root, split="train"), ["1fromGOPR1", "2fromGOPR1"])
    check(find(root, split="test"), ["test-close-ups/3", "test-long-shot/4"], [2, 3])
    assert not check_data(root).problems
    for given in ("train", "test", "test/test-close-ups"):
        with pytest.raises(InputError, match=f"^{root / given}: holds the blurred images of {root / 'GT'} by its name"):
            find(root / given)
    assert len(find(root / "GT")) == 4
    (root / "GT/3.png").unlink()
    (problem,) = check_data(root).problems
    assert problem.startswith(f"{root / 'test/test-close-ups'}: shares no file name with {root / 'GT'}; ")


def test_bsd_keeps_its_images_in_rgb(write_pairs):
    names = ["000/00000000", "001/00000000"]
    files = [(f"{n[:3]}/Blur/RGB/{n[4:]}.png", f"{n[:3]}/Sharp/RGB/{n[4:]}.png", k) for k, n in enumerate(names)]
    root = write_pairs(*files, root="BSD_2ms16ms/valid")
    (root / "000/Blur/Raw").mkdir()
    check(find(root), names)
    assert find(root.parent).name == "BSD_2ms16ms/valid/Blur"


def test_dpdd_numbers_the_two_pictures_of_a_scene_one_after_the_other(write_pairs):
    taken = {917: 0, 984: 1, 1002: 2}
    files = [(f"train_c/source/1P0A{n:04}.png", f"train_c/target/1P0A{n - 1:04}.png", k) for n, k in taken.items()]
    root = write_pairs(*files)
    views = [(f"train_{v}/source/1P0A{n:04}_{v.upper()}.png", None, k) for n, k in taken.items() for v in "lr"]
    write_pairs(*views, ("test_c/source/1P0A1063.png", "test_c/target/1P0A1062.png", 5))
    images = find(root, split="train")
    check(images, [f"1P0A{n:04}" for n in taken])
    assert images.variant == "source_c"
    (root / "train_c/target/1P0A0983.png").unlink()
    with pytest.raises(InputError, match="shares no file name"):  # a missing one must not shift the others
        find(root, split="train")
    with pytest.raises(InputError, match="shares no file name"):
        find(write_pairs(("source/9.png", "target/10.png", 0), ("source/12.png", "target/11.png", 1), root="near"))


def test_restormers_dpdd_has_three_views(write_pairs):
    for view in "CLR":
        root = write_pairs(*both("test/input" + view + "/{}.png", "test/target/{}.png", ["1", "2"]))
    assert tuple(look(root).choices["test"]) == ("inputC", "inputL", "inputR")
    check(find(root, split="test", variant="inputC"), ["1", "2"])
