import keras
import numpy as np
import pytest
from PIL import Image, ImageCms

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


def test_a_picture_keeps_its_profile_and_a_file_all_that_belongs_to_it(tmp_path):
    deblur = Deblurrer(gan_d.generator(maps=3, wide_maps=3, identity_noise=0.0), (0.0, 1.0))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told = Image.Exif()
    told[0x0112], told[0x010F] = 6, "Maker"
    path = tmp_path / "a.jpg"
    Image.fromarray(IMAGE).save(path, icc_profile=profile, exif=told.tobytes(), quality=90)
    for restored in (deblur(path), deblur(str(path))):
        assert restored.size == IMAGE.shape[:2] and restored.info["icc_profile"] == profile  # upright
    with Image.open(path) as image:
        assert deblur(image).info["icc_profile"] == profile
        tables = image.quantization
    (note,) = deblur.restore_file(path, tmp_path / "out/a.jpg")
    assert note.startswith("hardly changed")  # by an identity
    with Image.open(tmp_path / "out/a.jpg") as image:
        assert image.quantization == tables and image.info["icc_profile"] == profile
        assert image.getexif()[0x010F] == "Maker" and image.getexif().get(0x0112, 1) == 1
        assert image.size == IMAGE.shape[:2]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX would need dropout's seeds as an argument")
def test_dropout_runs_as_a_graph(monkeypatch):
    """Layer by layer a network keeps what every layer returns: many times the memory that tiles count on."""
    import tensorflow as tf

    generator = sharingan.generator(maps=3, blocks=1, dropout=0.5, output_stddev=0.5)
    deblur = Deblurrer(generator, (-1.0, 1.0), size_multiple=4, dropout=True)
    inside, called = [], deblur.generator.call
    monkeypatch.setattr(
        deblur.generator, "call", lambda *a, **k: (inside.append(tf.inside_function()), called(*a, **k))[1]
    )
    deblur(IMAGE)
    assert inside and all(inside)
