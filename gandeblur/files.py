"""Files that are never half written."""

import os
from pathlib import Path


class replacing:
    """Context manager: write to a temporary file beside `path`; it becomes `path` only when all is written."""

    def __init__(self, path):
        self.path = Path(path)
        # The suffix stays last: Keras chooses the format by it.
        self.temporary = self.path.with_name(f".{os.getpid()}.{self.path.name}")

    def __enter__(self):
        return self.temporary

    def __exit__(self, kind, value, traceback):
        if kind is None:
            os.replace(self.temporary, self.path)
        else:
            self.temporary.unlink(missing_ok=True)
