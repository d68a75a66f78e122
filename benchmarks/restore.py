"""Seconds per megapixel and peak memory of restoring, for every paper's generator, and what a user could take instead.

Beside this suite, where it is installed: the same generator in PyTorch (`torch_generator.py`), and the exported ONNX
file in onnxruntime and OpenVINO, all with the whole picture at once; and another checkout of this suite.

    python benchmarks/restore.py                                     1280x720
    python benchmarks/restore.py --before=../yesterday --engine=ours --engine=before --precision=float32
    python benchmarks/restore.py --size=6000x4000 --memory=4 --engine=ours --cold --rounds=1

Each case runs in a process of its own, so that its peak memory is its own. It restores the picture once, which makes
the graph, and three times more, of which the median counts; with `--cold` the first time counts. The engines alternate,
round by round. A ratio is the median over the rounds of two neighbours' ratio. `stolen` is the share of time that the
machine gave to others (Linux). Run it alone on the machine.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np

    from gandeblur.experiments.spec import Paper

OURS, BEFORE = "ours", "before"
RIVALS = ("torch", "onnxruntime", "openvino")
CASES = ("gan_d", "deblurgan", "hkust_gan", "ird_gan", "dark_channel_gan")


def case(
    name: str, precision: str, engine: str, width: int, height: int, memory_gib: float, tile: str, cold: bool
) -> dict:
    """Restores one picture of noise in this process: by this suite, or by a rival."""
    import keras
    import numpy as np

    from gandeblur.models.layers import hardware

    keras.config.set_dtype_policy(hardware.dtype_policy(precision))
    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.inference.restore import Deblurrer
    from gandeblur.inference.tiles import GIB

    paper = EXPERIMENTS[name].paper
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if engine in RIVALS:
        keras.config.set_dtype_policy("float32")  # PyTorch casts by itself
    generator = paper.generator.build(paper.data.crop_px)
    if engine in RIVALS:
        forward = in_torch(generator, precision) if engine == "torch" else in_onnx(generator, engine)
        restore = on_pictures(forward, generator, paper)
    else:
        deblur = Deblurrer(generator, paper.value_range, paper.generator.size_multiple)
        options = {"tile": None if tile == "none" else "auto", "memory_bytes": memory_gib * GIB}
        restore = functools.partial(deblur.restore, **options)
    if not cold:
        restore(image)  # makes the graph, which takes seconds and counts once
    times, stolen = [], steal_ticks()
    for _ in range(1 if cold else 3):
        started = time.perf_counter()
        restore(image)
        times.append(time.perf_counter() - started)
    share = (steal_ticks() - stolen) / os.sysconf("SC_CLK_TCK") / (sum(times) * (os.cpu_count() or 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = statistics.median(times)
    return {"seconds_per_megapixel": seconds / (width * height / 1e6), "peak_gib": peak / GIB, "stolen": share}


def steal_ticks() -> int:
    """Of all processors, since the machine started; 0 where the system does not tell."""
    stat = Path("/proc/stat")
    return int(stat.read_text().split()[8]) if stat.exists() else 0


def on_pictures(forward: "Callable[[np.ndarray], np.ndarray]", generator: "keras.Model", paper: "Paper") -> "Callable":
    """uint8 `[H, W, 3]` -> the same, by a function of float32 `[1, H, W, 3]` that is first held against Keras."""
    import numpy as np

    black, white = paper.value_range
    probe = black + (white - black) * np.random.default_rng(1).random((1, 512, 512, 3), np.float32)
    difference = np.abs(forward(probe) - np.asarray(generator(probe))).max() / (white - black)
    if difference > 1e-3:
        raise SystemExit(f"{paper.name}: the rival's generator differs by {difference:.1e} of the range")

    def restore(image):
        height, width = image.shape[:2]
        bottom, right = (-side % paper.generator.size_multiple for side in (height, width))
        x = np.pad(image, [(0, bottom), (0, right), (0, 0)], mode="edge")[None].astype(np.float32)
        y = forward(black + x * np.float32((white - black) / 255))
        y = (y[0, :height, :width] - black) * np.float32(255 / (white - black))
        return np.rint(np.clip(y, 0, 255)).astype(np.uint8)

    return restore


def in_torch(generator: "keras.Model", precision: str) -> "Callable[[np.ndarray], np.ndarray]":
    import torch
    from torch_generator import TorchGenerator

    network = TorchGenerator(generator).eval()

    def forward(images):
        x = torch.from_numpy(images).permute(0, 3, 1, 2)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return network(x.contiguous(memory_format=torch.channels_last)).float().permute(0, 2, 3, 1).numpy()

    return forward


def in_onnx(generator: "keras.Model", engine: str) -> "Callable[[np.ndarray], np.ndarray]":
    """The exported file, as `gandeblur export --format=onnx` writes it, in another runtime."""
    import keras

    from gandeblur.models.layers import convolution

    with tempfile.TemporaryDirectory() as folder, convolution.plain_convolution():
        path = f"{folder}/generator.onnx"
        signature = [keras.InputSpec(dtype="float32", shape=(None, None, None, 3), name="blurred")]
        generator.export(path, format="onnx", input_signature=signature, verbose=False)
        if engine == "onnxruntime":
            import onnxruntime

            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            return lambda images: session.run(None, {session.get_inputs()[0].name: images})[0]
        import openvino

        # Its own choice is bfloat16, where the processor multiplies it.
        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda images: compiled(images)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--experiment", action="append", choices=CASES)
    parser.add_argument("--precision", action="append", choices=["float32", "bfloat16"])
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB")
    parser.add_argument("--tile", choices=["auto", "none"], default="auto")
    parser.add_argument("--engine", action="append", choices=[OURS, BEFORE, *RIVALS], help="all there are if left out")
    parser.add_argument("--before", help="folder of another checkout of this suite")
    parser.add_argument("--cold", action="store_true", help="count the making of the graph, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # a case in this process
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    if options.one:
        name, precision, engine = options.one
        found = case(name, precision, engine, width, height, options.memory, options.tile, options.cold)
        print(json.dumps(found))
        return
    there = [OURS, *([BEFORE] if options.before else []), *(name for name in RIVALS if importlib.util.find_spec(name))]
    engines = [engine for engine in there if not options.engine or engine in options.engine]
    print(f"{options.size}, tiles {options.tile}, {options.memory:g} GiB")
    print("generator         precision  engine       s / megapixel   peak GiB   stolen   engine / ours")
    for name, precision in itertools.product(options.experiment or CASES, options.precision or ["float32", "bfloat16"]):
        rounds = [
            {
                engine: in_a_process(name, precision, engine, options.before)
                for engine in engines
                if precision == "float32" or engine in (OURS, BEFORE, "torch")
            }
            for _ in range(options.rounds)
        ]
        for engine in rounds[0]:
            seconds, peak, stolen = (
                statistics.median(found[engine][key] for found in rounds)
                for key in ("seconds_per_megapixel", "peak_gib", "stolen")
            )
            line = f"{name:17} {precision:10} {engine:12} {seconds:13.2f} {peak:10.2f} {stolen:8.1%}"
            if OURS in rounds[0]:
                pairs = [
                    found[engine]["seconds_per_megapixel"] / found[OURS]["seconds_per_megapixel"] for found in rounds
                ]
                line += f" {statistics.median(pairs):15.2f}"
            print(line, flush=True)


def in_a_process(name: str, precision: str, engine: str, before: str | None) -> dict:
    """`case`, by the checkout that the engine asks for."""
    environment = os.environ | ({"PYTHONPATH": str(Path(before).resolve())} if engine == BEFORE and before else {})
    command = [sys.executable, __file__, *sys.argv[1:], "--one", name, precision, engine]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{name}, {precision}, {engine}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
