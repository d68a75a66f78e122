"""Decoded images by index, kept in memory as far as they fit, and the decoding of a whole set in threads."""

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from gandeblur.data.datasets.packed import Images, PackedSet
from gandeblur.data.datasets.shrunk import Shrunk
from gandeblur.errors import InputError

Result = TypeVar("Result")


class Reader:
    """The images of a set by index, kept in memory as far as `cache_bytes` reach in the set's order.

    If all fit, they are decoded right away.

    Args:
        images: the set.
        cache_bytes: memory for decoded images.
        load: is applied to an image before it is kept.
        skipped: None: an image that cannot be read is an error. Else the next readable one of the set takes its place,
            and this receives the image's file -> the error.

    Attributes:
        kept_bytes: of memory that the kept images take.

    Raises:
        InputError: an image cannot be read, or, with `skipped`, none; for images that are not decoded right away, at
            their first use.
    """

    def __init__(
        self,
        images: Images | Shrunk,
        cache_bytes: int,
        load: Callable[[np.ndarray], np.ndarray] = lambda frames: frames,
        skipped: dict[str, str] | None = None,
    ):
        self._images, self._load, self._skipped = images, load, skipped
        self._wrong: dict[int, InputError] = {}
        # What a packed set reads is kept in memory by the operating system.
        packed = isinstance(images, PackedSet)
        sizes = [0 if packed else 3 * math.prod(self._size(index)) for index in range(len(images))]
        nbytes = np.cumsum(sizes) * (2 if images.has_pairs else 1)
        self._kept = (nbytes <= cache_bytes) & (not packed)
        self.kept_bytes = int(nbytes[self._kept][-1]) if self._kept.any() else 0
        self._cache: dict[int, np.ndarray] = {}
        if self._kept.all():  # a damaged file is reported now, not in the middle of a run
            for _ in for_all(self._read, len(images), "decoding images"):
                pass

    def _size(self, index: int) -> tuple[int, int]:
        """(height, width) of an image; of one that is skipped for its header, none."""
        try:
            return self._images.size(index)
        except InputError as error:
            self._skip(index, error)
            return 0, 0

    def __getitem__(self, index: int) -> np.ndarray:
        index, count = int(index), len(self._images)
        for tried in itertools.chain(range(index, count), range(index)):
            image = self._read(tried)
            if image is not None:
                return image
        raise self._wrong[index]

    def _read(self, index: int) -> np.ndarray | None:
        """The image; None of one that is skipped."""
        if index in self._cache:
            return self._cache[index]
        if index in self._wrong:
            return None
        try:
            image = self._load(self._images.read(index))
        except InputError as error:
            self._skip(index, error)
            return None
        if self._kept[index]:
            self._cache[index] = image
        return image

    def _skip(self, index: int, error: InputError) -> None:
        if self._skipped is None:
            raise error
        self._wrong[index] = error
        self._skipped[self._images.where(index)] = str(error)


def check_decodes(images: Images) -> None:
    """Decodes every image once, in threads, so that a damaged file is found before a training starts.

    Raises:
        InputError: of the first image that cannot be read.
    """

    def decode(index: int) -> None:
        images.read(index)

    for _ in for_all(decode, len(images), "checking images"):
        pass


def for_all(function: Callable[[int], Result], count: int, what: str) -> Iterator[Result]:
    """`function` of 0 to `count - 1`, in order, by threads; a progress bar says `what` where there are many."""
    with ThreadPoolExecutor() as pool:
        yield from track(
            pool.map(function, range(count)),
            what,
            total=count,
            console=Console(stderr=True),
            transient=True,
            disable=count <= 200 or not sys.stderr.isatty(),
        )
