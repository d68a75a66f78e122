"""A last layer under which a generator starts as the identity."""

from typing import Any

from keras import layers, ops

# What reaches tanh is finite at white and black; the restored image starts as 0.99 of the blurred one.
_SHARE = 0.99


def tanh_around(blurred: Any | None, correction: Any) -> Any:
    """tanh(correction + artanh(0.99 blurred)): `[B, H, W, 3]` in [-1, 1] twice -> float32 in (-1, 1).

    A correction of 0 leaves the blurred image, up to a hundredth; the range is tanh's, nothing is clipped. With None
    for the blurred image it is tanh(correction).
    """
    if blurred is not None:
        share = _SHARE * ops.cast(blurred, "float32")
        logits = (ops.log(1 + share) - ops.log(1 - share)) / 2  # artanh, which LiteRT does not have
        correction = layers.Add(dtype="float32", name="around_blurred")([logits, correction])
    return layers.Activation("tanh", dtype="float32", name="tanh")(correction)
