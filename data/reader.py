"""Decoded images by index, kept in memory as far as they fit, and the decoding of a whole set in threads."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from gandeblur.data.datasets.packed import Images, PackedSet

Result = TypeVar("Result")


class Reader:
    """The images of a set by index, kept in memory as far as `cache_bytes` reach in the set's order.

    If all fit, they are decoded right away.

    Attributes:
        kept_bytes: of memory that the kept images take.

    Raises:
        InputError: an image cannot be read; at the first use of those that are not decoded right away.
    """

    def __init__(
        self, images: Images, cache_bytes: int, load: Callable[[np.ndarray], np.ndarray] = lambda frames: frames
    ):
        self._read = lambda index: load(images.read(index))
        # What a packed set reads is kept in memory by the operating system.
        packed = isinstance(images, PackedSet)
        sizes = [0] * len(images) if packed else [3 * np.prod(images.size(index)) for index in range(len(images))]
        nbytes = np.cumsum(sizes) * (2 if images.has_pairs else 1)
        self._kept = (nbytes <= cache_bytes) & (not packed)
        self.kept_bytes = int(nbytes[self._kept][-1]) if self._kept.any() else 0
        self._cache: dict[int, np.ndarray] = {}
        if self._kept.all():  # a damaged file is reported now, not in the middle of a run
            self._cache = dict(enumerate(for_all(self._read, len(images), "decoding images")))

    def __getitem__(self, index: int) -> np.ndarray:
        index = int(index)
        if index in self._cache:
            return self._cache[index]
        image = self._read(index)
        if self._kept[index]:
            self._cache[index] = image
        return image


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
