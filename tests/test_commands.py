"""The commands on the pages are those that the programs take: each file, subcommand and option is there."""

import contextlib
import io
import re
import runpy
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gandeblur import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = re.compile(r"(?:python3? |^)((?:experiments|benchmarks|docs)/\w+\.py|(?:-m )?gandeblur [a-z-]+)(.*)")
ANY_PAPER = {"experiments/PAPER.py", "experiments/EXPERIMENT.py"}


def options_by_program():
    """Program -> the options that any page gives it, behind it or in the words beside it."""
    found = defaultdict(set)
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            for line in re.sub(r"\n\s+", " ", "" if language == "python" else block).splitlines():
                if match := PROGRAM.search(line):
                    program = match[1].removeprefix("-m ")
                    found["experiments/gan_d.py" if program in ANY_PAPER else program] |= set(
                        re.findall(r"(?<!\S)--(?!help)(\w+)", match[2])
                    )
    return {program: sorted(options) for program, options in sorted(found.items())}


OPTIONS = options_by_program()


def help_of(program):
    """What it prints for --help, run in this process as `python` or the installed command runs it."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        patched.setattr(sys, "argv", [*program.split(), "--help"])
        patched.syspath_prepend(str((ROOT / program).parent))
        if program.startswith("gandeblur"):
            runpy.run_module("gandeblur", run_name="__main__")
        else:
            runpy.run_path(str(ROOT / program), run_name="__main__")
    return printed.getvalue()


def test_the_pages_show_commands():
    assert len(OPTIONS) > 15 and sum(map(len, OPTIONS.values())) > 30
    assert {"gandeblur restore", "experiments/gan_d.py"} <= OPTIONS.keys()


@pytest.mark.parametrize("program", OPTIONS)
def test_a_program_takes_the_options_that_the_pages_give_it(program):
    told = help_of(program)
    assert [option for option in OPTIONS[program] if not re.search(rf"--(\[no\])?{option}\b", told)] == []


def test_two_lines_of_the_readme_install_and_run():
    restores, tests = re.findall(r"^pip install .* && (.*)$", PAGES[0].read_text(encoding="utf-8"), re.MULTILINE)
    assert restores.startswith("gandeblur restore docs/") and tests == "python -m pytest"


@pytest.mark.networks
def test_the_readmes_first_commands_restore_pictures(tmp_path, monkeypatch):
    found = re.findall(r"\bgandeblur restore (\S+\.\w+) -o restored\b", PAGES[0].read_text(encoding="utf-8"))
    assert "photo.jpg" in found
    monkeypatch.chdir(tmp_path)
    for name in found:
        picture = Path(name)
        picture.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            Image.open(ROOT / name).crop((0, 0, 64, 48)).save(picture)  # a part: it is a test
        else:  # the reader's own
            pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
            Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(picture)
        assert cli.main(["restore", name, "-o", "restored"]) == 0
        with Image.open(Path("restored", picture.name)) as restored, Image.open(picture) as before:
            assert restored.size == before.size and np.any(np.asarray(restored) != np.asarray(before))
