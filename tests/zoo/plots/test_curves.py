"""Learning curves: for every history that a training may leave, and for several runs at once."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import box_of, overlaps
from msgspec.structs import replace

import zoo
from zoo.errors import UsageError
from zoo.plots.curves import draw_curves
from zoo.plots.decades import span_decades
from zoo.plots.overlay import draw_overlay
from zoo.runs.history import draw, read_history
from zoo.runs.run import best_epoch, draw_later
from zoo.spec.files import spec_to_toml
from zoo.spec.watch import EarlyStopping

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
    "thousands of epochs": {"loss": [5.0 / (i + 1) for i in range(3000)]},
    "no epoch": {},
}


def write_run(
    folder: Path, history: dict[str, list[float]], spec: zoo.ModelSpec | None = None
) -> Path:
    folder.mkdir(parents=True)
    rows = [["epoch", *history]]
    rows += [
        [str(i), *map(repr, row)] for i, row in enumerate(zip(*history.values(), strict=True), 1)
    ]
    (folder / "history.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    (folder / "spec.toml").write_text(spec_to_toml(spec or zoo.get_spec("mlp-pima")))
    return folder


@pytest.mark.parametrize("name", HISTORIES)
def test_every_history_is_drawn(tmp_path: Path, size, figures, name: str) -> None:
    """Otherwise a training that diverged would leave no picture of that."""
    history = HISTORIES[name]
    run = write_run(tmp_path / "run", history)
    width, height = size(draw(run))
    two = any(key not in ("loss", "val_loss") for key in history)
    assert (width > 2 * height) == two
    assert not overlaps(figures[-1])
    assert list(read_history(run / "history.csv")) == list(history)


def test_the_best_epoch_is_marked_where_rows_are_held_out(tmp_path: Path, figures) -> None:
    """The lowest training loss is that of the last epochs, and says nothing."""
    spec = zoo.get_spec("mlp-pima")
    assert spec.training is not None
    rising = {"loss": LOSS[::-1]}
    watched = replace(spec.training, early_stopping=EarlyStopping(patience=2, monitor="loss"))
    absent = replace(spec.training, early_stopping=EarlyStopping(patience=2))
    for number, (history, training, marked) in enumerate(
        [
            (rising, spec.training, None),
            ({"loss": LOSS, "val_loss": LOSS[::-1]}, spec.training, 1),
            (rising, watched, 1),
            (rising, absent, None),
        ]
    ):
        run = write_run(tmp_path / str(number), history, replace(spec, training=training))
        draw(run)
        legend = legend_of(figures[-1])
        assert [text for text in legend if "best" in text] == (
            [f"best epoch, {marked}"] if marked else []
        )


def legend_of(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_folds_are_thin_lines_and_their_mean_a_thick_one(tmp_path: Path, figures) -> None:
    x = [i / 32 - 1 for i in range(64)]
    table = zoo.Table({"x": x, "y": [3 * value + value**2 for value in x]})
    run = zoo.train(line(epochs=4), table, seed=1, folds=3, output=tmp_path / "run")
    draw(run.path)
    folds = [read_history(run.path / f"fold-{number}" / "history.csv") for number in (1, 2, 3)]
    for panel, name in zip(figures[-1].axes, ["loss", "mean_absolute_error"], strict=True):
        lines = {
            text: [curve for curve in panel.lines if curve.get_label() == text]
            for text in legend_of(figures[-1])
        }
        assert {text: len(curves) for text, curves in lines.items()} == {
            "training, one fold": 3,
            "training, mean of 3 folds": 1,
            "held out, one fold": 3,
            "held out, mean of 3 folds": 1,
            "training, all rows": 1,
        }
        for part, prefix in (("training", ""), ("held out", "val_")):
            [mean], each = lines[f"{part}, mean of 3 folds"], lines[f"{part}, one fold"]
            assert mean.get_linewidth() > 2 * each[0].get_linewidth()
            for curve, fold in zip(each, folds, strict=True):
                assert list(curve.get_ydata()) == fold[prefix + name]
            assert mean.get_ydata() == pytest.approx(
                np.mean([fold[prefix + name] for fold in folds], axis=0)
            )
        assert list(lines["training, all rows"][0].get_ydata()) == run.history[name]


def test_the_mean_ends_with_the_first_fold_that_stops(tmp_path: Path, figures) -> None:
    """Beyond it would jump: it would be of other folds."""
    folds = [{"loss": LOSS}, {"loss": LOSS[:2]}, {"loss": [nan, 1.0, 1.0]}]
    draw_curves(tmp_path / "x.svg", "x", {"loss": LOSS}, None, folds)
    mean = next(c for c in figures[-1].axes[0].lines if c.get_label().endswith("of 3 folds"))
    assert len(mean.get_ydata()) == 2
    assert mean.get_ydata()[1] == 1.0


def test_every_metric_of_every_output_has_a_panel(tmp_path: Path, figures) -> None:
    names = ["b_loss", "b_accuracy", "c_mae", "c_loss", "learning_rate"]
    history = {name: LOSS for name in ("loss", *names)} | {"val_loss": LOSS}
    draw_curves(tmp_path / "x.png", "a model with a long name " * 6, history, 2)
    assert [panel.get_ylabel() for panel in figures[-1].axes] == [
        "loss", "b accuracy", "c mae", "b loss", "c loss", "learning rate",
    ]  # fmt: skip
    assert not overlaps(figures[-1])
    legend = figures[-1].legends[0].get_window_extent()
    assert not any(legend.overlaps(panel.get_window_extent()) for panel in figures[-1].axes)


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        ([3.0, 1.0, 0.2], False),
        ([3.0, 1.0, 0.02], True),
        ([6.0, 1.0, 0.9, 0.8], True),  # one bad epoch
        ([4.0, 1.0, 0.9, 0.8], False),
        ([0.5, 0.1, 0.0], False),
        ([5.0, 0.01, -1.0], False),
        ([1.0], False),
        ([], False),
    ],
)
def test_an_axis_is_logarithmic_where_a_linear_one_hides_most(values, logarithmic: bool) -> None:
    assert span_decades(values) is logarithmic


def test_marks_of_logarithmic_axes_can_be_read(tmp_path: Path, texts) -> None:
    history = {"loss": [3000.0, 20.0, 0.5, 0.004], "mae": [90.0, 2.0, 2.0, 2.0]}
    shown = texts(draw_curves(tmp_path / "x.svg", "x", history, None))
    assert {"0.01", "0.1", "1", "10", "100", "1,000", "2", "5", "20", "50"} <= set(shown)
    assert not any("$" in text or "math" in text for text in shown)
    share = texts(
        draw_curves(tmp_path / "y.svg", "y", {"loss": [], "accuracy": [0.001, 0.9]}, None)
    )
    assert "0.8" in share  # the accuracy is linear


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


def line(**training: Any) -> zoo.ModelSpec:
    """Return a model of one unit, trained fast and restlessly."""
    return zoo.ModelSpec(
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
            **training,
        ),
    )


def test_the_marked_epoch_is_the_one_whose_weights_are_kept(tmp_path: Path) -> None:
    x = [i / 32 - 1 for i in range(64)]
    spec = line(
        epochs=6,
        validation=0.25,
        early_stopping=EarlyStopping(patience=5, monitor="val_mean_absolute_error"),
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


def test_labels_of_many_runs_stay_beside_their_panel(tmp_path: Path, figures) -> None:
    """All end high, in the same place: the labels must not climb above the picture."""
    runs = [
        (
            f"a run with a long label, learning_rate=0.001, {i}",
            {"loss": LOSS, "accuracy": [0.1, 0.9]},
        )
        for i in range(12)
    ]
    draw_overlay(runs, tmp_path / "x.png", title="a model with a long name " * 8)
    assert not overlaps(figures[-1])
    for panel in figures[-1].axes:
        beside = panel.get_window_extent().padded(10)
        assert len(panel.texts) == 12
        for box in map(box_of, panel.texts):
            assert beside.y0 <= box.y0
            assert box.y1 <= beside.y1


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
