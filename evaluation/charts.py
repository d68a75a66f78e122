"""Curves of a training as SVG drawings that take the colours and the letters of the page they stand in."""

import io
import math
import re
from typing import Any

import numpy as np

# Titles and units of the groups of curves that a run records; any other group goes by its own name.
_TITLES = {
    "loss": "Losses",
    "val_psnr_db": "Validation PSNR (dB)",
    "learning_rate": "Learning rates",
    "gradient_norm": "Gradient norms",
    "gradient_share": "Share of each loss in the generator's gradient",
}
_LOG_SCALE_RATIO = 50  # positive values that span more than this are shown on a logarithmic axis
_SHORT_RATIO = 300  # logarithmic axes that span less have ticks at 2 and 5, too
_MANY_POINTS = 40  # more of them are not marked one by one
_DASHES = ("-", "--", ":")  # from one round of colours to the next
# Stand-ins while matplotlib draws: the page's style sheet decides, for light and for dark.
_CURVES = {f"#ab00c{n}": f"var(--c{n})" for n in range(6)}
_RULE, _TEXT = "#ab00d0", "#ab00d1"
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # the same curves, the same text
_COLOURS = _CURVES | {_RULE: "var(--rule)", _TEXT: "var(--muted)"}


def charts(history: dict[str, list]) -> list[dict[str, str]]:
    """One chart per group of curves ("loss/mse" is the curve "mse" of "loss"), unless it is empty.

    Args:
        history: "step", and one list per curve, None where nothing was measured; or empty.

    Returns:
        `{"title": str, "svg": str}` of each chart. The same history gives the same text. Colours are the custom
        properties `--c0` to `--c5`, `--rule` and `--muted` of the page's style sheet.
    """
    groups: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for key, values in history.items():
        if key != "step":
            group, _, curve = key.partition("/")
            groups.setdefault(group, {})[curve or group] = [
                (step, value)
                for step, value in zip(history["step"], values, strict=True)
                if value is not None and math.isfinite(value)
            ]
    return [_chart(group, curves) for group, curves in groups.items() if any(curves.values())]


def _chart(group: str, curves: dict[str, list[tuple[float, float]]]) -> dict[str, str]:
    # Here, as matplotlib takes half a second: only those who write a report wait for it.
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    values = np.array([value for points in curves.values() for _, value in points])
    log = bool(values.min() > 0 and values.max() / values.min() > _LOG_SCALE_RATIO)
    title = _TITLES.get(group, group.replace("_", " ").capitalize()) + ", logarithmic axis" * log
    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "gandeblur", "font.size": 9, "text.color": _TEXT}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(4.8, 2.7), dpi=72, layout="constrained")
        axes = figure.add_subplot()
        for index, (name, points) in enumerate(curves.items()):
            axes.plot(
                *zip(*points, strict=True) if points else ((), ()),
                color=list(_CURVES)[index % len(_CURVES)],
                linestyle=_DASHES[index // len(_CURVES) % len(_DASHES)],
                linewidth=1.6,
                marker="o" if len(points) <= _MANY_POINTS else "",
                markersize=4,
                clip_on=False,
                label=name,
            )
        axes.set_xlim(0, max(1, *(step for points in curves.values() for step, _ in points)))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=(1, 2, 5, 10)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.set_xlabel("step", color=_TEXT)
        if log:
            short = values.max() / values.min() < _SHORT_RATIO
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.grid(axis="y", color=_RULE, linewidth=1, clip_on=False)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelcolor=_TEXT)
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.spines["bottom"].set_color(_TEXT)
        if len(curves) > 1:
            ncols = 3 if max(map(len, curves)) < 15 else 2  # what 480 units hold
            figure.legend(loc="outside upper left", ncols=ncols, frameon=False, handlelength=1.5, columnspacing=1.4)
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", transparent=True, metadata=_NO_METADATA)
    return {"title": title, "svg": _inline(drawing.getvalue())}


def _inline(document: str) -> str:
    """The drawing alone, in the colours and letters of the page; of the names, only those that are referred to."""
    drawing = document[document.index("<svg") :]
    drawing = re.sub(r"<style.*?</style>|font-family: [^;]*; |(?<=<g) id=\"[^\"]*\"", "", drawing)
    return re.sub("|".join(_COLOURS), lambda match: _COLOURS[match.group()], drawing)
