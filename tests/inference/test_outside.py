import numpy as np
import pytest
from PIL import Image
from skimage import data, filters, transform

import gandeblur
from gandeblur.experiments.gan_d import DEGRADATIONS
from gandeblur.inference import files, outside


@pytest.fixture(scope="module")
def sharp():
    astronaut = transform.resize(data.astronaut()[:256, 128:384], (128, 128), anti_aliasing=True)
    return astronaut.astype(np.float32)


def in_8_bits(image):
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def degraded(image, steps=DEGRADATIONS):
    for number, step in enumerate(steps):
        image = np.asarray(step(image, (number, 0)))
    return in_8_bits(image)


def test_what_undoes_the_blur_of_training_is_its_photograph_again(sharp):
    blurred = degraded(sharp)
    assert outside.remark(blurred, in_8_bits(sharp), DEGRADATIONS[:2]) == ""
    assert "wrong picture" in outside.remark(blurred, blurred, DEGRADATIONS[:2])


@pytest.mark.networks
def test_the_shipped_network_on_its_own_blur_and_on_none(sharp, tmp_path):
    network = gandeblur.load("gan_d")
    blurred = degraded(sharp)
    assert network.remark(blurred, network.restore(blurred)) == ""
    Image.fromarray(in_8_bits(sharp)).save(tmp_path / "sharp.png")
    [note] = files.restore_photograph(
        network.restore, tmp_path / "sharp.png", tmp_path / "out.png", network.remark, tile=None
    )
    assert note.startswith("not the blur that this network undoes")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_where_chance_draws_the_blur_a_change_is_asked_for(sharp, dtype):
    most = np.iinfo(dtype).max
    after = (sharp * most).astype(dtype)
    before = (filters.gaussian(sharp, 1.5, channel_axis=2) * most).astype(dtype)
    assert outside.remark(before, after) == ""
    assert "hardly changed" in outside.remark(after, after)
    flat = np.full((1, 5, 3), 9, dtype)  # nothing to be sharpened
    assert "hardly changed" in outside.remark(flat, flat)


def test_what_was_restored_at_a_smaller_size_is_judged_at_that_size():
    """Noise of 12 levels hides, at the picture's own size, that edges of 12 pixels became half as wide."""
    squares = np.kron(np.indices((16, 16)).sum(0) % 2, np.ones((32, 32)))[..., None].repeat(3, 2)
    before, after = (in_8_bits(0.2 + 0.6 * filters.gaussian(squares, radius, channel_axis=2)) for radius in (12, 6))
    noise = np.random.default_rng(0).normal(scale=12, size=before.shape)
    before, after = (np.clip(image + noise, 0, 255).astype(np.uint8) for image in (before, after))
    assert "hardly changed" in outside.remark(before, after)
    assert outside.remark(before, after, scale=0.25) == ""
