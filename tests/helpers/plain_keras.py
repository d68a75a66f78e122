"""What Keras alone can do on several machines: `python plain_keras.py PORT,PORT INDEX` fits a model of one weight.

Prints a line for each way: "fits", or the error.
"""

import os
import sys

import keras
import numpy as np
import tensorflow as tf

from gandeblur.training import devices
from gandeblur.training.workers import Workers


class Plain(keras.Model):
    """Keras' own, with logs that its multi-worker mean takes."""

    rank = 1

    def train_step(self, data):
        logs = super().train_step(data)
        return {name: tf.reshape(value, [1] * self.rank) for name, value in logs.items()}


class WithScalars(Plain):
    rank = 0
    _maybe_symbolic_build = devices.no_symbolic_build


class AsOurs(Plain):
    _maybe_symbolic_build = devices.no_symbolic_build


def main(ports, index):
    workers = Workers(tuple(f"127.0.0.1:{port}" for port in ports.split(",")), int(index), 60.0)
    strategy = devices.strategy("cpu:1", workers)
    for kind in (Plain, WithScalars, AsOurs):
        with strategy.scope():
            image = keras.Input((1,))
            model = kind(image, keras.layers.Dense(1)(image))
            model.compile("sgd", "mse")
        data = tf.data.Dataset.from_tensors((np.ones((2, 1)), np.ones((2, 1))))
        try:
            model.fit(devices.distributed(strategy, data), steps_per_epoch=1, verbose=0)
            print(f"{kind.__name__}: fits", flush=True)
        except Exception as error:
            print(f"{kind.__name__}: {type(error).__name__}", " ".join(str(error).split())[-100:], flush=True)
    os._exit(0)  # the interpreter's exit can wait for the servers


if __name__ == "__main__":
    main(*sys.argv[1:])
