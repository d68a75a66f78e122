"""Degradations of a sharp image: pillbox blur, gain with clipping, enlargement, noise, JPEG, and their composition.

Every step is a pure function `step(image, seed)` once `functools.partial` has fixed its numbers, and runs in
`tf.data`. Images are float32 `[H, W, 3]` in [0, 1]; seeds are integer tensors `[2]` as TensorFlow's stateless
operations take them, so that the same seed gives the same pixels on every run. A step whose random quantity is
costly to draw alone has a method `draw(seed, count)` for many images at once; it is then called as
`step(image, drawn)` with the image's row of the result in place of the seed. An experiment lists its steps:

    steps = (partial(blur, kernel=disk_kernel(3.5)), partial(gain_and_clip, gain=1.3), ...)
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import tensorflow as tf

Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def disk_kernel(radius_px: float) -> np.ndarray:
    """Pillbox: each weight is the area that its pixel shares with the disk, as MATLAB's `fspecial('disk')`.

    Args:
        radius_px: radius of the disk in pixels, above 0.

    Returns:
        float32 `[k, k]` with `k = 2 ceil(radius_px - 0.5) + 1`; its sum is 1.
    """
    half = int(np.ceil(radius_px - 0.5))
    edges = np.arange(-half, half + 2) - 0.5
    # Area of the disk within [0, a] x [0, b]: the rectangle up to where the circle sinks below b, then the
    # integral of the circle. With the signs of a and b it is a primitive: its second difference over the
    # pixel edges is the area within each pixel.
    square = radius_px * radius_px  # `**` may round it to less than NumPy's square of an edge at the radius
    reach = np.minimum(np.abs(edges), radius_px)
    a, b = np.meshgrid(reach, reach, indexing="ij")
    bend = np.minimum(a, np.sqrt(square - b * b))

    def circle_integral(x):
        return (x * np.sqrt(square - x * x) + square * np.arcsin(x / radius_px)) / 2

    sign = np.sign(edges)
    primitive = np.outer(sign, sign) * (b * bend + circle_integral(a) - circle_integral(bend))
    area = np.diff(np.diff(primitive, axis=0), axis=1).round(12)  # exactly 0 outside the disk
    return (area / area.sum()).astype(np.float32)


def blur(image: tf.Tensor, seed: tf.Tensor | None, *, kernel: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Convolves each channel with `kernel`. Draws nothing from `seed`.

    Beyond the border the nearest pixel is repeated (the papers do not say; black would darken the rim).

    Args:
        kernel: float32 `[kh, kw]`, both known and odd, not negative, with sum 1.
    """
    del seed
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    pad_y, pad_x = kernel.shape[0] // 2, kernel.shape[1] // 2
    rows = tf.clip_by_value(tf.range(-pad_y, height + pad_y), 0, height - 1)
    columns = tf.clip_by_value(tf.range(-pad_x, width + pad_x), 0, width - 1)
    padded = tf.gather(tf.gather(image, rows, axis=0), columns, axis=1)
    # In the frequency domain: on a CPU seven times as fast as `depthwise_conv2d` at 7 x 7, and as fast for
    # larger kernels. The product wraps around only into the rows and columns that are cut off.
    size = tf.shape(padded)[:2]
    spectrum = tf.signal.rfft2d(tf.transpose(padded, [2, 0, 1])) * tf.signal.rfft2d(kernel, size)
    blurred = tf.signal.irfft2d(spectrum, size)[:, 2 * pad_y :, 2 * pad_x :]
    blurred = tf.ensure_shape(tf.transpose(blurred, [1, 2, 0]), image.shape)
    return tf.clip_by_value(blurred, 0.0, 1.0)  # rounding leaves the range by 1e-7


def gain_and_clip(image: tf.Tensor, seed: tf.Tensor, *, gain: float) -> tf.Tensor:
    """Over-exposure: multiplies by `gain` and clips to [0, 1]. Draws nothing from `seed`."""
    del seed
    return tf.clip_by_value(gain * image, 0.0, 1.0)


def enlarge(image: tf.Tensor, seed: tf.Tensor, *, factor: float) -> tf.Tensor:
    """Blur by enlargement: shrinks the image by `factor` and brings it back to its size. Draws nothing from `seed`.

    Both steps are bicubic (Keys, a = -0.5); shrinking averages over the pixels that it merges.

    Args:
        factor: above 1; the small image's sides are rounded, at least 1.
    """
    del seed
    size = tf.shape(image)[:2]
    small = tf.maximum(1, tf.cast(tf.round(tf.cast(size, tf.float32) / factor), tf.int32))
    shrunk = tf.image.resize(image, small, tf.image.ResizeMethod.BICUBIC, antialias=True)
    enlarged = tf.image.resize(shrunk, size, tf.image.ResizeMethod.BICUBIC)
    return tf.clip_by_value(tf.ensure_shape(enlarged, image.shape), 0.0, 1.0)


def gaussian_noise(
    image: tf.Tensor, seed: tf.Tensor, *, variance: float | tuple[float, float], share: float = 1.0
) -> tf.Tensor:
    """Adds white Gaussian noise of mean 0, per pixel and channel, and clips to [0, 1] as MATLAB's `imnoise`.

    Args:
        variance: of the noise, on the [0, 1] scale (0.0005 is a standard deviation of 5.7 grey levels); of two
            numbers, each image's own variance is drawn uniformly between them.
        share: of the images that get noise; the others are left as they are.
    """
    if isinstance(variance, tuple):
        variance_seed = tf.random.experimental.stateless_fold_in(seed, 0)
        deviation = tf.random.stateless_uniform([], variance_seed, *variance) ** 0.5
    else:
        deviation = variance**0.5
    if share < 1.0:
        share_seed = tf.random.experimental.stateless_fold_in(seed, 1)
        deviation *= tf.cast(tf.random.stateless_uniform([], share_seed) < share, tf.float32)
    noise = deviation * tf.random.stateless_normal(tf.shape(image), seed)
    return tf.clip_by_value(image + noise, 0.0, 1.0)


def jpeg(image: tf.Tensor, seed: tf.Tensor, *, quality: int) -> tf.Tensor:
    """Rounds to 8 bits and passes the image through JPEG. Draws nothing from `seed`.

    The chroma is subsampled 4:2:0 (halved in both directions), libjpeg's own default.

    Args:
        quality: libjpeg's scale, 0 (worst) to 100 (best).
    """
    del seed
    pixels = tf.saturate_cast(tf.round(255.0 * image), tf.uint8)
    stream = tf.io.encode_jpeg(pixels, format="rgb", quality=quality, chroma_downsampling=True)
    # The accurate transform: the default depends on how TensorFlow was built.
    decoded = tf.io.decode_jpeg(stream, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.cast(tf.ensure_shape(decoded, image.shape), tf.float32) / 255.0


def shrink(image: tf.Tensor, seed: tf.Tensor | None, *, factor: int, bicubic: bool = False) -> tf.Tensor:
    """Means of `factor` x `factor` pixels; rows and columns that fill no such square are left out. Draws nothing.

    Args:
        factor: 1 leaves the image as it is.
        bicubic: the kernel of Keys (a = -0.5) widened by `factor`, as MATLAB's `imresize` and Pillow shrink, in the
            place of means; clipped to [0, 1].
    """
    del seed
    if factor == 1:
        return image
    if not bicubic:
        return tf.nn.avg_pool2d(image[tf.newaxis], factor, factor, "VALID")[0]
    size = tf.shape(image)[:2] // factor
    squares = image[: size[0] * factor, : size[1] * factor]
    small = tf.image.resize(squares, size, tf.image.ResizeMethod.BICUBIC, antialias=True)
    known = [side and side // factor for side in image.shape[:2]]
    return tf.clip_by_value(tf.ensure_shape(small, [*known, 3]), 0.0, 1.0)


# In an experiment's list: where the images are shrunk, by its `Data.downsample`. The steps before act at full size.
SHRINK = partial(shrink, factor=1)


def shrunk_by(steps: Sequence[Step], factor: int, bicubic: bool = False) -> tuple[Step, ...]:
    """The steps, `SHRINK` among them by this factor."""
    own = partial(shrink, factor=factor, bicubic=True) if bicubic else partial(shrink, factor=factor)
    return tuple(own if step is SHRINK and factor > 1 else step for step in steps)


def shrinking(steps: Sequence[Step]) -> list[partial]:
    """Those of the steps that shrink."""
    return [step for step in steps if isinstance(step, partial) and step.func is shrink]


def scale(steps: Sequence[Step]) -> int:
    """By how much the steps shrink an image, all together."""
    return math.prod(step.keywords["factor"] for step in shrinking(steps))


def draw(steps: Sequence[Step], seeds: tf.Tensor) -> tuple:
    """The random numbers of `steps` for some images: step j draws from its own seeds, `stateless_fold_in(seed, j)`.

    Args:
        steps: as the experiment lists them.
        seeds: integer `[N, 2]`, one per image: image n draws from its own. A step with a method `draw` takes the
            first for all: image n's numbers depend on `seeds[0]`, N and n.

    Returns:
        For each step its seeds `[N, 2]`, or the result of its `draw`: tensors whose first dimension is N.
    """

    def drawn(j, step):
        fold = partial(tf.random.experimental.stateless_fold_in, data=j)
        if hasattr(step, "draw"):
            return step.draw(fold(seeds[0]), seeds.shape[0])
        return tf.map_fn(fold, seeds, fn_output_signature=tf.TensorSpec([2], tf.int32))

    return tuple(drawn(j, step) for j, step in enumerate(steps))


def apply(image: tf.Tensor, steps: Sequence[Step], drawn: tuple) -> tf.Tensor:
    """Applies `steps` in order to one image.

    Args:
        image: float32 `[H, W, 3]` in [0, 1].
        steps: functions `step(image, seed)` or `step(image, drawn)`; may be empty.
        drawn: the image's rows of the result of `draw`.

    Returns:
        float32 `[H, W, 3]` in [0, 1].
    """
    for step, own in zip(steps, drawn, strict=True):
        image = step(image, own)
    return image


def in_words(steps: Sequence[Step]) -> str:
    """ "blur(7x7), gain_and_clip(gain=1.3)": the names and numbers of the steps."""
    return ", ".join(map(_in_words, steps)) or "as they are"


def _in_words(step):
    if step is SHRINK:
        return "shrink"
    if not isinstance(step, partial):
        return str(step)
    numbers = [
        "x".join(map(str, value.shape)) if hasattr(value, "shape") else f"{name}={value}"
        for name, value in step.keywords.items()
    ]
    return f"{step.func.__name__}({', '.join(numbers)})"
