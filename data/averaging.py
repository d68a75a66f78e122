"""Frames of a high-speed camera -> blurred and sharp pairs, as the GoPro set was made (Nah et al. 2017).

A blurred image is the mean of a few consecutive frames, the long exposure of a slower camera; its sharp image is the
frame in the middle.
"""

import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from gandeblur.data.datasets.roles import visible_folders
from gandeblur.data.images import SUFFIXES, read_image
from gandeblur.errors import InputError
from gandeblur.files import replacing
from gandeblur.names import left_by_system


@dataclass(frozen=True)
class Summary:
    """Counts of `build_pairs`: pairs written (either image of them), pairs already there, frames in no window."""

    written: int
    kept: int
    left_over: int

    def __str__(self) -> str:
        return f"{self.written} pairs written, {self.kept} already there, {self.left_over} frames left over"


def build_pairs(
    frames: str | Path,
    out: str | Path,
    *,
    window: tuple[int, int] = (7, 13),
    gamma: float | None = 2.2,
    split: str = "train",
    seed: int = 0,
    noise: float = 0.0,
) -> Summary:
    """Averages windows of consecutive frames in linear light, `B = g(mean(g^-1(S)))` with `g(x) = x^(1 / gamma)`.

    This is the blur model of Nah et al. 2017, who take gamma = 2.2. The windows follow each other without overlap;
    frames that do not fill the last one make no pair. The mean is taken in float64 and rounded to 8 bits: before
    rounding the error is below 1e-9 grey levels, and equal frames give the same frame again.

    The files have GoPro's layout, `out/split/sequence/{blur or blur_gamma, sharp}/NNNNNN.png`, where NNNNNN is the
    number of the middle frame. A sequence has the name of its folder or video. Its frames have the number at the end
    of their names if the names differ in that number only, as 000001.png or frame-1.png do; else they are counted
    from 1.

    It may be stopped at any moment and started again. A file appears whole or not at all, the sharp one first.
    Existing files are compared with the pixels they should have: equal ones are kept, and nothing is ever overwritten.
    `blur` and `blur_gamma` can share the sharp images. The windows leave no record of their own: the numbers of the
    middle frames tell their sizes, so a number that `window` and `seed` do not give is taken for a mix and refused.

    Args:
        frames: a folder of frames (PNG, JPEG, BMP, WebP) in numeric order; a folder of such folders; or a video,
            whose frames are taken as its decoder gives them: gaps in time, damage that the decoder hides and the flag
            for rotated display are not looked at. Hidden files are left out.
        out: the folder to write to, made if missing, outside `frames`.
        window: smallest and largest number of frames per window. Each window's size is drawn, evenly, from the odd
            numbers between them, as `seed`, the sequence's name and the window's position say. (GoPro keeps to one size
            within a sequence: 7 in GOPR0372_07_00.)
        gamma: of the camera's response curve, 0.01 to 100: folder `blur_gamma`. None averages the stored values:
            folder `blur`.
        split: name of the folder below `out`.
        seed: of the windows' sizes, and of the noise.
        noise: variance, for values in [0, 1], of Gaussian noise on each frame, the middle one included, before they
            are averaged: so the dark-channel authors made GOPRO-noise, by 0.001.

    Raises:
        InputError: no such frames; fewer than the first window takes; a number missing between two frames, a damaged
            frame, or one of another size; PyAV is not installed; a window without odd size; gamma or noise out of
            range; a file in `out` has other pixels or a number of no window.
    """
    low, high = window
    sizes = range(low | 1, high + 1, 2)
    if low < 1 or not sizes:
        raise InputError(f"--window={low}-{high}: holds no odd number from 1 on; give for example 7-13, or 11")
    if gamma is not None and not 0.01 <= gamma <= 100:
        raise InputError(f"--gamma={gamma}: is no number from 0.01 to 100; give for example 2.2, or none")
    if not 0 <= noise <= 1:
        raise InputError(f"--noise={noise:g}: is no variance from 0 to 1; give for example 0.001")
    frames, out = Path(frames), Path(out)
    sequences = _sequences(frames)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is not a folder; give the folder to write to")
    if out.resolve().is_relative_to(frames.resolve()):
        raise InputError(f"{out}: lies within the frames' folder; give another folder to write to")

    variant = "blur" if gamma is None else "blur_gamma"
    for sequence in sequences:
        first_size = next(_window_sizes(sequence.name, sizes, seed))
        length = sum(1 for _ in islice(sequence.frames(), first_size))
        if length < first_size:
            raise InputError(
                f"{sequence.path}: has {length} frames, the first window takes {first_size}; "
                "add frames or give a smaller --window"
            )
        _refuse_other_windows(sequence, out / split / sequence.name, _window_sizes(sequence.name, sizes, seed))

    written = kept = left_over = 0
    lengths = [sequence.length for sequence in sequences]
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("averaging frames", total=None if None in lengths else sum(filter(None, lengths)))
        for sequence in sequences:
            folder = out / split / sequence.name
            start = sequence.first
            shape = next(sequence.frames()).read().shape
            frames_left = sequence.frames()
            for size in _window_sizes(sequence.name, sizes, seed):
                taken = list(islice(frames_left, size))
                if len(taken) < size:
                    left_over += len(taken)
                    break
                noisy = partial(_noisy, f"{seed}/{sequence.name}", noise, start) if noise else None
                blurred, sharp = _average(taken, gamma, shape, noisy)
                name = f"{start + size // 2:06}.png"
                if _write_pair({folder / "sharp" / name: sharp, folder / variant / name: blurred}):
                    written += 1
                else:
                    kept += 1
                start += size
                progress.advance(bar, size)
    return Summary(written, kept, left_over)


@dataclass(frozen=True)
class _Frame:
    label: str  # for error messages
    read: Callable[[], np.ndarray]  # -> uint8 [H, W, 3]


@dataclass(frozen=True)
class _Sequence:
    name: str
    path: Path
    first: int  # number of the first frame
    length: int | None  # for the progress bar: not every video tells
    frames: Callable[[], Iterator[_Frame]]


def _sequences(path: Path) -> list[_Sequence]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give a folder of frames or a video")
    if path.is_file():
        with _opened_video(path) as container:
            length = container.streams.video[0].frames or None  # 0 where the format does not tell
        return [_Sequence(path.stem, path, 1, length, partial(_video_frames, path))]
    folders = visible_folders(path)
    images = _image_files(path)
    if images and any(_image_files(folder) for folder in folders):
        raise InputError(f"{path}: holds frames and folders of frames; give a folder that holds either")
    return [_image_sequence(folder) for folder in ([path] if images or not folders else folders)]


def _image_files(folder: Path) -> list[Path]:
    return [
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in SUFFIXES and not left_by_system(Path(entry.name)) and entry.is_file()
    ]


def _image_sequence(folder: Path) -> _Sequence:
    paths = sorted(_image_files(folder), key=_natural_order)
    if not paths:
        raise InputError(f"{folder}: holds no frames; give a folder of {', '.join(SUFFIXES)} files, or a video")

    def frames():
        return (_Frame(str(path), partial(read_image, path)) for path in paths)

    return _Sequence(folder.resolve().name, folder, _first_number(paths), len(paths), frames)


def _natural_order(path: Path) -> list[str | int]:
    """Frame 9 before frame 10: text and numbers alternate."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"(\d+)", path.stem))]


def _first_number(paths: list[Path]) -> int:
    """The first frame's number. A mean over a gap would be of no exposure, so the numbers must be consecutive."""
    matches = [match for path in paths if (match := re.fullmatch(r"(.*?)(\d+)", path.stem))]
    if len(matches) < len(paths) or len({match[1] for match in matches}) > 1:
        strangers = [path for path in paths if not path.stem.isdecimal()]
        if len(strangers) < len(paths):
            raise InputError(f"{strangers[0]}: is not numbered as the other frames are; remove or rename it")
        return 1
    numbers = [int(match[2]) for match in matches]
    for before, number, path in zip(numbers, numbers[1:], paths[1:], strict=False):
        if number != before + 1:
            raise InputError(
                f"{path}: is frame {number}, but the one before it is frame {before}; "
                "put the missing frames back, or make a folder of each part"
            )
    return numbers[0]


def _video_frames(path: Path) -> Iterator[_Frame]:
    with _opened_video(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream), start=1):
            yield _Frame(f"{path} (frame {number})", partial(frame.to_ndarray, format="rgb24"))


@contextmanager
def _opened_video(path: Path) -> Iterator[Any]:
    try:
        import av
    except ImportError:
        raise InputError(f"{path}: a video is read by PyAV; pip install 'gandeblur[video]'") from None
    try:
        with av.open(str(path.absolute())) as container:  # a relative name with a colon would be taken for a protocol
            if not container.streams.video:
                raise InputError(f"{path}: holds no video; give a folder of frames or a video")
            yield container
    except av.FFmpegError as error:
        raise InputError(f"{path}: cannot be read as a video ({error.strerror}); replace the file") from error


def _window_sizes(name: str, sizes: range, seed: int) -> Iterator[int]:
    for position in count():
        # Python promises the same numbers from a text in every version.
        yield sizes[int(random.Random(f"{seed}/{name}/{position}").random() * len(sizes))]


def _refuse_other_windows(sequence: _Sequence, folder: Path, window_sizes: Iterator[int]) -> None:
    """Each number already in `folder` must be the number of a window's middle frame."""
    parts = [folder / part for part in ("sharp", "blur", "blur_gamma") if (folder / part).is_dir()]
    existing = [path for part in parts for path in _image_files(part)]
    highest = max((int(path.stem) for path in existing if path.stem.isdecimal()), default=0)
    names = set()
    start = sequence.first
    while start <= highest:
        size = next(window_sizes)
        names.add(f"{start + size // 2:06}.png")
        start += size
    for path in existing:
        if path.name not in names:
            raise InputError(
                f"{path}: is no middle frame of these windows; "
                "give the --window and --seed it was made with, or another folder to write to"
            )


def _average(frames, gamma, shape, noisy):
    """The blurred and the sharp image, uint8 `[H, W, 3]`, of the frames of one window; see `_noisy`."""
    exponent = 1.0 if gamma is None else gamma
    intensity = (np.arange(256) / 255) ** exponent
    total = np.zeros(shape)
    for position, frame in enumerate(frames):
        pixels = frame.read()
        if pixels.shape != shape:
            raise InputError(
                f"{frame.label}: is {pixels.shape[1]}x{pixels.shape[0]}, but the first frame is "
                f"{shape[1]}x{shape[0]}; all frames of a sequence need one size"
            )
        values = noisy(position, pixels) if noisy else None
        total += intensity[pixels] if values is None else values**exponent
        if position == len(frames) // 2:
            sharp = pixels if values is None else np.rint(255 * values).astype(np.uint8)
    blurred = 255 * (total / len(frames)) ** (1 / exponent)
    return np.rint(blurred).astype(np.uint8), sharp


def _noisy(seed: str, variance: float, start: int, position: int, pixels: np.ndarray) -> np.ndarray:
    """A frame with its noise, in [0, 1]: the same whatever the windows."""
    draws = np.random.default_rng(list(f"{seed}/{start + position}".encode()))
    return np.clip(pixels / 255 + variance**0.5 * draws.standard_normal(pixels.shape), 0, 1)


def _write_pair(images: dict[Path, np.ndarray]) -> bool:
    """Writes those of the images that are not there, in order; returns whether there were any."""
    missing = [path for path in images if not path.exists()]
    for path in images.keys() - missing:
        if not np.array_equal(read_image(path), images[path]):
            raise InputError(
                f"{path}: has other pixels than these frames, --window, --gamma and --seed give; "
                "give those it was made with, or another folder to write to"
            )
    for path in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            Image.fromarray(images[path]).save(temporary)
    return bool(missing)
