"""What the curves show, told from the drawing's own text."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from gandeblur.evaluation.charts import charts

HISTORY = {
    "step": [1, 2, 3],
    "loss/mse": [0.5, 0.1, 0.001],
    "loss/adversarial": [0.7, 0.6, 0.5],
    "val_psnr_db": [None, 20.0, 21.5],
}


def curves(svg):
    """Points of the curves, which alone have 1.6 units of width, without those of the legend; y points down."""
    paths = [
        path.get("d") for path in ElementTree.fromstring(svg).iter() if "stroke-width: 1.6" in path.get("style", "")
    ]
    points = [[tuple(map(float, pair)) for pair in re.findall(r"[ML] (\S+) (\S+)", path)] for path in paths]
    return points[: (len(points) + 1) // 2]  # a single curve has no legend


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_curves_of_one_group_share_a_chart_and_what_was_not_measured_is_no_point():
    losses, validation = charts(HISTORY)
    mse, adversarial = curves(losses["svg"])
    assert len(mse) == len(adversarial) == 3 and len(curves(validation["svg"])[0]) == 2
    assert [texts(losses["svg"]).count(name) for name in ("mse", "adversarial", "step")] == [1, 1, 1]
    assert "val_psnr_db" not in texts(validation["svg"])  # one curve needs no legend


def test_values_that_span_much_are_on_a_logarithmic_axis():
    losses, validation = charts(HISTORY)
    assert (losses["title"], validation["title"]) == ("Losses, logarithmic axis", "Validation PSNR (dB)")
    (_, first), (_, second), (_, third) = curves(losses["svg"])[0]
    assert first < second < third
    # 0.5 -> 0.1 -> 0.001: distances in proportion to log 5 and log 100.
    assert (third - second) / (second - first) == pytest.approx(np.log(100) / np.log(5), rel=0.01)
    assert {"0.001", "0.01", "0.1"} <= set(texts(losses["svg"]))
    assert "logarithmic" not in charts({"step": [1, 2], "x": [0.0, 1000.0]})[0]["title"]  # zero has no logarithm


def test_constant_and_single_values_are_drawn_and_those_that_are_no_numbers_are_not():
    history = {"step": [5], "learning_rate/generator": [1e-5], "loss/d": [0.0], "x": [float("nan")]}
    rate, loss = charts(history)
    assert np.isfinite([curves(rate["svg"]), curves(loss["svg"])]).all()
    assert charts({}) == []


def test_the_same_history_gives_the_same_text_in_the_pages_colours_and_letters():
    first, second = charts(HISTORY)[0], charts(HISTORY)[0]
    assert first == second
    colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", first["svg"]))
    assert colours == {"none", "var(--c0)", "var(--c1)", "var(--rule)", "var(--muted)"}
    assert "font-family" not in first["svg"] and "<style" not in first["svg"]


def test_names_of_curves_are_escaped():
    assert "&lt;b&gt;" in charts({"step": [1], "loss/<b>": [1.0], "loss/c": [2.0]})[0]["svg"]
