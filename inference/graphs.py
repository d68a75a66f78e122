"""A network as a graph, which frees what no later layer needs."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

GRAPHS = 4  # that are kept, where each is for pictures, tiles or samples of one size


def compiled(function: Callable, by_size: bool, stateful: bool) -> Callable:
    """The function as a graph: run layer by layer, a network keeps what every layer returns.

    Args:
        function: of images and moments or None.
        by_size: whether each size of the images gets a graph of its own; JAX makes one in any case.
        stateful: whether it changes variables, as dropout's random seeds; JAX would compile it as a function of none.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        def graph(images: np.ndarray, given: Any) -> Callable:
            batch, height, width, channels = images.shape
            size = (height, width) if by_size else (None, None)
            shape = tf.TensorSpec((batch, *size, channels), tf.float32)
            traced = tf.function(function).get_concrete_function(shape, given)
            return lambda images, given: traced(tf.constant(images), given)

    elif keras.backend.backend() == "jax" and not stateful:
        import jax

        by_size = True

        def graph(images: np.ndarray, given: Any) -> Callable:
            return jax.jit(lambda images, given: function(images, given))

    else:
        return function
    graphs: dict[tuple, Callable] = {}  # each by itself: one function keeps the graphs of all sizes that it has seen

    def run(images: np.ndarray, given: Any) -> Any:
        key = images.shape if by_size else images.shape[:1], given is None
        if key not in graphs:
            if len(graphs) == GRAPHS:
                del graphs[next(iter(graphs))]
            graphs[key] = graph(images, given)
        return graphs[key](images, given)

    return run
