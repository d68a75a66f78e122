import json
import re

import numpy as np
import pytest
from tiny_experiments import tiny

import gandeblur
from gandeblur import cli, weights
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import publish, record
from gandeblur.training import differences, weight_files


@pytest.fixture
def drawn(monkeypatch, eagerly, tmp_path):
    """A tiny dark-channel cGAN, trained from weights that seed 3 draws."""
    small = tiny(EXPERIMENTS["dark_channel_gan"], downsample=1, drawn_start=True)
    monkeypatch.setitem(EXPERIMENTS, "dark_channel_gan", small)
    return gandeblur.train("dark_channel_gan", workdir=tmp_path / "run", seed=3, epochs=1)


def test_a_run_from_drawn_weights_is_published_as_differences(drawn, tmp_path, capsys):
    assert cli.main(["publish", str(drawn.folder), str(tmp_path / "mine.npz"), "--step", "0.01"]) == 0
    published, trained = gandeblur.load(tmp_path / "mine.npz"), gandeblur.load(drawn.folder)
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
        (drawn.folder, "-1", "--step=-1: needs a number above 0"),
        (tmp_path / "mine.npz", "0.5", "mine.npz: is published"),
    ):
        assert cli.main(["publish", str(source), str(tmp_path / "other.npz"), "--step", step]) == 2
        assert complaint in capsys.readouterr().err
    assert cli.main(["publish", str(tmp_path / "mine.npz"), str(tmp_path / "other.npz")]) == 2
    assert not (tmp_path / "other.npz").exists()


@pytest.mark.slow
def test_a_published_network_opens_by_its_name_and_tells_what_it_is(run, tmp_path, monkeypatch, capsys):
    second = gandeblur.train("gan_d", workdir=tmp_path / "second", epochs=1, start=str(run))
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    arguments = ["publish", str(second.folder), str(tmp_path / "mine.npz"), "--bits", "16"]
    assert cli.main(arguments) == 0
    assert re.search(r"mine.npz: \d\.\d MB", capsys.readouterr().out)
    deblur = gandeblur.load("mine")
    pixels = np.random.default_rng(1).integers(0, 256, (50, 61, 3), dtype=np.uint8)
    np.testing.assert_allclose(deblur(pixels).astype(int), gandeblur.load(second.folder)(pixels).astype(int), atol=1)

    card = deblur.description
    assert [phase["steps"] for phase in card["weights"]["phases"]] == [9, 3]
    assert card["weights"]["sha256"] == weight_files.weights_sha256(deblur.generator)
    assert str(tmp_path) not in (tmp_path / "mine.json").read_text()
    assert str(run) not in (tmp_path / "mine.json").read_text()
    third = gandeblur.train("gan_d", workdir=tmp_path / "third", epochs=1, start=str(tmp_path / "mine.npz"))
    assert [phase["steps"] for phase in publish.phases(third.folder)] == [9, 3, 3]

    assert cli.main(arguments) == 2
    assert "mine.npz: would be overwritten" in capsys.readouterr().err
    with pytest.raises(gandeblur.InputError, match="yours: no such file or folder; .*, or one of mine"):
        gandeblur.load("yours")

    told = json.loads((tmp_path / "mine.json").read_text())
    (tmp_path / "mine.json").write_text(json.dumps(told | {"skipped": 2}))
    smaller = ["publish", str(tmp_path / "mine.npz"), str(tmp_path / "smaller.npz")]
    assert cli.main(smaller) == 0
    assert gandeblur.load("smaller").description["skipped"] == 2
    told = gandeblur.load("smaller").description["weights"]
    assert told["bits"] == 8 and told["phases"] == card["weights"]["phases"] and told["sha256"]
    assert (tmp_path / "smaller.npz").stat().st_size < 0.7 * (tmp_path / "mine.npz").stat().st_size
    assert cli.main(["publish", str(tmp_path / "smaller.npz"), str(tmp_path / "again.npz")]) == 2
    assert "smaller.npz: has 8 bits per number; 8 would add nothing" in capsys.readouterr().err
    assert not (tmp_path / "again.npz").exists()

    mean = ["publish", str(second.folder), str(tmp_path / "mean.npz"), "--bits", "16", "--start_share", "0.25"]
    assert cli.main(mean) == 0
    ends = [gandeblur.load(folder).generator.get_weights() for folder in (run, second.folder)]
    for published, first, last in zip(gandeblur.load("mean").generator.get_weights(), *ends, strict=True):
        assert np.abs(last - first).max() > 0
        np.testing.assert_allclose(published, 0.25 * first + 0.75 * last, rtol=2e-3, atol=1e-4)
    assert "the weights at the last phase's start, 0.25" in gandeblur.load("mean").description["departures"][-1]
    capsys.readouterr()
    for source in (run, tmp_path / "mean.npz"):  # one began with none, the other is no run
        assert cli.main(["publish", str(source), str(tmp_path / "none.npz"), "--start_share", "0.5"]) == 2
        assert "--start_share=0.5: needs a share between 0 and 1, and a run with --start" in capsys.readouterr().err


def test_a_phase_tells_the_adversarys_mean_share_where_there_is_one():
    told = {"discriminator": {}, "losses": {"generator": ["1 x mse", "2 x wasserstein_generator(fake_logits)"]}}
    told["discriminator"] = {"builder": "critic"}
    history = {"adversarial_gradient_share": [0.1, 0.3], "mse_gradient_share": [0.9, 0.7]}
    assert publish._shares(told, history) == {"adversary_share": 0.2}
    assert publish._shares(told, {}) == {}  # of a run before it was measured
    assert publish._shares(told | {"discriminator": None}, history) == {}
    assert publish._shares(told | {"losses": {"generator": ["1 x mse"]}}, history) == {}  # eq. 3 of GAN-D


def test_what_trained_a_network_is_told_by_its_phases():
    phases = [{"trained_by": "pixels"}, {"trained_by": "pixels"}, {"trained_by": "pixels + adversary"}]
    assert record.trained_by(phases) == "pixels, then pixels + adversary"
    phases[-1]["adversary_share"] = 0.051
    assert record.trained_by(phases) == "pixels, then pixels + adversary (5 % of the gradient)"
    assert record.trained_by([]) == "-"
