"""What all tests share: where real data may lie, a home of their own, and how they start `zoo`."""

from __future__ import annotations

import gc
import io
import os
import socket
import subprocess
import sys
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

# Tests that do not care use JAX; the backend-marked ones are repeated under each.
os.environ.setdefault("KERAS_BACKEND", "jax")

Killer = Callable[[int, Callable[[], Any]], None]

OWN_HOME = "ZOO_HOME" not in os.environ

TIERS = {
    "slow": "published figures, large networks, whole documentation pages, every kill",
    "long": "kills at any moment, fuzzing, clusters; the slow ones as well",
}
QUICK_XLA = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"

WORKER_BYTES = 2 * 1024**3
"""What a worker may need beside what the system needs, with room to spare."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tiers", "which tests run beside the quick ones")
    for tier, what in TIERS.items():
        group.addoption(f"--{tier}", action="store_true", help=what)


def asked_for(config: pytest.Config, tier: str) -> bool:
    """Whether a tier was asked for, by its option or in ``-m``."""
    options = ("slow", "long") if tier == "slow" else (tier,)
    return tier in config.option.markexpr or any(config.getoption(name) for name in options)


def pytest_configure(config: pytest.Config) -> None:
    """Let XLA compile without optimizing in the quick tier: that takes a quarter less time."""
    if not asked_for(config, "slow"):
        os.environ.setdefault("XLA_FLAGS", QUICK_XLA)
    # The order is random and nothing else: what zoo seeds is its own affair.
    config.option.randomly_reset_seed = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tiers that were not asked for; what is named runs in any case."""
    if any("::" in argument for argument in config.args):
        return
    left = {tier for tier in TIERS if not asked_for(config, tier)}
    out = [item for item in items if left & {mark.name for mark in item.iter_markers()}]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no slow test where those who wait have no time left."""
    until = float(os.environ.get("ZOO_SLOW_UNTIL", "inf"))
    if time.time() > until and item.get_closest_marker("slow"):
        pytest.skip("no time left for slow tests (ZOO_SLOW_UNTIL)")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one worker for each core that memory suffices for; none where one test is named."""
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
    """The folder of the datasets that may not be shipped; only slow tests ask for it."""
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
    """Return the files of a dataset that may not be shipped, in an empty home of zoo.

    Made-up ones are accepted in this process: its registry then has their content in the record.
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
    """A home that no test shares with the user; what one worker compiled the others read."""
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
    """What a module compiled is forgotten: no process grows with the number of tests."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def no_curves() -> Iterator[None]:
    """No training in this process starts another one to draw its curves; commands still do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.runs.run.draw_later", lambda folder: None)
        yield


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


@dataclass
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `zoo ARGUMENTS` in this process, in an empty folder; `stdin` is bytes."""
    from zoo_cli.main import run
    from zoo_cli.options import Verbosity

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        # A process has these once; the next command here is another process to its user.
        monkeypatch.setattr(Verbosity, "verbosity", 0)
        monkeypatch.setattr(Verbosity, "quiet", False)
        for name in ("ZOO_QUIET", "ZOO_OFFLINE"):
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
    """No proxy between a test and its server, and no host but this machine."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    resolve = socket.getaddrinfo

    def local(host: str | None, *arguments: Any, **options: Any) -> Any:
        if host and host != "localhost" and not host.startswith(("127.", "::1")):
            raise socket.gaierror(socket.EAI_NONAME, f"tests ask no other host, not {host}")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local)


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


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """End a training when an epoch of that number is over; every epoch leaves a checkpoint."""
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
