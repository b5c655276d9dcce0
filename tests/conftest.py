"""What all tests share: where real data may lie, a home of their own, and how they start `zoo`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from http_server import Server

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


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine between a test and its server."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few dozen pictures in two classes, one folder each: discs and stripes."""
    import random

    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("shapes")
    rng = random.Random(0)
    for label in ("discs", "stripes"):
        (folder / label).mkdir()
        for number in range(16):
            picture = Image.new("RGB", (48, 40), tuple(rng.randrange(60) for _ in "rgb"))
            draw = ImageDraw.Draw(picture)
            colour = tuple(rng.randrange(150, 256) for _ in "rgb")
            x, y = rng.randrange(8), rng.randrange(8)
            if label == "discs":
                draw.ellipse((x + 4, y, x + 34, y + 30), fill=colour)
            else:
                for left in range(x % 4, 48, 6):
                    draw.rectangle((left, 0, left + 2, 40), fill=colour)
            picture.save(folder / label / f"{number}.png")
    return folder
