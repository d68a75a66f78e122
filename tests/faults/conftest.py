import pytest
import tiny_experiment

from gandeblur.experiments import stages
from gandeblur.experiments.settings import choose


@pytest.fixture
def train():
    """Trains the tiny experiment in a work folder."""

    def trained(workdir, **choices):
        stages.run(choose(tiny_experiment.EXPERIMENT, workdir=workdir, **choices), ["train"])

    return trained
