import numpy as np
import pytest
from tiny_experiments import tiny

import gandeblur
from gandeblur import cli
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.training import differences


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A tiny dark-channel cGAN, trained from weights that seed 3 draws."""
    small = tiny(EXPERIMENTS["dark_channel_gan"], downsample=1, drawn_start=True)
    monkeypatch.setitem(EXPERIMENTS, "dark_channel_gan", small)
    return gandeblur.train("dark_channel_gan", workdir=tmp_path / "run", seed=3, epochs=1)


def test_a_run_from_drawn_weights_is_published_as_differences(run, tmp_path, capsys):
    assert cli.main(["publish", str(run.folder), str(tmp_path / "mine.npz"), "--step", "0.01"]) == 0
    published, trained = gandeblur.load(tmp_path / "mine.npz"), gandeblur.load(run.folder)
    start = EXPERIMENTS["dark_channel_gan"].paper.generator.builder(**trained.description["generator"]["widths"])
    differences.draw(start, 3)
    weights = zip(*(one.get_weights() for one in (published.generator, trained.generator, start)), strict=True)
    for ours, theirs, first in weights:
        if ours.ndim > 1:
            assert np.abs(ours - theirs).max() <= max(0.006 * np.sqrt(np.mean(theirs**2)), 1e-3)
            assert 0 < np.abs(theirs - first).max() < 0.01  # two steps of training away from there
    assert published.description["weights"]["step"] == 0.01
    assert "drawn start: True instead of False" in published.description["departures"]
    capsys.readouterr()
    for source, step, complaint in (
        (run.folder, "-1", "--step=-1: needs a number above 0"),
        (tmp_path / "mine.npz", "0.5", "mine.npz: is published"),
    ):
        assert cli.main(["publish", str(source), str(tmp_path / "other.npz"), "--step", step]) == 2
        assert complaint in capsys.readouterr().err
    assert cli.main(["publish", str(tmp_path / "mine.npz"), str(tmp_path / "other.npz")]) == 2
    assert not (tmp_path / "other.npz").exists()
