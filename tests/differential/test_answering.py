"""Every fast path of inference gives what plain Keras gives, or is not taken.

The reference is ``predict`` of the Keras network in a process of its own, with ``ZOO_PLAIN=1``. The
first process of zoo stores the computations that may be stored, from one weights file; later ones
load them, for that file and another one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import answering
import numpy as np
import pytest
from tiers import slow

import zoo
from zoo.backend.choose import chosen_backend
from zoo.registry.registry import registry

pytestmark = pytest.mark.skipif(
    chosen_backend() != "jax", reason="each process says which backend it takes"
)

KEPT = {
    "dense": True,
    "two-calls": True,
    "mask": True,
    "recurrent": True,
    "mixed": True,
    "at-inference": True,
    "batch-coupled": True,
    "constant": True,
    "built-from-weights": True,
    "normalized-batch": True,
    "finalized": False,
    "normalization": False,
    "counter": False,
    "noise": False,
    "undeclared": False,
}
"""For each network of `zoo_answers`, whether its computation is kept between processes."""

QUICK = ("finalized",)
EVERY = [kind if kind in QUICK else slow(kind) for kind in KEPT]

STATES = ("counter", "noise")
"""Networks that change with every call: no graph holds that."""

COARSER = ("mixed",)
"""Half precision is another one there."""

COPIED = ("recurrent",)
"""Keras copies the weights of a GRU into OpenVINO's graph: others cannot take their place."""

Ask = Callable[..., tuple[list[Any], list[bool]]]


@pytest.fixture
def weights(kind: str, tmp_path: Path) -> dict[tuple[str, int], Path]:
    """Two weights files of the network."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(answering.PLUGIN)
        registry.cache_clear()
        network = zoo.get_model(f"answers-{kind}", weights=None).keras
        for seed in (1, 2):
            file = tmp_path / f"{kind}-{seed}.weights.h5"
            found[kind, seed] = answering.save(network, file, seed)
    registry.cache_clear()
    return found


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Ask a process of its own; one home for all of a test."""

    def run(who: str, *asked: tuple[str, Path], backend: str = "jax", **env: str) -> Any:
        environment = {**os.environ, "ZOO_HOME": str(tmp_path / "home"), **env}
        done = subprocess.run(
            [sys.executable, answering.__file__, who, *(f"{kind}={file}" for kind, file in asked)],
            env={**environment, "KERAS_BACKEND": backend},
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def compared(kind: str, weights: dict[tuple[str, int], Path], ask: Ask, **options: str) -> bool:
    """Compare with plain Keras; return whether the second process did without Keras."""
    one, other = weights[kind, 1], weights[kind, 2]
    expected, _ = ask("keras", (kind, one), (kind, other), ZOO_PLAIN="1")
    (first,), (heavy,) = ask("zoo", (kind, one), **options)
    assert heavy
    (again,), (heavy,) = ask("zoo", (kind, one), **options)
    (changed,), (heavy_too,) = ask("zoo", (kind, other), **options)
    assert heavy == heavy_too
    exact = {"rtol": 0, "atol": 1e-5} if not options else {"rtol": 1e-4, "atol": 1e-4}
    for found, outputs in ((first, expected[0]), (again, expected[0]), (changed, expected[1])):
        np.testing.assert_allclose(found, outputs, **exact)
    return not heavy


@pytest.mark.parametrize("kind", EVERY)
def test_kept_between_processes(kind: str, weights: Any, ask: Ask) -> None:
    assert compared(kind, weights, ask) == KEPT[kind]


@pytest.mark.parametrize("kind", [slow(kind) for kind in KEPT if kind not in (*STATES, *COARSER)])
def test_on_openvino(kind: str, weights: Any, ask: Ask) -> None:
    pytest.importorskip("openvino")
    kept = KEPT[kind] and kind not in COPIED
    assert compared(kind, weights, ask, backend="openvino") == kept


@pytest.mark.parametrize("kind", ["counter", slow("noise")])
def test_openvino_refuses_a_state(kind: str, weights: Any, ask: Ask) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(AssertionError, match="its state changes with every call"):
        ask("zoo", (kind, weights[kind, 1]), backend="openvino")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KEPT)
def test_rows_that_do_not_fill_a_batch(kind: str, weights: Any, ask: Ask) -> None:
    """Also where nothing is kept: the program of the network itself."""
    file = weights[kind, 1]
    expected, _ = ask("keras", (kind, file), ZOO_PLAIN="1")
    found, _ = ask("zoo", (kind, file), ZOO_PLAIN="1")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
