"""Holds a built network against the paper's layers, number by number."""

from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = ("layer", "kernel", "stride", "in", "out", "parameters", "paper", "verdict")


def rows(model, layers):
    """One row per layer with weights, and the total.

    Args:
        model: a Keras model.
        layers: the paper's layers, `experiments.paper.Layer`, in order.

    Returns:
        List of dicts with the keys `COLUMNS`: the built layer's figures, the paper's number of parameters (those its
        kernel and maps imply), and the verdict: "ok", or what differs.
    """
    stated = {layer.name: layer for layer in layers}
    built = [layer for layer in model.layers if layer.weights]
    result = []
    for layer in built:
        row = _figures(layer)
        paper = stated.pop(layer.name, None)
        if paper is None:
            result.append(row | {"paper": None, "verdict": "not in the paper"})
            continue
        expected = (paper.kernel, paper.stride, paper.maps_in, paper.maps_out, paper.parameters)
        pairs = zip(COLUMNS[1:6], expected, strict=True)
        differing = [f"{column} is {value} in the paper" for column, value in pairs if row[column] != value]
        result.append(row | {"paper": paper.parameters, "verdict": "; ".join(differing) or "ok"})
    for name, paper in stated.items():
        empty = dict.fromkeys(COLUMNS[1:6])
        result.append({"layer": name, **empty, "paper": paper.parameters, "verdict": "missing here"})
    ours, theirs = model.count_params(), sum(layer.parameters for layer in layers)
    verdict = "ok" if ours == theirs else f"differs by {ours - theirs:+,}"
    total = {"layer": "total", "kernel": "", "stride": None, "in": None, "out": None}
    return [*result, total | {"parameters": ours, "paper": theirs, "verdict": verdict}]


def _figures(layer):
    kernel = layer.kernel.shape
    convolution = len(kernel) == 4
    return {
        "layer": layer.name,
        "kernel": "x".join(map(str, kernel[:2])) if convolution else "",
        "stride": layer.strides[0] if convolution else None,
        "in": layer.input.shape[-1],
        "out": layer.output.shape[-1],
        "parameters": layer.count_params(),
    }


def print_table(title, rows):
    """Prints `rows` as a table."""
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("layer", "verdict") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in COLUMNS))
    Console().print(table)


def _cell(value):
    return "" if value is None else f"{value:,}" if isinstance(value, int) else value
