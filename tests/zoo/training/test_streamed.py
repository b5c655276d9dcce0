"""Training on rows that are never all in memory."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import chosen_backend
from zoo.data import stream
from zoo.data.labelled import LabelledRows
from zoo.errors import InputError, TrainingError, UsageError

pytestmark = pytest.mark.backends


def spec(**changes: Any) -> zoo.ModelSpec:
    training = {
        "loss": "mse",
        "optimizer": zoo.Component("adam", learning_rate=0.02),
        "epochs": 3,
        "batch_size": 50,
        "target": "y",
        **changes,
    }
    return zoo.ModelSpec(
        name="line",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(**training),
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV of 20,010 rows: pieces of 8192, and a remainder in the last batch."""
    x = np.random.default_rng(0).uniform(-1, 1, 20_010)
    path = tmp_path / "line.csv"
    path.write_text("x,y\n" + "".join(f"{a:.6f},{3 * a + 1:.6f}\n" for a in x))
    return path


@pytest.fixture(autouse=True)
def small_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MIN_BYTES", 1000)


def test_a_large_file_is_learnt(table: Path, tmp_path: Path) -> None:
    run = zoo.train(spec(validation=0.25), table, seed=1, output=tmp_path / "run")
    assert run.metrics["train"]["loss"] < 1e-3
    assert run.metrics["validation"]["loss"] < 1e-3
    assert run.model.predict([{"x": 0.5}])[0].value == pytest.approx(2.5, abs=0.05)
    assert run.model.evaluate(table, target="y")["loss"] < 1e-3
    assert run.history["val_loss"][-1] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-4)


def test_every_row_counts_once_an_epoch(table: Path, tmp_path: Path) -> None:
    """The loss of an epoch is the mean over all rows; with a learning rate of 0 it is known."""
    recipe = spec(optimizer=zoo.Component("sgd", learning_rate=1e-30), epochs=2)
    run = zoo.train(recipe, table, seed=1, output=tmp_path / "run")
    assert run.history["loss"] == pytest.approx([run.metrics["train"]["loss"]] * 2, rel=1e-5)


def test_every_held_row_counts_once_in_every_epoch(tmp_path: Path) -> None:
    """Keras begins a generator of batches anew each epoch, and gives its first ones twice."""
    path = tmp_path / "sorted.csv"
    path.write_text("x,y\n" + "".join(f"{x},{3 * x}\n" for x in range(3000)))
    recipe = spec(optimizer=zoo.Component("sgd", learning_rate=1e-30), epochs=4, validation=0.4)
    run = zoo.train(recipe, path, seed=1, output=tmp_path / "run")
    held = run.metrics["validation"]["loss"]
    assert run.history["val_loss"] == pytest.approx([held] * 4, rel=1e-5)


def test_rows_that_are_skipped_count_in_no_figure(tmp_path: Path) -> None:
    """An epoch that waits for as many rows as the file has begins the file again for the rest."""
    path = tmp_path / "gaps.csv"
    cells = ("?" if x % 5 == 0 else str(x) for x in range(2000))
    path.write_text("x,y\n" + "".join(f"{cell},{3 * x}\n" for x, cell in enumerate(cells)))
    recipe = spec(
        optimizer=zoo.Component("sgd", learning_rate=1e-30), epochs=2, validation=0.4,
        skip_bad_rows=True,
    )  # fmt: skip
    run = zoo.train(recipe, path, seed=1, output=tmp_path / "run")
    held = run.metrics["validation"]["loss"]
    assert run.history["val_loss"] == pytest.approx([held] * 2, rel=1e-5)
    assert run.history["loss"] == pytest.approx([run.metrics["train"]["loss"]] * 2, rel=1e-5)
    weight = run.model.predict([{"x": 1}])[0].value - run.model.predict([{"x": 0}])[0].value
    x = np.array([x for x in range(2000) if x % 5])
    both = (run.metrics["train"]["loss"] + held) / 2
    assert both == pytest.approx(np.mean((weight * x - 3 * x) ** 2), rel=0.2)


def test_skipped_rows_of_a_stream_without_an_end(tmp_path: Path) -> None:
    """An epoch of so many steps may hold bad rows; what is held out is the same every time."""

    def rows() -> Iterator[list[dict[str, Any]]]:
        for number in itertools.count():
            yield [{"x": "?" if x % 5 == 0 else x, "y": number + x} for x in range(100)]

    recipe = spec(
        optimizer=zoo.Component("sgd", learning_rate=1e-30), epochs=3, validation=0.3,
        skip_bad_rows=True, steps_per_epoch=6,
    )  # fmt: skip
    run = zoo.train(recipe, rows, seed=1, output=tmp_path / "run")
    held = run.metrics["validation"]["loss"]
    assert run.history["val_loss"] == pytest.approx([held] * 3, rel=1e-5)


def test_a_source_that_gives_fewer_rows_the_next_time_is_named(tmp_path: Path) -> None:
    """Its figures would be those of other rows than were counted."""
    times = itertools.count()

    def rows() -> Iterator[list[dict[str, float]]]:
        for start in range(0, 1000 if next(times) == 0 else 300, 100):
            yield [{"x": start + x, "y": 1.0} for x in range(100)]

    with pytest.raises(TrainingError, match="has fewer rows than when they were counted"):
        zoo.train(spec(epochs=1), rows, seed=1, output=tmp_path / "run")


@pytest.mark.skipif(
    chosen_backend() != "jax" or not Path("/proc/self/fd").is_dir(),
    reason="Keras reads ahead on JAX's GPUs; Linux tells what is open",
)
def test_a_file_that_is_read_ahead_is_closed(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: the batch ahead of the last one would be of an epoch that never comes."""
    from keras.src.backend.jax.trainer import JAXEpochIterator

    def ahead(self: Any) -> Any:
        return self._one_batch_ahead_iterator(self.data_adapter.get_jax_iterator())

    monkeypatch.setattr(JAXEpochIterator, "_get_iterator", ahead)
    gc.disable()
    try:
        run = zoo.train(spec(validation=0.25, epochs=2), table, seed=1, output=tmp_path / "run")
        assert table.resolve() not in {link.resolve() for link in Path("/proc/self/fd").iterdir()}
    finally:
        gc.enable()
    assert run.history["val_loss"][-1] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-4)


def test_a_generator_of_pieces(tmp_path: Path) -> None:
    calls: list[int] = []

    def pieces() -> Iterator[list[dict[str, float]]]:
        calls.append(1)
        for start in range(0, 1000, 130):
            x = [(start + i) % 200 / 100 - 1 for i in range(130)]
            yield [{"x": a, "y": 3 * a + 1} for a in x]

    run = zoo.train(spec(epochs=30), pieces, seed=1, output=tmp_path / "run")
    assert len(calls) > 30
    assert run.metrics["train"]["loss"] < 1e-2


def endless() -> Iterator[list[dict[str, float]]]:
    """Pieces that never end, and are cut by no epoch: 130 rows, three batches of 50 are 150."""
    for number in itertools.count():
        x = np.random.default_rng(number).uniform(-1, 1, 130)
        yield [{"x": a, "y": 3 * a + 1} for a in x.tolist()]


def test_a_generator_without_an_end(tmp_path: Path) -> None:
    recipe = spec(validation=0.2)
    run = zoo.train(recipe, endless, steps_per_epoch=9, epochs=60, seed=1, output=tmp_path / "run")
    assert run.metrics["validation"]["loss"] < 1e-2
    assert run.history["val_loss"][-1] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-4)
    assert run.spec.training is not None
    assert run.spec.training.steps_per_epoch == 9


def test_epochs_of_so_many_steps_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """Rows of 1 to 400, and epochs of 100: with a learning rate of 0 the losses tell the rows."""

    def pieces() -> Iterator[list[dict[str, float]]]:
        for start in range(0, 400, 80):
            yield [{"x": 0.0, "y": float(start + i)} for i in range(80)]

    still = zoo.Component("sgd", learning_rate=1e-30)
    recipe = spec(optimizer=still, steps_per_epoch=2, epochs=5, metrics=["mae"], shuffle=False)
    run = zoo.train(recipe, pieces, seed=1, output=tmp_path / "run")
    means = [49.5, 149.5, 249.5, 349.5, 49.5]
    assert run.history["mean_absolute_error"] == pytest.approx(means, rel=1e-4)
    assert run.metrics["train"]["mean_absolute_error"] == pytest.approx(49.5, rel=1e-4)


def test_a_killed_endless_stream_goes_on(tmp_path: Path, killed: Any) -> None:
    arguments: dict[str, Any] = {"data": endless, "steps_per_epoch": 3}
    whole = zoo.train(spec(epochs=4), **arguments, seed=2, output=tmp_path / "whole")
    killed(2, lambda: zoo.train(spec(epochs=4), **arguments, seed=2, output=tmp_path / "killed"))
    run = zoo.train(spec(epochs=4), **arguments, resume=True, output=tmp_path / "killed")
    assert run.history == whole.history


def test_steps_of_rows_that_are_in_memory(tmp_path: Path) -> None:
    rows = [{"x": 1.0, "y": 2.0}] * 10
    with pytest.raises(TrainingError, match="steps_per_epoch=3 is for streamed rows"):
        zoo.train(spec(), rows, steps_per_epoch=3, output=tmp_path / "run")


def test_a_generator_that_runs_already(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pass the function that makes it"):
        zoo.train(spec(), endless(), output=tmp_path / "run")


def test_a_killed_stream_goes_on(table: Path, tmp_path: Path, killed: Any) -> None:
    whole = zoo.train(spec(epochs=4), table, seed=2, output=tmp_path / "whole")
    killed(2, lambda: zoo.train(spec(epochs=4), table, seed=2, output=tmp_path / "killed"))
    run = zoo.train(spec(epochs=4), table, resume=True, output=tmp_path / "killed")
    assert run.history == whole.history


def test_a_bad_row_ends_it_with_its_place(table: Path, tmp_path: Path) -> None:
    with table.open("a") as file:
        file.write("high,1\n")
    with pytest.raises(TrainingError, match=r"line.csv: row 20010: column 'x' holds 'high'"):
        zoo.train(spec(validation=0.25), table, output=tmp_path / "run")


def test_rows_that_are_all_bad_end_too(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("x,y\n" + "high,1\n" * 500)
    recipe = spec(skip_bad_rows=True, validation=0.2)
    with pytest.raises(TrainingError, match=r"bad.csv: has no usable rows"):
        zoo.train(recipe, path, output=tmp_path / "run")


def test_what_needs_all_rows_at_once(table: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be cut into folds"):
        zoo.train(spec(), table, folds=3, output=tmp_path / "run")
    recipe = spec(validation=zoo.Split(held=10, order="first"))
    with pytest.raises(TrainingError, match="only a random share of its rows can be held out"):
        zoo.train(recipe, table, output=tmp_path / "run")


@pytest.mark.slow
def test_twice_the_rows_take_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SAMPLE_ROWS", 2_000)
    monkeypatch.setattr(
        "zoo.training.steps.traced.MIN_STEPS_TO_TRACE", 10**9
    )  # torch: not of one alone
    peaks = []
    for rows in (40_000, 160_000):
        path = tmp_path / f"{rows}.csv"
        path.write_text("x,y\n" + "0.5,2.5\n" * rows)
        tracemalloc.start()
        zoo.train(spec(epochs=1), path, seed=1, output=tmp_path / str(rows))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_the_sample_is_drawn_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges that are learnt from the file's beginning would not fit its end."""
    monkeypatch.setattr(stream, "SAMPLE_ROWS", 1000)

    def rows() -> Iterator[zoo.Table]:
        for start in range(0, 50_000, 500):
            numbers = list(range(start, start + 500))
            yield zoo.Table({"x": numbers, "y": numbers})

    def label(table: zoo.Table, source: str) -> LabelledRows:
        return LabelledRows(zoo.Table({"x": table.column("x")}), table.column("y"), source)

    content, sample, labels = stream.generator_stream(rows, label).scan(seed=5)
    assert (content["rows"], len(sample), labels) == (50_000, 1000, set())
    drawn = sample.inputs.column("x")
    assert list(sample.labels) == list(drawn)
    assert len(set(drawn)) == 1000
    # A tenth of the rows is expected to be drawn 100 times, with a deviation of 9.5.
    for part in (drawn, drawn[:500]):
        counts = np.histogram(part, 10, (0, 50_000))[0] * (1000 / len(part))
        assert 60 < counts.min() <= counts.max() < 140


def test_a_generator_of_nothing(table: Path, tmp_path: Path) -> None:
    def nothing() -> Iterator[zoo.Table]:
        yield from ()

    run = zoo.train(spec(epochs=1), table, output=tmp_path / "run")
    with pytest.raises(InputError, match="nothing: has no rows that can be measured"):
        run.model.evaluate(nothing)
    with pytest.raises(InputError, match="nothing: has no rows"):
        zoo.train(spec(), nothing, output=tmp_path / "new")


def test_labels_are_classes_only_where_all_of_them_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_CLASSES", 2)

    def labels(*pieces: str) -> set[Any]:
        rows = [
            LabelledRows(zoo.Table({"x": [1] * len(piece)}), list(piece), "x") for piece in pieces
        ]
        return stream.Stream(lambda: iter(rows), "x").scan(seed=0)[2]

    assert labels("ab", "ba") == {"a", "b"}
    assert labels("ab", "c") == set()  # none of them, rather than those that came first
