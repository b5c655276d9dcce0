"""What the tests of training share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zoo

Killer = Callable[[int, Callable[[], Any]], None]

HELD = "validation={held=0.2, order='stratified', seed=1}"
"""What retraining holds out of each side: the first training has not seen these rows either."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    """A model of the old half of the synthetic rows."""
    folder = tmp_path_factory.mktemp("first") / "run"
    return zoo.train("mlp-synthetic", epochs=30, seed=1, settings=[HELD], output=folder)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """End a training when an epoch of that number is over; every epoch leaves a checkpoint."""
    from zoo.registry.registry import registry

    class Killed(BaseException):
        pass

    monkeypatch.setattr("zoo.training.checkpoint.LEAST", 0.0)
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
