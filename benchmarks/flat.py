"""What networks do to what has no texture, alone and as `gandeblur restore` runs them: a Markdown table.

    python benchmarks/flat.py hkust_gan deblurgan

The largest change in grey levels: of a page of one colour, white and black; of a page's margins around one word; of a
black frame and of a film's bars around a picture, and of the picture's middle, held against the picture restored
without them; of a night sky between its stars.
"""

import argparse

import numpy as np
from PIL import Image, ImageFilter
from skimage import data

import gandeblur
from gandeblur.inference.fitting import Fitting

SIDE = 192


def pictures():
    """Name, picture, the part whose change counts, and the picture that the middle is held against."""
    for name, level in (("white page", 250), ("dark page", 5)):
        yield name, np.full((SIDE, SIDE, 3), level, np.uint8), np.s_[:], None
    word = np.full((SIDE, SIDE, 3), 250, np.uint8)
    word[80:112, 48:144:8] = 20
    yield "margins of a page", word, np.s_[:40], None
    photograph = Image.fromarray(data.astronaut()[:SIDE, 128 : 128 + SIDE])
    inner = np.asarray(photograph.filter(ImageFilter.BoxBlur(3)))
    for name, around in (("frame", [(32, 32), (32, 32)]), ("bars", [(48, 48), (0, 0)])):
        framed = np.pad(inner, [*around, (0, 0)])
        yield name, framed, np.s_[: around[0][0]], None
        yield (
            "middle in a frame" if name == "frame" else "middle between bars",
            framed,
            tuple(slice(one, -one or None) for one, _ in around),
            inner,
        )
    sky = np.full((SIDE, SIDE, 3), 12, np.uint8)
    for top, left in np.random.default_rng(0).integers(16, 80, (16, 2)):
        sky[top, left : left + 6] = 220
    yield "night sky", sky, np.s_[112:], None


def changed(restore, image, part, inner):
    middle = image[part] if inner is None else restore(inner)
    return int(np.abs(restore(image)[part].astype(int) - middle).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    options = parser.parse_args()
    cases = list(pictures())
    print("| alone, as run | " + " | ".join(case[0] for case in cases) + " |\n|---|" + "---|" * len(cases))
    for name in options.networks:
        deblur = gandeblur.load(name)
        run = Fitting(deblur.restore, deblur.scale_of("auto"), force_restore=True)
        cells = [" ".join(str(changed(restore, *case[1:])) for restore in (deblur.restore, run)) for case in cases]
        print(f"| {name} | " + " | ".join(cell.replace(" ", ", ") for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
