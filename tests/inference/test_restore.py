import functools
import io
from types import SimpleNamespace

import films
import keras
import numpy as np
import pytest
from pictures import inverted
from PIL import Image, ImageCms

from gandeblur.errors import InputError
from gandeblur.inference.restore import Deblurrer
from gandeblur.models import gan_d, sharingan

IMAGE = np.random.default_rng(0).integers(0, 256, (21, 18, 3), dtype=np.uint8)


@functools.cache
def network(dropout=False):
    """An identity, or a network with dropout."""
    if dropout:
        return sharingan.generator(maps=3, blocks=1, dropout=0.5, output_stddev=0.5)
    return gan_d.generator(maps=3, wide_maps=3, identity_noise=0.0)


@functools.cache
def identity():
    return Deblurrer(network(), (0.0, 1.0))


def test_dropout_at_test_time_is_a_choice():
    generator = network(dropout=True)
    off, on = (Deblurrer(generator, (-1.0, 1.0), size_multiple=4, dropout=dropout) for dropout in (False, True))
    np.testing.assert_array_equal(off.restore(IMAGE), off.restore(IMAGE))
    assert off.restore(IMAGE).shape == IMAGE.shape
    assert not np.array_equal(on.restore(IMAGE), on.restore(IMAGE))


def test_a_generator_without_padding_sees_the_mirrored_border():
    """An identity of valid convolutions: the picture comes back in its place, but for the transposed one's rim."""
    image = np.tile(IMAGE, (8, 9, 1))
    deblur = Deblurrer(gan_d.odcnn(maps=3, wide_maps=3, identity_noise=0.0), (0.0, 1.0))
    restored = deblur.restore(image)
    assert restored.shape == image.shape
    np.testing.assert_array_equal(restored[3:-4, 3:-4], image[3:-4, 3:-4])


@pytest.mark.parametrize("wrong", [IMAGE / 255, IMAGE[..., 0], IMAGE[..., :2]])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match=r"give uint8 or uint16 \[H, W, 3\]"):
        identity()(wrong)


def test_a_picture_keeps_its_profile_and_a_file_all_that_belongs_to_it(tmp_path):
    deblur = identity()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told = Image.Exif()
    told[0x0112], told[0x010F] = 6, "Maker"
    path = tmp_path / "a.jpg"
    Image.fromarray(IMAGE).save(path, icc_profile=profile, exif=told.tobytes(), quality=90)
    for restored in (deblur(path, scale=1), deblur(str(path), scale=1)):
        assert restored.size == IMAGE.shape[:2] and restored.info["icc_profile"] == profile  # upright
    with Image.open(path) as image:
        assert deblur(image, scale=1).info["icc_profile"] == profile
        tables = image.quantization
    (note,) = deblur.restore_file(path, tmp_path / "out/a.jpg", scale=1)
    assert note.startswith("hardly changed")  # by an identity
    with Image.open(tmp_path / "out/a.jpg") as image:
        assert image.quantization == tables and image.info["icc_profile"] == profile
        assert image.getexif()[0x010F] == "Maker" and image.getexif().get(0x0112, 1) == 1
        assert image.size == IMAGE.shape[:2]


def test_a_film_is_restored_by_the_same_call(tmp_path):
    pytest.importorskip("av")
    deblur = identity()
    path = films.write(tmp_path / "a.mp4", films.moving(3), tags=(1, 1, 1, 1), sounds=["ger"])
    shares = []
    assert deblur.restore_file(path, tmp_path / "out/a.mp4", progress=shares.append, scale=1) == ()
    new, old = films.read(tmp_path / "out/a.mp4"), films.read(path)
    assert (new.times, new.tags, new.streams) == (old.times, old.tags, old.streams)
    assert shares == sorted(shares) and shares[-1] == 1
    path.write_bytes(path.read_bytes() + b"\0\0\1\0free")  # a box that is cut off
    (damage,) = deblur.restore_file(path, tmp_path / "out/b.mp4", scale=1)
    assert damage.startswith("the file is cut off")
    with pytest.raises(InputError, match="a film; give it a film's suffix, such as .mp4"):
        deblur(path)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX would need dropout's seeds as an argument")
def test_dropout_runs_as_a_graph(monkeypatch):
    """Layer by layer a network keeps what every layer returns: many times the memory that tiles count on."""
    import tensorflow as tf

    deblur = Deblurrer(network(dropout=True), (-1.0, 1.0), size_multiple=4, dropout=True)
    inside, called = [], deblur.generator.call
    monkeypatch.setattr(
        deblur.generator, "call", lambda *a, **k: (inside.append(tf.inside_function()), called(*a, **k))[1]
    )
    deblur.restore(IMAGE)
    assert inside and all(inside)


def test_what_is_hardly_blurred_comes_back_and_is_told():
    with pytest.warns(UserWarning, match="hardly blurred: left as it is$"):
        np.testing.assert_array_equal(identity()(IMAGE), IMAGE)


def test_another_network_may_tell_the_blur():
    asked = []

    def told(image, **options):
        asked.append(image.shape)
        return inverted(image)

    deblur = Deblurrer(network(), (0.0, 1.0), judge=lambda: SimpleNamespace(restore=told))
    np.testing.assert_array_equal(deblur(IMAGE), IMAGE)  # all is changed by the one, and nothing by the other
    assert asked == [IMAGE.shape]
    deblur(IMAGE, scale=1)
    assert len(asked) == 1


def test_a_network_of_a_fixed_degradation_has_one_scale(tmp_path):
    deblur = Deblurrer(network(), (0.0, 1.0), again=[lambda image, seed: image])
    assert deblur.scale_of("auto") == deblur.scale_of(1) == 1
    with pytest.raises(InputError, match="restores at scale 1 alone"):
        deblur(IMAGE, scale=0.5)
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    assert deblur.restore_file(tmp_path / "a.png", tmp_path / "b.png") == ()


def stored(**options):
    """An image as `Image.open` gives it."""
    file = io.BytesIO()
    Image.fromarray(IMAGE).save(file, "PNG", **options)
    return Image.open(io.BytesIO(file.getvalue()))


def test_an_image_is_turned_as_its_exif_data_say():
    exif = Image.Exif()
    exif[0x0112] = 6
    restored = identity()(stored(exif=exif), scale=1)
    np.testing.assert_array_equal(np.asarray(restored), np.rot90(IMAGE, -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "PA"])
def test_an_image_keeps_its_channels(mode, recwarn):
    image = Image.fromarray(IMAGE if mode == "P" else np.dstack([IMAGE, IMAGE[..., :1]])).convert(mode)
    restored = identity()(image, scale=1)
    assert restored.mode == {"1": "L", "P": "RGB", "PA": "RGBA"}.get(mode, mode) and not recwarn.list
    np.testing.assert_array_equal(np.asarray(restored), np.asarray(image.convert(restored.mode)))


def test_one_transparent_colour_becomes_transparency():
    restored = identity()(stored(transparency=tuple(IMAGE[3, 4].tolist())), scale=1)
    assert restored.mode == "RGBA" and restored.getpixel((4, 3))[3] == 0 and restored.getpixel((5, 3))[3] == 255


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_grey_of_16_bits_stays(mode):
    values = IMAGE[..., 0].astype(np.uint16) * 200 + 3
    image = Image.fromarray(values if mode == "I;16" else values.astype(np.int32))
    restored = identity()(image, scale=1)
    assert restored.mode == "I;16"
    np.testing.assert_allclose(np.asarray(restored), values, atol=1)


@pytest.mark.parametrize("image", [Image.new("F", (9, 9)), Image.fromarray(np.full((9, 9), 70000, np.int32))])
def test_numbers_of_no_known_range_are_refused(image):
    with pytest.raises(ValueError, match="the image is of mode .*; give one of 8 bits"):
        identity()(image, scale=1)


def test_what_an_image_cannot_keep_is_warned_of(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", IMAGE.astype(np.uint16) * 257, photometric="rgb", metadata=None)
    with pytest.warns(UserWarning, match="16 bits became 8"):
        restored = identity()(tmp_path / "a.tif", scale=1)
    np.testing.assert_array_equal(np.asarray(restored), IMAGE)
    with pytest.warns(UserWarning, match="CMYK became RGB"):
        assert identity()(Image.fromarray(IMAGE).convert("CMYK"), scale=1).mode == "RGB"
    Image.fromarray(np.dstack([IMAGE, IMAGE[..., 0]])).save(tmp_path / "a.png")
    assert identity()(tmp_path / "a.png", scale=1).mode == "RGBA"


def test_what_has_no_colour_gets_none(monkeypatch):
    """From each kind of input, and the same from all."""
    deblur = identity()
    plain = deblur.restore
    monkeypatch.setattr(
        deblur, "restore", lambda image: np.clip(plain(image).astype(int) + [9, 1, -7], 0, 255).astype("u1")
    )
    grey = IMAGE[..., 0]
    equal = np.dstack([grey] * 3)
    array, rgb, image = (deblur(one, scale=1) for one in (equal, Image.fromarray(equal), Image.fromarray(grey)))
    assert (rgb.mode, image.mode) == ("RGB", "L") and np.ptp(array, axis=2).max() == 0
    np.testing.assert_array_equal(array, np.asarray(rgb))
    np.testing.assert_array_equal(array[..., 0], np.asarray(image))
    assert np.ptp(deblur(IMAGE, scale=1), axis=2).max() > 0
