"""Holds a built network against the layers and totals that its paper prints, number by number.

"paper" stands only where the paper prints the number. A total that it does not print is our reading's, "as read here".
So is the count of a layer without a printed one; its kernel, stride and widths are held against the text all the same.
"""

import keras
from rich import box
from rich.console import Console
from rich.table import Table

from gandeblur.experiments.spec import Network, Paper

COLUMNS = ("layer", "kernel", "stride", "in", "out", "parameters", "paper", "verdict")
_TITLES = {"kernel": "K", "stride": "S"}  # as in the papers' tables, and short: 80 columns hold the largest network
NOT_LISTED = "unlisted"
AS_READ = "as read here"
_AS_PRINTED = "widths ok"  # what the paper prints of a layer, but for the count


def audit(paper: Paper) -> dict[str, list[dict]]:
    """The rows of every network of a paper, at the paper's image size; see `rows`."""
    return {name: rows(network.build(paper.data.crop_px), network) for name, network in paper.networks.items()}


def rows(model: keras.Model, network: Network) -> list[dict]:
    """One row per layer with weights, subtotals where the paper lists only some layers, and the total.

    Args:
        model: the network, built.
        network: as the paper states it. A printed layer without parameters is the model's input.

    Returns:
        List of dicts with the keys `COLUMNS`: the built layer's figures, the paper's number of parameters (None where
        it prints none), and the verdict: "ok", or the differences. The layers that the paper prints come first. Where
        the paper prints no number of parameters, "paper" is missing, and the total's verdict is about our reading.
    """
    total = model.count_params()
    verdict = "" if network.parameters is None else _verdict_on(total, network.parameters)
    read = verdict.replace("ok", AS_READ) if not network.parameters_printed else verdict
    if not network.layers:
        layers = [_figures(layer) | {"verdict": ""} for layer in model.layers if layer.weights]
        return [*layers, _blank("total") | {"parameters": total, "verdict": read}]
    stated = {layer.name: layer for layer in network.layers}
    built = {layer.name: layer for layer in model.layers if layer.weights or layer.name in stated}
    listed = [_compared_layer(_figures(built[name]), layer) for name, layer in stated.items() if name in built]
    missing = [
        _blank(name) | {"paper": layer.parameters, "verdict": "missing here"}
        for name, layer in stated.items()
        if name not in built
    ]
    others = [
        _figures(layer) | {"paper": None, "verdict": NOT_LISTED} for layer in built.values() if layer.name not in stated
    ]
    subtotals = []
    if others:
        if all(layer.parameters is not None for layer in network.layers):
            stated_sum = sum(layer.parameters or 0 for layer in network.layers)
            subtotals.append(_compared("listed layers", sum(row["parameters"] for row in listed), stated_sum))
        kinds = [type(built[row["layer"]]).__name__ for row in others]
        for kind in dict.fromkeys(kinds):
            of_kind = [row["parameters"] for row, own in zip(others, kinds, strict=True) if own == kind]
            name = f"{len(of_kind)} {kind}"
            subtotals.append(_blank(name) | {"parameters": sum(of_kind), "paper": None, "verdict": NOT_LISTED})
    printed = network.parameters if network.parameters_printed else None
    table = [*listed, *missing, *others, *subtotals]
    table.append(_blank("total") | {"parameters": total, "paper": printed, "verdict": read})
    if all(row["paper"] is None for row in table):
        for row in table:
            del row["paper"]
    return table


def of_formula(model: keras.Model) -> tuple[int, int]:
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


def print_audit(paper: Paper, with_summary: bool = False) -> None:
    """Prints the tables of a paper's networks and their totals, with `model.summary()` if wanted."""
    layers = parameters = 0
    for name, network in paper.networks.items():
        model = network.build(paper.data.crop_px)
        if with_summary:
            model.summary()
        print_table(f"{paper.title.split(':')[0]} {name}", rows(model, network))
        holds, convolutions = of_formula(model)
        layers, parameters = layers + convolutions, parameters + model.count_params()
        print(f"{name}: {convolutions} convolutions, {model.count_params():,} parameters")
        if network.parameters_printed:
            print(f"    C_out (C_in K^2 + 1) gives the parameters of {holds} of the {convolutions} convolutions")
    print(f"together: {layers} convolutions, {parameters:,} parameters", flush=True)


def print_table(title: str, rows: list[dict]) -> None:
    """Prints `rows` as a table."""
    printed = "paper" in rows[0]
    columns = [column for column in COLUMNS if printed or column != "paper"]
    title += "" if printed else f" ({AS_READ}: the paper prints no counts)"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            _TITLES.get(column, column), justify="left" if column in ("layer", "verdict") else "right", no_wrap=True
        )
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    Console().print(table)


def _blank(name):
    return {column: None for column in COLUMNS if column != "paper"} | {"layer": name}


def _compared(name, ours, paper):
    return _blank(name) | {"parameters": ours, "paper": paper, "verdict": _verdict_on(ours, paper)}


def _verdict_on(ours, stated):
    return "ok" if ours == stated else f"differs by {ours - stated:+,}"


def _compared_layer(row, paper):
    expected = (paper.kernel, paper.stride, paper.maps_in, paper.maps_out, paper.parameters)
    pairs = [pair for pair in zip(COLUMNS[1:6], expected, strict=True) if pair[1] is not None]
    differing = [f"{column} is {value} in the paper" for column, value in pairs if row[column] != value]
    agrees = _AS_PRINTED if paper.parameters is None else "ok"
    return row | {"paper": paper.parameters, "verdict": "; ".join(differing) or agrees}


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


def _cell(value):
    return "" if value is None else f"{value:,}" if isinstance(value, int) else value
