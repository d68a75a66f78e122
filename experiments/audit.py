"""Holds a built network against the paper's layers, number by number."""

from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = ("layer", "kernel", "stride", "in", "out", "parameters", "paper", "verdict")
_TITLES = {"kernel": "K", "stride": "S"}  # as in the papers' tables, and short: 80 columns hold the largest network
NOT_LISTED = "unlisted"


def rows(model, layers, total=None):
    """One row per layer with weights, subtotals where the paper lists only some layers, and the total.

    Args:
        model: a Keras model.
        layers: the paper's layers, `experiments.paper.Layer`, in order. One without parameters is the model's input.
        total: the paper's total, where it lists only some layers; None: the sum of `layers`.

    Returns:
        List of dicts with the keys `COLUMNS`: the built layer's figures, the paper's number of parameters (those its
        kernel and maps imply), and the verdict: "ok", or what differs. The layers that the paper lists come first.
    """
    stated = {layer.name: layer for layer in layers}
    built = {layer.name: layer for layer in model.layers if layer.weights or layer.name in stated}
    listed = [_verdict(_figures(built[name]), paper) for name, paper in stated.items() if name in built]
    missing = [
        _blank(name) | {"paper": paper.parameters, "verdict": "missing here"}
        for name, paper in stated.items()
        if name not in built
    ]
    others = [
        _figures(layer) | {"paper": None, "verdict": NOT_LISTED} for layer in built.values() if layer.name not in stated
    ]
    listed_total = sum(layer.parameters for layer in layers)
    subtotals = []
    if others:
        subtotals.append(_compared("listed layers", sum(row["parameters"] for row in listed), listed_total))
        kinds = [type(built[row["layer"]]).__name__ for row in others]
        for kind in dict.fromkeys(kinds):
            of_kind = [row["parameters"] for row, own in zip(others, kinds, strict=True) if own == kind]
            name = f"{len(of_kind)} {kind}"
            subtotals.append(_blank(name) | {"parameters": sum(of_kind), "paper": None, "verdict": NOT_LISTED})
    stated_total = listed_total if total is None else total
    return [*listed, *missing, *others, *subtotals, _compared("total", model.count_params(), stated_total)]


def _blank(name):
    return dict.fromkeys(COLUMNS) | {"layer": name}


def _compared(name, ours, paper):
    verdict = "ok" if ours == paper else f"differs by {ours - paper:+,}"
    return _blank(name) | {"parameters": ours, "paper": paper, "verdict": verdict}


def _verdict(row, paper):
    expected = (paper.kernel, paper.stride, paper.maps_in, paper.maps_out, paper.parameters)
    pairs = zip(COLUMNS[1:6], expected, strict=True)
    differing = [f"{column} is {value} in the paper" for column, value in pairs if row[column] != value]
    return row | {"paper": paper.parameters, "verdict": "; ".join(differing) or "ok"}


def _figures(layer):
    kernel = _convolution_kernel(layer)
    images = layer.output if not layer.weights else layer.input  # an input layer has no input
    return {
        "layer": layer.name,
        "kernel": "x".join(map(str, kernel[:2])),
        "stride": layer.strides[0] if kernel else None,
        "in": images.shape[-1],
        "out": layer.output.shape[-1],
        "parameters": layer.count_params(),
    }


def _convolution_kernel(layer):
    """Shape of a convolution's kernel, () for any other layer."""
    shape = tuple(layer.kernel.shape) if hasattr(layer, "kernel") else ()
    return shape if len(shape) == 4 else ()


def of_formula(model):
    """(convolutions whose parameters are `C_out (C_in K^2 + 1)`, all convolutions) of a model.

    Formula 2 of the HKUST paper; K^2 is the kernel's area, C_in and C_out the layer's maps.
    """
    convolutions = [layer for layer in model.layers if _convolution_kernel(layer)]
    holds = 0
    for layer in convolutions:
        height, width = _convolution_kernel(layer)[:2]
        area = height * width
        holds += layer.count_params() == layer.output.shape[-1] * (layer.input.shape[-1] * area + 1)
    return holds, len(convolutions)


def print_table(title, rows):
    """Prints `rows` as a table."""
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(
            _TITLES.get(column, column), justify="left" if column in ("layer", "verdict") else "right", no_wrap=True
        )
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in COLUMNS))
    Console().print(table)


def _cell(value):
    return "" if value is None else f"{value:,}" if isinstance(value, int) else value
