"""The command `gandeblur`: restores pictures, trains and scores, and makes, checks and packs training data."""

import argparse
from pathlib import Path

from gandeblur.errors import InputError, guarded
from gandeblur.files import replacing


def main(arguments: list[str] | None = None) -> int:
    """Parses the command line and runs one command.

    Returns:
        The exit status: 0, 1 if `check-data` found something wrong, 2 after an error in what was given.
    """
    options = _parser().parse_args(arguments)
    place = str(getattr(options, "out", None) or "the disk")
    return guarded(lambda: options.run(options), place, "run the same command again", "folder")


def _parser():
    parser = argparse.ArgumentParser(prog="gandeblur", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run, name, text):
        options = commands.add_parser(name, help=text, description=text)
        options.set_defaults(run=run)
        return options

    restore = command(_restore, "restore", "Restore pictures by a trained generator; nothing is overwritten.")
    restore.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="image file")
    restore.add_argument("--model", type=Path, required=True, metavar="RUN", help="a run's folder, or its weights file")
    restore.add_argument(
        "-o", "--out", type=Path, required=True, help="folder for the restored pictures, PNG files of the same names"
    )

    train = command(_train, "train", "Train an experiment, or go on with the run that the work folder holds.")
    train.add_argument("experiment", help="gan_d, hkust_gan, ird_gan, dark_channel_gan, sharingan")
    train.add_argument("data", nargs="*", metavar="DATA", help="folders; photographs of scikit-image if left out")
    train.add_argument("--preset", help="schedule (default: quick)")
    train.add_argument("--variant", help="network and losses (default: the paper's own)")
    train.add_argument("--workdir", type=Path, help="folder of the run (default: runs/EXPERIMENT/...)")

    evaluate = command(_evaluate, "evaluate", "Score a trained run, and write the report about it.")
    evaluate.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    evaluate.add_argument("test", nargs="*", metavar="TEST", help="folders; photographs of scikit-image if left out")
    evaluate.add_argument("--beside", action="append", metavar="RUN", help="another run, scored beside this one")

    publish = command(_publish, "publish", "Write a trained run's generator to a small file, and its card beside it.")
    publish.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    publish.add_argument("out", type=Path, metavar="NAME.npz", help="file to write; the card is NAME.json")
    publish.add_argument("--bits", type=int, choices=[8, 16], default=8, help="per number of a kernel (default: 8)")

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
    build.add_argument("--seed", type=int, default=0, help="of the windows' sizes (default: 0)")

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
    return parser


def _add_choice_of_images(options):
    options.add_argument("--blurred", choices=["blur", "blur_gamma"], help="which blurred images, where there are both")
    options.add_argument("--split", help="which split, where there are several")
    options.add_argument("--layout", choices=["side_by_side"], help="side_by_side: each file holds blurred|sharp")


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


def _restore(options):
    import gandeblur

    deblur = gandeblur.load(options.model)
    targets = [options.out / f"{picture.stem}.png" for picture in options.pictures]
    for target in targets:
        if target.exists() or targets.count(target) > 1:
            raise InputError(f"{target}: would be overwritten; choose another folder, or rename a picture")
    options.out.mkdir(parents=True, exist_ok=True)
    for picture, target in zip(options.pictures, targets, strict=True):
        with replacing(target) as temporary:
            deblur(picture).save(temporary)
        print(target)


def _train(options):
    import gandeblur

    choices = {name: getattr(options, name) for name in ("preset", "variant", "workdir")}
    print(gandeblur.train(options.experiment, options.data, **choices).folder)


def _evaluate(options):
    import gandeblur

    found = gandeblur.evaluate(options.run_folder, options.test, beside=tuple(options.beside or ()))
    print(f"report: {found.report().resolve()}")


def _publish(options):
    from gandeblur.experiments.publish import publish

    publish(options.run_folder, options.out, options.bits)
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
        )
    )
    return 0


def _check_data(options):
    from gandeblur.evaluation import check_data

    return check_data.main(options.folder, variant=options.blurred, split=options.split, layout=options.layout)


def _pack(options):
    from gandeblur.data.datasets.find import find
    from gandeblur.data.datasets.packed import pack

    images = find(options.folder, variant=options.blurred, split=options.split, layout=options.layout)
    size = pack(images, options.out)
    kind = "pairs" if images.has_pairs else "images"
    print(f"packed {images.name}: {len(images)} {kind}, {size / 1e9:.2f} GB, in {options.out}")
    return 0
