"""A set of images with its degradations, and the crop of an image that four random numbers choose."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gandeblur.data.datasets.packed import Images
from gandeblur.data.datasets.shrunk import Shrunk
from gandeblur.data.degradations import Step, scale
from gandeblur.data.images import resize
from gandeblur.data.reader import Reader
from gandeblur.errors import InputError

_COLOUR_ORDERS = list(itertools.permutations(range(3)))


@dataclass(frozen=True)
class Source:
    """A set of images and its degradations.

    Attributes:
        images: sharp images, or pairs.
        degradations: steps from the sharp image to the degraded one, see `degradations.draw`; of a pair, from its
            blurred image. Where one of them shrinks, the sharp image is shrunk alike.
        skipped: None: an image that cannot be read ends the stream. Else the next one of `images` takes its place, and
            this dict receives its file -> the error.
        cut: where a training crop comes from: "anywhere"; "tiles": a random tile of the image, the first tile lies at
            its top left corner; "resized": the whole image, resized to the crop (bicubic).
    """

    images: Images | Shrunk
    degradations: Sequence[Step] = ()
    skipped: dict[str, str] | None = None
    cut: str = "anywhere"

    def full_px(self, size_px: int) -> int:
        """Side of what is read, for `size_px` pixels after the steps that shrink."""
        return scale(self.degradations) * size_px

    def check_sizes(self, size_px: int) -> None:
        """Raises an `InputError` for the first image, or pair of two sizes, that no crop of this side fits into."""
        if self.cut == "resized":
            return
        factor = scale(self.degradations)
        for index in range(len(self.images)):
            try:
                height, width = (side // factor for side in self.images.size(index))
            except InputError:
                if self.skipped is None:
                    raise
                continue  # the reader says so
            if min(height, width) < size_px:
                shrunk = factor > 1 or isinstance(self.images, Shrunk)
                raise InputError(
                    f"{self.images.where(index)}: is {width}x{height}{' when shrunk' * shrunk}, "
                    f"smaller than the {size_px}x{size_px} crop; remove it{' or lower --downsample' * shrunk}"
                )


def random_crops(
    sources: Sequence[Source], crop_px: int, max_zoom: float, turned: bool, cache_bytes: int = 2 * 2**30
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The function that a training stream calls: `(index of an image, four random numbers) -> random_crop`.

    The sources are counted through, one after the other. For the arguments see `pipeline.training_stream`.

    Raises:
        InputError: all images fit into memory, and one cannot be read.
    """
    first = first_indices(sources)
    readers = []
    for source in sources:
        readers.append(Reader(source.images, cache_bytes, skipped=source.skipped))
        cache_bytes = max(0, cache_bytes - readers[-1].kept_bytes)

    def crop(index, draws):
        number = int(np.searchsorted(first, index, side="right")) - 1
        source, frames = sources[number], readers[number][index - first[number]]
        size, tiles = source.full_px(crop_px), source.cut == "tiles"
        if source.cut == "resized":
            frames = np.stack([resize(frame, size, size) for frame in frames])
        return random_crop(frames, draws, crop_px=size, max_zoom=max_zoom, turned=turned, tiles=tiles)

    return crop


def first_indices(sources: Sequence[Source]) -> np.ndarray:
    """Each source's first index, and the number of all images."""
    return np.cumsum([0] + [len(source.images) for source in sources])


def random_crop(
    frames: np.ndarray,
    draws: np.ndarray,
    *,
    crop_px: int,
    max_zoom: float = 1.0,
    turned: bool = False,
    tiles: bool = False,
) -> np.ndarray:
    """The crop that four random numbers stand for: zoom, top, left, and (below one half) a horizontal flip.

    If turned, the last one stands for one of eight orientations (its eighth: half of them flipped) and one of six
    orders of the colours (its 48th).

    Args:
        frames: uint8 `[1, H, W, 3]` (sharp) or `[2, H, W, 3]` (blurred, sharp).
        draws: float `[4]` in [0, 1).
        crop_px, max_zoom, turned: see `pipeline.training_stream`.
        tiles: whether top and left choose one of the tiles of `crop_px` pixels, not any place.

    Returns:
        uint8 `[2, crop_px, crop_px, 3]`: the same window of the blurred and the sharp image, or twice the sharp one.
    """
    zoom, top, left, flip = (float(draw) for draw in draws)
    height, width = frames.shape[1:3]
    side = round(crop_px * min(max_zoom, height / crop_px, width / crop_px) ** zoom)
    if tiles:
        top, left = (int(draw * (length // side)) * side for draw, length in ((top, height), (left, width)))
    else:
        top, left = int(top * (height - side + 1)), int(left * (width - side + 1))
    crop = np.empty((2, crop_px, crop_px, 3), np.uint8)
    for number, frame in enumerate(frames[:, top : top + side, left : left + side]):
        if side > crop_px:
            frame = resize(frame, crop_px, crop_px)
        crop[number:] = frame[:, ::-1] if flip < 0.5 else frame
    if turned:
        crop = np.rot90(crop, int(8 * flip) % 4, axes=(1, 2))
        crop = np.ascontiguousarray(crop[..., _COLOUR_ORDERS[int(48 * flip) % 6]])
    return crop
