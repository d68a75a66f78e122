"""Files that are never half written, and folders that one process writes."""

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gandeblur.errors import InputError

LOCK = ".lock"
# Errors of a disk that is full, or of a folder that is not ours: the next file will meet them, too.
LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO)

LONGEST_NAME = 255  # bytes, on all usual disks


class replacing:
    """Context manager: write to a temporary file beside `path`; it becomes `path` only when all is written.

    Args:
        path: the file.
        previous: name under which the file that is there is kept; None: it is not.
    """

    def __init__(self, path, previous=None):
        self.path = Path(path)
        self.previous = previous
        # The suffix stays last: Keras chooses the format by it. A name of full length loses its beginning.
        name, before = self.path.name, f".{os.getpid()}."
        while name and len(os.fsencode(before + name)) > LONGEST_NAME:
            name = name[1:]
        self.temporary = self.path.with_name(before + name)

    def __enter__(self):
        return self.temporary

    def __exit__(self, kind, value, traceback):
        try:
            if kind is None:
                if self.previous and self.path.exists():
                    os.replace(self.path, self.previous)
                os.replace(self.temporary, self.path)
        finally:
            self.temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Writes a file for people as well, whole or not at all; an infinite number is `Infinity`, as Python reads it."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Makes a folder and those around it, where they are not there; what was made here and stays empty goes again."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):  # it holds something, and so do those around it
            for one in new:
                one.rmdir()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process. The system lets go of it when the process ends, however it ends.

    The file `.lock` in it stays; it says who holds the folder, or held it last.

    Args:
        folder: made if it is not there.

    Raises:
        InputError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        holder = path.read_text(encoding="utf-8") or "another process"
        raise InputError(
            f"{folder}: {holder} trains here; wait until it has ended, or choose another --workdir"
        ) from None
    try:
        with suppress(OSError):  # Windows lets nobody write a locked file
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        lock.release()
