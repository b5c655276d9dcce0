"""Retraining and ensembles, the same on JAX, TensorFlow and torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo

pytestmark = pytest.mark.backends

HELD = "validation={held=0.2, order='stratified', seed=1}"


def test_update_and_ensemble(tmp_path: Path) -> None:
    first = zoo.train(
        "mlp-synthetic", epochs=20, seed=1, settings=[HELD], output=tmp_path / "first"
    )
    update = zoo.retrain(
        first.path, "synthetic-new", old="synthetic", strategy="both", epochs=3, freeze=1,
        output=tmp_path / "update",
    )  # fmt: skip
    assert update.metrics["before_old"] == pytest.approx(first.metrics["validation"], abs=1e-6)
    both = zoo.retrain(
        first.path, "synthetic-new", ensemble=True, epochs=3, settings=["scale=standard"],
        output=tmp_path / "both",
    )  # fmt: skip
    rows = np.random.default_rng(0).normal(size=(9, 20)).round(3).tolist()
    scores = [
        [row.probabilities["1"] for row in model.predict(rows) if row.probabilities]
        for model in (first.model, zoo.load(both.path / "member"), both.model)
    ]
    np.testing.assert_allclose(scores[2], np.mean(scores[:2], axis=0), atol=1e-6)
    assert both.model.evaluate("synthetic-new")["accuracy"] > 0.5


@pytest.mark.slow
def test_an_ensemble_is_trained_further_like_any_model(tmp_path: Path) -> None:
    runs = [
        zoo.train("mlp-synthetic", epochs=3, seed=seed, output=tmp_path / str(seed))
        for seed in (1, 2)
    ]
    both = zoo.ensemble([run.path for run in runs], output=tmp_path / "both")
    update = zoo.retrain(both.path, "synthetic-new", epochs=5, output=tmp_path / "update")
    assert update.history["loss"][-1] < update.history["loss"][0]
    before, after = (run.model.keras.get_weights() for run in (both, update))
    assert all(not np.array_equal(left, right) for left, right in zip(before, after, strict=True))
