"""The number of parameters of every network, at the papers' widths."""

import inspect
import pkgutil

import pytest

import gandeblur.models
from gandeblur.models import dark_channel_gan, gan_d, hkust_gan, ird_gan, sharingan

GAN_D = {"maps": 38, "wide_maps": 512}
IRD_GAN = {"maps": 64, "blocks": 9, "dropout": 0.2}
U_NET = {
    "encoder_maps": (64, 128, 256, 512, 512, 512, 512, 512),
    "decoder_maps": (512, 512, 512, 512, 256, 128, 64, 3),
    "dropout": 0.5,
    "dropout_layers": 3,
}
PINNED = {
    "dark_channel_gan.generator": (lambda: dark_channel_gan.generator(**U_NET), 85_033_667),
    "dark_channel_gan.discriminator": (
        lambda: dark_channel_gan.discriminator(maps=(64, 128, 256, 512), image_px=256),
        4_839_233,
    ),
    "gan_d.generator": (lambda: gan_d.generator(**GAN_D), 676_571),
    "gan_d.odcnn": (lambda: gan_d.odcnn(**GAN_D), 676_571),
    "gan_d.discriminator": (
        lambda: gan_d.discriminator(block_maps=(64, 128, 256, 512, 512), dense_units=(4096, 4096, 100), image_px=128),
        21_031_305,
    ),
    "hkust_gan.generator": (lambda: hkust_gan.generator(maps=64, blocks=9), 11_399_171),
    "hkust_gan.discriminator": (
        lambda: hkust_gan.discriminator(maps=64, dense_units=1024, image_px=256),
        3_098_370,
    ),
    "ird_gan.generator": (lambda: ird_gan.generator(**IRD_GAN), 5_343_683),
    "sharingan.generator": (lambda: sharingan.generator(maps=64, blocks=9, dropout=0.5), 11_378_179),
    "sharingan.critic": (lambda: sharingan.critic(maps=64), 2_764_737),
}


@pytest.mark.parametrize("name", PINNED)
def test_parameter_count_is_pinned(name):
    build, count = PINNED[name]
    assert build().count_params() == count


def test_every_model_has_a_pinned_count():
    builders = set()
    for module in pkgutil.iter_modules(gandeblur.models.__path__):
        if module.ispkg:
            continue
        loaded = __import__(f"gandeblur.models.{module.name}", fromlist=["_"])
        for name, value in vars(loaded).items():
            if inspect.isfunction(value) and not name.startswith("_") and value.__module__ == loaded.__name__:
                builders.add(f"{module.name}.{name}")
    assert builders == set(PINNED)


@pytest.mark.parametrize("ablation", [{"residual": False}, {"skip": False}])
def test_ablations_of_ird_gan_have_as_many_parameters(ablation):
    assert ird_gan.generator(**IRD_GAN, **ablation).count_params() == PINNED["ird_gan.generator"][1]


def test_ird_gan_has_the_parameters_of_its_table():
    """Section 3.1's layers added up by hand: kernel area x maps in x maps out + maps out."""

    def conv(kernel_px, maps_in, maps_out):
        return kernel_px**2 * maps_in * maps_out + maps_out

    n = 64
    branches = 4 * conv(1, 4 * n, n) + 3 * conv(3, n, n)
    blocks = sum(conv(1, (4 + k) * n, 4 * n) + branches + conv(3, 4 * n, n) for k in range(9))
    ends = conv(7, 3, n) + conv(3, n, 2 * n) + conv(3, 2 * n, 4 * n)
    ends += conv(3, 4 * n, 2 * n) + conv(3, 2 * n, n) + conv(7, n, 3)
    transitions = conv(1, 13 * n, 7 * n) + conv(1, 7 * n, 4 * n)
    assert ends + blocks + transitions == PINNED["ird_gan.generator"][1]
