"""Several machines that train one network: who they are, waiting for all of them, and noticing that one is gone.

Nothing here needs TensorFlow: a worker is asked for by connecting to its port, where TensorFlow's server listens.
"""

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gandeblur.errors import InputError

_PROBE_S = 2.0  # for one connection
_CLOSING_S = 0.2  # within ten times this, a killed process' port is closed
_REFUSALS = 3  # in a row: nobody listens there any more
_LINGER_S = 2.0  # after the last thing that all did together: the others may still fetch this one's part of it
_UNWINDING_S = 10.0  # from the aborted step to the end of the training

# Held while files are written: the process does not end in between.
writing = threading.RLock()
_joined = False


@dataclass(frozen=True)
class Workers:
    """All workers, and which one this process is.

    Attributes:
        addresses: "host:port" of each; the first one is the chief.
        index: of this process.
        timeout_s: how long a silent worker is waited for.
    """

    addresses: tuple[str, ...]
    index: int
    timeout_s: float

    @property
    def others(self) -> dict[str, str]:
        """Address -> who it is."""
        named = {address: f"worker {number}" for number, address in enumerate(self.addresses)}
        return {address: name for address, name in named.items() if address != self.addresses[self.index]}


def resolve(addresses: Sequence[str], index: int | None) -> tuple[tuple[str, ...], int | None]:
    """The workers' addresses and this process' index, from the flags or from the environment's TF_CONFIG.

    Args:
        addresses: "host:port" of each worker; empty: as TF_CONFIG says, if there is one.
        index: of this process.

    Returns:
        `((), None)` for one machine.

    Raises:
        InputError: they are not such, or the flags and TF_CONFIG say different things.
    """
    set_there = _of_tf_config(os.environ.get("TF_CONFIG") or "{}")
    if not addresses:
        if index is not None:
            raise InputError(f"--worker_index={index}: whose? give --workers=host:port,host:port,... as well")
        return set_there or ((), None)
    given = ",".join(addresses)
    for address in addresses:
        check_address(f"--workers={given}", address)
    if len(addresses) < 2:
        raise InputError(f"--workers={given}: needs at least two; leave it out to train on one machine")
    if len(set(addresses)) < len(addresses):
        raise InputError(f"--workers={given}: holds an address twice; give each worker a port of its own")
    if index is None:
        raise InputError(f"--workers={given}: which one is this? give --worker_index, 0 to {len(addresses) - 1}")
    if not 0 <= index < len(addresses):
        raise InputError(f"--worker_index={index}: there are {len(addresses)} workers; use 0 to {len(addresses) - 1}")
    if set_there and set_there != (tuple(addresses), index):
        raise InputError(
            f"--workers={given} --worker_index={index}: TF_CONFIG says worker {set_there[1]} of "
            f"{','.join(set_there[0])}; unset one of the two"
        )
    return tuple(addresses), index


def check_address(what: str, address: str) -> None:
    """Raises an `InputError` that begins with `what` if the address is not "host:port"."""
    match = re.fullmatch(r"([^\s:/]+|\[[0-9a-fA-F:]+\]):(\d+)", address)
    if not match or not 0 < int(match[2]) < 65536:
        raise InputError(f"{what}: {address or 'an empty entry'} is not host:port, such as machine1:2222")


def _of_tf_config(text):
    """(addresses, index) that TensorFlow's own variable says, the chief first; None: it names no cluster."""
    try:
        tf_config = json.loads(text)
        cluster = dict(tf_config.get("cluster") or {})
        if not cluster:
            return None
        strange = cluster.keys() - {"chief", "worker"}
        if strange:
            raise InputError(f"TF_CONFIG: has {', '.join(sorted(strange))}; only chief and worker train here")
        chiefs, workers = cluster.get("chief", []), cluster.get("worker", [])
        index = int(tf_config["task"]["index"]) + {"chief": 0, "worker": len(chiefs)}[tf_config["task"]["type"]]
        addresses = tuple(map(str, [*chiefs, *workers]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            'TF_CONFIG: cannot be read; it looks like {"cluster": {"worker": ["host:port", "host:port"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error
    for address in addresses:
        check_address("TF_CONFIG", address)
    if len(addresses) < 2:
        raise InputError("TF_CONFIG: names fewer than two workers; unset it to train on one machine")
    if not 0 <= index < len(addresses):
        raise InputError(f"TF_CONFIG: this is task {index}, but there are {len(addresses)} workers")
    return addresses, index


def join(workers: Workers) -> None:
    """Waits until every worker has come; before that, TensorFlow would wait for an hour.

    This one listens at its own port meanwhile, so that the others see it.

    Raises:
        InputError: one has not come in time, or this worker's port is taken.
    """
    global _joined
    own = workers.addresses[workers.index]
    both = socket.has_dualstack_ipv6()
    try:
        # By the port alone: the machine's own name may stand for an address that others cannot reach.
        listener = socket.create_server(
            ("", _split(own)[1]), family=socket.AF_INET6 if both else socket.AF_INET, backlog=128, dualstack_ipv6=both
        )
    except OSError as error:
        raise InputError(f"{own}: cannot listen there ({error.strerror}); give this worker a free port") from error
    with listener:
        wait_for(workers.others, workers.timeout_s)
    _joined = True


def wait_for(peers: Mapping[str, str], timeout_s: float) -> None:
    """Waits until somebody has answered at every address.

    Args:
        peers: address -> who it is.
        timeout_s: for how long.

    Raises:
        InputError: naming the peers that did not answer.
    """
    missing, end = dict(peers), time.monotonic() + timeout_s
    while True:
        missing = {address: name for address, name in missing.items() if _answers(address) is not None}
        if not missing:
            return
        if time.monotonic() > end:
            raise InputError(
                f"{_listed(missing)}: no answer within {timeout_s:g} s; start it, and see that the address is right "
                "and no firewall is between, or raise --worker_timeout"
            )
        time.sleep(min(0.5, timeout_s / 10))


@contextlib.contextmanager
def watched(peers: Mapping[str, str], timeout_s: float, abort: Callable[[str], None]) -> Iterator[None]:
    """While this lasts, a peer that dies or falls silent ends the training in one line that names its address.

    TensorFlow may report a peer's death as an error of many lines, or wait for it. The first becomes an `InputError`.
    For the second a thread connects to the peers' ports: if one is gone, the step is aborted, and a process that does
    not end by that is ended, but not while it writes a file.

    Args:
        peers: address -> who it is. TensorFlow counts workers, so worker number 1 is called "worker 1".
        timeout_s: how long a peer may be silent. One whose port is closed is gone already.
        abort: makes the running step fail, with this message.

    Raises:
        InputError: a peer is gone.
    """
    if not peers:
        yield
        return
    stop, gone = threading.Event(), dict[str, str]()
    thread = threading.Thread(target=_watch, args=(peers, timeout_s, abort, stop, gone), daemon=True)
    thread.start()
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:
        lost = gone or _blamed(str(error), peers)
        if not lost:
            raise
        raise InputError(_farewell(lost)) from error
    finally:
        stop.set()


def _watch(peers, timeout_s, abort, stop, gone):
    """The thread of `watched`: fills `gone`."""
    heard = dict.fromkeys(peers, time.monotonic())
    refusals = dict.fromkeys(peers, 0)
    while not stop.wait(min(5.0, timeout_s / 5)):
        for address, name in peers.items():
            error = _answers(address)
            refusals[address] = refusals[address] + 1 if isinstance(error, ConnectionRefusedError) else 0
            if error is None:
                heard[address] = time.monotonic()
            if refusals[address] >= _REFUSALS or time.monotonic() - heard[address] > timeout_s:
                gone[address] = name
        if gone:
            break
    if stop.is_set():
        return
    with contextlib.suppress(Exception):
        abort(_listed(gone))
    if not stop.wait(_UNWINDING_S):
        print(f"error: {_farewell(gone)}", file=sys.stderr, flush=True)
        with writing:
            os._exit(2)


def leave(status: int) -> int:
    """The exit status; a process that was one of several workers ends here.

    The servers of TensorFlow and their clients can wait for one another at the interpreter's exit.
    """
    if _joined:
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(_LINGER_S)
        os._exit(status)
    return status


def _blamed(message, peers):
    """Those that an error of TensorFlow comes from: whose port is closed by now, or whose number it names."""
    for _ in range(10):
        closed = {address: name for address, name in peers.items() if _answers(address) is not None}
        if closed:
            return closed
        time.sleep(_CLOSING_S)
    if "Unknown iteration client id" in message:  # by a data server that was started again; which, it does not say
        return dict(peers)
    numbers = set(re.findall(r"/job:worker(?:/replica:\d+)?/task:(\d+)", message))
    if "CoordinationService/Heartbeat" in message:  # which worker 0 answers, to all others
        numbers = {"0"}
    return {address: name for address, name in peers.items() if name.removeprefix("worker ") in numbers}


def _farewell(gone):
    return (
        f"{_listed(gone)}: has died or does not answer; see what it printed, then give the same command on every "
        "machine again: the run goes on from the last finished epoch"
    )


def _listed(peers):
    return ", ".join(f"{address} ({name})" for address, name in peers.items())


def _answers(address):
    """None if somebody accepts connections there, else the error."""
    try:
        socket.create_connection(_split(address), timeout=_PROBE_S).close()
    except OSError as error:
        return error
    return None


def _split(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)
