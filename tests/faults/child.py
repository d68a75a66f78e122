"""A packing or a training that says on stdout what it does, slowly, so that `long.py` can kill it at a known moment.

python child.py pack FOLDER OUT
python child.py train WORKDIR DATA EPOCHS

What is changed for that is changed here, in this process: the library knows nothing of it.
"""

import functools
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "helpers"))

PAUSE_S = 0.02
where = ""  # within what files are written: "epoch 2, checkpoint"; outside, nothing is told


def tell(moment):
    os.write(1, f"{moment}\n".encode())
    time.sleep(PAUSE_S)


def told(function, verb):
    """`function` of files, with a line before and one after."""

    @functools.wraps(function)
    def telling(*files):
        if not where:
            return function(*files)
        names = " -> ".join(Path(file).name for file in files) if verb == "rename" else ""
        tell(f"{where}: before {verb} {names}".rstrip())
        result = function(*files)
        tell(f"{where}: after {verb} {names}".rstrip())
        return result

    return telling


def pack(folder, out):
    global where
    from gandeblur.data import datasets
    from gandeblur.data.datasets import packed

    where = "packing"
    packed._SHARD_BYTES = 12_000  # two images in each
    read = datasets.ImageSet.read

    def reading(images, index):
        tell(f"packing: image {images.names[index]}")
        return read(images, index)

    datasets.ImageSet.read = reading
    packed.pack(datasets.ImageSet("photographs", tuple(sorted(Path(folder).iterdir()))), out)


def train_untold(workdir, data, epochs):
    from tiny_experiment import EXPERIMENT

    from gandeblur.stages import sequence
    from gandeblur.stages.run import choose

    sequence.run(choose(EXPERIMENT, workdir=workdir, train_data=[data], epochs=int(epochs)), ["train"])


def train(workdir, data, epochs):
    from gandeblur.training import checkpoint, progress

    def begins(self, batch, logs=None):
        tell(f"epoch {self.epoch + 1}, step {batch + 1}")

    end, save = progress.StopAtNonFinite.on_train_batch_end, checkpoint.Checkpoint.on_epoch_end

    def ends(self, batch, logs=None):
        end(self, batch, logs)
        tell(f"epoch {self.epoch + 1}, after step {batch + 1}")

    def saves(self, epoch, logs=None):
        global where
        where = f"epoch {epoch + 1}, checkpoint"
        tell(f"{where}: begins")
        save(self, epoch, logs)
        where = ""
        tell(f"epoch {epoch + 1}, after checkpoint")

    progress.StopAtNonFinite.on_train_batch_begin = begins
    progress.StopAtNonFinite.on_train_batch_end = ends
    checkpoint.Checkpoint.on_epoch_end = saves
    train_untold(workdir, data, epochs)


if __name__ == "__main__":
    os.replace, os.fsync = told(os.replace, "rename"), told(os.fsync, "sync")
    {"pack": pack, "train": train}[sys.argv[1]](*sys.argv[2:])
