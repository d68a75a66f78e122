"""Imports point one way, by the contracts in pyproject.toml; and a paper stands for itself."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).resolve().parent.parent
PAPERS = sorted(path.stem for path in (ROOT / "models").glob("*.py") if (ROOT / "experiments" / path.name).exists())


def test_imports_keep_the_contracts(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the linter adds the folder
    assert cli.lint_imports(no_cache=True) == 0


@pytest.mark.slow  # imports all in a new process; the contracts say the most of it
def test_a_paper_imports_no_options_and_no_stage():
    papers = ", ".join(f"gandeblur.experiments.{name}" for name in PAPERS)
    code = f"import sys, {papers}; print(*(name for name in sys.modules if name.startswith('gandeblur.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    loaded = done.stdout.split()
    assert {f"gandeblur.experiments.{name}" for name in PAPERS} <= set(loaded), done.stderr
    assert not [name for name in loaded if name.startswith(("gandeblur.stages", "gandeblur.cli"))]
