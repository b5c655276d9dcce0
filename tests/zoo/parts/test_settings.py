"""`--set KEY=VALUE`: it reaches every field, and reports mistakes as a file does."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import zoo
from zoo.errors import SpecError, UsageError
from zoo.parts.settings import override
from zoo.spec.component import Component
from zoo.spec.model import ModelSpec

OPTIONS = {
    "mlp": ("hidden", "activation", "dropout"),
    "columns": ("columns", "scale"),
    "binary": ("labels",),
    "adam": ("learning_rate", "beta_1"),
    "sgd": ("learning_rate", "momentum"),
    "mse": ("reduction",),
}
"""What the parts of the spec below take, as zoo would find out from their functions."""


def options_of(path: str, component: Component) -> Iterable[str]:
    return OPTIONS[component.uses.rpartition("/")[2]]


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(
        name="small",
        task="tabular-classification",
        architecture=Component("mlp", hidden=(3,)),
        input=Component("columns", columns=["a", "b"]),
        output="binary",
        training=zoo.Training(loss="mse", seeds={"jax": (1,)}),
    )


def at(spec: ModelSpec, path: str) -> object:
    value: object = spec
    for part in path.split("."):
        value = (
            value.config[part]
            if isinstance(value, Component)
            else value[part]
            if isinstance(value, dict)
            else getattr(value, part)
        )
    return value


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("training.epochs=50", "training.epochs", 50),
        ("epochs=50", "training.epochs", 50),
        (" epochs = 50 ", "training.epochs", 50),
        ("summary=one, two = three", "summary", "one, two = three"),
        ("summary=", "summary", ""),
        ('summary="5"', "summary", "5"),
        ("parameters=7", "parameters", 7),
        ("shuffle=false", "training.shuffle", False),
        ("validation=0.25", "training.validation", 0.25),
        ("target=outcome", "training.target", "outcome"),
        ("training.weights=imagenet", "training.weights", "imagenet"),
        ("tags=one", "tags", ("one",)),
        ("tags=one, two", "tags", ("one", "two")),
        ('tags=["one", "two"]', "tags", ("one", "two")),
        ("tags=[]", "tags", ()),
        ("freeze=3", "training.freeze", 3),
        ("freeze=conv1", "training.freeze", ("conv1",)),
        ("freeze=conv*,dense", "training.freeze", ("conv*", "dense")),
        ("training.picked_seed.jax=4", "training.picked_seed.jax", 4),
        ("training.seeds.jax=4", "training.seeds.jax", (4,)),
        ("training.seeds.torch=4,5", "training.seeds.torch", (4, 5)),
        ("training.seeds={torch = [6]}", "training.seeds", {"torch": (6,)}),
        ("loss=huber", "training.loss", Component("huber")),
        ("metrics=accuracy", "training.metrics", (Component("accuracy"),)),
        ("metrics=accuracy,mae", "training.metrics", (Component("accuracy"), Component("mae"))),
        ('optimizer={uses="sgd", rho=0.9}', "training.optimizer", Component("sgd", rho=0.9)),
        ("optimizer.learning_rate=1e-3", "training.optimizer.learning_rate", 0.001),
        ("learning_rate=1e-3", "training.optimizer.learning_rate", 0.001),
        ("reduction=sum", "training.loss.reduction", "sum"),
        ("architecture=net", "architecture", Component("net")),
        ("hidden=12,8", "architecture.hidden", [12, 8]),
        ("hidden=12", "architecture.hidden", [12]),
        ("hidden=[12, [8]]", "architecture.hidden", [12, [8]]),
        ("activation=tanh", "architecture.activation", "tanh"),
        ("dropout=0.5", "architecture.dropout", 0.5),
        ("labels=no,yes", "output.labels", "no,yes"),
        ("input.columns=b", "input.columns", ["b"]),
    ],
)  # fmt: skip
def test_every_kind_of_field(assignment, path, value, spec):
    """What a person types at a shell becomes what the field holds; the rest stays as it was."""
    changed = override(spec, [assignment], options_of)
    assert at(changed, path) == value
    top = path.split(".")[0]
    for field in set(ModelSpec.__struct_fields__) - {top}:
        assert getattr(changed, field) == getattr(spec, field)


@pytest.mark.parametrize(
    ("assignment", "error", "told"),
    [
        ("epochs", UsageError, "--set takes KEY=VALUE, for instance epochs=50; received 'epochs'"),
        ("=5", UsageError, "--set takes KEY=VALUE, for instance epochs=50; received '=5'"),
        ("epoch=5", UsageError, "--set epoch: 'small' has no such field. Did you mean 'epochs'?"),
        (
            "training.epoch=5", UsageError,
            "--set training.epoch: 'small' has no such field. Did you mean 'training.epochs'?",
        ),
        (
            "momentun=0.9", UsageError,  # an option of another optimizer than this spec's
            "--set momentun: 'small' has no such field.",
        ),
        (
            "optimizer.uses=sgd", UsageError,
            "--set optimizer.uses: 'small' has no such field. Did you mean 'optimizer'?",
        ),
        ("figures=1", UsageError, "--set figures: 'small' has no such field."),
        (
            "epochs=many", SpecError,
            "--set epochs=many: training.epochs: expected `int`, got `str`, received 'many'",
        ),
        (
            "epochs=0", SpecError,
            "--set epochs=0: training.epochs: expected `int` >= 1, received 0",
        ),
        (
            "epochs=5,6", SpecError,
            "--set epochs=5,6: training.epochs: expected `int`, got `str`, received '5,6'",
        ),
        (
            "shuffle=no", SpecError,
            "--set shuffle=no: training.shuffle: expected `bool`, got `str`, received 'no'",
        ),
        (  # nothing is removed by a value; the sentence offers no null, which TOML does not have
            "validation=null", SpecError,
            "--set validation=null: training.validation: expected `float | object`, got `str`, "
            "received 'null'",
        ),
        (
            "training=none", SpecError,
            "--set training=none: training: expected `object`, got `str`, received 'none'",
        ),
        (
            "optimizer=5", SpecError,
            "--set optimizer=5: training.optimizer: expected a name or a table with 'uses', "
            "received 5",
        ),
        (
            "name=My Model", SpecError,
            "--set name=My Model: name: expected lower-case words joined by hyphens, "
            "received 'My Model'",
        ),
        (
            "training.seeds.jax=x", SpecError,
            "--set training.seeds.jax=x: training.seeds[...]: expected `array`, got `str`, "
            "received {'jax': 'x'}",
        ),
        (
            "hidden=1979-05-27", SpecError,
            "--set hidden=1979-05-27: architecture: 'mlp': option 'hidden' must be a number, "
            "text, boolean, list or table, received datetime.date(1979, 5, 27)",
        ),
    ],
)  # fmt: skip
def test_slips(assignment, error, told, spec):
    """The sentence repeats what was typed and says what would be right."""
    with pytest.raises(error) as caught:
        override(spec, [assignment], options_of)
    assert str(caught.value) == told


def test_a_last_part_that_several_fields_share(spec):
    """No guess between two fields: the sentence offers both."""
    changed = override(spec, ["architecture={uses='mlp', scale=1}"], options_of)
    with pytest.raises(UsageError) as caught:
        override(changed, ["scale=2"], options_of)
    assert str(caught.value) == (
        "--set scale: several fields end in this; use architecture.scale or input.scale"
    )
    assert override(changed, ["input.scale=2"], options_of).input.config["scale"] == 2


def test_one_after_the_other(spec):
    """A later assignment sees the earlier one: a new optimizer brings its own options."""
    changed = override(spec, ["optimizer=sgd", "momentum=0.9", "learning_rate=0.1"], options_of)
    assert changed.training.optimizer == Component("sgd", momentum=0.9, learning_rate=0.1)
    again = override(changed, ["optimizer=adam"], options_of)
    assert again.training.optimizer == Component("adam")  # sgd's options do not linger
    with pytest.raises(UsageError, match="--set momentum: 'small' has no such field"):
        override(again, ["momentum=0.9"], options_of)


@pytest.mark.parametrize("key", ["epochs", "training.epochs", "loss", "training.seeds.jax"])
def test_a_spec_without_a_recipe(key, spec):
    """Setting part of a recipe that is not there would leave half a recipe."""
    import msgspec

    bare = msgspec.structs.replace(spec, training=None)
    with pytest.raises(UsageError, match=f"--set {key}=1: 'small' has no training recipe"):
        override(bare, [f"{key}=1"], options_of)


@pytest.mark.parametrize("value", ["[" * 9999, "9" * 5000])
def test_values_that_break_parsers_are_text(value, spec):
    """What TOML's parser cannot swallow is plain text, never a traceback."""
    assert override(spec, [f"summary={value}"], options_of).summary == value


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["epoch=5"], "zoo: --set epoch: 'mlp-pima' has no such field. Did you mean 'epochs'?\n"),
        (
            ["optimizer=sgd", "momentun=1"],
            "zoo: --set momentun: 'mlp-pima' has no such field. Did you mean 'momentum'?\n",
        ),
        (
            ["optimizer=adamm"],
            "zoo: training.optimizer: Keras has no optimizer 'adamm'. Did you mean 'adam'?\n",
        ),
        (
            ['optimizer={uses="adam", momentum=1}'],
            "zoo: training.optimizer.momentum: 'adam' has no option 'momentum'.",
        ),
        (["hidden=5000000"], "zoo: architecture.hidden: at most 1,000,000 is allowed, received"),
        (["hidden=few"], "zoo: architecture.hidden: expected `int`, got `str`, received ['few']"),
        (["architecture=os:system"], "zoo: architecture 'os:system' is a reference to code; only"),
    ],
)
def test_on_the_command_line(settings, told, cli):
    """Real parts and their real options: exit 2 and one sentence, before any training."""
    arguments = [part for setting in settings for part in ("--set", setting)]
    done = cli("train", "mlp-pima", *arguments, "-o", "run")
    assert (done.status, done.out) == (2, ""), done.err
    assert told in done.err
    assert "Traceback" not in done.err
