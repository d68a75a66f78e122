"""Reading and degradation on other machines, by `tf.data`'s service.

The service ships a stream's graph to a server and its elements back. Our graphs read images by a Python function, of
which a graph holds a name alone; the name has a meaning only in the process that gave it. So a server is a process of
ours: it offers its own reading function under such a name, and states the name and its images in a data set of its
own. The trainer builds the stream that it would build for itself, with that name in it.

Several servers make batches in turns. Each of them keeps the order of its batches, and each batch carries its number:
the result is the local stream, sample by sample, or an error.
"""

import json
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from gandeblur.data.python_calls import call_python
from gandeblur.errors import InputError

Call = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_OFFER = "gandeblur"  # the data set in which a server says what it offers
_SCHEME = "grpc://"
_ASK = "/tensorflow.data.DispatcherService/GetVersion"  # what every server of `tf.data` answers at once


def host_and_port(address: str) -> str:
    """ "host:port" of "grpc://host:port"."""
    return address.removeprefix(_SCHEME)


def serve(address: str, function: Callable[[np.ndarray, np.ndarray], np.ndarray], description: str) -> Any:
    """Starts a server in this process; it ends with the object returned.

    Args:
        address: "grpc://host:port" by which trainers reach this machine; the port and the next one are used.
        function: reads: (index, four random numbers) -> uint8 images.
        description: of its images; trainers that want others are refused.

    Raises:
        InputError: a port is taken.
    """
    host, port = host_and_port(address).rsplit(":", 1)
    graph = tf.Graph()
    with graph.as_default():
        placeholders = tf.compat.v1.placeholder(tf.int64, []), tf.compat.v1.placeholder(tf.float32, [4])
        token = call_python(function, *placeholders).op.get_attr("token").decode()
    data = tf.data.experimental.service
    try:
        for one in (int(port), int(port) + 1):  # TensorFlow would share a port with a server that is there
            socket.create_server(("", one)).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"{address}: its port or the next one is taken; choose another") from error
    dispatcher = data.DispatchServer(data.DispatcherConfig(port=int(port)))
    worker = data.WorkerServer(
        data.WorkerConfig(f"localhost:{port}", worker_address=f"{host}:%port%", port=int(port) + 1)
    )
    offer = tf.data.Dataset.from_tensors(json.dumps([token, description]))
    data.register_dataset(f"{_SCHEME}localhost:{port}", offer, dataset_id=_OFFER)
    return dispatcher, worker, graph  # the graph holds the function


def connect(address: str, description: str, timeout_s: float) -> Call:
    """The reading function of a running server, for graphs that run there.

    Args:
        address: "grpc://host:port".
        description: of the images that it has to read.
        timeout_s: how long to wait for its answer.

    Raises:
        InputError: the server reads something else, or there is none of ours.
    """
    try:
        # TensorFlow's own client has no time limit: where nobody answers it would ask for ever, and report each time.
        with grpc.insecure_channel(host_and_port(address)) as channel:
            channel.unary_unary(_ASK)(b"", timeout=timeout_s, wait_for_ready=True)
        token, offered = json.loads(_offered(address, timeout_s))
    except (grpc.RpcError, queue.Empty, TypeError, ValueError) as error:
        raise InputError(
            f"{address}: no data server of this program answers there within {timeout_s:g} s; start it by "
            "--stage=serve, or raise --worker_timeout"
        ) from error
    if offered != description:
        raise InputError(f"{address}: reads {offered}, not {description}; start it by the same command as the training")
    return lambda index, draws: tf.raw_ops.PyFuncStateless(input=[index, draws], token=token, Tout=[tf.uint8])[0]


def _offered(address, timeout_s):
    """The offer of a server that has just answered; an error stands for another server's."""
    data, answers = tf.data.experimental.service, queue.SimpleQueue[Any]()

    def ask():
        try:
            offer = data.from_dataset_id(
                data.ShardingPolicy.OFF, address, _OFFER, element_spec=tf.TensorSpec([], tf.string)
            )
            answers.put(next(offer.as_numpy_iterator()))
        except Exception as error:  # raised where it is waited for
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()  # the server may die in between
    return answers.get(timeout=timeout_s)


def in_turns(parts: Mapping[str, tf.data.Dataset], count: int) -> tf.data.Dataset:
    """One stream of `count` elements, which servers make in turns.

    Args:
        parts: address -> stream whose graph runs there.
        count: of all elements together.
    """

    data = tf.data.experimental.service

    def there(number, address, part):
        numbers = tf.data.Dataset.range(number, count, len(parts))
        return tf.data.Dataset.zip(numbers, part).apply(
            data.distribute(data.ShardingPolicy.OFF, address, compression=None)
        )

    def checked(expected, element):
        number, batch = element
        # A server that was started again would begin again. The name makes it an error in what was given.
        lost = f"{InputError.__name__}: {', '.join(parts)}: a data server was started again in the middle of a training"
        kept = tf.debugging.assert_equal(number, expected, f"{lost}; give the same command again to go on")
        with tf.control_dependencies([kept]):
            return tf.nest.map_structure(tf.identity, batch)

    streams = [there(number, address, part) for number, (address, part) in enumerate(parts.items())]
    turns = tf.data.Dataset.range(len(streams)).repeat()
    batches = tf.data.Dataset.choose_from_datasets(streams, turns)
    numbered = tf.data.Dataset.zip(tf.data.Dataset.range(count), batches).map(checked)
    return numbered.apply(tf.data.experimental.assert_cardinality(count))
