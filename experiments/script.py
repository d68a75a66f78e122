"""The flags of an experiment's script: they become `Settings`, and the stages run."""

import sys
from pathlib import Path

from absl import app, flags, logging

from gandeblur.experiments.paper import Experiment
from gandeblur.errors import InputError, guarded
from gandeblur.experiments.settings import ALL_VARIANTS, QUICK, Settings, choose
from gandeblur.training.workers import leave

FLAGS = flags.FLAGS
ALL_STAGES = "all"
SERVE_STAGE = "serve"
STAGE_NAMES = (ALL_STAGES, "audit", "train", "evaluate", "report", SERVE_STAGE)

_DEFINED = [
    flags.DEFINE_string("stage", ALL_STAGES, f"what to do: {', '.join(STAGE_NAMES)}; several by commas"),
    flags.DEFINE_string("preset", None, "schedule"),
    flags.DEFINE_string("variant", None, "network and losses"),
    flags.DEFINE_list(
        "train_data", None, "folders of sharp photographs or pairs, packed or not; the embedded sample if left out"
    ),
    flags.DEFINE_list("test_data", None, "folders of sharp photographs or pairs; the embedded sample if left out"),
    flags.DEFINE_string("benchmarks", None, "folder that holds set5, set14, bsd100, instead of --test_data"),
    flags.DEFINE_string("blurred", None, "blur or blur_gamma: which blurred images, where a folder holds both"),
    flags.DEFINE_integer("downsample", None, "shrink images by this factor; the preset's if left out", lower_bound=1),
    flags.DEFINE_string("vgg_weights", None, "VGG weights of the perceptual loss (.npz or .h5); else downloaded"),
    flags.DEFINE_string("detector", None, "SavedModel folder or .tflite file: score what it finds in the test images"),
    flags.DEFINE_list("beside", None, "run folders or weights files of other generators, scored beside this one"),
    flags.DEFINE_string("workdir", None, "folder of this run; runs/EXPERIMENT/PRESET-VARIANT-DATA if left out"),
    flags.DEFINE_integer(
        "seed", 0, "of initial weights, crops, order and the training images' degradations", lower_bound=0
    ),
    flags.DEFINE_string("devices", "all", "all (every GPU, else the CPU) or cpu:N (N logical CPUs)"),
    flags.DEFINE_list("workers", [], "host:port of each machine that trains, the same list on each; or by TF_CONFIG"),
    flags.DEFINE_integer("worker_index", None, "which of --workers this is, from 0; worker 0 writes the run's files"),
    flags.DEFINE_float(
        "worker_timeout", 300.0, "seconds for which a machine that does not answer is waited for", lower_bound=0.1
    ),
    flags.DEFINE_list(
        "data_service", [], "grpc://host:port of servers that read and degrade; of one, --stage=serve, its own"
    ),
    flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "of the layers' arithmetic"),
    flags.DEFINE_integer(
        "batch_size", None, "images per step over all devices; the preset's if left out", lower_bound=1
    ),
    flags.DEFINE_integer(
        "accumulate", None, "add up the gradients of so many minibatches of batch_size for each step", lower_bound=1
    ),
    flags.DEFINE_float("ema", None, "decay, as 0.999, of an average of the generator's weights, which then restores"),
    flags.DEFINE_float(
        "learning_rate", None, "at the start, of the generator; the preset's if left out", lower_bound=1e-9
    ),
    flags.DEFINE_integer("epochs", None, "the preset's if left out", lower_bound=1),
    flags.DEFINE_float("minutes", None, "of training, instead of epochs: a cosine laid over them", lower_bound=0.01),
    flags.DEFINE_string("start", None, "generator weights (.weights.h5) or run folder to begin the training with"),
    flags.DEFINE_boolean("resume", True, "continue the run that the work folder holds"),
    flags.DEFINE_boolean(
        "skip_corrupt", False, "train on without the images that cannot be read, and count them; else one stops the run"
    ),
    flags.DEFINE_string(
        "weights",
        None,
        "generator weights to evaluate instead of training; described ones bring preset and variant along",
    ),
]


def main(experiment: Experiment) -> None:
    """Entry point of an experiment's script: parses the flags and runs the stages; exits non-zero on an error."""
    for flag in _DEFINED:
        FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS[flag.name])
    choices = {name: preset.description for name, preset in experiment.presets.items()}
    FLAGS["preset"].help = f"{QUICK} if left out, or that of described --weights: {_listed(choices)}"
    choices = {name: paper.description for name, paper in experiment.variants.items()}
    choices[ALL_VARIANTS] = "trains every variant and scores them side by side"
    FLAGS["variant"].help = f"the first if left out: {_listed(choices)}"
    FLAGS.set_default("verbosity", logging.WARNING)
    app.run(lambda argv: sys.exit(leave(run(experiment, argv))))


def run(experiment: Experiment, argv: list[str]) -> int:
    """Runs what the parsed flags say; returns the exit status."""

    def stages():
        if len(argv) > 1:
            raise InputError(f"{argv[1]}: unexpected argument; every option is a --flag=value, see --help")
        asked = FLAGS.stage.split(",")
        for stage in asked:
            if stage not in STAGE_NAMES:
                raise InputError(f"--stage={stage}: unknown; use one of {', '.join(STAGE_NAMES)}")
        settings = read(experiment)
        from gandeblur.experiments.stages import STAGES, run, serve

        if SERVE_STAGE in asked:
            serve(settings)
        else:
            run(settings, STAGES if ALL_STAGES in asked else asked)

    place = FLAGS.workdir or "the work folder"
    return guarded(stages, place, "the same command continues from the last finished epoch", "--workdir")


def read(experiment: Experiment) -> Settings:
    """The settings that the parsed flags make. Described weights bring the schedule and variant that are not given.

    Raises:
        InputError: see `choose`; or the description tells of another network than the schedule of this version.
    """
    names = [flag.name for flag in _DEFINED if flag.name != "stage"]
    given = {name: FLAGS[name].value for name in names}
    told = _told(experiment, given["weights"])
    brought = {name: told["settings"][name] for name in ("preset", "variant") if told and not given[name]}
    settings = choose(experiment, **given | brought)
    if told:
        from gandeblur.experiments import description

        differs = description.difference(told["generator"], description.generator(settings))
        if differs:
            raise InputError(f"{settings.weights}: tells of {differs}; name the --preset and --variant that fit")
    return settings


def _told(experiment, weights):
    """The description of weights, if they have one and it tells of a schedule of this experiment."""
    if not weights or not Path(weights).exists():
        return {}
    from gandeblur.experiments import description

    told = description.of_weights(Path(weights))
    known = told and told["paper"]["experiment"] == experiment.paper.name
    return told if known and told["settings"]["preset"] in experiment.presets else {}


def _listed(choices: dict[str, str]) -> str:
    return "; ".join(f"{name} ({description})" for name, description in choices.items())
