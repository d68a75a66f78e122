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


def test_three_steps_agree_and_what_one_backend_wrote_the_other_opens(pairs):
    """One test: the set-up is most of it, and two workers would each do it."""
    differences, moved = {}, {}
    for case, (model, started, path) in pairs.items():
        theirs = opened(case, path)
        named = zip(steps.weights(model), steps.weights(theirs), started, strict=True)
        # Adam makes the rounding errors of a gradient that is 0 as large as the others: those of biases in front of a
        # normalisation are.
        compared = [arrays for arrays in named if case.endswith("sgd") or arrays[0].ndim > 1]
        ours, others, before = zip(*compared, strict=True)
        differences[case] = max(steps.relative_differences(others, ours))
        moved[case] = max(steps.relative_differences(before, ours))

        with np.load(path.with_name(f"{case}.end.npz")) as archive:
            for key, variable in checkpoint.training_variables(theirs):
                np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), archive[key], err_msg=key)
        generator = steps.model_of(case).generator
        weight_files.load_weights(path.with_name(f"{case}.weights.h5"), generator)
        for weight, other in zip(generator.get_weights(), theirs.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, other, err_msg=case)
    print({case: f"{difference:.1e}" for case, difference in differences.items()})
    assert {case for case in differences if differences[case] >= (1e-5 if case.endswith("sgd") else 1e-4)} == set()
    assert {case for case in moved if moved[case] <= 1e-3} == set()
