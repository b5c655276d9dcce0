"""What all tests share: where real data may lie, a home of their own, and how they start `zoo`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Tests that do not care use JAX; the backend-marked ones are repeated under each.
os.environ.setdefault("KERAS_BACKEND", "jax")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos and tables that may not be part of the repository."""
    folder = Path(os.environ.get("ZOO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the photos and tables of {folder} (or ZOO_TEST_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def zoo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for zoo that no test shares with the user; compiled code is kept for the session."""
    before = os.environ.get("ZOO_HOME")
    home = Path(before) if before else tmp_path_factory.mktemp("home")
    os.environ["ZOO_HOME"] = str(home)
    yield home
    if before is None:
        del os.environ["ZOO_HOME"]


Zoo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def zoo_command(tmp_path: Path) -> Zoo:
    """Run `zoo` as a user does, in a process of its own, in an empty folder."""

    def run(
        *arguments: str | Path, env: dict[str, str] | None = None, stdin: bytes | str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from zoo_cli.main import main; main()", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            timeout=300,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run
