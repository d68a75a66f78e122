"""The command `gandeblur`: restores pictures, trains and scores, and makes, checks and packs training data.

Here stand the commands for those who restore pictures; `cli_training` has the others.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from gandeblur import cli_training
from gandeblur.errors import InputError, guarded
from gandeblur.names import shown
from gandeblur.quiet import import_keras
from gandeblur.training.workers import leave

DEFAULT = "hkust_gan-eye"  # for what most photographs suffer from, what a person chose (docs/looks.md)


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
    parser = argparse.ArgumentParser(prog="gandeblur", description=__doc__.partition("\n")[0])
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
    restore.add_argument(
        "--scale",
        type=_scale,
        default="auto",
        help="restore at this part of the picture's size, such as 0.5; 1: by the network alone; auto: as the picture's "
        "blur asks, and not at all where there is hardly any; local: each part of a photograph at its own, in two to "
        "eight times the time (default: auto)",
    )
    restore.add_argument("--force_restore", action="store_true", help="restore what is hardly blurred, too")
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

    models = command(
        _models, "models", "List the trained networks that are here: what each undoes, and what trained it."
    )
    models.set_defaults(out=None)

    export = command(_export, "export", "Write a trained generator for another runtime, and hold it against Keras.")
    _add_model(export)
    export.add_argument(
        "out", type=Path, help="file to write, NAME.keras, NAME.onnx, NAME.xml or NAME.tflite; or a folder, NAME"
    )
    formats = ["keras", "savedmodel", "onnx", "openvino", "litert", "litert-float16"]
    export.add_argument("--format", choices=formats, required=True)
    export.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT", help="of the only images it takes (default: any)")

    cli_training.add_commands(command, asked)
    return parser


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


def _scale(text):
    try:
        scale = text if text in ("auto", "local") else float(text)
    except ValueError:
        scale = 0.0
    if isinstance(scale, float) and not 0 < scale <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}; give auto, local, or a number above 0, 1 at most, such as 0.5")
    return scale


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


# The commands import what they need: `gandeblur --help` does not wait for TensorFlow.


def _restore(options):
    from gandeblur.files import made
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
    with made(options.out), allowing(options.most_megapixels):
        tempfile.TemporaryFile(dir=options.out).close()  # where nothing can be written shows now, too
        deblur = _load(options)
        choices = {"tile": options.tile, "memory_bytes": options.memory, "self_ensemble": options.self_ensemble}
        choices |= {"scale": deblur.scale_of(options.scale), "force_restore": options.force_restore}
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

    import_keras()
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
    from gandeblur.weights import file, use

    for name in _default_first():
        card = record.read(file(name))
        chosen = " (the default)" if name == DEFAULT else ""
        print(f"{name:16} {card['paper']['undoes']}; trained by {card['paper']['trained_by']}{use(card)}{chosen}")


def _export(options):
    from gandeblur.inference.export import export, refuse_backend

    refuse_backend(options.format, options.out)  # before the network is opened
    difference = export(_load(options), options.format, options.out, options.size)
    print(f"{options.out}: differs from Keras by {difference:.1e} of the images' range at most")
