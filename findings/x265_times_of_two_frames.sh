#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, libx265 with its default B-frames): the packets of a film of one or two frames come with
# decoding times from uninitialised memory, other ones from run to run, among them ones of years. Muxers then refuse them
# ("Invalid argument") or write a broken file. From three frames on, or with bframes=0, they are right.
# Expected: dts of 0 and 1, or a frame or two before.
# Seen: two frames, 20 encoders: first dts of -4611756388245323776, -9570295239278626 and others; three frames: -2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q av==18.1.0 numpy==2.3.5
"$folder/env/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

print("PyAV", av.__version__, "avcodec", av.library_versions["libavcodec"])


def dts(count, params="log-level=none"):
    encoder = av.CodecContext.create("libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 256, 64, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.options = {"x265-params": params}
    packets = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((64, 256, 3), 40 * number, np.uint8), "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        packets += encoder.encode(frame)
    return [packet.dts for packet in packets + encoder.encode(None)]


short = [dts(2) for _ in range(20)]
longer = [dts(3) for _ in range(20)]
plain = [dts(2, "bframes=0:log-level=none") for _ in range(20)]
print("two frames", sorted({one[0] for one in short})[:4], "three", sorted({one[0] for one in longer}), "no B-frames", sorted({one[0] for one in plain}))
odd = [one for times in short for one in times if abs(one) > 10]
right = all(abs(one) <= 10 for times in longer + plain for one in times)
raise SystemExit(not (odd and right))
PYTHON
