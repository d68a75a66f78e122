"""Names of files as people have them: which no user gave, and how any of them is shown."""

import codecs
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

# What macOS, Windows and network disks put beside a user's files, in lower case: copies of resource forks, thumbnails,
# waste baskets. (macOS' own "._NAME" files begin with a dot.)
_LEFT_BY_SYSTEMS = {
    *("__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "$recycle.bin"),
    *("system volume information", "lost+found"),
}
_CONTROLS = "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
ESCAPED = "gandeblur.escaped"  # for `errors=` of an encoder: what it cannot write is escaped, bytes of a name as bytes


def left_by_system(relative: Path) -> bool:
    """Whether a path is none that a user made: it, or a folder on its way, is hidden or known to come from a system.

    Every command that looks into a folder asks this function.

    Args:
        relative: the path below the folder that the user named.
    """
    return any(
        (part.startswith(".") and part not in (".", "..")) or part.lower() in _LEFT_BY_SYSTEMS
        for part in relative.parts
    )


class Found(NamedTuple):
    """The findings of `search`, each in order."""

    files: list[Path]
    closed: list[Path]  # folders that cannot be listed
    left_by_systems: list[Path]  # files and folders: see `left_by_system`


def search(folder: Path) -> Found:
    """All files below a folder. Files that systems left are told apart; their folders are not entered.

    A linked folder is entered, unless it leads back to a folder of the search, or to one above.
    """
    found = Found([], [], [])
    within = folder.resolve()
    seen = [within]

    def closed(error):
        found.closed.append(Path(error.filename))

    for place, folders, names in os.walk(folder, onerror=closed, followlinks=True):
        for name in (*folders, *names):
            if left_by_system(Path(name)):
                found.left_by_systems.append(Path(place, name))
            elif name in names:
                found.files.append(Path(place, name))
        folders[:] = sorted(name for name in folders if not left_by_system(Path(name)))
        for name in [name for name in folders if os.path.islink(os.path.join(place, name))]:
            real = Path(place, name).resolve()
            if within.is_relative_to(real) or any(real.is_relative_to(one) for one in seen):
                folders.remove(name)
            seen.append(real)
    return Found(*map(sorted, found))


def shown(text: str | Path) -> str:
    """A name, or a line that holds one, on one line and in UTF-8: "caf\\xe9.png" for a name in Latin-1.

    Control characters are escaped: a line break in a name ends no line, and no name moves a terminal's cursor or turns
    its letters round.
    """
    return re.sub(_CONTROLS, lambda match: _escape(match[0]), str(text))


def show_any_name() -> None:
    """From now on the standard streams show what they cannot encode instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=ESCAPED)


def _escape(text: str) -> str:
    # Python reads a name's byte 0xE9 that is no UTF-8 as "\udce9".
    escaped = (f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in text)
    return "".join(escaped)


def _escape_error(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _escape(error.object[error.start : error.end]), error.end


codecs.register_error(ESCAPED, _escape_error)
