"""How far a picture restored in tiles is from the same restored at once.

    python benchmarks/tiles.py ird_gan --pairs=FOLDER
    python benchmarks/tiles.py ird_gan --pairs=FOLDER --mosaic=3 --tile=640

Tiles share the statistics of a sample of the picture. Beside them stand tiles each of which is normalised by its own,
as a crop is in training. `--mosaic=N` sets N x N files side by side, as one large picture that varies a lot. Means over
the pictures: PSNR (dB, 8-bit RGB) against the sharp picture and against the one restored at once, the difference from
the latter that 99.9 % of the values stay below, in grey levels.
"""

import argparse
from pathlib import Path

import numpy as np

import gandeblur
from gandeblur.data.images import read_image
from gandeblur.evaluation import metrics
from gandeblur.inference import restore


def pictures(folder, kind, mosaic, most):
    """Arrays of images that lie evenly among those in all folders `kind`, or of so many neighbours side by side."""
    paths = sorted(path for path in folder.rglob(f"{kind}/*") if path.suffix.lower() in (".png", ".jpg"))
    count = len(paths) - mosaic**2 + 1
    for first in np.linspace(0, count - 1, min(most, count)).astype(int):
        part = [read_image(path) for path in paths[first : first + mosaic**2]]
        rows = [np.concatenate(part[row : row + mosaic], axis=1) for row in range(0, mosaic**2, mosaic)]
        yield np.concatenate(rows, axis=0)


def restored(deblur, image, tile):
    """The picture by each way, name -> array."""
    found = {"at once": deblur.restore(image, tile=None), "tiles": deblur.restore(image, tile=tile)}
    shared, deblur._samples = deblur._samples, lambda *sides: []  # none: each tile takes its own
    found["tiles, each by its own"] = deblur.restore(image, tile=tile)
    deblur._samples = shared
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="+", help="names or runs' folders")
    parser.add_argument("--pairs", type=Path, required=True, help="holds folders blur beside folders sharp")
    parser.add_argument("--tile", type=int, default=192)
    parser.add_argument("--margin", type=int, default=restore.MARGIN_PX, help="pixels")
    parser.add_argument("--mosaic", type=int, default=1)
    parser.add_argument("--most", type=int, default=8, help="pictures")
    options = parser.parse_args()
    restore.MARGIN_PX = options.margin
    print("| network | picture | | against the sharp one, dB | against the one at once, dB | 99.9 %, grey levels |")
    print("|---|---|---|---|---|---|")
    for name in options.model:
        deblur, rows = gandeblur.load(name), []
        both = (pictures(options.pairs, kind, options.mosaic, options.most) for kind in ("blur", "sharp"))
        for blurred, sharp in zip(*both, strict=True):
            found = {"blurred": blurred} | restored(deblur, blurred, options.tile)
            whole = found["at once"]
            off = [np.quantile(np.abs(one.astype(int) - whole), 0.999) for one in found.values()]
            rows.append(
                [
                    (metrics.psnr_db(one, sharp), min(metrics.psnr_db(one, whole), 99.0), away)
                    for one, away in zip(found.values(), off, strict=True)
                ]
            )
        size = f"{blurred.shape[1]}x{blurred.shape[0]}, tiles of {options.tile}"
        for way, (truth, same, away) in zip(found, np.mean(rows, axis=0), strict=True):
            apart = "| |" if way in ("blurred", "at once") else f"| {same:.1f} | {away:.1f} |"
            print(f"| {name} | {size} | {way} | {truth:.2f} {apart}", flush=True)


if __name__ == "__main__":
    main()
