"""The description of a run, `run.json`: all that a reader, a resumed training or an opened folder has to know."""

import dataclasses
import datetime
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras

from gandeblur.data.degradations import in_words
from gandeblur.errors import InputError
from gandeblur.experiments.differences import as_data, differences
from gandeblur.experiments.spec import Network
from gandeblur.files import write_json
from gandeblur.stages.provenance import commit, versions
from gandeblur.stages.run import MOST_EPOCHS, Settings
from gandeblur.training import checkpoint, weight_files
from gandeblur.training.checkpoint import CHECKPOINT_FILE, RUN_FILE, WEIGHTS_FILE
from gandeblur.weights import names

FORMAT = 2
# What may differ, in format 1, between a run and its continuation.
_FREE = ("epochs", "length", "devices", "workers", "data_service", "vgg_weights")


def describe(settings: Settings) -> dict:
    """One variant's run as JSON-able values: sections of labels and values."""
    paper, own = settings.paper, settings.papers_own
    description = {
        "format": FORMAT,
        "paper": {
            "experiment": paper.name,
            "title": paper.title,
            "citation": paper.citation,
            "undoes": paper.purpose,
            "variant": f"{settings.variant}: {paper.description}",
            "trained_by": paper.trained_by(own),
            "preset": f"{settings.preset}: {settings.experiment.presets[settings.preset].description}",
        },
        "generator": generator(settings),
        "discriminator": _network(paper.discriminator) if paper.discriminator else None,
        "losses": {
            "generator": [term.description for term in paper.generator_terms],
            "discriminator": [term.description for term in paper.discriminator_terms],
        },
        "training": {
            "optimizer": "Adam" + ", the generator's in the cosine basis of its kernels" * paper.training.cosine_basis,
            "learning_rate": paper.training.learning_rate,
            "discriminator_rate": paper.training.actual_discriminator_rate,
            "beta_1": paper.training.beta_1,
            "epsilon": paper.training.epsilon,
            "schedule": str(paper.training.schedule),
            "batch_size": paper.training.batch_size,
            # None where it is as it was before there was a choice: older runs are resumed.
            "accumulate": paper.training.accumulate if paper.training.accumulate > 1 else None,
            "ema": paper.training.ema,
            "steps_per_epoch": paper.training.steps_per_epoch,
            "epochs": None if paper.training.minutes else paper.training.epochs,
            "length": f"{paper.training.length} (the paper: {own.training.length})",
            "steps_of_each_network_per_step": {
                "discriminator": paper.training.discriminator_steps if paper.discriminator else 0,
                "generator": paper.training.generator_steps,
            },
        },
        "data": {
            "train": [str(Path(folder).resolve()) for folder in settings.train_data] or ["scikit-image's photographs"],
            "blurred": settings.blurred,
            "photographs": in_words(paper.data.photographs),
            "pairs": None if paper.data.pairs is None else in_words(paper.data.pairs),
            "crop_px": paper.data.crop_px,
            "downsample": paper.data.downsample,
            "max_zoom": paper.data.max_zoom,
            "turned": paper.data.turned or None,  # None: as "accumulate"
            "cut": None if paper.data.cut == "anywhere" else paper.data.cut,
            "train_images": settings.train_images,
            **({} if paper.data.shrinking == "means" else {"shrinking": paper.data.shrinking}),
            **({} if paper.data.shrunk == "all" else {"shrunk": paper.data.shrunk}),
        },
        "run": {
            "seed": settings.seed,
            "precision": settings.precision,
            "devices": settings.devices,
            "workers": settings.workers,
            "data_service": settings.data_service,
            "vgg_weights": settings.vgg_weights,
            "start": settings.start_path
            and f"{settings.start_path} ({weight_files.file_sha256(settings.start_path)[:16]})",
        },
        "identity": identity(settings),
        "departures": settings.departures,
        "settings": _choices(settings),
        "versions": versions(),
        "commit": commit(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return json.loads(json.dumps(description))


def identity(settings: Settings) -> dict:
    """The identity of a run, as data: all that may not differ between it and its continuation."""
    paper = settings.paper
    training = {name: value for name, value in as_data(paper.training).items() if name != "epochs"}
    if paper.training.minutes:
        training["schedule"] = {name: value for name, value in training["schedule"].items() if name != "minutes"}
    return {
        "generator": generator(settings),
        "discriminator": _network(paper.discriminator) if paper.discriminator else None,
        "losses": {"generator": as_data(paper.generator_terms), "discriminator": as_data(paper.discriminator_terms)},
        "training": training,
        "data": {
            **{name: value for name, value in as_data(paper.data).items() if name not in ("is", "test")},
            "train": [str(Path(folder).resolve()) for folder in settings.train_data],
            "blurred": settings.blurred,
            **({"train_images": settings.train_images} if settings.train_images else {}),
        },
        "run": {
            "seed": settings.seed,
            "precision": settings.precision,
            "start": settings.start_path and weight_files.file_sha256(settings.start_path)[:16],
        },
    }


def generator(settings: Settings) -> dict:
    """The section of the description that says how the generator restores."""
    paper = settings.paper
    section = _network(paper.generator) | {"value_range": paper.value_range, "dropout_at_test": paper.dropout_at_test}
    return json.loads(json.dumps(section))


def read(path: Path) -> dict:
    """The description in a run folder, or beside a weights file (`NAME.json`, or `run.json`).

    Raises:
        InputError: there is none, or it cannot be read.
    """
    if not path.exists():
        known = f", or one of {', '.join(names())}" if names() else ""
        raise InputError(f"{path}: no such file or folder; give a run's folder, or its weights file{known}")
    file = _file(path)
    if file is None:
        runs = sorted(place.parent.name for place in path.glob(f"*/{RUN_FILE}")) if path.is_dir() else []
        remedy = (
            f"choose one of its runs: {', '.join(runs)}" if runs else f"it needs a {RUN_FILE}, as a training writes"
        )
        raise InputError(f"{path}: is not described; {remedy}")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        if description["format"] not in (1, FORMAT):
            raise InputError(f"{file}: another version wrote it; train again")
        return upgraded(description)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: cannot be read as a run's description; train again") from error


def upgraded(description: dict) -> dict:
    """A description of format 1 as one of format 2, but for its "identity", which cannot be had from its words."""
    if description["format"] == FORMAT:
        return description
    card = {**description, "format": FORMAT}
    if card["training"]["epochs"] == MOST_EPOCHS:  # as format 1 says "by the clock"
        card["training"] = {**card["training"], "epochs": None}
    if "phases" in card.get("weights", ()):
        phases = [{**phase, "trained_by": _in_kinds(phase["losses"])} for phase in card["weights"]["phases"]]
        card["weights"] = {**card["weights"], "phases": phases}
    card["paper"] = {**card["paper"], "trained_by": _in_kinds(card["losses"]["generator"])}
    return card


def trained_by(phases: Sequence[Mapping]) -> str:
    """What trained a network, of a card's phases: "pixels, then pixels + adversary (5 % of the gradient)"."""
    words = []
    for phase in phases:
        share = phase.get("adversary_share")
        words.append(phase["trained_by"] + (f" ({100 * share:.0f} % of the gradient)" if share else ""))
    return ", then ".join(dict.fromkeys(words)) or "-"


def _in_kinds(losses):
    """What losses train by, of their words in format 1; see `Paper.trained_by`."""
    kinds = {"pixels": "restored, sharp", "features": "VGG", "adversary": "fake_logits"}
    return " + ".join(kind for kind, mark in kinds.items() if any(mark in loss for loss in losses))


def load_generator(path: Path, network: keras.Model) -> dict:
    """Loads the generator of a run folder or a weights file. Where a description states its hash, it must have it.

    Args:
        path: a run folder, or a weights file, described or not. The weights file of a run folder is read as its run is.
        network: gets the weights.

    Returns:
        The checkpoint's `meta` of the weights' epoch; without a checkpoint, epoch 0 and no history.

    Raises:
        InputError: there are no weights, they do not fit, or the description tells of others.
    """
    folder, own = _folder(path)
    if own and checkpoint.exists(folder / CHECKPOINT_FILE):
        return checkpoint.load_generator(folder, network)
    card = of_weights(path)
    weights = folder / WEIGHTS_FILE if own else path
    weight_files.load_weights(weights, network, card.get("weights", {}).get("sha256"), _file(path))
    return {"epoch": 0, "history": {}}


def of_weights(path: Path) -> dict:
    """The description of the weights of a run folder or in a file; {} if they have none.

    A run's description speaks of the run's own weights, not of another file in its folder.

    Raises:
        InputError: it cannot be read.
    """
    file = _file(path)
    return read(path) if file and (_folder(path)[1] or file.name != RUN_FILE) else {}


def _folder(path: Path) -> tuple[Path, bool]:
    """The folder of weights, and whether they are those of a run in it."""
    folder = path if path.is_dir() else path.parent
    return folder, path in (folder, folder / WEIGHTS_FILE)


def _file(path: Path) -> Path | None:
    """The description's file, if there is one."""
    beside = path.with_name(path.name.removesuffix(".weights.h5").removesuffix(".npz") + ".json")
    places = [path / RUN_FILE] if path.is_dir() else [beside, path.parent / RUN_FILE]
    return next((place for place in places if place.is_file()), None)


def difference(held: Mapping, asked: Mapping) -> str | None:
    """The first value in which two descriptions are not of one run, in words.

    Args:
        held: of a run that was begun, of this format or of format 1, which is compared in its words.
        asked: see `describe`.
    """
    if "identity" in held:
        return first_difference(held["identity"], asked["identity"])
    sections = ("generator", "discriminator", "losses", "training", "data", "run")
    return first_difference(*({name: _without_free(run[name]) for name in sections} for run in (held, asked)))


def first_difference(one: Mapping, other: Mapping) -> str | None:
    """The first value in which two parts of descriptions differ, in words."""
    found = differences(one, other)
    return f"{found[0].path}={found[0].one}, not {found[0].other}" if found else None


def _without_free(section):
    return {name: value for name, value in section.items() if name not in _FREE} if section else section


def digest(settings: Settings, described: Mapping, reads: str) -> int:
    """A number, of 48 bits, of all in which the workers of one training must agree, lengths and versions included.

    Args:
        settings: of one worker.
        described: its run, see `describe`.
        reads: which images it reads, in words.
    """
    sections = ("generator", "discriminator", "losses", "training", "data", "run", "versions")
    text = json.dumps([{name: described[name] for name in sections}, settings.skip_corrupt, reads])
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def _network(network: Network) -> dict:
    return {
        "builder": f"{network.builder.__module__.removeprefix('gandeblur.models.')}.{network.builder.__name__}",
        "widths": dict(network.widths),
        "size_multiple": network.size_multiple,
    }


def _choices(settings: Settings) -> dict:
    # Not who computes: who opens the folder later is on his own.
    left_out = ("experiment", "workdir", "workers", "worker_index", "data_service")
    names = [one.name for one in dataclasses.fields(settings) if one.name not in left_out]
    folders = [str(Path(folder).resolve()) for folder in settings.train_data]
    start = settings.start and str(Path(settings.start).resolve())  # for who opens the run from another place
    return {name: getattr(settings, name) for name in names} | {"train_data": folders, "start": start}


def main(cards: list[str]) -> None:
    """Brings cards of published networks, or descriptions of runs, to this format.

    `python -m gandeblur.stages.record weights/*.json`
    """
    for card in map(Path, cards):
        write_json(card, read(card.parent if card.name == RUN_FILE else card.with_suffix(".npz")))


if __name__ == "__main__":
    main(sys.argv[1:])
