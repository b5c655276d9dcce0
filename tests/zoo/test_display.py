"""What objects show: one line, tables and curves in notebooks, frames of pandas."""

from __future__ import annotations

import dataclasses
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

import zoo
import zoo.registry.registry
from zoo.display import MAX_COLUMNS, MAX_ROWS, html_table
from zoo.errors import UsageError
from zoo.parts.results import Classification, Failure, Prediction, Results, RowResult
from zoo.runs.run import Run
from zoo.tuning.board import Result
from zoo.tuning.tune import Tuning

EVIL = "<script>alert(1)</script>\x1b[2J"


def run_of(**fields: Any) -> Run:
    return Run(Path("runs/a"), zoo.get_spec("mlp-pima"), 7, **fields)


@pytest.fixture
def run() -> Run:
    history = {"loss": [0.9, 0.5, 0.4], "accuracy": [0.6, 0.7, 0.75]}
    metrics = {"train": {"loss": 0.4, "accuracy": 0.751}}
    return run_of(history=history, metrics=metrics, notes=["a note"])


@pytest.fixture
def tuning(run: Run) -> Tuning:
    results = [
        Result({"epochs": epochs, "hidden": [12, 8]}, {"loss": [0.5], "accuracy": [0.7, 0.71]})
        for epochs in range(30, 0, -1)
    ]
    return Tuning(Path("runs/t"), "accuracy", (*results, Result({"epochs": 0}, problem=EVIL)), run)


ROWS = Results(
    [
        RowResult(0, "yes", 0.75, {"no": 0.25, "yes": 0.75}),
        RowResult(1, error=Failure("bad-row", f"holds {EVIL}")),
    ]
)

IMAGES = Results(
    [
        Classification("a.png", "m", None, (Prediction(0, EVIL, 0.9), Prediction(1, "cup", 0.1))),
        Classification("b.png", "m", None, error=Failure("empty", "is empty")),
    ]
)


# One line


def test_a_run_is_one_line(run: Run) -> None:
    assert repr(run) == "Run('runs/a', mlp-pima, 3 epochs, train_accuracy 0.751)"
    run.metrics["validation"] = {"loss": 0.5}
    run.environment["interrupted"] = True
    expected = "Run('runs/a', mlp-pima, interrupted after 3 epochs, val_loss 0.5)"
    assert repr(run) == expected
    assert repr(run_of()) == "Run('runs/a', mlp-pima)"


def test_a_model_is_one_line_without_its_network() -> None:
    model = zoo.get_model("vgg16")
    assert repr(model) == "Model('vgg16', weights='imagenet')"
    missing = zoo.get_model("mlp-pima", weights="nowhere.zoo")
    assert repr(missing) == "Model('mlp-pima', weights='nowhere.zoo')"
    assert "VGG16, 1000 classes" in model._repr_html_()
    assert vars(model).keys() == {"spec", "_weights", "base", "_state"}
    assert repr(model.spec) == "ModelSpec('vgg16', image-classification)"


def test_a_tuning_is_one_line(tuning: Tuning) -> None:
    best = "best accuracy 0.705: epochs=30 hidden=[12,8]"
    assert repr(tuning) == f"Tuning('runs/t', 31 results, {best})"
    first, last = (repr(tuning.results[place]) for place in (0, -1))
    assert first == "Result(epochs=30 hidden=[12,8], loss 0.5, accuracy 0.705)"
    assert last == r"Result(epochs=0, <script>alert(1)</script>\x1b[2J)"


def test_results_are_one_line() -> None:
    assert repr(ROWS[0]) == "RowResult(0, yes 75.0%)"
    assert repr(ROWS[1]) == r"RowResult(1, error: holds <script>alert(1)</script>\x1b[2J)"
    assert repr(RowResult(2, value=[1.5, 2.0])) == "RowResult(2, [1.5, 2.0])"
    assert repr(RowResult(3, value=1 / 3)) == "RowResult(3, 0.333333)"
    outputs: dict[str, dict[str, Any]] = {"a": {"prediction": "x", "score": 0.5}, "b": {"value": 2}}
    assert repr(RowResult(4, outputs=outputs)) == "RowResult(4, a x 50.0%, b 2)"
    assert repr(IMAGES[0]) == r"Classification('a.png', <script>alert(1)</script>\x1b[2J 90.0%)"
    assert repr(IMAGES[1]) == "Classification('b.png', error: is empty)"


def test_a_session_is_one_line() -> None:
    model = zoo.get_model("lstm-alphabet-stateful", weights=None)
    assert repr(model.session()) == "Session('lstm-alphabet-stateful', not fed yet)"
    assert repr(model.session(1)) == "Session('lstm-alphabet-stateful', 1 sequence)"
    assert repr(model.session(3)) == "Session('lstm-alphabet-stateful', 3 sequences)"


# Notebooks


def test_a_run_shows_its_figures_and_curves(run: Run) -> None:
    page = run._repr_html_()
    assert "<td>train</td><td>0.4</td><td>0.751</td>" in page
    assert "<td>a note</td>" in page
    assert page.count("<svg") == page.count("</svg>") == 1
    assert "<style" not in page  # it would change the rest of the notebook
    assert ">epoch</text>" in page


def test_without_matplotlib_a_run_shows_its_figures(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = run._repr_html_()
    assert "<td>0.751</td>" in page
    assert "<svg" not in page


def test_nothing_that_a_stranger_wrote_is_markup(run: Run, tuning: Tuning) -> None:
    run.metrics["train"][EVIL] = 1.0
    run.history[EVIL] = run.history.pop("accuracy")
    run.notes.append(EVIL)
    spec = replace(run.spec, summary=EVIL)
    model = zoo.get_model(spec, weights=EVIL)
    few = dataclasses.replace(tuning, results=tuning.results[-3:])
    for subject in (run, few, model, ROWS, IMAGES):
        page = subject._repr_html_()
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "\x1b" not in page


def test_a_tuning_shows_its_best_results(tuning: Tuning) -> None:
    page = tuning._repr_html_()
    assert page.count("<tr>") == MAX_ROWS + 1
    assert "<td>1</td><td>30</td><td>12, 8</td><td>0.705</td>" in page
    assert "… 11 more rows" in page


def test_results_are_tables() -> None:
    assert "<td>0</td><td>yes</td><td>0.75</td><td>0.25</td><td>0.75</td>" in ROWS._repr_html_()
    assert "<td>b.png</td><td>m</td><td>1</td>" in IMAGES._repr_html_()
    many = Results(RowResult(row, value=0.5) for row in range(1000))
    assert many._repr_html_().endswith("<p>… 980 more rows</p>")
    assert Results[RowResult]()._repr_html_() == ""


def test_a_wide_table_is_cut() -> None:
    page = html_table([{f"c{number}": number for number in range(MAX_COLUMNS + 3)}])
    assert page.count("<th>") == MAX_COLUMNS
    assert "… 3 more columns" in page
    assert html_table([{"a": 1, "empty": None}]) == (
        "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    )


def test_names_of_models_are_a_table() -> None:
    names = zoo.list_models("vgg1?")
    assert names == ["vgg16", "vgg19"]
    assert "<td>vgg16</td><td>image-classification</td>" in names._repr_html_()
    assert names.to_pandas().parameters.tolist() == [138_357_544, 143_667_240]


# Frames


def test_results_are_frames() -> None:
    frame = ROWS.to_pandas()
    assert frame.columns.tolist() == [
        "row", "prediction", "score", "probability_no", "probability_yes", "error",
    ]  # fmt: skip
    assert frame.prediction.tolist()[0] == "yes"
    assert frame.error.isna().tolist() == [True, False]
    several = Results(
        [RowResult(0, outputs={"a": {"probabilities": {"x": 1.0}}, "b": {"value": 2}})]
    )
    assert several.to_pandas().columns.tolist() == ["row", "a_probability_x", "b_value", "error"]
    images = IMAGES.to_pandas()
    assert images["rank"].tolist() == [1, 2, 1]
    assert images.score.dropna().tolist() == [0.9, 0.1]


def test_a_leaderboard_is_a_frame(tuning: Tuning) -> None:
    frame = tuning.to_pandas()
    assert frame.shape == (31, 10)
    assert frame.epochs.dtype.kind == "i"  # a number, not its text
    assert frame.hidden[0] == [12, 8]
    assert frame.accuracy.isna().sum() == 1


def test_a_history_is_a_frame_by_epoch(run: Run) -> None:
    frame = run.to_pandas()
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), pd.DataFrame(run.history))
    assert run_of().to_pandas().empty


def test_the_history_of_an_interrupted_run_is_a_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C falls into an epoch: its figures are those of the part that was trained."""
    registry = type(zoo.registry.registry.registry())

    def interrupt(self: Any, event: str, **facts: Any) -> None:
        if event == "epoch_ended" and facts["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(registry, "notify", interrupt)
    run = zoo.train("mlp-ionosphere", epochs=9, batch_size=32, seed=1, output=tmp_path / "run")
    frame = pd.DataFrame(run.history)
    assert {"loss", "val_loss"} <= set(frame.columns)
    assert run.to_pandas().index.tolist() == [1, 2, 3]
    assert frame.notna().all(axis=None)
    assert "interrupted after 3 epochs" in repr(run)
    assert "interrupted in epoch 3" in run._repr_html_()


def test_without_pandas_a_frame_says_how_to_get_it(
    run: Run, tuning: Tuning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for subject in (run, tuning, ROWS, zoo.list_models("vgg16")):
        with pytest.raises(UsageError, match=r"pip install 'keras-zoo\[pandas\]'"):
            subject.to_pandas()


@pytest.mark.slow
def test_a_notebook_shows_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    cells = [
        "import zoo\nrun = zoo.train('mlp-pima', epochs=40, seed=1)\nrun",
        "run.model",
        "run.model.predict([[6, 148, 72, 35, 0, 33.6, 0.627, 50]])",
        "run.to_pandas()",
    ]
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=code)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", resources=resources).execute()
    shown = [[output["data"] for output in cell.outputs] for cell in notebook.cells]
    assert [len(outputs) for outputs in shown] == [2, 1, 1, 1]
    bar, run = shown[0]
    assert bar["text/plain"].startswith("epoch 40/40")
    assert "loss" in bar["text/html"]
    assert run["text/plain"].startswith("Run('runs/mlp-pima/")
    assert "<svg" in run["text/html"]
    assert "probability_diabetes" in shown[2][0]["text/html"]
    assert "epoch" in shown[3][0]["text/html"]


def test_curves_mark_the_best_epoch_only_where_rows_are_held_out() -> None:
    pytest.importorskip("matplotlib")
    losses = [2.0, 1.0, 3.0]
    run = zoo.Run(Path("run"), zoo.get_spec("mlp-pima"), 1, {"loss": losses})
    assert "best epoch" not in run._repr_html_()
    run.history["val_loss"] = losses
    assert "best epoch, 2" in run._repr_html_()
