"""Seconds per megapixel and peak memory of restoring, for every paper's generator in float32 and bfloat16.

    python benchmarks/restore.py                        1280x720
    python benchmarks/restore.py --size=6000x4000 --experiment=ird_gan --memory=4

Each case runs in a process of its own, so that its peak memory is its own; after one small restoration the fastest of
`--rounds` counts, and the rounds of all cases alternate. Run it alone on the machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

CASES = ("gan_d", "deblurgan", "hkust_gan", "ird_gan", "dark_channel_gan")


def case(name: str, precision: str, width: int, height: int, memory_gib: float, tile: str) -> dict:
    """Restores one picture of noise in this process."""
    import keras
    import numpy as np

    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.inference.restore import Deblurrer
    from gandeblur.inference.tiles import GIB

    paper = EXPERIMENTS[name].paper
    deblur = Deblurrer(paper.generator.build(paper.data.crop_px), paper.value_range, paper.generator.size_multiple)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    deblur.restore(image[:64, :64])
    started = time.perf_counter()
    deblur.restore(image, tile=None if tile == "none" else "auto", memory_bytes=memory_gib * GIB)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds_per_megapixel": seconds / (width * height / 1e6), "peak_gib": peak / GIB}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--experiment", action="append", choices=CASES)
    parser.add_argument("--precision", action="append", choices=["float32", "bfloat16"])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB")
    parser.add_argument("--tile", choices=["auto", "none"], default="auto")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # a case in this process
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    if options.one:
        print(json.dumps(case(*options.one, width, height, options.memory, options.tile)))
        return
    precisions = options.precision or ["float32", "bfloat16"]
    best: dict[tuple[str, str], dict] = {}
    for _ in range(options.rounds):
        for name in options.experiment or CASES:
            for precision in precisions:
                command = [sys.executable, __file__, *sys.argv[1:], "--one", name, precision]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                held = best.get((name, precision), found)
                best[name, precision] = min(held, found, key=lambda one: one["seconds_per_megapixel"])
    print(f"{width}x{height}, tiles {options.tile}, {options.memory:g} GiB")
    print("generator            precision   s / megapixel   peak GiB   float32 / this")
    for (name, precision), found in best.items():
        seconds = found["seconds_per_megapixel"]
        ratio = best.get((name, "float32"), found)["seconds_per_megapixel"] / seconds
        print(f"{name:20} {precision:10} {seconds:14.2f} {found['peak_gib']:10.2f} {ratio:16.2f}")


if __name__ == "__main__":
    main()
