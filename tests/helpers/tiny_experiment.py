"""GAN-D with small networks and a schedule of seconds: `python tiny_experiment.py --workdir=...` runs it."""

import dataclasses

from absl import flags
from absl.testing import flagsaver

from gandeblur.experiments.paper import Condition, Experiment, Network, Smaller, changed
from gandeblur.experiments import gan_d, script
from gandeblur.models import gan_d as networks
from gandeblur.training import schedules

SIDE_PX = 32


def _tiny(paper, builder, crop_px=SIDE_PX):
    discriminator = Network(networks.discriminator, {"block_maps": (4, 6), "dense_units": (8,)})
    paper = changed(paper, crop_px=crop_px, test={"": Condition(gan_d.DEGRADATIONS, None, size_px=SIDE_PX)})
    widths = {"maps": 3, "wide_maps": 4, "identity_noise": None}
    return dataclasses.replace(
        paper, generator=Network(builder, widths), discriminator=paper.discriminator and discriminator
    )


EXPERIMENT = Experiment(
    {
        "combined": _tiny(gan_d.PAPER, networks.generator),
        "odcnn": _tiny(gan_d.ODCNN, networks.odcnn, crop_px=184),
    },
    {
        "quick": Smaller(
            "seconds",
            {
                "value_range": (0.0, 1.0),
                "identity_noise": 0.01,
                "max_zoom": 4.0,
                "learning_rate": 1e-4,
                "batch_size": 2,
                "epochs": 3,
                "steps_per_epoch": 3,
                "schedule": schedules.Plateau(factor=0.5, patience=2),
            },
        )
    },
)


def call(*arguments) -> int:
    """Runs it with these flags in this process; returns the exit status."""
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        return script.run(EXPERIMENT, flags.FLAGS(["tiny_experiment", *map(str, arguments)]))


if __name__ == "__main__":
    from gandeblur.experiments.script import main

    main(EXPERIMENT)
