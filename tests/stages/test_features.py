import numpy as np
import pytest
from vgg_file import WIDTHS, random_arrays

from gandeblur.errors import InputError
from gandeblur.stages.features import FeatureDistance


@pytest.fixture(scope="module")
def arrays():
    """Kernels of one tap, so that each pixel is seen alone."""
    return random_arrays(kernel_px=1)


@pytest.fixture(scope="module")
def measure(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg.npz"
    np.savez(path, **arrays)
    return FeatureDistance(path)


def of_pixels(ours, theirs, arrays):
    """Of two images of one colour each: what the three layers make of a pixel, written out."""
    seen = []
    for colour in (ours, theirs):
        x = np.array(colour, float)[::-1] - [103.939, 116.779, 123.68]
        vectors = []
        for name in WIDTHS:
            x = np.maximum(x @ arrays[f"{name}_kernel"][1, 1] + arrays[f"{name}_bias"], 0)
            if name in ("block1_conv2", "block2_conv2", "block3_conv3"):
                vectors.append(x / np.linalg.norm(x))
        seen.append(vectors)
    return sum(np.sum((one - other) ** 2) for one, other in zip(*seen, strict=True))


def test_images_of_one_colour_have_the_distance_of_a_pixel(measure, arrays):
    ours, theirs = (10, 200, 90), (250, 30, 60)
    red, green = (np.full((8, 12, 3), colour, np.uint8) for colour in (ours, theirs))
    assert measure(red, green) == pytest.approx(of_pixels(ours, theirs, arrays), rel=1e-3)
    assert measure(red, green) == pytest.approx(measure(green, red), rel=1e-5)
    assert measure(red, red) == 0


def test_it_has_a_name_and_the_hash_of_the_weights_values(measure, arrays, tmp_path):
    assert str(measure).startswith("vgg19-directions-12-22-33: distance in directions of VGG19 block1_conv2, ")
    assert str(measure).endswith(f"weights {measure.sha256[:16]}")
    np.savez_compressed(tmp_path / "other_file.npz", **dict(reversed(arrays.items())))
    assert FeatureDistance(tmp_path / "other_file.npz").sha256 == measure.sha256
    changed = {**arrays, "block1_conv1_bias": arrays["block1_conv1_bias"] + 1}
    np.savez(tmp_path / "others.npz", **changed)
    assert FeatureDistance(tmp_path / "others.npz").sha256 != measure.sha256


def test_without_weights_it_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz: no such file; fetch https"):
        FeatureDistance(tmp_path / "none.npz")


def test_wrong_images_are_refused(measure):
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="scores need uint8"):
        measure(image / 255, image)
