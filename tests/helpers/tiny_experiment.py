"""GAN-D with small networks and a schedule of seconds: `python tiny_experiment.py --workdir=...` runs it."""

import dataclasses

from tiny_experiments import changed

from gandeblur.experiments import gan_d
from gandeblur.experiments.spec import Condition, Experiment, Recipe
from gandeblur.stages import options
from gandeblur.training import schedules

SIDE_PX = 32


def _tiny(paper, crop_px=SIDE_PX):
    paper = changed(paper, crop_px=crop_px, test={"": Condition(gan_d.DEGRADATIONS, None, size_px=SIDE_PX)})
    tiny = {
        name: dataclasses.replace(network.with_widths(**network.tiny), parameters=None, layers=())
        for name, network in paper.networks.items()
    }
    return dataclasses.replace(paper, **tiny)


EXPERIMENT = Experiment(
    {
        "combined": _tiny(gan_d.PAPER),
        "odcnn": _tiny(gan_d.ODCNN, crop_px=184),
    },
    {
        "quick": Recipe(
            "seconds",
            lambda paper: changed(
                paper,
                value_range=(0.0, 1.0),
                identity_noise=0.01,
                max_zoom=4.0,
                learning_rate=1e-4,
                batch_size=2,
                epochs=3,
                steps_per_epoch=3,
                schedule=schedules.Plateau(factor=0.5, patience=2),
            ),
        )
    },
)


def call(*arguments) -> int:
    """Runs it with these flags in this process; returns the exit status."""
    return options.run(EXPERIMENT, list(map(str, arguments)))


def refused(capfd, *arguments) -> str:
    """The one line of error that these flags give."""
    capfd.readouterr()
    status = call(*arguments)
    error = capfd.readouterr().err.strip().splitlines()
    assert status == 2
    assert len(error) == 1 and error[0].startswith("error: "), error
    return error[0]


if __name__ == "__main__":
    options.main(EXPERIMENT)
