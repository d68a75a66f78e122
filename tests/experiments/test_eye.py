import pytest

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.losses.features import Directions
from gandeblur.stages.run import choose

NAMES = ["hkust_gan", "deblurgan", "sharingan", "ird_gan"]
RIVALS = [name for name in EXPERIMENTS["deblurgan"].presets if name.startswith("eye_") and name != "eye_first"]


def terms(paper):
    return {term.name: term for term in paper.generator_terms}


@pytest.mark.parametrize("name", NAMES)
def test_rivals_differ_in_their_losses_alone(name):
    """Same start, rate, crops and steps; PSNR's control has pixels alone; one has the paper's own losses."""
    rivals = {preset: choose(EXPERIMENTS[name], preset=preset).paper for preset in RIVALS}
    assert len({str(paper.training) for paper in rivals.values()}) == 1
    assert len({str(paper.data) for paper in rivals.values()}) == 1
    assert len({str([term.description for term in paper.generator_terms]) for paper in rivals.values()}) == len(rivals)
    own = rivals.pop("eye_own_losses")
    assert own.generator_terms == choose(EXPERIMENTS[name], preset="paper").paper.generator_terms
    assert all(terms(paper)["content"] == terms(rivals["eye_pixels"])["content"] for paper in rivals.values())
    extra = {"l1"} if name == "ird_gan" else set()  # the paper's own, in all of them
    assert terms(rivals["eye_pixels"]).keys() == {"content"} | extra and rivals["eye_pixels"].discriminator is None
    assert [preset for preset, paper in rivals.items() if paper.discriminator] == ["eye_adversary", "eye_critic"]


@pytest.mark.parametrize("name", NAMES)
def test_the_form_goes_on_from_its_first_phase_with_a_critic_more(name):
    first, paper = (choose(EXPERIMENTS[name], preset=preset).paper for preset in ("eye_first", "eye"))
    assert first.discriminator is None and (first.training, first.data) == (paper.training, paper.data)
    assert terms(first) == {key: term for key, term in terms(paper).items() if not term.adversarial}
    assert (paper.data.crop_px, paper.training.batch_size) == (256, 1)  # the papers'


@pytest.mark.parametrize("name", NAMES)
def test_the_form_has_them_all_and_begins_as_its_start(name):
    paper, first = (choose(EXPERIMENTS[name], preset=preset).paper for preset in ("eye", "pixels"))
    assert terms(paper).keys() >= {"content", "features", "grid", "adversarial"}
    assert isinstance(terms(paper)["features"].loss.features, Directions)
    assert paper.generator.widths == first.generator.widths  # its weights fit
    assert not any(
        "no perceptual loss" in departure for departure in choose(EXPERIMENTS[name], preset="eye").departures
    )


def test_hkusts_form_takes_deblurgans_critic():
    settings = choose(EXPERIMENTS["hkust_gan"], variant="eye", preset="eye")
    theirs = choose(EXPERIMENTS["deblurgan"], preset="eye").paper
    assert settings.paper.discriminator == theirs.discriminator
    assert settings.paper.discriminator_terms == theirs.discriminator_terms
    assert settings.paper.generator.widths == choose(EXPERIMENTS["hkust_gan"], preset="pixels").paper.generator.widths
