"""The papers' pages: each has its table of commands, whose names and options are there, and names every reading."""

import re
from pathlib import Path

import pytest

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages.run import ALL_VARIANTS, options

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
HEAD = "## What the paper shows, and the command here\n"
# Of commands beside the scripts: build-pairs, score, compare, restore, benchmarks/blur.py.
OTHERS = {"stage", "split", "window", "gamma", "noise", "protocol", "trajectories", "conditions", "model", "compare"}
OTHERS |= {"picture"}


def rows(name):
    """(what the paper shows, the command here) of a paper's table."""
    _, _, section = (DOCS / f"{name}.md").read_text(encoding="utf-8").partition(HEAD)
    lines = re.findall(r"^\|(.*)\|$", section.partition("\n## ")[0], re.MULTILINE)
    return [tuple(cell.strip() for cell in line.split(" | ")) for line in lines[2:]]


def code(text):
    """All that stands between backticks; the three at a block's end begin nothing."""
    return " ".join(re.findall(r"`([^`]+)`", text.replace("```", "`")))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_row_is_a_command_that_is_there_or_says_why_not(name):
    experiment = EXPERIMENTS[name]
    assert rows(name)
    for _, here in rows(name):
        commands = code(here)
        assert commands or here.startswith("none: "), here
        for variants in re.findall(r"--variant=([\w,]+)", commands):
            names = {ALL_VARIANTS} if variants == ALL_VARIANTS else set(variants.split(","))
            assert names <= {ALL_VARIANTS, *experiment.by_name}, here
        assert set(re.findall(r"--(\w+)", commands)) <= options().keys() | OTHERS, here
        assert set(re.findall(r"--preset=(\w+)", commands)) <= experiment.presets.keys(), here


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_page_names_every_reading(name):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert EXPERIMENTS[name].readings.keys() - set(re.findall(r"\w+", code(page))) == set()
