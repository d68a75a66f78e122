#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, swscale): RGB converted to YCbCr of full range ("yuvj", phones, GoPro) gets chroma that is
# half a level too low on average, by any flag and from any kind of RGB. The same pixels in limited range are right.
# Expected: a mean error near 0 against ITU-T H.273's definition, rounded. Through yuv444p12le the chroma is right, and
# the luma is not.
# Seen: limited U +0.01 V +0.00, full U -0.50 V -0.50, full through 12 bits U -0.03 V -0.03
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
exact = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP | Interpolation.AREA
image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
r, g, b = np.moveaxis(image / 255, -1, 0)
y = 0.2126 * r + 0.7152 * g + 0.0722 * b
cb, cr = (b - y) / 1.8556, (r - y) / 1.5748


def convert(frame, name, reach):
    return VideoReformatter().reformat(
        frame, format=name, src_colorspace=1, dst_colorspace=1, src_color_range=2, dst_color_range=reach, interpolation=exact
    )


def errors(frame, scale):
    planes = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes]
    return [float((p - (128 + scale * c)).mean()) for p, c in zip(planes[1:], (cb, cr))]


source = av.VideoFrame.from_ndarray(image, "rgb24")
limited = errors(convert(source, "yuv444p", 1), 224)
full = errors(convert(source, "yuv444p", 2), 255)
fine = errors(convert(convert(source, "yuv444p12le", 2), "yuv444p", 2), 255)
print("limited U {:+.2f} V {:+.2f}, full U {:+.2f} V {:+.2f}, full through 12 bits U {:+.2f} V {:+.2f}".format(*limited, *full, *fine))
as_seen = max(map(abs, limited)) < 0.05 and max(full) < -0.3 and max(map(abs, fine)) < 0.05
raise SystemExit(not as_seen)
PYTHON
