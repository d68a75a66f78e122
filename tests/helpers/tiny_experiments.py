"""The experiments with small networks and a schedule of seconds."""

import dataclasses
from dataclasses import replace

from gandeblur.experiments.spec import Experiment, Paper, Recipe


def changed(paper: Paper, **values) -> Paper:
    """The paper with other values of its data, training or own fields, and other widths of the networks that have them.

    Raises:
        ValueError: it has nothing of that name.
    """
    left = dict(values)

    def taken(names):
        return {name: left.pop(name) for name in names if name in left}

    parts = {
        part: replace(old, **taken([one.name for one in dataclasses.fields(old)]))
        for part, old in (("data", paper.data), ("training", paper.training))
    }
    own = taken(("value_range", "dropout_at_test"))
    networks = {
        name: network.with_widths(**{width: left[width] for width in network.widths if width in left})
        for name, network in paper.networks.items()
    }
    if unknown := left.keys() - {width for network in paper.networks.values() for width in network.widths}:
        raise ValueError(f"{paper.name} has no {', '.join(sorted(unknown))}")
    return replace(paper, **parts, **own, **networks)


def tiny(experiment: Experiment, **values) -> Experiment:
    """The experiment; `values` of its schedules beyond 2 epochs of 2 steps of 2 crops of 32 pixels, see `changed`."""
    schedule = dict(crop_px=32, batch_size=2, epochs=2, steps_per_epoch=2)
    schedule["discriminator_steps"] = min(2, experiment.paper.training.discriminator_steps)
    if "output_stddev" in experiment.paper.generator.widths:
        schedule["output_stddev"] = 0.02  # not near 0: small networks are to change the image

    def smaller(paper):
        networks = {
            name: replace(network.with_widths(**network.tiny), parameters=None, layers=())
            for name, network in paper.networks.items()
        }
        generator = networks["generator"]
        networks["generator"] = replace(generator, size_multiple=min(4, generator.size_multiple))
        return replace(paper, **networks)

    def with_schedule(recipe):
        return replace(recipe, change=lambda paper: changed(recipe.change(paper), **schedule | values))

    return Experiment(
        {variant: smaller(paper) for variant, paper in experiment.variants.items()},
        {name: with_schedule(recipe) for name, recipe in experiment.recipes.items()},
        {variant: smaller(paper) for variant, paper in experiment.readings.items()},
    )


def only(experiment: Experiment, description: str, **values) -> Experiment:
    """The experiment with the papers' own schedules, changed by `values`, for `quick`."""
    return replace(experiment, recipes={"quick": Recipe(description, lambda paper: changed(paper, **values))})
