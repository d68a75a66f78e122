"""Pixel losses: one value per image."""

from typing import Any

from keras import ops


def mean_squared_error(restored: Any, sharp: Any) -> Any:
    """Mean over height, width and channels of (restored - sharp)^2: float `[B, H, W, C]` twice -> `[B]`."""
    return ops.mean(ops.square(restored - sharp), axis=(1, 2, 3))


def mean_absolute_error(restored: Any, sharp: Any) -> Any:
    """Mean over height, width and channels of |restored - sharp|: float `[B, H, W, C]` twice -> `[B]`."""
    return ops.mean(ops.abs(restored - sharp), axis=(1, 2, 3))
