"""The running average of the generator's weights."""

import keras
import numpy as np
import pytest
import tiny_gan as tiny

from gandeblur.training import checkpoint, weight_files
from gandeblur.training.spectral_adam import SpectralAdam

DECAY = 0.3  # low: the first steps' own decays, 2/11, 3/12 and 4/13, are below and above it


def trained(batches, average_decay=DECAY):
    """A conditional GAN, whose batch normalisation has moving statistics, and its generator's weights at each step."""
    keras.utils.set_random_seed(0)
    model = tiny.cgan(lambda: SpectralAdam(1e-3), average_decay=average_decay, generator_steps=1)
    model.run_eagerly = tiny.ONE_STEP_EAGERLY
    seen = [model.generator.get_weights()]
    for degraded, sharp in batches:
        model.train_on_batch(degraded, sharp)
        seen.append(model.generator.get_weights())
    return model, seen


@pytest.fixture(scope="module")
def average():
    return trained(tiny.batches(3))


def test_it_is_the_formula_of_the_weights_and_moving_statistics_at_each_step(average):
    model, seen = average
    expected = seen[0]
    for step, weights in enumerate(seen[1:], start=1):
        decay = min(DECAY, (1 + step) / (10 + step))
        expected = [decay * one + (1 - decay) * other for one, other in zip(expected, weights, strict=True)]
    names = [weight.path for weight in model.generator.weights]
    assert any("moving_variance" in name for name in names)
    for ours, theirs, name in zip(model.averaged.get_weights(), expected, names, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_training_does_not_see_it(average):
    _, seen = trained(tiny.batches(3), average_decay=None)
    for ours, theirs in zip(average[1][-1], seen[-1], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_what_restores_is_validated_and_shipped(average, tmp_path):
    model, seen = average
    degraded, sharp = tiny.batches(1)[0]
    twin = keras.models.clone_model(model.generator)
    twin.set_weights(model.averaged.get_weights())
    restored = (np.array(twin(2 * degraded - 1, training=False)) + 1) / 2
    np.testing.assert_allclose(np.array(model(degraded)), restored, atol=1e-6)
    loss = model.evaluate(degraded, sharp, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(np.abs(restored - sharp).mean(), rel=1e-5)
    callback = checkpoint.Checkpoint(tmp_path, checkpoint.RunLog({}))
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    weight_files.load_weights(tmp_path / "generator.weights.h5", twin)
    for shipped, averaged, raw in zip(
        twin.get_weights(), model.averaged.get_weights(), model.generator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(shipped, averaged)
        assert np.abs(averaged - raw).max() > 0
    other, _ = trained([])
    checkpoint.restore(tmp_path / "checkpoint.npz", other)
    for ours, theirs in zip(other.generator.get_weights(), seen[-1], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_resumed_it_ends_as_one_that_was_not_stopped(average, tmp_path):
    model, _ = average
    checkpoint.save(tmp_path / "c.npz", model, {})
    resumed, _ = trained([])
    checkpoint.restore(tmp_path / "c.npz", resumed)
    for one in (model, resumed):
        one.train_on_batch(*tiny.batches(1)[0])
    expected = model.averaged.get_weights()
    checkpoint.restore(tmp_path / "c.npz", model)  # as the other tests know it
    for ours, theirs in zip(resumed.averaged.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
