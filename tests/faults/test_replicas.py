"""A value that is no number on one of two devices."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_gan as tiny

from gandeblur.errors import InputError
from gandeblur.training import checkpoint, devices, progress


@pytest.mark.slow  # traced on two devices; of one, training/test_progress.py says it
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="MirroredStrategy is TensorFlow's")
def test_nan_on_one_device_stops_all_and_the_last_checkpoint_is_unharmed(tmp_path):
    data = tiny.batches(6)
    # One value of the second device's sharp images in the second epoch's second step: of a blurred one, the rectifiers
    # of some processors make a 0 before it reaches the loss.
    data[4, 1, 3, 0, 0, 0] = np.nan
    batches = tf.data.Dataset.from_tensor_slices((data[:, 0], data[:, 1]))
    with devices.strategy("cpu:2").scope():
        model = tiny.gan(lambda: keras.optimizers.Adam(1e-3))
    callbacks = [
        progress.StopAtNonFinite(3, tmp_path / "checkpoint.npz"),
        checkpoint.Checkpoint(tmp_path, checkpoint.RunLog({"experiment": "x"})),
    ]
    with pytest.raises(InputError, match=r"^training step 5: .*mse.* is not finite; .*checkpoint.npz holds epoch 1; "):
        model.fit(batches, epochs=2, steps_per_epoch=3, callbacks=callbacks, shuffle=False, verbose=0)
    assert np.isnan(model.generator.get_weights()[0]).any()  # the step has harmed the network, not its checkpoint
    assert checkpoint.restore(tmp_path / "checkpoint.npz", model)["epoch"] == 1
    for key, variable in checkpoint.training_variables(model):
        assert np.isfinite(keras.ops.convert_to_numpy(variable)).all(), key
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 3
