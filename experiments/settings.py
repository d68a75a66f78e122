"""What one run is: an experiment, a variant, a schedule, and what its user chose. Every stage is a function of it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gandeblur.experiments.paper import Experiment, Paper, changed
from gandeblur.data import service
from gandeblur.errors import InputError
from gandeblur.experiments.departures import departures
from gandeblur.training import checkpoint
from gandeblur.training.schedules import OverTime
from gandeblur.training.workers import Workers, check_address, resolve

ALL_VARIANTS = "all"
QUICK = "quick"  # the schedule unless told otherwise
MOST_EPOCHS = 1_000_000  # of a training that ends by the clock


@dataclass(frozen=True)
class Settings:
    """A run. Build it by `choose`, which checks the names and fills in the work folder.

    Attributes:
        experiment: variants and schedules.
        variant: name, or "all": every variant in a folder of its own, scored side by side.
        preset: name of the schedule.
        workdir: where the run lives.
        train_data, test_data: folders of photographs or pairs, packed or not; empty: the embedded photographs.
        benchmarks: folder that holds set5, set14, bsd100, in place of `test_data`.
        blurred: "blur" or "blur_gamma": which blurred images, where a folder holds both.
        downsample, batch_size, epochs: in place of the schedule's; None: as it says.
        learning_rate: the same; the discriminator's too, where the schedule gives it none of its own.
        accumulate: minibatches of the batch size whose gradients are added up to one step; None: 1.
        ema: decay of a running average of the generator's weights, which then restores, as in 0.999; None: no average.
        minutes: of training, in place of the schedule's epochs and its course of the learning rate.
        vgg_weights: file of VGG's weights; None: Keras downloads them.
        detector: SavedModel folder or LiteRT file that judges the restored images; None: no such judge.
        beside: run folders or weights files of other generators, scored beside this one.
        weights: generator weights to score, in place of a training.
        start: weights file or run folder whose generator the training begins with, in place of random weights.
        seed: of initial weights, crops, order and the training images' degradations.
        devices: "all" (every GPU, else the CPU) or "cpu:N".
        workers: "host:port" of each machine that trains, the first one the chief; empty: this machine alone.
        worker_index: which of them this process is; None: one machine.
        worker_timeout: seconds for which another machine that does not answer is waited for.
        data_service: "grpc://host:port" of the servers that read and degrade the training images; empty: each worker
            does that itself. Of a server, its own.
        precision: "float32" or "bfloat16", of the layers' arithmetic.
        resume: whether to go on with the run that the work folder holds.
        skip_corrupt: whether another image takes the place of one that cannot be read, or the training stops.
    """

    experiment: Experiment = field(repr=False)
    variant: str
    preset: str
    workdir: Path
    train_data: tuple[str, ...] = ()
    test_data: tuple[str, ...] = ()
    benchmarks: str | None = None
    blurred: str | None = None
    downsample: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    accumulate: int | None = None
    ema: float | None = None
    minutes: float | None = None
    vgg_weights: str | None = None
    detector: str | None = None
    beside: tuple[str, ...] = ()
    weights: str | None = None
    start: str | None = None
    seed: int = 0
    devices: str = "all"
    workers: tuple[str, ...] = ()
    worker_index: int | None = None
    worker_timeout: float = 300.0
    data_service: tuple[str, ...] = ()
    precision: str = "float32"
    resume: bool = True
    skip_corrupt: bool = False

    @property
    def paper(self) -> Paper:
        """The variant at this run's size (of several variants, the first one)."""
        smaller = self.experiment.presets[self.preset].of(self.papers_own)
        names = ("downsample", "batch_size", "epochs", "learning_rate", "accumulate", "ema")
        changes = {name: getattr(self, name) for name in names if getattr(self, name)}
        if self.minutes:
            changes |= {"schedule": OverTime(self.minutes), "epochs": MOST_EPOCHS}
        return changed(smaller, **changes)

    @property
    def papers_own(self) -> Paper:
        """The variant as the paper has it."""
        variants = self.experiment.variants
        return self.experiment.paper if self.variant == ALL_VARIANTS else variants[self.variant]

    @property
    def departures(self) -> list[str]:
        return departures(self.papers_own, self.paper)

    @property
    def parts(self) -> "list[Settings]":
        """The runs that train: itself, or one for each variant in a folder of its own."""
        if self.variant != ALL_VARIANTS:
            return [self]
        return [
            dataclasses.replace(self, variant=name, workdir=self.workdir / name) for name in self.experiment.variants
        ]

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
        """The generator's weights: those named, or those that the training leaves."""
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


def choose(
    experiment: Experiment,
    *,
    variant: str | None = None,
    preset: str | None = None,
    workdir: str | Path | None = None,
    **others: Any,
) -> Settings:
    """The settings with these choices; what is None is left to its default.

    Raises:
        InputError: an unknown variant or schedule, or choices that exclude each other.
    """
    default = next(iter(experiment.variants))
    variant = _one_of("--variant", variant or default, [*experiment.variants, ALL_VARIANTS])
    preset = _one_of("--preset", preset or QUICK, list(experiment.presets))
    given = {name: value for name, value in others.items() if value is not None}
    for name in ("train_data", "test_data", "beside", "workers", "data_service"):
        if name in given:
            given[name] = tuple(str(folder) for folder in given[name])
    if not 0 < given.get("ema", 0.5) < 1:
        raise InputError(f"--ema={given['ema']:g}: a decay is between 0 and 1, such as 0.999")
    given["workers"], given["worker_index"] = resolve(given.get("workers", ()), given.get("worker_index"))
    for address in given.get("data_service", ()):
        check_address(f"--data_service={address}", service.host_and_port(address))
    weights = given.get("weights")
    if weights and variant == ALL_VARIANTS:
        raise InputError(f"--weights={weights}: belongs to one variant; name it with --variant")
    if not workdir:
        # The data's names are part of it: the same schedule on other data is another run.
        data = "+".join(Path(folder).resolve().name for folder in given.get("train_data", ()))[:80]
        parts = [preset, variant, data, Path(weights).name if weights else ""]
        workdir = Path("runs") / experiment.paper.name / "-".join(filter(None, parts))
    settings = Settings(experiment, variant, preset, Path(workdir), **given)
    if weights and checkpoint.exists(settings.checkpoint_path):
        raise InputError(f"{settings.checkpoint_path}: holds a run of its own; give --weights another --workdir")
    return settings


def _one_of(flag: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InputError(f"{flag}={value}: unknown; use one of {', '.join(allowed)}")
    return value
