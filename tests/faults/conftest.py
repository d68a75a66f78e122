import pytest
import tiny_experiment

from gandeblur.stages import sequence
from gandeblur.stages.run import choose


@pytest.fixture
def train():
    """Trains the tiny experiment in a work folder."""

    def trained(workdir, **choices):
        sequence.run(choose(tiny_experiment.EXPERIMENT, workdir=workdir, **choices), ["train"])

    return trained
