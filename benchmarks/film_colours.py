"""How far films are from themselves after the identity: a photograph with saturated patches, tagged and untagged.

    python benchmarks/film_colours.py

The source's planes are made by the definition of each matrix and stored without loss. Both films are looked at by a
player in floating point (tests/helpers/films.py). Prints the mean error of R, G, B in levels of 255, the mean of its
size, and PSNR: in FFV1 the conversion alone, in MP4 with H.264's share.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from skimage import data, transform

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import films

from gandeblur.inference.video import restore_video

CASES = {  # (width, height), tags: matrix, primaries, transfer, range
    "1280x720, BT.709": ((1280, 720), (1, 1, 1, 1)),
    "640x360, BT.601": ((640, 360), (6, 6, 6, 1)),
    "640x360, BT.709": ((640, 360), (1, 1, 1, 1)),
    "1280x720, untagged": ((1280, 720), None),
    "640x360, untagged": ((640, 360), None),
    "1280x720, BT.709, full range": ((1280, 720), (1, 1, 1, 2)),
    "640x360, BT.2020": ((640, 360), (9, 9, 1, 1)),
}


def picture(width, height):
    image = (transform.resize(data.coffee(), (height, width)) * 255).round().astype(np.uint8)
    image[height * 4 // 5 :] = films.patches(height, width)[-1]
    return image


def main():
    print(f"{'':30} {'kind':5} {'R':>6} {'G':>6} {'B':>6} {'size':>6} {'dB':>6}")
    for name, ((width, height), tags) in CASES.items():
        matrix = tags[0] if tags else (1 if height >= 720 else 6)
        parts = films.planes(picture(width, height), matrix, full=bool(tags) and tags[3] == 2)
        for suffix, codec in (("mkv", "ffv1"), ("mp4", "libx264")):
            with tempfile.TemporaryDirectory() as folder:
                source, target = (Path(folder) / f"{part}.{suffix}" for part in ("old", "new"))
                films.write(source, [parts] * 2, codec, tags=tags)
                restore_video(films.same, source, target)
                before, after = films.shown(source), films.shown(target)
            error = after - before
            r, g, b = error.mean((0, 1))
            size, db = np.abs(error).mean(), films.psnr_db(before, after)
            print(f"{name:30} {suffix:5} {r:+6.2f} {g:+6.2f} {b:+6.2f} {size:6.3f} {db:6.1f}", flush=True)


if __name__ == "__main__":
    main()
