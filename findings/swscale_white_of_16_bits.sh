#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, swscale): white of a film (235 of 8 bits, 940 of 10, 3760 of 12) becomes 65283 in RGB of 16
# bits, not 65535: levels are multiplied by 256, not 257. Back again it is right. Whoever reads such pixels as a share
# of 65535 sees all of them 0.4 % darker, one level of 255 at white.
# Expected: 65535.
# Seen: yuv444p 235 -> 65283, yuv444p10le 940 -> 65283, yuv444p12le 3760 -> 65283
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
exact = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.POINT
seen = []
for name, bits in (("yuv444p", 8), ("yuv444p10le", 10), ("yuv444p12le", 12)):
    frame = av.VideoFrame(64, 16, name)
    for number, plane in enumerate(frame.planes):
        value = (128 if number else 235) << (bits - 8)
        kind = np.uint8 if bits == 8 else np.uint16
        plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, value, kind).tobytes())
    colours = dict(src_colorspace=1, dst_colorspace=1, src_color_range=1, dst_color_range=2, interpolation=exact)
    pixel = VideoReformatter().reformat(frame, format="rgb48le", **colours).to_ndarray()[0, 0]
    print(name, 235 << (bits - 8), "->", *pixel)
    seen.append(int(pixel.max()))
raise SystemExit(seen != [65283] * 3)
PYTHON
