"""Which module imports which: one way only, absolutely, and no more than is needed."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_SPEC = importlib.util.spec_from_file_location("imports", ROOT / "docs/imports.py")
tool = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tool)

PAPERS = sorted(path.stem for path in (ROOT / "models").glob("*.py") if path.stem != "__init__")


def python(code):
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_point_one_way():
    found = tool.imports()
    assert {tool.folder_of(one.source) for one in found} >= {"experiments", "training", "evaluation", "inference"}
    assert {tool.folder_of(one.target) for one in found} >= {"models", "losses", "data", "tools"}
    assert tool.violations(found) == []


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("from gandeblur.data import pipeline", "models may not import data"),
        ("def f():\n    import gandeblur.data.pipeline", "models may not import data"),
        ("from gandeblur import __version__", "models may not import door"),
        ("from . import other", "has a relative import"),
        ("from gandeblur.models.other import g", "in a circle"),
    ],
)
def test_an_import_against_the_rule_is_named(tmp_path, line, complaint):
    for name, text in {
        "models/paper.py": line,
        "models/other.py": "from gandeblur.models import paper",
        "data/pipeline.py": "from gandeblur.errors import InputError",
        "gandeblur/errors.py": "",
        "gandeblur/cli.py": "from gandeblur.models import paper",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (wrong,) = tool.violations(tool.imports(tmp_path))
    assert complaint in wrong


def test_the_picture_is_that_of_the_source():
    drawn = tool.picture(list(tool.modules()), tool.imports())
    assert tool.PICTURE.read_text(encoding="utf-8") == drawn, "run: python docs/imports.py"


def test_no_file_has_a_relative_import():
    files = [path for path in ROOT.rglob("*.py") if not any(part in ("build", ".venv", "dist") for part in path.parts)]
    assert len(files) > 100
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno}"


def test_a_paper_s_experiment_imports_no_flags_and_no_stage():
    papers = ", ".join(f"gandeblur.experiments.{name}" for name in PAPERS)
    loaded = python(f"import sys, {papers}; print(*(name for name in sys.modules if name.startswith('gandeblur.')))")
    loaded = {name.removeprefix("gandeblur.") for name in loaded.split()}
    assert {f"experiments.{name}" for name in PAPERS} <= loaded
    files = tool.modules()
    # A stage is whatever takes the settings.
    for name in loaded & set(files):
        assert not re.search(r"^\s*(import|from) absl\b", files[name].read_text(encoding="utf-8"), re.M), name
        assert "experiments.settings" not in {one.target for one in tool.imports_of(files[name], name, set(files))}, (
            name
        )


def test_help_needs_no_tensorflow():
    printed = python(
        "import runpy, sys\n"
        "sys.argv = ['gandeblur', '--help']\n"
        "try:\n    runpy.run_module('gandeblur', run_name='__main__')\n"
        "except SystemExit as end:\n    print('status', end.code)\n"
        "print('loaded', *({'tensorflow', 'keras', 'jax', 'skimage', 'scipy'} & set(sys.modules)))"
    )
    assert "usage: gandeblur" in printed
    assert printed.endswith("status 0\nloaded\n")
