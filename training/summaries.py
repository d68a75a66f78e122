"""TensorBoard: what a run writes for it."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gandeblur.training.gan import center


class TensorBoard(keras.callbacks.Callback):
    """Writes scalars, image strips, the run's description and the generator's graph for TensorBoard.

    Scalars at each epoch: all that the logs hold. Image strips at each epoch: degraded | restored | sharp.

    Args:
        folder: log folder.
        description: Markdown text of the experiment.
        pairs: (degraded, sharp) float32 arrays `[N, H, W, 3]` in [0, 1], shown at each validation.
    """

    def __init__(self, folder, description, pairs):
        super().__init__()
        self.folder = str(folder)
        self.description = description
        self.degraded, self.sharp = pairs

    def on_train_begin(self, logs=None):
        with self._writing():
            self.writer = tf.summary.create_file_writer(self.folder)
        with self._writing(), self.writer.as_default(step=0):
            tf.summary.text("experiment", self.description)
            if keras.backend.backend() == "tensorflow":
                spec = tf.TensorSpec([None, *self.degraded.shape[1:]], tf.float32, name="degraded")
                tf.summary.graph(tf.function(self.model.generator).get_concrete_function(spec).graph)

    def on_epoch_end(self, epoch, logs=None):
        # Not `predict`: under a strategy it would restore the batch once per device.
        restored = keras.ops.convert_to_numpy(self.model(self.degraded, training=False))
        sides = [center(images, *restored.shape[1:3]) for images in (self.degraded, restored, self.sharp)]
        strips = np.clip(np.concatenate(sides, axis=2), 0, 1)
        with self._writing(), self.writer.as_default(step=epoch + 1):
            for name, value in logs.items():
                tf.summary.scalar(tag(name), value)
            tf.summary.image("degraded | restored | sharp", strips, max_outputs=len(strips))
            self.writer.flush()

    def on_train_end(self, logs=None):
        with self._writing():
            self.writer.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What TensorFlow raises where the disk is full, as Python would raise it."""
        try:
            yield
        except tf.errors.OpError as error:
            reason = error.message.splitlines()[0].rpartition("; ")[2]
            raise OSError(errno.EIO, reason, self.folder) from error


def tag(name: str) -> str:
    """TensorBoard groups charts by the part before the slash."""
    for group in ("gradient_norm", "gradient_share", "learning_rate"):
        if name.endswith(f"_{group}"):
            return f"{group}/{name.removesuffix(f'_{group}')}"
    if name in ("epoch_s", "images_per_s", "data_wait_share"):
        return f"speed/{name}"
    if name == "skipped_files":
        return f"data/{name}"
    return f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"loss/{name}"


def markdown(description: Mapping[str, Any]) -> str:
    """A run's description for TensorBoard's text page, but for its "identity", which says the same as data."""
    lines = [f"# {description['paper']['title']}"]
    for section, values in description.items():
        if section == "identity":
            continue
        lines.append(f"## {section}")
        if isinstance(values, Mapping):
            lines += [f"- {label}: {value}" for label, value in values.items()]
        else:
            lines += [f"- {value}" for value in (values if isinstance(values, list) else [values])]
    return "\n".join(lines)
