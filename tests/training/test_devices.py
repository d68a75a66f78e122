"""One step, computed in other ways: on two devices, in parts, or both. The same images, the same weights."""

import functools

import keras
import numpy as np
import pytest
from experiment_steps import model_of, relative_differences, train_steps, weights

from gandeblur.training import devices

BATCH = 8
# name -> accumulated parts, devices, devices of the whole batch that it is held against, largest difference. Another
# order of a sum of float32 numbers changes its last digits; in parts, that is all that changes.
WAYS = {"two devices": (1, 2, 1, 1e-5), "in parts": (2, 1, 1, 1e-6), "in parts on two devices": (2, 2, 2, 1e-6)}
CASES = [("gan_d-sgd", "two devices"), ("gan_d-sgd", "in parts")]
MORE_CASES = [
    ("gan_d-sgd", "in parts on two devices"),
    # Two steps of a Wasserstein critic with gradient penalty. JAX takes a minute to compile the last of the ways.
    *(("sharingan-sgd", way) for way in list(WAYS)[: 2 if keras.backend.backend() == "jax" else 3]),
    ("gan_d-adam", "two devices"),
    ("dark_channel_gan-sgd", "two devices"),  # batch normalisation takes the statistics of all devices' images
]


@functools.cache
def whole(case, count):
    """The weights before and after, and the history, of the whole batch at once."""
    strategy = devices.strategy(f"cpu:{count}")
    model = model_of(case, strategy, batch_size=BATCH, ema=0.5)
    before = weights(model)
    return before, train_steps(model, BATCH, strategy), weights(model), model.averaged.get_weights()


@pytest.mark.parametrize(("case", "way"), [*CASES, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE_CASES)])
def test_the_step_is_that_of_the_whole_batch(case, way):
    parts, count, count_of_whole, tolerance = WAYS[way]
    if case.endswith("adam"):
        tolerance = 1e-4  # it divides each gradient by its size, and so makes the last digits of small ones count
    before, history, after, average = whole(case, count_of_whole)
    strategy = devices.strategy(f"cpu:{count}")
    assert devices.device_count(strategy) == count
    model = model_of(case, strategy, batch_size=BATCH // parts, accumulate=parts, ema=0.5)
    for ours, theirs in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    ours = train_steps(model, BATCH, strategy)
    differences = relative_differences(weights(model), after)
    differences_of_average = relative_differences(model.averaged.get_weights(), average)
    print(f"{case} {way}: {max(differences):.1e}, of the average {max(differences_of_average):.1e}")
    assert max(differences + differences_of_average) < tolerance
    assert max(relative_differences(before, after)) > 1e-2
    for name, values in history.items():
        # Of each replica's own images, or of each part's, before they are added up.
        if not name.endswith("share") and not (count > count_of_whole and name.endswith("norm")):
            np.testing.assert_allclose(ours[name], values, rtol=1e-4, err_msg=name)
