"""Files that are never half written, and folders that one process writes."""

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gandeblur.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
# Errors of a disk that is full, or of a folder that is not ours: the next file will meet them, too.
LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO)

_LONGEST_NAME = 255  # bytes, on all usual disks


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
        while name and len(os.fsencode(before + name)) > _LONGEST_NAME:
            name = name[1:]
        self.temporary = self.path.with_name(before + name)

    def __enter__(self):
        return self.temporary

    def __exit__(self, kind, value, traceback):
        if kind is None:
            if self.previous and self.path.exists():
                os.replace(self.path, self.previous)
            os.replace(self.temporary, self.path)
        else:
            self.temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Writes a file for people as well, whole or not at all; an infinite number is `Infinity`, as Python reads it."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process. The system lets go of it when the process ends, however it ends.

    The file `.lock` in it stays; it says who holds the folder, or held it last. Where Python has no `fcntl` (Windows),
    or the file system no locks, nothing is locked.

    Args:
        folder: made if it is not there.

    Raises:
        InputError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read() or "another process"
                raise InputError(
                    f"{folder}: {holder} trains here; wait until it has ended, or choose another --workdir"
                ) from None
            except OSError:
                pass  # no locks here
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
