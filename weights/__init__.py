"""Trained generators, opened by name: `gandeblur.load("gan_d")`. `NAME.npz` holds the weights, `NAME.json` its card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Of the networks that are here."""
    return sorted(file.stem for file in FOLDER.glob("*.npz"))


def file(name: str) -> Path:
    """The weights of a network."""
    return FOLDER / f"{name}.npz"


def use(card: Mapping[str, Any] | None) -> str:
    """In words that follow a network's purpose, what it is for, if features trained it; else nothing.

    They make a network sharper than PSNR asks for, which prefers the mean of what may have been there.

    Args:
        card: a network's description, of which "paper" is read; None: it has none.
    """
    by_features = card and "features" in card["paper"].get("trained_by", "")
    return "; for looking: crisper to the eye" if by_features else ""
