#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, swscale): YCbCr of full range and more than 8 bits becomes RGB of 16 bits by a shift to the
# left (white of 10 bits: 65472), but goes back as if white were 65280. Frames that nothing is done to get brighter: of 10
# bits by up to 3 levels of 1023 in one pass, and what lies within 3 levels of white becomes white. Limited range, and
# RGB, come back as they were. A player that reads such a film by its tags sees the difference grow with every pass.
# Expected: the same levels.
# Seen: 10 bits, full range: 3 levels; 12 bits: 15 of 4095; limited range: at most 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q av==18.1.0 numpy==2.3.5
"$folder/env/bin/python" - <<'PYTHON'
import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

print("PyAV", av.__version__, "swscale", av.library_versions["libswscale"])
exact = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP | Interpolation.POINT


def worst(name, bits, full):
    """The largest change of a grey ramp on its way through RGB of 16 bits and back."""
    black, white = (0, 2**bits - 1) if full else (16 << bits - 8, 235 << bits - 8)
    ramp = np.rint(np.linspace(black, white, 64)).astype("<u2")
    frame = av.VideoFrame(64, 16, name)
    for number, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size // 2), 1 << bits - 1, "<u2")
        if number == 0:
            rows[:, :64] = ramp
        plane.update(rows.tobytes())
    reach = 2 if full else 1
    way = {"src_colorspace": 1, "dst_colorspace": 1, "interpolation": exact}
    rgb = VideoReformatter().reformat(frame, format="rgb48le", src_color_range=reach, dst_color_range=2, **way)
    back = VideoReformatter().reformat(rgb, format=name, src_color_range=2, dst_color_range=reach, **way)
    return int(np.abs(np.frombuffer(back.planes[0], "<u2")[:64].astype(int) - ramp).max())


seen = {(name, full): worst(name, bits, full) for name, bits in (("yuv444p10le", 10), ("yuv444p12le", 12)) for full in (True, False)}
for (name, full), levels in seen.items():
    print(name, "full" if full else "limited", "range:", levels, "levels")
odd = seen["yuv444p10le", True] >= 3 and seen["yuv444p12le", True] >= 10
right = max(seen["yuv444p10le", False], seen["yuv444p12le", False]) <= 2
raise SystemExit(not (odd and right))
PYTHON
