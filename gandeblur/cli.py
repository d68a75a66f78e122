"""The command `gandeblur`: restores pictures, trains and scores, and makes, checks and packs training data."""

import argparse
import sys
import tempfile
from pathlib import Path

from gandeblur.errors import InputError, guarded
from gandeblur.names import shown
from gandeblur.training.workers import leave

DEFAULT = "hkust_gan"  # of those for what most photographs suffer from, the best in README's table

WHOSE = """whose numbers are whose (held against each one's formula; docs/data.md):
  rgb-8bit-gaussian   BasicSR's PSNR and SSIM of RGB, tf.image's, DeepDeblur-PyTorch's
  rgb-8bit-uniform    scikit-image's defaults
  rgb-8bit-matlab-3d  NAFNet's SSIM, MATLAB's of colour images (MPRNet's and Restormer's scripts)
  y-8bit-gaussian     luma rounded as by MATLAB's rgb2ycbcr; BasicSR's test_y_channel does not round
PSNR of RGB is the same in the first three, BasicSR's, and pyiqa's; SSIM of torchmetrics and pyiqa is none of these.
Means are over images, each in dB: the mean of images of 28 and 48 dB is 38 dB."""


def main(arguments: list[str] | None = None) -> int:
    """Parses the command line and runs one command.

    Returns:
        The exit status: 0; 1 if `check-data` found something wrong, or `restore` failed with some of the pictures;
        2 after an error in what was given; 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments[0] if arguments else "").parse_args(arguments)
    place = str(getattr(options, "out", None) or "the disk")
    return leave(guarded(lambda: options.run(options), place, options.again, "folder"))


def _parser(asked):
    """The command line; options of a run, which need TensorFlow, only where the command that is asked for has them."""
    parser = argparse.ArgumentParser(prog="gandeblur", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run, name, text):
        options = commands.add_parser(name, help=text, description=text)
        options.set_defaults(run=run, again="run the same command again")
        return options

    restore = command(_restore, "restore", "Restore photographs: of any size, each in its own kind of file.")
    restore.add_argument("inputs", nargs="+", metavar="INPUT", help="image files, videos, folders of them, patterns")
    restore.add_argument("-o", "--out", type=Path, required=True, help="folder for the restored pictures")
    _add_model(restore, DEFAULT)
    restore.add_argument("--force", action="store_true", help="replace pictures that are in OUT already")
    restore.add_argument("--skip_existing", action="store_true", help="go on where an earlier time was interrupted")
    restore.set_defaults(again="run the same command again with --skip_existing")
    restore.add_argument(
        "--tile", type=_tile, default="auto", help="side of the tiles in pixels; none: whole; auto: as --memory allows"
    )
    _add_memory(restore)
    restore.add_argument(
        "--self_ensemble", action="store_true", help="mean over the 8 flips and turns: a little better, 8 times slower"
    )
    restore.add_argument("--strict", action="store_true", help="refuse photographs that are damaged in a part")
    restore.add_argument(
        "--most_megapixels", type=int, default=178, help="of a photograph; more are refused (default: 178)"
    )
    restore.add_argument("--compare", action="store_true", help="also write OUT/compare.html, before and after")

    app = command(_app, "app", "Serve a page, to this machine alone, on which photographs are restored.")
    app.add_argument(
        "--model",
        action="append",
        help="as for restore; give it again for more (default: all that are here)",
    )
    _add_precision(app)
    _add_memory(app)
    app.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    app.add_argument("--no_browser", action="store_true", help="print the address, open nothing")
    app.add_argument(
        "--most_bytes", type=_memory, default=_memory("100MiB"), help="of a file that is taken (default: 100MiB)"
    )
    app.add_argument("--most_megapixels", type=int, default=100, help="of a photograph that is taken (default: 100)")
    app.set_defaults(out=None)

    models = command(_models, "models", "List the trained networks that are here, and what each undoes.")
    models.set_defaults(out=None)

    export = command(_export, "export", "Write a trained generator for another runtime, and hold it against Keras.")
    _add_model(export)
    export.add_argument(
        "out", type=Path, help="file to write, NAME.keras, NAME.onnx, NAME.xml or NAME.tflite; or a folder, NAME"
    )
    formats = ["keras", "savedmodel", "onnx", "openvino", "litert", "litert-float16"]
    export.add_argument("--format", choices=formats, required=True)
    export.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT", help="of the only images it takes (default: any)")

    score = command(_score, "score", "Score restored pictures against the sharp ones of the same names.")
    score.add_argument("restored", type=Path, help="image file, or folder; a folder of pairs alone: its blurred images")
    score.add_argument(
        "sharp", type=Path, nargs="?", help="image file, or folder; of a folder of pairs: its sharp images"
    )
    score.add_argument(
        "--protocol",
        choices=["rgb-8bit-gaussian", "rgb-8bit-uniform", "rgb-8bit-matlab-3d", "y-8bit-gaussian"],
        default="rgb-8bit-gaussian",
        help="how scores are taken (default: rgb-8bit-gaussian)",
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
        add_options(compare, only={"test_data", "benchmarks", "blurred", "detector", "vgg_weights", "precision"})

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


def _add_choice_of_images(options, *names):
    flags: dict[str, dict] = {
        "blurred": {"metavar": "blur|blur_gamma|...", "help": "which blurred images, where there are several"},
        "split": {"help": "which split, where there are several"},
        "layout": {"choices": ["side_by_side"], "help": "side_by_side: each file holds blurred|sharp"},
        "pairs": {"type": Path, "metavar": "LIST.txt", "help": "file with two paths a line, relative to DIR"},
    }
    for name in names or flags:
        options.add_argument(f"--{name}", **flags[name])


def _add_model(options, default=None):
    also = f" (default: {default}, for motion blur in a camera's pictures)" if default else ""
    options.add_argument(
        "--model",
        required=not default,
        default=default,
        help=f"a name that `gandeblur models` lists, a run's folder, or its weights file{also}",
    )
    _add_precision(options)


def _add_precision(options):
    options.add_argument(
        "--precision", choices=["float32", "bfloat16"], default="float32", help="of the arithmetic (default: float32)"
    )


def _add_memory(options):
    options.add_argument(
        "--memory", type=_memory, default=_memory("4GiB"), help="what it may take, such as 800MiB (default: 4GiB)"
    )


def _tile(text):
    if text == "auto":
        return "auto"
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 64:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto, none nor a number from 64 on")
    return int(text)


def _size(text):
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x720")
    return int(height), int(width)


def _memory(text):
    number = text.removesuffix("B").removesuffix("i")
    unit = {"K": 2**10, "M": 2**20, "G": 2**30}.get(number[-1:], 1)
    try:
        return float(number.rstrip("KMG")) * unit
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 4GiB or 800MiB") from None


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
    from gandeblur.inference.files import restore_files, write_page
    from gandeblur.inference.jobs import by_kind, plan
    from gandeblur.inference.photographs import allowing

    # First: what is wrong there shows at once.
    todo, no_pictures, left_by_systems = plan(options.inputs, options.out, options.force, options.skip_existing)
    if not todo:
        print(f"{options.out}: holds all of them already; nothing to do", file=sys.stderr)
        return 0
    page = options.out / "compare.html"
    if options.compare and page.exists() and not options.force:
        raise InputError(f"{page}: exists; choose another folder with -o, or replace it with --force")
    options.out.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=options.out).close()  # where nothing can be written shows now, too
    deblur = _load(options)
    choices = {"tile": options.tile, "memory_bytes": options.memory, "self_ensemble": options.self_ensemble}
    with allowing(options.most_megapixels):
        failed = dict(restore_files(deblur.restore, todo, deblur.remark, strict=options.strict, **choices))
        done = [job for job in todo if job not in failed]  # not by its target: an older one may be there
        if options.compare and done:
            write_page(page, done, Path(options.model).name, deblur.purpose)
            print(shown(page))
    if no_pictures:
        print(f"no pictures, left out: {by_kind(no_pictures)}", file=sys.stderr)
    if left_by_systems:
        names = dict.fromkeys(path.name for path in left_by_systems)
        print(f"left by systems, passed over: {shown(', '.join(names))}", file=sys.stderr)
    if failed:
        kinds = by_kind(job.source for job in failed)
        lines = map(shown, failed.values())
        print(f"\n{len(failed)} of {len(todo)} failed ({kinds}):", *lines, sep="\n", file=sys.stderr)
        return 1
    return 0


def _app(options):
    from gandeblur.inference.app import serve

    models = options.model or _default_first()  # the first one is chosen on the page
    networks = {Path(model).name: _open(model, options.precision) for model in models}
    serve(
        networks,
        port=options.port,
        browser=not options.no_browser,
        most_bytes=int(options.most_bytes),
        most_megapixels=options.most_megapixels,
        memory_bytes=options.memory,
    )
    return 0


def _load(options):
    return _open(options.model, options.precision)


def _open(model, precision):
    import gandeblur

    deblur = gandeblur.load(model, precision=precision)
    from gandeblur.models.layers import hardware

    hardware.warn_if_emulated(precision)
    print(f"{model}: for {deblur.purpose}", file=sys.stderr, flush=True)
    return deblur


def _default_first():
    """The names of the networks in weights/."""
    from gandeblur.weights import names

    return sorted(names(), key=lambda name: name != DEFAULT)


def _models(options):
    from gandeblur.stages import record
    from gandeblur.weights import file

    for name in _default_first():
        chosen = " (the default)" if name == DEFAULT else ""
        print(f"{name:18} {record.read(file(name))['paper']['undoes']}{chosen}")


def _export(options):
    from gandeblur.inference.export import export, refuse_backend

    refuse_backend(options.format, options.out)  # before the network is opened
    difference = export(_load(options), options.format, options.out, options.size)
    print(f"{options.out}: differs from Keras by {difference:.1e} of the images' range at most")


def _score(options):
    from gandeblur.evaluation.score_files import score_files
    from gandeblur.inference.files import pixels
    from gandeblur.inference.photographs import SUFFIXES

    features = None
    if options.features or options.vgg_weights:
        from gandeblur.stages.features import FeatureDistance

        features = FeatureDistance(options.vgg_weights)
        print(features)
    score_files(
        options.restored,
        options.sharp,
        options.protocol,
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
