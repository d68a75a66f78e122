"""How sharp a restored image looks, whatever its error: the strength of its gradients beside the truth's."""

import numpy as np

from gandeblur.evaluation.metrics import checked


def gradient_energy(restored: np.ndarray, sharp: np.ndarray) -> float | None:
    """Strength of the restored image's gradients over the sharp one's: 1 is as sharp, less is soft, more is overdone.

    The strength of an image's gradients is the mean absolute difference of neighbours, below and to the right, of the
    grey image, the mean of the channels. The ratio says nothing of whether edges stand where they should: noise raises
    it as detail does. So it is read beside PSNR and the feature distance (`stages.features`).

    Args:
        restored: uint8 [H, W, 3], RGB.
        sharp: uint8 [H, W, 3], the truth.

    Returns:
        The ratio, or None where the sharp image is flat.

    Raises:
        ValueError: the shapes differ, or an image is not uint8 [H, W, 3].
    """
    checked(restored, sharp)
    own, truth = (_strength(image) for image in (restored, sharp))
    return float(own / truth) if truth else None


def _strength(image):
    grey = image.mean(axis=-1)
    return sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1) if grey.shape[axis] > 1)
