"""How a published figure is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import zoo
from zoo.errors import UsageError
from zoo.spec.files import spec_to_toml
from zoo.training.reproduce import Measurement, reached_value, reproduce


@pytest.mark.parametrize(
    ("bounds", "values", "passed"),
    [
        ({"at_least": 0.75}, (0.75,), True),
        ({"at_least": 0.75}, (0.7499,), False),
        ({"at_most": 2.5}, (2.5,), True),
        ({"at_most": 2.5}, (2.5001,), False),
        ({"at_most": 2.5}, (0.1,), True),  # a better figure passes
        ({"at_least": 0.7}, (0.1, 0.7, 0.9), True),  # the median is judged
        ({"at_least": 0.7}, (0.1, 0.2, 0.9), False),
        ({"at_least": 2.44, "at_most": 2.64}, (2.7,), False),
    ],
)
def test_bounds_belong_to_what_passes(
    bounds: dict[str, float], values: tuple[float, ...], passed: bool
) -> None:
    figure = zoo.Figure(metric="accuracy", on="test", source="x", **bounds)
    assert Measurement(figure, values).passed is passed


@pytest.mark.parametrize(
    ("monitor", "value", "better"),
    [
        ("val_loss", 0.5, False), ("val_loss", 0.4999, True), ("val_loss", float("nan"), False),
        ("val_accuracy", 0.5, False), ("val_accuracy", 0.5001, True), ("val_accuracy", 0.4, False),
    ],
)  # fmt: skip
def test_what_stays_the_same_is_no_improvement(monitor: str, value: float, better: bool) -> None:
    """Otherwise a training that stands still would never stop early."""
    assert zoo.EarlyStopping(patience=1, monitor=monitor).improves(value, 0.5) is better
    assert (
        zoo.EarlyStopping(patience=1, monitor=monitor, min_delta=0.25).improves(value, 0.5) is False
    )
    assert zoo.EarlyStopping(patience=1, monitor=monitor).improves(0.5, None) is True


@pytest.mark.parametrize(
    ("asked", "seeds"), [(None, (1, 2, 3, 4, 5)), (2, (1, 2)), (7, range(1, 8))]
)
def test_the_seeds_are_fixed_in_advance(
    asked: int | None, seeds: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that a spec chose after measuring would hide the starts that it left out."""
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(spec_to_toml(dying(seeds={"jax": (9, 8)}, picked_seed={"jax": 6})))
    assert reproduce("own.toml", seeds=asked).seeds == tuple(seeds)


def test_where_a_training_is_long_three_starts_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(spec_to_toml(dying(starts=3)))
    assert reproduce("own.toml").seeds == (1, 2, 3)


def test_dead_starts_count_and_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of starts that end in NaN none is better than another: they stand at the bad end."""
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(
        spec_to_toml(dying(optimizer=zoo.Component("sgd", learning_rate=1e9)))
    )
    result = reproduce("own.toml", seeds=2)
    assert result.dead == (1, 2)
    assert not result.passed
    record = result.to_dict()
    assert record["dead"] == [1, 2]
    assert record["figures"][0]["values"] == [None, None]
    assert record["figures"][0]["median"] is None
    json.loads(json.dumps(record, allow_nan=False))


def test_a_figure_of_a_photo_is_not_judged_by_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = dying()
    photo = zoo.Figure(metric="mug", on="photo", published=0.75, needs="the photo")
    Path("own.toml").write_text(spec_to_toml(replace(spec, figures=(photo, *spec.figures))))
    assert [measured.figure for measured in reproduce("own.toml", seeds=1).figures] == [
        *spec.figures
    ]
    Path("own.toml").write_text(spec_to_toml(replace(spec, figures=(photo,))))
    with pytest.raises(UsageError, match="has no figures to reproduce"):
        reproduce("own.toml", seeds=1)


@pytest.mark.parametrize(
    ("bounds", "values", "median"),
    [
        ({"at_most": 1.0}, (0.5, math.nan, 0.6), 0.6),
        ({"at_least": 0.5}, (0.7, math.nan, 0.6), 0.6),
        ({"at_least": 0.5}, (math.nan, math.nan, 0.6), -math.inf),
        ({"at_most": 0.5}, (math.nan, math.nan, 0.6), math.inf),
    ],
)
def test_what_is_no_number_is_worse_than_any(
    bounds: dict[str, float], values: tuple[float, ...], median: float
) -> None:
    measured = Measurement(zoo.Figure(metric="loss", **bounds), values)  # type: ignore[arg-type]
    assert measured.median == median


def dying(**changes: Any) -> zoo.ModelSpec:
    """Return a spec that is trained in no time."""
    return zoo.ModelSpec(
        name="own",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(
            loss=zoo.Component("mse"), dataset="wine", epochs=2, batch_size=1599, **changes
        ),
        figures=(zoo.Figure(metric="loss", at_most=1.0),),
    )


def test_what_a_run_reached_of_a_figure(tmp_path: Path) -> None:
    """The last epoch's, the best epoch's, one number of a weight; or that it was not measured."""
    run = zoo.train("mlp-pima", epochs=2, seed=1, output=tmp_path / "run")

    def reached(**figure: Any) -> float:
        return reached_value(zoo.Figure(**{"on": "train", "at_least": 0.0, **figure}), run)

    assert reached(metric="accuracy") == run.metrics["train"]["accuracy"]
    assert reached(metric="accuracy", best=True) == max(run.history["accuracy"])
    with pytest.raises(UsageError, match="recall on train was not measured; choose from train"):
        reached(metric="recall")
    with pytest.raises(UsageError, match="has no scalar weight 'output/kernel'"):
        reached(metric="output/kernel", on="weights")
