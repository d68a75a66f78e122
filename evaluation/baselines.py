"""What an image scores without a network: total variation, the gain undone, and Wiener deconvolution.

All functions map uint8 [H, W, 3] to uint8 [H, W, 3]. The parameters of the degradation are arguments: the
last two baselines are told what a blind method has to find out.

The defaults were chosen on 31 degraded 128x128 images from scikit-image's own photographs (astronaut, coffee,
chelsea, rocket; the last three are also the embedded test images), never on Set5, Set14 or BSD100.
"""

import numpy as np

from gandeblur.data.images import to_uint8


def tv_chambolle(image: np.ndarray, weight: float = 0.02) -> np.ndarray:
    """Total-variation denoising (Chambolle 2004), the baseline "TV" of GAN-D's Table 1.

    The paper names no weight. The default is the best of 0.01 to 0.3 in both PSNR and SSIM; it raises the
    PSNR of the degraded input by 0.04 dB only, since smoothing undoes neither blur nor gain. From 0.15 on the
    result scores below the input, which is where two of the paper's three standard sets lie.

    Args:
        image: degraded, uint8 [H, W, 3].
        weight: strength, on the [0, 1] scale of pixel values; larger is smoother.
    """
    from skimage.restoration import denoise_tv_chambolle  # its import takes a second, and restoring needs none of it

    return to_uint8(denoise_tv_chambolle(image / 255, weight=weight, channel_axis=-1), (0, 1))


def gain_undone(image: np.ndarray, gain: float) -> np.ndarray:
    """Divides by the gain. Values that were clipped at white stay at 255 / gain.

    Args:
        image: degraded, uint8 [H, W, 3].
        gain: the factor the degradation multiplied by.
    """
    return to_uint8(image / gain, (0, 255))


def gain_undone_wiener(image: np.ndarray, gain: float, kernel: np.ndarray, balance: float = 0.05) -> np.ndarray:
    """Divides by the gain, then deconvolves each channel with the true kernel.

    Wiener-Hunt deconvolution (Orieux et al. 2010) minimises `|y - k * x|^2 + balance |Laplacian x|^2` on the
    torus. The image is mirrored to twice its size before, so that the torus has no seam and borders do not
    ring.

    Args:
        image: degraded, uint8 [H, W, 3].
        gain: the factor the degradation multiplied by.
        kernel: blur kernel, float [h, w], odd sides, sum 1.
        balance: weight of smoothness against fidelity; 0.05 had the best PSNR of 0.01 to 1 (+0.9 dB over the
            gain alone).
    """
    height, width, _ = image.shape
    mirrored = np.pad(image / (255 * gain), ((0, height), (0, width), (0, 0)), mode="symmetric")
    from skimage.restoration import wiener

    restored = np.stack([wiener(channel, kernel, balance) for channel in np.moveaxis(mirrored, -1, 0)], axis=-1)
    return to_uint8(restored[:height, :width], (0, 1))
