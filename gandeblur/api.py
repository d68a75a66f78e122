"""The functions of `import gandeblur`, which the command calls as well.

gandeblur.list_models()
network = gandeblur.build("deblurgan")
deblur = gandeblur.load("runs/gan_d/quick-combined")
deblur("photo.jpg").save("restored.png")
run = gandeblur.train("sharingan", data=["PAIRS"])
gandeblur.evaluate(run, "TEST").report()
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gandeblur.errors import InputError

if TYPE_CHECKING:  # TensorFlow is imported by the first call, not by `import gandeblur`
    import keras

    from gandeblur.evaluation.results import Results
    from gandeblur.inference.restore import Deblurrer
    from gandeblur.stages.run import Settings

Folders = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Run:
    """A trained run: `settings` say what it is, `folder` where it lives."""

    settings: Settings

    @property
    def folder(self) -> Path:
        return self.settings.workdir

    @property
    def history(self) -> dict[str, list[float]]:
        """Name -> one value per finished epoch: losses, gradient norms, rates, times, `val_loss`, `val_psnr_db`."""
        from gandeblur.training import checkpoint

        return (checkpoint.peek(self.settings.checkpoint_path) or {"history": {}})["history"]


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a run: its `results`, and the page about them."""

    run: Run
    results: Results

    def report(self) -> Path:
        """Writes `report.html` into the run's folder and returns its path."""
        from gandeblur.stages import sequence

        return sequence.report(self.run.settings)


def list_models(pretrained: bool = False) -> list[str]:
    """Names of papers, for `build`; if pretrained, of trained networks, for `load` and as `build`'s weights.

    >>> gandeblur.list_models(pretrained=True)
    ['dark_channel_gan', 'deblurgan', 'deblurgan-eye', 'gan_d', 'hkust_gan', 'hkust_gan-eye', 'ird_gan', 'sharingan']
    """
    if pretrained:
        from gandeblur import weights

        return weights.names()
    from gandeblur.experiments.papers import EXPERIMENTS

    return sorted(EXPERIMENTS)


def build(name: str, weights: str | Path | None = None, dtype: str | None = None) -> keras.Model:
    """A paper's generator, at the widths that the paper gives.

    >>> gandeblur.build("deblurgan").count_params()
    11378179

    Args:
        name: of the paper, one of `list_models()`.
        weights: None: random ones. Or weights of the same paper, as `load` takes them: the network then has the widths
            with which they were trained.
        dtype: policy of the layers, "float32", "mixed_bfloat16" and so on; None: Keras' present one.

    Returns:
        A functional model from float32 `[B, H, W, 3]` to the same, in the paper's value range ([-1, 1], or [0, 255] for
        GAN-D; `load(...).value_range` for trained weights).

    Raises:
        InputError: there is no such paper, or the weights are of another.
    """
    import keras

    from gandeblur.experiments.papers import find
    from gandeblur.stages import opening

    experiment = find(name)
    with _unchanged():
        if dtype:
            keras.config.set_dtype_policy(dtype)
        if weights is None:
            return experiment.paper.generator.build(experiment.paper.data.crop_px)
        deblur = opening.deblurrer(Path(weights))
    if (of := deblur.description["paper"]["experiment"]) != name:
        raise InputError(f"{weights}: are weights of {of}, not of {name}")
    return deblur.generator


def load(path: str | Path, *, precision: str | None = None) -> Deblurrer:
    """Opens a trained generator.

    Args:
        path: a name that `gandeblur models` lists, a run's folder, or a weights file with its description beside it
            (`NAME.json` for `NAME.weights.h5`).
        precision: "float32" (Keras' policy, if left out) or "bfloat16", which some processors compute twice as fast.

    Returns:
        A function from a picture to the restored picture, see `inference.restore.Deblurrer`; its `generator` is the
        Keras model.

    Raises:
        InputError: there is no description or no generator, or the two do not fit.
    """
    from gandeblur.stages import opening

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
    """Trains, or goes on with the training in the work folder.

    Args:
        experiment: "gan_d", "sharingan" and so on: one of `list_models()`.
        data: folders of photographs or pairs; the embedded photographs if left out.
        preset: the schedule, "quick" if left out; "paper" is the paper's own.
        variant: of the network and its losses, the paper's own if left out.
        workdir: folder of the run, `runs/EXPERIMENT/PRESET-VARIANT-DATA` if left out.
        others: `epochs=`, `batch_size=` and so on: the options of `gandeblur train`, see `stages.run.Settings`.

    Returns:
        The run: its `folder`, and the `history` of its losses and scores.

    Raises:
        InputError: something of this is wrong; nothing has been overwritten.
    """
    from gandeblur.experiments.papers import find
    from gandeblur.stages import sequence
    from gandeblur.stages.run import choose

    chosen = {"preset": preset, "variant": variant, "workdir": workdir, "train_data": _folders(data), **others}
    with _unchanged():
        settings = choose(find(experiment), **chosen)
        sequence.run(settings, ["train"])
    return Run(settings)


def evaluate(run: Run | str | Path, test: Folders = (), **others: Any) -> Evaluation:
    """Scores a trained run and stores scores and restored pictures in its folder.

    Args:
        run: as `train` returns it, or the folder.
        test: folders of photographs or pairs; the embedded photographs if left out.
        others: `benchmarks`, `blurred`, `detector`, `beside`: see `stages.run.Settings`.

    Raises:
        InputError: something of this is wrong, or the folder holds no trained run.
    """
    from gandeblur.stages import opening, sequence
    from gandeblur.stages.run import checked

    settings = run.settings if isinstance(run, Run) else opening.settings(Path(run))
    with _unchanged():
        # Not the choices of the training's own test.
        chosen = {"benchmarks": None, "detector": None, "beside": (), **checked(others)}
        settings = dataclasses.replace(settings, **chosen, test_data=_folders(test))
        results = sequence.run(settings, ["evaluate"])
    if results is None:
        raise InputError(f"worker {settings.worker_index}: evaluates nothing; worker 0 does")
    return Evaluation(Run(settings), results)


@contextmanager
def _unchanged() -> Iterator[None]:
    """Keras' dtype policy and the random numbers of Python and NumPy are afterwards what they were.

    An error names options as arguments.
    """
    import keras

    policy, numbers, numpy_numbers = keras.config.dtype_policy(), random.getstate(), np.random.get_state()
    try:
        yield
    except InputError as error:
        raise error.in_python() from error
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(numbers)
        np.random.set_state(numpy_numbers)


def _folders(folders: Folders) -> tuple[str, ...]:
    return (str(folders),) if isinstance(folders, str | Path) else tuple(map(str, folders))
