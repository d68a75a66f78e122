"""Seconds per megapixel and peak memory of restoring, for every paper's generator in float32 and bfloat16.

Beside it, where PyTorch is installed, the same generator there (`torch_generator.py`), the whole picture at once.

    python benchmarks/restore.py                        1280x720
    python benchmarks/restore.py --size=6000x4000 --memory=4 --engine=ours --cold --rounds=1

Each case runs in a process of its own, so that its peak memory is its own, and restores the picture twice: the first
time makes the graph, the second counts; with `--cold` there is no first time. The `--rounds` of all cases alternate,
and the fastest counts. Run it alone on the machine.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np

    from gandeblur.experiments.spec import Paper

OURS, RIVAL = "ours", "torch"
CASES = ("gan_d", "deblurgan", "hkust_gan", "ird_gan", "dark_channel_gan")


def case(
    name: str, precision: str, rival: bool, width: int, height: int, memory_gib: float, tile: str, cold: bool
) -> dict:
    """Restores one picture of noise in this process: by this suite, or by its rival."""
    import keras
    import numpy as np

    from gandeblur.models.layers import hardware

    keras.config.set_dtype_policy(hardware.dtype_policy(precision))
    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.inference.restore import Deblurrer
    from gandeblur.inference.tiles import GIB

    paper = EXPERIMENTS[name].paper
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if rival:
        keras.config.set_dtype_policy("float32")  # PyTorch casts by itself
    generator = paper.generator.build(paper.data.crop_px)
    if rival:
        restore = in_torch(generator, paper, precision)
    else:
        deblur = Deblurrer(generator, paper.value_range, paper.generator.size_multiple)
        options = {"tile": None if tile == "none" else "auto", "memory_bytes": memory_gib * GIB}
        restore = functools.partial(deblur.restore, **options)
    if not cold:
        restore(image)  # makes the graph, which takes seconds and counts once per size
    started = time.perf_counter()
    restore(image)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds_per_megapixel": seconds / (width * height / 1e6), "peak_gib": peak / GIB}


def in_torch(generator: "keras.Model", paper: "Paper", precision: str) -> "Callable[[np.ndarray], np.ndarray]":
    """uint8 `[H, W, 3]` -> the same, in PyTorch; first held against Keras."""
    import numpy as np
    import torch
    from torch.nn import functional
    from torch_generator import TorchGenerator

    network = TorchGenerator(generator).eval()
    black, white = paper.value_range
    probe = black + (white - black) * np.random.default_rng(1).random((1, 512, 512, 3), np.float32)
    with torch.inference_mode():
        theirs = network(torch.from_numpy(probe).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    difference = np.abs(theirs - np.asarray(generator(probe))).max() / (white - black)
    if difference > 1e-3:
        raise SystemExit(f"{paper.name}: PyTorch's generator differs by {difference:.1e} of the range")

    def restore(image):
        height, width = image.shape[:2]
        x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
        bottom, right = (-side % paper.generator.size_multiple for side in (height, width))
        x = functional.pad(black + x * ((white - black) / 255), [0, right, 0, bottom], mode="replicate")
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            y = network(x.contiguous(memory_format=torch.channels_last)).float()
        y = (y[0, :, :height, :width] - black) / (white - black)
        return (y.clip(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()

    return restore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--experiment", action="append", choices=CASES)
    parser.add_argument("--precision", action="append", choices=["float32", "bfloat16"])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB")
    parser.add_argument("--tile", choices=["auto", "none"], default="auto")
    parser.add_argument("--engine", action="append", choices=[OURS, RIVAL], help="both if left out")
    parser.add_argument("--cold", action="store_true", help="count the making of the graph, too")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # a case in this process
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    if options.one:
        name, precision, engine = options.one
        print(
            json.dumps(
                case(name, precision, engine == RIVAL, width, height, options.memory, options.tile, options.cold)
            )
        )
        return
    precisions = options.precision or ["float32", "bfloat16"]
    engines = options.engine or ([OURS, RIVAL] if importlib.util.find_spec("torch") else [OURS])
    best: dict[tuple[str, str, str], dict] = {}
    for _ in range(options.rounds):
        for one in itertools.product(options.experiment or CASES, precisions, engines):
            command = [sys.executable, __file__, *sys.argv[1:], "--one", *one]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            best[one] = min(best.get(one, found), found, key=lambda case: case["seconds_per_megapixel"])
    print(f"{width}x{height}, tiles {options.tile}, {options.memory:g} GiB")
    print("generator         precision   s / megapixel   peak GiB   float32 / this   PyTorch / this   its peak GiB")
    for (name, precision, engine), found in best.items():
        if engine == OURS:
            seconds = found["seconds_per_megapixel"]
            ratio = best.get((name, "float32", OURS), found)["seconds_per_megapixel"] / seconds
            line = f"{name:17} {precision:9} {seconds:15.2f} {found['peak_gib']:10.2f} {ratio:16.2f}"
            if rival := best.get((name, precision, RIVAL)):
                line += f" {rival['seconds_per_megapixel'] / seconds:16.2f} {rival['peak_gib']:14.2f}"
            print(line)


if __name__ == "__main__":
    main()
