"""The experiments with small networks and a schedule of seconds."""

import dataclasses

from gandeblur.experiments.paper import Experiment, changed

_GENERATORS = {
    "gan_d": {"maps": 3, "wide_maps": 4},
    "hkust_gan": {"maps": 3, "blocks": 1},
    "dark_channel_gan": {"encoder_maps": (3, 4), "decoder_maps": (4, 3), "dropout_layers": 1},
}
_DISCRIMINATORS = {
    "gan_d": {"block_maps": (4, 6), "dense_units": (8,)},
    "hkust_gan": {"maps": 3, "dense_units": 5},
    "dark_channel_gan": {"maps": (3, 4)},
}


def tiny(experiment: Experiment, **changes) -> Experiment:
    """The experiment; `changes` to its schedules beyond 2 epochs of 2 steps of 2 crops of 32 pixels."""
    name = experiment.paper.name
    schedule = dict(crop_px=32, batch_size=2, epochs=2, steps_per_epoch=2)
    schedule["discriminator_steps"] = min(2, experiment.paper.training.discriminator_steps)
    if "output_stddev" in experiment.paper.generator.widths:
        schedule["output_stddev"] = 0.02  # not near 0: small networks are to change the image

    def smaller(paper):
        paper = changed(paper, **_GENERATORS.get(name, {"maps": 3, "blocks": 1}))
        generator = dataclasses.replace(
            paper.generator, size_multiple=min(4, paper.generator.size_multiple), parameters=None, layers=()
        )
        discriminator = paper.discriminator
        if discriminator:
            small = {"maps": 3, **_DISCRIMINATORS.get(name, {})}  # a variant may have another's, without some of these
            widths = {width: small.get(width, value) for width, value in discriminator.widths.items()}
            discriminator = dataclasses.replace(discriminator, widths=widths, parameters=None, layers=())
        return dataclasses.replace(paper, generator=generator, discriminator=discriminator)

    return Experiment(
        {variant: smaller(paper) for variant, paper in experiment.variants.items()},
        {
            preset: dataclasses.replace(one, changes={**one.changes, **schedule, **changes})
            for preset, one in experiment.smaller.items()
        },
    )
