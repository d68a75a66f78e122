import shutil

import pytest
import tiny_experiment

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import sequence
from gandeblur.stages.run import choose


def trained(workdir, **choices):
    """Trains the tiny experiment; returns the work folder."""
    sequence.run(choose(tiny_experiment.EXPERIMENT, workdir=workdir, **choices), ["train"])
    return workdir


@pytest.fixture
def train():
    return trained


@pytest.fixture(scope="session")
def _run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("faults") / "run", epochs=2)


@pytest.fixture
def run(_run, tmp_path, monkeypatch):
    """A copy of a run of two epochs, which `gandeblur.load` opens."""
    monkeypatch.setitem(EXPERIMENTS, "gan_d", tiny_experiment.EXPERIMENT)
    return shutil.copytree(_run, tmp_path / "run")
