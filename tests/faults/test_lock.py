"""Two runs in one folder: the second is refused, by a lock that a dead process does not hold."""

import os
import signal
import socket
import subprocess
import sys

import pytest

import gandeblur
from gandeblur.errors import InputError
from gandeblur.files import locked

pytest.importorskip("fcntl")

HOLD = """
import sys, time
from pathlib import Path
from gandeblur.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_training_is_refused_as_long_as_the_first_process_lives(run, train):
    command = [sys.executable, "-c", HOLD, run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
            with pytest.raises(InputError) as refused:
                train(run, epochs=4)
            assert str(refused.value) == (
                f"{run}: process {holder.pid} on {socket.gethostname()} trains here; wait until it has ended, "
                "or choose another --workdir"
            )
            assert before == {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
            gandeblur.load(run)  # reading is free
        finally:
            holder.send_signal(signal.SIGKILL)
    with locked(run):
        assert (run / ".lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_the_same_process_cannot_train_twice_in_a_folder_and_gives_it_back_after_an_error(tmp_path):
    folder = tmp_path / "new" / "run"
    with pytest.raises(ZeroDivisionError), locked(folder):
        with pytest.raises(InputError, match=f"process {os.getpid()} on .* trains here"), locked(folder):
            pass
        raise ZeroDivisionError
    with locked(folder):
        pass
