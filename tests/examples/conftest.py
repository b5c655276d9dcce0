"""The tutorial's plugin, installed as its users install it: in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from places import ROOT


@dataclass
class Shop:
    """A virtual environment with keras-zoo and zoo-shapes, and a folder to work in.

    Attributes
    ----------
    python
        Interpreter of the environment.
    source
        Copy of the package that was installed.
    work
        Where the commands run.
    plugins_before
        Plugins of the tests' own environment before the installation.
    """

    python: Path
    source: Path
    work: Path
    plugins_before: set[str]

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python."""
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd or self.work,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def zoo(
        self, *arguments: str | Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the environment's ``zoo``."""
        return self.run("-c", "from zoo_cli.main import main; main()", *arguments, env=env)

    def ok(self, *arguments: str | Path, env: dict[str, str] | None = None) -> str:
        """Run ``zoo``, which must succeed, and return what it printed."""
        done = self.zoo(*arguments, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def leaked(self) -> set[str]:
        """Return the plugins added to the tests' own environment since the installation."""
        return installed_plugins() - self.plugins_before


def installed_plugins() -> set[str]:
    """Return the entry points of plugins that this process can see."""
    return {f"{point.name} = {point.value}" for point in entry_points(group="zoo.plugins")}


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the environment, made once; it borrows all but zoo-shapes from the tests' own."""
    before = installed_plugins()
    folder = tmp_path_factory.mktemp("zoo-shapes")
    # A copy, so that building leaves nothing in the repository.
    source = shutil.copytree(ROOT / "examples" / "zoo-shapes", folder / "source")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    bin_, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = folder / "venv" / bin_ / name
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    # `--system-site-packages` would show the base installation, not the tests' environment.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    lines = [f"import site; site.addsitedir({path!r})\n" for path in sorted(borrowed)]
    (site / "borrowed.pth").write_text("".join(lines), encoding="utf-8")
    # Nothing is downloaded: the borrowed environment has hatchling.
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*pip, "--no-build-isolation", source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    work = folder / "work"
    work.mkdir()
    return Shop(python, source, work, before)
