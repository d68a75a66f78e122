"""Scenes, their blurred copies, and what a set of such pairs has to hold."""

import numpy as np

from gandeblur.data.datasets import PairSet

RNG = np.random.default_rng(0)
SCENES = {k: np.kron(RNG.integers(0, 256, (3, 4, 3)), np.ones((16, 16, 1))).astype(np.uint8) for k in range(12)}


def blurred_scene(scene):
    wide = np.pad(SCENES[scene].astype(float), [(0, 0), (2, 2), (0, 0)], mode="edge")
    return (sum(wide[:, k : k + 64] for k in range(5)) / 5).round().astype(np.uint8)


def both(blurred, sharp, names):
    return [(blurred.format(name), sharp.format(name), k) for k, name in enumerate(names)]


def check(images, names, scenes=None):
    """The set holds the pairs of these names, each with its own sharp image."""
    assert isinstance(images, PairSet) and sorted(images.names) == sorted(names)
    for k, name in enumerate(names):
        expected = scenes[k] if scenes else k
        blurred, sharp = images.read(images.names.index(name))
        np.testing.assert_array_equal(sharp, SCENES[expected])
        np.testing.assert_array_equal(blurred, blurred_scene(expected))
