"""Fills the tables of README.md and docs/ from the results that `gandeblur compare` wrote.

    python docs/tables.py          fills them
    python docs/tables.py --check  says which are stale, exit status 1

A table stands between `<!-- FILE.json -->` and `<!-- end -->`; FILE.json lies in docs/results/. Of what a detector
finds, between `<!-- FILE.json detections -->` and `<!-- end -->`.
"""

import json
import re
import sys
from pathlib import Path

from gandeblur.stages.compare import rows

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs/results"
PLACE = re.compile(r"(<!-- (\w+\.json)( detections)? -->\n).*?(<!-- end -->)", re.DOTALL)
DETECTED = {"precision": "precision", "recall": "recall", "f1": "F1", "mean_score": "mean score"}


def detections(results: dict) -> list[list[str]]:
    """A head, and a row for each method."""
    sets, body = results["detection"], []
    titles = [f"{name}: {title}" for name in sets for title in DETECTED.values()]
    for method in results["methods"]:
        scores = [found["methods"][method][metric] for found in sets.values() for metric in DETECTED]
        body.append([method, *("-" if score is None else f"{score:.3f}" for score in scores)])
    return [["method", *titles], *body]


def table(results: dict, of_detections: bool = False) -> str:
    """The comparison as a Markdown table."""
    head, *body = detections(results) if of_detections else rows(results)
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def filled(text: str) -> str:
    """The page with its tables as the results say."""
    return PLACE.sub(lambda m: m[1] + table(results_of(m[2]), bool(m[3])) + m[4], text)


def results_of(name: str) -> dict:
    """What `gandeblur compare` wrote; without it the program ends."""
    path = RESULTS / name
    if not path.is_file():
        sys.exit(f"{path}: no such file, and a page's table is made of it; write it with gandeblur compare")
    return json.loads(path.read_text("utf-8"))


def main() -> int:
    stale = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text("utf-8")
        if filled(text) != text:
            stale.append(page.relative_to(ROOT))
            if "--check" not in sys.argv:
                page.write_text(filled(text), "utf-8")
    for page in stale:
        print(f"{page}: {'stale; run python docs/tables.py' if '--check' in sys.argv else 'filled'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
