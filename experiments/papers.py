"""All experiments by name."""

from gandeblur.experiments.paper import Experiment
from gandeblur.experiments import dark_channel_gan, deblurgan, gan_d, hkust_gan, ird_gan, sharingan

EXPERIMENTS: dict[str, Experiment] = {
    "gan_d": gan_d.EXPERIMENT,
    "hkust_gan": hkust_gan.EXPERIMENT,
    "ird_gan": ird_gan.EXPERIMENT,
    "dark_channel_gan": dark_channel_gan.EXPERIMENT,
    "sharingan": sharingan.EXPERIMENT,
    "deblurgan": deblurgan.EXPERIMENT,
}
