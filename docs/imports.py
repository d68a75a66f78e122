"""Which folder imports which, read from the source: checks the rule and draws docs/images/imports.svg.

    python docs/imports.py

Imports point one way: experiments -> training, evaluation, inference -> models, losses, data -> nothing of ours but
the tools of `gandeblur/` (errors and the like). The door of `gandeblur/` (what a user calls) may import everything.
"""

import ast
import graphlib
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/images/imports.svg"

# Folder -> what its modules may import, besides one another and the tools. Top to bottom, as drawn.
MAY_IMPORT: dict[str, set[str]] = {
    "experiments": {"training", "inference", "evaluation", "losses", "models", "data"},
    "training": {"losses", "models", "data"},
    "inference": {"models", "data"},
    "evaluation": {"data"},
    "losses": set(),
    "models": set(),
    "data": set(),
}
DOOR, TOOLS = "door", "tools"  # the two kinds of modules in gandeblur/
TOOL_MODULES = {"errors", "files", "names", "quiet", "weights"}  # the last has a folder, for its files


class Import(NamedTuple):
    """One import statement: `source` and `target` are modules, without the leading "gandeblur."."""

    source: str
    target: str
    place: str  # file:line
    relative: bool = False


def folder_of(module: str) -> str:
    """The folder, `DOOR` or `TOOLS` that a module belongs to."""
    first = module.partition(".")[0]
    return first if first in MAY_IMPORT else TOOLS if first in TOOL_MODULES else DOOR


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Module name without "gandeblur." -> file, of every file in the folders and in `gandeblur/`; no links followed."""
    found = {path.stem: path for path in sorted((root / "gandeblur").glob("*.py"))}
    for folder in (*MAY_IMPORT, "weights"):
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, module: str, known: set[str]) -> list[Import]:
    """The imports of our own modules in one file, those inside functions included.

    What a file imports only when it is run as a script, below `if __name__ == "__main__"`, is no import of the module.
    """
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))]
    for node in ast.walk(tree):
        place = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom) and node.level:
            found.append(Import(module, node.module or "", place, relative=True))
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):  # `from package import name`: name may be a module
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] == "gandeblur":
                target = name.partition(".")[2]
                while target and target not in known:
                    target = target.rpartition(".")[0]
                found.append(Import(module, target or "__init__", place))
    return found


def imports(root: Path = ROOT) -> list[Import]:
    """All imports of our own modules by our own modules."""
    found = modules(root)
    return [one for module, path in found.items() for one in imports_of(path, module, set(found))]


def violations(found: list[Import]) -> list[str]:
    """One line for each import against the rule, and one for a circle of modules, if there is one."""
    wrong = []
    for one in found:
        source, target = folder_of(one.source), folder_of(one.target)
        if one.relative:
            wrong.append(f"{one.source} ({one.place}) has a relative import")
        elif source not in (target, DOOR) and target != TOOLS and target not in MAY_IMPORT.get(source, ()):
            wrong.append(f"{one.source} ({one.place}) imports {one.target}: {source} may not import {target}")
    graph: dict[str, set[str]] = {}
    for one in found:
        if not one.relative and one.source != one.target:
            graph.setdefault(one.source, set()).add(one.target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        wrong.append("modules import each other in a circle: " + " <- ".join(error.args[1]))
    return wrong


COLUMN, GAP, LINE, TOP = 300, 60, 15, 20  # px
COLOURS = {
    DOOR: "#8a8a8a",
    "experiments": "#8a8a8a",
    "training": "#b4532a",
    "inference": "#2a6fb4",
    "evaluation": "#3c8a4a",
}


def picture(names: list[str], found: list[Import]) -> str:
    """The SVG: a box per folder with its modules; an arrow per pair of folders with its number of pairs of modules.

    Boxes of the middle row leave a strip at their right where the arrows from the top row pass: none crosses a box.
    """
    pairs = {(one.source, one.target) for one in found}
    counts = Counter((folder_of(source), folder_of(target)) for source, target in sorted(pairs))
    by_door = ", ".join(f"{target} {count}" for (source, target), count in counts.items() if source == DOOR != target)
    by_all = sum(count for (_, target), count in counts.items() if target == TOOLS)
    members: dict[str, list[str]] = {}
    for name in names:
        if name not in MAY_IMPORT and "__" not in name:
            members.setdefault(folder_of(name), []).append(name.partition(".")[2] or name)
    # The paths of packages (`blur`) stand before their modules and say nothing more.
    for folder, list_ in members.items():
        members[folder] = [name for name in list_ if not any(other.startswith(name + ".") for other in list_)]
    middle = ["training", "inference", "evaluation"]
    rows: list[list[str]] = [[DOOR], ["experiments"], middle, ["losses", "models", "data"], [TOOLS]]
    titles = {
        DOOR: f"gandeblur: what a user calls (imports: {by_door})",
        TOOLS: f"gandeblur: tools ({by_all} imports, from anywhere)",
    }
    shapes, boxes, y = [], {}, TOP
    for row in rows:
        wide = len(row) == 1
        columns = 6 if wide else 2
        lines = max(-(-len(members.get(folder, ())) // columns) for folder in row)
        height = 34 + LINE * lines
        for number, folder in enumerate(row):
            x = 20 + number * COLUMN
            width = 3 * COLUMN - 20 if wide else COLUMN - (GAP if row is middle else 20)
            boxes[folder] = (x, y, width, height)
            shapes.append(
                f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#f6f6f3" stroke="#555"/>'
                f'<text x="{x + 10}" y="{y + 19}" font-weight="bold" font-size="13">{titles.get(folder, folder)}</text>'
            )
            per_column = -(-len(members.get(folder, ())) // columns)
            for place, name in enumerate(members.get(folder, ())):
                column, line = divmod(place, per_column)
                at = (x + 10 + column * (width - 10) // columns, y + 36 + line * LINE)
                shapes.append(f'<text x="{at[0]}" y="{at[1]}">{name}</text>')
        y += height + (70 if row in (rows[1], middle) else 40)

    def arrow(start: tuple[float, float], end: tuple[float, float], colour: str, label: str, at: float = 0.5) -> None:
        x, y = (a + at * (b - a) for a, b in zip(start, end, strict=True))
        shapes.append(
            f'<path d="M{start[0]:.0f} {start[1]:.0f} L{end[0]:.0f} {end[1] - 7:.0f}" stroke="{colour}" fill="none"'
            f' stroke-width="1.6" marker-end="url(#{colour[1:]})"/>'
            f'<rect x="{x - 11:.0f}" y="{y - 9:.0f}" width="22" height="16" rx="4" fill="#fff"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="{colour}" font-weight="bold">{label}</text>'
        )

    for (source, target), count in sorted(counts.items()):
        if source == target or (DOOR in (source, target) and target != "experiments") or TOOLS in (source, target):
            continue
        (x, y0, width, height), (x1, y1, width1, _) = boxes[source], boxes[target]
        near = True
        if target in middle or source == DOOR:
            end = x1 + width1 / 2
        elif source == "experiments":
            end, near = x1 + COLUMN - GAP + 20, False  # down the strip beside the middle row
        else:  # along the target's top in the order of the sources
            end = x1 + (COLUMN - GAP) * ((middle.index(source) + 1) / 4 if source in middle else 0.5)
        start = min(max(end, x + 0.15 * width), x + 0.85 * width) if source in middle else end
        colour = COLOURS.get(source, "#c00000")  # red: against the rule
        arrow((start, y0 + height), (end, y1), colour, str(count), 0.5 if near else 0.12)
    markers = "".join(
        f'<marker id="{colour[1:]}" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
        for colour in sorted({*COLOURS.values(), "#c00000"})
    )
    size = (3 * COLUMN + 20, y - 20)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}"'
        f' font-family="sans-serif" font-size="11">\n<defs>{markers}</defs>\n'
        f'<rect width="{size[0]}" height="{size[1]}" fill="#fff"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def main() -> int:
    found = imports()
    PICTURE.write_text(picture(list(modules()), found), encoding="utf-8")
    wrong = violations(found)
    print(f"{len(modules())} modules, {len(found)} imports of one another; drawn in {PICTURE.relative_to(ROOT)}")
    print("\n".join(wrong) or "all point one way")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
