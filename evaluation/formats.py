"""Numbers and other values as the report prints them."""

import math

DASH = "—"  # where there is no number
_LINE = 90  # characters; longer lists are printed one entry a line


def number(value: float | None, spec: str) -> str:
    """A measured number: a dash for None and NaN, a true minus and infinity sign, no sign before zero."""
    if value is None or math.isnan(value):
        return DASH
    text = format(value, spec)
    if not text.strip("+-0."):  # -0.00 and +0.00
        text = text.lstrip("+-")
    return text.replace("inf", "∞").replace("-", "−")


def as_printed(value: float) -> str:
    """A number of the paper with the digits it was printed with, at least two."""
    return max(f"{value:.2f}", repr(value), key=len)


def plain(value: object) -> str:
    """A value without parts: thousands separated, five digits of a fraction, yes, no, or a dash for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.5g}"
    return DASH if value is None else str(value)


def line(value: object) -> str | None:
    """Any value in one line: "64, 128", "mse 1, adversarial 0.0001"; None for what is too long or nested for that."""
    if not isinstance(value, dict | list | tuple):
        return plain(value)
    if any(isinstance(part, dict | list | tuple) for part in (value.values() if isinstance(value, dict) else value)):
        return None
    parts = [f"{key} {plain(part)}" for key, part in value.items()] if isinstance(value, dict) else map(plain, value)
    text = ", ".join(parts) or "none"
    return text if len(text) <= _LINE else None


def label(key: str) -> str:
    """A key as a heading: "loss_weights" -> "Loss weights"."""
    return (key[:1].upper() + key[1:]).replace("_", " ")


def duration(seconds: float) -> str:
    """In the two largest units: "2 h 5 min", "6 min 40 s", "8.5 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
