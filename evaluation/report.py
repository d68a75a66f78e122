"""One self-contained HTML page about one evaluation: scores beside the paper's, images, curves, audit, provenance.

The page is computed from `Results` and the images that the evaluation stored, so that it can be written again at
any time. Python decides what is shown; `report.html.j2` decides how it looks.
"""

from functools import partial
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gandeblur.evaluation import formats
from gandeblur.evaluation.charts import charts
from gandeblur.evaluation.formats import number
from gandeblur.evaluation.metrics import METRICS
from gandeblur.evaluation.pictures import detection_examples, examples
from gandeblur.evaluation.results import Results
from gandeblur.evaluation.scoring import GRADIENT_ENERGY
from gandeblur.files import replacing
from gandeblur.names import ESCAPED

ALL = "all"  # the paper's row of means over its other rows


def write_report(results: Results, image_folder: Path, out: Path) -> None:
    """Writes the report as one HTML file without scripts or links to anything outside it.

    The file is written under a temporary name and renamed: `out` is the old page or the whole new one.

    Args:
        results: of the evaluation.
        image_folder: holds the images under `pictures.image_path`, 8-bit RGB.
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
        psnr=partial(number, spec=".2f"),
        ssim=partial(number, spec=".3f"),
        grid=partial(number, spec=".1f"),
        energy=partial(number, spec=".2f"),
        psnr_difference=partial(number, spec="+.2f"),
        ssim_difference=partial(number, spec="+.3f"),
        as_printed=formats.as_printed,
        called=lambda method: "truth" if method == "sharp" else method,
        duration=formats.duration,
        label=formats.label,
        line=formats.line,
        sign=lambda value: "better" if value > 0 else "worse" if value < 0 else "",
    )
    page = environment.get_template("report.html.j2").render(
        r=results,
        dash=formats.DASH,
        headline=_headline(results),
        cards=[_card(results, name) for name in results.sets],
        paper=_paper_table(results),
        gains=gains(results),
        examples={name: examples(results, name, image_folder) for name in results.sets},
        detection_examples=detection_examples(results, image_folder),
        charts=charts(results.history),
        # Older results have none.
        sharpness={
            name: result["methods"]
            for name, result in results.sets.items()
            if GRADIENT_ENERGY in result["methods"][results.ours]
        },
    )
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8", errors=ESCAPED)


def _headline(results: Results) -> str:
    """The outcome in one sentence: our mean PSNR over all images against the input and the best other method.

    Sets that hold the same images as an earlier one (under another condition) are left to the tables.
    """
    shown: dict[tuple[str, ...], str] = {}
    for name, result in results.sets.items():
        shown.setdefault(tuple(image["name"] for image in result["images"]), name)
    sets = list(shown.values())
    images = [image["scores"] for name in sets for image in results.sets[name]["images"]]
    mean = {method: np.mean([image[method]["psnr_db"] for image in images]) for method in results.methods}
    ours = results.ours
    where = f"{len(images)} test image{'s' if len(images) > 1 else ''} ({', '.join(sets)})"
    sentence = (
        f"Over {where}, {ours} reaches a mean PSNR of {number(mean[ours], '.2f')} dB: "
        f"{_against(mean[ours], mean['input'])} the degraded input"
    )
    baselines = _baselines(results)
    if baselines:
        best = max(baselines, key=lambda method: mean[method])
        sentence += f" and {_against(mean[ours], mean[best])} the best other method, {best}"
    return sentence + "."


def _against(ours: float, other: float) -> str:
    """The distance in words, to the digits printed: "1.23 dB above", "0.40 dB below" or "level with"."""
    difference = 0 if ours == other else round(ours - other, 2)  # both may be infinite
    if difference == 0:
        return "level with"
    return f"{number(abs(difference), '.2f')} dB {'above' if difference > 0 else 'below'}"


def _baselines(results: Results) -> list[str]:
    return [method for method in results.methods if method not in ("input", results.ours)]


def _card(results: Results, set_name: str) -> dict:
    """The figures of one set in brief: ours, and its distance to the input and to the set's best baseline."""
    scores = results.sets[set_name]["methods"]
    ours = scores[results.ours]
    mean_psnr = {method: scores[method]["psnr_db"]["mean"] for method in results.methods}
    best = max(_baselines(results), key=lambda method: mean_psnr[method], default=None)
    return {
        "name": set_name,
        "images": len(results.sets[set_name]["images"]),
        "psnr_db": ours["psnr_db"]["mean"],
        "ssim": ours["ssim"]["mean"],
        "best": best,
        "over_input": ours["psnr_db"]["mean"] - mean_psnr["input"],
        "over_best": ours["psnr_db"]["mean"] - mean_psnr[best] if best else None,
    }


def _paper_table(results: Results) -> dict:
    """The paper's table, our columns and the differences beside it; None where a number is missing.

    Ours are the networks, and every other method with a column of the paper's. Sets of ours that stand for none of the
    paper's rows have rows of their own.
    """
    paper = results.paper
    columns = list(dict.fromkeys(column for row in paper.rows.values() for column in row))
    known = {method: column for method, column in paper.columns.items() if column in columns}
    shown = [name for name in results.methods if name in (*known, *results.runs, results.ours)]
    compared = {name: known[name] for name in shown if name in known}
    sets = {row: name for row, name in paper.measured.items() if row in paper.rows and name in results.sets}
    own = [name for name in results.sets if name not in sets.values()]
    scores = {row: _means(results, name, shown) for row, name in sets.items()}
    others = [row for row in paper.rows if row != ALL]
    # Means over fewer sets than the paper's are not its row.
    if ALL in paper.rows and len(others) > 1 and all(row in scores for row in others):
        scores[ALL] = {name: np.mean([scores[row][name] for row in others], axis=0).tolist() for name in shown}

    def row(name: str, reported: dict[str, list[float]], ours: dict[str, list[float]]) -> dict:
        return {
            "name": name,
            "set": sets.get(name, name),
            "paper": [reported.get(column) for column in columns],
            "ours": [ours.get(method) for method in shown],
            "differences": [_difference(ours.get(method), reported.get(column)) for method, column in compared.items()],
        }

    return {
        "columns": columns,
        "shown": shown,
        "compared": compared,
        "rows": [row(name, reported, scores.get(name, {})) for name, reported in paper.rows.items()]
        + [row(name, {}, _means(results, name, shown)) for name in own],
        "missing": [name for name in paper.rows if name not in scores],
        "own": own,
    }


def gains(results: Results) -> list[dict]:
    """The differences in PSNR (dB) that the paper's text names, its own and ours; None: not measured.

    Returns:
        `[{"row", "method", "over", "paper", "ours"}]`, methods by the paper's names.
    """
    table = _paper_table(results)
    rows = {row["name"]: dict(zip(table["shown"], row["ours"], strict=True)) for row in table["rows"]}
    columns = sorted(table["compared"].items(), key=lambda item: item[0] == results.ours)  # ours, of several, is last
    method_of = {column: method for method, column in columns}
    found = []
    for row, method, over in results.paper.gains:
        printed = [results.paper.rows[row][name][0] for name in (method, over)]
        above, below = (rows[row].get(method_of.get(name, "")) for name in (method, over))
        measured = above[0] - below[0] if above and below else None
        found.append({"row": row, "method": method, "over": over, "paper": printed[0] - printed[1], "ours": measured})
    return found


def _means(results: Results, set_name: str, methods: list[str]) -> dict[str, list[float]]:
    """[psnr_db, ssim] of each method."""
    scores = results.sets[set_name]["methods"]
    return {method: [scores[method][metric]["mean"] for metric in METRICS] for method in methods}


def _difference(ours: list[float] | None, papers: list[float] | None) -> list[float] | None:
    return [a - b for a, b in zip(ours, papers, strict=True)] if ours and papers else None
