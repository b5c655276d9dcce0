"""Arrays with their labels: files, pairs, and what does not fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

import zoo
from zoo.data.arrays import join_ragged, pair, read_inputs, read_labelled_arrays, table_rows
from zoo.decoders import Numbers
from zoo.errors import InputError, TrainingError, UsageError

X = np.arange(24.0).reshape(6, 4)
Y = np.array([0, 1, 0, 1, 0, 1])


def test_parts_of_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2], x_val=X, y_val=Y)
    parts = read_labelled_arrays(tmp_path / "a.npz")
    assert {part: len(rows) for part, rows in parts.items()} == {
        "train": 6, "test": 2, "validation": 6,
    }  # fmt: skip
    np.testing.assert_array_equal(parts["train"].inputs, X)
    np.testing.assert_array_equal(parts["test"].labels, Y[:2])


def test_named_targets(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, sound=X, age=Y, sex=np.array(list("abcabc")))
    rows = read_labelled_arrays(path, ["age", "sex"], several=True)["train"]
    assert rows.labels.columns.keys() == {"age", "sex"}
    np.testing.assert_array_equal(rows.inputs, X)
    several = read_labelled_arrays(path, ["age"])["train"]
    assert several.inputs.columns.keys() == {"sound", "sex"}
    with pytest.raises(UsageError, match="no array 'y' to learn; it has sound, age, sex"):
        read_labelled_arrays(path)
    with pytest.raises(UsageError, match="Did you mean 'age'"):
        read_labelled_arrays(path, ["agee"])


def test_npy_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    rows = read_labelled_arrays(tmp_path / "x.npy", [str(tmp_path / "y.npy")])["train"]
    np.testing.assert_array_equal(rows.labels, Y)
    np.testing.assert_array_equal(read_inputs(tmp_path / "x.npy"), X)
    with pytest.raises(UsageError, match="pass the npy file of the targets"):
        read_labelled_arrays(tmp_path / "x.npy")


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_damaged_npy_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match="is not an npy file"):
        read_inputs(tmp_path / "x.npy")


def test_npy_files_of_objects_and_bombs(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{}, []], object), allow_pickle=True)
    with pytest.raises(InputError, match="pickled objects"):
        read_inputs(tmp_path / "o.npy")
    file = tmp_path / "x.npy"
    np.save(file, X)
    file.write_bytes(file.read_bytes().replace(b"(6, 4)", b"(9**9,"))
    with pytest.raises(InputError):
        read_inputs(file)
    np.save(file, X)
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(InputError, match="declares 192 bytes"):
        read_inputs(file)


def test_arrays_of_their_own_lengths(tmp_path: Path) -> None:
    arrays = {"x_flat": np.arange(6), "x_offsets": np.array([0, 2, 2, 6]), "y": Y[:3]}
    assert [list(part) for part in join_ragged(arrays)["x"]] == [[0, 1], [], [2, 3, 4, 5]]
    np.savez(tmp_path / "a.npz", **arrays)
    assert len(read_labelled_arrays(tmp_path / "a.npz")["train"]) == 3


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        (X, Y),
        (X.tolist(), Y.tolist()),
        (list(X), pd.Series(Y)),
        (pd.DataFrame(X), Y),
        (X, pd.DataFrame({"y": Y})),
        (X, pd.Series(list("ababab"))),
    ],
)
def test_pairs(inputs: Any, labels: Any) -> None:
    rows = pair(inputs, labels, "the arrays")
    assert len(rows) == 6
    assert len(rows.take([0, 3])) == 2


def test_columns_side_by_side_are_a_vector() -> None:
    rows = pair(X, pd.DataFrame({"a": Y, "b": 2 * Y}), "the arrays")
    assert rows.labels[1] == (1, 2)
    rows = pair(X, {"a": Y, "b": 2 * Y}, "the arrays", several=True)
    assert rows.labels.columns.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (X, Y[:4], "6 inputs and 4 targets"),
        (X[:0], Y[:0], "0 inputs and 0 targets"),
        (X, 5, "expected rows .* received int"),
        ("x.npy", Y, "expected rows .* received str"),
    ],
)
def test_pairs_that_do_not_fit(inputs: Any, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pair(inputs, labels, "the arrays")


def test_rows_of_numbers() -> None:
    table = zoo.Table({"a": [1, "2.5", "x"], "b": [3, "4", "5"]}, {})
    rows = table_rows(table)
    np.testing.assert_array_equal(rows[1], [2.5, 4])
    assert "column 'a' holds 'x', expected a number" in str(rows[2])
    problem = table_rows(zoo.Table({"a": [1]}, {0: "has 2 cells"}))[0]
    assert isinstance(problem, InputError)


@pytest.mark.parametrize("wrap", [np.asarray, list, pd.DataFrame])
def test_a_table_model_takes_a_pair(wrap: Any, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 3))
    spec = zoo.ModelSpec(
        name="small", task="tabular-classification",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns", columns=["a", "b", "c"]),
        output=zoo.Component("tabular/binary"),
        training=zoo.Training(loss=zoo.Component("binary_crossentropy"), epochs=2),
    )  # fmt: skip
    inputs = wrap(x)
    if hasattr(inputs, "columns"):
        inputs.columns = ["a", "b", "c"]
    data = (inputs, (x[:, 0] > 0).astype(int))
    run = zoo.train(spec, data, seed=1, output=tmp_path / "run")
    assert len(run.model.predict(x)) == 40
    assert run.model.evaluate(data).count == 40


def test_vectors_as_targets(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(64, 3))
    y = np.stack([100 * x[:, 0], x[:, 1]], axis=1)
    spec = zoo.ModelSpec(
        name="vectors", task="vector-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[16]),
        input=zoo.Component("tabular/columns", columns=["a", "b", "c"]),
        output=zoo.Component("tabular/numbers", scale="standard"),
        training=zoo.Training(
            loss=zoo.Component("mse"), metrics=(zoo.Component("mae"),), epochs=60,
            optimizer=zoo.Component("adam", learning_rate=0.02),
        ),
    )  # fmt: skip
    run = zoo.train(spec, (x, y), seed=1, output=tmp_path / "run")
    found = np.array([result.value for result in zoo.load(run.path).predict(x)])
    assert found.shape == (64, 2)
    for column in range(2):
        assert np.corrcoef(found[:, column], y[:, column])[0, 1] > 0.95
    with pytest.raises(TrainingError, match="the target has the shape \\(3,\\), expected \\(2,\\)"):
        zoo.train(spec, (x, [*y[:-1], [1, 2, 3]]), output=tmp_path / "other")


def test_images_listed_in_a_table(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(0)
    lines = ["photo,brightness"]
    for number in range(12):
        level = int(draw.integers(0, 255))
        Image.new("RGB", (8, 8), (level, level, level)).save(folder / f"{number}.png")
        lines.append(f"photos/{number}.png,{level}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    spec = zoo.ModelSpec(
        name="bright", task="image-regression",
        architecture=zoo.Component("vision/cnn", filters=[2], output_activation="linear"),
        input=zoo.Component("vision/image", size=8, mode="tf"),
        output=zoo.Component("tabular/value", scale="standard"),
        training=zoo.Training(loss=zoo.Component("mse"), epochs=40, batch_size=4),
    )  # fmt: skip
    run = zoo.train(spec, tmp_path / "labels.csv", seed=1, output=tmp_path / "run")
    assert run.metrics["train"]["loss"] < 0.5
    value = run.model.predict(str(folder / "0.png"))[0].value
    assert isinstance(value, float)
    lines[0] = "photo,brightness,other"
    (tmp_path / "more.csv").write_text("\n".join([lines[0], *(line + ",1" for line in lines[1:])]))
    with pytest.raises(UsageError, match="pass --target with one of brightness, other"):
        zoo.train(spec, tmp_path / "more.csv", output=tmp_path / "other")


def test_validation_and_test_parts_of_a_file(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = {part: draw.normal(size=(rows, 3)) for part, rows in
         (("train", 40), ("val", 12), ("test", 8))}  # fmt: skip
    arrays = {f"x_{part}": rows for part, rows in x.items()}
    arrays |= {f"y_{part}": (rows[:, 0] > 0).astype(int) for part, rows in x.items()}
    np.savez(tmp_path / "all.npz", **arrays)
    del arrays["x_test"], arrays["y_test"]
    np.savez(tmp_path / "two.npz", **arrays)
    spec = zoo.ModelSpec(
        name="small", task="tabular-classification",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns", columns=["a", "b", "c"]),
        output=zoo.Component("tabular/binary"),
        training=zoo.Training(
            loss=zoo.Component("binary_crossentropy"), epochs=2, validation=0.5
        ),
    )  # fmt: skip
    for name, count in (("all", 8), ("two", 12)):
        run = zoo.train(spec, tmp_path / f"{name}.npz", seed=1, output=tmp_path / name)
        assert run.environment["data"]["train"]["rows"] == 40
        assert run.environment["data"]["validation"]["rows"] == 12
        figures = zoo.load(run.path).evaluate()
        assert (figures.rows, figures.count) == ("held out", count)


SERIES = zoo.ModelSpec(
    name="series", task="array-classification",
    architecture=zoo.Component("tabular/mlp", hidden=[8]),
    input=zoo.Component("array/values", scale="standard"),
    output=zoo.Component("array/classes"),
    training=zoo.Training(
        loss=zoo.Component("sparse_categorical_crossentropy"), epochs=40,
        optimizer=zoo.Component("adam", learning_rate=0.02),
    ),
)  # fmt: skip


@pytest.mark.parametrize("form", ["(n,)", "(n, 1)", "one-hot", "texts"])
def test_classes_as_people_have_them(form: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 5))
    y = (x[:, 0] > 0).astype(int)
    labels = {"(n,)": y, "(n, 1)": y[:, None], "one-hot": np.eye(2)[y], "texts": y.astype(str)}
    run = zoo.train(SERIES, (x, labels[form]), seed=1, output=tmp_path / "run")
    found = [int(str(result.prediction)) for result in run.model.predict(x)]
    assert np.mean(found == y) > 0.9
    np.savez(tmp_path / "all.npz", x=x, y=labels[form])
    proposal = zoo.propose(tmp_path / "all.npz")
    assert proposal.spec.output.uses in ("array/binary", "array/classes")
    model = zoo.train(proposal.spec, tmp_path / "all.npz", seed=1, output=tmp_path / "other").model
    found = [int(str(result.prediction)) for result in model.predict(tmp_path / "all.npz")]
    assert np.mean(found == y) > 0.8


def test_whatever_holds_the_rows_of_arrays(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 5))
    y = (x[:, 0] > 0).astype(int)
    names = list("abcde")
    model = zoo.train(SERIES, (x, y), seed=1, output=tmp_path / "run").model
    expected = [result.probabilities for result in model.predict(x)]
    frame = pd.DataFrame(x, columns=names)
    frame.assign(y=y).to_csv(tmp_path / "x.csv", index=False)
    np.savez(tmp_path / "kind.npz", x=x, kind=y)
    np.save(tmp_path / "x.npy", x)
    spec = msgspec.structs.replace(SERIES, training=SERIES.training.with_target("kind"))
    other = zoo.train(spec, tmp_path / "kind.npz", seed=1, output=tmp_path / "kind").model
    forms = [list(x), x.tolist(), frame, frame.to_dict("records"), iter(x), tmp_path / "x.npy"]
    for form in forms:
        found = [result.probabilities for result in model.predict(form)]
        assert [pytest.approx(row, abs=1e-4) for row in found] == expected
    found = [result.probabilities for result in other.predict(tmp_path / "kind.npz")]
    assert [pytest.approx(row, abs=1e-4) for row in found] == expected
    spec = msgspec.structs.replace(SERIES, training=SERIES.training.with_target("y"))
    other = zoo.train(spec, tmp_path / "x.csv", seed=1, output=tmp_path / "csv").model
    assert len(other.predict(tmp_path / "x.csv")) == 30
    dictionary = {"x": x, "y": y}
    again = zoo.train(spec, dictionary, seed=1, output=tmp_path / "dictionary").model
    found = [result.probabilities for result in again.predict({"x": x})]
    assert [pytest.approx(row, abs=1e-4) for row in found] == expected
    with pytest.raises(InputError, match="several arrays \\(u, v\\), and the model takes one"):
        model.predict({"u": x, "v": x})
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_test=x)
    with pytest.raises(InputError, match="has rows to train on and others"):
        model.predict(tmp_path / "parts.npz")


def test_tables_without_rows_or_columns_for_arrays(tmp_path: Path) -> None:
    spec = msgspec.structs.replace(SERIES, training=SERIES.training.with_target("y"))
    for text, message in (
        ("a,y\n", "has no rows below the header"),
        ("y\n1\n", "no column beside"),
    ):
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(InputError, match=message):
            zoo.train(spec, tmp_path / "x.csv", output=tmp_path / "run")


def test_a_dictionary_is_a_row_or_columns(tmp_path: Path) -> None:
    rows = zoo.Table(
        {"name": ["ada", "ben"] * 21, "age": [31, 62, 40] * 14, "y": list("uvvuuuv") * 6}
    )
    run = zoo.train(zoo.propose(rows).spec, rows, epochs=1, output=tmp_path / "run")
    assert len(run.model.predict({"name": "ada", "age": "31"})) == 1
    assert len(run.model.predict({"name": ["ada", "ben"], "age": [31, 62]})) == 2


def test_a_first_target_that_is_none_does_not_decide_the_shape() -> None:
    decoder = Numbers()
    decoder.fit(["?", [1, 2], [3, 4]])
    targets, errors = decoder.encode(["?", [1, 2], [3, 4]])
    assert decoder.units == 2
    assert [error is None for error in errors] == [False, True, True]
    np.testing.assert_array_equal(targets, [[1, 2], [3, 4]])
