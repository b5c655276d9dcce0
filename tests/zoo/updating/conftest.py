"""What the tests of training share."""

from __future__ import annotations

import pytest

import zoo

HELD = "validation={held=0.2, order='stratified', seed=1}"
"""What retraining holds out of each side: the first training has not seen these rows either."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    """A model of the old half of the synthetic rows."""
    folder = tmp_path_factory.mktemp("first") / "run"
    return zoo.train("mlp-synthetic", epochs=30, seed=1, settings=[HELD], output=folder)
