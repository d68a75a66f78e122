"""A process that reads for another, on this machine."""

import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gandeblur.data import service
from gandeblur.data.datasets import ImageSet
from gandeblur.data.degradations import gaussian_noise, jpeg
from gandeblur.data.pipeline import Share, Source, random_crops, training_stream
from gandeblur.errors import InputError

CROP = dict(crop_px=16, max_zoom=2.0, turned=True)
SERVER = """
import sys, time
import test_service
servers = [test_service.served(address, sys.argv[1]) for address in sys.argv[2:]]
print("ready", flush=True)
time.sleep(600)
"""


def sources(folder):
    """Image k is flat, of level 10 k: a crop tells which image it is from."""
    images = ImageSet("flat", tuple(Path(folder) / f"{k:02}.png" for k in range(7)))
    return [Source(images, (partial(gaussian_noise, variance=1e-4), partial(jpeg, quality=70)))]


def served(address, folder):
    return service.serve(address, random_crops(sources(folder), **CROP), "seven images")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat")
    for k in range(7):
        Image.new("RGB", (20, 24), (10 * k,) * 3).save(folder / f"{k:02}.png")
    return folder


@pytest.fixture(scope="module")
def servers(folder):
    """Addresses of two servers, in a process that ends with the module."""
    addresses = []
    while len(addresses) < 2:
        with socket.socket() as one, socket.socket() as following:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                following.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            addresses.append(f"grpc://127.0.0.1:{port}")
    paths = f"import sys; sys.path[:0] = {sys.path!r} + [{__file__.rsplit('/', 1)[0]!r}]\n"
    command = [sys.executable, "-c", paths + SERVER, folder, *addresses]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield addresses
    process.kill()
    process.communicate()


def stream(folder, addresses=(), **changes):
    calls = {address: service.connect(address, "seven images", 30) for address in addresses}
    options = CROP | dict(batch_size=4, seed=3, start_step=0, total_steps=14) | changes
    return training_stream(sources(folder), **options, servers=calls)


@pytest.mark.machines
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start_step": 5, "total_steps": 12},
        {"share": Share(2, range(1, 2))},
    ],
)
def test_served_batches_are_the_local_ones(servers, folder, count, changes):
    far, near = stream(folder, servers[:count], **changes), stream(folder, **changes)
    assert far.cardinality() == near.cardinality() and far.element_spec == near.element_spec
    batches = list(near.as_numpy_iterator())
    assert len(batches) > 6
    for got, expected in zip(far.as_numpy_iterator(), batches, strict=True):
        for pixels, own in zip(got, expected, strict=True):
            np.testing.assert_array_equal(pixels, own)


@pytest.mark.machines
def test_each_served_image_comes_once_an_epoch(servers, folder):
    sharp = np.concatenate([sharp for _, sharp, _ in stream(folder, servers).as_numpy_iterator()])
    visited = np.round(sharp[:, 0, 0, 0] * 25.5).astype(int).reshape(8, 7)
    assert (np.sort(visited) == np.arange(7)).all()


@pytest.mark.machines
def test_a_server_of_other_images_is_refused(servers):
    with pytest.raises(InputError, match=f"{servers[0]}: reads seven images, not eight; start it by the same command"):
        service.connect(servers[0], "eight", 30)


@pytest.mark.machines
def test_a_port_that_is_taken(servers, folder):
    with pytest.raises(InputError, match=f"{servers[0]}: its port or the next one is taken; choose another"):
        served(servers[0], folder)


def test_batches_that_lost_their_order_are_noticed(monkeypatch):
    def served(*numbers):
        batches = tf.data.Dataset.from_tensor_slices(tf.constant(numbers, tf.int64))
        pairs = tf.data.Dataset.zip(batches, batches)
        monkeypatch.setattr(tf.data.experimental.service, "distribute", lambda *_, **__: lambda _: pairs)
        return list(service.in_turns({"grpc://one:1": batches}, 3).as_numpy_iterator())

    assert served(0, 1, 2) == [0, 1, 2]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="InputError: grpc://one:1: a data server was started again"
    ):
        served(0, 2, 1)


def test_what_is_no_data_server_of_ours_is_named_in_time_and_not_asked_again():
    """Something that takes connections and says nothing, an empty port, and TensorFlow's service without our offer."""
    before = threading.enumerate()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"grpc://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(InputError, match=f"{address}: no data server of this program answers there within 0.3 s"):
            service.connect(address, "seven images", 0.3)
    with pytest.raises(InputError, match=f"{address}: no data server of this program answers there within 0.3 s"):
        service.connect(address, "seven images", 0.3)
    other = tf.data.experimental.service.DispatchServer(tf.data.experimental.service.DispatcherConfig(port=0))
    with pytest.raises(InputError, match=f"{other.target}: no data server of this program"):
        service.connect(other.target, "seven images", 5)
    assert set(threading.enumerate()) <= set(before)  # TensorFlow's client would go on asking in one of its own
