"""What becomes of folders and names as people have them, with the identity in place of a network."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from scenes import SCENES, blurred_scene

from gandeblur import cli
from gandeblur.data.datasets import PairSet
from gandeblur.data.datasets.find import find

GHOST = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)  # an AppleDouble file


class Case(NamedTuple):
    """A folder.

    Attributes:
        what: it shows, for the table.
        make: writes files below a folder.
        seen: what is measured there.
        right: what it has to be.
    """

    what: str
    make: Callable[[Path], Any]
    seen: Callable[[Path], Any]
    right: Any


class Network:
    """The identity, or one that tints."""

    purpose = "nothing"

    def __init__(self, tint: int = 0):
        self.tint = np.uint8(tint)

    def restore(self, image, **options):
        restored = image.copy()
        restored[..., 0] += self.tint
        return restored

    def scale_of(self, asked):
        return 1.0

    def remark(self, blurred, restored, scale):
        return ""


def command(*arguments, tint=0):
    """(exit status or the name of what was raised, all that was said) of `gandeblur ARGUMENTS`."""
    load, cli._load = cli._load, lambda options: Network(tint)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = cli.main(list(map(str, arguments)))
    except (Exception, SystemExit) as error:
        status = type(error).__name__
    finally:
        cli._load = load
    return status, said.getvalue()


def pairs(*names):
    """Writes (blurred, sharp) files by their names, a scene each."""

    def make(root):
        for scene, (blurred, sharp) in enumerate(names):
            for name, pixels in ((blurred, blurred_scene(scene)), (sharp, SCENES[scene])):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / name)

    return make


def found(root, **options):
    """How many pairs there are; where they are taken for something else, or refused, so."""
    try:
        images = find(root, **options)
    except Exception as error:
        return str(error).replace(str(root), "").lstrip("/: ")[:60]
    return len(images) if isinstance(images, PairSet) else f"{len(images)} photographs"


def picture(path, pixels=SCENES[0], **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def phone(root):
    for name in ("a.JPG", "b.jfif", "c.jpe", "f.HEIC", "by_content"):
        picture(root / "in" / name, format="JPEG")
    picture(root / "in/d.avif")
    picture(root / "in/e.gif")
    (root / "in/g.nef").write_bytes(b"no picture that is known here")
    (root / "in/h.txt").write_text("words")


def restored(root, *options, tint=0):
    status, said = command("restore", root / "in", "-o", root / "out", *options, tint=tint)
    return status, sum(path.is_file() for path in (root / "out").rglob("*")), said


def named(root):
    for name in (b"a.png", b"caf\xe9.png", b"[x].png", b"two\nlines.png", b"z" * 240 + b".png"):
        path = Path(os.fsdecode(os.path.join(os.fsencode(root), b"in", name)))
        picture(path)


def left(root):
    picture(root / "in/a.png")
    picture(root / "in/@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg")
    (root / "in/._a.png").write_bytes(GHOST)


def scored(root, lacking=0, same=False):
    for number in range(4):
        picture(root / f"sharp/{number}.png", SCENES[number])
        if number >= lacking:
            picture(root / f"restored/{number}.png", SCENES[number] if same and number == 3 else blurred_scene(number))


def score(root, *options):
    return command("score", root / "restored", root / "sharp", *options)


def exact(root):
    status, said = score(root)
    return status, "the mean of the other 3 is" in said


def tiff(root):
    scored(root)
    picture(root / "restored/0.tif", blurred_scene(0))
    (root / "restored/0.png").unlink()


def exchanged(root):
    for number in range(3):
        picture(root / f"blur/{number}.png", SCENES[number])
        picture(root / f"sharp/{number}.png", blurred_scene(number))


REDS = [(f"train/train_blur/{name}.png", f"train/train_sharp/{name}.png") for name in ("000/0", "000/1", "001/0")]
REALBLUR = [(f"scene00{n}/blur/blur_{n}.png", f"scene00{n}/gt/gt_{n}.png") for n in (1, 2)]
HIDE = [("train/1.png", "GT/1.png"), ("train/2.png", "GT/2.png"), ("test/test-close-ups/3.png", "GT/3.png")]
BSD = [(f"00{n}/Blur/RGB/0.png", f"00{n}/Sharp/RGB/0.png") for n in (1, 2)]
DPDD = [(f"train_c/source/1P0A{n:04}.png", f"train_c/target/1P0A{n - 1:04}.png") for n in (917, 984)]


def beside(blurred, sharp):
    return [(f"{blurred}/{n}.png", f"{sharp}/{n}.png") for n in range(3)]


CASES = [
    *(
        Case(f"pairs in {blurred} and {sharp}", pairs(*beside(blurred, sharp)), found, 3)
        for blurred, sharp in (("input", "target"), ("lq", "gt"), ("low", "label"), ("blurry", "sharp"), ("blur", "gt"))
    ),
    Case("REDS as it is zipped", pairs(*REDS), lambda root: found(root, split="train"), 3),
    Case("REDS, its train folder", pairs(*REDS), lambda root: found(root / "train"), 3),
    Case("RealBlur", pairs(*REALBLUR), found, 2),
    Case("HIDE", pairs(*HIDE), lambda root: found(root, split="train"), 2),
    Case("BSD", pairs(*BSD), found, 2),
    Case("DPDD", pairs(*DPDD), lambda root: found(root, split="train"), 2),
    Case(
        "two folders of the same names, other pixels",
        pairs(*beside("1", "2")),
        lambda root: command("check-data", root)[0],
        1,
    ),
    Case(
        "what a Mac leaves beside pairs",
        lambda root: (
            pairs(*beside("blur", "sharp"))(root),
            [(root / f"{kind}/._{n}.png").write_bytes(GHOST) for kind in ("blur", "sharp") for n in range(3)],
        ),
        lambda root: (found(root), command("check-data", root)[0]),
        (3, 0),
    ),
    Case(
        "a phone's folder of 8 pictures, one of them no picture, and a text",
        phone,
        lambda root: (lambda status, count, said: (status, count, "1 .nef" in said, "1 .txt" in said))(*restored(root)),
        (1, 7, True, True),
    ),
    Case("names of any bytes", named, lambda root: restored(root)[:2], (0, 5)),
    Case("what systems leave in a folder", left, lambda root: restored(root)[:2], (0, 1)),
    Case(
        "grey in RGB, by a network that tints",
        lambda root: picture(root / "in/a.png", SCENES[0][..., :1].clip(0, 200).repeat(3, axis=2)),
        lambda root: (restored(root, tint=9)[0], int(np.ptp(np.asarray(Image.open(root / "out/a.png")), axis=2).max())),
        (0, 0),
    ),
    Case(
        "a picture of more megapixels than are allowed, allowed",
        lambda root: picture(root / "in/a.png"),
        lambda root: restored(root, "--most_megapixels=400")[0],
        0,
    ),
    Case(
        "score: a sharp image lacks its restored one",
        lambda root: scored(root, lacking=1),
        lambda root: score(root)[0],
        2,
    ),
    Case(
        "score: the same, asked for by --partial",
        lambda root: scored(root, lacking=1),
        lambda root: (score(root, "--partial")[0], "mean of 3" in score(root, "--partial")[1]),
        (0, True),
    ),
    Case("score: an image that is restored exactly", lambda root: scored(root, same=True), exact, (0, True)),
    Case("score: TIFF", tiff, lambda root: score(root)[0], 0),
    Case(
        "score: a folder of pairs alone",
        pairs(*beside("blur", "sharp")),
        lambda root: (command("score", root, root)[0], "mean of 3" in command("score", root, root)[1]),
        (0, True),
    ),
    Case(
        "the truth in `blur`, the blurred in `sharp`",
        exchanged,
        lambda root: "exchanged" in command("check-data", root)[1],
        True,
    ),
]
