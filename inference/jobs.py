"""Which files are meant by files, folders and patterns, where their results go, and which files are left out."""

import glob
import os
import re
import tempfile
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gandeblur.errors import InputError
from gandeblur.files import LONGEST_NAME
from gandeblur.inference import photographs, video
from gandeblur.inference.formats.kinds import FILM_SUFFIXES
from gandeblur.names import left_by_system, search

# Suffixes of pictures and films that are tried in a folder besides those that are read: a file's content may be another
# than its name says, and else a line says why it cannot be restored. Other files are told by their content alone.
_TRIED = re.compile(
    r"\.(jfif|jpe|gif|mpo|apng|hei[cf]|hif|avif|jxl|jp2|j2k|jpx|ps[db]|exr|hdr|pfm|p[pgbn]m|tga"
    r"|dng|nef|nrw|cr[23w]|arw|sr[2fw]|raf|orf|rw[2l]|pef|x3f|3fr|fff|iiq|kdc|dcr|erf|mef|mos|gpr"
    r"|mts|m2ts?|ts|mpe?g|m2v|vob|3g[p2]|wmv|asf|f[l4]v|ogv|mxf|dv|divx)"
)


class Job(NamedTuple):
    """A file and where its restored picture goes."""

    source: Path
    target: Path


class Plan(NamedTuple):
    """The findings of `plan`."""

    jobs: list[Job]
    no_pictures: list[Path]  # files of folders that are neither pictures nor films, by name or by content
    left_by_systems: list[Path]  # files and folders: see `names.left_by_system`; what is in such a folder is not listed


def jobs(inputs: Sequence[str], out: Path, force: bool = False, skip_existing: bool = False) -> list[Job]:
    """The jobs of `plan`."""
    return plan(inputs, out, force, skip_existing).jobs


def plan(inputs: Sequence[str], out: Path, force: bool = False, skip_existing: bool = False) -> Plan:
    """The files that are meant by files, folders and patterns, each with its place in `out`.

    A folder stands for the pictures and films in it and its sub-folders, which keep their places below `out`. A folder
    that cannot be listed is a job as well, which fails. `skip_existing` leaves out results that are there: a picture
    appears under its name only when it is whole.

    Raises:
        InputError: something names no image, two results would have one name, or one exists and `force` is not set, or
            would replace its own source.
    """
    found: list[Job] = []
    others: list[Path] = []
    systems: list[Path] = []
    within = out.resolve()
    for text in inputs:
        path = Path(text)
        if left_by_system(Path(path.name)) and path.exists() and len(inputs) > 1:  # a shell's pattern names these, too
            systems.append(path)
        elif path.is_dir():
            found_here = search(path)
            systems += found_here.left_by_systems
            files = sorted(found_here.files + found_here.closed)
            if within != path.resolve() and path.resolve() in within.parents:  # results of an earlier time
                files = [file for file in files if within not in file.resolve().parents]
            pictures = {file: file.is_dir() or _may_be_picture(file) for file in files}
            others += [file for file, is_one in pictures.items() if not is_one]
            found += [Job(file, out / file.relative_to(path)) for file, is_one in pictures.items() if is_one]
            if not any(pictures.values()):
                kinds = (*photographs.SUFFIXES, *video.SUFFIXES)
                raise InputError(f"{path}: holds no picture ({', '.join(kinds)}); name another folder")
        elif path.exists():
            found.append(Job(path, out / path.name))
        else:
            matches = [Path(match) for match in sorted(glob.glob(text, recursive=True)) if Path(match).is_file()]
            if not matches:
                raise InputError(f"{text}: no such file or folder; check its name")
            own = {
                match: left_by_system(Path(*(one for one in match.parts if one not in path.parts))) for match in matches
            }
            systems += [match for match in matches if own[match]]
            found += [Job(match, out / match.name) for match in matches if not own[match]]
    if systems and not found:
        raise InputError(f"{systems[0]}: was left by a system, as all that is named; name pictures, films or folders")
    found = _placed(dict.fromkeys(found))
    closed = {job for job in found if job.source.is_dir()}
    taken: dict[Path, Path] = {}
    for source, target in (job for job in found if job not in closed):
        if target in taken:
            raise InputError(f"{source}: would become {target}, as {taken[target]} would; restore them one by one")
        taken[target] = source
        if target.exists() and target.resolve() == source.resolve():
            raise InputError(f"{source}: would be replaced by its restored picture; choose another folder with -o")
        if target.exists() and not force and not skip_existing:
            raise InputError(f"{target}: exists; choose another folder with -o, or replace it with --force")
    _refuse_one_name_by_case(taken, out)
    todo = [job for job in found if force or job in closed or not (skip_existing and job.target.exists())]
    return Plan(todo, others, systems)


def by_kind(paths: Iterable[Path]) -> str:
    """How many there are of each suffix: "2 .heic, 1 .txt"."""
    counts = Counter(path.suffix.lower() or "without suffix" for path in paths)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())


def _may_be_picture(file: Path) -> bool:
    """Whether its suffix says that it is a picture or a film, or its content that it is a picture."""
    suffix = file.suffix.lower()
    if file.exists() and not file.is_file():  # a pipe: only its name is looked at
        return suffix in (*photographs.SUFFIXES, *video.SUFFIXES)
    if suffix in (".ts", ".mts") and _is_text(file):  # TypeScript
        return False
    if suffix in (*photographs.SUFFIXES, *video.SUFFIXES, *FILM_SUFFIXES) or _TRIED.fullmatch(suffix):
        return True
    try:
        with warnings.catch_warnings(), Image.open(file):  # reads the header alone
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # a file of any kind makes Pillow's decoders raise almost anything
        return False


def _is_text(file: Path) -> bool:
    """Whether a file is text: every film has zeros near its beginning. An empty file may have been a film."""
    try:
        with open(file, "rb") as opened:
            start = opened.read(2048)
    except OSError:
        return False
    return bool(start) and (b"\0" not in start or start.startswith((b"\xff\xfe", b"\xfe\xff")))


def _placed(found: Iterable[Job]) -> list[Job]:
    """The jobs with their results' suffixes; where `a.png` is another job's result, `a.gif` becomes `a.gif.png`."""
    found = list(found)
    kept = {job.target for job in found if _target(job) == job.target}
    placed = []
    for job in found:
        target = _target(job)
        if target != job.target and target in kept:
            name = job.target.name
            while len(os.fsencode(name + target.suffix)) > LONGEST_NAME:
                name = name[:-1]
            target = job.target.with_name(name + target.suffix)
        kept.add(target)
        placed.append(job._replace(target=target))
    return list(dict.fromkeys(placed))


def _refuse_one_name_by_case(targets: Iterable[Path], out: Path) -> None:
    """Where the disk of `out` takes `A.jpg` and `a.jpg` for one name, the second would replace the first."""
    names: dict[str, Path] = {}
    for target in targets:
        other = names.setdefault(unicodedata.normalize("NFC", str(target)).casefold(), target)
        if other != target and _ignores_case(out):
            raise InputError(f"{target}: is {other} on this disk, which ignores case; restore them into two folders")


def _ignores_case(folder: Path) -> bool:
    """Whether the disk of a folder, or of the nearest one above it that exists, takes two cases for one name."""
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.is_dir())
    try:
        with tempfile.NamedTemporaryFile(prefix=".a", dir=place) as file:
            return Path(file.name).with_name(Path(file.name).name.swapcase()).exists()
    except OSError:
        return False  # nothing can be written: that is said later


def _target(job: Job) -> Path:
    """The file to write: one of another kind where the source's kind is not written."""
    kind = video if job.source.suffix.lower() in video.SUFFIXES else photographs
    return kind.target(job.target)
