"""SIGKILLs at random moments of packing and training, and the result of the whole against the uninterrupted one.

python tests/faults/long.py --kills=30 --seed=0 [--folder=FOLDER]

A third of the kills is aimed at packing, one at training steps, one at the writing of checkpoints; each falls up to
four of the child's pauses later, so that most hit what it does between two of its lines, there or a little further on.
The packed files, all arrays of the last checkpoint, and the history but for its times must be equal, bit for bit.
"""

import argparse
import collections
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "helpers")]
import child  # noqa: E402

TIMES = {"epoch_s", "images_per_s", "data_wait_share"}
# Of the lines that a child writes at these moments, one of the first so many is the kill's: two epochs and a little.
PLACES = {
    "packing": (re.compile(r"packing: "), 24),
    "step": (re.compile(r"epoch \d+, step \d+$"), 6),
    "checkpoint": (re.compile(r"epoch \d+, checkpoint: "), 26),
}
SHOWN = "kill {number:2}: {moment}"


def photographs(folder):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(folder / f"{number:02}.png")
    return folder


def kill(command, place, draw):
    """Starts the child, kills it soon after a moment of this kind, and returns the last line that it could write.

    On a busy machine the kill may come when the child has ended: None.
    """
    pattern, count = PLACES[place]
    wanted, delay_s = draw.randint(1, count), draw.uniform(0, 4 * child.PAUSE_S)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    moments = []
    for line in process.stdout:
        if line.startswith(("packing: ", "epoch ")) and "loss" not in line:
            moments.append(line.strip())
            wanted -= bool(pattern.match(line))
        if not wanted:
            time.sleep(delay_s)
            break
    process.send_signal(signal.SIGKILL)
    moments += [line.strip() for line in process.stdout if "loss" not in line]
    assert process.wait() == -signal.SIGKILL or (process.returncode == 0 and moments), "ended by itself"
    return moments[-1] if process.returncode else None


def arrays(path):
    """Of a checkpoint, and its history without the times."""
    from gandeblur.training import checkpoint

    with np.load(path) as archive:
        held = {name: archive[name] for name in archive.files if name != checkpoint.META}
    history = checkpoint.read_meta(path)["history"]
    return held, {name: values for name, values in history.items() if name not in TIMES}


def run(folder, kills, seed):
    """Returns the moments; raises an AssertionError if anything differs from the uninterrupted run."""
    draw = random.Random(seed)
    places = collections.Counter([*PLACES][number % len(PLACES)] for number in range(kills))
    data = photographs(folder / "photographs")
    epochs = str(3 * (kills - places["packing"]) + 1)
    whole, parts = folder / "whole", folder / "parts"
    moments = []

    def packed():
        return (parts / "packed/index.json").exists()

    def killed(command, place):
        moment = None
        while moment is None:
            if place == "packing" and packed():
                shutil.rmtree(parts / "packed")  # packing again would be refused
            moment = kill([sys.executable, str(HERE / "child.py"), *map(str, command)], place, draw)
        moments.append(moment)
        print(SHOWN.format(number=len(moments), moment=moments[-1]), flush=True)

    packing = ["pack", data, parts / "packed"]
    for _ in range(places["packing"]):
        killed(packing, "packing")
    training = ["train", parts / "run", parts / "packed", epochs]
    for command in (*([] if packed() else [packing]), ["pack", data, whole / "packed"]):
        subprocess.run([sys.executable, HERE / "child.py", *command], check=True, stdout=subprocess.DEVNULL)
    files = [{path.name: path.read_bytes() for path in (side / "packed").iterdir()} for side in (whole, parts)]
    assert files[0] == files[1], "the packed files differ"
    print(f"packed: {len(files[0])} files equal", flush=True)

    rest = places["step"] * ["step"] + places["checkpoint"] * ["checkpoint"]
    for place in draw.sample(rest, len(rest)):
        killed(training, place)
    subprocess.run([sys.executable, HERE / "child.py", *map(str, training)], check=True, stdout=subprocess.DEVNULL)
    child.train_untold(whole / "run", whole / "packed", epochs)
    (ours, history), (theirs, expected) = (arrays(side / "run/checkpoint.npz") for side in (parts, whole))
    assert ours.keys() == theirs.keys() and history == expected, "the histories differ"
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    left = [path.name for path in (parts / "run").iterdir() if re.match(r"\.\d+\.", path.name)]
    assert not left, f"left by killed processes: {left}"
    print(
        f"trained {epochs} epochs: {len(ours)} arrays and {len(history)} curves equal after {len(moments)} kills, "
        f"in {len(set(moments))} different places"
    )
    return moments


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="new or empty; a temporary one if left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run(options.folder or Path(temporary), options.kills, options.seed)
