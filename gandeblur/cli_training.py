"""The commands of `gandeblur` for those who train networks, score them, and make the data for both."""

import argparse
from collections.abc import Callable
from pathlib import Path

from gandeblur.errors import InputError
from gandeblur.names import shown

WHOSE = """whose numbers are whose (held against each one's formula; docs/data.md):
  rgb-8bit-gaussian   BasicSR's PSNR and SSIM of RGB, tf.image's, DeepDeblur-PyTorch's, pyiqa's ssimc
  rgb-8bit-uniform    scikit-image's defaults
  rgb-8bit-matlab-3d  NAFNet's SSIM, MATLAB's of colour images (MPRNet's and Restormer's scripts)
  rgb-8bit-range-2    the dark-channel authors' SSIM, by twice the data range: higher than all others
  y-8bit-gaussian     luma rounded as by MATLAB's rgb2ycbcr; BasicSR's test_y_channel does not round
PSNR of RGB is one in the first four, BasicSR's, and pyiqa's; SSIM of torchmetrics and pyiqa's ssim are none of these.
Means are over images, each in dB: the mean of images of 28 and 48 dB is 38 dB."""


def add_commands(command: Callable[..., argparse.ArgumentParser], asked: str) -> None:
    """Adds them to a command line.

    Args:
        command: adds one, of its function, its name and what it does.
        asked: the command that was given. A run's options need TensorFlow: only the command that has them gets them.
    """
    score = command(_score, "score", "Score restored pictures against the sharp ones of the same names.")
    score.add_argument("restored", type=Path, help="image file, or folder; a folder of pairs alone: its blurred images")
    score.add_argument(
        "sharp", type=Path, nargs="?", help="image file, or folder; of a folder of pairs: its sharp images"
    )
    score.add_argument(
        "--protocol",
        choices=["rgb-8bit-gaussian", "rgb-8bit-uniform", "rgb-8bit-matlab-3d", "rgb-8bit-range-2", "y-8bit-gaussian"],
        help="how scores are taken (default: rgb-8bit-gaussian)",
    )
    score.add_argument(
        "--trajectories",
        action="store_true",
        help="Köhler et al.'s benchmark: SHARP holds the frames of each shake, the best one counts (docs/deblurgan.md)",
    )
    score.add_argument("--csv", type=Path, help="also write the scores to this file")
    score.add_argument("--features", action="store_true", help="also the distance in what VGG19 sees")
    score.add_argument("--vgg_weights", type=Path, help="VGG19's weights for --features (.npz or .h5); else downloaded")
    score.add_argument("--partial", action="store_true", help="score what is there, where restored images are missing")
    _add_choice_of_images(score, "blurred", "split")
    score.formatter_class, score.epilog = argparse.RawDescriptionHelpFormatter, WHOSE

    train = command(_train, "train", "Train an experiment, or go on with the run that the work folder holds.")
    train.add_argument("experiment", help="the paper's name, as its file in experiments/ has it")
    train.add_argument("data", nargs="*", metavar="DATA", help="folders; photographs of scikit-image if left out")
    train.set_defaults(again="the same command continues from the last finished epoch")

    evaluate = command(_evaluate, "evaluate", "Score a trained run, and write the report about it.")
    evaluate.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    evaluate.add_argument("test", nargs="*", metavar="TEST", help="folders; photographs of scikit-image if left out")

    compare = command(_compare, "compare", "Score networks on the same images under one protocol, in one table.")
    compare.add_argument("models", nargs="*", metavar="MODEL", help="names, run folders, weights files (default: all)")
    compare.add_argument("--conditions", default="deblurgan", help="whose degradations and protocol are used")
    compare.add_argument("-o", "--out", type=Path, default=Path("runs/comparison"), help="folder to write to")
    if asked in ("train", "evaluate", "compare"):
        from gandeblur.stages.options import add_options

        scored = {"test_data", "benchmarks", "detector", "beside"}
        add_options(train, without={"train_data", "weights", *scored})
        add_options(evaluate, only={"benchmarks", "blurred", "detector", "beside"})
        add_options(
            compare,
            only={"test_data", "benchmarks", "blurred", "downsample", "detector", "vgg_weights", "precision"},
        )

    publish = command(_publish, "publish", "Write a trained run's generator to a small file, and its card beside it.")
    publish.add_argument(
        "run_folder", type=Path, metavar="RUN", help="folder of the run, or published weights of more bits"
    )
    publish.add_argument("out", type=Path, metavar="NAME.npz", help="file to write; the card is NAME.json")
    publish.add_argument("--bits", type=int, choices=[8, 16], default=8, help="per number of a kernel (default: 8)")
    publish.add_argument(
        "--start_share",
        type=float,
        default=0.0,
        metavar="S",
        help="publish the mean of the weights that the run began with (--start), by this share, and its own",
    )
    publish.add_argument(
        "--step",
        type=float,
        metavar="S",
        help="publish differences from the initial weights of the run's seed, in steps of S (such as 0.25) times each "
        "kernel's root mean square: smaller, where most weights have hardly moved",
    )

    build = command(
        _build_pairs, "build-pairs", "Average high-frame-rate frames: blurred mean and sharp middle frame, as GoPro."
    )
    build.add_argument("frames", type=Path, help="folder of frames, folder of such folders, or video file")
    build.add_argument("out", type=Path, help="folder to write OUT/SPLIT/SEQUENCE/{blur|blur_gamma,sharp} to")
    build.add_argument(
        "--window", type=_window, default=(7, 13), help="frames per pair, odd: N or MIN-MAX (default: 7-13)"
    )
    build.add_argument(
        "--gamma",
        type=_gamma,
        default=2.2,
        help="average light, values^GAMMA, into blur_gamma; or none: average values, into blur (default: 2.2)",
    )
    build.add_argument("--split", default="train", choices=["train", "test"], help="default: train")
    build.add_argument("--seed", type=int, default=0, help="of the windows' sizes and the noise (default: 0)")
    build.add_argument(
        "--noise", type=float, default=0.0, metavar="VARIANCE", help="of each frame before it is averaged, as 0.001"
    )

    check = command(
        _check_data, "check-data", "Say what a folder of images is, score its blurred images, list what is wrong."
    )
    check.add_argument("folder", type=Path, metavar="DIR")
    _add_choice_of_images(check)

    pack = command(
        _pack, "pack", "Write a folder's images, decoded, to files from which crops are read without decoding."
    )
    pack.add_argument("folder", type=Path, metavar="DIR")
    pack.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    _add_choice_of_images(pack)


def _add_choice_of_images(options, *names):
    flags: dict[str, dict] = {
        "blurred": {"metavar": "blur|blur_gamma|...", "help": "which blurred images, where there are several"},
        "split": {"help": "which split, where there are several"},
        "layout": {"choices": ["side_by_side"], "help": "side_by_side: each file holds blurred|sharp"},
        "pairs": {"type": Path, "metavar": "LIST.txt", "help": "file with two paths a line, relative to DIR"},
    }
    for name in names or flags:
        options.add_argument(f"--{name}", **flags[name])


def _window(text):
    smallest, dash, largest = text.partition("-")
    try:
        return int(smallest), int(largest if dash else smallest)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither N nor MIN-MAX") from None


def _gamma(text):
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor none") from None


# The commands import what they need: `gandeblur --help` does not wait for TensorFlow.


def _score(options):
    from gandeblur.evaluation.score_files import score_files
    from gandeblur.inference.files import pixels
    from gandeblur.inference.photographs import SUFFIXES

    if options.trajectories:
        from gandeblur.evaluation.trajectories import score_trajectories

        others = ("protocol", "features", "vgg_weights", "partial", "blurred", "split")
        if given := next((name for name in others if getattr(options, name)), None):
            raise InputError(f"--trajectories: has a protocol of its own; leave out --{given}")
        if options.sharp is None:
            raise InputError(f"{options.restored}: give the folder of the sharp frames, too")
        score_trajectories(options.restored, options.sharp, options.csv, read=pixels)
        return
    features = None
    if options.features or options.vgg_weights:
        from gandeblur.stages.features import FeatureDistance

        features = FeatureDistance(options.vgg_weights)
        print(features)
    score_files(
        options.restored,
        options.sharp,
        options.protocol or "rgb-8bit-gaussian",
        options.csv,
        features=features,
        partial=options.partial,
        read=pixels,
        kinds=(*SUFFIXES, ".jfif", ".jpe", ".gif"),
        variant=options.blurred,
        split=options.split,
    )


def _train(options):
    import gandeblur

    print(gandeblur.train(options.experiment, options.data, **_given(options)).folder)


def _evaluate(options):
    import gandeblur

    found = gandeblur.evaluate(options.run_folder, options.test, **_given(options))
    print(f"report: {found.report().resolve()}")


def _compare(options):
    from gandeblur.stages import compare

    compare.main(options.models, options.conditions, options.out, **_given(options))


def _given(options):
    from gandeblur.stages.options import given

    return given(options)


def _publish(options):
    from gandeblur.stages.publish import publish

    publish(options.run_folder, options.out, options.bits, options.start_share, options.step)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


def _build_pairs(options):
    from gandeblur.data.averaging import build_pairs

    print(
        build_pairs(
            options.frames,
            options.out,
            window=options.window,
            gamma=options.gamma,
            split=options.split,
            seed=options.seed,
            noise=options.noise,
        )
    )
    return 0


def _choice_of_images(options):
    return {"variant": options.blurred} | {name: getattr(options, name) for name in ("split", "layout", "pairs")}


def _check_data(options):
    from gandeblur.evaluation import check_data

    return check_data.main(options.folder, **_choice_of_images(options))


def _pack(options):
    from gandeblur.data.datasets.find import find
    from gandeblur.data.datasets.packed import pack

    images = find(options.folder, **_choice_of_images(options))
    size = pack(images, options.out)
    kind = "pairs" if images.has_pairs else "images"
    print(shown(f"packed {images.name}: {len(images)} {kind}, {size / 1e9:.2f} GB, in {options.out}"))
    return 0
