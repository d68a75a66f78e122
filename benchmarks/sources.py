"""How blurred the crops are that a training sees, source by source, and the images that it is tested on.

    python benchmarks/sources.py ird_gan --train_data=PAIRS,PHOTOGRAPHS --test_data=TEST

Quantiles of the PSNR (dB, 8-bit RGB) of blurred crops against sharp ones. A source that teaches has about the test's.
The last columns say by how many of 255 grey levels the blurred ones are brighter, over all and where they differ most
(squares of 32 pixels that differ by 20 levels or more, root mean square): a mean of stored values is not, a mean of
light, which is what a camera takes, is.
"""

import argparse

import numpy as np

from gandeblur.data.images import to_uint8
from gandeblur.evaluation import metrics
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import inputs
from gandeblur.stages.run import choose
from gandeblur.stages.score import pairs

QUANTILES = (5, 25, 50, 75, 95)
SQUARE_PX = 32
MOVES = 20  # grey levels


def squares(image):
    """Means of squares of an image `[H, W, 3]`."""
    rows, columns = (side // SQUARE_PX for side in image.shape[:2])
    image = image[: rows * SQUARE_PX, : columns * SQUARE_PX].reshape(rows, SQUARE_PX, columns, SQUARE_PX, 3)
    return image.mean(axis=(1, 3, 4))


def row(name, images):
    """Prints the row of some (blurred, sharp) images, uint8."""
    scores, brighter, moving = [], [], []
    for blurred, sharp in images:
        scores.append(min(metrics.psnr_db(blurred, sharp), 60.0))  # a crop of sky is infinitely good
        difference = blurred.astype(float) - sharp
        brighter.append(np.mean(difference))
        moving.extend(squares(difference)[squares(difference**2) >= MOVES**2])
    values = "".join(f"{value:7.1f}" for value in np.percentile(scores, QUANTILES))
    print(
        f"{name:42} {len(scores):6} {np.mean(scores):7.1f}{values} {np.mean(brighter):9.1f} {np.mean(moving):6.1f}",
        flush=True,
    )


def crops(settings, images, count):
    """(blurred, sharp) of the training's stream."""
    stream = inputs.training_batches(settings, [images], 0)
    for degraded, sharp, *_ in stream.unbatch().take(count).as_numpy_iterator():
        yield to_uint8(degraded, (0, 1)), to_uint8(sharp, (0, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--preset", default="pixels")
    parser.add_argument("--train_data", type=lambda text: text.split(","))
    parser.add_argument("--test_data", type=lambda text: text.split(","))
    parser.add_argument("--crops", type=int, default=400, help="of each source")
    arguments = parser.parse_args()
    data = {"train_data": arguments.train_data, "test_data": arguments.test_data}
    settings = choose(EXPERIMENTS[arguments.experiment], preset=arguments.preset, workdir="unused", **data)
    head = "".join(f"{quantile:6}%" for quantile in QUANTILES)
    print(f"{'source, crops of the training':42}  count    mean{head}  brighter moving")
    for images, _ in inputs.training_images(settings):
        row(images.name, crops(settings, images, arguments.crops))
    print("test, whole images")
    for name, condition, source in inputs.scored(settings, inputs.test_images(settings)):
        row(name, (images for _, *images in pairs(source, condition)))


if __name__ == "__main__":
    main()
