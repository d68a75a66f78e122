import numpy as np
import pytest
import skimage.io
import tensorflow as tf
from PIL import Image

from gandeblur.data.images import image_size, read_image, resize, to_uint8
from gandeblur.errors import InputError


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_lossless_formats_keep_every_pixel(tmp_path, write_image, suffix):
    _, pixels = write_image("source.png")
    path = tmp_path / f"copy{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)
    assert image_size(path) == (40, 48)


def test_jpeg_agrees_with_scikit_image(tmp_path, write_image):
    path, _ = write_image("photo.jpg")
    np.testing.assert_array_equal(read_image(path), skimage.io.imread(path))


def test_the_format_is_told_by_content(tmp_path, write_image):
    path, pixels = write_image("a.png")
    renamed = path.rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(renamed), pixels)


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.stack([grey] * 3, axis=-1))


def test_a_palette_is_looked_up(tmp_path):
    image = Image.new("P", (4, 2))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1] * 4)
    image.save(tmp_path / "palette.png", transparency=0)
    expected = np.array([[[10, 20, 30], [200, 100, 0]] * 2] * 2, np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), expected)


def test_alpha_is_dropped_not_blended(tmp_path, write_image):
    _, pixels = write_image("a.png")
    alpha = np.zeros((*pixels.shape[:2], 1), np.uint8)
    Image.fromarray(np.concatenate([pixels, alpha], axis=-1)).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_scaled_to_8(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(0, 2**16, (6, 7, channels), dtype=np.uint16)
    pixels[0, 0], pixels[0, 1] = 0, 2**16 - 1
    (tmp_path / "deep.png").write_bytes(tf.io.encode_png(pixels).numpy())
    color = np.repeat(pixels[..., :1], 3, axis=-1) if channels < 3 else pixels[..., :3]
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), np.round(color / 257).astype(np.uint8))


@pytest.mark.parametrize("suffix", [".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, write_image, suffix, orientation):
    # What the tag says: where the stored image's first row and first column belong (EXIF 2.3, tag 274).
    upright = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: np.rot90(x, 1),
    }[orientation]
    _, pixels = write_image("a.png")
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(pixels).save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(read_image(path), upright(pixels))
    assert image_size(path) == upright(pixels).shape[:2]


def test_bad_files_are_named_in_one_line(tmp_path, truncated):
    text = tmp_path / "text.png"
    text.write_text("not an image")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    damaged_header = tmp_path / "damaged.png"
    damaged_header.write_bytes(truncated.read_bytes()[:20])
    folder = tmp_path / "folder.png"
    folder.mkdir()
    missing = tmp_path / "missing.png"
    for path in (text, empty, damaged_header, folder, missing):
        for function in (read_image, image_size):
            with pytest.raises(InputError) as error:
                function(path)
            assert str(error.value).startswith(f"{path}: ")
            assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read .*; replace"):
        read_image(truncated)
    assert image_size(truncated) == (40, 48)  # the header alone


def test_a_truncated_jpeg_is_refused(write_image):
    path, _ = write_image("photo.jpg")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"photo\.jpg: cannot be read"):
        read_image(path)


def test_resize_is_bicubic_with_antialiasing():
    rows = np.linspace(20, 220, 64)
    ramp = np.repeat(np.repeat(rows[:, None, None], 64, axis=1), 3, axis=2).round().astype(np.uint8)
    half = resize(ramp, 32, 16)
    assert half.shape == (32, 16, 3) and half.dtype == np.uint8
    # A ramp stays a ramp: each small row is the mean of its two rows (up to rounding, and off the border).
    np.testing.assert_allclose(half[4:-4, 3, 1], (rows[8:-8:2] + rows[9:-8:2]) / 2, atol=1)
    # A one-pixel checkerboard is all aliasing: smoothing first leaves its mean.
    board = np.repeat((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_allclose(resize(board, 16, 16)[2:-2, 2:-2], 127.5, atol=3)


def test_to_uint8_clips_and_rounds():
    values = np.array([-1, 0, 0.4, 0.6, 254.4, 254.6, 255, 300])
    expected = [0, 0, 0, 1, 254, 255, 255, 255]
    assert to_uint8(values, (0, 255)).tolist() == expected
    assert to_uint8(values / 255, (0, 1)).tolist() == expected
    assert to_uint8((values / 127.5 - 1).astype(np.float32), (-1, 1)).tolist() == expected


def test_to_uint8_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        to_uint8(np.array([0.0, np.nan]), (0, 1))
