import json
import os
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import keras
import pytest
import tiny_experiment

from gandeblur.errors import InputError
from gandeblur.stages.run import choose
from gandeblur.stages.train import train
from gandeblur.training import devices, workers
from gandeblur.training.workers import Workers, resolve

TWO = ("one:2222", "two:2222")


@pytest.fixture
def listening():
    """Somebody's open port and its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody():
    """An address at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


def tf_config(index=1, kind="worker", **cluster):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    ("addresses", "index", "error"),
    [
        (TWO, None, r"--workers=one:2222,two:2222: which one is this\? give --worker_index, 0 to 1"),
        (TWO, 2, "--worker_index=2: there are 2 workers; use 0 to 1"),
        (TWO, -1, "--worker_index=-1: there are 2 workers; use 0 to 1"),
        ((), 0, "--worker_index=0: whose"),
        (TWO[:1], 0, "--workers=one:2222: needs at least two"),
        (("one:2222", "one:2222"), 0, "holds an address twice"),
        (("one:2222", "two"), 0, "two is not host:port"),
        (("one:2222", "two:x"), 0, "two:x is not host:port"),
        (("one:2222", "two:70000"), 0, "two:70000 is not host:port"),
        (("one:2222", ""), 0, "an empty entry is not host:port"),
        (("one:2222", "http://two:1"), 0, "http://two:1 is not host:port"),
    ],
)
def test_flags_that_name_no_workers(addresses, index, error, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match=error):
        resolve(addresses, index)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ("{", "TF_CONFIG: cannot be read; it looks like"),
        (tf_config(worker=["one"]), "TF_CONFIG: one is not host:port"),
        (tf_config(worker=TWO[:1], index=0), "TF_CONFIG: names fewer than two workers; unset it"),
        (tf_config(worker=TWO, index=2), "TF_CONFIG: this is task 2, but there are 2 workers"),
        (tf_config(worker=TWO, ps=["three:1"]), "TF_CONFIG: has ps; only chief and worker"),
        (json.dumps({"cluster": {"worker": TWO}}), "TF_CONFIG: cannot be read"),
    ],
)
def test_a_tf_config_that_names_no_workers(config, error, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError, match=error):
        resolve((), None)


def test_flags_and_tf_config_say_the_same(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert resolve((), None) == ((), None)
    assert resolve(TWO, 1) == (TWO, 1)
    for config in (tf_config(worker=TWO), tf_config(index=0, chief=TWO[:1], worker=TWO[1:])):
        monkeypatch.setenv("TF_CONFIG", config)
        assert resolve((), None) == (TWO, 1)
        assert resolve(TWO, 1) == (TWO, 1)
        with pytest.raises(InputError, match="TF_CONFIG says worker 1 of one:2222,two:2222; unset one of the two"):
            resolve(TWO, 0)
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert resolve((), None) == ((), None)


def test_who_is_the_chief(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    settings = [
        choose(tiny_experiment.EXPERIMENT, workdir=tmp_path, workers=TWO, worker_index=index) for index in (0, 1)
    ]
    assert [one.is_chief for one in settings] == [True, False]
    assert choose(tiny_experiment.EXPERIMENT, workdir=tmp_path).is_chief
    assert settings[1].cluster.others == {"one:2222": "worker 0"}


def test_a_batch_that_the_workers_cannot_share(tmp_path):
    settings = choose(tiny_experiment.EXPERIMENT, workdir=tmp_path, workers=TWO, worker_index=0, batch_size=3)
    with pytest.raises(InputError, match="--batch_size=3: not a multiple of the 2 devices of all workers"):
        train(settings, SimpleNamespace(num_replicas_in_sync=2, num_model_replicas=2))


def test_several_machines_need_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="several machines need the TensorFlow backend"):
        devices.strategy("all", Workers(TWO, 0, 1.0))


def test_a_worker_that_never_comes_is_named(nobody, listening):
    there = listening[1]
    listening[0].close()  # its own port: free
    with pytest.raises(InputError, match=rf"^{nobody} \(worker 1\): no answer within 0.3 s; start it"):
        workers.join(Workers((there, nobody), 0, 0.3))


def test_a_port_that_is_taken(listening, nobody):
    with pytest.raises(InputError, match=f"^{listening[1]}: cannot listen there .*; give this worker a free port"):
        workers.join(Workers((listening[1], nobody), 0, 0.3))


def test_workers_meet(monkeypatch):
    monkeypatch.setattr(workers, "_joined", False)
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        where = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other))

    def meet(index):
        workers.join(Workers(where, index, 10.0))
        servers.append(socket.create_server(("127.0.0.1", int(where[index].split(":")[1]))))  # as TensorFlow does

    servers: list[socket.socket] = []
    threads = [threading.Thread(target=meet, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    for server in servers:
        server.close()
    assert len(servers) == 2 and workers._joined


def test_a_peer_that_dies_ends_the_step_in_one_line(listening):
    server, address = listening
    aborted = threading.Event()
    said = []

    def abort(message):
        said.append(message)
        aborted.set()

    with (
        pytest.raises(InputError, match=rf"^{address} \(worker 1\): has died or does not answer; .* same command"),
        workers.watched({address: "worker 1"}, 1.0, abort),
    ):
        server.close()
        assert aborted.wait(10)
        raise RuntimeError("collective aborted\nmany lines")
    assert said == [f"{address} (worker 1)"]


def test_the_error_of_a_living_peer_passes_unchanged(listening, monkeypatch):
    monkeypatch.setattr(workers, "_CLOSING_S", 0.0)
    with (
        pytest.raises(RuntimeError, match="my own"),
        workers.watched({listening[1]: "worker 1"}, 60.0, lambda message: None),
    ):
        raise RuntimeError("my own")
    with (
        pytest.raises(InputError, match=r"\(worker 1\): has died or does not answer"),
        workers.watched({listening[1]: "worker 1"}, 60.0, lambda message: None),
    ):  # it is frozen
        raise RuntimeError("/job:worker/replica:0/task:1 stopped sending heartbeats")
    with (
        pytest.raises(InputError, match=r"\(worker 0\): has died or does not answer"),
        workers.watched({listening[1]: "worker 0"}, 60.0, lambda message: None),
    ):
        raise RuntimeError("/tensorflow.CoordinationService/Heartbeat: Deadline Exceeded")
    with (
        pytest.raises(InputError, match=r"\(data server\): has died or does not answer"),
        workers.watched({listening[1]: "data server"}, 60.0, lambda message: None),
    ):  # it was started again
        raise RuntimeError("Failed to get tasks: Unknown iteration client id 3001.")


@pytest.mark.machines
def test_a_step_that_cannot_be_aborted_ends_the_process_but_not_a_file(tmp_path):
    code = f"""
import socket, threading, time
from gandeblur.training import workers
workers._UNWINDING_S = 0.2
server = socket.create_server(("127.0.0.1", 0))
address = "127.0.0.1:%d" % server.getsockname()[1]
print(address, flush=True)
with workers.watched({{address: "data server"}}, 0.5, lambda message: None), workers.writing:
    server.close()
    time.sleep(3)
    open({str(tmp_path / "whole")!r}, "w").write("whole")
    workers.writing.release()
    time.sleep(60)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, env=os.environ)
    address = done.stdout.strip()
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {address} (data server): has died or does not answer; ")
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "whole").read_text() == "whole"
