"""Any name is shown and written, in every command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import PIXELS, picture

from gandeblur.errors import InputError
from gandeblur.inference import files, jobs
from gandeblur.names import shown

NAMES = {
    b"caf\xe9.png": "caf\\xe9.png",  # Latin-1
    "café.png".encode(): "café.png",
    b"[b]a[/b].png": "[b]a[/b].png",
    b"[/x].png": "[/x].png",
    b":smile:.png": ":smile:.png",
    b"two\nlines.png": "two\\nlines.png",
    b"\x1b[2J.png": "\\x1b[2J.png",
    b"\xe5\x9b\xbe" * 83 + b".png": "图" * 83 + ".png",  # 253 bytes
    b"x" * 251 + b".png": "x" * 251 + ".png",
    b"A.png": "A.png",
    b"a.png": "a.png",
    b"-o.png": "-o.png",
    b"50% {name}.png": "50% {name}.png",
}


@pytest.fixture
def names(tmp_path):
    """A folder of pictures with every one of `NAMES`; one of them is damaged."""
    folder = tmp_path / "names"
    folder.mkdir()
    for name in NAMES:
        picture(folder / os.fsdecode(name))
    (folder / os.fsdecode(b"bad\xe9\n[x].png")).write_bytes(b"damaged")
    return folder


def test_any_name_is_restored_and_shown(run, names, tmp_path):
    out = tmp_path / "out"
    status, said, warned = run("restore", names, "-o", out, "--compare", "--model=m")
    assert status == 1
    for name, text in NAMES.items():
        np.testing.assert_array_equal(Image.open(out / os.fsdecode(name)), PIXELS)
        assert f"{out / text}\n" in said
    assert len(said.splitlines()) == len(NAMES) + 1  # and the page
    assert f"\n{names}/bad\\xe9\\n[x].png: cannot be read" in warned
    page = (out / "compare.html").read_text(encoding="utf-8")
    assert "caf\\xe9.png" in page and "café.png" in page
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_a_strict_terminal_shows_any_name(names):
    """Python's streams are lenient in a C locale only; a desktop's are not."""
    code = "import sys; from gandeblur.cli import main; sys.exit(main(['check-data', sys.argv[1]]))"
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([sys.executable, "-c", code, names], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "bad\\xe9\\n[x].png: cannot be read" in done.stdout


def test_any_name_is_packed(run, names, tmp_path):
    (names / os.fsdecode(b"bad\xe9\n[x].png")).unlink()
    status, said, warned = run("pack", names, tmp_path / "packed")
    assert status == 0 and said.startswith(f"packed names: {len(NAMES)} images, ")
    assert run("check-data", tmp_path / "packed")[0] == 0


def test_an_error_that_names_any_name_is_one_line(run, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9\n")
    status, said, warned = run("restore", folder, "-o", tmp_path / "out")
    assert (status, said) == (2, "") and warned.count("\n") == 1 and "caf\\xe9\\n: no such file" in warned


def test_what_is_shown_is_one_line_of_utf_8():
    assert shown("a\tb\r\n\x9b\udcff") == "a\\tb\\r\\n\\x9b\\xff"
    assert shown("a\u202egnp.b\u2028") == "a\\u202egnp.b\\u2028"
    assert shown("日本語 é 👨‍👩‍👧") == "日本語 é 👨‍👩‍👧"


def test_two_names_that_differ_by_case_are_refused_where_the_disk_takes_them_for_one(tmp_path, monkeypatch):
    for name in ("A.png", "a.png", "é.png", "e\u0301.png"):
        picture(tmp_path / "in" / name)
    assert len(files.jobs([str(tmp_path / "in")], tmp_path / "out")) == 4  # this disk does not
    monkeypatch.setattr(jobs, "_ignores_case", lambda folder: True)
    with pytest.raises(InputError, match=r"out/a.png: is .*out/A.png on this disk"):
        files.jobs([str(tmp_path / "in")], tmp_path / "out")


def test_the_disk_is_asked_whether_it_ignores_case(tmp_path, monkeypatch):
    assert not jobs._ignores_case(tmp_path / "not/there")
    exists = Path.exists
    monkeypatch.setattr(
        Path,
        "exists",
        lambda path: (
            any(path.name.lower() == one.name.lower() for one in path.parent.iterdir())
            if exists(path.parent)
            else False
        ),
    )
    assert jobs._ignores_case(tmp_path)


def test_a_name_of_its_own_is_none_that_a_disk_refuses(run, tmp_path):
    for suffix in ("gif", "png"):
        picture(tmp_path / f"in/{'ü' * 125}.{suffix}")
    status, said, _ = run("restore", tmp_path / "in", "-o", tmp_path / "out")
    assert status == 0 and len(said.splitlines()) == len(list((tmp_path / "out").iterdir())) == 2
    shutil.rmtree(tmp_path)


def test_nothing_hidden_stays_where_a_file_cannot_get_its_name(tmp_path):
    from gandeblur.files import replacing

    with pytest.raises(OSError), replacing(tmp_path / ("x" * 300)) as temporary:
        temporary.write_bytes(b"all")
    assert not list(tmp_path.iterdir())


def test_a_disk_s_longest_name_is_replaced_whole(tmp_path):
    from gandeblur.files import replacing

    path = tmp_path / ("x" * 251 + ".npz")
    with replacing(path) as temporary:
        assert temporary.suffix == ".npz" and temporary.name.startswith(".")
        temporary.write_bytes(b"all")
    assert path.read_bytes() == b"all" and [*tmp_path.iterdir()] == [path]
    shutil.rmtree(tmp_path)
