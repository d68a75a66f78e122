"""Options on a command line, made from the fields of `run.Settings`; and the scripts' command line."""

import argparse
import sys
import typing
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn

from absl.flags import argparse_flags

from gandeblur.errors import InputError, guarded
from gandeblur.experiments.papers import find
from gandeblur.experiments.spec import Experiment
from gandeblur.stages import run as runs
from gandeblur.stages.run import ALL_VARIANTS, Settings, choose
from gandeblur.training.workers import leave

ALL_STAGES = "all"
SERVE_STAGE = "serve"
STAGE_NAMES = (ALL_STAGES, "audit", "train", "evaluate", "report", SERVE_STAGE)


class Parser(argparse_flags.ArgumentParser):
    """A parser that tells of an error in one line, and takes absl's own flags (--verbosity) beside the options."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help")


def add_options(
    parser: argparse.ArgumentParser, only: Collection[str] | None = None, without: Collection[str] = ()
) -> None:
    """Adds an option for each field of `Settings`, or only for these, or for none of these; None where not given."""
    types = typing.get_type_hints(Settings)
    for name, one in runs.options().items():
        if name in without or (only is not None and name not in only):
            continue
        text = one.metadata["help"]
        if isinstance(one.default, bool):
            value = not one.default
            text = f"do not {text}" if one.default else text
            flag = f"--no{name}" if one.default else f"--{name}"
            parser.add_argument(flag, dest=name, action="store_const", const=value, help=text)
            continue
        kind = next(part for part in (*typing.get_args(types[name]), types[name]) if part is not type(None))
        if isinstance(one.default, tuple):
            text = f"{text}; several by commas"
            parser.add_argument(f"--{name}", type=_listed, metavar="A,B", help=text)
        else:
            choices = one.metadata["choices"] or None
            metavar = None if choices else {int: "N", float: "X", Path: "DIR"}.get(kind, "NAME")
            parser.add_argument(f"--{name}", type=kind, choices=choices, metavar=metavar, help=text)


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Of parsed arguments, those that are options of a run."""
    return {name: getattr(arguments, name) for name in runs.options() if hasattr(arguments, name)}


def _listed(text):
    return tuple(filter(None, text.split(",")))


def main(experiment: str | Experiment) -> NoReturn:
    """Entry point of an experiment's script: parses the options, runs the stages, and exits with their status."""
    sys.exit(leave(run(find(experiment) if isinstance(experiment, str) else experiment, sys.argv[1:])))


def run(experiment: Experiment, arguments: list[str]) -> int:
    """Runs what the arguments of a script say; returns the exit status."""

    def stages():
        asked, settings = read(experiment, arguments)
        from gandeblur.stages.sequence import STAGES, run, serve

        if SERVE_STAGE in asked:
            serve(settings)
        else:
            run(settings, STAGES if ALL_STAGES in asked else asked)

    after = "the same command continues from the last finished epoch"
    places = [one.removeprefix("--workdir=") for one in arguments if one.startswith("--workdir=")]
    return guarded(stages, places[-1] if places else "the work folder", after, "--workdir")


def read(experiment: Experiment, arguments: list[str]) -> tuple[list[str], Settings]:
    """The stages and the settings that a script's arguments ask for.

    Raises:
        InputError: see `choose`; or described weights tell of another network than the schedule of this version.
    """
    parser = Parser(
        description=f"{experiment.paper.title}: {experiment.paper.citation}",
        epilog=_choices(experiment),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--stage", type=_listed, default=(ALL_STAGES,), help=f"what to do: {', '.join(STAGE_NAMES)}; several by commas"
    )
    add_options(parser)
    parsed, left = parser.parse_known_args(arguments)
    if left:
        raise InputError(f"{left[0]}: unexpected argument; every option is a --flag=value, see --help")
    for stage in parsed.stage:
        if stage not in STAGE_NAMES:
            raise InputError(f"--stage={stage}: unknown; use one of {', '.join(STAGE_NAMES)}")
    return parsed.stage, with_weights(experiment, given(parsed))


def with_weights(experiment: Experiment, chosen: dict[str, Any]) -> Settings:
    """The settings with these choices; described weights bring the schedule and variant that are not among them.

    Raises:
        InputError: as `read`.
    """
    card = _card(experiment, chosen.get("weights"))
    brought = {name: card["settings"][name] for name in ("preset", "variant") if card and not chosen.get(name)}
    settings = choose(experiment, **chosen | brought)
    if card:
        from gandeblur.stages import record

        differs = record.first_difference(card["generator"], record.generator(settings))
        if differs:
            raise InputError(f"{settings.weights}: tells of {differs}; name the --preset and --variant that fit")
    return settings


def _card(experiment, weights):
    """The description of weights, if they have one and it tells of a schedule of this experiment."""
    if not weights or not Path(weights).exists():
        return {}
    from gandeblur.stages import record

    card = record.of_weights(Path(weights))
    known = card and card["paper"]["experiment"] == experiment.paper.name
    return card if known and card["settings"]["preset"] in experiment.presets else {}


def _choices(experiment):
    presets = [f"  {name:16} {preset.description}" for name, preset in experiment.presets.items()]
    variants = [f"  {name:16} {paper.description}" for name, paper in experiment.variants.items()]
    variants.append(f"  {ALL_VARIANTS:16} trains every variant and scores them side by side")
    readings = [f"  {name:16} {paper.description}" for name, paper in experiment.readings.items()]
    other = ["other readings of the paper, by --variant as well:", *readings] if readings else []
    return "\n".join(["presets:", *presets, "variants:", *variants, *other])
