#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1): the aspect of pixels that an encoder is given does not reach Matroska or WebM. FFmpeg's muxer
# takes it from the stream, which PyAV does not let one set; H.264 survives, as its own data state the aspect. VP9, AV1
# and FFV1 films of 4:3 pixels are shown too narrow, without a warning. MP4 and MOV take it from the codec's parameters.
# Expected: 4/3 in all.
# Seen: libx264 in mkv 4/3, libvpx-vp9 in mp4 4/3; libvpx-vp9 in webm 1, in mkv None, ffv1 in mkv None
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q av==18.1.0 numpy==2.3.5
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

print("PyAV", av.__version__, "avformat", av.library_versions["libavformat"])


def aspect(codec, suffix):
    with av.open(f"a.{suffix}", "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for level in (40, 80):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), level, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(f"a.{suffix}") as container:
        return container.streams.video[0].sample_aspect_ratio


kept = {(codec, suffix): aspect(codec, suffix) for codec, suffix in (("libx264", "mkv"), ("libvpx-vp9", "mp4"))}
lost = {(codec, suffix): aspect(codec, suffix) for codec, suffix in (("libvpx-vp9", "webm"), ("libvpx-vp9", "mkv"), ("ffv1", "mkv"))}
for (codec, suffix), found in (kept | lost).items():
    print(codec, "in", suffix, found)
raise SystemExit(not (all(one == Fraction(4, 3) for one in kept.values()) and all(one in (None, 1) for one in lost.values())))
PYTHON
