import keras
import numpy as np
import pytest
from keras import ops

from gandeblur.models import ird_gan

TINY = {"maps": 4, "blocks": 2, "dropout": 0.2}
PAPER = {"maps": 64, "blocks": 9, "dropout": 0.2}


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def test_blocks_grow_from_4n_to_13n_maps_and_transitions_end_at_4n():
    n = 3
    generator = ird_gan.generator(maps=n, blocks=9, dropout=0.2)
    entering = [generator.get_layer(f"block{k + 1}_in_norm").output.shape[-1] for k in range(9)]
    assert entering == [(4 + k) * n for k in range(9)]
    names = ("block9_out", "transition1", "transition2", "up1", "up2", "conv_out")
    assert [generator.get_layer(name).output.shape[-1] for name in names] == [13 * n, 7 * n, 4 * n, 2 * n, n, 3]


def test_block_concatenates_its_n_maps_behind_its_input():
    generator = ird_gan.generator(**TINY)
    block = keras.Model(generator.input, [generator.get_layer(f"block2_{name}").output for name in ("conv", "out")])
    before = keras.Model(generator.input, generator.get_layer("block1_out").output)
    blurred = images(1, 16, 16, 3)
    added, out = block(blurred)
    np.testing.assert_array_equal(numpy(out)[..., :20], numpy(before(blurred)))
    np.testing.assert_array_equal(numpy(out)[..., 20:], numpy(added))


def test_residual_adds_the_bottleneck_to_the_four_branches():
    generator = ird_gan.generator(**TINY)
    names = ("bottleneck", "inception", "residual")
    block = keras.Model(generator.input, [generator.get_layer(f"block1_{name}").output for name in names])
    bottleneck, inception, total = block(images(1, 16, 16, 3))
    np.testing.assert_allclose(numpy(total), numpy(bottleneck) + numpy(inception), rtol=1e-6)


def test_branches_see_1_3_5_and_3_pixels():
    """Without the instance normalisations, which see the whole image."""
    generator = ird_gan.generator(**TINY)
    seen = []
    for branch in range(1, 5):
        layers = [layer for layer in generator.layers if layer.name.startswith(f"block1_branch{branch}_")]
        layers = [layer for layer in layers if "norm" not in layer.name and "relu" not in layer.name]
        probe = np.zeros((1, 11, 11, 16), "float32")
        probe[0, 5, 5] = 1
        for layer in layers:
            if "pool" not in layer.name:
                layer.kernel.assign(np.ones(layer.kernel.shape))
            probe = layer(probe)
        seen.append(int(np.any(numpy(probe)[0] > 0, axis=(0, 2)).sum()))
    assert seen == [1, 3, 5, 3]


def test_restored_image_is_clipped_to_minus_1_and_1():
    generator = ird_gan.generator(**TINY)
    generator.get_layer("conv_out").bias.assign([9, -9, 0])
    restored = numpy(generator(images(1, 16, 16, 3)))
    assert restored.max() == 1 and restored.min() == -1


@pytest.mark.parametrize(("skip", "share"), [(True, 1), (False, 0)])
def test_without_a_correction_the_blurred_image_passes_only_by_the_global_skip(skip, share):
    generator = ird_gan.generator(**TINY, skip=skip)
    generator.get_layer("conv_out").kernel.assign(np.zeros((7, 7, 4, 3)))
    blurred = 1.5 * images(1, 16, 20, 3)
    np.testing.assert_array_equal(numpy(generator(blurred)), share * np.clip(blurred, -1, 1))


@pytest.mark.parametrize("ablation", [{"residual": False}, {"skip": False}])
def test_an_ablation_is_another_function_of_the_same_weights(ablation):
    whole, ablated = ird_gan.generator(**TINY), ird_gan.generator(**TINY, **ablation)
    ablated.set_weights(whole.get_weights())
    blurred = images(1, 16, 16, 3)
    assert np.abs(numpy(whole(blurred)) - numpy(ablated(blurred))).max() > 1e-3


def test_each_block_drops_only_maps_it_adds_itself():
    """The encoder's maps, in front, reach the transition whole."""
    generator = ird_gan.generator(**{**TINY, "dropout": 0.9})
    out = keras.Model(generator.input, [generator.get_layer(f"block2_{name}").output for name in ("out", "in_norm")])
    blurred = images(1, 32, 32, 3)
    dropped, kept = numpy(out(blurred, training=True)[0]), numpy(out(blurred)[0])
    np.testing.assert_array_equal(dropped[..., :16], kept[..., :16])
    assert 0.8 < np.mean(dropped[..., 16:] == 0) < 0.98


def test_parameters_are_those_of_the_sections_layers():
    """Section 3.1's layers added up by hand: kernel area x maps in x maps out + maps out."""

    def conv(kernel_px, maps_in, maps_out):
        return kernel_px**2 * maps_in * maps_out + maps_out

    n = 64
    branches = 4 * conv(1, 4 * n, n) + 3 * conv(3, n, n)
    blocks = sum(conv(1, (4 + k) * n, 4 * n) + branches + conv(3, 4 * n, n) for k in range(9))
    ends = conv(7, 3, n) + conv(3, n, 2 * n) + conv(3, 2 * n, 4 * n)
    ends += conv(3, 4 * n, 2 * n) + conv(3, 2 * n, n) + conv(7, n, 3)
    transitions = conv(1, 13 * n, 7 * n) + conv(1, 7 * n, 4 * n)
    assert ends + blocks + transitions == ird_gan.generator(**PAPER).count_params()
