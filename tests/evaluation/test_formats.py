"""Values as the report prints them."""

import math

import pytest

from gandeblur.evaluation import formats


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (None, ".2f", "—"),
        (math.nan, ".2f", "—"),
        (-1.234, "+.2f", "−1.23"),
        (-0.004, "+.2f", "0.00"),
        (0.0, "+.2f", "0.00"),
        (math.inf, "+.2f", "+∞"),
    ],
)
def test_measured_numbers(value, spec, text):
    assert formats.number(value, spec) == text


@pytest.mark.parametrize(("value", "text"), [(16.7, "16.70"), (24.392, "24.392"), (0.838, "0.838")])
def test_numbers_of_the_paper_keep_their_digits(value, text):
    assert formats.as_printed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (676571, "676,571"),
        (1e-5, "1e-05"),
        (None, "—"),
        ([64, 128], "64, 128"),
        ({"mse": 1.0, "adversarial": 1e-4}, "mse 1, adversarial 0.0001"),
        ([], "none"),
        (["word"] * 40, None),
        ([[1], [2]], None),
    ],
)
def test_values_in_one_line_if_they_fit(value, text):
    assert formats.line(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.52, "8.5 s"), (59.97, "60.0 s"), (400.1, "6 min 40 s"), (7500, "2 h 5 min")]
)
def test_durations_in_two_units(seconds, text):
    assert formats.duration(seconds) == text
