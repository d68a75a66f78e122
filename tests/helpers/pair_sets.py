"""Sets of pairs without `find`, which is held against them."""

from pathlib import Path

from gandeblur.data.datasets import PairSet
from gandeblur.data.datasets.gopro import collect, layout
from gandeblur.data.datasets.pairs import existing, match, raise_first


def pair_folder(folder: str | Path, *, blurred: str = "blur", sharp: str = "sharp", name: str | None = None) -> PairSet:
    """The pairs of `folder/blurred` and `folder/sharp`: files of the same name, whatever their suffixes."""
    folder = existing(folder)
    pairs, problems = match(folder / blurred, folder / sharp)
    raise_first(problems, folder)
    return PairSet(name or f"{folder.resolve().name}/{blurred}", blurred, tuple(pairs))


def gopro(root: str | Path, split: str | None, variant: str) -> PairSet:
    """One split of a data set in the layout of GoPro."""
    pairs, problems = collect(Path(root), layout(root), split, variant)
    raise_first(problems, Path(root))
    return pairs
