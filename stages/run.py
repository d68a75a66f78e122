"""One run: an experiment, a variant, a schedule, and its user's choices. Every stage is a function of it.

A field of `Settings` with a help text is an option: of the scripts, of the command, of `gandeblur.train`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from gandeblur.data import service
from gandeblur.errors import InputError
from gandeblur.experiments.differences import departures
from gandeblur.experiments.spec import Experiment, Paper
from gandeblur.training import checkpoint
from gandeblur.training.schedules import OverTime
from gandeblur.training.workers import Workers, check_address, resolve

ALL_VARIANTS = "all"
QUICK = "quick"  # the schedule unless told otherwise
MOST_EPOCHS = 1_000_000  # of a training that ends by the clock


def _option(default: Any, help: str, *, least: float | None = None, choices: Sequence[str] = ()) -> Any:
    """A field that is an option; `least`: the smallest number that it may be."""
    return field(default=default, metadata={"help": help, "least": least, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """A run. Build it by `choose`, which checks the names and fills in the work folder."""

    experiment: Experiment = field(repr=False)
    variant: str = _option(None, "network and losses, the first if left out; several by commas, or all: side by side")
    preset: str = _option(None, f"schedule, {QUICK} if left out")
    workdir: Path = _option(None, "folder of this run; runs/EXPERIMENT/PRESET-VARIANT-DATA if left out")
    train_data: tuple[str, ...] = _option((), "folders of photographs or pairs; the embedded photographs if left out")
    train_images: int | None = _option(
        None, "of each folder, so many, evenly spaced: the papers' 1,000 or 500; all if left out", least=1
    )
    test_data: tuple[str, ...] = _option((), "the same, to score on")
    benchmarks: str | None = _option(None, "folder that holds set5, set14, bsd100, 'ODCNN set', in place of test_data")
    blurred: str | None = _option(None, "blur or blur_gamma: which blurred images, where a folder holds both")
    downsample: int | None = _option(None, "shrink images by this factor; the preset's if left out", least=1)
    batch_size: int | None = _option(None, "images per step over all devices; the preset's if left out", least=1)
    epochs: int | None = _option(None, "the preset's if left out", least=1)
    learning_rate: float | None = _option(
        None, "at the start; also the discriminator's, if it has none of its own", least=1e-9
    )
    accumulate: int | None = _option(None, "add up the gradients of so many minibatches for each step", least=1)
    ema: float | None = _option(None, "decay, as 0.999, of an average of the generator's weights, which restores")
    minutes: float | None = _option(None, "of training, in place of epochs: a cosine laid over them", least=0.01)
    vgg_weights: str | None = _option(
        None, "VGG weights (.npz or .h5): of losses by its features, else downloaded; of scores by them"
    )
    detector: str | None = _option(None, "SavedModel folder, .tflite or .onnx file: score what it finds")
    beside: tuple[str, ...] = _option((), "runs or weights files of other generators, scored as well")
    weights: str | None = _option(None, "generator weights to evaluate instead of training; or DeblurGAN's own, .pth")
    start: str | None = _option(None, "weights file or run folder whose generator the training begins with")
    seed: int = _option(0, "of initial weights, crops, order and degradations", least=0)
    devices: str = _option("all", "all (every GPU, else the CPU) or cpu:N (N logical CPUs)")
    workers: tuple[str, ...] = _option((), "host:port of each machine, the chief first; or by TF_CONFIG")
    worker_index: int | None = _option(None, "which of the workers this is; 0, the chief, writes the files")
    worker_timeout: float = _option(300.0, "seconds for which a silent machine is waited for", least=0.1)
    data_service: tuple[str, ...] = _option((), "grpc://host:port of servers that read; its own, of a server")
    precision: str = _option("float32", "of the layers' arithmetic", choices=("float32", "bfloat16"))
    resume: bool = _option(True, "continue the run that the work folder holds")
    skip_corrupt: bool = _option(False, "train on without the images that cannot be read, and count them")

    @cached_property
    def paper(self) -> Paper:
        """The variant at this run's size (of several variants, the first one)."""
        paper = self.experiment.presets[self.preset].of(self.papers_own)
        names = ("batch_size", "epochs", "learning_rate", "accumulate", "ema")
        changes = {name: getattr(self, name) for name in names if getattr(self, name)}
        if self.minutes:
            changes |= {"schedule": OverTime(self.minutes), "epochs": MOST_EPOCHS}
        data = replace(paper.data, downsample=self.downsample) if self.downsample else paper.data
        return replace(paper, data=data, training=replace(paper.training, **changes))

    @property
    def variants(self) -> list[str]:
        """The names of those that train."""
        return list(self.experiment.variants) if self.variant == ALL_VARIANTS else self.variant.split(",")

    @cached_property
    def papers_own(self) -> Paper:
        """The variant as the paper has it."""
        return self.experiment.by_name[self.variants[0]]

    @cached_property
    def departures(self) -> list[str]:
        return departures(self.papers_own, self.paper)

    @cached_property
    def parts(self) -> "list[Settings]":
        """The runs that train: itself, or one for each variant in a folder of its own."""
        if self.variants == [self.variant]:
            return [self]
        return [dataclasses.replace(self, variant=name, workdir=self.workdir / name) for name in self.variants]

    @property
    def named_parts(self) -> "dict[str, Settings]":
        """Method -> run: the paper's name for one; side by side, the variants', as several may share the paper's."""
        parts = self.parts
        return {part.variant if len(parts) > 1 else part.paper.ours: part for part in parts}

    @property
    def cluster(self) -> Workers | None:
        """The machines that train, of several."""
        if self.worker_index is None:
            return None
        return Workers(self.workers, self.worker_index, self.worker_timeout)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run's files, scores and reports."""
        return not self.worker_index

    @property
    def checkpoint_path(self) -> Path:
        return self.workdir / checkpoint.CHECKPOINT_FILE

    @property
    def weights_path(self) -> Path:
        """The file of the generator's weights: the one named, or the training's own."""
        return Path(self.weights) if self.weights else self.workdir / checkpoint.WEIGHTS_FILE

    @property
    def start_path(self) -> Path | None:
        """The weights file that the training begins with."""
        start = Path(self.start) if self.start else None
        return start / checkpoint.WEIGHTS_FILE if start and start.is_dir() else start

    @property
    def image_folder(self) -> Path:
        return self.workdir / "images"

    @property
    def results_path(self) -> Path:
        return self.workdir / "results.json"

    @property
    def report_path(self) -> Path:
        return self.workdir / "report.html"


def options() -> dict[str, dataclasses.Field]:
    """The fields of `Settings` that a user chooses, by name; their `metadata`: see `_option`."""
    return {one.name: one for one in dataclasses.fields(Settings) if one.metadata}


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those options of a user's that are not None, each as its field has it.

    Raises:
        InputError: an option that there is not, or a number that is too small.
    """
    known, chosen = options(), {}
    for name, value in given.items():
        if name not in known:
            raise InputError(f"{name}: no such option; there are {', '.join(known)}")
        if value is None:
            continue
        least = known[name].metadata["least"]
        if least is not None and value < least:
            raise InputError(f"--{name}={value:g}: must be {least:g} or more")
        if isinstance(known[name].default, tuple):  # a single folder is no list of letters
            value = (str(value),) if isinstance(value, str | Path) else tuple(map(str, value))
        chosen[name] = value
    return chosen


def choose(experiment: Experiment, **given: Any) -> Settings:
    """The settings with these choices, see `options`; a choice of None is left to its default.

    Raises:
        InputError: an unknown option, variant or schedule, or choices that exclude each other.
    """
    chosen = checked(given)
    default = next(iter(experiment.variants))
    variant = chosen.pop("variant", default)
    several = variant.split(",")
    for name in several:
        _one_of("--variant", name, [*experiment.by_name, *[ALL_VARIANTS] * (len(several) == 1)])
    if len(set(several)) < len(several):
        raise InputError(f"--variant={variant}: names one twice")
    preset = _one_of("--preset", chosen.pop("preset", QUICK), list(experiment.presets))
    _one_of("--precision", chosen.get("precision", "float32"), options()["precision"].metadata["choices"])
    if not 0 < chosen.get("ema", 0.5) < 1:
        raise InputError(f"--ema={chosen['ema']:g}: a decay is between 0 and 1, such as 0.999")
    chosen["workers"], chosen["worker_index"] = resolve(chosen.get("workers", ()), chosen.get("worker_index"))
    for address in chosen.get("data_service", ()):
        check_address(f"--data_service={address}", service.host_and_port(address))
    weights = chosen.get("weights")
    if weights and (variant == ALL_VARIANTS or len(several) > 1):
        raise InputError(f"--weights={weights}: belongs to one variant; name it with --variant")
    workdir = chosen.pop("workdir", None)
    if not workdir:
        # The data's names are part of it: the same schedule on other data is another run.
        data = "+".join(Path(folder).resolve().name for folder in chosen.get("train_data", ()))[:80]
        parts = [preset, "+".join(several), data, Path(weights).name if weights else ""]
        workdir = Path("runs") / experiment.paper.name / "-".join(filter(None, parts))
    settings = Settings(experiment, variant, preset, Path(workdir), **chosen)
    if weights and checkpoint.exists(settings.checkpoint_path):
        raise InputError(f"{settings.checkpoint_path}: holds a run of its own; give --weights another --workdir")
    return settings


def _one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InputError(f"{option}={value}: unknown; use one of {', '.join(allowed)}")
    return value
