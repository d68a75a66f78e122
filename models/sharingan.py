"""SharinGAN: Image DeBlurring with Conditional GANs (Chatterjee et al., University of Minnesota), section 3.1.

Its networks are DeblurGAN's, built again; "no batch normalization in the critic" (section 2.5.3) holds there as well.
"""

from gandeblur.models.deblurgan import critic, generator

__all__ = ["critic", "generator"]
