"""The cases as a table: `PYTHONPATH=. python tests/helpers/photograph_table.py` prints how each comes out."""

import sys
import tempfile
import warnings
from pathlib import Path

import described_cases
import pixel_cases
from photograph_cases import restored


def table() -> str:
    """The cases as rows: how each comes out, and whether that is right."""
    rows = ["| | comes out as | right |", "|---|---|---|"]
    for case in (*described_cases.CASES, *pixel_cases.CASES):
        with tempfile.TemporaryDirectory() as folder:
            out = restored(Path(folder), case.name, case.make)
            try:
                seen = case.seen(out)
            except Exception as error:
                seen = f"{type(error).__name__}; {out.said or 'nothing said'}"
            said = f"; said: {out.said}" if out.said else ""
            rows.append(f"| {case.what} | {seen}{said} | {'yes' if seen == case.right else 'no'} |")
    return "\n".join(rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(table() + "\n")
