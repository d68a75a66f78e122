import subprocess
import sys

import pytest


@pytest.mark.machines
def test_the_interpreter_exits_while_a_stream_is_open():
    script = """
from gandeblur.data.datasets import sample
from gandeblur.data.pipeline import Source, training_stream
stream = training_stream([Source(sample.train())], crop_px=128, max_zoom=2.0, batch_size=2, seed=0,
                         start_step=0, total_steps=800, cache_bytes=0)
iterator = iter(stream)
next(iterator)
raise SystemExit(2)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True).returncode == 2


@pytest.mark.machines
def test_the_interpreter_exits_although_a_stream_waits_for_itself():
    # Garbage collection in the stream's own call frees the stream, whose end waits for the call.
    script = """
import gc, threading, time
import numpy as np
import tensorflow as tf
from gandeblur.data import python_calls
gc.disable()
python_calls._CALLS._LOST_S = 1.0
abandoned = threading.Event()
def read(i):
    if i > 0:
        abandoned.wait()
        gc.collect()
    return np.zeros([1], np.uint8)
iterator = iter(tf.data.Dataset.range(5).map(lambda i: python_calls.call_python(read, i)).prefetch(1))
next(iterator)
cycle = [iterator]
cycle.append(cycle)
del iterator, cycle
abandoned.set()
time.sleep(0.5)
raise SystemExit(3)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True).returncode == 3
