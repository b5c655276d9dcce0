"""What a contributor runs: ``nox -s tests`` and so on, in the environment that is active."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def format(session: nox.Session) -> None:
    """Format the code and sort its imports."""
    session.run("ruff", "check", "--fix", "--select", "I", ".")
    session.run("ruff", "format", ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Check the form of the code, and the import contracts."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.run("mypy")


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in the installed packages; skipped without the service."""
    command = ["pip-audit", "--local", "--skip-editable", "--timeout", "5", "--format", "json"]
    try:
        urllib.request.urlopen("https://pypi.org/pypi/pip/json", timeout=5).close()
        install = [sys.executable, "-m", "pip", "install", "--quiet", "pip-audit"]
        subprocess.run(install, timeout=30, check=True, capture_output=True)
        done = subprocess.run(command, timeout=25, capture_output=True, text=True, check=False)
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        session.skip(f"no audit: {error}")
    audited = [package for package in packages if "vulns" in package]  # others: not on the service
    if not audited:
        session.skip("no audit: the service knows none of the packages")
    found = [(package, hole) for package in audited for hole in package["vulns"]]
    for package, hole in found:
        fixed = ", ".join(hole["fix_versions"]) or "no version"
        session.warn(f"{package['name']} {package['version']}: {hole['id']}, fixed in {fixed}")
    if found:
        session.error("install the fixed versions, and raise the bounds in pyproject.toml")
    session.log(f"{len(audited)} of {len(packages)} packages audited, nothing known against them")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the quick tests; pass arguments to pytest after ``--``."""
    session.run("pytest", *session.posargs)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run the quick and the slow tests."""
    session.run("pytest", "--slow", *session.posargs)


@nox.session
@nox.parametrize("backend", ["tensorflow", "torch"])
def backends(session: nox.Session, backend: str) -> None:
    """Repeat quick tests of what must give the same on each backend; ``tests`` runs them on JAX."""
    run_measured(session, backend, "-m", "backends", KERAS_BACKEND=backend)


@nox.session(name="backends-slow")
@nox.parametrize("backend", ["tensorflow", "torch"])
def backends_slow(session: nox.Session, backend: str) -> None:
    """Repeat the slow tests of the backends, which the slow tier runs on JAX."""
    run_measured(session, f"{backend}-slow", "-m", "backends and slow", KERAS_BACKEND=backend)


@nox.session
@nox.parametrize("tier", ["quick", "slow"])
def coverage(session: nox.Session, tier: str) -> None:
    """Run a tier and measure its lines; ``tools/coverage_report.py`` judges every module."""
    run_measured(session, tier, *(["-m", "slow"] if tier == "slow" else []))


def run_measured(session: nox.Session, name: str, *arguments: str, **env: str) -> None:
    """Run tests and keep the lines that they reach in a folder of that name."""
    folder = Path(f".coverage-{name}").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    session.run(
        "pytest", "--cov", "--cov-report=", *arguments, *session.posargs,
        env={"COVERAGE_FILE": str(folder / ".coverage"), **env},
    )  # fmt: skip


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages again."""
    session.run("python", "tools/generate_docs.py")
