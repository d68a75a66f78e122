"""TensorFlow and JAX: from the same weights and images, the same training; what one writes, the other opens.

One backend runs in this process, the other, for all experiments, in one other process.
"""

import os
import subprocess
import sys

import experiment_steps as steps
import keras
import numpy as np
import pytest

from gandeblur.training import checkpoint, weight_files

pytestmark = [
    pytest.mark.jax,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="once is enough: the other process runs JAX"),
]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Case -> a trained model of this backend, its weights before the training, and where the other left its own."""
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("backends")
    models = {}
    for case in steps.CASES:
        models[case] = steps.model_of(case)
        checkpoint.save(folder / f"{case}.start.npz", models[case], {})
    started = {case: steps.weights(model) for case, model in models.items()}
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    other = subprocess.Popen([sys.executable, steps.__file__, folder], env=environment)
    for model in models.values():
        steps.train_steps(model, batch_size=2)
    assert other.wait() == 0
    return {case: (model, started[case], folder / case) for case, model in models.items()}


def opened(case, path):
    """A model of this backend with the state that the other backend wrote."""
    model = steps.model_of(case)
    assert checkpoint.restore(path.with_name(f"{case}.end.npz"), model) == {"case": case}
    return model


@pytest.mark.parametrize("case", steps.CASES)
def test_three_steps_agree(case, pairs):
    model, started, path = pairs[case]
    theirs = opened(case, path)
    named = zip(steps.weights(model), steps.weights(theirs), started, strict=True)
    # Adam makes the rounding errors of a gradient that is 0 as large as the others: those of biases in front of a
    # normalisation are.
    compared = [arrays for arrays in named if case.endswith("sgd") or arrays[0].ndim > 1]
    ours, others, before = zip(*compared, strict=True)
    largest = max(steps.relative_differences(others, ours))
    print(f"{case}: {largest:.1e}")
    assert largest < (1e-5 if case.endswith("sgd") else 1e-4)
    assert max(steps.relative_differences(before, ours)) > 1e-3


@pytest.mark.parametrize("case", [case for case in steps.CASES if case.endswith("adam")])  # Adam has the more state
def test_what_one_backend_wrote_the_other_opens(case, pairs):
    path = pairs[case][2]
    theirs = opened(case, path)
    with np.load(path.with_name(f"{case}.end.npz")) as archive:
        for key, variable in checkpoint.training_variables(theirs):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), archive[key], err_msg=key)
    generator = steps.model_of(case).generator
    weight_files.load_weights(path.with_name(f"{case}.weights.h5"), generator)
    for ours, others in zip(generator.get_weights(), theirs.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, others)
