"""Builds the sdist and the wheel as a user would get them, checks what they hold, installs each and uses it once.

python .ci/package.py

Each is installed into an environment of its own, without the checkout. The dependencies come from the environment
that runs this file, by a path in a .pth file: Python does not read the .pth files of such a folder, so an editable
gandeblur there stays out, and TensorFlow is not installed three times.
"""

import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What makes a package of the folder, or is made by it; everything else git keeps belongs into the sdist.
NOT_IN_SDIST = {".gitignore", "MANIFEST.in"}


def run(*command: object, cwd: Path | None = None) -> str:
    """The output of a command; it is shown only when the command fails, which ends the program."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}failed with status {done.returncode}")
    return done.stdout


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def use(archive: Path, folder: Path) -> None:
    """Installs an archive into a new environment and uses it, far from the checkout."""
    environment = folder / f"environment{archive.suffix}"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    # Installed before the path is there, so that pip does not take the other environment's gandeblur for this one's.
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", archive, cwd=folder)
    site_packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    script = folder / "use_installed.py"
    script.write_bytes((ROOT / ".ci/use_installed.py").read_bytes())
    trained = sorted((ROOT / "weights").glob("*.npz"))[:1]
    print(f"{archive.name}: {run(python, '-I', script, *trained, cwd=folder).strip()}")
    assert "usage: gandeblur" in run(python.with_name("gandeblur"), "--help", cwd=folder)
    for name in ("gandeblur.gandeblur", "gandeblur.tests"):
        run(python, "-I", "-c", f"import importlib.util as u; assert u.find_spec({name!r}) is None", cwd=folder)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # A copy of what git keeps or would keep: an old build/ in the checkout would add files that are gone.
        kept = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
        kept = sorted({name for name in kept if (ROOT / name).is_file()})
        source = folder / "source"
        for name in kept:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
        for link in (path for path in (ROOT / "gandeblur").iterdir() if path.is_symlink()):
            (source / "gandeblur" / link.name).symlink_to(link.readlink())

        # The first makes the sdist, and the wheel from the sdist; the second the wheel from the checkout.
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", source)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "from_checkout", source)
        (sdist,) = folder.glob("dist/*.tar.gz")
        (wheel,) = folder.glob("dist/*.whl")
        (direct,) = folder.glob("from_checkout/*.whl")
        assert contents(wheel) == contents(direct), "the wheel of the sdist is not the wheel of the checkout"

        with tarfile.open(sdist) as tar:
            members = tar.getmembers()
        assert all(member.isfile() or member.isdir() for member in members), "a link in the sdist"
        held = {member.name.partition("/")[2] for member in members}
        missing = sorted(set(kept) - held - NOT_IN_SDIST)
        assert not missing, f"not in the sdist: {missing}; add them to MANIFEST.in"
        inside = sorted(name for name in contents(wheel) if ".dist-info/" not in name)
        assert all(name.startswith("gandeblur/") for name in inside), inside
        print(f"{sdist.name}: {len(kept)} files; {wheel.name}: {len(inside)}, the same from sdist and checkout")

        for archive in (wheel, sdist):
            use(archive, folder)


if __name__ == "__main__":
    main()
