"""Random paths of a shaken camera: Boracchi and Foi, in the form of DeblurGAN's Algorithm 1.

Boracchi, Foi: *Modeling the Performance of Image Restoration From Motion Blur*, IEEE TIP 21(8), 2012.
Kupyn et al.: *DeblurGAN: Blind Motion Deblurring Using Conditional Adversarial Networks*, CVPR 2018.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

Range = tuple[float, float]


@dataclass(frozen=True)
class Parameters:
    """The numbers of Algorithm 1. The last four are drawn once per path: three uniformly from (low, high).

    Attributes:
        steps: M, points of a path.
        length_px: L, length of each path in pixels.
        inertia: I, pull back to the start.
        shake_probability: p_b; a step is a big shake, which about turns the motion round, with probability p_b p_s.
        gaussian_shake: p_g, scale of the random change of the velocity.
        impulsiveness: p_s, scale of all changes of the velocity: one of these, each as likely.
    """

    steps: int
    length_px: float
    inertia: Range
    shake_probability: Range
    gaussian_shake: Range
    impulsiveness: tuple[float, ...]


# DeblurGAN, Algorithm 1 as printed: smooth, gently bent paths.
PAPER = Parameters(
    steps=2000,
    length_px=60.0,
    inertia=(0.0, 0.7),
    shake_probability=(0.0, 0.2),
    gaussian_shake=(0.0, 0.7),
    impulsiveness=(0.001,),
)

# What the script draws that made DeblurGAN's synthetic data (`motion_blur/blur_image.py` of the authors' code, last
# version): paths with more bends. Of the exposures it leaves out the shortest.
SCRIPT = Parameters(
    steps=2000,
    length_px=60.0,
    inertia=(0.0, 0.7),
    shake_probability=(0.0, 0.2),
    gaussian_shake=(0.0, 10.0),
    impulsiveness=(0.01, 0.009, 0.008, 0.007, 0.005, 0.003),
)


class Draws(NamedTuple):
    """All random numbers of some paths: float32, independent."""

    direction: tf.Tensor  # [count]: first one, uniform in [0, 2 pi)
    inertia: tf.Tensor  # [count], as the next three
    shake_probability: tf.Tensor
    gaussian_shake: tf.Tensor
    impulsiveness: tf.Tensor
    noise: tf.Tensor  # [steps - 1, 2, count]: n_2 and n_1, standard normal
    shake: tf.Tensor  # [steps - 1, count]: uniform in [0, 1); below p_b p_s, the step is a big shake


def draw(seed: tf.Tensor, count: int | tf.Tensor, parameters: Parameters) -> Draws:
    """Draws what Algorithm 1 needs for `count` paths from one integer seed `[2]`."""
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 7))
    changes = parameters.steps - 1

    def uniform(low_high):
        return tf.random.stateless_uniform([count], seeds.pop(), *low_high)

    return Draws(
        direction=uniform((0.0, 2 * math.pi)),
        inertia=uniform(parameters.inertia),
        shake_probability=uniform(parameters.shake_probability),
        gaussian_shake=uniform(parameters.gaussian_shake),
        impulsiveness=one_of(parameters.impulsiveness, seeds.pop(), count),
        noise=tf.random.stateless_normal([changes, 2, count], seeds.pop()),
        shake=tf.random.stateless_uniform([changes, count], seeds.pop()),
    )


def one_of(choices: Sequence[float], seed: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """`count` of the numbers, each as likely: float32 `[count]` from an integer seed `[2]`."""
    index = tf.random.stateless_uniform([count], seed, maxval=len(choices), dtype=tf.int32)
    return tf.gather(tf.constant(choices, tf.float32), index)


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
    pull = draws.impulsiveness * draws.inertia
    noise = draws.impulsiveness * draws.gaussian_shake * draws.noise
    # A uniform number that is below p is, divided by p, uniform again: it is the shake's U, too.
    probability = draws.shake_probability * draws.impulsiveness
    turn = draws.shake / probability - 0.5
    shaken = draws.shake < probability
    # v + 2 v exp(i (pi + a)) = v (1 - 2 exp(i a)); a product of complex numbers, y + ix -> y c + x s, x c - y s.
    along = tf.where(shaken, 1 - 2 * tf.cos(turn), 1.0)
    across = tf.where(shaken, -2 * tf.sin(turn), 0.0)
    velocity = tf.stack([tf.sin(draws.direction), tf.cos(draws.direction)])
    return _recursion(velocity, along, across, noise, pull, parameters.length_px / (parameters.steps - 1))


# Compiled alone: XLA takes sines and random numbers from slower routines than TensorFlow has.
@tf.function(jit_compile=True)
def _recursion(velocity, along, across, noise, pull, step_px):
    changes = along.shape[0]
    sign = tf.constant([[1.0], [-1.0]])

    # The velocity is in steps, not pixels: a path of length 0 keeps its direction.
    def advance(t, velocity, position, path):
        velocity = velocity * along[t] + velocity[::-1] * (sign * across[t]) + noise[t] - pull * position
        velocity *= tf.math.rsqrt(tf.maximum(tf.reduce_sum(velocity**2, axis=0), 1e-30))
        position += step_px * velocity
        return t + 1, velocity, position, path.write(t + 1, position)

    origin = tf.zeros_like(velocity)
    *_, path = tf.while_loop(
        lambda t, *_: t < changes,
        advance,
        (0, velocity, origin, tf.TensorArray(tf.float32, changes + 1).write(0, origin)),
        maximum_iterations=changes,
    )
    return tf.transpose(path.stack(), [2, 0, 1])


def trajectories(seed: tf.Tensor, count: int | tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """Random camera paths by Algorithm 1.

    Args:
        seed: integer `[2]`, of all paths together.
        count: how many.
        parameters: `PAPER`, `SCRIPT` or others.

    Returns:
        float32 `[count, steps, 2]`, (y, x) in pixels from the start.
    """
    return follow(draw(seed, count, parameters), parameters)
