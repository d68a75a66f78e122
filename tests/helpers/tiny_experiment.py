"""GAN-D with small networks and a schedule of seconds: `python tiny_experiment.py --workdir=...` runs it."""

import dataclasses

from gandeblur.experiments import run
from gandeblur.experiments.gan_d import EXPERIMENT as GAN_D
from gandeblur.models import gan_d

WIDTHS = {"maps": 3, "wide_maps": 4}
SIDE_PX = 32


def variant(original, builder, crop_px=None):
    return dataclasses.replace(
        original,
        generator=lambda identity_noise: builder(**WIDTHS, identity_noise=identity_noise),
        discriminator=original.discriminator
        and (lambda image_px: gan_d.discriminator(block_maps=(4, 6), dense_units=(8,), image_px=image_px)),
        crop_px=crop_px,
    )


EXPERIMENT = dataclasses.replace(
    GAN_D,
    test_size_px=SIDE_PX,
    variants={
        "combined": variant(GAN_D.variants["combined"], gan_d.generator),
        "odcnn": variant(GAN_D.variants["odcnn"], gan_d.odcnn, crop_px=184),
    },
    presets={
        "quick": dataclasses.replace(
            GAN_D.presets["quick"], crop_px=SIDE_PX, batch_size=2, epochs=3, steps_per_epoch=3, identity_noise=0.01
        )
    },
)

if __name__ == "__main__":
    run.main(EXPERIMENT)
