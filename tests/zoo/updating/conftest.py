"""Fixtures for the tests of retraining."""

from __future__ import annotations

import pytest

import zoo

HELD = "validation={held=0.2, order='stratified', seed=1}"
"""The rows that retraining holds out of the old rows: the first training has not seen them."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    """Return a run trained on the old half of the synthetic rows."""
    folder = tmp_path_factory.mktemp("first") / "run"
    return zoo.train("mlp-synthetic", epochs=30, seed=1, settings=[HELD], output=folder)
