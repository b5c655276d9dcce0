"""Models with several outputs: training, figures, answers, and what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import zoo
from zoo.errors import InputError, SpecError, TrainingError, UsageError
from zoo.parts.multi_output import Outputs
from zoo.spec.files import spec_from_data, spec_to_data
from zoo.spec.watch import mode_of

DRAW = np.random.default_rng(3)
ROWS = 96


def spec(**training: Any) -> zoo.ModelSpec:
    """Return a model of a class and a number."""
    outputs = {
        "kind": {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        "size": {"loss": "mse", "metrics": ["mae"], "weight": 0.5},
    }
    parts = {"kind": "tabular/classes", "size": {"uses": "tabular/value", "scale": "standard"}}
    return spec_from_data(
        {
            "name": "two",
            "task": "several-outputs",
            "architecture": {"uses": "tabular/mlp", "hidden": [16]},
            "input": {"uses": "tabular/columns", "scale": "standard"},
            "output": {"uses": "tabular/outputs", "parts": parts},
            "training": {
                "outputs": outputs, "epochs": 30, "batch_size": 16,
                "optimizer": {"uses": "adam", "learning_rate": 0.02}, **training,
            },
        }
    )  # fmt: skip


def table() -> zoo.Table:
    a, b = DRAW.normal(size=(2, ROWS))
    kinds = np.where(a > 0.4, "big", np.where(a < -0.4, "small", "middle"))
    columns = {"a": a, "b": b, "kind": kinds, "size": 100 + 10 * b}
    return zoo.Table({name: cells.tolist() for name, cells in columns.items()})


def test_each_output_has_its_decoder_loss_and_metrics(tmp_path: Path) -> None:
    rows = table()
    stopping = {"patience": 30, "monitor": "val_kind_accuracy"}
    recipe = spec(validation=0.25, early_stopping=stopping)
    run = zoo.train(recipe, rows, seed=1, output=tmp_path / "run")
    held = run.metrics["validation"]
    expected = {"loss", "kind_loss", "size_loss", "kind_accuracy", "size_mean_absolute_error"}
    assert held.keys() == expected
    assert held["loss"] == pytest.approx(held["kind_loss"] + 0.5 * held["size_loss"], rel=1e-3)
    assert held["kind_accuracy"] > 0.7
    model = zoo.load(tmp_path / "run")
    for found in (run.model.predict(rows), model.predict(rows)):
        assert all(result.outputs is not None for result in found)
        kinds = [result.outputs["kind"]["prediction"] for result in found]
        assert np.mean([a == b for a, b in zip(kinds, rows.column("kind"), strict=True)]) > 0.8
        sizes = [result.outputs["size"]["value"] for result in found]
        assert np.corrcoef(sizes, rows.column("size"))[0, 1] > 0.9
    record = found[0].to_dict()
    assert record.keys() == {"row", "outputs"}
    assert record["outputs"]["kind"].keys() == {"prediction", "score", "probabilities"}
    assert model.evaluate(rows).keys() == expected


def test_targets_and_inputs_in_memory(tmp_path: Path) -> None:
    rows = table()
    inputs = zoo.Table({name: rows.column(name) for name in ("a", "b")})
    labels = {name: rows.column(name) for name in ("kind", "size")}
    run = zoo.train(spec(epochs=2), (inputs, labels), seed=1, output=tmp_path / "run")
    other = zoo.train(spec(epochs=2), rows, seed=1, output=tmp_path / "other")
    assert run.history == other.history


def test_a_row_that_one_output_cannot_use(tmp_path: Path) -> None:
    rows = table()
    sizes = ["?", *rows.column("size")[1:]]
    broken = zoo.Table({**rows.columns, "size": sizes})
    with pytest.raises(TrainingError, match="row 0: size: the target is '\\?'"):
        zoo.train(spec(epochs=1), broken, output=tmp_path / "run")
    skipping = spec(epochs=1, skip_bad_rows=True)
    run = zoo.train(skipping, broken, output=tmp_path / "other")
    assert any("left out 1 of 96 rows" in note for note in run.notes)


def test_a_network_with_a_list_of_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_network.py").write_text(
        "def build(input_shape):\n"
        "    import keras\n"
        "    x = keras.Input(input_shape)\n"
        "    size = keras.layers.Dense(1, name='size')(x)\n"
        "    kind = keras.layers.Dense(3, activation='softmax', name='kind')(x)\n"
        "    return keras.Model(x, [size, kind])\n"
    )
    own = replace(spec(epochs=1), architecture=zoo.Component("own_network:build"))
    monkeypatch.setattr(
        "zoo.registry.registry.Registry.resolve",
        _resolving("own_network:build", __import__("own_network").build),
    )
    run = zoo.train(own, table(), output=tmp_path / "run")
    assert run.model.predict(table())[0].outputs.keys() == {"kind", "size"}


def _resolving(uses: str, function: Any) -> Any:
    from zoo.registry.registry import Registry

    before = Registry.resolve

    def resolve(self: Any, kind: str, component: zoo.Component) -> Any:
        return function if component.uses == uses else before(self, kind, component)

    return resolve


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": {"kind": {"loss": "mse"}}}, "must have loss and metrics of kind, size, rece"),
        ({"outputs": {}}, "the field 'loss' is missing"),
        ({"loss": "mse"}, "received both"),
        ({"class_weights": {"big": 2.0}}, "class_weights are for one output"),
    ],
)
def test_recipes_that_do_not_fit(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        zoo.train(spec(**change), table(), output=tmp_path / "run")


def test_a_decoder_of_one_output(tmp_path: Path) -> None:
    data = {**spec_to_data(spec()), "output": "tabular/value"}
    with pytest.raises(SpecError, match="'tabular/value' decodes one output"):
        zoo.train(spec_from_data(data), table(), output=tmp_path / "run")


def test_a_network_without_the_outputs(tmp_path: Path) -> None:
    data = spec_to_data(spec())
    data["architecture"] = {"uses": "vision/cnn", "filters": [2]}
    with pytest.raises(SpecError, match=r"'vision/cnn' gives one output, .* needs kind, size"):
        zoo.train(spec_from_data(data), table(), output=tmp_path / "run")


def test_other_columns_than_the_outputs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="learnt from columns of their names"):
        zoo.train(spec(), table(), target="a", output=tmp_path / "run")


@pytest.mark.parametrize(
    ("figure", "mode"),
    [("val_kind_accuracy", "max"), ("size_loss", "min"), ("val_size_mae", "min")],
)
def test_which_way_a_figure_of_an_output_is_better(figure: str, mode: str) -> None:
    recipe = spec().training
    assert recipe is not None
    assert mode_of(figure, [recipe]) == mode


def test_a_stream_has_one_target(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several targets must fit in memory"):
        zoo.train(spec(), lambda: iter([table()]), output=tmp_path / "run")


def test_an_ensemble_averages_one_output(tmp_path: Path) -> None:
    for seed in (1, 2):
        zoo.train(spec(epochs=1), table(), seed=seed, output=tmp_path / f"{seed}")
    with pytest.raises(UsageError, match="several outputs, and an ensemble averages one"):
        zoo.ensemble([zoo.load(tmp_path / "1"), zoo.load(tmp_path / "2")], output=tmp_path / "both")


def test_retraining_keeps_the_outputs(tmp_path: Path) -> None:
    zoo.train(spec(epochs=1), table(), seed=1, output=tmp_path / "run")
    done = zoo.retrain(tmp_path / "run", table(), epochs=1, output=tmp_path / "more")
    assert done.model.predict(table())[0].outputs.keys() == {"kind", "size"}


@pytest.mark.parametrize("metric", [None, "kind_accuracy"])
def test_tuning_several_outputs(tmp_path: Path, metric: str | None) -> None:
    """By the loss of all of them, unless one is named."""
    tuning = zoo.tune(
        spec(epochs=2), {"learning_rate": [0.01, 0.02]}, table(), folds=2, seed=1,
        metric=metric, output=tmp_path / "t",
    )  # fmt: skip
    assert tuning.metric == (metric or "loss")
    assert len(tuning.results) == 2
    assert tuning.results[0].problem is None


def test_a_list_of_outputs_with_other_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(input_shape: Any) -> Any:
        import keras

        x = keras.Input(input_shape)
        outputs = [keras.layers.Dense(1, name=name)(x) for name in ("one", "two")]
        return keras.Model(x, outputs)

    resolve = _resolving("own_network:build", build)
    monkeypatch.setattr("zoo.registry.registry.Registry.resolve", resolve)
    own = replace(spec(epochs=1), architecture=zoo.Component("own_network:build"))
    with pytest.raises(SpecError, match=r"has the outputs one, two, and .* needs kind, size"):
        zoo.train(own, table(), output=tmp_path / "run")


@pytest.mark.parametrize("several", [False, True])
def test_a_sequential_network(
    several: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no `output` before it is called."""

    def build(input_shape: Any) -> Any:
        import keras

        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(1)])

    resolve = _resolving("own_network:build", build)
    monkeypatch.setattr("zoo.registry.registry.Registry.resolve", resolve)
    own = replace(spec(epochs=1), architecture=zoo.Component("own_network:build"))
    if several:
        with pytest.raises(SpecError, match="has the outputs dense"):
            zoo.train(own, table(), output=tmp_path / "run")
        return
    training = zoo.Training(loss=zoo.Component("mse"), target="size", epochs=1)
    own = replace(own, output=zoo.Component("tabular/value"), training=training)
    rows = zoo.Table({name: table().column(name) for name in ("a", "b", "size")})
    run = zoo.train(own, rows, output=tmp_path / "run")
    assert isinstance(run.model.predict(rows)[0].value, float)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"kind": "tabular/classes"}, "parts must name at least two outputs, received kind"),
        ({"a b": "tabular/classes", "c": "tabular/value"}, "letters, digits and _, received 'a b'"),
    ],
)
def test_decoders_that_are_no_outputs(parts: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Outputs(parts)


def test_outputs_want_a_label_for_each() -> None:
    outputs = Outputs({"kind": "tabular/classes", "size": "tabular/value"})
    with pytest.raises(InputError, match=r"a label for each output \(kind, size\)"):
        outputs.encode([1, 2])
