"""What is no pair is no photograph either, and what systems leave is neither."""

import pytest
from scenes import both, check

from gandeblur.data.datasets.find import find
from gandeblur.errors import InputError
from gandeblur.evaluation.check_data import check_data


@pytest.mark.parametrize(("one", "other"), [("degraded", "clean"), ("x/noisy", "x/original"), ("1", "2")])
def test_two_folders_of_the_same_names_are_never_photographs(write_pairs, one, other):
    root = write_pairs(*both(one + "/{}.png", other + "/{}.png", ["a", "b", "c"]))
    with pytest.raises(InputError) as caught:
        find(root)
    assert str(root / one) in str(caught.value) and str(root / other) in str(caught.value)
    assert check_data(root).problems == (str(caught.value),)


def test_a_folder_within_one_of_two_does_not_hide_the_other(write_pairs):
    root = write_pairs(*both("x/frames/rgb/{}.png", "y/{}.png", ["a", "b", "c"]))
    with pytest.raises(InputError, match=f"^{root / 'x'} and {root / 'y'}: hold other images of the same names; "):
        find(root)
    clips = write_pairs(
        *((None, f"{film}/00{k}/{n}.png", 4 * k + n) for k, film in enumerate("pq") for n in (1, 2)), root="films"
    )
    assert len(find(clips)) == 4  # other scenes


def test_two_folders_of_the_same_names_beside_others_are_compared(write_pairs):
    root = write_pairs(*both("m/{}.png", "n/{}.png", ["a", "b"]), (None, "k/z.png", 5))
    with pytest.raises(InputError, match=f"^{root / 'm'} and {root / 'n'}: hold other images of the same names; "):
        find(root)


def test_two_files_of_one_scene_in_a_folder_are_no_photographs(write_pairs):
    root = write_pairs(("1_blur.png", "1_sharp.png", 0), ("2_blur.png", "2_sharp.png", 1))
    with pytest.raises(InputError, match="1_blur.png and .*1_sharp.png: hold other images"):
        find(root)


def test_copies_and_cameras_folders_are_photographs(write_pairs):
    root = write_pairs((None, "a/1.png", 0), (None, "b/1.png", 0), (None, "a/2.png", 1), (None, "b/2.png", 1))
    assert len(find(root)) == 4  # the same pixels
    root = write_pairs(
        *((None, f"{100 + k}CANON/IMG_{n}.png", 3 * k + n) for k in range(3) for n in range(3)), root="card"
    )
    assert len(find(root)) == 9  # other scenes


def test_what_systems_leave_is_no_part_of_a_set(write_pairs, tmp_path):
    root = write_pairs(*both("blur/{}.png", "sharp/{}.png", ["0", "1", "2"]))
    for name in ("__MACOSX/blur/._0.png", "__MACOSX/sharp/._0.png", "blur/._0.png", "sharp/@eaDir/0.png/x.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex("0005160700020000") + bytes(99))
    check(find(root), ["0", "1", "2"])
    assert not check_data(root).problems
    assert len(find(root / "sharp")) == 3


def test_a_folder_that_cannot_be_listed_is_named(write_pairs, monkeypatch):
    import os

    root = write_pairs((None, "a/1.png", 0))
    walk = os.walk

    def closed(folder, onerror, **options):
        onerror(OSError(13, "Permission denied", str(root / "shut")))
        return walk(folder, **options)

    monkeypatch.setattr("gandeblur.names.os.walk", closed)
    with pytest.raises(InputError, match=f"^{root / 'shut'}: cannot be listed; "):
        find(root)
