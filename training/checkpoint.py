"""All training state in one file, replaced atomically: a run killed at any moment resumes bit for bit.

The file is a NumPy archive: the variables of the model (both networks, both optimizers, seed generators) in Keras'
order, which is the same on every backend, and a JSON text `meta` with the run's description, the epoch, the history and
the schedule's state. The data stream needs no state: it is indexed by the step.

The file of the epoch before is kept under a second name, as its weights file is. What is read here is the newest whole
one of the two: all of it is read, so that the archive's checksums find every byte that has changed. The description in
a checkpoint states the hash of its generator's weights: by it, it finds its weights file.
"""

import errno
import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.saving import saving_lib

from gandeblur.errors import InputError
from gandeblur.files import replacing, write_json
from gandeblur.training import differences
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


def read_meta(path: Path) -> dict:
    """The `meta` of the newest whole checkpoint.

    Raises:
        InputError: there is none.
    """
    return _newest(path)[1]


def restore(path: Path, model: keras.Model) -> dict:
    """Loads the newest whole training state into a compiled model and returns the checkpoint's `meta`.

    Raises:
        InputError: there is none, or it is of another architecture.
    """
    variables = training_variables(model)
    path, meta = _newest(path)
    with np.load(path, allow_pickle=False) as archive:
        arrays = [archive[key] for key in archive.files if key != META]
    wanted = [tuple(variable.shape) for _, variable in variables]
    if wanted != [array.shape for array in arrays]:
        raise InputError(
            f"{path}: a checkpoint of another architecture ({len(arrays)} arrays, this model has {len(wanted)} "
            "variables or other shapes); choose another --workdir, or the --variant it was trained with"
        )
    for (_, variable), array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return meta


def settle(path: Path) -> None:
    """Puts a run's folder in order before its training goes on; nobody else may write there meanwhile.

    Unfinished files of a killed process are removed. A damaged checkpoint is set aside as `checkpoint.damaged.npz`, and
    the one before takes its place; a line on stderr says so.

    Raises:
        InputError: there are checkpoints, and none of them is whole.
    """
    for name in (path.name, WEIGHTS_FILE, RUN_FILE):
        for unfinished in path.parent.glob(f".*.{name}"):
            unfinished.unlink()
    if not exists(path):
        return
    newest, meta = _newest(path)
    if newest == path:
        return
    if path.exists():
        names = (path.with_name(f"{path.stem}.damaged{number}{path.suffix}") for number in ("", *range(2, 1000)))
        aside = next(name for name in names if not name.exists())
        os.replace(path, aside)
        print(
            f"{path}: is damaged, and kept as {aside.name}; the training goes on from the one before it, "
            f"epoch {meta['epoch']}",
            file=sys.stderr,
        )
    os.replace(newest, path)


def _newest(path: Path) -> tuple[Path, dict]:
    """The newest whole checkpoint, and its `meta`."""
    wrong = []
    for file in [one for one in (path, previous(path)) if one.exists()] or [path]:
        try:
            return file, _meta(file)
        except InputError as error:
            wrong.append(error)
    raise wrong[0]


def _meta(path: Path) -> dict:
    """The `meta` of a checkpoint, all of which is read: at an array's last byte its checksum is compared."""
    if not path.exists():
        raise InputError(f"{path}: no such file; train first")
    with open(path, "rb") as file:  # an error here is no damage
        try:
            archive = np.load(file, allow_pickle=False)
            for key in archive.files:
                last = archive[key]
            if archive.files[-1] != META:
                raise ValueError(f"ends with {archive.files[-1]}")
            return json.loads(str(last))
        except MemoryError:
            raise
        except Exception as error:  # damaged bytes make NumPy and zipfile raise almost anything
            if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOMEM):
                raise  # the disk's or the network's: the file may be whole
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{path}: not a readable checkpoint ({reason}); delete it to train from the start"
            ) from error


def save_weights(path: Path, network: keras.Model, kept: Path | None = None) -> None:
    """Writes a network's weights (`.weights.h5`, loads on every backend), atomically.

    Args:
        path: the file.
        network: any model.
        kept: name for the file that was there; None: it goes.
    """
    # As `network.save_weights`, but Python writes the file: HDF5 answers a full disk with pages of text.
    content = io.BytesIO()
    store = saving_lib.H5IOStore(content, mode="w")
    saving_lib._save_state(network, store, assets_store=None, inner_path="", visited_saveables=set())
    store.close()
    with writing, replacing(path, kept) as temporary, open(temporary, "wb") as file:
        file.write(content.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def save_small_weights(path: Path, network: keras.Model, bits: int) -> None:
    """Writes a network's weights to a small NumPy archive, atomically.

    Kernels, that is weights of rank 2 and more, in 8 bits: W = q s with whole numbers q from -127 to 127 and a scale s
    for each index of the last axis. Or in 16 bits: as float16. Weights of rank 0 and 1 stay float32.

    Args:
        path: `NAME.npz`.
        network: any model.
        bits: 8 or 16, per number of a kernel.
    """
    arrays = {}
    for index, weight in enumerate(network.weights):
        values = keras.ops.convert_to_numpy(weight)
        key = f"{index:04d}"
        if values.ndim < 2:
            arrays[key] = values.astype(np.float32)
        elif bits == 16:
            arrays[key] = values.astype(np.float16)
        else:
            scale = np.max(np.abs(values), axis=tuple(range(values.ndim - 1))).astype(np.float32) / 127
            arrays[key] = np.round(values / np.maximum(scale, np.finfo(np.float32).tiny)).astype(np.int8)
            arrays[f"{key}_scale"] = scale
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def _load_small_weights(path, network):
    with np.load(path, allow_pickle=False) as archive:  # what is loaded is data
        keys = [key for key in archive.files if key.isdecimal()]
        if len(keys) != len(network.weights):
            raise ValueError(f"{len(keys)} weights, the network has {len(network.weights)}")
        values = []
        for key, weight in zip(keys, network.weights, strict=True):
            array = archive[key].astype(np.float32)
            if array.shape != tuple(weight.shape):
                raise ValueError(f"weight {key} is {array.shape}, the network's {weight.path} {tuple(weight.shape)}")
            if f"{key}_scale" in archive.files:
                array = array * archive[f"{key}_scale"]
            if f"{key}_drawn" in archive.files:
                stddev, seed = float(archive[f"{key}_drawn"]), int(archive[differences.SEED])
                array = array + differences.drawn(array.shape, stddev, seed, int(key))
            values.append(array)
    for weight, array in zip(network.weights, values, strict=True):
        weight.assign(array)


def load_weights(path: Path, network: keras.Model, sha256: str | None = None, told_by: Path | None = None) -> None:
    """Loads what `save_weights` (`.weights.h5`) or `save_small_weights` (`.npz`) wrote.

    Args:
        path: the file.
        network: gets the weights.
        sha256: what their `weights_sha256` must be; None: anything.
        told_by: the file that says so.

    Raises:
        InputError: no such file, not a weights file, of another architecture, or with other weights.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give the .weights.h5 or .npz file of a trained generator")
    if not str(path).endswith((".weights.h5", ".npz")):  # Keras would also take a whole model
        raise InputError(f"{path}: is no weights file; give the .weights.h5 or .npz file of a trained generator")
    try:
        if Path(path).suffix == ".npz":
            _load_small_weights(path, network)
        else:
            network.load_weights(path)
    except Exception as error:  # h5py, NumPy and Keras raise many kinds
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: does not fit {network.name} ({reason}); use the --variant the weights were trained with"
        ) from error
    if sha256 and weights_sha256(network) != sha256:
        raise InputError(f"{path}: holds other weights than {told_by} says; give the two files that belong together")


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
    damaged, wrong = [], []
    for state in filter(Path.exists, (path, previous(path))):
        try:
            meta = _meta(state)
        except InputError as error:
            damaged.append(state)
            wrong.append(error)
            continue
        sha256 = meta["run"].get("weights", {}).get("sha256")
        for file in (weights, previous(weights)):  # the newer may be of an epoch that was killed before its checkpoint
            try:
                load_weights(file, network, sha256, state)
            except InputError as error:
                wrong.append(error)
                continue
            if damaged:
                print(f"{damaged[0]}: is damaged; epoch {meta['epoch']}, {file.name}, is used", file=sys.stderr)
            return meta
        damaged.append(weights)
    raise wrong[0]


def file_sha256(path: Path) -> str:
    """Hash of a file.

    Raises:
        InputError: there is none.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the .weights.h5 file of a trained generator, or its run's folder")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_sha256(network: keras.Model) -> str:
    """Hash of the weights' values in order, the same on every backend and in every file format."""
    digest = hashlib.sha256()
    for weight in network.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()


class Checkpoint(keras.callbacks.Callback):
    """Saves the state, and the weights that restore, at the end of each epoch; must be the last callback.

    Args:
        folder: receives `checkpoint.npz`, `generator.weights.h5` and `run.json`, and keeps the first two of the epoch
            before, see `previous`.
        run: JSON-able description of the run, stored with the state; the hash of the weights becomes part of it.
        history: `{name: [one value per finished epoch]}`, continued in place.
        schedule: callback with a state to keep, or None.
        writes: whether this worker writes the files; the others only take part.
    """

    def __init__(
        self, folder: Path, run: dict, history: dict[str, list[float]], schedule: Any = None, writes: bool = True
    ):
        super().__init__()
        self.folder = Path(folder)
        self.run = run
        self.history = history
        self.schedule = schedule
        self.writes = writes

    def on_epoch_end(self, epoch, logs=None):
        if not self.writes:
            training_arrays(self.model)
            return
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self.run["weights"] = {"sha256": weights_sha256(self.model.restorer)}
        meta = {
            "run": self.run,
            "epoch": epoch + 1,
            "history": self.history,
            "schedule": self.schedule and self.schedule.get_state(),
        }
        # The checkpoint last: a kill before it costs one epoch, whose weights are written anew.
        weights = self.folder / WEIGHTS_FILE
        save_weights(weights, self.model.restorer, previous(weights))
        write_run(self.folder, self.run)
        save(self.folder / CHECKPOINT_FILE, self.model, meta)


def write_run(folder: Path, run: dict) -> None:
    """Writes a run's description, `run.json`."""
    write_json(folder / RUN_FILE, run)
