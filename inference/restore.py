"""Restoring pictures with a trained generator: of any size, whole or in tiles."""

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.inference import files, flat, graphs, outside, photographs, tiles
from gandeblur.inference.fitting import Asked, Fitting
from gandeblur.inference.formats import pillow
from gandeblur.inference.formats.photograph import neutral
from gandeblur.inference.parts import Locally
from gandeblur.inference.scale import Choice, Restore, Scale, choose
from gandeblur.models.layers import convolution, own_statistics

MARGIN_PX = 32  # see `tiles.windows`; `benchmarks/tiles.py --margin` measures what another would change
LEAST_PX = 32  # smaller pictures are mirrored up to it: a network cannot mirror more than there is
# Before tiles are restored, parts of the image are looked at for the statistics: one in sixteen, four at least.
SAMPLE_PX, SAMPLED, LEAST_SAMPLES = 256, 16, 4


class Deblurrer:
    """Restores pictures of any size: a path, a Pillow image or an array in, the same kind out.

    A generator without padding returns a smaller image, and one that halves the image needs sides that are a multiple
    of some number; its input is then mirrored at the border, so that the result has the picture's size.

    Args:
        generator: a Keras model, float32 images `[B, H, W, 3]` in `value_range` -> the same.
        value_range: (black, white) of the generator's images.
        size_multiple: the generator takes sides that are a multiple of this.
        dropout: whether the generator's dropout stays active: each call then gives another result.
        description: of the run that trained it, see `stages.record`; empty if unknown.
        again: what all images of its training went through, see `outside.remark`.
        judge: opens the network that tells the blur of a picture; None: this one does.
    """

    def __init__(
        self,
        generator: keras.Model,
        value_range: tuple[float, float],
        size_multiple: int = 1,
        dropout: bool = False,
        description: dict | None = None,
        again: Sequence[Callable] = (),
        judge: "Callable[[], Deblurrer] | None" = None,
    ):
        self.generator = generator
        self.value_range = value_range
        self.size_multiple = size_multiple
        self.dropout = dropout
        self.description = description or {}
        self.again, self.judge = again, judge
        probe = 256
        self.shrink_px = probe - generator.compute_output_shape((1, probe, probe, 3))[1]
        self._forward = graphs.compiled(self._run, by_size=convolution.fixes_size(generator), stateful=dropout)

    @property
    def purpose(self) -> str:
        """Which blur it was trained for, in words."""
        return self.description["paper"]["undoes"] if self.description else "what its training undid"

    def __call__(
        self,
        picture: str | Path | Image.Image | np.ndarray,
        *,
        scale: Scale = "auto",
        force_restore: bool = False,
        **options: Any,
    ) -> Any:
        """Restores one picture, at the scale that fits its blur.

        Args:
            picture: the path of an image file (see `inference.photographs.read`), a Pillow image, or an array, uint8 or
                uint16 `[H, W, 3]`.
            scale: see `scale_of` and `inference.fitting.Fitting`: "auto", "local", or of the picture's sides, in
                (0, 1]; at 1 the result is that of `restore`.
            force_restore: whether "auto" restores a picture that is hardly blurred, too.
            options: of `restore`.

        Returns:
            For a path or a Pillow image a Pillow image, upright by the EXIF orientation, grey or RGB as the one given,
            with its transparency and its colour profile: not all that belongs to a file, which `restore_file` keeps.
            For an array an array of its type, `[H, W, 3]`. A picture without colour comes back without.

        Warns:
            UserWarning: of what could not be kept, such as 16 bits of colours, of which Pillow has 8; of a scale below
                1, and of a picture that was left as it is.

        Raises:
            InputError: the file is missing or no image; a scale that is none.
            ValueError: the array is neither uint8 nor uint16 `[H, W, 3]`; the image holds floating-point numbers.
        """
        fitting = Fitting(self.restore, self.scale_of(scale), force_restore)
        restored: Any
        notes: tuple[str, ...] = ()
        if isinstance(picture, np.ndarray):
            restored = neutral(picture, fitting(picture, **options))
        else:
            given = pillow.from_image(picture) if isinstance(picture, Image.Image) else photographs.read(Path(picture))
            restored, kept = pillow.to_image(given, fitting(given.pixels, **options))
            notes = (*given.notes, *kept)
        for note in (*notes, *fitting.telling):
            warnings.warn(note, stacklevel=2)
        return restored

    @property
    def looks(self) -> Restore:
        """What tells the blur of a picture by what it does to it: `restore` of the judge, or of this network."""
        return (self.judge() if self.judge else self).restore

    def scale_of(self, asked: Scale) -> Asked:
        """The scale that is asked for, as `inference.fitting.Fitting` takes it.

        "auto" is 1 for a network of a fixed degradation (`again`): it undoes one size of blur, and a gain that areas of
        one colour have as well.

        Raises:
            InputError: such a network is asked for another scale.
        """
        if self.again:
            if asked not in ("auto", 1):
                raise InputError("the network undoes blur of one size, and restores at scale 1 alone; give 1 or auto")
            return 1.0
        if asked == "local":
            return Locally(flat.kept(self.looks) if self.judge else None)
        if asked != "auto":
            return asked

        def chosen(image: np.ndarray, **options: Any) -> Choice:
            return choose(flat.kept(self.looks), image, **options)

        return chosen

    def restore_file(
        self, source: str | Path, target: str | Path, *, scale: Scale = "auto", **options: Any
    ) -> tuple[str, ...]:
        """Restores one image file or film into another of its kind, with all that belongs to it, as the command does.

        Args:
            source: file to read.
            target: file to write or replace; its folder is made.
            scale: as of a call.
            options: of `restore`, and `force_restore`.

        Returns:
            What a user should know, in words: what of the file could not be kept, the scale and why, the remark, and at
            last what of a film could not be read.

        Raises:
            InputError: the source cannot be read, or does not fit into the memory.
        """
        given = options.pop("progress", lambda share: None)
        options["progress"] = lambda share, text="": given(share)
        options["scale"] = self.scale_of(scale)
        notes, damage = files.restore_one(self.restore, Path(source), Path(target), self.remark, **options)
        return (*notes, damage) if damage else notes

    def restore(
        self,
        image: np.ndarray,
        *,
        tile: int | Literal["auto"] | None = "auto",
        memory_bytes: float = 4 * tiles.GIB,
        self_ensemble: bool = False,
        progress: Callable[[float], None] = lambda share: None,
    ) -> np.ndarray:
        """Restores an array.

        In tiles, all are normalised by the same statistics, those of parts of the image together, and blend into one
        another where they overlap.

        Args:
            image: uint8 or uint16 `[H, W, 3]`.
            tile: side of the square tiles in pixels; "auto": as large as the memory allows, and none where the whole
                image fits; None: the whole image at once.
            memory_bytes: of the whole process, about.
            self_ensemble: whether to take the mean over the eight flips and turns of the image: eight times the work.
            progress: called with the share of the work that is done.

        Returns:
            An array of the same type and shape.

        Raises:
            InputError: the image does not fit into the memory.
            ValueError: the array has another type or shape, or the network returned NaN or infinite values.
        """
        if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(f"the picture is {image.dtype} {image.shape}; give uint8 or uint16 [H, W, 3]")
        turns = [(turn, flip) for flip in (False, True) for turn in range(4)] if self_ensemble else [(0, False)]
        total: Any = None
        for number, (turn, flip) in enumerate(turns):

            def part_done(share: float, number: int = number) -> None:
                progress((number + share) / len(turns))

            turned = np.rot90(image[:, ::-1] if flip else image, turn)
            restored = np.rot90(self._restore(turned, tile, memory_bytes, part_done), -turn)
            restored = restored[:, ::-1] if flip else restored
            total = restored if total is None else np.add(total, restored, out=total)
        if not np.isfinite(total.min() + total.max()):  # without an array of its own, as all that follows
            raise ValueError("the generator returned NaN or infinite values")
        total *= np.float32(1 / len(turns))
        np.clip(total, 0, 1, out=total)
        total *= np.float32(np.iinfo(image.dtype).max)
        return np.rint(total, out=total).astype(image.dtype)

    def remark(self, blurred: np.ndarray, restored: np.ndarray, scale: float = 1.0) -> str:
        """What to say to a user whose photograph has another blur; see `outside.remark`."""
        return outside.remark(blurred, restored, self.again, scale)

    def _restore(self, image, tile, memory_bytes, progress):
        """`[H, W, 3]` of whole numbers -> float32 `[H, W, 3]`, [0, 1] if it is in the value range."""
        height, width = image.shape[:2]
        bottom, right = (
            max(LEAST_PX - side, 0) + -max(LEAST_PX, side) % self.size_multiple for side in (height, width)
        )
        before, after = self.shrink_px // 2, self.shrink_px - self.shrink_px // 2
        # "symmetric" repeats the border pixel, and so can pad by more than the image's side.
        mode: Literal["reflect", "symmetric"] = "reflect" if self.shrink_px else "symmetric"
        padded = np.pad(image, [(before, bottom + after), (before, right + after), (0, 0)], mode=mode)
        places = self._places(height + bottom, width + right, tile, memory_bytes)

        def forward(top: int, left: int, high: int, wide: int, given: Any = None) -> Any:
            part = padded[top : top + high + self.shrink_px, left : left + wide + self.shrink_px]
            black, white = self.value_range
            scale = np.float32((white - black) / np.iinfo(image.dtype).max)
            return self._forward(black + part[None].astype(np.float32) * scale, given)

        sampled = []
        if len(places) > 1 and own_statistics.own_statistics_layers(self.generator):
            largest = tuple(len(window.weights) for window in places[0])
            sampled = self._samples(height + bottom, width + right, largest)
        work = sum(len(rows.weights) * len(columns.weights) for rows, columns in places)
        work += sum(high * wide for _, _, high, wide in sampled)
        done, parts = 0, []
        for sample in sampled:
            parts.append(forward(*sample)[1])
            done += sample[2] * sample[3]
            progress(done / work)
        shared = own_statistics.pooled(parts) if parts else None
        result = np.zeros((height + bottom, width + right, 3), np.float32)
        for rows, columns in places:
            high, wide = len(rows.weights), len(columns.weights)
            restored = forward(rows.start, columns.start, high, wide, shared)[0]
            area = result[rows.start :, columns.start :][:high, :wide]
            area += keras.ops.convert_to_numpy(restored)[0] * (rows.weights[:, None, None] * columns.weights[:, None])
            done += high * wide
            progress(done / work)
        black, white = self.value_range
        result -= np.float32(black)
        result /= np.float32(white - black)
        return result[:height, :width]

    @functools.cached_property
    def _bytes_per_pixel(self) -> float:
        return tiles.bytes_per_pixel(self.generator)  # traces the network: once, not for every picture

    def _samples(self, height, width, largest):
        """(top, left, height, width) of equal parts that lie evenly over the image, none larger than a tile."""
        # Two pixels at least where the network halves the most, as the variance of one is zero.
        side = max(-(-SAMPLE_PX // self.size_multiple), 2) * self.size_multiple
        high, wide = (min(side, most) for most in largest)
        number = max(LEAST_SAMPLES, height * width / (SAMPLED * high * wide))
        rows = max(1, round(math.sqrt(number * height / width)))
        columns = math.ceil(number / rows)
        tops = tiles.spread(height, high, rows, self.size_multiple)
        lefts = tiles.spread(width, wide, columns, self.size_multiple)
        return [(top, left, high, wide) for top in tops for left in lefts]

    def _places(self, height, width, tile, memory_bytes):
        """The tiles as windows of rows and of columns; of the whole image, one."""
        multiple = self.size_multiple
        if tile == "auto":
            try:
                sides = tiles.tile_sides(self._bytes_per_pixel, height, width, memory_bytes, MARGIN_PX, multiple)
            except ValueError as error:
                raise InputError(f"{error}; give it, or a smaller image") from error
        else:
            side = max(1, (tile or 0) // multiple) * multiple
            if side - 2 * min(MARGIN_PX, side // 4) < multiple:  # neighbours would not overlap
                side += multiple
            sides = (height, width) if tile is None else (min(height, side), min(width, side))
        lines = [
            tiles.windows(length, side, min(MARGIN_PX, side // 4), multiple)
            for length, side in zip((height, width), sides, strict=True)
        ]
        return [(rows, columns) for rows in lines[0] for columns in lines[1]]

    def _run(self, images, given):
        with own_statistics.statistics(self.generator, given) as seen:
            restored = self.generator(images, training=self.dropout)
        return restored, [moments for (moments,) in seen]
