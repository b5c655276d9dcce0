"""Fixtures of all tests: real data, a home of their own, and ways to run `zoo`."""

from __future__ import annotations

import gc
import io
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from http_server import Server
from made_up import DatasetFiles, make
from places import ROOT
from tiers import slow

# Tests use JAX by default; those marked `backends` are repeated on each backend.
os.environ.setdefault("KERAS_BACKEND", "jax")

Killer = Callable[[int, Callable[[], Any]], None]

OWN_HOME = "ZOO_HOME" not in os.environ

TIERS = {
    "slow": "published figures, large networks, complete documentation pages, every kill",
    "long": "kills at any moment, fuzzing, clusters; and the slow tests",
}
QUICK_XLA = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"

WORKER_BYTES = 2 * 1024**3
"""Memory per worker, with room to spare for the system."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tiers", "which tests run besides the quick ones")
    for tier, text in TIERS.items():
        group.addoption(f"--{tier}", action="store_true", help=text)


def is_selected(config: pytest.Config, tier: str) -> bool:
    """Return whether a tier is selected, by its option or in ``-m``."""
    options = ("slow", "long") if tier == "slow" else (tier,)
    return tier in config.option.markexpr or any(config.getoption(name) for name in options)


def pytest_configure(config: pytest.Config) -> None:
    """Let XLA compile without optimizing in the quick tier, which saves a quarter of the time."""
    if not is_selected(config, "slow"):
        os.environ.setdefault("XLA_FLAGS", QUICK_XLA)
    # Only the order is random: pytest-randomly must not seed what zoo seeds.
    config.option.randomly_reset_seed = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tiers that are not selected; named tests always run."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(0))
    if any("::" in argument for argument in config.args):
        return
    tiers = {tier for tier in TIERS if not is_selected(config, tier)}
    deselected = [item for item in items if tiers & {mark.name for mark in item.iter_markers()}]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in set(deselected)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start no slow test after ``ZOO_SLOW_UNTIL``."""
    deadline = float(os.environ.get("ZOO_SLOW_UNTIL", "inf"))
    if time.time() > deadline and item.get_closest_marker("slow"):
        pytest.skip("no time left for slow tests (ZOO_SLOW_UNTIL)")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one worker per core, as far as memory allows; none if a test is named."""
    if any("::" in argument for argument in config.args):
        config.option.dist = "no"
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not hasattr(os, "sysconf"):
        return cores or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores or 1, memory // WORKER_BYTES))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the datasets that may not be shipped; only slow tests use it."""
    folder = Path(os.environ.get("ZOO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs MNIST, IMDB, Reuters and the cereals in the folder ZOO_TEST_DATA")
    return folder


REAL = {
    "cereals": ("tables/cereals.csv",),
    "mnist": ("keras/mnist.npz",),
    "imdb": ("keras/imdb_ragged.npz", "keras/imdb_word_index.json"),
    "reuters": ("keras/reuters_ragged.npz", "keras/reuters_word_index.json"),
}


@pytest.fixture(params=["made-up", slow("real")])
def dataset_files(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DatasetFiles:
    """Return a function from a dataset's name to its files, with an empty ``ZOO_HOME``.

    Synthetic files are accepted in this process only: its registry has their content in the record.
    """
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    if request.param == "real":
        folder = request.getfixturevalue("real_data")
        return lambda name: [folder / file for file in REAL[name]]

    def made_up(name: str) -> list[Path]:
        from registered import change

        from zoo.registry.registry import registry

        folder = tmp_path / "made-up"
        folder.mkdir(exist_ok=True)
        files, changes = make(name, folder)
        change(monkeypatch, registry().datasets, name, **changes)
        return files

    return made_up


@pytest.fixture(scope="session", autouse=True)
def zoo_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Set a ``ZOO_HOME`` apart from the user's; workers share what each of them compiles."""
    if not OWN_HOME:
        yield Path(os.environ["ZOO_HOME"])
        return
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"
    os.environ["ZOO_HOME"] = str(home)
    yield home
    del os.environ["ZOO_HOME"]


@pytest.fixture(scope="module", autouse=True)
def clear_compiled() -> Iterator[None]:
    """Clear what a module compiled, so that no process grows with the number of tests."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def no_curves() -> Iterator[None]:
    """Keep trainings in this process from starting another to draw curves; commands still do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.runs.run.draw_later", lambda *_: None)
        yield


Zoo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def zoo_command(tmp_path: Path) -> Zoo:
    """Return a function that runs `zoo` in a process of its own, in an empty folder."""

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


@dataclass
class Result:
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs `zoo` in this process, in an empty folder; `stdin` is bytes."""
    from zoo_cli.main import run
    from zoo_cli.options import Verbosity

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    for module, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))  # `run` sets its own

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        # Each command normally has a process, and so these values, of its own.
        monkeypatch.setattr(Verbosity, "verbosity", 0)
        logger = logging.getLogger("zoo")  # an earlier -vv gave it a stream that is closed now
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "level", logging.NOTSET)
        monkeypatch.setattr(Verbosity, "quiet", False)
        for name in ("ZOO_QUIET", "ZOO_VERBOSE", "ZOO_OFFLINE", "ZOO_MAX_PIXELS"):
            monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            status = run([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return Result(status, done.out, done.err)

    return call


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow no proxy and no host but this machine."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    resolve = socket.getaddrinfo

    def local(host: str | None, *arguments: Any, **options: Any) -> Any:
        if host and host != "localhost" and not host.startswith(("127.", "::1")):
            raise socket.gaierror(socket.EAI_NONAME, f"tests contact no host but this one: {host}")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a few dozen images in two classes: discs and stripes."""
    import random

    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("shapes")
    rng = random.Random(0)
    for label in ("discs", "stripes"):
        (folder / label).mkdir()
        for number in range(16):
            image = Image.new("RGB", (48, 40), tuple(rng.randrange(60) for _ in "rgb"))
            draw = ImageDraw.Draw(image)
            colour = tuple(rng.randrange(150, 256) for _ in "rgb")
            x, y = rng.randrange(8), rng.randrange(8)
            if label == "discs":
                draw.ellipse((x + 4, y, x + 34, y + 30), fill=colour)
            else:
                for left in range(x % 4, 48, 6):
                    draw.rectangle((left, 0, left + 2, 40), fill=colour)
            image.save(folder / label / f"{number}.png")
    return folder


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """Return a function that kills a training after an epoch; every epoch writes a checkpoint."""
    from zoo.registry.registry import registry

    class Killed(BaseException):
        pass

    monkeypatch.setattr("zoo.training.checkpoint.MIN_SECONDS", 0.0)
    monkeypatch.setattr("zoo.training.checkpoint.SHARE", 1e9)

    def end(epoch: int, train: Callable[[], Any]) -> None:
        def notify(event: str, **values: Any) -> None:
            if values.get("epoch") == epoch:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(registry(), "notify", notify)
            with pytest.raises(Killed):
                train()

    return end
