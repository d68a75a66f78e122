#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, swscale): a decoded H.264 frame says that its chroma lies to the left; `reformat` to RGB
# obeys, and with POINT takes the sample beside it. A frame made by `from_ndarray` says nothing, so that the way back does
# not shift. RGB and back thus moves chroma by a sample at edges, though the same frame without that property (PyAV
# shows and sets none; the filter `setparams=chroma_location=unspecified` does) comes back as it was.
# Expected: the chroma planes as they were, +- 1.
# Seen: as decoded: largest chroma error 41, without its place: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q av==18.1.0 numpy==2.3.5
"$folder/env/bin/python" - "$folder/film.mp4" <<'PYTHON'
import sys

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter

print("PyAV", av.__version__, "swscale", av.library_versions["libswscale"])
image = np.zeros((64, 64, 3), np.uint8)
image[:, :32], image[:, 32:] = (200, 60, 60), (60, 60, 200)
with av.open(sys.argv[1], "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
    stream.width = stream.height = 64
    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
    container.mux(stream.encode(None))
with av.open(sys.argv[1]) as container:
    decoded = next(container.decode(video=0))
graph = Graph()
steps = [
    graph.add("buffer", "video_size=64x64:pix_fmt=yuv420p:time_base=1/25"),
    graph.add("setparams", "chroma_location=unspecified"),
    graph.add("buffersink"),
]
graph.link_nodes(*steps).configure()
graph.push(decoded)
plain = graph.pull()
exact = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


def chroma(frame):
    return np.stack([np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes[1:]]).astype(int)


def there_and_back(frame):
    colours = dict(src_colorspace=5, dst_colorspace=5)
    rgb = VideoReformatter().reformat(
        frame, format="rgb24", src_color_range=1, dst_color_range=2, interpolation=exact | Interpolation.POINT, **colours
    )
    again = av.VideoFrame.from_ndarray(rgb.to_ndarray(), "rgb24")
    return VideoReformatter().reformat(
        again, format="yuv420p", src_color_range=2, dst_color_range=1, interpolation=exact | Interpolation.AREA, **colours
    )


seen = [int(abs(chroma(there_and_back(frame)) - chroma(decoded)).max()) for frame in (decoded, plain)]
print(f"as decoded: largest chroma error {seen[0]}, without its place: {seen[1]}")
raise SystemExit(not (seen[0] > 20 and seen[1] <= 1))
PYTHON
