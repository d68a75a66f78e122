"""The papers and recipes as data: what they were when the file beside this one was written, they are.

`PYTHONPATH=tests/helpers python tests/experiments/test_recipes.py` writes the file anew, after a change that is meant:
its difference in version control is the change.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_experiments import tiny

from gandeblur.experiments.differences import Difference, as_data, differences
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import train
from gandeblur.stages.run import choose

FILE = Path(__file__).with_name("recipes.json")
NAMES = list(json.loads(FILE.read_text())["papers"]) if FILE.exists() else []  # a new paper is free until it is written


def flat(value, path=""):
    """The leaves of `as_data`: path -> value."""
    if value and isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, part in pairs for name, leaf in flat(part, f"{path}/{key}").items()}
    return {path: value}


def changes(paper, actual):
    """What a recipe makes of a paper: the leaves that differ; None: they are gone."""
    before, after = flat(as_data(paper)), flat(as_data(actual))
    gone = {path: None for path in before if path not in after}
    return {path: value for path, value in after.items() if before.get(path, ...) != value} | gone


def stated(name):
    """A paper as leaves, what each recipe changes, and how its variants, and recipes of these, differ from that."""
    experiment = EXPERIMENTS[name]
    of_paper = {preset: changes(experiment.paper, recipe.of(experiment.paper)) for preset, recipe in recipes_of(name)}
    variants = {}
    for variant, paper in experiment.variants.items():
        of_variant = {preset: changes(paper, recipe.of(paper)) for preset, recipe in recipes_of(name)}
        others = {preset: changed for preset, changed in of_variant.items() if changed != of_paper[preset]}
        variants[variant] = {"paper": changes(experiment.paper, paper), "recipes": others}
    found = {"paper": flat(as_data(experiment.paper)), "recipes": of_paper, "variants": variants}
    return json.loads(json.dumps(found))


def recipes_of(name):
    return EXPERIMENTS[name].recipes.items()


def initial_weights(name):
    """Sums of the sizes of a small network's weights, as seed 3 draws them."""
    model = train.build(choose(tiny(EXPERIMENTS[name]), workdir="unused", seed=3))
    networks = {"generator": model.generator, "discriminator": model.discriminator}
    return {
        title: [round(float(np.abs(np.asarray(weight, np.float64)).sum()), 4) for weight in network.get_weights()]
        for title, network in networks.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_papers_and_recipes_say_what_they_said(name):
    assert differences(json.loads(FILE.read_text())["papers"][name], stated(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_weights(name):
    told = json.loads(FILE.read_text())["weights"][name]
    for title, sums in initial_weights(name).items():
        np.testing.assert_allclose(sums, told[title], rtol=1e-4, atol=2e-4)


def test_a_difference_has_a_path_and_a_new_field_at_its_default_is_none():
    paper = EXPERIMENTS["gan_d"].paper
    one, other = as_data(paper.training), as_data(EXPERIMENTS["gan_d"].presets["quick"].of(paper).training)
    assert Difference("batch_size", 16, 1) in differences(one, other)
    assert Difference("schedule.is", "Plateau", "Cosine") in differences(one, other)
    assert "ema" not in one and one["schedule"] == {"is": "Plateau", "factor": 0.5, "patience": 5}
    assert as_data(paper.data.photographs[0]) == {
        "is": "degradations.blur",
        "kernel": {"is": "array", "shape": [7, 7], "sha256": as_data(paper.data.photographs[0])["kernel"]["sha256"]},
    }


if __name__ == "__main__":
    content = {
        "papers": {name: stated(name) for name in EXPERIMENTS},
        "weights": {name: initial_weights(name) for name in EXPERIMENTS},
    }
    FILE.write_text(json.dumps(content, indent=0, sort_keys=True) + "\n")
