"""A weights file of VGG19's front with random weights."""

import numpy as np

WIDTHS = {
    "block1_conv1": (3, 64),
    "block1_conv2": (64, 64),
    "block2_conv1": (64, 128),
    "block2_conv2": (128, 128),
    "block3_conv1": (128, 256),
    "block3_conv2": (256, 256),
    "block3_conv3": (256, 256),
    "block3_conv4": (256, 256),
}


def random_arrays(last="block3_conv4", kernel_px=3):
    """Key -> array of each layer up to `last`; of `kernel_px` taps to a side only, those in the middle, none is 0."""
    rng = np.random.default_rng(0)
    found, around = {}, (3 - kernel_px) // 2
    for name, (maps, width) in WIDTHS.items():
        kernel = np.zeros((3, 3, maps, width), "float32")
        inner = kernel[around : 3 - around, around : 3 - around]
        inner[:] = rng.normal(0, (2 / maps) ** 0.5 / kernel_px, inner.shape)
        found |= {f"{name}_kernel": kernel, f"{name}_bias": rng.normal(0, 1, width).astype("float32")}
        if name == last:
            return found
    raise ValueError(last)
