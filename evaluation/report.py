"""One self-contained HTML page about one run: scores beside the paper's, images, curves, audit, provenance.

The page is computed from `results.json` and the images that the evaluation stored, so that it can be written
again at any time. Python decides what is shown; `report.html.j2` decides how it looks.
"""

import base64
import io
import math
import re
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image
from skimage.color import rgb2gray
from skimage.transform import integral_image

from gandeblur.errors import InputError
from gandeblur.evaluation.detection import draw
from gandeblur.files import replacing

DASH = "—"  # where there is no number

# Titles and units of the groups of curves that a run records; any other group goes by its own name.
_CHART_TITLES = {
    "loss": "Losses",
    "val_psnr_db": "Validation PSNR (dB)",
    "learning_rate": "Learning rates",
    "gradient_norm": "Gradient norms",
}
# The plotting area inside a chart of 480 x 270 units.
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 450, 12, 232
_DETECTION_EXAMPLES = 4  # at most
_LOG_SCALE_RATIO = 50  # curves that span more than this are shown on a logarithmic axis


def slug(method: str) -> str:
    """The method's name in file names: "gain undone + Wiener" -> "gain-undone-wiener"."""
    return re.sub(r"[^a-z0-9]+", "-", method.lower()).strip("-")


def image_path(folder: Path, set_name: str, image: str, method: str) -> Path:
    """Where the evaluation stores an image and the report finds it; the truth is the method "sharp"."""
    return folder / set_name / f"{image}_{slug(method)}.png"


def write_report(results: dict, image_folder: Path, out: Path) -> None:
    """Writes the report of one run as one HTML file without scripts or links to anything outside it.

    The file is written under a temporary name and renamed: `out` is the old page or the whole new one.

    Args:
        results: the content of `results.json`. Keys: "experiment", "title", "citation", "variant", "preset",
            "description", "data" (label -> text), "protocol", "seed", "weights_sha256", "commit" (or None),
            "versions", "created", "training" (label -> value), "departures", "methods" (in column order,
            "input" among them), "ours" (this run's network), "sets" (set -> result of `metrics.score_set`),
            "paper" ({"table", "rows": {set: {method: [psnr_db, ssim]}}, "ranges": {metric: {"max", "min", "mean"}} or
            {}}), "audit" (network -> rows), and
            "history" ("step" and one list per curve, None where nothing was measured; "loss/mse" and
            "loss/adversarial" share the chart "loss"; {} without training). Optional: "detection" (set -> result of
            `detection.evaluate` with the methods "input", ours and "sharp", and others if wanted).
        image_folder: holds the images under `image_path`, 8-bit RGB.
        out: the HTML file to write or replace.

    Raises:
        InputError: an image is missing or cannot be read.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        psnr=lambda value: _number(value, ".2f"),
        ssim=lambda value: _number(value, ".3f"),
        grid=lambda value: _number(value, ".1f"),
        psnr_difference=lambda value: _number(value, "+.2f"),
        ssim_difference=lambda value: _number(value, "+.3f"),
        as_printed=_as_printed,
        called=lambda method: "truth" if method == "sharp" else method,
        label=lambda key: key.replace("_", " ").capitalize(),
        sign=lambda value: "better" if value > 0 else "worse" if value < 0 else "",
        value=_value,
    )
    page = environment.get_template("report.html.j2").render(
        r=results,
        dash=DASH,
        headline=_headline(results),
        cards=[_card(results, name) for name in results["sets"]],
        paper=_paper_table(results),
        examples={name: _examples(results, name, image_folder) for name in results["sets"]},
        detection=_detection(results, image_folder),
        charts=_charts(results["history"]),
        chart_area=(_LEFT, _RIGHT, _TOP, _BOTTOM),
    )
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8")


# Scores


def _headline(results: dict) -> str:
    """The outcome in one sentence: our mean PSNR over all images against the input and the best other method.

    Sets that hold the same images as an earlier one (under another condition) are left to the tables.
    """
    shown = {}
    for name, result in results["sets"].items():
        shown.setdefault(tuple(image["name"] for image in result["images"]), name)
    sets = list(shown.values())
    images = [image["scores"] for name in sets for image in results["sets"][name]["images"]]
    mean = {method: np.mean([image[method]["psnr_db"] for image in images]) for method in results["methods"]}
    ours = results["ours"]
    where = f"{len(images)} test image{'s' if len(images) > 1 else ''} ({', '.join(sets)})"
    sentence = (
        f"Over {where}, {ours} reaches a mean PSNR of {_number(mean[ours], '.2f')} dB: "
        f"{_against(mean[ours], mean['input'])} the degraded input"
    )
    baselines = _baselines(results)
    if baselines:
        best = max(baselines, key=mean.get)
        sentence += f" and {_against(mean[ours], mean[best])} the best other method, {best}"
    return sentence + "."


def _against(ours: float, other: float) -> str:
    """The distance in words, to the digits printed: "1.23 dB above", "0.40 dB below" or "level with"."""
    difference = 0 if ours == other else round(ours - other, 2)  # both may be infinite
    if difference == 0:
        return "level with"
    return f"{_number(abs(difference), '.2f')} dB {'above' if difference > 0 else 'below'}"


def _baselines(results: dict) -> list[str]:
    return [method for method in results["methods"] if method not in ("input", results["ours"])]


def _card(results: dict, set_name: str) -> dict:
    """The figures of one set in brief: ours, and its distance to the input and to the set's best baseline."""
    scores = results["sets"][set_name]["methods"]
    ours = scores[results["ours"]]
    mean_psnr = {method: scores[method]["psnr_db"]["mean"] for method in results["methods"]}
    best = max(_baselines(results), key=mean_psnr.get, default=None)
    return {
        "name": set_name,
        "images": len(results["sets"][set_name]["images"]),
        "psnr_db": ours["psnr_db"]["mean"],
        "ssim": ours["ssim"]["mean"],
        "best": best,
        "over_input": ours["psnr_db"]["mean"] - mean_psnr["input"],
        "over_best": ours["psnr_db"]["mean"] - mean_psnr[best] if best else None,
    }


def _paper_table(results: dict) -> dict:
    """The paper's table with our columns and our network's difference beside it; None where a number is missing.

    Ours are this run's network, and every other method that was measured and stands in the paper's table.
    """
    rows = results["paper"]["rows"]
    methods = list(dict.fromkeys(method for row in rows.values() for method in row))
    # The paper's name for this run's network: the two may differ in case ("odcnn", "ODCNN").
    ours = results["ours"]
    counterpart = next((method for method in methods if method.casefold() == ours.casefold()), None)
    places = {method.casefold(): place for place, method in enumerate(methods)}
    measured = [method for method in results["methods"] if method == ours or method.casefold() in places]
    measured.sort(key=lambda method: places.get(method.casefold(), len(places)))
    none_measured = not rows.keys() & results["sets"].keys()
    table = []
    for set_name, row in (rows | dict.fromkeys(results["sets"], {}) if none_measured else rows).items():
        methods_here = results["sets"][set_name]["methods"] if set_name in results["sets"] else {}
        scores = {
            method: [methods_here[method][metric]["mean"] for metric in ("psnr_db", "ssim")] if methods_here else None
            for method in measured
        }
        reported = row.get(counterpart)
        difference = [a - b for a, b in zip(scores[ours], reported, strict=True)] if scores[ours] and reported else None
        table.append(
            {
                "set": set_name,
                "paper": [row.get(method) for method in methods],
                "ours": list(scores.values()),
                "difference": difference,
            }
        )
    return {
        "methods": methods,
        "measured": measured,
        "counterpart": counterpart,
        "rows": table,
        "missing": [name for name in rows if name not in results["sets"]],
        "none_measured": none_measured,
    }


def _number(value: float | None, spec: str) -> str:
    if value is None or math.isnan(value):
        return DASH
    text = format(value, spec)
    if not text.strip("+-0."):  # -0.00 and +0.00
        text = text.lstrip("+-")
    return text.replace("inf", "∞").replace("-", "−")


def _value(value: object) -> object:
    """Any other value of `results.json`: numbers with thousands separated, None as a dash."""
    if isinstance(value, float):
        return f"{value:,.5g}"
    if isinstance(value, int):
        return f"{value:,}"
    return DASH if value is None else value


def _as_printed(value: float) -> str:
    """A number of the paper with the digits it was printed with, at least two."""
    return max(f"{value:.2f}", repr(value), key=len)


# Images


def _examples(results: dict, set_name: str, folder: Path) -> list[dict]:
    """The best, the median and the worst image of one set by our PSNR (fewer where the set has fewer)."""
    ours = results["ours"]
    ranked = sorted(
        results["sets"][set_name]["images"],
        key=lambda image: (image["scores"][ours]["psnr_db"], image["name"]),
        reverse=True,
    )
    # In a small set one image holds several ranks: the later entry names it.
    ranks = {len(ranked) // 2: "Median", len(ranked) - 1: "Worst", 0: "Best"}
    if len(ranked) == 1:
        ranks = {0: "Only image"}
    return [
        {"rank": rank, "name": ranked[index]["name"], **_panels(results, set_name, ranked[index], folder)}
        for index, rank in sorted(ranks.items())
    ]


def _panels(results: dict, set_name: str, image: dict, folder: Path) -> dict:
    """Input, every method and the truth: whole image, crop at full resolution, and scores."""
    sharp = _read(image_path(folder, set_name, image["name"], "sharp"))
    left, top, side = detailed_window(np.asarray(sharp))
    panels = []
    for method in [*results["methods"], "sharp"]:
        picture = _read(image_path(folder, set_name, image["name"], method))
        crop = picture.crop((left, top, left + side, top + side))
        picture.thumbnail((640, 640))  # only larger images shrink; the crop keeps its pixels
        panels.append(
            {
                "method": "truth" if method == "sharp" else method,
                "ours": method == results["ours"],
                "scores": image["scores"].get(method),
                "image": _data_uri(picture),
                "crop": _data_uri(crop),
            }
        )
    width, height = sharp.size
    percent = {
        "left": 100 * left / width,
        "top": 100 * top / height,
        "width": 100 * side / width,
        "height": 100 * side / height,
    }
    return {"panels": panels, "window": percent, "ratio": f"{width} / {height}"}


def detailed_window(sharp: np.ndarray) -> tuple[int, int, int]:
    """The square window with the most detail: the largest sum of absolute grey-value differences.

    Not of their squares, which would prefer one hard edge to a texture.

    Args:
        sharp: uint8 [H, W, 3].

    Returns:
        (left, top, side) in pixels; the side is a quarter of the shorter side of the image.
    """
    grey = rgb2gray(sharp)
    vertical, horizontal = np.abs(np.gradient(grey))
    sums = np.pad(integral_image(vertical + horizontal), ((1, 0), (1, 0)))
    side = min(grey.shape) // 4
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(windows.argmax(), windows.shape)
    return int(left), int(top), side


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: missing or not readable as an image; run --stage=evaluate again") from error


def _data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


# Detections


def _detection(results: dict, folder: Path) -> dict | None:
    """The tables of detections, and the images with the most objects with boxes drawn; None without the key."""
    sets = results.get("detection")
    if not sets:
        return None
    images = [(name, image) for name, result in sets.items() for image in result["images"]]
    images.sort(key=lambda entry: -_objects(entry[1]))
    return {
        "sets": sets,
        "judge": next(iter(sets.values())),  # one detector and one threshold for all sets
        "examples": [
            {"set": name, "name": image["name"], "panels": _detection_panels(results, name, image, folder)}
            for name, image in images[:_DETECTION_EXAMPLES]
            if _objects(image)
        ],
    }


def _objects(image: dict) -> int:
    return image["methods"]["sharp"]["scores"]["objects"]


def _detection_panels(results: dict, set_name: str, image: dict, folder: Path) -> list[dict]:
    panels = []
    for method in ("input", results["ours"], "sharp"):
        picture = np.asarray(_read(image_path(folder, set_name, image["name"], method)))
        drawn = Image.fromarray(draw(picture, image["methods"][method]["detections"]))
        drawn.thumbnail((640, 640))
        panels.append({"method": method, "scores": image["methods"][method]["scores"], "image": _data_uri(drawn)})
    return panels


# Curves


def _charts(history: dict) -> list[dict]:
    """One chart per group of curves ("loss/mse" is the curve "mse" of "loss"), unless it is empty."""
    groups: dict[str, dict] = {}
    for key, values in history.items():
        if key != "step":
            group, _, curve = key.partition("/")
            groups.setdefault(group, {})[curve or group] = [
                (step, value)
                for step, value in zip(history["step"], values, strict=True)
                if value is not None and math.isfinite(value)
            ]
    return [_chart(group, curves) for group, curves in groups.items() if any(curves.values())]


def _chart(group: str, curves: dict[str, list[tuple[float, float]]]) -> dict:
    """Ticks and polylines of one chart in the units of its drawing."""
    steps, values = np.array([point for curve in curves.values() for point in curve], float).T
    log = values.min() > 0 and values.max() / values.min() > _LOG_SCALE_RATIO
    scale = np.log10 if log else np.asarray
    low, high = float(scale(values.min())), float(scale(values.max()))
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    last = max(steps.max(), 1)

    def x(step):
        return round(_LEFT + (_RIGHT - _LEFT) * step / last, 1)

    def y(value):
        return round(float(_BOTTOM - (_BOTTOM - _TOP) * (scale(value) - low) / (high - low)), 1)

    return {
        "title": _CHART_TITLES.get(group, group.replace("_", " ").capitalize()),
        "log": log,
        "x_ticks": [(x(tick), f"{tick:,.0f}") for tick in _ticks(0, last, at_most=5, at_least_apart=1)],
        "y_ticks": [(y(tick), _tick_label(tick)) for tick in (_log_ticks if log else _ticks)(low, high)],
        "curves": [
            {"name": name, "points": [(x(step), y(value)) for step, value in points]} for name, points in curves.items()
        ],
    }


def _ticks(low: float, high: float, at_most: int = 8, at_least_apart: float = 0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high], with at most so many steps between."""
    smallest = (high - low) / at_most
    power = 10.0 ** math.floor(math.log10(smallest))
    step = max(at_least_apart, next(factor * power for factor in (1, 2, 5, 10) if factor * power >= smallest))
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within [10^low, 10^high], with their multiples by 2 and 5 if the range is short."""
    factors = (1, 2, 5) if high - low < 2.5 else (1,)
    ticks = [factor * 10.0**power for power in range(math.floor(low), math.ceil(high)) for factor in factors]
    return [tick for tick in ticks if low <= math.log10(tick) <= high]


def _tick_label(value: float) -> str:
    """Short: 1200 -> "1,200", 1e-05 -> "1e−5"."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"
    return re.sub(r"e-0?", "e−", text).replace("-", "−")
