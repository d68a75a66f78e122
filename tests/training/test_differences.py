import zipfile

import keras
import numpy as np
import pytest

from gandeblur.models import dark_channel_gan
from gandeblur.training import differences, weight_files

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network():
    """The dark channel's generator, tiny: kernels drawn with two standard deviations, one of cosine patterns."""
    return dark_channel_gan.generator(
        encoder_maps=(8, 12), decoder_maps=(8, 3), dropout=0, dropout_layers=0, identity_start=1e-4, whitened_start=True
    )


def values(network):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in network.weights}


def moved(network, share):
    """Trains: each weight moves by a share of a normal number of its own size."""
    for weight in network.weights:
        now = keras.ops.convert_to_numpy(weight)
        size = np.sqrt(np.mean(now**2)) or 1
        weight.assign(now + share * size * RNG.standard_normal(now.shape))


def test_the_drawn_numbers_are_the_same_for_ever():
    """Of NumPy's MT19937, whose numbers a file in use depends on."""
    assert differences.drawn((2, 2), 0.02, 7, 3).tolist() == PINNED
    assert differences.drawn((2, 2), 0.04, 7, 3).tolist() == (2 * np.float32(PINNED)).tolist()
    assert np.std(differences.drawn((100, 100), 0.02, 0, 0)) == pytest.approx(0.02, rel=0.03)


PINNED = [[-0.005493600387126207, 0.03184850141406059], [-0.0050615533255040646, -0.022459741681814194]]


def test_a_start_is_its_seeds(network):
    differences.draw(network, 1)
    first = values(network)
    differences.draw(network, 2)
    second = values(network)
    differences.draw(network, 1)
    assert all(np.array_equal(first[path], again) for path, again in values(network).items())
    changed = {path for path in first if not np.array_equal(first[path], second[path])}
    assert {path.split("/")[0] for path in changed} == {"enc2", "dec1", "dec2"}  # enc1's patterns, biases: as they were
    kernels = [first[path] for path in sorted(changed)]
    assert [round(float(np.std(kernel)), 4) for kernel in kernels] == pytest.approx([0.02, 1e-4, 0.02], rel=0.1)


def test_weights_come_back_within_half_a_step(network, tmp_path):
    differences.draw(network, 5)
    moved(network, 0.1)
    trained = values(network)
    differences.save(tmp_path / "small.npz", network, 5, step=0.25)
    differences.draw(network, 6)
    weight_files.load_weights(tmp_path / "small.npz", network)
    for path, loaded in values(network).items():
        drawn = path.split("/")[0] in ("enc2", "dec1", "dec2") and path.endswith("kernel")
        if drawn:
            size = np.sqrt(np.mean(trained[path] ** 2))
            assert np.abs(loaded - trained[path]).max() <= 0.25 * size / 2 * 1.001
            assert np.any(loaded != trained[path])
        elif loaded.ndim < 2:
            np.testing.assert_array_equal(loaded, trained[path])
        else:
            np.testing.assert_array_equal(loaded, trained[path].astype(np.float16))


def test_what_hardly_moved_takes_hardly_any_room(tmp_path):
    big = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300, kernel_initializer=NORMAL)])
    sizes = []
    for share in (0, 0.05, 0.5):
        differences.draw(big, 0)
        moved(big, share)
        path = tmp_path / f"{share}.npz"
        differences.save(path, big, 0, step=0.25)
        sizes.append(8 * path.stat().st_size / 90_000)  # bits per weight
    weight_files.save_small_weights(tmp_path / "whole.npz", big, 8)
    assert sizes[0] < 0.5 < sizes[2] < 8 * (tmp_path / "whole.npz").stat().st_size / 90_000
    assert sizes[0] < sizes[1] < sizes[2]
    with zipfile.ZipFile(path) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_LZMA}


NORMAL = keras.initializers.RandomNormal(stddev=0.02)


def test_a_large_difference_is_no_overflow(tmp_path):
    dense = keras.Sequential([keras.Input((40,)), keras.layers.Dense(40, kernel_initializer=NORMAL)])
    differences.draw(dense, 0)
    kernel = keras.ops.convert_to_numpy(dense.layers[0].kernel).copy()
    kernel[3, 4] += 100
    dense.layers[0].kernel.assign(kernel)
    differences.save(tmp_path / "small.npz", dense, 0, step=0.01)
    differences.draw(dense, 0)
    weight_files.load_weights(tmp_path / "small.npz", dense)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(dense.layers[0].kernel)[3, 4], kernel[3, 4], rtol=1e-3)


def test_with_another_seed_they_are_other_weights(network, tmp_path):
    """The file says its seed itself: whatever a network holds, the file's weights replace it."""
    differences.draw(network, 1)
    differences.save(tmp_path / "one.npz", network, 1, 0.5)
    weight_files.load_weights(tmp_path / "one.npz", network)
    first = weight_files.weights_sha256(network)
    moved(network, 1.0)
    weight_files.load_weights(tmp_path / "one.npz", network)
    assert weight_files.weights_sha256(network) == first
