"""Images in LMDB files as BasicSR and its descendants write them; needs the extra `lmdb`.

NAME.lmdb/data.mdb, lock.mdb     key ("000/00000000") -> the bytes of a PNG file
NAME.lmdb/meta_info.txt          a line for each: `000/00000000.png (720,1280,3) 1`: name, size, compression
"""

import functools
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gandeblur.data.images import png_bits
from gandeblur.errors import InputError

SUFFIX = ".lmdb"
_META = "meta_info.txt"
_LINE = re.compile(r"(.+)\.\w+ \((\d+), ?(\d+), ?\d+\)(?: \d+)?")


@dataclass(frozen=True)
class StoredImage:
    """One image: what `data.images` says of a file, this says of a key."""

    store: Path
    key: str
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.store}: {self.key}"

    @property
    def name(self) -> str:
        return self.key

    def size(self) -> tuple[int, int]:
        """(height, width) in pixels, as `meta_info.txt` says."""
        return self.height, self.width

    def content(self) -> bytes:
        """The bytes of the image's file.

        Raises:
            InputError: there is no such key, or the store cannot be read.
        """
        import lmdb

        try:
            with _opened(self.store, os.getpid()).begin() as transaction:
                content = transaction.get(self.key.encode())
        except lmdb.Error as error:
            raise InputError(f"{self.store}: cannot be read ({error}); write it anew") from error
        if content is None:
            raise InputError(f"{self}: is not in the file, though {_META} lists it; write the file anew")
        return content

    def read(self) -> np.ndarray:
        """The pixels: uint8 `[H, W, 3]`.

        Raises:
            InputError: as `content`, or it is damaged or not of 8 bits.
        """
        content = self.content()
        try:
            with Image.open(io.BytesIO(content)) as image:
                if (bits := png_bits(content)) not in (None, 8):
                    raise InputError(f"{self}: has {bits} bits per channel; such files are read with 8 only")
                return np.asarray(image.convert("RGB"))
        except InputError:
            raise
        except Exception as error:  # a damaged file makes decoders raise almost anything
            raise InputError(f"{self}: cannot be read ({str(error).splitlines()[0]}); write the file anew") from error


def stored_images(store: Path) -> list[StoredImage]:
    """The images of a `NAME.lmdb` folder, in the order of its `meta_info.txt`.

    Raises:
        InputError: LMDB is not installed, or there is no such list, or it cannot be read.
    """
    try:
        import lmdb  # noqa: F401
    except ImportError as error:
        raise InputError(f"{store}: LMDB files need the extra: pip install 'gandeblur[lmdb]'") from error
    try:
        lines = (store / _META).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{store / _META}: cannot be read; write the file anew, with its list of images") from error
    found = []
    for number, line in enumerate(filter(str.strip, lines), start=1):
        parts = _LINE.fullmatch(line.strip())
        if not parts:
            raise InputError(f"{store / _META}: line {number} is no `NAME.png (HEIGHT,WIDTH,CHANNELS) N`; correct it")
        found.append(StoredImage(store, parts[1], int(parts[2]), int(parts[3])))
    return found


@functools.lru_cache
def _opened(store: Path, process: int) -> Any:
    """The file, open in this process: LMDB forbids to share it with a child, or to open it twice."""
    import lmdb

    return lmdb.open(str(store), readonly=True, lock=False, readahead=False, max_spare_txns=os.cpu_count() or 1)
