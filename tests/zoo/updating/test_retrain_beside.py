"""An old and a new model together, and retrainings that were killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiers import slow

import zoo
from zoo.errors import UsageError
from zoo.updating.retrain import compare_figures


def test_an_ensemble_is_the_mean_of_old_and_new(first: zoo.Run, tmp_path: Path) -> None:
    run = zoo.retrain(
        first.path, "synthetic-new", old="synthetic", ensemble=True, epochs=10,
        output=tmp_path / "run",
    )  # fmt: skip
    member = zoo.load(run.path / "member")
    rows = np.random.default_rng(0).normal(size=(7, 20)).astype("float32")
    outputs = [model.outputs(rows) for model in (first.model, member, run.model)]
    np.testing.assert_allclose(outputs[2], (outputs[0] + outputs[1]) / 2, atol=1e-6)
    for left, right in zip(
        first.model.keras.get_weights(), member.keras.get_weights(), strict=True
    ):
        assert not np.array_equal(left, right)
    lineage = run.environment["lineage"]
    assert [origin["path"] for origin in lineage["members"]] == [
        str(first.path), str(run.path / "member"),
    ]  # fmt: skip
    assert [origin["seed"] for origin in lineage["members"]] == [1, 2]  # not the same start
    assert run.metrics["before_old"] == pytest.approx(first.metrics["validation"])
    for part in ("member", "member_old", "member_new", "test", "test_old", "test_new"):
        assert set(run.metrics[part]) == {"loss", "accuracy"}
    assert compare_figures(run)[0] == [
        "held-out rows",
        "",
        "",
        "old model",
        "new model",
        "ensemble",
    ]
    assert member.spec.training is not None
    assert member.spec.training.optimizer.config["learning_rate"] == 0.01


def test_members_may_count_differently_and_have_other_networks(
    first: zoo.Run, tmp_path: Path
) -> None:
    run = zoo.retrain(
        first.path, "synthetic-new", ensemble=True, epochs=2, member_weights=[3, 1],
        settings=["hidden=5", "scale=standard"], output=tmp_path / "run",
    )  # fmt: skip
    member = zoo.load(run.path / "member")
    rows = [list(map(float, range(20))), [0.5] * 20]
    scores = [
        [row.probabilities["1"] for row in model.predict(rows) if row.probabilities]
        for model in (first.model, member, run.model)
    ]
    expected = 0.75 * np.array(scores[0]) + 0.25 * np.array(scores[1])
    np.testing.assert_allclose(scores[2], expected, atol=1e-6)


def test_ensembles_go_on_like_any_model(first: zoo.Run, tmp_path: Path) -> None:
    run = zoo.retrain(first.path, "synthetic-new", ensemble=True, epochs=2, output=tmp_path / "two")
    three = zoo.retrain(
        run.path, "synthetic-new", ensemble=True, epochs=2, output=tmp_path / "three"
    )
    members = three.environment["lineage"]["members"]
    assert [origin["weight"] for origin in members] == [1.0, 1.0, 1.0]
    assert [origin["seed"] for origin in members] == [1, 2, 3]
    member = zoo.load(three.path / "member")
    assert member.spec.architecture == first.spec.architecture
    rows = np.random.default_rng(0).normal(size=(5, 20)).astype("float32")
    parts = [model.outputs(rows) for model in (run.model, member, three.model)]
    np.testing.assert_allclose(parts[2], (2 * parts[0] + parts[1]) / 3, atol=1e-6)
    updated = zoo.retrain(run.path, "synthetic-new", epochs=2, output=tmp_path / "updated")
    assert updated.spec.architecture == run.spec.architecture
    assert updated.metrics["before"] == pytest.approx(run.metrics["test"])


# Going on after a kill


@pytest.mark.parametrize("ensemble", [slow(False), True])
def test_killed_and_resumed_is_the_same_model(
    first: zoo.Run, tmp_path: Path, killed: Any, ensemble: bool
) -> None:
    def retrain(name: str, **options: Any) -> zoo.Run:
        return zoo.retrain(
            first.path, "synthetic-new", old="synthetic", strategy="both", ensemble=ensemble,
            epochs=6, output=tmp_path / name, **options,
        )  # fmt: skip

    unbroken = retrain("unbroken")
    killed(1, lambda: retrain("run"))
    killed(4, lambda: retrain("run", resume=True))
    assert not (tmp_path / "run" / "model.zoo").exists()
    with pytest.raises(UsageError, match="was started differently: spec"):
        retrain("run", resume=True, settings=["batch_size=7"])
    run = retrain("run", resume=True)
    for left, right in zip(
        run.model.keras.get_weights(), unbroken.model.keras.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(left, right)
    assert run.metrics == unbroken.metrics
    again = retrain("run", resume=True)  # nothing left to do
    assert again.environment["id"] == run.environment["id"]


def test_a_member_that_was_done_is_not_trained_again(
    first: zoo.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the training, before the ensemble was written: hours must not be lost."""

    def retrain(**options: Any) -> zoo.Run:
        return zoo.retrain(
            first.path, "synthetic-new", ensemble=True, epochs=2, output=tmp_path / "run", **options
        )

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("zoo.updating.retrain.save_ensemble", die)
        with pytest.raises(Killed):
            retrain()
    with pytest.raises(UsageError, match="exists and is not an empty folder"):
        retrain()
    with pytest.raises(UsageError, match="was started differently: spec"):
        retrain(resume=True, settings=["batch_size=7"])
    monkeypatch.setattr("zoo.training.fit.temporary_seed", die)
    assert retrain(resume=True).model.spec.name == "mlp-synthetic-ensemble"


def test_resume_without_a_folder_finds_the_ensemble_that_was_begun(
    first: zoo.Run, tmp_path: Path, killed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def retrain(**options: Any) -> zoo.Run:
        return zoo.retrain(first.path, "synthetic-new", ensemble=True, epochs=4, **options)

    killed(1, retrain)
    run = retrain(resume=True)
    assert [path.name for path in Path("runs/mlp-synthetic").iterdir()] == [run.path.name]
    assert (run.path / "model.zoo").is_file()
