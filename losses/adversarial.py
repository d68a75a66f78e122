"""Adversarial losses: one value per image, from the discriminator's output.

`discriminator` and `non_saturating` (Goodfellow et al. 2014) take logits l with D = sigmoid(l):
-log D = softplus(-l) and -log(1 - D) = softplus(l) are finite where the sigmoid itself has rounded to 0 or 1.
`wasserstein_critic` and `wasserstein_generator` (Arjovsky et al. 2017) take the scores of a critic, any real numbers.
Both are `[B, 1]` or a map `[B, ...]`, over which the loss is averaged; results are `[B]`.
"""

from typing import Any

from keras import ops


def discriminator(real_logits: Any, fake_logits: Any) -> Any:
    """GAN-D eq. 3: L_D = -log D(x) - log(1 - D(G(z)))."""
    return _per_image(ops.softplus(-real_logits)) + _per_image(ops.softplus(fake_logits))


def non_saturating(fake_logits: Any) -> Any:
    """-log D(G(z)): the same fixed point as eq. 2's log(1 - D(G(z))), with a gradient where D is sure of a fake."""
    return _per_image(ops.softplus(-fake_logits))


def wasserstein_critic(real_scores: Any, fake_scores: Any) -> Any:
    """D(G(z)) - D(x): minus the critic's estimate of the distance between the two distributions."""
    return _per_image(fake_scores) - _per_image(real_scores)


def wasserstein_generator(fake_scores: Any) -> Any:
    """-D(G(z)): the part of the distance that the generator can lower."""
    return -_per_image(fake_scores)


def _per_image(values):
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))
