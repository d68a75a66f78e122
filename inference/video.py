"""Restoring films, frame by frame; needs the extra `video`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gandeblur.errors import InputError
from gandeblur.files import LASTING, replacing
from gandeblur.inference import film_codecs, film_read, film_write

SUFFIXES = film_codecs.SUFFIXES


class Report(NamedTuple):
    """The notes on a restored film for its user, in words.

    Args:
        notes: changes, and things that could not be kept.
        damage: parts of the source that could not be read; empty if it is whole. The rest of it was restored.
    """

    notes: tuple[str, ...]
    damage: str


def target(path: Path) -> Path:
    """The path under which a restored film is written: kinds that can only be read become Matroska."""
    return path.with_suffix(".mkv") if path.suffix.lower() in film_codecs.READ_ONLY else path


def restore_video(
    restore: Callable[..., np.ndarray],
    source: Path,
    target: Path,
    progress: Callable[..., None] = lambda share, text="": None,
    **options: Any,
) -> Report:
    """Restores every frame of a film; all else stays as it is, or is named.

    docs/films.md says what is kept. The network sees each frame upright, deinterlaced, in RGB, as a viewer does.

    Args:
        restore: uint8 or, of films of more than 8 bits, uint16 `[H, W, 3]` -> the same, see `Deblurrer.restore`.
        source: film.
        target: file to write or replace, whole or not at all; its suffix says the container.
        progress: called with the share of the frames that are done, and a text of their number and speed.
        options: of `restore`.

    Raises:
        InputError: PyAV is missing, the file is no film or holds no frame that can be read, or `target` is of a kind
            that is not written.
        OSError: the disk is full, or not to be written.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(f"{source}: videos need the extra: pip install 'gandeblur[video]'") from error
    film = film_read.opened(source)
    try:
        with film.container, replacing(target) as temporary:
            writer = film_write.Writer(film, target, temporary)
            try:
                began = time.monotonic()
                for one in film.contents():
                    if not isinstance(one, film_read.Picture):
                        writer.copy(one)
                        continue
                    pixels, alpha = writer.pixels(one)
                    writer.picture(one, restore(pixels, **options), alpha)
                    of = f" of {film.total}" if film.total else ""
                    speed = film.shown / max(time.monotonic() - began, 1e-6)
                    share = min(1.0, film.shown / film.total) if film.total else 0.0
                    progress(share, f"frame {film.shown}{of}, {speed:.3g} frames/s")
                writer.close()
                report = Report((*film.notes, *writer.notes), film.damage())
            finally:
                writer.abandon()
    except av.FFmpegError as error:
        if error.errno in LASTING:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise InputError(f"{source}: cannot be written as {target.name} ({error.strerror})") from error
    return report
