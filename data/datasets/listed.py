"""Pairs by a list: a text file with two paths in each line, as RealBlur and SRN-Deblur come with."""

import re
from collections import Counter
from pathlib import Path

from gandeblur.data.datasets import Pair, PairSet, roles
from gandeblur.errors import InputError

SUFFIXES = (".txt", ".csv", ".tsv", ".lst")
VARIANT = "listed"


def listed_pairs(file: Path, folder: Path | None = None) -> tuple[PairSet, list[str]]:
    """The pairs of a list, in its order.

    A line holds the paths of a blurred and a sharp image, divided by blanks, a tab, a comma or a semicolon. The rest of
    the line is not read, nor are empty lines and lines that begin with "#". The folders' and files' names say which
    image is blurred (`blur`, `gt`); where they do not, it is the first.

    Args:
        file: the list.
        folder: its paths are relative to it; if left out, or if the first pair is not there, to the list's own folder,
            or to one above the two.

    Returns:
        The set, called by the list's name, and a line for each pair that is not there.

    Raises:
        InputError: the list cannot be read, or holds no pair.
    """
    try:
        text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); give a text file with two paths a line"
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    start = [place.absolute() for place in (folder, file.parent) if place]
    roots = list(dict.fromkeys(root for place in start for root in (place, *place.parents)))
    found: list[tuple[Path, Path]] = []
    problems = []
    for number, line in lines:
        there = next(((root, both) for root in roots if (both := _both(line, root))), None)
        if not there:
            problems.append(f"{file}: line {number} names no two files ({line}); correct it, or give their folder")
            continue
        root, both = there
        roots = [root]  # of all lines
        blurred, sharp = both if _order(*both) else both[::-1]
        found.append((blurred, sharp))
    if not found:
        raise InputError(problems[0] if problems else f"{file}: is empty; give a text file with two paths a line")
    names = [_name(blurred) for blurred, _ in found]
    if len({*names}) < len(names):  # the shorter names do not tell them apart
        names = [blurred.with_suffix("").as_posix() for blurred, _ in found]
    pairs = [
        Pair(name, roots[0] / blurred, roots[0] / sharp) for name, (blurred, sharp) in zip(names, found, strict=True)
    ]
    again = [name for name, count in Counter(pair.name for pair in pairs).items() if count > 1]
    problems += [f"{file}: names {name} more than once; remove the other lines" for name in again]
    return PairSet(f"{file.stem}/{VARIANT}", VARIANT, tuple(pairs)), problems


def _both(line: str, root: Path) -> tuple[Path, Path] | None:
    """The two files that a line names below a root. Names may hold what divides others."""
    for divider in ("\t", ",", ";", r"\s+"):
        parts = [part.strip().strip('"') for part in re.split(divider, line)]
        for first in range(1, len(parts)):
            for last in range(first + 1, len(parts) + 1):
                glue = divider if len(divider) == 1 else " "
                names = glue.join(parts[:first]), glue.join(parts[first:last])
                if all((root / name).is_file() for name in names):
                    return Path(names[0]), Path(names[1])
    return None


def _order(first: Path, second: Path) -> bool:
    """Whether the first is the blurred one."""

    def told(path: Path) -> int:
        folders = [Path(part) for part in (*path.parts[:-1], path.stem)]
        name = path.stem.lower()
        blurred = any(roles.is_blurred(part) or part.name.lower() in roles.PARTNERS for part in folders)
        sharp = any(roles.is_sharp(part) for part in folders) or bool(re.match(r"(gt|sharp|target)[_-]", name))
        return blurred - sharp

    return told(first) >= told(second)


def _name(blurred: Path) -> str:
    """The path without what tells blurred from sharp: "RealBlur/scene001/1" of "RealBlur/scene001/blur/blur_1.png"."""
    above = [part for part in blurred.parts[:-1] if part.lower() not in roles.PARTNERS and "blur_" not in part.lower()]
    return roles.bare("/".join((*above, blurred.stem)))
