"""DeblurGAN's own numbers, and what the other papers take from it."""

import numpy as np
import pytest
from tiny_experiments import tiny

from gandeblur.data.blur.trajectories import SCRIPT
from gandeblur.experiments import dark_channel_gan, deblurgan, ird_gan, sharingan
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages.run import choose
from gandeblur.stages.sequence import run


def weights(terms):
    return {term.name: term.weight for term in terms}


def test_losses_and_data():
    paper = deblurgan.PAPER
    assert weights(paper.generator_terms) == {"content": 100, "adversarial": 1}
    assert weights(paper.discriminator_terms) == {"minus_wasserstein_gap": 1, "penalty": 10}
    assert paper.data.photographs[0].parameters == SCRIPT and paper.data.photographs[0].exposures == (0.1, 0.5, 1)
    assert (paper.data.downsample, paper.data.test[""].full_size) == (2, True)
    assert paper.dropout_at_test and not choose(EXPERIMENTS["deblurgan"]).paper.dropout_at_test


def test_what_others_share_with_it():
    assert sharingan.PAPER.generator is deblurgan.GENERATOR and sharingan.PAPER.training is deblurgan.TRAINING
    for other in (sharingan, ird_gan):
        assert other.PAPER.discriminator is deblurgan.CRITIC
        assert deblurgan.PERCEPTUAL in other.PAPER.generator_terms
    assert deblurgan.PERCEPTUAL in dark_channel_gan.DC250P.generator_terms
    assert dark_channel_gan.PAPER.data.photographs[0] is deblurgan.BLUR
    columns = {other.PAPER.name: other.PAPER.reported.columns for other in (ird_gan, dark_channel_gan)}
    assert columns == {"ird_gan": {"deblurgan": "Kupyn et al."}, "dark_channel_gan": {"deblurgan": "DeblurGAN"}}


@pytest.mark.slow
def test_it_trains_and_restores_with_its_dropout(tmp_path):
    experiment = tiny(EXPERIMENTS["deblurgan"], dropout_at_test=True, downsample=1)
    results = run(choose(experiment, workdir=tmp_path, epochs=1), ["train", "evaluate", "report"])
    assert results.test.dropout and results.methods == ["input", "DeblurGAN Comb"]
    assert np.isfinite(results.sets["sample/test"]["methods"]["DeblurGAN Comb"]["psnr_db"]["mean"])
    assert "DeblurGAN WILD" in (tmp_path / "report.html").read_text()
