"""What a run shows while it trains: TensorBoard, the remaining time, and the stop at a loss that is not finite."""

import signal
import time

import keras
import numpy as np
import tensorflow as tf

from gandeblur.errors import InputError
from gandeblur.training.gan import center
from gandeblur.training.schedules import rate


class TensorBoard(keras.callbacks.Callback):
    """Writes scalars, image strips, the run's description and the generator's graph for TensorBoard.

    Scalars at each epoch: every loss term and gradient norm, the learning rates, images per second, the share of the
    time spent waiting for data, validation loss and PSNR. Image strips at each epoch: degraded | restored | sharp.

    Args:
        folder: log folder.
        description: Markdown text of the experiment.
        pairs: (degraded, sharp) float32 arrays `[N, H, W, 3]` in [0, 1], shown at each validation.
        images_per_epoch: training images in one epoch, for the rate.
    """

    def __init__(self, folder, description, pairs, images_per_epoch):
        super().__init__()
        self.folder = str(folder)
        self.description = description
        self.degraded, self.sharp = pairs
        self.images_per_epoch = images_per_epoch

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(self.folder)
        with self.writer.as_default(step=0):
            tf.summary.text("experiment", self.description)
            if keras.backend.backend() == "tensorflow":
                spec = tf.TensorSpec([None, *self.degraded.shape[1:]], tf.float32, name="degraded")
                tf.summary.graph(tf.function(self.model.generator).get_concrete_function(spec).graph)

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.waited_s = self.model.data_clock.waited_s
        self.train_s = None

    def on_test_begin(self, logs=None):
        # Validation runs inside an epoch; the training rates end here.
        self.train_s = time.perf_counter() - self.started

    def on_epoch_end(self, epoch, logs=None):
        seconds = self.train_s or time.perf_counter() - self.started
        logs["epoch_s"] = seconds
        logs["images_per_s"] = self.images_per_epoch / seconds
        logs["data_wait_share"] = (self.model.data_clock.waited_s - self.waited_s) / seconds
        for network, optimizer in self._optimizers():
            logs[f"{network}_learning_rate"] = rate(optimizer)
        # Not `predict`: under a strategy it would restore the batch once per device.
        restored = keras.ops.convert_to_numpy(self.model(self.degraded, training=False))
        sides = [center(images, *restored.shape[1:3]) for images in (self.degraded, restored, self.sharp)]
        strips = np.clip(np.concatenate(sides, axis=2), 0, 1)
        with self.writer.as_default(step=epoch + 1):
            for name, value in logs.items():
                tf.summary.scalar(tag(name), value)
            tf.summary.image("degraded | restored | sharp", strips, max_outputs=len(strips))
        self.writer.flush()

    def on_train_end(self, logs=None):
        self.writer.close()

    def _optimizers(self):
        yield "generator", self.model.optimizer
        if self.model.discriminator is not None:
            yield "discriminator", self.model.discriminator_optimizer


def tag(name):
    """TensorBoard groups charts by the part before the slash."""
    for end, group in (("_gradient_norm", "gradient_norm"), ("_learning_rate", "learning_rate")):
        if name.endswith(end):
            return f"{group}/{name.removesuffix(end)}"
    if name in ("epoch_s", "images_per_s", "data_wait_share"):
        return f"speed/{name}"
    return f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"loss/{name}"


class Remaining(keras.callbacks.Callback):
    """Prints, after each epoch, how long the rest of the training will take."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        if not hasattr(self, "first"):
            self.first, self.started = epoch, time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        left = self.epochs - epoch - 1
        if left:
            seconds = (time.monotonic() - self.started) / (epoch + 1 - self.first) * left
            print(
                f"epoch {epoch + 1} of {self.epochs} done, about {max(1, round(seconds / 60))} min left",
                flush=True,
            )


class StopAtInterrupt(keras.callbacks.Callback):
    """Turns Ctrl-C into a `KeyboardInterrupt` between two steps; a second Ctrl-C ends the process at once.

    Raised wherever it falls, also inside TensorFlow, the exception can abort the process.
    """

    def on_train_begin(self, logs=None):
        self.interrupted = False
        self.previous = signal.signal(signal.SIGINT, self._note)

    def _note(self, number, frame):
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def on_train_batch_end(self, batch, logs=None):
        if self.interrupted:
            signal.signal(signal.SIGINT, self.previous)
            raise KeyboardInterrupt

    on_test_batch_end = on_train_batch_end

    def on_train_end(self, logs=None):
        signal.signal(signal.SIGINT, self.previous)


class StopAtNonFinite(keras.callbacks.Callback):
    """Ends training at the first loss or gradient norm that is NaN or infinite.

    Raises:
        InputError: naming the step, the terms and the last good checkpoint.
    """

    def __init__(self, steps_per_epoch, checkpoint_path):
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.checkpoint_path = checkpoint_path

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # Running means: once not finite, they stay so.
        bad = [name for name, value in logs.items() if not np.isfinite(float(value))]
        if bad:
            step = self.epoch * self.steps_per_epoch + batch + 1
            last = self.checkpoint_path
            kept = f"{last} holds epoch {self.epoch}" if last.exists() else "no checkpoint was written before it"
            raise InputError(
                f"training step {step}: {', '.join(bad)} is not finite; {kept}; lower the learning rate or use --seed"
            )
