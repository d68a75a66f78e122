"""Weights of DeblurGAN's authors, as PyTorch saves them: `--weights=latest_net_G.pth`.

A `.pth` file is a pickle, which may hold any code. PyTorch's own reader takes tensors alone with `weights_only=True`;
up to 2.5 that could be passed by, so older ones are refused.
"""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from gandeblur.errors import InputError

SUFFIXES = (".pth", ".pt")
_LEAST = (2, 6)
# What instance normalisation keeps of its training and does not use: the authors restore in training mode.
_UNUSED = ("running_mean", "running_var", "num_batches_tracked")


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a state dict, in its order; of no other file, and without running what a file may hold.

    Raises:
        InputError: PyTorch is not installed or too old, or the file is no state dict.
    """
    try:
        import torch
    except ImportError:
        raise InputError(f"{path}: is read by PyTorch; pip install 'gandeblur[torch]'") from None
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < _LEAST:
        raise InputError(f"{path}: needs PyTorch 2.6 or newer, to be read safely; this is {torch.__version__}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as error:  # damaged files make PyTorch raise many kinds, and it explains at length
        reason = str(error).partition("\n")[0][:120]
        raise InputError(f"{path}: is no state dict of PyTorch ({reason}); save network.state_dict()") from error


def assign(state: Mapping[str, np.ndarray], network: keras.Model) -> None:
    """Assigns a state dict, in order, to a network whose weights are all kernels and biases of convolutions.

    Of a convolution `[out, in, h, w]` becomes `[h, w, in, out]`, of a transposed one `[in, out, h, w]` becomes
    `[h, w, out, in]`: both reverse the pairs of axes.

    Args:
        state: "...weight" and "...bias" of each convolution; means and variances beside them are not used.
        network: with as many convolutions, of the same shapes, in the same order.

    Raises:
        ValueError: something of the state has no place in the network, or does not fit.
    """
    arrays = {name: array for name, array in state.items() if not name.endswith(_UNUSED)}
    if len(arrays) != len(network.weights):
        kernels = sum(array.ndim == 4 for array in arrays.values())
        ours = sum(len(weight.shape) == 4 for weight in network.weights)
        raise ValueError(
            f"it has {kernels} convolutions and {len(arrays)} weights, the network {ours} and {len(network.weights)}"
        )
    values = []
    for (name, array), weight in zip(arrays.items(), network.weights, strict=True):
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
        if array.shape != tuple(weight.shape):
            raise ValueError(f"{name} is {array.shape}, the network's {weight.path} {tuple(weight.shape)}")
        values.append(array)
    for weight, array in zip(network.weights, values, strict=True):
        weight.assign(array)
