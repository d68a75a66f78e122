"""Python functions within a `tf.data` stream."""

import atexit
import threading
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf


class _Calls:
    """The calls from TensorFlow's threads into Python, so that the interpreter's exit can wait for the last one.

    A stream that is still referenced at exit goes on filling its buffers (a fraction of a second). A call that came
    once the interpreter is being taken down would wait for ever, and the exit with it.
    """

    # Longer than the pause between two calls of a stream whose buffers are filling.
    _QUIET_S = 0.5
    # A call without end: garbage collection within it has freed its own stream, which waits for its calls to end.
    _LOST_S = 10.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last_change = -self._QUIET_S
        atexit.register(self.wait)

    def __enter__(self) -> None:
        self._count(1)

    def __exit__(self, *_: object) -> None:
        self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._running += change
            self._last_change = time.monotonic()

    def wait(self) -> None:
        while time.monotonic() - self._last_change < (self._LOST_S if self._running else self._QUIET_S):
            time.sleep(0.02)


_CALLS = _Calls()


def call_python(function: Callable[..., np.ndarray], *arguments: tf.Tensor) -> tf.Tensor:
    """`function` of the arguments' values, called when TensorFlow's stream gets there: uint8, of any shape."""

    def counted(*arrays):
        with _CALLS:
            return function(*arrays)

    return tf.numpy_function(counted, arguments, tf.uint8, stateful=False)
