import keras
import numpy as np
import pytest
from keras import ops
from scipy.fft import dctn

from gandeblur.training import spectral_adam
from gandeblur.training.spectral_adam import SpectralAdam

SHAPES = [(3, 5, 2, 4), (1, 7, 2, 3), (8, 1, 3, 2)]


def steps(optimizer, start, gradients):
    """The variable after one update per gradient."""
    variable = keras.Variable(start)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    return ops.convert_to_numpy(variable)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_adam_of_the_kernels_cosine_transform(shape):
    start, gradients = random(*shape), [random(*shape, seed=seed) for seed in (1, 2, 3)]
    ours = steps(SpectralAdam(0.01), start, gradients)
    transformed = [dctn(array, axes=(0, 1), norm="ortho") for array in (start, *gradients)]
    theirs = steps(keras.optimizers.Adam(0.01), transformed[0], transformed[1:])
    np.testing.assert_allclose(dctn(ours, axes=(0, 1), norm="ortho"), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(6,), (4, 5), (1, 1, 3, 4)])
def test_elsewhere_it_is_adam(shape):
    start, gradients = random(*shape), [random(*shape, seed=seed) for seed in (1, 2)]
    adam = steps(keras.optimizers.Adam(0.01), start, gradients)
    np.testing.assert_array_equal(steps(SpectralAdam(0.01), start, gradients), adam)


def test_in_the_basis_of_taps_it_is_adam(monkeypatch):
    monkeypatch.setattr(spectral_adam, "_cosines", lambda count: np.eye(count, dtype="float32"))
    start, gradients = random(3, 3, 2, 2), [random(3, 3, 2, 2, seed=seed) for seed in (1, 2)]
    adam = steps(keras.optimizers.Adam(0.01), start, gradients)
    np.testing.assert_allclose(steps(SpectralAdam(0.01), start, gradients), adam, rtol=1e-6)


def test_a_quadratic_that_is_diagonal_in_the_cosine_basis_goes_down_all_frequencies_alike():
    """Curvatures of 1 to 10,000: the first step is the rate times the sign of each frequency's gradient."""
    target = random(5, 5, 1, 1)
    curvature = np.logspace(0, 4, 25).reshape(5, 5, 1, 1)
    gradient = dctn(curvature * dctn(-target, axes=(0, 1), norm="ortho"), type=3, axes=(0, 1), norm="ortho")
    ours = steps(SpectralAdam(0.01, epsilon=1e-12), np.zeros_like(target), [gradient.astype("float32")])
    moved = dctn(ours, axes=(0, 1), norm="ortho")
    np.testing.assert_allclose(moved, 0.01 * np.sign(dctn(target, axes=(0, 1), norm="ortho")), rtol=1e-3)


def test_its_state_and_config_travel():
    start, gradients = random(3, 3, 2, 2), [random(3, 3, 2, 2, seed=seed) for seed in range(4)]
    whole = steps(SpectralAdam(0.01), start, gradients)
    first, variable = SpectralAdam(0.01), keras.Variable(start)
    first.build([variable])
    for gradient in gradients[:2]:
        first.apply([gradient], [variable])
    second = keras.optimizers.deserialize(keras.optimizers.serialize(first))
    assert isinstance(second, SpectralAdam)
    again = keras.Variable(variable)
    second.build([again])
    for ours, theirs in zip(second.variables, first.variables, strict=True):
        ours.assign(theirs)
    for gradient in gradients[2:]:
        second.apply([gradient], [again])
    np.testing.assert_array_equal(ops.convert_to_numpy(again), whole)
