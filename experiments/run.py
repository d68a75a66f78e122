"""Runs an experiment: all flags, and the stages audit, train, evaluate and report.

    files -> crops -> degradation -> batches -> training -> checkpoint -> restored test images -> scores -> report

A run lives in its work folder: `checkpoint.npz`, `generator.weights.h5`, `tensorboard/`, `images/`, `scores.csv`,
`results.json`, `report.html`.
"""

import contextlib
import dataclasses
import datetime
import functools
import importlib.metadata
import json
import subprocess
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf
from absl import app, flags, logging
from PIL import Image
from rich.console import Console
from rich.table import Table

from gandeblur.data import pipeline
from gandeblur.data.datasets import benchmarks, folder, sample
from gandeblur.data.datasets.find import find, look
from gandeblur.data.images import center_crop, read_image, resize
from gandeblur.errors import InputError
from gandeblur.evaluation import detection, metrics, report
from gandeblur.experiments import audit
from gandeblur.experiments.paper import Experiment, Preset, Variant
from gandeblur.files import replacing
from gandeblur.inference.restore import restorer
from gandeblur.losses import perceptual, pixel
from gandeblur.training import backend, checkpoint, summaries
from gandeblur.training.gan import GAN, Term, between_images

FLAGS = flags.FLAGS
STAGES = ("all", "audit", "train", "evaluate", "report")
VALIDATION_IMAGES = 16  # at most: validation is to cost a small part of an epoch
TEST_SEED = 0  # of the test images' degradation: the same images in every run, whatever its --seed
ALL_VARIANTS = "all"
INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it

_DEFINED = [
    flags.DEFINE_string("stage", "all", f"what to do: {', '.join(STAGES)}; all is every one in turn"),
    flags.DEFINE_string("preset", None, "schedule"),
    flags.DEFINE_string("variant", None, "network and losses"),
    flags.DEFINE_list(
        "train_data", None, "folders of sharp photographs or pairs, packed or not; the embedded sample if left out"
    ),
    flags.DEFINE_list("test_data", None, "folders of sharp photographs or pairs; the embedded sample if left out"),
    flags.DEFINE_string("benchmarks", None, "folder that holds set5, set14, bsd100, instead of --test_data"),
    flags.DEFINE_string("blurred", None, "blur or blur_gamma: which blurred images, where a folder holds both"),
    flags.DEFINE_integer("downsample", None, "shrink images by this factor; the preset's if left out", lower_bound=1),
    flags.DEFINE_string("vgg_weights", None, "VGG weights of the content loss (.npz or .h5); downloaded if left out"),
    flags.DEFINE_string("detector", None, "SavedModel folder or .tflite file: score what it finds in the test images"),
    flags.DEFINE_string(
        "deblurgan_weights", None, "generator weights of sharingan.py --variant=deblurgan, scored beside this paper's"
    ),
    flags.DEFINE_string("workdir", None, "folder of this run; runs/EXPERIMENT/PRESET-VARIANT if left out"),
    flags.DEFINE_integer(
        "seed", 0, "of initial weights, crops, order and the training images' degradations", lower_bound=0
    ),
    flags.DEFINE_string("devices", "all", "all (every GPU, else the CPU) or cpu:N (N logical CPUs)"),
    flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "of the layers' arithmetic"),
    flags.DEFINE_integer(
        "batch_size", None, "images per step over all devices; the preset's if left out", lower_bound=1
    ),
    flags.DEFINE_integer("epochs", None, "the preset's if left out", lower_bound=1),
    flags.DEFINE_boolean("resume", True, "continue the run that the work folder holds"),
    flags.DEFINE_string("weights", None, "generator weights (.weights.h5) to evaluate instead of training"),
]


@dataclasses.dataclass(frozen=True)
class Run:
    """An experiment with the flags applied: what the stages share."""

    experiment: Experiment
    variant_name: str
    variant: Variant
    preset_name: str
    preset: Preset
    workdir: Path
    seed: int

    @property
    def discriminator_steps(self):
        return self.preset.discriminator_steps or self.experiment.discriminator_steps

    @property
    def checkpoint_path(self):
        return self.workdir / "checkpoint.npz"

    @property
    def weights_path(self):
        return self.workdir / "generator.weights.h5"

    @property
    def results_path(self):
        return self.workdir / "results.json"

    @property
    def parts(self):
        """The runs that train: itself, or one for each variant in a folder of its own."""
        if self.variant_name != ALL_VARIANTS:
            return [self]
        return [
            dataclasses.replace(self, variant_name=name, variant=variant, workdir=self.workdir / name)
            for name, variant in self.experiment.variants.items()
        ]

    def identity(self):
        """What makes two runs the same run: a work folder holds one of these."""
        return {
            "experiment": self.experiment.name,
            "variant": self.variant_name,
            "preset": self.preset_name,
            "train_data": FLAGS.train_data and [str(Path(folder).resolve()) for folder in FLAGS.train_data],
            "blurred": FLAGS.blurred,
            "downsample": self.preset.downsample,
            "batch_size": self.preset.batch_size,
            "seed": self.seed,
            "precision": FLAGS.precision,
        }


def main(experiment):
    """Entry point of an experiment's script: parses the flags and runs the stages; exits non-zero on an error."""
    for flag in _DEFINED:
        FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS[flag.name])
    for name, choices in (("preset", experiment.presets), ("variant", experiment.variants)):
        known = [f"{choice} ({value.description})" for choice, value in choices.items()]
        if name == "variant":
            known.append(f"{ALL_VARIANTS} (trains every variant and scores them side by side)")
        FLAGS[name].help = f"the first if left out: {'; '.join(known)}"
    FLAGS.set_default("verbosity", logging.WARNING)
    tf.get_logger().setLevel("WARNING")
    app.run(lambda argv: sys.exit(_main(experiment, argv)))


def _main(experiment, argv):
    try:
        if len(argv) > 1:
            raise InputError(f"{argv[1]}: unexpected argument; every option is a --flag=value, see --help")
        _run(experiment)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or FLAGS.workdir or "the work folder"
        print(
            f"error: {place}: {error.strerror or error}; free space or choose another --workdir",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command continues from the last finished epoch", file=sys.stderr)
        return INTERRUPTED
    return 0


def _run(experiment):
    stage = _one_of("--stage", FLAGS.stage, STAGES)
    default = next(iter(experiment.variants))
    variant_name = _one_of("--variant", FLAGS.variant or default, [*experiment.variants, ALL_VARIANTS])
    preset_name = _one_of("--preset", FLAGS.preset or next(iter(experiment.presets)), experiment.presets)
    variant = experiment.variants[default if variant_name == ALL_VARIANTS else variant_name]
    preset = experiment.presets[preset_name]
    changes = {name: getattr(FLAGS, name) for name in ("batch_size", "epochs", "downsample") if getattr(FLAGS, name)}
    folder_name = f"{preset_name}-{variant_name}" + (f"-{Path(FLAGS.weights).name}" if FLAGS.weights else "")
    workdir = Path(FLAGS.workdir or Path("runs") / experiment.name / folder_name)
    run = Run(
        experiment,
        variant_name,
        variant,
        preset_name,
        dataclasses.replace(preset, **changes),
        workdir,
        FLAGS.seed,
    )

    try:
        strategy = backend.strategy(FLAGS.devices)
    except ValueError as error:
        raise InputError(str(error)) from error
    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # tf.data must not take the accelerator's memory
    keras.config.set_dtype_policy("mixed_bfloat16" if FLAGS.precision == "bfloat16" else "float32")
    if FLAGS.weights and variant_name == ALL_VARIANTS:
        raise InputError(f"--weights={FLAGS.weights}: belongs to one variant; name it with --variant")
    if FLAGS.weights and run.checkpoint_path.exists():
        raise InputError(f"{run.checkpoint_path}: holds a run of its own; give --weights another --workdir")
    # What later stages need is looked at first: a wrong folder must not show after hours of training.
    test_sets = _test_images(run)
    detector = detection.load_detector(FLAGS.detector) if FLAGS.detector else None
    rivals = _rivals(run)
    training = stage in ("all", "train") and not FLAGS.weights
    if training and len(run.parts) > 1:
        for part in run.parts:
            _resumable(part)
            _content_loss(part)
    audited = []
    for part in run.parts:
        if stage in ("all", "audit") and part.variant.layers not in audited:
            _audit(part, with_summary=stage == "audit")
            audited.append(part.variant.layers)
        if training:
            _train(part, strategy)
    if stage in ("all", "evaluate"):
        _evaluate(run, test_sets, rivals, detector)
    if stage in ("all", "report"):
        _report(run)


def _one_of(flag, value, allowed):
    if value not in allowed:
        raise InputError(f"{flag}={value}: unknown; use one of {', '.join(allowed)}")
    return value


# Audit ---------------------------------------------------------------------------------------------------------


def _networks(run, image_px):
    networks = {"generator": run.variant.generator(run.preset.identity_noise)}
    if run.variant.discriminator is not None:
        networks["discriminator"] = run.variant.discriminator(image_px)
    return networks


def _papers_networks(run):
    """The networks at the paper's image size: a discriminator's dense layer grows with it."""
    return _networks(run, run.experiment.presets.get("paper", run.preset).crop_px)


def _audit_rows(run, networks):
    variant = run.variant
    return {
        network: audit.rows(model, variant.layers[network], variant.totals.get(network, (None, None))[1])
        for network, model in networks.items()
    }


def _audit(run, with_summary):
    networks = _papers_networks(run)
    for network, rows in _audit_rows(run, networks).items():
        if with_summary:
            networks[network].summary()
        audit.print_table(f"{run.experiment.title.split(':')[0]} {network}", rows)
    totals = run.variant.totals
    layers = 0
    for network, model in networks.items():
        holds, convolutions = audit.of_formula(model)
        layers += convolutions
        paper = "; the paper: {} and {:,}".format(*totals[network]) if totals else ""
        print(f"{network}: {convolutions} convolutions, {model.count_params():,} parameters{paper}")
        print(f"    C_out (C_in K^2 + 1) gives the parameters of {holds} of the {convolutions} convolutions")
    parameters = sum(model.count_params() for model in networks.values())
    paper = "; the paper: {} and {:,}".format(*map(sum, zip(*totals.values(), strict=True))) if totals else ""
    print(f"together: {layers} convolutions, {parameters:,} parameters{paper}", flush=True)


# Train ---------------------------------------------------------------------------------------------------------


def _train(run, strategy):
    preset, workdir = run.preset, run.workdir
    devices = strategy.num_replicas_in_sync if strategy else 1
    if preset.batch_size % devices:
        raise InputError(
            f"--batch_size={preset.batch_size}: not a multiple of the {devices} devices; choose one that is"
        )
    done = _resumable(run)
    if done >= preset.epochs:
        print(f"{run.checkpoint_path}: already trained for {done} epochs; nothing to do")
        return
    train_sets, validation_sets = zip(*_training_images(run), strict=True)
    crop_px = run.variant.crop_px or preset.crop_px
    total_steps = preset.epochs * preset.steps_per_epoch
    stream = pipeline.training_stream(
        [_source(run, images) for images in train_sets],
        crop_px=crop_px,
        max_zoom=preset.max_zoom,
        batch_size=preset.batch_size * max(1, run.discriminator_steps),
        seed=run.seed,
        start_step=done * preset.steps_per_epoch,
        total_steps=total_steps,
    )
    # A folder may be named several times, for a larger share of the crops; it is validated once.
    validated = dict(zip(FLAGS.train_data or ["sample"], validation_sets, strict=True))
    validation = _validation_stream(run, list(validated.values()), crop_px, devices)
    model = _build(run, strategy)
    optimizers = [model.optimizer] + [model.discriminator_optimizer] * (model.discriminator is not None)
    schedule = preset.schedule(optimizers)
    history = {}
    if done:
        meta = checkpoint.restore(run.checkpoint_path, model)
        backend.separate_seeds(model)
        schedule.set_state(meta["schedules"]["learning_rate"])
        history = meta["history"]
        print(f"resuming {run.checkpoint_path} after epoch {done}")

    workdir.mkdir(parents=True, exist_ok=True)
    strips = next(iter(validation.unbatch().batch(4).as_numpy_iterator()))
    callbacks = [
        summaries.StopAtInterrupt(),
        summaries.StopAtNonFinite(preset.steps_per_epoch, run.checkpoint_path),
        schedule,
        summaries.TensorBoard(
            workdir / "tensorboard", _markdown(run), strips, preset.batch_size * preset.steps_per_epoch
        ),
        checkpoint.Checkpoint(workdir, run.identity(), history, {"learning_rate": schedule}),
        summaries.Remaining(preset.epochs),
    ]
    print(f"training on {_named(train_sets)}, work folder {workdir}", flush=True)
    with pipeline.input_errors():
        model.fit(
            stream,
            validation_data=validation,
            initial_epoch=done,
            epochs=preset.epochs,
            steps_per_epoch=preset.steps_per_epoch,
            callbacks=callbacks,
            shuffle=False,  # the stream's own order
            verbose=1 if sys.stdout.isatty() else 2,
        )


def _resumable(run):
    """Finished epochs of the run in the work folder, 0 if there is none."""
    if not run.checkpoint_path.exists():
        return 0
    if not FLAGS.resume:
        raise InputError(f"{run.checkpoint_path}: holds a run; choose another --workdir to start anew")
    meta = checkpoint.read_meta(run.checkpoint_path)
    for name, value in run.identity().items():
        if meta["run"].get(name) != value:
            raise InputError(
                f"{run.checkpoint_path}: holds a run with {name}={meta['run'].get(name)}, not {value}; "
                "choose another --workdir"
            )
    return meta["epoch"]


def _training_images(run):
    """(training set, validation set) of each folder."""
    if not FLAGS.train_data:
        return [(sample.train(), sample.validation())]
    sets = [_images(run, folder_name, split="train") for folder_name in FLAGS.train_data]
    return [folder.split(images, validation_fraction=0.04) for images in sets]


def _test_images(run):
    if FLAGS.benchmarks:
        return benchmarks.benchmark_sets(FLAGS.benchmarks)
    if FLAGS.test_data:
        return [_images(run, folder_name, split="test") for folder_name in FLAGS.test_data]
    return [sample.test()]


def _images(run, folder_name, split):
    """The images of a folder; of one with several splits, those of `split`."""
    choices = look(folder_name).choices
    split = split if split in choices else None
    pairs = None not in choices.get(split, (None,))
    images = find(folder_name, split=split, variant=FLAGS.blurred if pairs else None)
    if images.has_pairs and run.experiment.pair_degradations is None:
        raise InputError(
            f"{folder_name}: holds pairs, but this experiment degrades sharp photographs itself; "
            "give a folder of sharp ones"
        )
    return images


def _source(run, images):
    steps = run.experiment.pair_degradations if images.has_pairs else run.experiment.degradations
    return pipeline.Source(images, steps, run.preset.downsample)


def _named(sets):
    return ", ".join(f"{images.name} ({len(images)})" for images in sets)


def _validation_stream(run, sets, crop_px, devices):
    # One image for each device at a time: Keras cannot evaluate a batch that leaves a device without images.
    each = max(devices, VALIDATION_IMAGES // len(sets) // devices * devices)
    fit = resize if run.experiment.test_size_px else center_crop  # as the test images, but cheap
    streams = []
    for images in sets:
        shown = [*range(len(images))][:each]
        shown = (shown * devices)[: -(-len(shown) // devices) * devices]
        source = _source(run, images.subset(shown, images.name))
        streams.append(pipeline.evaluation_stream(source, size_px=crop_px, fit=fit, batch_size=devices, seed=run.seed))
    return functools.reduce(lambda one, other: one.concatenate(other), streams)


def _content_loss(run):
    """The loss between restored and sharp image that the preset takes for the paper's perceptual loss."""
    if not run.variant.content:
        return None  # the terms make no use of it: no reason to ask for VGG's weights
    if not run.preset.perceptual:
        return pixel.mean_absolute_error
    return perceptual.perceptual_loss(perceptual.features(*run.experiment.perceptual, FLAGS.vgg_weights))


def _generator_terms(run, content):
    terms = run.variant.generator_terms(content)
    if run.preset.pixel_weight:
        terms = (*terms, Term("pixel", between_images(pixel.mean_absolute_error), run.preset.pixel_weight))
    return terms


def _build(run, strategy):
    """Networks, optimizers and the train step, under the distribution strategy."""
    preset, experiment = run.preset, run.experiment
    with strategy.scope() if strategy else contextlib.nullcontext():
        content = _content_loss(run)
        keras.utils.set_random_seed(run.seed)  # here, so that nothing earlier has drawn from it
        networks = _networks(run, preset.crop_px)
        model = GAN(
            networks["generator"],
            networks.get("discriminator"),
            generator_terms=_generator_terms(run, content),
            discriminator_terms=run.variant.discriminator_terms,
            discriminator_steps=run.discriminator_steps,
            generator_steps=experiment.generator_steps,
            generator_first=experiment.generator_first,
            value_range=preset.value_range,
        )
        model.compile(*(_optimizer(preset) for _ in networks))
    backend.separate_seeds(model)
    return model


def _optimizer(preset):
    return keras.optimizers.Adam(preset.learning_rate, beta_1=preset.beta_1, epsilon=preset.epsilon)


def _markdown(run):
    """The run in words, for TensorBoard's text page."""
    experiment = run.experiment
    hidden = ("departures", "schedule")
    values = [f"- {field}: {value}" for field, value in dataclasses.asdict(run.preset).items() if field not in hidden]
    departures = [f"- {departure}" for departure in _departures(run)]
    return "\n".join(
        [
            f"# {experiment.title}",
            experiment.citation,
            f"Variant `{run.variant_name}`: {run.variant.description}.",
            f"Degradation: {experiment.degradation_text}.",
            f"## Preset `{run.preset_name}`, seed {run.seed}",
            *values,
            "## Departures from the paper",
            *departures,
        ]
    )


def _departures(run):
    return [*run.experiment.departures, *run.preset.departures]


# Evaluate ------------------------------------------------------------------------------------------------------


def _rivals(run):
    """Method -> (generator, function that restores an image), of other papers' networks whose weights are given."""
    path, variant = FLAGS.deblurgan_weights, run.experiment.deblurgan
    if not path:
        return {}
    if not variant:
        raise InputError(f"--deblurgan_weights={path}: this paper has no such column; leave it out")
    return {variant.ours: _restorer(run, variant, Path(path))}


def _evaluate(run, sets, rivals, detector):
    experiment, preset = run.experiment, run.preset
    # Side by side, methods are called by their variants' names: several may share the paper's name.
    side_by_side = run.variant_name == ALL_VARIANTS
    trained = {part.variant_name if side_by_side else part.variant.ours: _trained(part) for part in run.parts}
    ours = next(iter(trained))
    networks = rivals | {name: (generator, restore) for name, (generator, restore, _) in trained.items()}
    methods = {"input": lambda image: image, **experiment.baselines}
    methods |= {name: restore for name, (_, restore) in networks.items()}
    metas = {name: meta for name, (_, _, meta) in trained.items()}

    run.workdir.mkdir(parents=True, exist_ok=True)
    images = run.workdir / "images"
    scores = {}
    for set_name, source in _test_sources(run, sets):
        started = time.monotonic()

        def keep(name, method, restored, set_name=set_name):
            path = report.image_path(images, set_name, name, method)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(restored).save(path)

        with pipeline.input_errors():
            scores[set_name] = metrics.score_set(methods, _pairs(run, source), experiment.protocol, keep)
        print(
            f"scored {set_name}: {len(source.images)} images in {time.monotonic() - started:.0f} s",
            flush=True,
        )

    detections = {}
    if detector:
        for name in scores:
            detections[name] = detection.evaluate(detector, _detector_cases(run, ours, name, scores[name]))
            print(f"detected objects in {name}", flush=True)

    results = {
        "experiment": experiment.name,
        "title": experiment.title,
        "citation": experiment.citation,
        "variant": run.variant_name,
        "preset": run.preset_name,
        "description": f"{_description(run)}; {preset.description}.",
        "data": {
            "train": ", ".join(FLAGS.train_data or ["photographs that ship inside scikit-image"]),
            "test": _named(sets),
            "size": _size_text(run),
            "degradation": experiment.degradation_text,
            "content loss": _content_text(run),
            "dropout at test time": "on" if run.variant.dropout_at_test else "off",
        },
        "protocol": str(experiment.protocol),
        "seed": run.seed,
        "weights_sha256": _per_method({name: checkpoint.weights_sha256(g) for name, (g, _) in networks.items()}),
        "commit": _commit(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("gandeblur", "tensorflow", "keras", "numpy", "pillow", "scikit-image")
        }
        | {"backend": keras.backend.backend()},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "training": {
            "steps": _per_method({name: meta["epoch"] * preset.steps_per_epoch for name, meta in metas.items()}),
            "batch size": preset.batch_size,
            "seconds": _per_method(
                {name: round(sum(meta["history"].get("epoch_s", []))) for name, meta in metas.items()}
            ),
            "generator parameters": trained[ours][0].count_params(),
        },
        "departures": _departures(run),
        "methods": list(methods),
        "ours": ours,
        "sets": scores,
        **({"detection": detections} if detections else {}),
        "paper": {"table": experiment.table, "rows": experiment.reported, "ranges": experiment.reported_ranges},
        "audit": _audit_rows(run, _papers_networks(run)),
        "history": _curves_of_all(metas, preset.steps_per_epoch),
    }
    metrics.write_csv(scores, run.workdir / "scores.csv")
    with replacing(run.results_path) as temporary:
        temporary.write_text(json.dumps(results, indent=1), encoding="utf-8")
    _print_scores(results)


def _description(run):
    if run.variant_name == ALL_VARIANTS:
        return "; ".join(f"{part.variant_name}: {part.variant.description}" for part in run.parts)
    return run.variant.description


def _trained(run):
    """(generator, function that restores an image, what the checkpoint says of the training) of one variant."""
    if not FLAGS.weights and not run.checkpoint_path.exists():
        raise InputError(f"{run.workdir}: holds no trained generator; run --stage=train first")
    if FLAGS.weights:
        meta = {"epoch": 0, "history": {}}
    else:
        _resumable(run)
        meta = checkpoint.read_meta(run.checkpoint_path)
    return *_restorer(run, run.variant, Path(FLAGS.weights) if FLAGS.weights else run.weights_path), meta


def _restorer(run, variant, weights):
    generator = variant.generator(run.preset.identity_noise)
    checkpoint.load_weights(weights, generator)
    value_range = run.preset.value_range
    return generator, restorer(generator, value_range, variant.size_multiple, variant.dropout_at_test)


def _test_sources(run, sets):
    """(name, source) of what is scored: every test set under every condition that applies to it."""
    for images in sets:
        if not run.experiment.test_conditions:
            yield images.name, _source(run, images)
        for name, condition in run.experiment.test_conditions.items():
            steps = condition.pair_degradations if images.has_pairs else condition.degradations
            if steps is not None:
                yield f"{images.name}-{name}", pipeline.Source(images, steps, run.preset.downsample)


def _pairs(run, source):
    """(name, degraded, sharp) as 8-bit arrays, one image at a time."""
    stream = pipeline.evaluation_stream(source, size_px=run.experiment.test_size_px, batch_size=1, seed=TEST_SEED)
    for name, (degraded, sharp) in zip(source.images.names, stream.as_numpy_iterator(), strict=True):
        yield name, metrics.to_uint8(degraded[0], (0, 1)), metrics.to_uint8(sharp[0], (0, 1))


def _detector_cases(run, ours, set_name, scores):
    """(image name, method -> stored image) of a scored set."""
    shown = ("input", ours, "sharp")
    for image in scores["images"]:
        paths = {method: report.image_path(run.workdir / "images", set_name, image["name"], method) for method in shown}
        yield image["name"], {method: read_image(path) for method, path in paths.items()}


def _content_text(run):
    if not any(part.variant.content for part in run.parts):
        return "none"
    if not run.preset.perceptual:
        return "mean absolute error of pixels"
    network, layer = run.experiment.perceptual
    return f"{network} {layer}, weights {Path(FLAGS.vgg_weights).name if FLAGS.vgg_weights else 'of Keras'}"


def _size_text(run):
    side, factor = run.experiment.test_size_px, run.preset.downsample
    shrunk = f", shrunk by {factor} (means)" if factor > 1 else ""
    return f"whole images{shrunk}" + (f", resized (bicubic) to {side}x{side}" if side else "")


def _curves(history, steps_per_epoch):
    """The history under the names by which the report groups curves into charts; {} without training."""
    if not history:
        return {}
    curves = {summaries.tag(name): values for name, values in history.items()}
    shown = {name: values for name, values in curves.items() if not name.startswith(("speed/", "validation/"))}
    return {
        "step": [steps_per_epoch * (epoch + 1) for epoch in range(len(history["val_loss"]))],
        **shown,
        "loss/validation": curves["validation/loss"],
        "val_psnr_db": curves["validation/psnr_db"],
    }


def _curves_of_all(metas, steps_per_epoch):
    """The curves of one run; of several side by side, the validation PSNR of each."""
    curves = {name: _curves(meta["history"], steps_per_epoch) for name, meta in metas.items()}
    if len(curves) == 1:
        return next(iter(curves.values()))
    steps = max((own["step"] for own in curves.values()), key=len)
    return {
        "step": steps,
        **{
            f"val_psnr_db/{name}": own["val_psnr_db"] + [None] * (len(steps) - len(own["step"]))
            for name, own in curves.items()
        },
    }


def _per_method(values):
    """The value of the only method, or all by name."""
    if len(values) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def _commit():
    """The checkout's commit, with "-dirty" when files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    git = ["git", "-C", str(root)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("-dirty" if changed.strip() else "")


def _print_scores(results):
    table = Table(title=f"{results['protocol'].split(':')[0]}: PSNR dB / SSIM")
    table.add_column("method")
    for name in results["sets"]:
        table.add_column(name, justify="right")
    for method in results["methods"]:
        means = [scores["methods"][method] for scores in results["sets"].values()]
        table.add_row(method, *(f"{m['psnr_db']['mean']:.2f} / {m['ssim']['mean']:.3f}" for m in means))
    Console().print(table)
    for name, found in results.get("detection", {}).items():
        print(f"{name}: objects as {found['detector']} finds them")
        table = Table("", *found["methods"])
        for metric in found["methods"]["sharp"]:
            table.add_row(metric, *(_cell(values[metric]) for values in found["methods"].values()))
        Console().print(table)


def _cell(value):
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


# Report --------------------------------------------------------------------------------------------------------


def _report(run):
    if not run.results_path.exists():
        raise InputError(f"{run.results_path}: no such file; run --stage=evaluate first")
    results = json.loads(run.results_path.read_text(encoding="utf-8"))
    for name in ("experiment", "variant", "preset"):
        if results[name] != (asked := run.identity()[name]):
            raise InputError(f"{run.results_path}: holds {name} {results[name]}, not {asked}; choose another --workdir")
    if "ranges" not in results["paper"]:
        raise InputError(f"{run.results_path}: an older version wrote it; run --stage=evaluate again")
    page = run.workdir / "report.html"
    report.write_report(results, run.workdir / "images", page)
    print(f"report: {page.resolve()}")
