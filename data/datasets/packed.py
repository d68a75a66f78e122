"""Packed sets: decoded pixels in a few large files, from which a crop is read without touching the rest.

    OUT/shard-00000.npy ...   uint8, one dimension: the images one after another, each `[K, H, W, 3]` in C order,
                              with K = 2 (blurred, sharp) or K = 1 (sharp); at most 256 MiB unless one image is larger
    OUT/index.json            name, variant, and for each image its name, size, shard, offset in bytes and CRC-32

The shards are plain NumPy files that the operating system maps into memory. The index is written last: a folder
without one is not a packed set.
"""

import itertools
import json
import shutil
import sys
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from gandeblur.data.datasets import ImageSet, PairSet
from gandeblur.errors import InputError
from gandeblur.files import replacing

INDEX = "index.json"
_FORMAT = "gandeblur packed images, version 1"
_SHARD_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Record:
    """Where an image or a pair lies."""

    name: str
    height: int
    width: int
    shard: str  # file name
    offset: int  # of its first byte, behind the file's header
    crc32: int


class PackedSet:
    """An `ImageSet` or `PairSet` whose pixels are read from shards: the same questions, the same answers."""

    def __init__(
        self,
        name: str,
        variant: str | None,
        folder: Path,
        records: Sequence[Record],
        shards: dict[str, np.memmap],
        verified: set[Record],
    ):
        self.name = name
        self.variant = variant  # None for sharp images
        self._folder = folder
        self._records = tuple(records)
        self._shards = shards  # file name -> its pixels
        self._verified = verified  # records that were found whole

    @property
    def has_pairs(self) -> bool:
        return self.variant is not None

    def __len__(self) -> int:
        return len(self._records)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(record.name for record in self._records)

    def where(self, index: int) -> str:
        """The file and the image in it, for messages."""
        record = self._records[index]
        return f"{self._folder / record.shard}: {record.name}"

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self._records[index].height, self._records[index].width

    def read(self, index: int) -> np.ndarray:
        """The pixels, as a view of the file: uint8 `[2, H, W, 3]` (blurred, sharp) or `[1, H, W, 3]`, read only.

        The first reading of an image checks all of it.

        Raises:
            InputError: its bytes are not those that were packed.
        """
        record = self._records[index]
        shape = (2 if self.has_pairs else 1, record.height, record.width, 3)
        pixels = self._shards[record.shard][record.offset :][: np.prod(shape)]
        if record not in self._verified:
            if zlib.crc32(pixels.data) != record.crc32:
                raise InputError(f"{self.where(index)} is damaged; pack the images again into a new folder")
            self._verified.add(record)
        return pixels.reshape(shape)

    def subset(self, indices: Sequence[int], name: str) -> "PackedSet":
        records = [self._records[index] for index in indices]
        return PackedSet(name, self.variant, self._folder, records, self._shards, self._verified)


# What an experiment reads.
Images = ImageSet | PairSet | PackedSet


def is_packed(folder: str | Path) -> bool:
    """Whether the folder holds shards, complete or not."""
    return (Path(folder) / INDEX).is_file() or any(Path(folder).glob("shard-*.npy"))


def pack(images: Images, out: str | Path) -> int:
    """Writes all images, decoded, to a new folder.

    Args:
        images: what to pack; it is read from beginning to end.
        out: folder to make. What a stopped packing has left there is written anew.

    Returns:
        Bytes written.

    Raises:
        InputError: an image cannot be read, two have one name, the folder holds something else, or the disk has no
            room.
    """
    out = Path(out)
    if (out / INDEX).exists():
        raise InputError(f"{out}: already holds a packed set; choose another folder, or remove it")
    own = [path for pattern in ("shard-*.npy", ".*.shard-*.npy", f".*.{INDEX}") for path in out.glob(pattern)]
    strange = sorted({*out.iterdir()} - {*own}) if out.exists() else ()
    if strange:
        raise InputError(f"{strange[0]}: is not from packing; choose a new or empty folder instead of {out}")
    repeated = [name for name, group in itertools.groupby(sorted(images.names)) if len(list(group)) > 1]
    if images.has_pairs and repeated:
        raise InputError(f"{out}: two pairs are called {repeated[0]}; rename one of them")

    shapes = [(2 if images.has_pairs else 1, *images.size(index), 3) for index in range(len(images))]
    total = sum(int(np.prod(shape)) for shape in shapes)
    out.mkdir(parents=True, exist_ok=True)
    for path in own:
        path.unlink()
    free = shutil.disk_usage(out).free
    if total > free:
        raise InputError(f"{out}: needs {total / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; choose another disk")

    records = []
    with (
        Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress,
        ThreadPoolExecutor() as pool,
    ):
        bar = progress.add_task("packing", total=total)
        for number, indices in enumerate(_shards(shapes)):
            path = out / f"shard-{number:05}.npy"
            size = sum(int(np.prod(shapes[index])) for index in indices)
            offset = 0
            with replacing(path) as temporary, temporary.open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (size,)}
                np.lib.format.write_array_header_1_0(file, header)
                for index, pixels in zip(indices, pool.map(images.read, indices), strict=True):
                    _, height, width, _ = pixels.shape
                    crc32 = zlib.crc32(pixels.data)
                    records.append(Record(images.names[index], height, width, path.name, offset, crc32))
                    file.write(pixels)
                    offset += pixels.nbytes
                    progress.advance(bar, pixels.nbytes)
    contents = {
        "format": _FORMAT,
        "name": images.name,
        "variant": images.variant,
        "images": [asdict(record) for record in records],
    }
    with replacing(out / INDEX) as temporary:
        temporary.write_text(json.dumps(contents), encoding="utf-8")
    return total


def open_packed(folder: str | Path) -> PackedSet:
    """The set in a folder that `pack` has made, with the name it had then.

    Raises:
        InputError: no index (packing was stopped), an index that cannot be read, or a shard that is missing or
            shorter or longer than the index says. Damaged pixels show when they are read.
    """
    folder = Path(folder)
    again = "pack the images again into a new folder"
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != _FORMAT:
            raise InputError(f"{folder / INDEX}: is not of the format '{_FORMAT}'; {again}")
        records = [Record(**image) for image in index["images"]]
        name, variant = index["name"], index["variant"]
    except FileNotFoundError:
        raise InputError(f"{folder}: has no {INDEX}, so its packing was stopped; run gandeblur pack again") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{folder / INDEX}: cannot be read; {again}") from None
    shards = {}
    for file, group in itertools.groupby(records, key=lambda record: record.shard):
        size = sum((2 if variant else 1) * 3 * record.height * record.width for record in group)
        try:
            pixels = shards[file] = np.load(folder / file, mmap_mode="r", allow_pickle=False)
            whole = pixels.dtype == np.uint8 and pixels.shape == (size,)
            whole &= (folder / file).stat().st_size == pixels.offset + size
        except FileNotFoundError:
            raise InputError(f"{folder / file}: is missing; {again}") from None
        except (ValueError, OSError, EOFError):
            whole = False
        if not whole:
            raise InputError(f"{folder / file}: is incomplete or no shard; {again}")
    return PackedSet(name, variant, folder, records, shards, set())


def _shards(shapes: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Indices of the images of each shard, in order."""
    shards: list[list[int]] = []
    room = 0
    for index, shape in enumerate(shapes):
        size = int(np.prod(shape))
        if size > room:
            shards.append([])
            room = max(_SHARD_BYTES, size)
        shards[-1].append(index)
        room -= size
    return shards
