"""A network's weights in files: as Keras has them, and small, to pass on."""

import hashlib
import io
import os
from pathlib import Path

import keras
import numpy as np
from keras.src.saving import saving_lib

from gandeblur.errors import InputError
from gandeblur.files import replacing
from gandeblur.training import differences, torch_weights
from gandeblur.training.workers import writing


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
    """Loads a file of `save_weights` (`.weights.h5`), `save_small_weights` or `differences.save` (`.npz`).

    Or the weights of DeblurGAN's authors, see `torch_weights`.

    Args:
        path: the file.
        network: gets the weights.
        sha256: their `weights_sha256` must be this; None: anything.
        told_by: the file that says so.

    Raises:
        InputError: no such file, not a weights file, of another architecture, or with other weights.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; give the .weights.h5 or .npz file of a trained generator")
    if not str(path).endswith((".weights.h5", ".npz", *torch_weights.SUFFIXES)):  # Keras would take a whole model, too
        raise InputError(f"{path}: is no weights file; give the .weights.h5 or .npz file of a trained generator")
    state = torch_weights.read(path) if Path(path).suffix in torch_weights.SUFFIXES else None
    try:
        if state is not None:
            torch_weights.assign(state, network)
        elif Path(path).suffix == ".npz":
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
