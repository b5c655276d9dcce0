"""Ensembles: the mean of their members, which models fit together, and what files may hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bundles import as_version_1
from places import ROOT

import zoo
from zoo.errors import SpecError, UnknownName, UsageError
from zoo.spec.files import spec_to_data
from zoo_weights import LayoutMismatch

ROWS = [
    {"a": i % 7 / 7, "b": (i * 5 % 11) / 11, "y": (i % 7) * 2.0 + (i * 5 % 11)} for i in range(60)
]
CLASSES = [{"a": row["a"], "b": row["b"], "y": "high" if row["y"] > 8 else "low"} for row in ROWS]


def spec(
    name: str = "values", *, output: str = "value", task: str = "tabular-regression", **parts: Any
) -> zoo.ModelSpec:
    parts = {
        "architecture": zoo.Component("tabular/mlp", hidden=[4]),
        "input": zoo.Component("tabular/columns"),
        "output": zoo.Component(f"tabular/{output}"),
        **parts,
    }
    loss = "mse" if output == "value" else "sparse_categorical_crossentropy"
    recipe = zoo.Training(loss=loss, epochs=2, target="y")
    return zoo.ModelSpec(name=name, task=task, training=recipe, **parts)


Train = Callable[..., zoo.Run]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train a small spec; the same one only once."""
    folder = tmp_path_factory.mktemp("members")
    done: dict[str, zoo.Run] = {}

    def run(made: zoo.ModelSpec, rows: Any = ROWS, seed: int = 1, **options: Any) -> zoo.Run:
        key = f"{spec_to_data(made)}{seed}{len(rows)}{rows[0]}"
        if key not in done:
            done[key] = zoo.train(made, rows, seed=seed, output=folder / str(len(done)), **options)
        return done[key]

    return run


def values(model: zoo.Model, rows: Any = ROWS) -> Any:
    return np.array([result.value for result in model.predict(rows)])


def test_networks_and_preprocessing_of_members_may_differ(train: Train, tmp_path: Path) -> None:
    runs = [
        train(spec()),
        train(spec(architecture=zoo.Component("tabular/mlp", hidden=[3, 3]), input=zoo.Component(
            "tabular/columns", columns=["b"], scale="standard"))),
        train(spec(architecture=zoo.Component("tabular/mlp", hidden=[5], normalise=True))),
    ]  # fmt: skip
    run = zoo.ensemble([run.path for run in runs], output=tmp_path / "run")
    expected = np.mean([values(run.model) for run in runs], axis=0)
    np.testing.assert_allclose(values(run.model), expected, rtol=1e-5)
    assert run.spec.architecture.uses == "zoo/ensemble"
    assert run.spec.input.uses == "zoo/members"
    counted = zoo.ensemble(
        [run.path for run in runs], member_weights=[2, 1, 1], output=tmp_path / "counted"
    )
    expected = np.average([values(run.model) for run in runs], axis=0, weights=[2, 1, 1])
    np.testing.assert_allclose(values(counted.model), expected, rtol=1e-5)
    bad = run.model.predict([{"a": 1.0, "b": "x"}, {"a": 1.0, "b": 2.0}])
    assert bad[0].error
    assert "column 'b' holds 'x'" in bad[0].error.message
    assert bad[1].value is not None


def test_targets_that_were_scaled_each_in_its_own_way(train: Train, tmp_path: Path) -> None:
    """The mean of two scales is no number of anything."""
    scaled = zoo.Component("tabular/value", scale="min-max")
    low = [{**row, "y": row["y"] / 10 - 50} for row in ROWS]
    runs = [
        zoo.train(_with_output(scaled), rows, seed=1, output=tmp_path / name)
        for name, rows in (("high", ROWS), ("low", low))
    ]
    run = zoo.ensemble([run.path for run in runs], data=[*ROWS, *low], output=tmp_path / "both")
    expected = np.mean([values(run.model) for run in runs], axis=0)
    np.testing.assert_allclose(values(run.model), expected, rtol=1e-4)
    # Losses of all three are in one scale, so that they can be compared.
    shift, stretch = (runs[0].model.decoder.state()[name] for name in ("shift", "stretch"))
    truth = np.array([row["y"] for row in [*ROWS, *low]])
    error = (values(runs[1].model, [*ROWS, *low]) - truth) / stretch
    assert run.metrics["member_2"]["loss"] == pytest.approx(float((error**2).mean()), rel=1e-3)
    assert shift == pytest.approx(min(row["y"] for row in ROWS))
    nested = zoo.ensemble([run.path, runs[1].path], output=tmp_path / "nested")
    expected = np.average([values(run.model) for run in runs], axis=0, weights=[1, 2])
    np.testing.assert_allclose(values(nested.model), expected, rtol=1e-4)


def _with_output(output: zoo.Component) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="scaled", task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns"), output=output,
        training=zoo.Training(loss="mse", epochs=2, target="y"),
    )  # fmt: skip


def test_members_with_several_inputs(train: Train, tmp_path: Path) -> None:
    parts = {
        "left": {"uses": "tabular/columns", "columns": ["a"]},
        "right": {"uses": "tabular/columns", "columns": ["b"], "scale": "standard"},
    }
    runs = [
        train(spec(input=zoo.Component("tabular/inputs", parts=parts))),
        train(spec()),
        train(spec(input=zoo.Component("tabular/inputs", parts=parts)), seed=2),
    ]
    for chosen in (runs, [runs[0], runs[2]]):
        run = zoo.ensemble([run.path for run in chosen], output=tmp_path / str(len(chosen)))
        expected = np.mean([values(run.model) for run in chosen], axis=0)
        np.testing.assert_allclose(values(run.model), expected, rtol=1e-5)


@pytest.mark.slow
def test_windows_of_letters_go_on_together(tmp_path: Path) -> None:
    """Members that cut sequences alike continue them as one model does."""
    runs = [
        zoo.train("lstm-alphabet-window", epochs=2, seed=seed, output=tmp_path / str(seed))
        for seed in (1, 2)
    ]
    run = zoo.ensemble([run.path for run in runs], output=tmp_path / "run")
    generated = list(run.model.generate("ABC", steps=2))
    scores = [run.model.outputs(run.model.preprocessor.one("ABC")[None]) for run in runs]
    whole = run.model.outputs(run.model.preprocessor.one("ABC")[None])
    np.testing.assert_allclose(whole, (scores[0] + scores[1]) / 2, atol=1e-6)
    assert generated[0].score == pytest.approx(float(whole.max()))
    other = zoo.train("lstm-alphabet-char", epochs=1, seed=1, output=tmp_path / "other")
    with pytest.raises(UsageError, match="must cut sequences alike"):
        zoo.ensemble([runs[0].path, other.path])
    with pytest.raises(UsageError, match="has no state to carry"):
        run.model.session()


@pytest.mark.slow
def test_models_by_name_can_be_members(tmp_path: Path) -> None:
    model = zoo.get_model("efficientnet-lite0")
    run = zoo.ensemble([model, model], output=tmp_path / "run")
    mug = ROOT / "examples" / "mug.png"
    best = run.model.classify(mug, top=1)[0].predictions[0]
    assert best.label == "coffee_mug"
    assert best.score == pytest.approx(model.classify(mug, top=1)[0].predictions[0].score, abs=1e-5)
    member = run.environment["lineage"]["members"][0]
    assert member == {"model": "efficientnet-lite0", "weights": "imagenet", "weight": 1.0}
    with pytest.raises(UsageError, match="has no recipe"):
        run.model.evaluate("x.csv")


@pytest.mark.parametrize(
    ("other", "rows", "text"),
    [
        (spec(task="tabular-other"), ROWS, "they differ in task: tabular-regression and "),
        (spec(output="classes"), CLASSES, "they differ in decoder: Value and Classes"),
        (spec(output="value", input=zoo.Component("text/multi-hot", words=5)), None,
         "they differ in kind of input: table and text"),
        (_with_output(zoo.Component("tabular/value", unit="kg")), ROWS,
         "they differ in unit of the target: none and kg"),
    ],
)  # fmt: skip
def test_models_that_do_not_fit_together(
    train: Train, tmp_path: Path, other: zoo.ModelSpec, rows: Any, text: str
) -> None:
    first = train(spec()).model
    second = zoo.Model(other, weights=None) if rows is None else train(other, rows).model
    with pytest.raises(UsageError) as caught:
        zoo.ensemble([first, second], output=tmp_path / "run")
    assert text in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_other_classes_and_other_targets(train: Train) -> None:
    three = [{**row, "y": "none" if i < 9 else row["y"]} for i, row in enumerate(CLASSES)]
    renamed = [{**row, "y": row["y"].upper()} for row in CLASSES]
    made = spec("classes", output="classes", task="tabular-classification")
    models = [train(made, rows).model for rows in (CLASSES, three, renamed)]
    with pytest.raises(UsageError, match="they differ in units: 2 and 3"):
        zoo.ensemble(models[:2])
    with pytest.raises(UsageError, match="they differ in classes: high, low and HIGH, LOW"):
        zoo.ensemble([models[0], models[2]])
    other = train(spec("other"), [{**row, "b": row["y"], "y": row["b"]} for row in ROWS],
                  settings=["target=b"])  # fmt: skip
    with pytest.raises(UsageError, match="they differ in target: y and b"):
        zoo.ensemble([train(spec()).path, other.path])


@pytest.mark.parametrize(
    ("weights", "shown"), [([1], "1"), ([0, 0], "0, 0"), ([1, float("nan")], "1, nan")]
)
def test_weights_that_mean_nothing(train: Train, weights: list[float], shown: str) -> None:
    model = train(spec()).model
    with pytest.raises(UsageError, match=f"must be 2 numbers, .*; received {shown}$"):
        zoo.ensemble([model, model], member_weights=weights)
    with pytest.raises(UsageError, match="needs at least two models, received 1"):
        zoo.ensemble([model])


# What a file may ask for


@pytest.fixture
def bundle(train: Train, tmp_path: Path) -> Path:
    """The bundle of an ensemble of two."""
    paths = [train(spec()).path, train(spec(), seed=2).path]
    zoo.ensemble(paths, output=tmp_path / "run")
    return tmp_path / "run" / "model.zoo"


def change(bundle: Path, field: str, **options: Any) -> zoo.Model:
    """Write other options into the spec that a bundle holds, as a stranger might."""
    copy = bundle.with_name("changed.zoo")
    shutil.copy(bundle, copy)
    as_version_1(copy)
    with h5py.File(copy, "a") as file:
        data = json.loads(bytes(file["header/spec"][:]))
        data[field].update(options)
        del file["header/spec"]
        file["header/spec"] = np.frombuffer(json.dumps(data).encode(), np.uint8)
    return zoo.load(copy)


MLP = {"uses": "tabular/mlp", "hidden": [4]}


@pytest.mark.parametrize(
    ("members", "error", "text"),
    [
        ([MLP], SpecError, "an ensemble has 2 to 100 members, received 1"),
        ([MLP] * 101, SpecError, "an ensemble has 2 to 100 members, received 101"),
        ([MLP, {"uses": "os:system"}], SpecError, "is a reference to code"),
        ([MLP, "tabular/nothing"], UnknownName, "no architecture is called 'tabular/nothing'"),
        ([MLP, {"uses": "zoo/ensemble", "members": [MLP, MLP]}], SpecError,
         "a member cannot be an ensemble itself"),
        ([MLP, {**MLP, "hidden": [2_000_000]}], SpecError, "at most 1,000,000 is allowed"),
        ([MLP, {**MLP, "hidden": [100_000, 100_000]}], SpecError, "parameters, over"),
        ([MLP, {**MLP, "depth": 3}], SpecError, "architecture.members.1.depth"),
        ([MLP, {**MLP, "hidden": [5]}], LayoutMismatch, r"functional_1/layers/dense/vars/0 \(2, 5"),
        ([MLP, MLP, MLP], LayoutMismatch, "functional_2/layers/dense/vars/0"),
        ([MLP, {**MLP, "hidden": []}], LayoutMismatch, "does not hold this model's weights"),
    ],
)  # fmt: skip
def test_hostile_members(bundle: Path, members: Any, error: type[Exception], text: str) -> None:
    """Every member is held to what a model alone is held to."""
    with pytest.raises(error, match=text):
        change(bundle, "architecture", members=members).keras  # noqa: B018


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"member_weights": [1.0]}, "must be 2 numbers"),
        ({"member_weights": [-1.0, 1.0]}, "must be 2 numbers"),
        ({"scales": [[1.0, 0.0]]}, "scales must have 2 entries, one per member; received 1"),
        ({"shared_input": "yes"}, "architecture.shared_input: expected `bool`"),
    ],
)
def test_hostile_options(bundle: Path, options: Any, text: str) -> None:
    with pytest.raises(SpecError, match=text):
        change(bundle, "architecture", **options).keras  # noqa: B018


def test_hostile_inputs(train: Train, tmp_path: Path) -> None:
    scaled = zoo.Component("tabular/columns", scale="standard")
    paths = [train(spec()).path, train(spec(input=scaled)).path]
    zoo.ensemble(paths, output=tmp_path / "run")
    for members, text in (
        (["tabular/columns", "json:loads"], "is a reference to code"),
        (["tabular/columns", {"uses": "zoo/members", "members": ["tabular/columns"] * 2}],
         "a member cannot be an ensemble itself"),
        (["tabular/columns", {"uses": "text/multi-hot", "words": 5}], "the same kind of input"),
    ):  # fmt: skip
        with pytest.raises(SpecError, match=text):
            change(tmp_path / "run" / "model.zoo", "input", members=members).preprocessor  # noqa: B018


def test_a_bundle_is_whole_without_its_members(bundle: Path, train: Train, tmp_path: Path) -> None:
    """It is one file: the runs it came from may be gone."""
    lonely = tmp_path / "elsewhere" / "some.zoo"
    lonely.parent.mkdir()
    shutil.move(bundle, lonely)
    members = [train(spec()).model, train(spec(), seed=2).model]
    expected = np.mean([values(model) for model in members], axis=0)
    np.testing.assert_allclose(values(zoo.load(lonely)), expected, rtol=1e-5)
