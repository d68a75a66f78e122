"""Restoring files, one after the other, and what is said while it lasts."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from gandeblur.data.images import to_8_bits
from gandeblur.errors import InputError
from gandeblur.files import LASTING, made, replacing
from gandeblur.inference import photographs, video
from gandeblur.inference.fitting import LEFT, Asked, Fitting, Scenes
from gandeblur.inference.jobs import Job, jobs
from gandeblur.names import ESCAPED, shown

__all__ = ["Job", "failure", "jobs", "pixels", "restore_files", "restore_one", "restore_photograph", "write_page"]

Restore = Callable[..., np.ndarray]  # `Deblurrer.restore`
Remark = Callable[[np.ndarray, np.ndarray, float], str]  # `Deblurrer.remark`


def _no_remark(blurred, restored, scale):
    return ""


def restore_files(
    restore: Restore, todo: Iterable[Job], remark: Remark = _no_remark, *, strict: bool = False, **options: Any
) -> list[tuple[Job, str]]:
    """Restores files one after the other, with a progress bar; a bad one does not stop the rest.

    Args:
        restore: array -> array, see `Deblurrer.restore`.
        todo: see `jobs.plan`.
        remark: (blurred, restored, scale) -> a remark on the photograph, see `Deblurrer.remark`.
        strict: whether damaged photographs fail, see `photographs.read`.
        options: of `restore`, and `scale` and `force_restore` as of `restore_photograph`.

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
            bar.update(task, description=shown(source.name), completed=number)

            def part_done(share: float, text: str = "", number: int = number, name: str = source.name) -> None:
                bar.update(task, completed=number + share, description=f"{shown(name)} {text}".rstrip())

            notes: tuple[str, ...] = ()
            damage = ""
            try:
                notes, damage = restore_one(
                    restore, source, target, remark, strict=strict, progress=part_done, **options
                )
            except Exception as error:
                if isinstance(error, OSError) and error.errno in LASTING:
                    raise
                line = failure(source, error)
                failed.append((Job(source, target), line))
                console.print(
                    f"failed: {shown(line)}", style="red", highlight=False, soft_wrap=True, markup=False, emoji=False
                )
                continue
            notes = tuple(
                f"{note}, --force_restore restores it all the same" if note == LEFT else note for note in notes
            )
            print(shown(f"{target} ({'; '.join(notes)})" if notes else target), flush=True)
            if damage:  # the rest is there, but the exit status says that something is missing
                failed.append((Job(source, target), f"{source}: {damage}; the rest is restored in {target}"))
                console.print(
                    shown(failed[-1][1]), style="red", highlight=False, soft_wrap=True, markup=False, emoji=False
                )
    return failed


def restore_one(
    restore: Restore,
    source: Path,
    target: Path,
    remark: Remark = _no_remark,
    *,
    strict: bool = False,
    scale: Asked = 1.0,
    force_restore: bool = False,
    **options: Any,
) -> video.Report:
    """Restores one file, a film by its suffix, else a photograph, into another, which appears whole or not at all.

    Args, Raises: see `restore_photograph`. `progress`, if given, is called with a second argument, a text, for films.
    """
    if source.is_dir():
        raise InputError(f"{source}: a folder that cannot be listed; allow it, or leave it out")
    if source.exists() and not source.is_file():  # reading would wait for ever
        raise InputError(f"{source}: is a pipe, a socket or a device, no file; leave it out")
    if source.suffix.lower() in video.SUFFIXES:
        scenes = Scenes(restore, scale, force_restore)
        with made(target.parent):
            notes, damage = video.restore_video(scenes, source, target, **options)
        return video.Report((*notes, *scenes.notes), damage)
    notes = restore_photograph(
        restore, source, target, remark, strict=strict, scale=scale, force_restore=force_restore, **options
    )
    return video.Report(notes, "")


def restore_photograph(
    restore: Restore,
    source: Path,
    target: Path,
    remark: Remark = _no_remark,
    *,
    strict: bool = False,
    scale: Asked = 1.0,
    force_restore: bool = False,
    **options: Any,
) -> tuple[str, ...]:
    """Restores one image file into another, which appears whole or not at all.

    Args:
        restore: array -> array, see `Deblurrer.restore`.
        source: file to read.
        target: file to write or replace; its folder is made.
        remark: as of `restore_files`.
        strict: as of `restore_files`.
        scale: 1: by `restore` alone; others: see `fitting.Fitting`.
        force_restore: see `fitting.Fitting`.
        options: of `restore`.

    Returns:
        Notes for the user, in words: things that could not be kept, the scale and why, and the remark.

    Raises:
        InputError: the source cannot be read, or does not fit into the memory.
    """
    photograph = photographs.read(source, strict)
    fitting = Fitting(restore, scale, force_restore)
    restored = fitting(photograph.pixels, **options)
    with made(target.parent):
        photographs.write(target, restored, photograph)
    of_result = "" if fitting.left else remark(photograph.pixels, restored, fitting.used)
    return tuple(filter(None, (*photograph.notes, *fitting.notes, of_result)))


def pixels(path: Path) -> np.ndarray:
    """The pixels of any file that is restored, upright, rounded to 8 bits: uint8 `[H, W, 3]`.

    Raises:
        InputError: the file cannot be read, or lacks pixels.
    """
    photograph = photographs.read(path)
    if lacking := [text for text in photograph.damage if "EXIF" not in text]:  # without those the pixels are whole
        raise InputError(f"{path}: {lacking[0]}; replace the file or leave it out")
    return to_8_bits(photograph.pixels)


def failure(source: Path, error: Exception) -> str:
    """One line that names the file and says why it could not be restored."""
    reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    reason = reason.removeprefix(str(source)).removeprefix(": ").splitlines()[0]  # not the lines of a name
    return f"{source}: {reason}"


def write_page(path: Path, done: Sequence[Job], model: str, purpose: str) -> None:
    """Writes a page that shows each picture before and after, with a slider between the two.

    The pictures are PNG copies in `compare/`: browsers do not show every kind of file, nor 16 bits.

    Args:
        path: HTML file, in the folder of the restored pictures.
        done: restored files; videos are left out.
        model: name of the network.
        purpose: its blur, in words.
    """
    pairs = []
    pictures = [job for job in done if job.source.suffix.lower() not in video.SUFFIXES]
    for number, (source, target) in enumerate(pictures, start=1):
        before, after = (photographs.read(file) for file in (source, target))
        names = {}
        for kind, photograph in (("before", before), ("after", after)):
            copy = path.parent / "compare" / f"{number:04d}_{kind}.png"
            copy.parent.mkdir(exist_ok=True)
            with replacing(copy) as temporary:
                photographs.shown(photograph).save(temporary)
            names[kind] = f"compare/{copy.name}"
        pairs.append({"name": shown(target.relative_to(path.parent)), **names})
    environment = jinja2.Environment(loader=jinja2.PackageLoader("gandeblur.inference", "."), autoescape=True)
    with replacing(path) as temporary:
        page = environment.get_template("page.html.j2").render(pairs=pairs, model=model, purpose=purpose)
        temporary.write_text(page, encoding="utf-8", errors=ESCAPED)
