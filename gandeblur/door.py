"""The door: what `import gandeblur` offers, and what the scripts and the command call.

deblur = gandeblur.load("runs/gan_d/quick-combined")
deblur("photo.jpg").save("restored.png")
run = gandeblur.train("sharingan", data=["PAIRS"])
gandeblur.evaluate(run, "TEST").report()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandeblur.errors import InputError

if TYPE_CHECKING:  # TensorFlow is imported by the first call, not by `import gandeblur`
    from gandeblur.evaluation.results import Results
    from gandeblur.experiments.settings import Settings
    from gandeblur.inference.restore import Deblurrer

Folders = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Run:
    """A trained run: `settings` say what it is, `folder` where it lives."""

    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.workdir


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation of a run found: `results`, and the page about them."""

    settings: Settings
    results: Results

    def report(self) -> Path:
        """Writes `report.html` into the run's folder and returns its path."""
        from gandeblur.experiments import stages

        return stages.report(self.settings)


def load(path: str | Path, *, precision: str | None = None) -> Deblurrer:
    """Opens a trained generator.

    Args:
        path: a name that `gandeblur models` lists, a run's folder, or a weights file with its description beside it
            (`NAME.json` for `NAME.weights.h5`).
        precision: "float32" (Keras' policy, if left out) or "bfloat16", which some processors compute twice as fast.

    Returns:
        A function from a picture to the restored picture, see `inference.restore.Deblurrer`.

    Raises:
        InputError: there is no description or no generator, or the two do not fit.
    """
    from gandeblur.experiments import opening

    return opening.deblurrer(Path(path), precision)


def train(
    experiment: str,
    data: Folders = (),
    *,
    preset: str | None = None,
    variant: str | None = None,
    workdir: str | Path | None = None,
    **others: Any,
) -> Run:
    """Trains, or goes on with what the work folder holds.

    Args:
        experiment: "gan_d", "sharingan" and so on: a name in `experiments.papers.EXPERIMENTS`.
        data: folders of photographs or pairs; the embedded photographs if left out.
        preset: the schedule, "quick" if left out.
        variant: of the network and its losses, the paper's own if left out.
        workdir: folder of the run, `runs/EXPERIMENT/PRESET-VARIANT-DATA` if left out.
        others: see `experiments.settings.Settings`.

    Raises:
        InputError: something of this is wrong; nothing has been overwritten.
    """
    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.experiments import stages
    from gandeblur.experiments.settings import choose

    if experiment not in EXPERIMENTS:
        raise InputError(f"{experiment}: unknown experiment; use one of {', '.join(EXPERIMENTS)}")
    chosen = {"preset": preset, "variant": variant, "workdir": workdir, "train_data": _folders(data), **others}
    settings = choose(EXPERIMENTS[experiment], **chosen)
    stages.run(settings, ["train"])
    return Run(settings)


def evaluate(run: Run | str | Path, test: Folders = (), **others: Any) -> Evaluation:
    """Scores a trained run and stores scores and restored pictures in its folder.

    Args:
        run: what `train` returned, or the folder.
        test: folders of photographs or pairs; the embedded photographs if left out.
        others: `benchmarks`, `blurred`, `detector`, `beside`: see `experiments.settings.Settings`.

    Raises:
        InputError: something of this is wrong, or the folder holds no trained run.
    """
    from gandeblur.experiments import opening, stages

    settings = run.settings if isinstance(run, Run) else opening.settings(Path(run))
    chosen = {"benchmarks": None, "detector": None, "beside": (), **others}  # not those of the training's own test
    settings = dataclasses.replace(settings, **chosen, test_data=_folders(test))
    results = stages.run(settings, ["evaluate"])
    if results is None:
        raise InputError(f"worker {settings.worker_index}: evaluates nothing; worker 0 does")
    return Evaluation(settings, results)


def _folders(folders: Folders) -> tuple[str, ...]:
    return (str(folders),) if isinstance(folders, str | Path) else tuple(map(str, folders))
