"""Trained generators, opened by name: `gandeblur.load("gan_d")`. `NAME.npz` holds the weights, `NAME.json` its card."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Of the networks that are here."""
    return sorted(file.stem for file in FOLDER.glob("*.npz"))


def file(name: str) -> Path:
    """The weights of a network."""
    return FOLDER / f"{name}.npz"
