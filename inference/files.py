"""Restoring files: which ones are meant, where the results go, and what is said while it lasts."""

import glob
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from gandeblur.errors import InputError
from gandeblur.files import LASTING, replacing
from gandeblur.inference import photographs, video

Restore = Callable[..., np.ndarray]  # `Deblurrer.restore`
Remark = Callable[[np.ndarray, np.ndarray], str]  # `Deblurrer.remark`


class Job(NamedTuple):
    """A file and where its restored picture goes."""

    source: Path
    target: Path


def jobs(inputs: Sequence[str], out: Path, force: bool = False, skip_existing: bool = False) -> list[Job]:
    """The files that are meant by files, folders and patterns, each with its place in `out`.

    A folder stands for the images in it and its sub-folders, which keep their places below `out`; a folder that cannot
    be listed is a job as well, which fails. With `skip_existing` those that are there are left out: a picture appears
    under its name only when it is whole.

    Raises:
        InputError: something names no image, two results would have one name, or one exists and `force` is not set, or
            would replace its own source.
    """
    found: list[Job] = []
    within = out.resolve()
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            kinds = (*photographs.SUFFIXES, *video.SUFFIXES)
            images = [file for file in _walk(path) if file.suffix.lower() in kinds or file.is_dir()]
            if within != path.resolve() and path.resolve() in within.parents:  # results of an earlier time
                images = [file for file in images if within not in file.resolve().parents]
            found += [Job(file, out / file.relative_to(path)) for file in images]
            if not images:
                raise InputError(f"{path}: holds no picture ({', '.join(kinds)}); name another folder")
        elif path.exists():
            found.append(Job(path, out / path.name))
        else:
            matches = [Path(match) for match in sorted(glob.glob(text, recursive=True)) if Path(match).is_file()]
            if not matches:
                raise InputError(f"{text}: no such file or folder; check its name")
            found += [Job(match, out / match.name) for match in matches]
    found = list(dict.fromkeys(job._replace(target=_target(job)) for job in found))
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
    return [job for job in found if force or job in closed or not (skip_existing and job.target.exists())]


def _no_remark(blurred, restored):
    return ""


def restore_files(
    restore: Restore, todo: Iterable[Job], remark: Remark = _no_remark, *, strict: bool = False, **options: Any
) -> list[tuple[Job, str]]:
    """Restores files one after the other, with a progress bar; a bad one does not stop the rest.

    Args:
        restore: array -> array, see `Deblurrer.restore`.
        todo: see `jobs`.
        remark: (blurred, restored) -> what to say of a photograph, see `Deblurrer.remark`.
        strict: whether damaged photographs fail, see `photographs.read`.
        options: of `restore`.

    Returns:
        The files that failed, each with a line that says why; a damaged film as well, of which the rest is restored.
    """
    todo = list(todo)
    failed: list[tuple[Job, str]] = []
    columns = (
        TextColumn("{task.description}", markup=False),  # names hold brackets
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # else the list of results would not reach its file
        speed_estimate_period=3600,  # a tile may take longer than the half minute that rich looks back
    ) as bar:
        task = bar.add_task("", total=len(todo))
        for number, (source, target) in enumerate(todo):
            bar.update(task, description=source.name, completed=number)

            def part_done(share: float, text: str = "", number: int = number, name: str = source.name) -> None:
                bar.update(task, completed=number + share, description=f"{name} {text}".rstrip())

            notes: tuple[str, ...] = ()
            damage = ""
            try:
                if source.suffix.lower() in video.SUFFIXES:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    notes, damage = video.restore_video(restore, source, target, part_done, **options)
                else:
                    notes = restore_photograph(
                        restore, source, target, remark, strict=strict, progress=part_done, **options
                    )
            except Exception as error:
                if isinstance(error, OSError) and error.errno in LASTING:
                    raise
                line = failure(source, error)
                failed.append((Job(source, target), line))
                console.print(f"failed: {line}", style="red", highlight=False, soft_wrap=True, markup=False)
                continue
            print(f"{target} ({'; '.join(notes)})" if notes else target, flush=True)
            if damage:  # the rest is there, but the exit status says that something is missing
                failed.append((Job(source, target), f"{source}: {damage}; the rest is restored in {target}"))
                console.print(failed[-1][1], style="red", highlight=False, soft_wrap=True, markup=False)
    return failed


def restore_photograph(
    restore: Restore, source: Path, target: Path, remark: Remark = _no_remark, *, strict: bool = False, **options: Any
) -> tuple[str, ...]:
    """Restores one image file into another, which appears whole or not at all.

    Args:
        restore: array -> array, see `Deblurrer.restore`.
        source: file to read.
        target: file to write or replace; its folder is made.
        remark: as of `restore_files`.
        strict: as of `restore_files`.
        options: of `restore`.

    Returns:
        What a user should know, in words: what of the file could not be kept, and the remark.

    Raises:
        InputError: the source cannot be read, or does not fit into the memory.
    """
    photograph = photographs.read(source, strict)
    restored = restore(photograph.pixels, **options)
    target.parent.mkdir(parents=True, exist_ok=True)
    photographs.write(target, restored, photograph)
    return tuple(filter(None, (*photograph.notes, remark(photograph.pixels, restored))))


def failure(source: Path, error: Exception) -> str:
    """One line that names the file and says why it could not be restored."""
    reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    reason = reason.splitlines()[0]
    return reason if reason.startswith(str(source)) else f"{source}: {reason}"


def write_page(path: Path, done: Sequence[Job], model: str, purpose: str) -> None:
    """Writes a page that shows each picture before and after, with a slider between the two.

    The pictures are PNG copies in `compare/`: browsers do not show every kind of file, nor 16 bits.

    Args:
        path: HTML file, in the folder of the restored pictures.
        done: what was restored; videos are left out.
        model: name of the network.
        purpose: what it undoes.
    """
    pairs = []
    shown = [job for job in done if job.source.suffix.lower() not in video.SUFFIXES]
    for number, (source, target) in enumerate(shown, start=1):
        before, after = (photographs.read(file) for file in (source, target))
        names = {}
        for kind, photograph in (("before", before), ("after", after)):
            copy = path.parent / "compare" / f"{number:04d}_{kind}.png"
            copy.parent.mkdir(exist_ok=True)
            with replacing(copy) as temporary:
                photographs.shown(photograph).save(temporary)
            names[kind] = f"compare/{copy.name}"
        pairs.append({"name": target.relative_to(path.parent), **names})
    environment = jinja2.Environment(loader=jinja2.PackageLoader("gandeblur.inference", "."), autoescape=True)
    with replacing(path) as temporary:
        page = environment.get_template("page.html.j2").render(pairs=pairs, model=model, purpose=purpose)
        temporary.write_text(page, encoding="utf-8")


def _walk(folder):
    """All files in a folder and its sub-folders, and the sub-folders that cannot be listed, in order."""
    closed: list[str] = []
    below = os.walk(folder, onerror=lambda error: closed.append(error.filename))
    return sorted([Path(place) / name for place, _, names in below for name in names] + [Path(one) for one in closed])


def _target(job: Job) -> Path:
    """The file to write: one of another kind where the source's kind is not written."""
    kind = video if job.source.suffix.lower() in video.SUFFIXES else photographs
    return kind.target(job.target)
