"""All training state in one file, replaced atomically: a run killed at any moment resumes bit for bit.

The file is a NumPy archive: the variables of the model (both networks, both optimizers, seed generators) in Keras'
order, which is the same on every backend, and a JSON text `meta` with the epoch, the history and the schedule's
state. The data stream needs no state: it is indexed by the step.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gandeblur.errors import InputError
from gandeblur.files import replacing
from gandeblur.training.workers import writing

META = "meta"


def training_variables(model: keras.Model) -> list[tuple[str, Any]]:
    """Every variable a resumed run needs, in Keras' order: `[(key, variable)]`.

    Keys are numbers: Keras' paths count the objects made before in the process.
    """
    variables = {id(variable): variable for variable in (*model.variables, *model.optimizer.variables)}
    return [(f"{index:04d}", variable) for index, variable in enumerate(variables.values())]


def training_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """Their values. Of several workers all must call it: metrics are added up over them as they are read."""
    return {key: keras.ops.convert_to_numpy(variable) for key, variable in training_variables(model)}


def save(path: Path, model: keras.Model, meta: dict) -> None:
    """Writes the model's training state and `meta` (JSON-able) to `path`, atomically."""
    arrays: dict[str, Any] = training_arrays(model)
    arrays[META] = np.array(json.dumps(meta))
    with writing, replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


def read_meta(path: Path) -> dict:
    """The `meta` of a checkpoint, without its arrays."""
    with _open(path) as archive:
        return json.loads(str(archive[META]))


def restore(path: Path, model: keras.Model) -> dict:
    """Loads the training state into a compiled model and returns the checkpoint's `meta`.

    Raises:
        InputError: the file is damaged, or of another architecture.
    """
    variables = training_variables(model)
    with _open(path) as archive:
        wanted = [tuple(variable.shape) for _, variable in variables]
        found = [archive[key].shape for key in archive.files if key != META]
        if wanted != found:
            raise InputError(
                f"{path}: a checkpoint of another architecture ({len(found)} arrays, this model has {len(wanted)} "
                "variables or other shapes); choose another --workdir, or the --variant it was trained with"
            )
        arrays = [archive[key] for key in archive.files if key != META]
        meta = json.loads(str(archive[META]))
    for (_, variable), array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return meta


def _open(path):
    try:
        archive = np.load(path)
        archive[META]
        return archive
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); delete it to train from the start") from error


def save_weights(path: Path, network: keras.Model) -> None:
    """Writes a network's weights (`.weights.h5`, loads on every backend), atomically."""
    with writing, replacing(path) as temporary:
        network.save_weights(temporary)


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
    with np.load(path) as archive:  # without pickle: what is loaded is data
        keys = [key for key in archive.files if not key.endswith("_scale")]
        if len(keys) != len(network.weights):
            raise ValueError(f"{len(keys)} weights, the network has {len(network.weights)}")
        values = []
        for key, weight in zip(keys, network.weights, strict=True):
            array = archive[key].astype(np.float32)
            if array.shape != tuple(weight.shape):
                raise ValueError(f"weight {key} is {array.shape}, the network's {weight.path} {tuple(weight.shape)}")
            values.append(array * archive[f"{key}_scale"] if f"{key}_scale" in archive.files else array)
    for weight, array in zip(network.weights, values, strict=True):
        weight.assign(array)


def load_weights(path: Path, network: keras.Model) -> None:
    """Loads what `save_weights` (`.weights.h5`) or `save_small_weights` (`.npz`) wrote.

    Raises:
        InputError: no such file, not a weights file, or of another architecture.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give the .weights.h5 or .npz file of a trained generator")
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
    """Saves the state and the generator's weights at the end of each epoch; must be the last callback.

    Args:
        folder: receives `checkpoint.npz` and `generator.weights.h5`.
        run: JSON-able description of the run, stored with the state.
        history: `{name: [one value per finished epoch]}`, continued in place.
        schedule: callback with a state to keep, or None.
        writes: whether this worker writes the files; the others only take part.
    """

    def __init__(
        self, folder: Path, run: dict, history: dict[str, list[float]], schedule: Any = None, writes: bool = True
    ):
        super().__init__()
        self.path = Path(folder) / "checkpoint.npz"
        self.weights_path = Path(folder) / "generator.weights.h5"
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
        meta = {
            "run": self.run,
            "epoch": epoch + 1,
            "history": self.history,
            "schedule": self.schedule and self.schedule.get_state(),
        }
        # Weights first: a kill between the two files costs one epoch, never a newer state than its weights.
        save_weights(self.weights_path, self.model.generator)
        save(self.path, self.model, meta)
