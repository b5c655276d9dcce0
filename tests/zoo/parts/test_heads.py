"""The head of a network fits decoder, loss, metrics and targets, or nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from own_parts import Letters, Logits, Pair, Tags, register

import zoo
from zoo.errors import SpecError, ZooError

X = np.random.default_rng(0).uniform(-1, 1, 40).tolist()
NUMBERS = [2 * x for x in X]
TWO = ["yes" if x > 0 else "no" for x in X]
THREE = ["abc"[int(x > -0.3) + int(x > 0.3)] for x in X]
TAGS = ["a+b" if x > 0.3 else "b" for x in X]


def table(labels: list[Any]) -> zoo.Table:
    return zoo.Table({"x": X, "y": labels})


def spec(
    output: str | zoo.Component, loss: Any, head: str | None = None, **fields: Any
) -> zoo.ModelSpec:
    architecture = fields.pop("architecture", zoo.Component("tabular/mlp", hidden=[4]))
    if head is not None:
        architecture = architecture.with_options(output_activation=head)
    return zoo.ModelSpec(
        name="small",
        task="tabular-regression",
        architecture=architecture,
        input=zoo.Component("tabular/columns"),
        output=output if isinstance(output, zoo.Component) else zoo.Component(output),
        training=zoo.Training(loss=loss, epochs=1, batch_size=16, target="y", **fields),
    )


def logits(name: str) -> zoo.Component:
    return zoo.Component(name, from_logits=True)


WIDE = spec(zoo.Component("tabular/value", width=2), "mse")
MISMATCH = r"targets of shape \(rows, 1\) with outputs of shape \(rows, 2\)"


# Targets and outputs


@pytest.mark.parametrize("folds", [None, 2])
def test_two_outputs_do_not_learn_one_number(tmp_path: Path, folds: int | None) -> None:
    """Keras compares the one number with both outputs, by broadcasting, and says nothing."""
    with pytest.raises(SpecError, match=MISMATCH):
        zoo.train(WIDE, table(NUMBERS), folds=folds, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_streamed_rows_are_compared_with_the_head_too(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=MISMATCH):
        zoo.train(WIDE, lambda: iter([table(NUMBERS)]), output=tmp_path / "run")


def test_no_configuration_of_a_tuning_is_trained_by_broadcasting(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=MISMATCH):
        zoo.tune(WIDE, {"epochs": [1, 2]}, table(NUMBERS), folds=2, output=tmp_path / "tune")


def test_a_bundle_is_neither_measured_nor_updated_by_broadcasting(tmp_path: Path) -> None:
    """An earlier zoo did train such bundles."""
    import json

    from zoo.backend.network import weight_arrays
    from zoo.spec.files import spec_to_data
    from zoo_weights import read_headers, write_bundle

    run = zoo.train(spec("tabular/value", "mse"), table(NUMBERS), seed=1, output=tmp_path / "run")
    headers = read_headers(run.path / "model.zoo")
    state = json.loads(headers["state"])
    wide = zoo.Model(WIDE, weights=None, state=state)
    headers["spec"] = json.dumps(spec_to_data(WIDE))
    write_bundle(tmp_path / "wide.zoo", headers, weight_arrays(wide.keras))
    assert len(zoo.load(tmp_path / "wide.zoo").predict([{"x": 1.0}])[0].value) == 2
    with pytest.raises(SpecError, match=MISMATCH):
        zoo.load(tmp_path / "wide.zoo").evaluate(table(NUMBERS))
    with pytest.raises(SpecError, match=MISMATCH):
        zoo.retrain(tmp_path / "wide.zoo", table(NUMBERS), output=tmp_path / "next")


def test_numbers_of_a_plugin_s_own_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "decoders", pair=Pair)
    rows = table([f"{x};{2 * x}" for x in X])
    run = zoo.train(spec("own/pair", "mse"), rows, seed=1, output=tmp_path / "run")
    (result,) = run.model.predict([{"x": 0.5}])
    assert len(result.value) == 2


@pytest.mark.parametrize(
    ("output", "labels", "loss", "metric"),
    [
        ("tabular/classes", THREE, "sparse_categorical_crossentropy", "categorical_accuracy"),
        ("tabular/classes", THREE, "categorical_crossentropy", "sparse_categorical_accuracy"),
        ("tabular/classes", THREE, "sparse_categorical_crossentropy", "mse"),
        ("tabular/binary", TWO, "binary_crossentropy", "categorical_accuracy"),
    ],
)
def test_metrics_are_not_broadcast_either(
    tmp_path: Path, output: str, labels: list[str], loss: str, metric: str
) -> None:
    with pytest.raises(SpecError, match=f"training.metrics: '{metric}'"):
        zoo.train(spec(output, loss, metrics=[metric]), table(labels), output=tmp_path / "run")


@pytest.mark.parametrize(
    ("built", "output", "labels", "loss"),
    [
        (2, "tabular/binary", TWO, "binary_crossentropy"),
        (5, "tabular/classes", THREE, "sparse_categorical_crossentropy"),
        (2, "tabular/value", NUMBERS, "mse"),
    ],
)
def test_a_head_of_another_width_than_the_decoder_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: int, output: str,
    labels: list[Any], loss: str,
) -> None:  # fmt: skip
    def net(input_shape: Any, output_activation: str = "linear") -> Any:
        import keras

        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Dense(built, activation=output_activation)(inputs))

    register(monkeypatch, "architectures", net=net)
    wrong = spec(output, loss, architecture=zoo.Component("own/net"))
    expected = rf"'own/net' has {built} units, and '{output}' needs [13]"
    with pytest.raises(SpecError, match=expected):
        zoo.train(wrong, table(labels), output=tmp_path / "run")
    if output != "tabular/classes":  # which learns its classes from the data
        model = zoo.Model(wrong, weights=None)
        model.preprocessor.fit(zoo.Table({"x": X}))
        with pytest.raises(SpecError, match=expected):
            model.predict([{"x": 1.0}])


# The head that a decoder asks for


@pytest.mark.backends
@pytest.mark.parametrize(
    ("output", "labels", "loss", "head"),
    [
        ("tabular/classes", THREE, "sparse_categorical_crossentropy", "softmax"),
        ("tabular/classes", THREE, "categorical_crossentropy", "softmax"),
        ("tabular/classes", THREE, "categorical_focal_crossentropy", "softmax"),
        ("tabular/binary", TWO, "binary_crossentropy", "sigmoid"),
        ("tabular/binary", TWO, "mse", "sigmoid"),
    ],
)
def test_a_decoder_in_place_of_another_brings_its_head(
    tmp_path: Path, output: str, labels: list[str], loss: str, head: str
) -> None:
    """The head of `mlp` is linear unless somebody says otherwise: it gave -0.23 and 1.76."""
    run = zoo.train(spec(output, loss), table(labels), seed=1, output=tmp_path / "run")
    assert run.spec.architecture.config["output_activation"] == head
    for model in (run.model, zoo.load(run.path)):
        for result in model.predict([{"x": x} for x in (-9.0, 0.0, 9.0)]):
            assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert min(result.probabilities.values()) >= 0


def test_a_number_behind_a_recurrent_network_is_no_softmax(tmp_path: Path) -> None:
    """Its default head is a softmax, which is always 1 for one unit."""
    recipe = spec(
        "tabular/value", "mse", architecture=zoo.Component("sequence/recurrent", widths=[3])
    )

    class Steps(zoo.Preprocessor):
        kind = "table"
        shape = (2, 1)

        def one(self, raw: Any) -> Any:
            return np.full(self.shape, float(raw["x"]), np.float32)

    with pytest.MonkeyPatch.context() as patch:
        register(patch, "preprocessors", steps=Steps)
        recipe = replace(recipe, input=zoo.Component("own/steps"))
        run = zoo.train(recipe, table(NUMBERS), seed=1, output=tmp_path / "run")
        first, second = run.model.predict([{"x": -1.0}, {"x": 1.0}])
    assert first.value != second.value


def test_options_of_the_spec_come_before_what_is_offered(tmp_path: Path) -> None:
    run = zoo.train(
        spec("tabular/value", "mse", head="tanh"), table(NUMBERS), seed=1, output=tmp_path / "run"
    )
    assert abs(run.model.predict([{"x": 1e6}])[0].value) <= 1


def test_a_bundle_of_an_earlier_zoo_keeps_the_head_it_was_trained_with(tmp_path: Path) -> None:
    """Its numbers were learnt as those of a linear unit: a sigmoid over them means nothing."""
    import json

    from zoo_weights import read_headers, read_weights, write_bundle  # noqa: F401

    run = zoo.train(spec("tabular/binary", "mse"), table(TWO), seed=1, output=tmp_path / "run")
    headers = read_headers(run.path / "model.zoo")
    described = json.loads(headers["spec"])
    del described["architecture"]["output_activation"]
    from zoo.backend.network import weight_arrays

    write_bundle(
        tmp_path / "old.zoo",
        {**headers, "spec": json.dumps(described)},
        weight_arrays(run.model.keras),
    )
    model = zoo.load(tmp_path / "old.zoo")
    assert model.keras.layers[-1].activation.__name__ == "linear"
    (result,) = model.predict([{"x": 1e6}])
    assert result.error.kind == "no-probabilities"


def test_the_members_of_an_ensemble_keep_their_heads(tmp_path: Path) -> None:
    recipe = spec("tabular/classes", "sparse_categorical_crossentropy")
    runs = [
        zoo.train(recipe, table(THREE), seed=seed, output=tmp_path / str(seed)) for seed in (1, 2)
    ]
    both = zoo.ensemble([run.path for run in runs], output=tmp_path / "both")
    rows = [{"x": x} for x in X]
    expected = [
        {label: (one + two.probabilities[label]) / 2 for label, one in first.probabilities.items()}
        for first, two in zip(*(run.model.predict(rows) for run in runs), strict=True)
    ]
    for result, mean in zip(both.model.predict(rows), expected, strict=True):
        assert result.probabilities == pytest.approx(mean, abs=1e-5)
    assert both.model.evaluate(table(THREE))["loss"] > 0


# Loss against head


@pytest.mark.parametrize(
    ("output", "labels", "loss", "head", "expected"),
    [
        ("tabular/binary", TWO, "sparse_categorical_crossentropy", None,
         "for a softmax head, and 'tabular/binary' needs sigmoid; use 'binary_crossentropy'"),
        ("tabular/binary", TWO, "categorical_crossentropy", None, "use 'binary_crossentropy'"),
        ("tabular/classes", THREE, "binary_crossentropy", None,
         "for a sigmoid head, and 'tabular/classes' needs softmax; use "
         "'sparse_categorical_crossentropy'"),
        ("tabular/binary", TWO, logits("binary_crossentropy"), None,
         "for a linear head, and 'tabular/binary' needs sigmoid; use 'binary_crossentropy' "
         "without from_logits"),
        ("tabular/classes", THREE, logits("sparse_categorical_crossentropy"), "linear",
         "without from_logits"),
        ("tabular/classes", THREE, "sparse_categorical_crossentropy", "linear",
         "has the head 'linear', and 'tabular/classes' needs softmax; give "
         "the architecture output_activation = 'softmax'"),
        ("tabular/classes", THREE, "sparse_categorical_crossentropy", "sigmoid", "needs softmax"),
        ("tabular/classes", THREE, "categorical_hinge", "tanh", "needs softmax"),
        ("tabular/binary", TWO, "mse", "linear", "needs sigmoid"),
        ("tabular/binary", TWO, "binary_crossentropy", "softmax", "needs sigmoid"),
        ("tabular/value", NUMBERS, "binary_crossentropy", None,
         "has the head 'linear', and 'binary_crossentropy' needs sigmoid"),
        ("tabular/value", NUMBERS, "binary_crossentropy", "sigmoid", "targets from 0 to 1"),
        ("tabular/value", NUMBERS, "mse", "softmax", "softmax of one unit, which is always 1"),
        ("tabular/classes", THREE, "mse", None, r"targets of shape \(rows,\) with"),
    ],
)  # fmt: skip
def test_what_a_loss_cannot_teach_a_head(
    tmp_path: Path, output: str, labels: list[Any], loss: Any, head: str | None, expected: str
) -> None:
    with pytest.raises(SpecError, match=expected):
        zoo.train(spec(output, loss, head), table(labels), output=tmp_path / "run")


@pytest.mark.parametrize("end", ["softmax", "wrong axis", "batch axis", "scaled", "none"])
def test_a_head_that_the_architecture_chooses_itself_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Also where no name of an activation says what comes out: then some rows tell."""

    def net(input_shape: Any, units: int) -> Any:
        import keras
        from keras import layers

        inputs = keras.Input(input_shape)
        x = layers.Dense(units)(inputs)
        if end in ("softmax", "scaled"):
            x = layers.Softmax()(x)
        elif end == "wrong axis":
            x = layers.Reshape((units,))(layers.Softmax(1)(layers.Reshape((units, 1, 1))(x)) * 0.9)
        elif end == "batch axis":
            x = keras.ops.softmax(x, axis=0)
        if end == "scaled":
            x = layers.Rescaling(0.5)(x)
        return keras.Model(inputs, layers.Activation("linear", dtype="float32")(x))

    register(monkeypatch, "architectures", net=net)
    recipe = spec(
        "tabular/classes", "sparse_categorical_crossentropy", architecture=zoo.Component("own/net")
    )
    if end == "softmax":
        zoo.train(recipe, table(THREE), seed=1, output=tmp_path / "run")
    else:
        with pytest.raises(SpecError, match=r"needs softmax|not probabilities"):
            zoo.train(recipe, table(THREE), output=tmp_path / "run")


# Decoders of plugins


def dense(input_shape: Any, units: int, end: str = "softmax", dtype: str = "float32") -> Any:
    import keras

    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(units, activation=end, dtype=dtype)(inputs))


@pytest.mark.backends
@pytest.mark.parametrize(
    ("decoder", "labels", "loss", "end"),
    [
        (Letters, THREE, "sparse_categorical_crossentropy", "softmax"),
        (Letters, THREE, "categorical_crossentropy", "softmax"),
        (Logits, THREE, logits("sparse_categorical_crossentropy"), "linear"),
        (Tags, TAGS, "binary_crossentropy", "sigmoid"),
    ],
)
def test_decoders_of_plugins_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: Any, labels: Any, loss: Any, end: str
) -> None:
    register(monkeypatch, "decoders", own=decoder)
    register(monkeypatch, "architectures", dense=dense)
    recipe = spec("own/own", loss, architecture=zoo.Component("own/dense", end=end))
    run = zoo.train(recipe, table(labels), seed=1, output=tmp_path / "run")
    (result,) = run.model.predict([{"x": 0.4}])
    assert result.error is None
    total = sum(result.probabilities.values())
    assert (total == pytest.approx(1, abs=1e-5)) is (decoder is not Tags)


@pytest.mark.parametrize(
    ("decoder", "labels", "loss", "end"),
    [
        (Letters, THREE, "sparse_categorical_crossentropy", "linear"),
        (Letters, THREE, "sparse_categorical_crossentropy", "sigmoid"),
        (Letters, THREE, logits("sparse_categorical_crossentropy"), "softmax"),
        (Letters, THREE, logits("sparse_categorical_crossentropy"), "linear"),
        (Logits, THREE, "sparse_categorical_crossentropy", "linear"),
        (Tags, TAGS, "binary_crossentropy", "softmax"),
        (Tags, TAGS, "binary_crossentropy", "linear"),
        (Tags, TAGS, "mse", "linear"),
        (Tags, TAGS, "sparse_categorical_crossentropy", "softmax"),
    ],
)
def test_what_does_not_fit_is_not_trained_with_a_plugin_s_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: Any, labels: Any, loss: Any, end: str
) -> None:
    register(monkeypatch, "decoders", own=decoder)
    register(monkeypatch, "architectures", dense=dense)
    recipe = spec("own/own", loss, architecture=zoo.Component("own/dense", end=end))
    with pytest.raises(SpecError):
        zoo.train(recipe, table(labels), seed=1, output=tmp_path / "run")


def test_an_architecture_is_handed_the_head_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`activation` is the hidden layers'; a plugin's decoder may ask for a head as well."""
    handed: list[dict[str, Any]] = []

    def net(input_shape: Any, units: int, output_activation: str, activation: str = "relu") -> Any:
        handed.append({"head": output_activation, "hidden": activation})
        return dense(input_shape, units, output_activation)

    class Several(Tags):
        output_activation = "sigmoid"

    register(monkeypatch, "architectures", net=net)
    register(monkeypatch, "decoders", several=Several)
    recipe = spec("own/several", "binary_crossentropy", architecture=zoo.Component("own/net"))
    zoo.train(recipe, table(TAGS), seed=1, output=tmp_path / "run")
    assert handed[0] == {"head": "sigmoid", "hidden": "relu"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_may_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    register(monkeypatch, "architectures", dense=dense)
    labels = [f"c{place % 40:02}" for place in range(len(X))]
    recipe = spec(
        "tabular/classes", "sparse_categorical_crossentropy",
        architecture=zoo.Component("own/dense", dtype=dtype),
    )  # fmt: skip
    run = zoo.train(recipe, table(labels), seed=1, output=tmp_path / "run")
    for result in run.model.predict([{"x": x} for x in X]):
        assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-2)


def test_a_share_may_be_told_in_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network gives a number from 0 to 1; what a regressor makes of it may be larger."""

    class Percent(zoo.Regressor):
        output_activation = "sigmoid"
        units = 1

        def encode(self, labels: Any) -> Any:
            return np.array(labels, np.float32)[:, None] / 100, [None] * len(labels)

        def decode(self, outputs: Any) -> Any:
            return (100 * outputs[:, 0]).tolist()

    register(monkeypatch, "decoders", percent=Percent)
    shares = [50 + 40 * x for x in X]
    recipe = spec("own/percent", "mse")
    run = zoo.train(recipe, table(shares), seed=1, output=tmp_path / "run")
    assert all(result.value > 1 for result in run.model.predict([{"x": x} for x in X]))


def test_class_weights_are_for_one_class_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "decoders", tags=Tags)
    recipe = spec("own/tags", "binary_crossentropy", "sigmoid", class_weights={"a": 2.0})
    with pytest.raises(SpecError, match="need one class per row"):
        zoo.train(recipe, table(TAGS), output=tmp_path / "run")


def test_members_by_name_get_the_head_of_their_own_network(tmp_path: Path) -> None:
    """Their spec says nothing of the head, which the decoder decides."""
    recipe = spec("tabular/classes", "sparse_categorical_crossentropy")
    run = zoo.train(recipe, table(THREE), seed=1, output=tmp_path / "run")
    named = zoo.Model(
        replace(
            recipe,
            input=zoo.Component("tabular/columns", columns=["x"]),
            output=zoo.Component("tabular/classes", labels=["a", "b", "c"]),
        ),
        weights=run.path / "model.zoo",
    )
    both = zoo.ensemble([named, named], output=tmp_path / "both").model
    rows = [{"x": x} for x in X]
    for mean, result in zip(both.predict(rows), run.model.predict(rows), strict=True):
        assert mean.probabilities == pytest.approx(result.probabilities, abs=1e-5)


@pytest.mark.parametrize("own", ["compute_loss", "train_step"])
def test_a_network_with_a_loss_of_its_own_compares_what_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """It gives two numbers of which it learns one; nothing is broadcast."""

    def net(input_shape: Any) -> Any:
        import keras

        class First(keras.Model):
            def compute_loss(self, x: Any, y: Any, y_pred: Any, *rest: Any, **options: Any) -> Any:
                return super().compute_loss(x, y, y_pred[:, :1], *rest, **options)

        class Stepping(First):
            def train_step(self, *arguments: Any) -> Any:
                return super().train_step(*arguments)

        inputs = keras.Input(input_shape)
        kind = First if own == "compute_loss" else Stepping
        return kind(inputs, keras.layers.Dense(2)(inputs))

    register(monkeypatch, "architectures", net=net)
    wide = zoo.Component("tabular/value", width=2)
    recipe = spec(wide, "mse", architecture=zoo.Component("own/net"))
    run = zoo.train(recipe, table(NUMBERS), seed=1, output=tmp_path / "run")
    assert len(run.model.predict([{"x": 1.0}])[0].value) == 2


def test_published_networks_take_another_head() -> None:
    """A number for each picture, learnt behind the published features."""
    photos = zoo.get_spec("efficientnet-lite0-features")
    number = replace(
        photos,
        input=zoo.Component("vision/image", size=32, mode="lite"),
        output=zoo.Component("tabular/value"),
    )
    head = zoo.Model(number, weights=None).keras.layers[-1]
    assert (head.units, head.activation.__name__) == (1, "linear")
