import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gandeblur import cli
from gandeblur.data.datasets.find import find


@pytest.fixture
def frames(tmp_path):
    """A bright square that moves over a dim texture, 25 frames."""
    folder = tmp_path / "scene"
    folder.mkdir()
    texture = np.random.default_rng(0).integers(0, 60, (32, 48, 3), dtype=np.uint8)
    for number in range(25):
        frame = texture.copy()
        frame[8:20, number : number + 12] = 200
        Image.fromarray(frame).save(folder / f"{number + 1:06}.png")
    return folder


def run(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_frames_become_pairs_that_are_checked_and_packed(tmp_path, frames, capsys):
    pairs, packed = tmp_path / "pairs", tmp_path / "packed"
    status, out, _ = run(capsys, "build-pairs", frames, pairs, "--window=7", "--gamma=none", "--split=test")
    assert (status, out) == (0, "3 pairs written, 0 already there, 4 frames left over\n")
    assert sorted(path.name for path in (pairs / "test" / "scene").iterdir()) == ["blur", "sharp"]

    status, out, _ = run(capsys, "check-data", pairs)
    assert status == 0 and "pairs/test/blur" in out and "no problems found" in out

    status, out, _ = run(capsys, "pack", pairs, packed)
    assert (status, out) == (0, f"packed pairs/test/blur: 3 pairs, 0.00 GB, in {packed}\n")
    status, out, _ = run(capsys, "check-data", packed)
    assert status == 0 and "packed pairs" in out and "pairs/test/blur" in out
    for index in range(3):
        np.testing.assert_array_equal(find(packed).read(index), find(pairs).read(index))


def test_both_averages_share_the_sharp_images_and_one_must_be_chosen(tmp_path, frames, capsys):
    pairs = tmp_path / "pairs"
    for gamma in ("none", "2.2"):
        assert run(capsys, "build-pairs", frames, pairs, "--window=11", f"--gamma={gamma}")[0] == 0
    status, out, err = run(capsys, "pack", pairs, tmp_path / "packed")
    assert (status, out) == (2, "")
    assert err == f"error: {pairs}: holds blur and blur_gamma; choose --blurred=blur|blur_gamma\n"
    status, out, _ = run(capsys, "pack", pairs, tmp_path / "packed", "--blurred=blur_gamma")
    assert status == 0 and out.startswith("packed pairs/train/blur_gamma: 2 pairs")
    assert find(tmp_path / "packed").variant == "blur_gamma"


def test_wrong_data_and_wrong_input_have_their_own_exit_status(tmp_path, frames, capsys):
    status, out, err = run(capsys, "build-pairs", tmp_path / "none", tmp_path / "pairs")
    assert (status, out) == (2, "") and err.startswith(f"error: {tmp_path / 'none'}: no such") and err.count("\n") == 1
    run(capsys, "build-pairs", frames, tmp_path / "pairs", "--window=7")
    next((tmp_path / "pairs/train/scene/sharp").iterdir()).unlink()
    status, out, _ = run(capsys, "check-data", tmp_path / "pairs")
    assert status == 1 and "has no sharp image" in out and out.endswith("1 problem found\n")


@pytest.mark.parametrize("option", ["--window=7-", "--window=x", "--gamma=bright"])
def test_options_that_cannot_be_read_are_refused(frames, tmp_path, capsys, option):
    with pytest.raises(SystemExit) as error:
        run(capsys, "build-pairs", frames, tmp_path / "out", option)
    assert error.value.code == 2 and repr(option.partition("=")[2]) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ctrl_c_and_a_full_disk_end_in_one_line(frames, tmp_path, capsys, monkeypatch):
    def fail(error):
        def build_pairs(*_, **__):
            raise error

        monkeypatch.setattr("gandeblur.data.averaging.build_pairs", build_pairs)
        return run(capsys, "build-pairs", frames, tmp_path / "out")

    assert fail(KeyboardInterrupt()) == (130, "", "\ninterrupted; run the same command again\n")
    status, _, err = fail(OSError(28, "No space left on device", "a.png"))
    assert (status, err) == (2, "error: a.png: No space left on device; free space or choose another folder\n")


def test_help_needs_no_tensorflow():
    script = """
import sys
from gandeblur import cli
try:
    cli.main(["--help"])
finally:
    assert "tensorflow" not in sys.modules
"""
    help = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert help.returncode == 0 and all(command in help.stdout for command in ("build-pairs", "check-data", "pack"))


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "gandeblur"], capture_output=True, text=True)
    assert done.returncode == 2 and "usage: gandeblur" in done.stderr


def test_the_page_begins_with_the_network_that_restore_takes(monkeypatch):
    from gandeblur.inference import app
    from gandeblur.weights import names

    served = []
    monkeypatch.setattr(cli, "_open", lambda model, precision: model)
    monkeypatch.setattr(app, "serve", lambda networks, **_: served.extend(networks))
    assert cli.main(["app"]) == 0
    assert served[0] == cli.DEFAULT and sorted(served) == sorted(names())
