import numpy as np
import pytest

from gandeblur.inference.restore import Deblurrer
from gandeblur.models import gan_d, sharingan

IMAGE = np.random.default_rng(0).integers(0, 256, (21, 18, 3), dtype=np.uint8)


def test_dropout_at_test_time_is_a_choice():
    generator = sharingan.generator(maps=3, blocks=1, dropout=0.5, output_stddev=0.5)
    off, on = (Deblurrer(generator, (-1.0, 1.0), size_multiple=4, dropout=dropout) for dropout in (False, True))
    np.testing.assert_array_equal(off(IMAGE), off(IMAGE))
    assert off(IMAGE).shape == IMAGE.shape
    assert not np.array_equal(on(IMAGE), on(IMAGE))


def test_a_generator_without_padding_sees_the_mirrored_border():
    """An identity of valid convolutions: the picture comes back in its place, but for the transposed one's rim."""
    image = np.tile(IMAGE, (8, 9, 1))
    deblur = Deblurrer(gan_d.odcnn(maps=3, wide_maps=3, identity_noise=0.0), (0.0, 1.0))
    restored = deblur(image)
    assert restored.shape == image.shape
    np.testing.assert_array_equal(restored[3:-4, 3:-4], image[3:-4, 3:-4])


@pytest.mark.parametrize("wrong", [IMAGE / 255, IMAGE[..., 0], IMAGE[..., :2]])
def test_other_arrays_are_refused(wrong):
    deblur = Deblurrer(gan_d.generator(maps=3, wide_maps=3, identity_noise=0.0), (0.0, 1.0))
    with pytest.raises(ValueError, match=r"give uint8 or uint16 \[H, W, 3\]"):
        deblur(wrong)
