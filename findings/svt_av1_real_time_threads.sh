#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, SVT-AV1 4.1.0) on Linux: where root runs it, as in most containers, the AV1 encoder makes not only
# its own threads but the one that starts it real-time ones (SCHED_FIFO, priority 99), and leaves it so when the encoder is
# closed. Threads that it starts later are real-time ones, too. A program that goes on to compute, whatever it computes,
# keeps all other programs, and its own other threads, from that processor: until it pauses they get a twentieth of it.
# Expected: the scheduling of the calling thread is the caller's, before, during and after; as with libx264, libvpx-vp9.
# Seen: libsvtav1: SCHED_OTHER before, SCHED_FIFO 99 while it encodes, and SCHED_FIFO 99 after it is gone.
set -euo pipefail
[ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ] || { echo "shows only where root runs it on Linux" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q av==18.1.0 numpy==2.3.5
SVT_LOG=1 "$folder/env/bin/python" - <<'PYTHON'
import gc
import os
from fractions import Fraction

import av
import numpy as np

NAMES = {os.SCHED_OTHER: "SCHED_OTHER", os.SCHED_FIFO: "SCHED_FIFO"}


def scheduling():
    return NAMES.get(os.sched_getscheduler(0)), os.sched_getparam(0).sched_priority


def told(codec):
    seen = [scheduling()]
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 128, 128, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    for number in range(3):
        frame = av.VideoFrame.from_ndarray(np.full((128, 128, 3), 40 * number, np.uint8), "rgb24").reformat(format="yuv420p")
        frame.pts = number
        encoder.encode(frame)
    seen.append(scheduling())
    encoder.encode(None)
    del encoder
    gc.collect()
    seen.append(scheduling())
    print(codec, *seen)
    return seen


print("PyAV", av.__version__, "avcodec", av.library_versions["libavcodec"])
usual = ("SCHED_OTHER", 0)
others = [told(codec) for codec in ("libx264", "libvpx-vp9")]
av1 = told("libsvtav1")
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
raise SystemExit(not (others == [[usual] * 3] * 2 and av1 == [usual, ("SCHED_FIFO", 99), ("SCHED_FIFO", 99)]))
PYTHON
