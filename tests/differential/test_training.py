"""Every fast path of training gives what plain Keras gives, or is not taken.

The reference is the same training with ``ZOO_PLAIN=1`` in a process of its own. On JAX, the same
operations on the same shapes are equal bit for bit. Elsewhere a training may differ by 1e-5, or by
ten times the effect of one unit in the last place of its start.
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import training

import zoo
from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend
from zoo.registry.registry import registry
from zoo.training import photos, rows, streamed
from zoo.training.steps import traced
from zoo.tuning.work import Work

on_jax = pytest.mark.skipif(chosen_backend() != "jax", reason="bit for bit, and together, on JAX")

CASES = training.CASES

BESIDE = [] if chosen_backend() == "jax" else ["whole", "nudged"]
PATHS_OF = {
    "test_an_epoch_in_one_program": ["whole", *BESIDE],
    "test_a_stream": ["streamed", *BESIDE],
    "test_tuned_side_by_side": ["tuned"],
    "test_resumed": ["whole"],
    "test_in_threads": ["whole", *BESIDE],
    "test_frozen_layers": ["whole"],
    "test_frozen_layers_under_adam": ["whole", "nudged"],
    "test_frozen_layers_resumed": ["whole"],
}
"""What a test compares with."""


REPEATED = (
    "plain", "max-norm", "batch-normalised", "stacked", "counter", "python-counter", "scheduled",
    "schedule", "plateau", "each-step", "active", "ema", "ema-overwrites", "noise", "own-fit",
    "two-outputs",
)  # fmt: skip
"""Rows that the tests of the backends repeat."""


def every(
    *quick: str,
    repeated: Sequence[str] = REPEATED,
    lacks: Sequence[str] = (),
    cases: Iterable[str] = CASES,
) -> list[Any]:
    """Return all cases but some, in the slow tier but for `quick` ones."""
    return [
        pytest.param(
            name,
            marks=[
                *([] if name in quick else [pytest.mark.slow]),
                *([pytest.mark.backends] if name in repeated else []),
            ],
        )
        for name in cases
        if name not in lacks
    ]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(training.PLUGIN)
    monkeypatch.setattr(traced, "MIN_STEPS_TO_TRACE", 0)
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture(scope="module")
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a case ends with in plain Keras, in a process of its own.

    The process is ahead of the tests: it trains in the order in which they ask.
    """
    folder = tmp_path_factory.mktemp("plain")
    asked: dict[str, None] = {}
    for item in request.session.items:
        if item.path == request.path and "reference" in item.fixturenames:
            paths = PATHS_OF[item.originalname]
            asked.update({f"{item.callspec.params['name']}.{path}": None for path in paths})
    said = (folder / "said").open("wb")
    process = subprocess.Popen(
        [sys.executable, training.__file__, str(folder), *asked],
        env={**os.environ, "ZOO_PLAIN": "1", "KERAS_BACKEND": chosen_backend()},
        stdout=said, stderr=said,
    )  # fmt: skip

    def of(name: str, path: str) -> Any:
        file = folder / f"{name}.{path}"
        while not file.exists():
            if process.poll() is not None and not file.exists():
                pytest.fail((folder / "said").read_text()[-4000:])
            time.sleep(0.02)
        return pickle.loads(file.read_bytes())

    yield of
    process.kill()
    process.wait()
    said.close()


def numbers(outcome: Any) -> Iterator[Any]:
    """Yield all numbers of an outcome, in order."""
    if isinstance(outcome, dict):
        for name in sorted(outcome):
            yield from numbers(outcome[name])
    elif isinstance(outcome, list | tuple):
        for part in outcome:
            yield from numbers(part)
    else:
        yield outcome


def distance(one: Any, other: Any) -> float:
    """Return how far two outcomes are apart at most."""
    far = 0.0
    for value, expected in zip(numbers(one), numbers(other), strict=True):
        if isinstance(value, str):
            assert value == expected
        else:
            gap = np.abs(np.asarray(value, "float64") - np.asarray(expected, "float64"))
            far = max(far, float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)))
    return far


def compare(found: Any, reference: Any, name: str, path: str) -> None:
    allowed = 0.0
    if chosen_backend() != "jax":
        beside = distance(reference(name, "nudged"), reference(name, "whole"))
        allowed = max(1e-5, 10 * beside)
    assert distance(found, reference(name, path)) <= allowed


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many rows each training handed over at once; None where Keras took its own steps."""
    found: list[int | None] = []
    for module in (rows, streamed):
        before = module.compile_steps

        def noted(*arguments: Any, before: Any = before, **options: Any) -> Any:
            found.append(before(*arguments, **options))
            return found[-1]

        monkeypatch.setattr(module, "compile_steps", noted)
    return found


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What torch replays."""
    found: list[Any] = []
    before = traced._trace

    def noted(*arguments: Any) -> Any:
        found.append(before(*arguments))
        return found[-1]

    monkeypatch.setattr(traced, "_trace", noted)
    return found


@pytest.mark.parametrize("name", every("max-norm", "own-fit", "schedule", "each-step"))
def test_an_epoch_in_one_program(
    name: str, reference: Any, handed: list[int | None], traces: list[Any], tmp_path: Path
) -> None:
    """Behind a training that no name, shape or forward graph tells from this one."""
    case = CASES[name]
    zoo.train(case.spec(strength=1.5), training.table(), seed=1, output=tmp_path / "before")
    compare(training.whole(case, tmp_path), reference, name, "whole")
    taken = [rows is not None for rows in handed]
    assert taken == [chosen_backend() not in case.declined] * 2
    assert bool(traces) == (case.traced and chosen_backend() == "torch")


@pytest.mark.parametrize("name", every("counter", lacks=("two-outputs",)))
def test_a_stream(name: str, reference: Any, handed: list[int | None], tmp_path: Path) -> None:
    compare(training.streamed(CASES[name], tmp_path), reference, name, "streamed")
    assert (handed[0] is not None) == (chosen_backend() not in CASES[name].declined)


@on_jax
@pytest.mark.parametrize("name", every("own-step", repeated=()))
def test_tuned_side_by_side(
    name: str, reference: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Seeds, rates and what nothing tells apart: what shares a program is what shares its text."""
    groups: list[Any] = []
    before = Work.groups

    def noted(self: Work, configurations: Any) -> Any:
        groups.extend(before(self, configurations))
        return groups

    monkeypatch.setattr(Work, "groups", noted)
    found = training.tuned(CASES[name], tmp_path)
    assert any(group.vectorized for group in groups) != CASES[name].apart
    assert distance(found, reference(name, "tuned")) <= 1e-5


@on_jax
@pytest.mark.parametrize("name", every("ema", repeated=()))
def test_resumed(name: str, reference: Any, killed: Any, tmp_path: Path) -> None:
    case = CASES[name]
    folder = tmp_path / "run"

    def train(**options: Any) -> zoo.Run:
        return zoo.train(case.spec(), training.table(), seed=1, output=folder, **options)

    killed(1, train)
    compare(training.ended(train(resume=True)), reference, name, "whole")


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The last layer before the cut of each training; None where there is no cut."""
    found: list[str | None] = []
    before = photos.cut_network

    def noted(network: Any) -> Any:
        cut = before(network)
        found.append(cut and keras_private.producer_of(cut.trunk.outputs[0])[0].name)
        return cut

    monkeypatch.setattr(photos, "cut_network", noted)
    return found


QUICK_PHOTOS = ("photo-early", "photo-drop-first", "photo-penalized", "photo-outputs")
ADAM = ("photo-adam", "photo-adam-sequence")
REPEATED_PHOTOS = (*QUICK_PHOTOS, "photo", "photo-nested", "photo-convolved")


@pytest.mark.parametrize(
    "name", every(*QUICK_PHOTOS, repeated=REPEATED_PHOTOS, lacks=ADAM, cases=training.PHOTOS)
)
def test_frozen_layers(
    name: str, reference: Any, cuts: list[str | None], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """What they give is computed once, then found by a second training."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    case = training.PHOTOS[name]
    for time_ in ("first", "second"):
        found = training.whole(case, tmp_path / time_)
        assert distance(found, reference(name, "whole")) <= 1e-5
    assert {cut and re.sub(r"_\d+$", "", cut) for cut in cuts} == {case.cut}


@pytest.mark.slow
@pytest.mark.backends
@pytest.mark.parametrize("name", ADAM)
def test_frozen_layers_under_adam(
    name: str, reference: Any, cuts: list[str | None], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """It divides by the size of gradients, and so makes much of the last place of small ones."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    found, plain = training.whole(training.PHOTOS[name], tmp_path), reference(name, "whole")
    assert distance(found, plain) <= max(1e-5, 10 * distance(reference(name, "nudged"), plain))
    assert None not in cuts


@pytest.mark.parametrize("name", ["photo-early", "photo-drop-later"])
def test_frozen_layers_resumed(name: str, reference: Any, killed: Any, tmp_path: Path) -> None:
    case = training.PHOTOS[name]
    killed(1, lambda: training.whole(case, tmp_path))
    found = training.whole(case, tmp_path, resume=True)
    assert distance(found, reference(name, "whole")) <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dropout", "counter", "own-loss", "drawn"])
def test_in_threads(name: str, reference: Any, tmp_path: Path) -> None:
    """Four at once, of which one is the one that is compared."""
    with ThreadPoolExecutor(4) as pool:
        started = [
            pool.submit(training.whole, CASES[name], tmp_path / f"{seed}", seed)
            for seed in (2, 1, 3, 4)
        ]
    compare(started[1].result(), reference, name, "whole")
