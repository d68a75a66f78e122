"""The list of departures that follows from two statements of a paper: its own, and the one that runs."""

import dataclasses
from typing import Any

from gandeblur.experiments.paper import Paper
from gandeblur.data.degradations import in_words


def departures(paper: Paper, actual: Paper) -> list[str]:
    """How `actual` differs from the paper: what follows from the numbers, then what is stated in words."""
    found = []

    def compare(name: str, ours: Any, theirs: Any) -> None:
        if ours != theirs:
            found.append(f"{name.replace('_', ' ')}: {_number(ours)} instead of {_number(theirs)}")

    alone = paper.discriminator and not actual.discriminator
    if actual.training.minutes:
        found.append(f"length: {actual.training.length} instead of {paper.training.length}")
    else:
        compare("generator steps", actual.training.all_generator_steps, paper.training.all_generator_steps)
    compare("batch size", actual.training.images_per_step, paper.training.images_per_step)
    if actual.training.ema:
        found.append(f"an average of the generator's weights restores, decay {actual.training.ema}")
    for part, reference in ((actual.training, paper.training), (actual.data, paper.data)):
        for one in dataclasses.fields(part):
            told = one.name in ("epochs", "steps_per_epoch", "generator_steps", "batch_size", "accumulate", "ema")
            if not told and not (alone and one.name.startswith("discriminator")):
                field = "actual_discriminator_rate" if one.name == "discriminator_rate" else one.name
                compare(one.name, getattr(part, field), getattr(reference, field))
    for name in ("value_range", "dropout_at_test"):
        compare(name, getattr(actual, name), getattr(paper, name))
    for title in ("generator", "discriminator"):
        if network := getattr(actual, title):
            for name, width in network.widths.items():
                compare(f"{title}'s {name}", width, getattr(paper, title).widths[name])
    if alone:
        found.append("no adversary: the generator's other losses train it alone")
    theirs = {term.name: term.description for term in paper.generator_terms}
    for term in actual.generator_terms:
        if term.description != theirs.get(term.name):
            instead = f" instead of {theirs[term.name]}" if term.name in theirs else " is added"
            found.append(f"loss {term.name}: {term.description}{instead}")
    return [*found, *actual.departures]


def _number(value: Any) -> str:
    if isinstance(value, tuple) and all(map(callable, value)):
        return in_words(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{value}"
