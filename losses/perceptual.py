"""Perceptual loss (Johnson et al. 2016): the distance between two images as a layer of a trained VGG network sees them.

loss = Perceptual("vgg19", "block3_conv3").load()      built once
loss(restored, sharp)                                  one value per image
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from gandeblur.errors import InputError

_NETWORKS = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}
_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/"
    "{network}/{network}_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
_MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet, which the networks were trained on
_HALF_RANGE = 127.5


@dataclass(frozen=True)
class Perceptual:
    """Which features a perceptual loss compares, as data.

    DeblurGAN's code and those who follow it take VGG19's "layer 14": `features[14]` of torchvision, which is
    block3_conv3 before its ReLU.

    Args:
        network: "vgg16" or "vgg19".
        layer: name of a convolution in `keras.applications`, for example "block3_conv3".
        relu: whether the features are taken behind its ReLU.
    """

    network: str
    layer: str
    relu: bool = True

    def load(self, weights: str | Path | None = None) -> Callable[[Any, Any], Any]:
        """The loss itself, see `perceptual_loss`; `weights`, and errors, as in `features`."""
        return perceptual_loss(features(self.network, self.layer, weights, relu=self.relu))

    def __str__(self) -> str:
        return f"{self.network.upper()} {self.layer} {'behind' if self.relu else 'before'} its ReLU"


def features(network: str, layer: str, weights: str | Path | None = None, *, relu: bool = True) -> keras.Model:
    """VGG (Simonyan & Zisserman 2015) from its input to `layer`, with ImageNet weights that are not trained.

    The model computes in float32 whatever the global dtype policy: squared differences of features need its digits.

    Args:
        network: "vgg16" or "vgg19".
        layer: name of a convolution in `keras.applications`, for example "block3_conv3".
        weights: None: Keras downloads them, once. Or a file: `.npz` with float32 arrays `block1_conv1_kernel`
            `[3, 3, in, out]`, `block1_conv1_bias` `[out]` and so on for each convolution up to `layer`, VGG19's
            with all four of block3 where it holds any, by which it is known; or `.h5` (also `.weights.h5`) of the
            whole network without its dense layers, as Keras downloads it.
        relu: whether the output is taken behind the ReLU of `layer`.

    Returns:
        Model from float32 `[B, H, W, 3]`, BGR in 0..255 minus the mean of ImageNet, to `[B, h, w, maps]`.

    Raises:
        InputError: the download failed, or the file is missing, damaged, of the other network or does not hold these
            arrays. (A `.npz` that ends before block3 tells nothing of its network, and is taken for either.)
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # keras.applications has no argument for it
    try:
        whole = _downloaded(network) if weights is None else _NETWORKS[network](weights=None, include_top=False)
        last = whole.get_layer(layer)
        if not relu:
            last.activation = None
        model = keras.Model(whole.input, last.output, name=f"{network}_{layer}")
    finally:
        keras.config.set_dtype_policy(policy)
    if weights is not None:
        _load(whole, model, weights)
    model.trainable = False
    return model


def perceptual_loss(model: keras.Model) -> Callable[[Any, Any], Any]:
    """Mean over positions and maps of (model(restored) - model(sharp))^2 / 127.5^2.

    VGG takes values of 0..255, the networks of DeblurGAN's code -1..1, and the latter's perceptual loss is taken from
    features of such values: the papers' weight of 100 is meant for it. A network of ReLUs is homogeneous but for its
    biases, so features of images 127.5 times larger are roughly 127.5 times larger, and dividing by the square gives
    roughly those units. The biases do count, so that the two are not the same.

    Args:
        model: see `features`.

    Returns:
        loss(restored, sharp) -> `[B]`, from float32 `[B, H, W, 3]` in [0, 1], RGB. `sharp` gets no gradient.
    """

    def loss(restored, sharp):
        target = ops.stop_gradient(model(preprocessed(sharp)))
        return ops.mean(ops.square(model(preprocessed(restored)) - target), axis=(1, 2, 3)) / _HALF_RANGE**2

    return loss


def preprocessed(images):
    """RGB in [0, 1] as VGG was trained on: BGR in 0..255 minus the mean of ImageNet."""
    return 255 * ops.flip(images, axis=-1) - ops.convert_to_tensor(_MEAN_BGR, dtype="float32")


def _downloaded(network):
    try:
        return _NETWORKS[network](weights="imagenet", include_top=False)
    except Exception as error:  # Keras raises a bare Exception, whose context says why; or ValueError: a wrong hash
        raise InputError(
            f"{network}: its ImageNet weights cannot be downloaded ({_reason(error.__context__ or error)}); "
            f"fetch {_URL.format(network=network)} and give --vgg_weights=FILE"
        ) from error


def _load(whole, model, path):
    """Fills `model`, the front part of the network `whole`, from a file."""
    try:
        if Path(path).suffix == ".npz":
            _load_arrays(model, path, vgg19=whole.name == "vgg19")
        elif Path(path).suffix != ".h5":  # Keras would also take a whole model
            raise ValueError("neither .npz nor .h5")
        else:
            whole.load_weights(path)
        return
    except FileNotFoundError:
        reason = "no such file"
    except Exception as error:  # damaged and foreign files make NumPy, HDF5 and Keras raise almost anything
        reason = f"does not hold the weights of {model.name.replace('_', ' up to ', 1)} ({_reason(error)})"
    url = _URL.format(network=whole.name)
    raise InputError(f"{path}: {reason}; fetch {url} and give --vgg_weights=FILE, or leave the flag out")


def _load_arrays(model, path, vgg19):
    with np.load(path, allow_pickle=False) as archive:
        # The two networks' convolutions have the same shapes; only VGG19 has a fourth one in block3.
        if "block3_conv1_kernel" in archive and ("block3_conv4_kernel" in archive) != vgg19:
            other, has = ("VGG16", "no") if vgg19 else ("VGG19", "a")
            raise ValueError(f"{has} block3_conv4: weights of {other}")
        for layer in model.layers:
            for variable in layer.weights:
                key = f"{layer.name}_{variable.name}"
                if key not in archive:
                    raise ValueError(f"no array {key}")
                if archive[key].shape != variable.shape:
                    raise ValueError(f"{key} has shape {archive[key].shape}, not {variable.shape}")
                variable.assign(archive[key])


def _reason(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
