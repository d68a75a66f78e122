"""The layout of GoPro (Nah et al. 2017) and REDS (Nah et al. 2019), and its flattened forms.

    ROOT/{train,validation,val,test}/<sequence>/{blur,blur_gamma,sharp}/NNNNNN.png

The folder of the split or that of the sequence, or both, may be left out, and the two folders of images may be
called A (blurred) and B (sharp). `blur` is the mean of the frames' stored values, as if the camera's response were
linear; `blur_gamma`, the paper's own, the mean of light under a response of gamma 2.2. Scores on the two differ, so a
set's name always ends with its variant.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gandeblur.data.datasets import PairSet
from gandeblur.data.datasets.pairs import existing, match, raise_first
from gandeblur.errors import InputError

SPLITS = ("train", "validation", "val", "test")
SHARP = {"blur": "sharp", "blur_gamma": "sharp", "A": "B"}  # variant -> the folder of its sharp images
_FOLDERS = {*SHARP, *SHARP.values()}

Layout = dict[str | None, dict[str, Path]]


def gopro(root: str | Path, split: str | None, variant: str) -> PairSet:
    """One split of a data set in GoPro's layout.

    Args:
        root: the data set's folder.
        split: "train", "validation", "val" or "test"; None if `root` has no such folders.
        variant: "blur" or "blur_gamma" (or "A").

    Returns:
        The pairs, sorted; each is called `sequence/file`. The set is called `root/split/variant`.

    Raises:
        InputError: the layout is another, no such split or variant, a sequence without the variant or in two splits,
            or an image without its partner.
    """
    pairs, problems = collect(Path(root), layout(root), split, variant)
    raise_first(problems, Path(root))
    return pairs


def layout(root: str | Path) -> Layout:
    """Which folders below `root` hold pairs.

    Returns:
        split -> sequence -> folder with `blur` and so on, sorted. The split is None, the sequence "", where there is
        no such level. Empty if nothing below `root` looks like pairs.

    Raises:
        InputError: no such folder, or pairs at another depth, or only some of them within a split.
    """
    root = existing(root)
    places = list(_places(root))
    if not any(variants_in(place) for place in places):
        return {}
    found: Layout = defaultdict(dict)
    for place in places:
        parts = place.relative_to(root).parts
        split = parts[0] if parts and parts[0] in SPLITS else None
        sequence = parts[split is not None :]
        if len(sequence) > 1:
            raise InputError(f"{place}: holds pairs, too far below {root}; give {_root_of(place)} instead")
        found[split]["".join(sequence)] = place
    if None in found and len(found) > 1:
        outside = next(iter(found.pop(None).values()))
        splits = ", ".join(filter(None, found))
        raise InputError(f"{outside}: holds pairs outside of {splits}; move it into one of them")
    return {split: found[split] for split in (None, *SPLITS) if split in found}


def variants(sequences: dict[str, Path]) -> tuple[str, ...]:
    """The variants that the sequences of a split hold, each in at least one of them."""
    held = {variant for place in sequences.values() for variant in variants_in(place)}
    return tuple(variant for variant in SHARP if variant in held)


def variants_in(place: Path) -> tuple[str, ...]:
    """The variants in one sequence's folder. A is one only beside B: it may be the first folder of an alphabet."""
    return tuple(
        variant
        for variant, sharp in SHARP.items()
        if (place / variant).is_dir() and (variant != "A" or (place / sharp).is_dir())
    )


def collect(root: Path, found: Layout, split: str | None, variant: str) -> tuple[PairSet, list[str]]:
    """The pairs of a split, and everything that is wrong with their folders and names, one line each.

    Args:
        root, split, variant: see `gopro`.
        found: `layout(root)`.

    Raises:
        InputError: no such split or variant.
    """
    if split not in found:
        raise InputError(f"{root}: {_no_split(found, split)}")
    held = variants(found[split])
    if held and variant not in held:
        raise InputError(f"{root / (split or '')}: holds no folder {variant}; choose {' or '.join(held)}")
    problems = [
        f"{place}: is a sequence of {other}, too; remove one of the two, or rename it if it shows another scene"
        for sequence, place in found[split].items()
        for other in found
        if other != split and sequence and sequence in found[other]
    ]
    pairs = []
    for sequence, place in found[split].items():
        if (place / variant).is_dir():
            matched, wrong = match(place / variant, place / SHARP[variant], f"{sequence}/" if sequence else "")
            pairs += matched
            problems += wrong
        else:
            there = " and ".join(variants_in(place)) or "sharp"
            problems.append(f"{place / variant}: no such folder, only {there}; add it, or remove {place}")
    name = "/".join(filter(None, (root.resolve().name, split, variant)))
    return PairSet(name, variant, tuple(pairs)), problems


def _no_split(found: Layout, split: str | None) -> str:
    if not found:
        return "holds no folders called blur and sharp; give the folder of a data set in GoPro's layout"
    if None in found:
        return f"has no split {split}; leave out the split"
    return f"has no split {split}; choose {' or '.join(filter(None, found))}"


def _places(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The folders at and below `folder` that hold one of `blur`, `sharp` and so on; hidden ones are left out."""
    real = folder.resolve()
    if real in above:  # a link to a folder it lies in
        return
    children = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())
    if any(child.name in _FOLDERS for child in children):
        yield folder
    for child in children:
        if child.name not in _FOLDERS:
            yield from _places(child, (*above, real))


def _root_of(place: Path) -> Path:
    """The folder that would be the root of the data set with this place."""
    if place.name in SPLITS:
        return place.parent
    return place.parent.parent if place.parent.name in SPLITS else place.parent
