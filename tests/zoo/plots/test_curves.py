"""Learning curves: for every history that a training may leave, and for several runs at once."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.errors import UsageError
from zoo.plots.overlay import draw_overlay
from zoo.runs.history import draw, read_history
from zoo.runs.run import best_epoch, draw_later
from zoo.spec.files import spec_to_toml
from zoo.spec.model import EarlyStopping

pytest.importorskip("matplotlib")

LOSS = [4.0, 1.0, 0.5, 0.4]
HISTORIES = {
    "validation": {"accuracy": [0.1, 0.5, 0.6, 0.7], "loss": LOSS, "val_loss": LOSS[::-1]},
    "no validation": {"accuracy": [0.1, 0.5, 0.6, 0.7], "loss": LOSS},
    "one epoch": {"loss": [0.3], "mae": [0.2], "val_loss": [0.4], "val_mae": [0.2]},
    "no metric": {"loss": LOSS, "val_loss": LOSS},
    "partly NaN": {"loss": [1.0, nan, inf], "mae": [1.0, nan, nan]},
    "all NaN": {"loss": [nan, nan], "mae": [nan, nan], "val_loss": [nan, nan]},
    "the same": {"loss": [0.0, 0.0]},
    "no epoch": {},
}


def write_run(folder: Path, history: dict[str, list[float]]) -> Path:
    folder.mkdir()
    rows = [["epoch", *history]]
    rows += [
        [str(i), *map(repr, row)] for i, row in enumerate(zip(*history.values(), strict=True), 1)
    ]
    (folder / "history.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    (folder / "spec.toml").write_text(spec_to_toml(zoo.get_spec("mlp-pima")))
    return folder


@pytest.mark.parametrize("name", HISTORIES)
def test_every_history_is_drawn(tmp_path: Path, size, name: str) -> None:
    """Otherwise a training that diverged would leave no picture of that."""
    history = HISTORIES[name]
    run = write_run(tmp_path / "run", history)
    width, height = size(draw(run))
    two = any(key not in ("loss", "val_loss") for key in history)
    assert (width > 2 * height) == two
    assert list(read_history(run / "history.csv")) == list(history)


def stopping(**rule: Any) -> zoo.Training:
    """Return a recipe that stops early, by a rule."""
    rule = {"patience": 3, **rule}
    return zoo.Training(loss=zoo.Component("mse"), early_stopping=EarlyStopping(**rule))


def test_the_best_epoch_is_that_of_the_monitored_figure() -> None:
    history = {
        "loss": [3.0, 2.0, 1.0, 0.5],
        "val_loss": [3.0, 1.0, 2.0, nan],
        "val_accuracy": [0.5, 0.6, 0.62, 0.61],
    }
    assert best_epoch({"loss": history["loss"]}) == 4
    assert best_epoch(history) == 2
    assert best_epoch(history, stopping(monitor="loss")) == 4
    # Higher is better here.
    assert best_epoch(history, stopping(monitor="val_accuracy")) == 3
    assert best_epoch(history, stopping(monitor="val_accuracy", min_delta=0.05)) == 2
    assert best_epoch({"loss": [nan, inf]}) is None
    assert best_epoch({"loss": [nan, 2.0]}) == 2
    assert best_epoch({}) is None


def test_the_marked_epoch_is_the_one_whose_weights_are_kept(tmp_path: Path) -> None:
    x = [i / 32 - 1 for i in range(64)]
    spec = zoo.ModelSpec(
        name="line",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(
            loss=zoo.Component("mse"),
            metrics=(zoo.Component("mae"),),
            optimizer=zoo.Component("sgd", learning_rate=0.9),
            target="y",
            epochs=6,
            validation=0.25,
            early_stopping=EarlyStopping(patience=5, monitor="val_mean_absolute_error"),
        ),
    )
    table = zoo.Table({"x": x, "y": [3 * value + value**2 for value in x]})
    run = zoo.train(spec, table, seed=1, output=tmp_path / "run")
    assert spec.training is not None
    best = best_epoch(run.history, spec.training)
    assert best is not None
    assert run.metrics["validation"]["mean_absolute_error"] == pytest.approx(
        run.history["val_mean_absolute_error"][best - 1], rel=1e-4
    )


def test_several_runs_are_named_where_they_end(tmp_path: Path, texts, size) -> None:
    runs = [(f"hidden={i}", {"loss": LOSS[: i + 2], "accuracy": LOSS[: i + 2]}) for i in range(3)]
    runs[0][1]["val_loss"] = [1.0, 2.0]
    found = texts(draw_overlay(runs, tmp_path / "x.svg", title="mlp-pima"))
    for label, _ in runs:
        assert found.count(label) == 2  # beside the loss and beside the metric
    assert {"mlp-pima", "loss", "accuracy", "epoch", "training", "validation"} <= set(found)
    found = texts(draw_overlay(runs, tmp_path / "y.svg", metric="accuracy"))
    assert found.count("hidden=0") == 1
    assert "loss" not in found
    few, many = (
        size(draw_overlay(runs * times, tmp_path / f"{times}.png"))[1] for times in (1, 12)
    )
    assert many > 1.5 * few  # every label has room


def test_runs_that_diverged_are_still_named(tmp_path: Path, texts) -> None:
    runs = [("good", {"loss": LOSS}), ("bad", {"loss": [nan, nan]}), ("half", {"loss": [1, nan]})]
    found = texts(draw_overlay(runs, tmp_path / "x.svg"))
    assert {"good", "bad (not finite)", "half"} <= set(found)
    found = texts(draw_overlay(runs[1:2], tmp_path / "y.svg"))
    assert "no finite values" in found


def test_runs_without_the_metric_are_named(tmp_path: Path) -> None:
    runs = [("a", {"loss": LOSS, "mae": LOSS}), ("b", {"loss": LOSS, "accuracy": LOSS})]
    with pytest.raises(UsageError, match=r"b: has no metric 'mae'; it has loss, accuracy"):
        draw_overlay(runs, tmp_path / "x.png", metric="mae")
    with pytest.raises(UsageError, match=r"Did you mean 'accuracy'\?"):
        draw_overlay(runs[1:], tmp_path / "x.png", metric="acuracy")
    with pytest.raises(UsageError, match="c: no epoch has finished"):
        draw_overlay([*runs, ("c", {})], tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_a_run_outlives_its_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that can start no more processes costs the picture alone, with a word on it."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    with pytest.warns(UserWarning, match="cannot draw .*: .*missing"):
        draw_later(tmp_path)
