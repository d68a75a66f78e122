#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1): where one kind of data beside a frame is newer than PyAV's list of them, `frame.side_data`
# raises ValueError, and none of the others can be had: neither the display matrix nor captions or light levels. FFmpeg
# 8.1 hands on EXIF data (kind 31) of Motion JPEG, as cameras write it, and with them the matrix that they state.
# `frame.rotation` still answers, FFmpeg's filter `sidedata=mode=delete:type=31` makes the rest readable.
# Expected: the kinds that PyAV names, among them DISPLAYMATRIX.
# Seen: ValueError: 31 is not a valid Type; behind the filter: ['DISPLAYMATRIX']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q av==18.1.0 numpy==2.3.5 pillow==12.3.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from PIL import Image

print("PyAV", av.__version__, "avutil", av.library_versions["libavutil"])
told = Image.Exif()
told[0x112] = 6  # orientation
file = io.BytesIO()
Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(file, "JPEG", exif=told.tobytes())
with av.open("camera.avi", "w") as container:
    stream = container.add_stream("mjpeg", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
    container.start_encoding()
    packet = av.Packet(file.getvalue())
    packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), 0, 0
    container.mux(packet)
with av.open("camera.avi") as container:
    frame = next(container.decode(video=0))
try:
    print([one.type.name for one in frame.side_data])
    odd = False
except ValueError as error:
    print("ValueError:", error, "; rotation", frame.rotation)
    odd = "31 is not a valid Type" in str(error)
graph = Graph()
source = f"video_size=64x48:pix_fmt={frame.format.name}:time_base=1/25"
graph.link_nodes(graph.add("buffer", source), graph.add("sidedata", "mode=delete:type=31"), graph.add("buffersink")).configure()
graph.push(frame)
rest = [one.type.name for one in graph.pull().side_data]
print("behind the filter:", rest)
raise SystemExit(not (odd and rest == ["DISPLAYMATRIX"]))
PYTHON
