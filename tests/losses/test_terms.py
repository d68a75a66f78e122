import functools

import pytest

from gandeblur.losses import adversarial, dark_channel, gradient_penalty, pixel
from gandeblur.losses.perceptual import Perceptual
from gandeblur.losses.terms import OnBothLogits, OnFeatures, OnImages, OnRestoredLogits, OnSlopes, Term

DESCRIBED = {
    "100 x mean_absolute_error(restored, sharp)": (OnImages(pixel.mean_absolute_error), 100),
    "250 x dark_channel_loss(restored, sharp, window_px=15)": (
        OnImages(functools.partial(dark_channel.dark_channel_loss, window_px=15)),
        250,
    ),
    "100 x VGG19 block3_conv3 before its ReLU": (OnFeatures(Perceptual("vgg19", "block3_conv3", relu=False)), 100),
    "0.001 x non_saturating(fake_logits)": (OnRestoredLogits(adversarial.non_saturating), 0.001),
    "1 x discriminator(real_logits, fake_logits)": (OnBothLogits(adversarial.discriminator), 1),
    "10 x gradient_penalty(slopes)": (OnSlopes(gradient_penalty.gradient_penalty), 10),
}


@pytest.mark.parametrize("description", DESCRIBED)
def test_a_term_says_what_it_is(description):
    assert Term("name", *DESCRIBED[description]).description == description
