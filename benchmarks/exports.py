"""Every paper's generator, untrained and at its own widths, as a file for each runtime: how far it is from Keras.

    python benchmarks/exports.py

Prints the largest difference of a value, as a share of the images' range, the file's size, and the process' peak of
memory so far (Linux); or why there is no file.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
from memory import memory_mib

from gandeblur.errors import InputError
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.inference.export import FORMATS, export
from gandeblur.inference.restore import Deblurrer


def size_mb(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def exports(name: str) -> None:
    """One line for each format."""
    paper = EXPERIMENTS[name].paper
    keras.utils.set_random_seed(0)
    generator = paper.generator.build(paper.data.crop_px)
    deblur = Deblurrer(generator, paper.value_range, paper.generator.size_multiple)
    for format, suffix in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}{suffix}"
            try:
                found = f"{export(deblur, format, path):9.1e} {size_mb(path):8.1f} MB"
                found += f" {memory_mib('VmHWM') / 1024:8.1f} GiB"
            except InputError as error:
                found = str(error).partition(": ")[2]
        print(f"{name:17} {format:11} {found}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--experiment", action="append", choices=EXPERIMENTS)
    names = parser.parse_args().experiment or list(EXPERIMENTS)
    if len(names) == 1:
        exports(names[0])
        return
    for name in names:  # a process each, as the largest takes most of a machine's memory and gives none back
        done = subprocess.run([sys.executable, __file__, f"--experiment={name}"], check=False)
        if done.returncode:
            print(f"{name:17} ended with status {done.returncode}", flush=True)


if __name__ == "__main__":
    main()
