"""Every file of a folder is restored or named; any name is shown and written."""

import os
from pathlib import Path

import pytest
from PIL import Image
from small_pictures import PIXELS, picture

from gandeblur.data.datasets.folder import image_folder
from gandeblur.inference import files
from gandeblur.names import left_by_system

GHOST = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)  # an AppleDouble file


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


@pytest.mark.parametrize("name", ["a.h264", "a.y4m", "a.RMVB", "a.r3d", "a.m2v"])
def test_a_film_of_a_kind_that_is_not_read_is_named(name, run, tmp_path):
    picture(tmp_path / "in/a.png")
    (tmp_path / "in" / name).write_bytes(b"\0\0\0\1" + bytes(40))
    status, said, warned = run("restore", tmp_path / "in", "-o", tmp_path / "out")
    assert status == 1 and said == f"{tmp_path / 'out/a.png'}\n"
    assert f"{name}: cannot be read (a film of a kind that is not read; convert it to MP4 or Matroska first)" in warned


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
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


def test_a_gif_beside_its_png_gets_a_name_of_its_own(run, tmp_path):
    for name in ("a.gif", "a.png", "b.gif"):
        picture(tmp_path / "in" / name)
    todo = files.jobs([str(tmp_path / "in")], tmp_path / "out")
    assert [job.target.name for job in todo] == ["a.gif.png", "a.png", "b.png"]


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


def test_a_film_that_cannot_be_restored_leaves_no_folder(run, tmp_path):
    path = tmp_path / "in" / "summer" / "sea" / "a.mp4"
    path.parent.mkdir(parents=True)
    path.write_text("no film")
    status, _, err = run("restore", tmp_path / "in", "-o", tmp_path / "new" / "out")
    assert status == 1 and "a.mp4" in err and not (tmp_path / "new").exists()


def test_the_limit_of_pixels_is_one_of_the_command_alone(run, tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    Image.fromarray(PIXELS).resize((1200, 1000)).save(tmp_path / "a.png")
    status, _, err = run("restore", tmp_path / "a.png", "-o", tmp_path / "out", "--most_megapixels=1")
    assert status == 1 and "more than 1 million pixels" in err and not (tmp_path / "out").exists()
    assert before == Image.MAX_IMAGE_PIXELS
