"""Lists of pairs, such as RealBlur's."""

import pytest
from scenes import check

from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.listed import listed_pairs
from gandeblur.errors import InputError
from gandeblur.evaluation.check_data import check_data


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
def test_a_list_of_pairs(write_pairs, tmp_path, line):
    names = ["scene001/1", "scene001/2", "scene002/1"]
    files = [(f"J set/{n[:8]}/blur/blur_{n[9]}.png", f"J set/{n[:8]}/gt/gt_{n[9]}.png", k) for k, n in enumerate(names)]
    root = write_pairs(*files)
    listed = ["# a comment", "", *(line.format(blurred=blurred, sharp=sharp) for blurred, sharp, _ in files[:2])]
    file = tmp_path / "RealBlur_J_test_list.txt"
    file.write_text("\ufeff" + "\r\n".join(listed))
    check(find(root, pairs=file), ["J set/scene001/1", "J set/scene001/2"])
    (root / file.name).write_bytes(file.read_bytes())
    images = find(root / file.name)  # as DATA of `gandeblur train`: its paths are looked for beside it
    check(images, ["J set/scene001/1", "J set/scene001/2"])
    assert images.name == "RealBlur_J_test_list/listed"
    check(find(root / "J set", pairs=file), ["J set/scene001/1", "J set/scene001/2"])  # or above


def test_a_list_names_what_is_missing_by_its_line(write_pairs, tmp_path):
    root = write_pairs(("x/1.png", "y/1.png", 0))
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


def test_where_names_do_not_tell_the_first_of_a_line_is_blurred(write_pairs, tmp_path):
    root = write_pairs(("x/1.png", "y/1.png", 0), ("x/2.png", "y/2.png", 1))
    file = root / "list.csv"
    file.write_text("x/1.png,y/1.png\nx/2.png,y/2.png\n")
    check(find(file), ["x/1", "x/2"])
    assert not check_data(file).problems
    file.write_text("y/1.png,x/1.png\ny/2.png,x/2.png\n")
    (problem,) = check_data(file).problems
    assert "the folders of blurred and sharp ones look exchanged" in problem
