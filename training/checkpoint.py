"""All training state in one file, replaced atomically: a run killed at any moment resumes bit for bit.

The file is a NumPy archive: the variables of the model (both networks, both optimizers, seed generators) in Keras'
order, which is the same on every backend, and a JSON text `meta` with the run's description, the epoch, the history and
the schedule's state. The data stream needs no state: it is indexed by the step.

The file of the epoch before is kept under a second name, as its weights file is. The newest whole one of the two is
read here: all of it, so that the archive's checksums find every byte that has changed. The description in a checkpoint
states the hash of its generator's weights, which tells its weights file.
"""

import dataclasses
import errno
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gandeblur.errors import InputError
from gandeblur.files import replacing, write_json
from gandeblur.training import weight_files
from gandeblur.training.workers import writing

META = "meta"
CHECKPOINT_FILE = "checkpoint.npz"
WEIGHTS_FILE = "generator.weights.h5"
RUN_FILE = "run.json"


def training_variables(model: keras.Model) -> list[tuple[str, Any]]:
    """Every variable a resumed run needs, in Keras' order: `[(key, variable)]`.

    Keys are numbers: Keras' paths count the objects made before in the process.
    """
    variables = {id(variable): variable for variable in (*model.variables, *model.optimizer.variables)}
    return [(f"{index:04d}", variable) for index, variable in enumerate(variables.values())]


def previous(path: Path) -> Path:
    """The name under which the file of the epoch before is kept: `checkpoint.previous.npz` of `checkpoint.npz`."""
    stem, dot, suffix = path.name.partition(".")
    return path.with_name(f"{stem}.previous{dot}{suffix}")


def exists(path: Path) -> bool:
    """Whether there is a checkpoint, of the last epoch or of the one before."""
    return path.exists() or previous(path).exists()


def training_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """Their values. Of several workers all must call it: metrics are added up over them as they are read."""
    return {key: keras.ops.convert_to_numpy(variable) for key, variable in training_variables(model)}


def save(path: Path, model: keras.Model, meta: dict) -> None:
    """Writes the training state and `meta` (JSON-able), atomically; the file that was there becomes the previous."""
    arrays: dict[str, Any] = training_arrays(model)
    arrays[META] = np.array(json.dumps(meta))
    with writing, replacing(path, previous(path)) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True)
class State:
    """A checkpoint, read whole: `path` is the file, `meta` as given to `save`, `arrays` the variables' values."""

    path: Path
    meta: dict
    arrays: Sequence[np.ndarray]

    def restore(self, model: keras.Model) -> dict:
        """Gives a compiled model these values; returns `meta`.

        Raises:
            InputError: they are of another architecture.
        """
        variables = training_variables(model)
        wanted = [tuple(variable.shape) for _, variable in variables]
        if wanted != [array.shape for array in self.arrays]:
            raise InputError(
                f"{self.path}: a checkpoint of another architecture ({len(self.arrays)} arrays, this model has "
                f"{len(wanted)} variables or other shapes); choose another --workdir, or the --variant it was trained "
                "with"
            )
        for (_, variable), array in zip(variables, self.arrays, strict=True):
            variable.assign(array)
        return self.meta


def read(path: Path) -> State:
    """The newest whole checkpoint: of the last epoch, else of the one before.

    Raises:
        InputError: there is none.
    """
    errors = []
    for file in [one for one in (path, previous(path)) if one.exists()] or [path]:
        try:
            return _read(file)
        except InputError as error:
            errors.append(error)
    raise errors[0]


def read_meta(path: Path) -> dict:
    """The `meta` of the newest whole checkpoint; errors as in `read`."""
    return read(path).meta


def peek(path: Path) -> dict | None:
    """The `meta` of the newest checkpoint, whose arrays are not read; None: there is none.

    Raises:
        InputError: there are checkpoints, and none of them is whole.
    """
    if not exists(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            return json.loads(str(archive[META]))
    except Exception:  # whatever is wrong with it, `read` says so
        return read_meta(path)


def restore(path: Path, model: keras.Model) -> dict:
    """`read` and `State.restore`."""
    return read(path).restore(model)


def settle(path: Path) -> State | None:
    """Puts a run's folder in order before its training goes on; nobody else may write there meanwhile.

    Unfinished files of a killed process are removed. A damaged checkpoint is set aside as `checkpoint.damaged.npz`, and
    the one before takes its place; a line on stderr says so.

    Returns:
        The checkpoint, None where there is none.

    Raises:
        InputError: there are checkpoints, and none of them is whole.
    """
    for name in (path.name, WEIGHTS_FILE, RUN_FILE):
        for unfinished in path.parent.glob(f".*.{name}"):
            unfinished.unlink()
    if not exists(path):
        return None
    state = read(path)
    if state.path == path:
        return state
    if path.exists():
        names = (path.with_name(f"{path.stem}.damaged{number}{path.suffix}") for number in ("", *range(2, 1000)))
        aside = next(name for name in names if not name.exists())
        os.replace(path, aside)
        print(
            f"{path}: is damaged, and kept as {aside.name}; the training goes on from the one before it, "
            f"epoch {state.meta['epoch']}",
            file=sys.stderr,
        )
    os.replace(state.path, path)
    return dataclasses.replace(state, path=path)


def _read(path: Path) -> State:
    """A checkpoint, all of which is read: at an array's last byte its checksum is compared."""
    if not path.exists():
        raise InputError(f"{path}: no such file; train first")
    with open(path, "rb") as file:  # an error here is no damage
        try:
            archive = np.load(file, allow_pickle=False)
            *arrays, meta = (archive[key] for key in archive.files)
            if archive.files[-1] != META:
                raise ValueError(f"ends with {archive.files[-1]}")
            return State(path, json.loads(str(meta)), arrays)
        except MemoryError:
            raise
        except Exception as error:  # damaged bytes make NumPy and zipfile raise almost anything
            if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOMEM):
                raise  # the disk's or the network's: the file may be whole
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{path}: not a readable checkpoint ({reason}); delete it to train from the start"
            ) from error


def load_generator(folder: Path, network: keras.Model) -> dict:
    """Loads the generator of a run: of the newest epoch whose checkpoint and weights are whole.

    If that is not the last one for a damaged file, a line on stderr says so. Reading needs no lock: a training may go
    on in the folder meanwhile.

    Args:
        folder: holds a checkpoint.
        network: gets the weights.

    Returns:
        The `meta` of that epoch.

    Raises:
        InputError: there is no such epoch.
    """
    path, weights = folder / CHECKPOINT_FILE, folder / WEIGHTS_FILE
    damaged, errors = [], []
    for state in filter(Path.exists, (path, previous(path))):
        try:
            meta = _read(state).meta
        except InputError as error:
            damaged.append(state)
            errors.append(error)
            continue
        sha256 = meta["run"].get("weights", {}).get("sha256")
        for file in (weights, previous(weights)):  # the newer may be of an epoch that was killed before its checkpoint
            try:
                weight_files.load_weights(file, network, sha256, state)
            except InputError as error:
                errors.append(error)
                continue
            if damaged:
                print(f"{damaged[0]}: is damaged; epoch {meta['epoch']}, {file.name}, is used", file=sys.stderr)
            return meta
        damaged.append(weights)
    raise errors[0]


@dataclass
class RunLog:
    """The notes of a training, which it finds again when it is resumed.

    Attributes:
        run: JSON-able description of the run; the hash of its weights and the files it skipped become parts of it.
        history: name -> one value per finished epoch.
    """

    run: dict
    history: dict[str, list[float]] = field(default_factory=dict)


class Checkpoint(keras.callbacks.Callback):
    """Saves the state, and the weights that restore, at the end of each epoch; must be the last callback.

    Args:
        folder: receives `checkpoint.npz`, `generator.weights.h5` and `run.json`, and keeps the first two of the epoch
            before, see `previous`.
        log: stored with the state; each epoch's logs are added to its history.
        schedule: callback with a state to keep, or None.
        writes: whether this worker writes the files; the others only take part.
    """

    def __init__(self, folder: Path, log: RunLog, schedule: Any = None, writes: bool = True):
        super().__init__()
        self.folder = Path(folder)
        self.log = log
        self.schedule = schedule
        self.writes = writes

    def on_epoch_end(self, epoch, logs=None):
        if not self.writes:
            training_arrays(self.model)
            return
        for name, value in logs.items():
            self.log.history.setdefault(name, []).append(float(value))
        self.log.run["weights"] = {"sha256": weight_files.weights_sha256(self.model.restorer)}
        meta = {
            "run": self.log.run,
            "epoch": epoch + 1,
            "history": self.log.history,
            "schedule": self.schedule and self.schedule.get_state(),
        }
        # The checkpoint last: a kill before it costs one epoch, whose weights are written anew.
        weights = self.folder / WEIGHTS_FILE
        weight_files.save_weights(weights, self.model.restorer, previous(weights))
        write_run(self.folder, self.log.run)
        save(self.folder / CHECKPOINT_FILE, self.model, meta)


def write_run(folder: Path, run: dict) -> None:
    """Writes a run's description, `run.json`."""
    write_json(folder / RUN_FILE, run)
