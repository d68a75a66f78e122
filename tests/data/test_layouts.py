"""The folders of data sets as they are downloaded and unpacked, each drawn in docs/data.md."""

import numpy as np
import pytest
from PIL import Image

from gandeblur.data.datasets import ImageSet, PairSet
from gandeblur.data.datasets.find import find, look
from gandeblur.data.datasets.listed import listed_pairs
from gandeblur.data.datasets.packed import pack
from gandeblur.errors import InputError
from gandeblur.evaluation.check_data import check_data

RNG = np.random.default_rng(0)
SCENES = {k: np.kron(RNG.integers(0, 256, (3, 4, 3)), np.ones((16, 16, 1))).astype(np.uint8) for k in range(12)}


def blurred_scene(scene):
    wide = np.pad(SCENES[scene].astype(float), [(0, 0), (2, 2), (0, 0)], mode="edge")
    return (sum(wide[:, k : k + 64] for k in range(5)) / 5).round().astype(np.uint8)


@pytest.fixture
def write(tmp_path):
    """Writes (path of the blurred, path of the sharp, scene) files below a folder, which it returns."""

    def write(*pairs, root="data"):
        for blurred, sharp, scene in pairs:
            for name, pixels in ((blurred, blurred_scene(scene)), (sharp, SCENES[scene])):
                if name:
                    path = tmp_path / root / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(path)
        return tmp_path / root

    return write


def both(blurred, sharp, names):
    return [(blurred.format(name), sharp.format(name), k) for k, name in enumerate(names)]


def check(images, names, scenes=None):
    """The set holds the pairs of these names, each with its own sharp image."""
    assert isinstance(images, PairSet) and sorted(images.names) == sorted(names)
    for k, name in enumerate(names):
        expected = scenes[k] if scenes else k
        blurred, sharp = images.read(images.names.index(name))
        np.testing.assert_array_equal(sharp, SCENES[expected])
        np.testing.assert_array_equal(blurred, blurred_scene(expected))


@pytest.mark.parametrize(
    ("blurred", "sharp"),
    [
        *(("input", "target"), ("input", "gt"), ("blur", "gt"), ("lq", "gt"), ("blurry", "sharp"), ("low", "label")),
        *(("Blurred", "Sharp"), ("blur_gamma", "sharp"), ("input_crops", "target_crops"), ("blur_300", "sharp_300")),
        *(("inputC", "target"), ("source", "target"), ("BLUR", "SHARP"), ("A", "B"), ("train_blur", "train_sharp")),
    ],
)
def test_two_folders_of_one_name_each(write, blurred, sharp):
    root = write(*both(blurred + "/{}.png", sharp + "/{}.png", ["000047", "000048"]))
    images = find(root)
    check(images, ["000047", "000048"])
    assert images.variant == blurred.removeprefix("train_") and images.name.endswith(f"/{images.variant}")
    report = check_data(root)
    assert report.kind == "pairs of files" and not report.problems


def test_mprnets_gopro(write):
    root = write(*both("train/input/{}.png", "train/target/{}.png", ["a", "b"]))
    write(*both("test/input/{}.png", "test/target/{}.png", ["c"]))
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


def test_several_test_sets_beside_one_another(write):
    for name in ("GoPro", "HIDE", "RealBlur_J"):
        root = write(*both(name + "/input/{}.png", name + "/target/{}.png", ["1"]))
    assert find(root).names == ("GoPro/1", "HIDE/1", "RealBlur_J/1")


REDS = ["000/00000000", "000/00000001", "001/00000000"]


@pytest.mark.parametrize("kind", ["blur", "blur_comp", "blur_jpeg", "blur_bicubic"])
def test_reds_as_its_authors_zip_it_and_flattened(write, kind):
    own = write(*both("train/train_" + kind + "/{}.png", "train/train_sharp/{}.png", REDS), root="REDS")
    write(("val/val_" + kind + "/000/0.png", "val/val_sharp/000/0.png", 9), root="REDS")
    write(("test/test_" + kind + "/000/0.png", None, 3), root="REDS")  # its truth is not given away
    for images in (find(own, split="train"), find(own / "train"), find(own / "train", split="train")):
        check(images, REDS)
        assert images.variant == kind
    assert find(own, split="val").name == f"REDS/val/{kind}"
    flat = write(*both("train_" + kind + "/{}.png", "train_sharp/{}.png", REDS), root="flat")
    write(("val_" + kind + "/000/0.png", "val_sharp/000/0.png", 9), root="flat")
    check(find(flat, split="train"), REDS)
    check(find(flat, split="val"), ["000/0"], [9])
    with pytest.raises(InputError, match=f"{own / 'test/test_'}.*holds blurred images by its name"):
        find(own / "test")


def test_reds_with_a_sequence_in_each_name(write):
    names = ["000_00000000", "000_00000001", "001_00000000"]
    check(find(write(*both("train_blur/{}.png", "train_sharp/{}.png", names))), names)


def test_sharp_clips_of_a_film_are_photographs(write):
    root = write(
        *((None, f"train_sharp/{name}.png", k) for k, name in enumerate([*REDS, "001/00000001", "002/00000000"]))
    )
    assert len(find(root / "train_sharp")) == 5


def test_realblur_names_its_files_by_their_kind(write):
    names = ["scene001/1", "scene001/2", "scene002/1"]
    files = [
        (f"{name[:8]}/blur/blur_{name[9]}.png", f"{name[:8]}/gt/gt_{name[9]}.png", k) for k, name in enumerate(names)
    ]
    root = write(*files, root="RealBlur/RealBlur-J_ECC_IMCORR_centroid_itensity_ref")
    check(find(root), names)
    check(find(root / "scene001"), ["1", "2"])
    with pytest.raises(InputError, match=f"too far below {root.parent}; give {root} instead"):
        find(root.parent)


@pytest.mark.parametrize(
    "line",
    [
        "{sharp} {blurred}",  # RealBlur's own order
        "{blurred}\t{sharp}",
        "{sharp}, {blurred}, 3",
        '"{blurred}";"{sharp}"',
        "  {sharp}   {blurred} 0.5 ",
    ],
)
def test_a_list_of_pairs(write, tmp_path, line):
    names = ["scene001/1", "scene001/2", "scene002/1"]
    files = [(f"J set/{n[:8]}/blur/blur_{n[9]}.png", f"J set/{n[:8]}/gt/gt_{n[9]}.png", k) for k, n in enumerate(names)]
    root = write(*files)
    listed = ["# a comment", "", *(line.format(blurred=blurred, sharp=sharp) for blurred, sharp, _ in files[:2])]
    file = tmp_path / "RealBlur_J_test_list.txt"
    file.write_text("\ufeff" + "\r\n".join(listed))
    check(find(root, pairs=file), ["J set/scene001/1", "J set/scene001/2"])
    (root / file.name).write_bytes(file.read_bytes())
    images = find(root / file.name)  # as DATA of `gandeblur train`: its paths are looked for beside it
    check(images, ["J set/scene001/1", "J set/scene001/2"])
    assert images.name == "RealBlur_J_test_list/listed"
    check(find(root / "J set", pairs=file), ["J set/scene001/1", "J set/scene001/2"])  # or above


def test_a_list_names_what_is_missing_by_its_line(write, tmp_path):
    root = write(("x/1.png", "y/1.png", 0))
    file = tmp_path / "list.txt"
    file.write_text("x/1.png y/1.png\nx/2.png y/2.png\nx/1.png y/1.png\n")
    _, problems = listed_pairs(file, root)
    assert problems == [
        f"{file}: line 2 names no two files (x/2.png y/2.png); correct it, or give their folder",
        f"{file}: names x/1 more than once; remove the other lines",
    ]
    assert check_data(root, pairs=file).problems == tuple(problems)
    with pytest.raises(InputError, match="line 2 names no two files"):
        find(root, pairs=file)
    file.write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        find(root, pairs=file)
    with pytest.raises(InputError, match="cannot be read"):
        find(root, pairs=tmp_path / "none.txt")


def test_where_names_do_not_tell_the_first_of_a_line_is_blurred(write, tmp_path):
    root = write(("x/1.png", "y/1.png", 0), ("x/2.png", "y/2.png", 1))
    file = root / "list.csv"
    file.write_text("x/1.png,y/1.png\nx/2.png,y/2.png\n")
    check(find(file), ["x/1", "x/2"])
    assert not check_data(file).problems
    file.write_text("y/1.png,x/1.png\ny/2.png,x/2.png\n")
    (problem,) = check_data(file).problems
    assert "the folders of blurred and sharp ones look exchanged" in problem


def test_hide_has_one_folder_of_truths(write):
    root = write(("train/1fromGOPR1.png", "GT/1fromGOPR1.png", 0), ("train/2fromGOPR1.png", "GT/2fromGOPR1.png", 1))
    write(("test/test-close-ups/3.png", "GT/3.png", 2), ("test/test-long-shot/4.png", "GT/4.png", 3))
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


def test_bsd_keeps_its_images_in_rgb(write):
    names = ["000/00000000", "001/00000000"]
    files = [(f"{n[:3]}/Blur/RGB/{n[4:]}.png", f"{n[:3]}/Sharp/RGB/{n[4:]}.png", k) for k, n in enumerate(names)]
    root = write(*files, root="BSD_2ms16ms/valid")
    (root / "000/Blur/Raw").mkdir()
    check(find(root), names)
    assert find(root.parent).name == "BSD_2ms16ms/valid/Blur"


def test_dpdd_numbers_the_two_pictures_of_a_scene_one_after_the_other(write):
    taken = {917: 0, 984: 1, 1002: 2}
    files = [(f"train_c/source/1P0A{n:04}.png", f"train_c/target/1P0A{n - 1:04}.png", k) for n, k in taken.items()]
    root = write(*files)
    views = [(f"train_{v}/source/1P0A{n:04}_{v.upper()}.png", None, k) for n, k in taken.items() for v in "lr"]
    write(*views, ("test_c/source/1P0A1063.png", "test_c/target/1P0A1062.png", 5))
    images = find(root, split="train")
    check(images, [f"1P0A{n:04}" for n in taken])
    assert images.variant == "source_c"
    (root / "train_c/target/1P0A0983.png").unlink()
    with pytest.raises(InputError, match="shares no file name"):  # a missing one must not shift the others
        find(root, split="train")
    with pytest.raises(InputError, match="shares no file name"):
        find(write(("source/9.png", "target/10.png", 0), ("source/12.png", "target/11.png", 1), root="near"))


def test_restormers_dpdd_has_three_views(write):
    for view in "CLR":
        root = write(*both("test/input" + view + "/{}.png", "test/target/{}.png", ["1", "2"]))
    assert tuple(look(root).choices["test"]) == ("inputC", "inputL", "inputR")
    check(find(root, split="test", variant="inputC"), ["1", "2"])


# LMDB ---------------------------------------------------------------------------------------------------------------


def store(folder, images):
    lmdb = pytest.importorskip("lmdb")
    folder.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    with lmdb.open(str(folder), map_size=2**20) as file, file.begin(write=True) as transaction:
        for key, pixels in images.items():
            transaction.put(key.encode(), png(pixels))
            lines.append(f"{key}.png ({pixels.shape[0]},{pixels.shape[1]},3) 1\n")
    (folder / "meta_info.txt").write_text("".join(lines))


def png(pixels):
    import io

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("blurred", "sharp"),
    [
        ("train/train_blur_jpeg", "train/train_sharp"),
        ("val/blur_300", "val/sharp_300"),
        ("train/input", "train/target"),
    ],
)
def test_basicsrs_lmdb(tmp_path, blurred, sharp):
    names = ["000/00000000", "001/00000001"]
    store(tmp_path / f"REDS/{blurred}.lmdb", {name: blurred_scene(k) for k, name in enumerate(names)})
    store(tmp_path / f"REDS/{sharp}.lmdb", {name: SCENES[k] for k, name in enumerate(names)})
    images = find(tmp_path / "REDS")
    check(images, names)
    assert images.size(0) == (48, 64) and images.where(0).endswith(".lmdb: 000/00000000")
    report = check_data(tmp_path / "REDS")
    assert not report.problems and report.parts[0].items[0].formats == ("RGB 8 bit",) * 2
    pack(images, tmp_path / "packed")
    np.testing.assert_array_equal(find(tmp_path / "packed").read(1), images.read(1))


def test_an_lmdb_that_is_damaged_is_named(tmp_path):
    for name in ("input", "target"):
        store(tmp_path / f"d/{name}.lmdb", {"a": SCENES[0]})
    meta = tmp_path / "d/input.lmdb/meta_info.txt"
    meta.write_text("b.png (48,64,3) 1\n")
    (tmp_path / "d/target.lmdb/meta_info.txt").write_text("b.png (48,64,3) 1\n")
    with pytest.raises(InputError, match="input.lmdb: b: is not in the file"):
        find(tmp_path / "d").read(0)
    meta.write_text("rubbish\n")
    with pytest.raises(InputError, match="line 1 is no"):
        find(tmp_path / "d")
    meta.unlink()
    with pytest.raises(InputError, match="meta_info.txt: cannot be read"):
        find(tmp_path / "d")


# What is no pair is no photograph either ----------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [("degraded", "clean"), ("x/noisy", "x/original"), ("1", "2")])
def test_two_folders_of_the_same_names_are_never_photographs(write, one, other):
    root = write(*both(one + "/{}.png", other + "/{}.png", ["a", "b", "c"]))
    with pytest.raises(InputError) as caught:
        find(root)
    assert str(root / one) in str(caught.value) and str(root / other) in str(caught.value)
    assert check_data(root).problems == (str(caught.value),)


def test_two_folders_of_the_same_names_beside_others_are_compared(write):
    root = write(*both("m/{}.png", "n/{}.png", ["a", "b"]), (None, "k/z.png", 5))
    with pytest.raises(InputError, match=f"^{root / 'm'} and {root / 'n'}: hold other images of the same names; "):
        find(root)


def test_two_files_of_one_scene_in_a_folder_are_no_photographs(write):
    root = write(("1_blur.png", "1_sharp.png", 0), ("2_blur.png", "2_sharp.png", 1))
    with pytest.raises(InputError, match="1_blur.png and .*1_sharp.png: hold other images"):
        find(root)


def test_copies_and_cameras_folders_are_photographs(write):
    root = write((None, "a/1.png", 0), (None, "b/1.png", 0), (None, "a/2.png", 1), (None, "b/2.png", 1))
    assert len(find(root)) == 4  # the same pixels
    root = write(*((None, f"{100 + k}CANON/IMG_{n}.png", 3 * k + n) for k in range(3) for n in range(3)), root="card")
    assert len(find(root)) == 9  # other scenes


def test_what_systems_leave_is_no_part_of_a_set(write, tmp_path):
    root = write(*both("blur/{}.png", "sharp/{}.png", ["0", "1", "2"]))
    for name in ("__MACOSX/blur/._0.png", "__MACOSX/sharp/._0.png", "blur/._0.png", "sharp/@eaDir/0.png/x.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex("0005160700020000") + bytes(99))
    check(find(root), ["0", "1", "2"])
    assert not check_data(root).problems
    assert len(find(root / "sharp")) == 3


def test_a_folder_that_cannot_be_listed_is_named(write, monkeypatch):
    import os

    root = write((None, "a/1.png", 0))
    walk = os.walk

    def closed(folder, onerror):
        onerror(OSError(13, "Permission denied", str(root / "shut")))
        return walk(folder)

    monkeypatch.setattr("gandeblur.names.os.walk", closed)
    with pytest.raises(InputError, match=f"^{root / 'shut'}: cannot be listed; "):
        find(root)
