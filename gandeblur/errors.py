"""The one exception that users are meant to read, and how commands end."""

import os
import re
import sys
from collections.abc import Callable

from gandeblur.names import show_any_name, shown

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


class InputError(Exception):
    """Bad input: the message is one line that names the file (or flag) and the remedy.

    Scripts and commands print the line and exit with status 2; nothing has been overwritten by then. An option is
    written as a command has it, --workdir; `in_python` writes it as an argument, workdir.
    """

    def __init__(self, line: str):
        super().__init__(line)
        self.on_command_line = line

    def in_python(self) -> "InputError":
        error = InputError(re.sub(r"(?<![\w/.-])--(?=[a-z])", "", str(self)))
        error.on_command_line = self.on_command_line
        return error


def guarded(run: Callable[[], int | None], place: str, after_interrupt: str, other_place: str) -> int:
    """Runs a command; errors of its input or of the disk end in one line on stderr.

    Args:
        run: the command; returns its exit status, None for 0.
        place: where it writes, for errors that name no file.
        after_interrupt: what to do after Ctrl-C.
        other_place: what to choose anew if the disk is full.

    Returns:
        The exit status: `run`'s own, 2 after an error, 130 after Ctrl-C.
    """
    show_any_name()
    try:
        return run() or 0
    except InputError as error:
        print(f"error: {shown(error.on_command_line)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe, `head` for example, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        reason = error.strerror or error
        print(
            f"error: {shown(str(error.filename or place))}: {reason}; free space or choose another {other_place}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(f"\ninterrupted; {after_interrupt}", file=sys.stderr)
        return INTERRUPTED
