"""Random paths of a shaken camera: Boracchi and Foi, in the form of DeblurGAN's Algorithm 1.

Boracchi, Foi: *Modeling the Performance of Image Restoration From Motion Blur*, IEEE TIP 21(8), 2012.
Kupyn et al.: *DeblurGAN: Blind Motion Deblurring Using Conditional Adversarial Networks*, CVPR 2018.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from gandeblur.data.blur.threefry import uniforms

# Streams of a row's seed.
_PATH, _NOISE, _SHAKE = range(3)


@dataclass(frozen=True)
class Parameters:
    """The numbers of Algorithm 1. The last four are ranges: drawn once per path, uniformly from (low, high).

    Attributes:
        steps: M, points of a path.
        length_px: L, length of each path in pixels.
        inertia: I, pull back to the start.
        shake_probability: p_b; a step is a big shake, which about turns the motion round, with probability p_b p_s.
        gaussian_shake: p_g, scale of the random change of the velocity.
        impulsiveness: p_s, scale of all changes of the velocity.
    """

    steps: int
    length_px: float
    inertia: tuple[float, float]
    shake_probability: tuple[float, float]
    gaussian_shake: tuple[float, float]
    impulsiveness: tuple[float, float]


# DeblurGAN, Algorithm 1 as printed: smooth, gently bent paths.
PAPER = Parameters(
    steps=2000,
    length_px=60.0,
    inertia=(0.0, 0.7),
    shake_probability=(0.0, 0.2),
    gaussian_shake=(0.0, 0.7),
    impulsiveness=(0.001, 0.001),
)

# What DeblurGAN's released `motion_blur/generate_trajectory.py` draws by default: crooked, tangled paths.
RELEASED_CODE = Parameters(
    steps=2000,
    length_px=60.0,
    inertia=(0.0, 0.7),
    shake_probability=(0.0, 0.2),
    gaussian_shake=(0.0, 10.0),
    impulsiveness=(0.0, 0.1),
)


class Draws(NamedTuple):
    """All random numbers of a batch of paths: float32, independent, uniform in (0, 1)."""

    path: tf.Tensor  # [5, count]: first direction, I, p_b, p_g, p_s
    noise: tf.Tensor  # [2, steps - 1, count]: radius and angle of n_1 + i n_2 by Box and Muller
    shake: tf.Tensor  # [steps - 1, count]: below p_b p_s, the step is a big shake


def draw(seeds: tf.Tensor, parameters: Parameters) -> Draws:
    """Draws what Algorithm 1 needs.

    Args:
        seeds: integer `[count, 2]`; column k of each draw depends on `seeds[k]` only.
    """
    changes = parameters.steps - 1
    return Draws(
        path=uniforms(seeds, _PATH, 5),
        noise=tf.reshape(uniforms(seeds, _NOISE, 2 * changes), [2, changes, -1]),
        shake=uniforms(seeds, _SHAKE, changes),
    )


def follow(draws: Draws, parameters: Parameters) -> tf.Tensor:
    """The recursion of Algorithm 1. With s = L / (M - 1), x_0 = 0 and v_0 = s exp(i angle):

        dv = p_s (p_g (n_1 + i n_2) - I x_t) s, and if shaken, 2 v exp(i (pi + U - 1/2)) more
        v <- s (v + dv) / |v + dv|
        x_(t+1) = x_t + v

    Args:
        draws: see `Draws`.

    Returns:
        float32 `[count, steps, 2]`, (y, x) in pixels; each path starts at the origin.
    """
    step_px = parameters.length_px / (parameters.steps - 1)
    ranges = (parameters.inertia, parameters.shake_probability, parameters.gaussian_shake, parameters.impulsiveness)
    inertia, shake_probability, gaussian_shake, impulsiveness = (
        low + (high - low) * uniform for (low, high), uniform in zip(ranges, tf.unstack(draws.path[1:]), strict=True)
    )
    pull = impulsiveness * inertia
    scale = impulsiveness * gaussian_shake * tf.sqrt(-2 * tf.math.log(draws.noise[0]))
    cosine, sine = _on_circle(2 * math.pi * (draws.noise[1] - 0.5))
    noise = tf.stack([scale * sine, scale * cosine], axis=1)
    # A uniform number that is below p is, divided by p, uniform again: it is the shake's U, too.
    probability = shake_probability * impulsiveness
    cosine, sine = _on_circle(draws.shake / probability - 0.5)
    shaken = draws.shake < probability
    # v + 2 v exp(i (pi + a)) = v (1 - 2 exp(i a)); a product of complex numbers, y + ix -> y c + x s, x c - y s.
    along = tf.where(shaken, 1 - 2 * cosine, 1.0)
    across = tf.where(shaken, -2 * sine, 0.0)
    sign = tf.constant([[1.0], [-1.0]])

    # The velocity is in steps, not pixels: a path of length 0 keeps its direction.
    def advance(t, velocity, position, path):
        velocity = velocity * along[t] + velocity[::-1] * (sign * across[t]) + noise[t] - pull * position
        velocity *= tf.math.rsqrt(tf.maximum(tf.reduce_sum(velocity**2, axis=0), 1e-30))
        position += step_px * velocity
        return t + 1, velocity, position, path.write(t + 1, position)

    cosine, sine = _on_circle(2 * math.pi * (draws.path[0] - 0.5))
    velocity = tf.stack([sine, cosine])
    origin = tf.zeros_like(velocity)
    *_, path = tf.while_loop(
        lambda t, *_: t < parameters.steps - 1,
        advance,
        (0, velocity, origin, tf.TensorArray(tf.float32, parameters.steps).write(0, origin)),
        maximum_iterations=parameters.steps - 1,
    )
    return tf.transpose(path.stack(), [2, 0, 1])


@tf.function(jit_compile=True)
def _follow(draws, parameters):
    return follow(draws, parameters)


def trajectories(seeds: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """Random camera paths by Algorithm 1.

    Args:
        seeds: integer `[count, 2]`.
        parameters: `PAPER`, `RELEASED_CODE` or others.

    Returns:
        float32 `[count, steps, 2]`, (y, x) in pixels from the start; row k depends on `seeds[k]` only.
    """
    return _follow(draw(seeds, parameters), parameters)


def _on_circle(angle):
    """Cosine and sine of |angle| <= pi, to float32: Taylor's terms of a quarter of it, then doubled twice.

    XLA calls the C library for each sine and cosine, which would take longer than the recursion.
    """
    angle /= 4
    square = angle**2
    cosine = 1 - square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56)))
    sine = angle * (1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72))))
    for _ in range(2):
        cosine, sine = cosine**2 - sine**2, 2 * cosine * sine
    return cosine, sine
