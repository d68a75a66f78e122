"""Every file of a folder is restored or named; any name is shown and written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gandeblur import cli
from gandeblur.data.datasets.folder import image_folder
from gandeblur.errors import InputError
from gandeblur.inference import files, jobs
from gandeblur.names import left_by_system, shown

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
GHOST = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)  # an AppleDouble file


class Identity:
    purpose = "nothing"

    def restore(self, image, **options):
        return image

    def remark(self, blurred, restored):
        return ""


@pytest.fixture
def run(monkeypatch, capsys):
    """`gandeblur ARGUMENTS` with the identity as network: exit status, stdout, stderr."""
    monkeypatch.setattr(cli, "_load", lambda options: Identity())

    def run(*arguments):
        status = cli.main(list(map(str, arguments)))
        return status, *capsys.readouterr()

    return run


def picture(path, kind=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, kind)
    return path


def test_every_file_of_a_folder_is_restored_or_named_with_a_count_by_kind(run, tmp_path):
    phone = tmp_path / "phone"
    for name in ("a.JPG", "b.jfif", "c.jpe", "g.HEIC", "by_content", "k.jpg_large"):
        picture(phone / name, "JPEG")
    picture(phone / "d.gif")
    for name in ("h.NEF", "i.asf"):
        (phone / name).write_bytes(b"no picture that is known here")
    for name in ("j.txt", "a.xmp", "b.XMP", "LICENSE"):
        (phone / name).write_bytes(b"words")
    status, said, warned = run("restore", phone, "-o", tmp_path / "out")
    assert status == 1
    made = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert made == {"a.JPG", "b.jfif", "c.jpe", "d.png", "g.HEIC", "by_content", "k.jpg_large"}
    assert said.count("\n") == len(made)
    assert "no pictures, left out: 2 .xmp, 1 .txt, 1 without suffix\n" in warned.replace(
        "1 without suffix, 1 .txt", "1 .txt, 1 without suffix"
    )
    assert "2 of 9 failed (1 .nef, 1 .asf):" in warned and f"\n{phone / 'h.NEF'}: cannot be read" in warned


def test_a_folder_that_cannot_be_listed_fails_as_a_file_does(run, tmp_path, monkeypatch):
    picture(tmp_path / "in/a.png")
    (tmp_path / "in/shut").mkdir()
    scan = os.scandir

    def closed(folder):
        if Path(folder).name == "shut":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", closed)
    status, said, warned = run("restore", tmp_path / "in", "-o", tmp_path / "out")
    assert status == 1 and said == f"{tmp_path / 'out/a.png'}\n"
    assert "1 of 2 failed" in warned and f"\n{tmp_path / 'in/shut'}: a folder that cannot be listed; " in warned


def test_linked_folders_are_searched_once_and_pipes_are_not_read(run, tmp_path):
    picture(tmp_path / "in/a.png")
    picture(tmp_path / "elsewhere/sub/b.png")
    os.symlink(tmp_path / "elsewhere", tmp_path / "in/linked")
    os.symlink(tmp_path / "elsewhere/sub", tmp_path / "in/linked_again")
    os.symlink("..", tmp_path / "in/loop")
    os.symlink(".", tmp_path / "elsewhere/sub/loop")
    os.mkfifo(tmp_path / "in/c.png")
    os.mkfifo(tmp_path / "in/d.mp4")
    os.mkfifo(tmp_path / "in/e")
    status, said, warned = run("restore", tmp_path / "in", "-o", tmp_path / "out")
    assert status == 1
    assert said.splitlines() == [f"{tmp_path / 'out' / name}" for name in ("a.png", "linked/sub/b.png")]
    assert "2 of 4 failed (1 .png, 1 .mp4):" in warned and "c.png: is a pipe, a socket or a device, no file" in warned
    assert "no pictures, left out: 1 without suffix" in warned
    assert len(image_folder(tmp_path / "in")) == 2


def test_what_is_no_picture_alone_does_not_fail_the_others(run, tmp_path):
    picture(tmp_path / "in/a.png")
    (tmp_path / "in/notes.txt").write_text("words")
    assert run("restore", tmp_path / "in", "-o", tmp_path / "out") == (
        0,
        f"{tmp_path / 'out/a.png'}\n",
        "no pictures, left out: 1 .txt\n",
    )


LEFT = ("._a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/._a.jpg", ".thumbnails/a.jpg", "Thumbs.db")


@pytest.mark.parametrize("name", [*LEFT, "$RECYCLE.BIN/a.jpg", ".DS_Store", "#recycle/a.jpg", ".a/b/c.png"])
def test_what_systems_leave_is_told(name):
    assert left_by_system(Path(name)) and left_by_system(Path("x") / name)


@pytest.mark.parametrize("name", ["a.jpg", "eaDir/a.jpg", "../a.jpg", "thumbs/a.jpg", "a.b/c.png", "My @eaDir.jpg"])
def test_what_users_make_is_not(name):
    assert not left_by_system(Path(name))


def test_what_systems_leave_is_passed_over_and_named_once(run, tmp_path):
    usb = tmp_path / "usb"
    picture(usb / "a.jpg")
    for name in LEFT:
        (usb / name).parent.mkdir(parents=True, exist_ok=True)
        (usb / name).write_bytes(GHOST)
    expected = "left by systems, passed over: ._a.jpg, .thumbnails, @eaDir, Thumbs.db, __MACOSX\n"
    status, said, warned = run("restore", usb, "-o", tmp_path / "out")
    assert (status, said, warned) == (0, f"{tmp_path / 'out/a.jpg'}\n", expected)
    # As a shell's `usb/*` names them.
    status, said, warned = run("restore", *sorted(usb.iterdir()), "-o", tmp_path / "again")
    assert (status, said, warned) == (0, f"{tmp_path / 'again/a.jpg'}\n", expected)
    status, said, _ = run("restore", f"{usb}/**/*.jpg", "-o", tmp_path / "pattern")
    assert (status, said) == (0, f"{tmp_path / 'pattern/a.jpg'}\n")


def test_where_nothing_but_leftovers_is_named_an_error_says_so(run, tmp_path):
    for name in ("Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"")
    status, _, warned = run("restore", tmp_path / "Thumbs.db", tmp_path / "desktop.ini", "-o", tmp_path / "out")
    assert status == 2 and "Thumbs.db: was left by a system, as all that is named" in warned


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


def test_a_gif_beside_its_png_gets_a_name_of_its_own(run, tmp_path):
    for name in ("a.gif", "a.png", "b.gif"):
        picture(tmp_path / "in" / name)
    todo = files.jobs([str(tmp_path / "in")], tmp_path / "out")
    assert [job.target.name for job in todo] == ["a.gif.png", "a.png", "b.png"]


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


def test_a_text_file_with_the_suffix_of_a_film_is_none(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(PIXELS).save(folder / "a.png")
    (folder / "index.ts").write_text("export const G = 'G'.repeat(188);\n" * 90)
    (folder / "wide.ts").write_text("export const answer = 42;\n", encoding="utf-16")
    status, out, err = run("restore", folder, "-o", tmp_path / "out")
    assert (status, out.splitlines()) == (0, [str(tmp_path / "out/a.png")])
    assert "no pictures, left out: 2 .ts" in err
    (folder / "empty.ts").write_bytes(b"")  # may have been a film
    status, _, err = run("restore", folder, "-o", tmp_path / "out2")
    assert status == 1 and "empty.ts: " in err


def test_the_limit_of_pixels_is_one_of_the_command_alone(run, tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    Image.fromarray(PIXELS).resize((1200, 1000)).save(tmp_path / "a.png")
    status, _, err = run("restore", tmp_path / "a.png", "-o", tmp_path / "out", "--most_megapixels=1")
    assert status == 1 and "more than 1 million pixels" in err
    assert before == Image.MAX_IMAGE_PIXELS
