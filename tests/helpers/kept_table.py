"""The cases as a table: how each comes out, and whether that is right.

    PYTHONPATH=. python tests/helpers/kept_table.py films|photographs|folders [--save=FILE] [--before=FILE]

`--save` writes the rows as JSON; of another checkout (PYTHONPATH), they are the column before: `--before`.
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path


def cases(kind):
    """(case, folder -> what is seen there, what was said) of each."""
    if kind == "photographs":
        import described_cases
        import pixel_cases
        from photograph_cases import restored

        return [*described_cases.CASES, *pixel_cases.CASES], restored
    if kind == "films":
        import film_cases

        return film_cases.CASES, film_cases.restored
    import folder_cases

    return folder_cases.CASES, None


def rows(kind):
    """(what, how it comes out, whether that is right) of each case."""
    found, restored = cases(kind)
    for case in found:
        with tempfile.TemporaryDirectory() as folder:
            said = ""
            try:
                if restored:
                    out = restored(Path(folder), case.name, case.make)
                    said = out.said
                    seen = case.seen(out)
                else:
                    case.make(Path(folder))
                    seen = case.seen(Path(folder))
            except Exception as error:
                seen = type(error).__name__
        right = seen == case.right
        told = f"; {said}" if said else ""
        yield case.what, f"right{told}" if right else f"wrong: {seen}{told}"[:110], right


def _plain(text):
    """On one line of a table, without characters that are not shown."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.replace("|", "/").split()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["films", "photographs", "folders"])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    now = list(rows(options.kind))
    if options.save:
        options.save.write_text(json.dumps(now))
    before = {what: how for what, how, _ in json.loads(options.before.read_text())} if options.before else {}
    head = ["", "before", "now"] if before else ["", "now"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for what, how, _ in now:
        parts = [what, before.get(what, "?"), how] if before else [what, how]
        lines.append("| " + " | ".join(_plain(part) for part in parts) + " |")
    right = sum(one[2] for one in now)
    sys.stdout.write("\n".join([*lines, "", f"{right} of {len(now)} are right"]) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
