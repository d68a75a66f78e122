"""What is installed under which name, and that the files about the package agree."""

import fnmatch
import importlib.metadata
import importlib.util
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gandeblur

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TOP = ("models", "losses", "data", "training", "evaluation", "inference", "experiments", "stages", "weights")


@pytest.fixture
def setup_arguments(monkeypatch):
    """What setup.py gives to setuptools."""
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    return given


def test_every_folder_with_code_is_a_package(setup_arguments):
    folders = {path.parent.relative_to(ROOT) for top in TOP for path in (ROOT / top).rglob("*.py")}
    expected = {"gandeblur", *("gandeblur." + ".".join(folder.parts) for folder in folders)}
    assert set(setup_arguments["packages"]) == expected
    for package, folder in setup_arguments["package_dir"].items():
        assert (ROOT / folder / "__init__.py").is_file(), package


def test_every_other_file_of_a_package_is_its_data(setup_arguments):
    for package, folder in setup_arguments["package_dir"].items():
        others = {path.name for path in (ROOT / folder).iterdir() if path.is_file() and path.suffix != ".py"}
        patterns = setup_arguments["package_data"].get(package, ())
        assert not {name for name in others if not any(fnmatch.fnmatch(name, one) for one in patterns)}, package


@pytest.mark.parametrize("name", ["gandeblur", "tests", "benchmarks", "setup"])
def test_the_package_holds_no_second_copy_of_itself(name):
    assert importlib.util.find_spec(f"gandeblur.{name}") is None


@pytest.mark.parametrize("linked", [True, False], ids=["links", "no links"])
def test_a_checkout_works_without_installing(linked, tmp_path):
    (tmp_path / "gandeblur").mkdir()
    for file in (ROOT / "gandeblur").glob("*.py"):
        (tmp_path / "gandeblur" / file.name).write_bytes(file.read_bytes())
    for folder in TOP:
        (tmp_path / folder).symlink_to(ROOT / folder)
        if linked:
            (tmp_path / "gandeblur" / folder).symlink_to(f"../{folder}")
    code = (
        f"import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f)]\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import gandeblur.data.blur; from importlib.util import find_spec\n"
        f"print(gandeblur.__file__, all(find_spec(f'gandeblur.{{name}}') for name in {(*TOP, 'losses.pixel')!r}))\n"
        "print([find_spec(f'gandeblur.{name}') for name in ('gandeblur', 'tests')])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    found, copies = done.stdout.splitlines()
    assert found == f"{tmp_path / 'gandeblur/__init__.py'} True", done.stderr
    assert copies == "[None, None]"


def test_a_paper_is_read_in_two_screens_and_any_file_in_five():
    folders = (*TOP, "gandeblur", "tests", "benchmarks", "docs")
    files = [path for name in folders for path in (ROOT / name).rglob("*.*") if path.suffix in (".py", ".j2")]
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    papers = {f"experiments/{path.name}" for path in (ROOT / "models").glob("*.py") if path.stem != "__init__"}
    assert len(lines) > 300 and len(papers) >= 6
    assert {name: count for name, count in lines.items() if count > (130 if name in papers else 300)} == {}


def test_one_version():
    assert gandeblur.__version__ == PROJECT["version"]
    assert f"\nversion: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_pin_all_that_an_installation_brings():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line and line[0] != "#"}
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"]]
    for extra in ("test", "jax", "video", "export", "app"):
        wanted += extras[extra]
    seen = set()
    while wanted:
        requirement = Requirement(wanted.pop())
        name = canonicalize_name(requirement.name)
        if (
            name in seen
            or name == "setuptools"
            or (requirement.marker and not requirement.marker.evaluate({"extra": ""}))
        ):
            continue
        seen.add(name)
        try:
            wanted += importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed here; its own name must be pinned all the same
    assert len(seen) > 40
    assert seen <= pinned, f"add to constraints.txt: {sorted(seen - pinned)}"


def test_the_citation_names_the_papers():
    """A seventh may come before it is cited."""
    text = (ROOT / "CITATION.cff").read_text()
    papers = [path for path in (ROOT / "experiments").glob("*.py") if (ROOT / "docs" / f"{path.stem}.md").exists()]
    assert 6 <= len(re.findall(r"^  - type: ", text, re.M)) <= len(papers)
    assert f"license: {PROJECT['license']}\n" in text
