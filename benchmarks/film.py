"""How fast films go through: with the identity in place of a network, against ffmpeg's own decoding and encoding.

    python benchmarks/film.py [--size=1280x720] [--frames=100] [--rounds=3]

Both write H.264 of the same quality with x264's default preset, on the processors that the process may use, in turns.
Wants the program `ffmpeg`. The film is made here: a photograph that moves, with some noise. Prints frames per second,
their ratio (medians of pairs), and the peak memory of the process that restores.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np


def make(path, width, height, count):
    """Writes the film, 25 frames a second, tagged BT.709."""
    import av
    from skimage import data, transform

    photograph = transform.resize(data.coffee(), (height, width)) * 255
    noise = np.random.default_rng(0).normal(0, 3, photograph.shape)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
        for number in range(count):
            image = np.roll(photograph, 3 * number, axis=1) + np.roll(noise, 7 * number, axis=0)
            frame = av.VideoFrame.from_ndarray(np.clip(image, 0, 255).astype(np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def same(image, **options):
    return image


def restored(source, target, answers):
    """Restores by the identity; puts (seconds, peak MiB) into `answers`."""
    from gandeblur.inference.video import restore_video

    began = time.perf_counter()
    restore_video(same, source, target)
    answers.put((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def ours(source, target):
    context = get_context("spawn")  # a process of its own: its memory is that of the film alone
    answers = context.Queue()
    process = context.Process(target=restored, args=(source, target, answers))
    process.start()
    answer = answers.get()
    process.join()
    return answer


def ffmpegs(source, target):
    began = time.perf_counter()
    command = ["ffmpeg", "-y", "-v", "error", "-i", source, "-c:v", "libx264", "-crf", "16", "-g", "50", target]
    subprocess.run([str(part) for part in command], check=True)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("ffmpeg is not installed; this benchmark compares with it")
    width, height = map(int, options.size.split("x"))
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "film.mp4"
        make(source, width, height, options.frames)
        for _ in range(options.rounds):
            theirs = ffmpegs(source, Path(folder) / "ffmpeg.mp4")
            seconds, memory = ours(source, Path(folder) / "ours.mp4")
            pairs.append((seconds, theirs, memory))
            print(f"{options.frames / seconds:6.1f} frames/s, ffmpeg {options.frames / theirs:6.1f}, {memory:.0f} MiB")
    ratio = statistics.median(theirs / seconds for seconds, theirs, _ in pairs)
    print(f"{ratio:.2f} of ffmpeg's speed at {options.size}; peak {max(pair[2] for pair in pairs):.0f} MiB")


if __name__ == "__main__":
    main()
