"""Papers compared: as data, by a program; and the list of departures, for a reader.

as_data(paper)              dicts, lists, names and numbers: what is compared and what files keep
differences(one, other)     where two of these differ
departures(paper, actual)   how the paper that runs differs from the paper itself, in words
"""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gandeblur.data.degradations import in_words
from gandeblur.experiments.spec import Paper


class Difference(NamedTuple):
    """Where two of these differ, `path` being such as "training.batch_size"; `MISSING` stands for a default."""

    path: str
    one: Any
    other: Any


MISSING = "left out"


def as_data(value: Any) -> Any:
    """A paper, or a part of one, as JSON-able data.

    A dataclass becomes a dict of its fields, with its class' name under "is"; a field at its default is left out, so
    that data written before there was the field stay equal. A function becomes "module.name", a `functools.partial`
    a dict of that name and its keywords, an array its shape and hash.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            one.name: getattr(value, one.name) for one in dataclasses.fields(value) if not _at_default(value, one)
        }
        return {"is": type(value).__name__, **as_data(fields)}
    if isinstance(value, functools.partial):
        return {"is": as_data(value.func), **as_data(value.keywords)}
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(value.tobytes()).hexdigest()[:16]
        return {"is": "array", "shape": list(value.shape), "sha256": digest}
    if isinstance(value, Mapping):
        return {key: as_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(one) for one in value]
    if callable(value):
        return f"{value.__module__.rpartition('.')[2]}.{value.__qualname__}"
    return value


def _at_default(value, one):
    if one.default_factory is not dataclasses.MISSING:
        return getattr(value, one.name) == one.default_factory()
    return one.default is not dataclasses.MISSING and getattr(value, one.name) == one.default


def differences(one: Any, other: Any, path: str = "") -> list[Difference]:
    """Every place in which two values of `as_data`, or of JSON, differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = dict.fromkeys([*one, *other])
        pairs = [
            (f"{path}.{key}" if path else str(key), one.get(key, MISSING), other.get(key, MISSING)) for key in keys
        ]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(f"{path}[{n}]", *pair) for n, pair in enumerate(zip(one, other, strict=True))]
    else:
        return [] if one == other else [Difference(path, one, other)]
    return [found for where, left, right in pairs for found in differences(left, right, where)]


def departures(paper: Paper, actual: Paper) -> list[str]:
    """How `actual` differs from the paper: differences of numbers, then the departures stated in words."""
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
