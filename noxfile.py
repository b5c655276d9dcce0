"""What a contributor runs: ``nox -s tests`` and so on, in the environment that is active."""

from __future__ import annotations

import shutil
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
    """Check form and who may import whom."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the quick tests; arguments behind ``--`` go to pytest."""
    session.run("pytest", *session.posargs)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run the quick and the slow tests."""
    session.run("pytest", "--slow", *session.posargs)


@nox.session
@nox.parametrize("backend", ["jax", "tensorflow", "torch"])
def backends(session: nox.Session, backend: str) -> None:
    """Repeat on a backend what must give the same on each; JAX is that of both tiers already."""
    tiers = [] if backend == "jax" else ["--slow"]
    measured(session, backend, *tiers, "-m", "backends", KERAS_BACKEND=backend)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run both tiers, measure the lines of each, and judge every module."""
    measured(session, "quick")
    measured(session, "slow", "-m", "slow")
    session.run("python", "tools/coverage_report.py")


def measured(session: nox.Session, name: str, *arguments: str, **env: str) -> None:
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
    """Write the generated pages anew."""
    session.run("python", "docs/generate.py")
