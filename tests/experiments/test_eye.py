import keras
import numpy as np
import pytest
from experiment_steps import model_of, train_steps

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
    assert terms(first).keys() == {key for key, term in terms(paper).items() if not term.adversarial}
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


def test_frozen_batch_normalisation_stays_as_it_starts_and_is_trained_as_it_restores():
    model = model_of("hkust_gan-adam", frozen_norm=True)
    norms = [layer for layer in model.generator.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.moving_variance.assign(np.linspace(0.5, 2, norm.moving_variance.shape[0]))
    kept, kernel = [norm.get_weights() for norm in norms], np.array(model.generator.get_layer("conv2d_1").kernel)
    train_steps(model, batch_size=2)
    for norm, weights in zip(norms, kept, strict=True):
        np.testing.assert_equal(norm.get_weights(), weights)
    assert np.abs(np.array(model.generator.get_layer("conv2d_1").kernel) - kernel).max() > 1e-5
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(model.generator(images, training=True), model.generator(images, training=False))


def test_hkusts_phases_freeze_it():
    assert all(choose(EXPERIMENTS["hkust_gan"], preset=preset).paper.training.frozen_norm for preset in RIVALS)
