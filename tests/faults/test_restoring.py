"""Restoring photographs: what was restored stays, and nothing is half written."""

import os
import re
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gandeblur import cli, errors
from gandeblur.inference import files, photographs

RGB = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)  # half a second each


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(np.roll(RGB, number, axis=1)).save(folder / f"{number:02}.png")
    return folder


@pytest.mark.machines
def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(pictures, tmp_path):
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "gandeblur",
        "restore",
        str(pictures),
        "-o",
        str(out),
        "--self_ensemble",
        "--scale=1",
    ]
    # A shell's job in the background inherits that Ctrl-C is ignored; the command under test must not.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heard)
    assert process.stdout.readline().startswith(f"{out / '00.png'}")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == errors.INTERRUPTED
    assert told.splitlines()[-1] == "interrupted; run the same command again with --skip_existing"
    assert "Traceback" not in told and "oneDNN" not in told  # which TensorFlow says at its start
    done = sorted(out.iterdir())
    assert 0 < len(done) < 12 and all(re.fullmatch(r"\d\d\.png", path.name) for path in done)
    before = [path.read_bytes() for path in done]
    for path in done:
        assert photographs.read(path).pixels.shape == RGB.shape
    subprocess.run([*command, "--skip_existing"], check=True, capture_output=True)
    assert len(list(out.iterdir())) == 12 and [path.read_bytes() for path in done] == before


def test_a_full_disk_ends_in_one_line_and_leaves_whole_pictures(pictures, tmp_path, capsys):
    larger = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(larger).save(pictures / "03.png")
    todo = files.jobs([str(pictures)], tmp_path / "out")

    def restore():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # the system refuses to write a file beyond it
        try:
            files.restore_files(lambda pixels, **_: 255 - pixels, todo)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert errors.guarded(restore, str(tmp_path / "out"), "", "folder") == 2
    told = capsys.readouterr().err
    assert told == f"error: {tmp_path / 'out'}: File too large; free space or choose another folder\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00.png", "01.png", "02.png"]


def test_a_folder_that_cannot_be_written_shows_before_the_network_is_opened(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_load", lambda options: pytest.fail("opened"))
    (tmp_path / "file").touch()
    assert cli.main(["restore", str(pictures), "-o", str(tmp_path / "file" / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'file'}")


def test_what_is_refused_leaves_no_folder_and_takes_none_away(pictures, tmp_path):
    out = tmp_path / "new" / "out"
    command = ["restore", str(pictures), "-o", str(out), "--model=no_such_network"]
    assert cli.main(command) == 2
    assert not out.parent.exists()
    out.mkdir(parents=True)
    assert cli.main(command) == 2
    assert out.is_dir()


def test_a_folder_that_cannot_be_read_is_named_and_the_rest_goes_on(pictures, tmp_path, capsys, monkeypatch):
    """The system lets its administrator read everything, so the refusal is put in its place."""
    (pictures / "closed").mkdir()
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    todo = files.jobs([str(pictures)], tmp_path / "out")
    [(failed, line)] = files.restore_files(lambda pixels, **_: 255 - pixels, todo)
    assert failed.source == pictures / "closed"
    assert line == f"{failed.source}: a folder that cannot be listed; allow it, or leave it out"
    assert len(list((tmp_path / "out").iterdir())) == 12
    assert files.jobs([str(pictures)], tmp_path / "out", skip_existing=True) == [failed]
    [(_, line)] = files.restore_files(None, files.jobs([str(pictures / "closed")], tmp_path / "out"))
    assert line.startswith(f"{pictures / 'closed'}: a folder that cannot be listed; ")
