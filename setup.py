"""Packaging: the folders stay at the top level, the import name is `gandeblur.<folder>`."""

from setuptools import setup

FOLDERS = (
    "models",
    "models.layers",
    "losses",
    "data",
    "data.blur",
    "data.datasets",
    "training",
    "evaluation",
    "inference",
    "inference.formats",
    "experiments",
    "stages",
    "weights",
)

setup(
    packages=["gandeblur", *(f"gandeblur.{folder}" for folder in FOLDERS)],
    package_dir={
        "gandeblur": "gandeblur",
        **{f"gandeblur.{folder}": folder.replace(".", "/") for folder in FOLDERS},
    },
    package_data={
        "gandeblur.evaluation": ["*.html.j2", "*.css"],
        "gandeblur.inference": ["page.html.j2"],
        "gandeblur.weights": ["*.npz", "*.json", "*.md"],
    },
)
