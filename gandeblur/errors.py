"""The one exception that users are meant to read."""


class InputError(Exception):
    """Bad input: the message is one line that names the file (or flag) and the remedy.

    `experiments/run.py` prints the line and exits with status 2; nothing has been overwritten by then.
    """
