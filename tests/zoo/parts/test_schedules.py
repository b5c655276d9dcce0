"""Learning-rate schedules: Keras's, by name, with steps that may be left out or given in epochs."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from zoo.backend.choose import keras
from zoo.errors import SpecError, UsageError
from zoo.parts.schedules import build_optimizer, scale_rates
from zoo.parts.settings import resolve_recipe, with_settings
from zoo.registry.registry import get_spec
from zoo.spec.component import Component

STEPS, EPOCHS = 4, 5
START = {"initial_learning_rate": 0.1}


def rates(schedule: Any, steps: int = STEPS, epochs: int = EPOCHS) -> list[float]:
    """Return the learning rate of each step of a training, and of those just after it."""
    optimizer = build_optimizer(
        Component("adam", learning_rate=schedule), epochs=epochs, steps=steps
    )
    return values(optimizer._learning_rate, epochs * steps + 3)


def values(schedule: Any, count: int) -> list[float]:
    return [float(keras().ops.convert_to_numpy(schedule(step))) for step in range(count)]


SCHEDULES = {
    "exponential_decay": ("ExponentialDecay", {**START, "decay_rate": 0.5}, ("decay_steps",)),
    "inverse_time_decay": ("InverseTimeDecay", {**START, "decay_rate": 0.5}, ("decay_steps",)),
    "polynomial_decay": ("PolynomialDecay", {**START, "power": 2.0}, ("decay_steps",)),
    "cosine_decay": ("CosineDecay", {**START, "alpha": 0.1}, ("decay_steps",)),
    "CosineDecayRestarts": ("CosineDecayRestarts", START, ("first_decay_steps",)),
    "piecewise-constant-decay": (
        "PiecewiseConstantDecay", {"boundaries": [8, 12], "values": [0.1, 0.01, 0.001]}, (),
    ),
}  # fmt: skip


def test_the_table_has_every_schedule_of_keras() -> None:
    module = keras().optimizers.schedules
    found = {name for name, value in vars(module).items() if inspect.isclass(value)}
    assert {name for name, _, _ in SCHEDULES.values()} == found - {"LearningRateSchedule"}


@pytest.mark.backends
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_kerass(name: str) -> None:
    """With its steps given, in epochs, or left out: then they are those of the training."""
    cls, options, counted = SCHEDULES[name]
    steps = dict.fromkeys(counted, STEPS * EPOCHS)
    schedule = getattr(keras().optimizers.schedules, cls)(**options, **steps)
    expected = values(schedule, STEPS * EPOCHS + 3)
    given = [steps, {}, {name.replace("steps", "epochs"): EPOCHS for name in counted}]
    for more in given:
        assert rates({"uses": name, **options, **more}) == expected


def test_a_warm_up_is_part_of_the_training() -> None:
    warm = {"uses": "cosine_decay", "initial_learning_rate": 0.0, "warmup_target": 0.1}
    found = rates({**warm, "warmup_epochs": 0.5})
    assert found == rates({**warm, "warmup_steps": 2, "decay_steps": 18})
    assert found[0] == 0.0
    assert max(found) == found[2] == pytest.approx(0.1)
    assert found[19] > 0.0
    assert found[20] == pytest.approx(0.0, abs=1e-9)


def test_a_rate_holds_for_whole_epochs() -> None:
    found = rates(
        {"uses": "piecewise_constant_decay", "boundary_epochs": [2, 4], "values": [3, 2, 1]}
    )
    assert found == [3.0] * 8 + [2.0] * 8 + [1.0] * 7


def test_a_training_of_millions_of_steps() -> None:
    """Whole numbers have a bound so that no spec fills the memory; steps take none."""
    schedule = {"uses": "cosine_decay", **START, "decay_steps": 2_000_000}
    assert rates(schedule, 1, 1)[0] == pytest.approx(0.1)
    build_optimizer(
        Component("sgd", learning_rate={"uses": "cosine_decay", **START}), epochs=3000, steps=1000
    )


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ("cosin_decay", "Keras has no learning-rate schedule 'cosin_decay'. Did you mean"),
        ("cosine_decay", "'cosine_decay' missing a required argument: 'initial_learning_rate'"),
        ("learning_rate_schedule", "Keras has no learning-rate schedule"),
        ({"use": "cosine_decay"}, "expected a name or a table with 'uses'"),
        ({"warmup_epoch": 1}, r"warmup_epoch: .* no option 'warmup_epoch'. .*'warmup_epochs'\?"),
        ({"xyz": 1}, "It takes initial_learning_rate, decay_steps, decay_epochs, alpha, name, w"),
        ({"initial_learning_rate": "a"}, "initial_learning_rate: expected `float`, got `str`"),
        ({"decay_epochs": "a"}, "decay_epochs: expected `float`, got `str`, received 'a'"),
        ({"decay_epochs": 1, "decay_steps": 1}, "decay_steps and decay_epochs say the same"),
        ({"decay_epochs": 0}, "'cosine_decay' refused its options: .*decay_steps=0"),
        ({"warmup_epochs": 1}, "a warm-up needs warmup_target"),
        ({"warmup_epochs": 5, "warmup_target": 1.0}, "`decay_steps` must be > 0"),
        (
            {"uses": "piecewise_constant_decay", "values": [1.0]},
            "boundaries or boundary_epochs is missing",
        ),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said(schedule: Any, text: str) -> None:
    if isinstance(schedule, dict) and schedule.keys().isdisjoint({"uses", "use"}):
        schedule = {"uses": "cosine_decay", **START, **schedule}
    with pytest.raises(SpecError, match=rf"^training.optimizer.learning_rate.*{text}"):
        rates(schedule)


def test_an_update_takes_a_tenth_of_every_rate() -> None:
    """Also of those that Keras fills in: from 0.001 down to 0.0001, and not up to it."""
    slow = scale_rates(Component("sgd", learning_rate={"uses": "polynomial_decay", **START}), 0.01)
    assert slow.config["learning_rate"] == {
        "uses": "polynomial_decay", "initial_learning_rate": 0.001, "end_learning_rate": 1e-6,
    }  # fmt: skip
    steps = {"uses": "piecewise_constant_decay", "boundary_epochs": [1], "values": [1.0, 0.5]}
    slow = scale_rates(Component("sgd", learning_rate=steps), 0.1)
    assert slow.config["learning_rate"] == {**steps, "values": [0.1, 0.05]}
    assert scale_rates(Component("adam"), 0.1).config == {"learning_rate": 0.0001}
    assert scale_rates(Component("loss_scale_optimizer"), 0.1).config == {}


def test_a_schedule_is_set_like_every_part() -> None:
    spec = get_spec("mlp-pima")
    expected = {"uses": "cosine_decay", "initial_learning_rate": 0.01, "warmup_epochs": 2}
    settings = ["learning_rate=cosine_decay", "initial_learning_rate=0.01", "warmup_epochs=2"]
    by_text, _ = resolve_recipe(spec, settings)
    values: dict[str, Any] = {"warmup_epochs": 2, "learning_rate": "cosine_decay"}
    values |= {"initial_learning_rate": 0.01, "optimizer": "adam"}  # in any order
    for found in (by_text, with_settings(spec, values)):
        assert found.training is not None
        assert found.training.optimizer.config["learning_rate"] == expected
    with pytest.raises(UsageError, match=r"no such field\. Did you mean 'decay_epochs'"):
        resolve_recipe(spec, [*settings, "decay_epoch=1"])
    with pytest.raises(UsageError, match="no such field"):
        resolve_recipe(spec, ["warmup_epochs=1"])  # the learning rate is a number
