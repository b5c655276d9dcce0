"""Damaged JSON in a bundle: one sentence that names file and header, never another error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bundles import as_version_1

import zoo
from zoo.errors import UsageError, ZooError
from zoo.inference.origin import environment_of
from zoo.runs.run import Run
from zoo_cli.options import model_or_bundle
from zoo_weights import WeightsError

ROWS = [{"a": i % 7 / 7, "b": "xyz"[i % 3], "y": "high" if i % 7 > 3 else "low"} for i in range(40)]
SPEC = zoo.ModelSpec(
    name="small",
    task="tabular-classification",
    architecture=zoo.Component("tabular/mlp", hidden=[2]),
    input=zoo.Component("tabular/columns", one_hot=["b"], missing="mean"),
    output=zoo.Component("tabular/classes"),
    training=zoo.Training(loss="sparse_categorical_crossentropy", epochs=1, target="y"),
)

DAMAGED = {
    "no JSON": "{",
    "deep": "[" * 100_000 + "]" * 100_000,
    "half a surrogate": '{"name": "\\ud800"}',
    "null": "null",
    "a list": "[]",
    "a number": "7",
    "a text": '"x"',
    "a huge number": "9" * 10_000,
    "empty": "",
    "tables without their fields": '{"input": {}, "output": {}}',
    "fields of other types": '{"input": 1, "output": [], "seed": "x", "loss": "y"}',
    "one field": '{"input": {"columns": 5, "learnt": 7}, "output": {"labels": 3}}',
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoo.train(SPEC, data=ROWS, output=tmp_path_factory.mktemp("runs") / "run").path


def with_header(run: Path, folder: Path, name: str, text: str | None) -> Path:
    """Return a copy of a run's bundle with another header, or without it."""
    copy = folder / "model.zoo"
    copy.write_bytes((run / "model.zoo").read_bytes())
    as_version_1(copy)
    with h5py.File(copy, "a") as file:
        del file[f"header/{name}"]
        if text is not None:
            file[f"header/{name}"] = np.frombuffer(text.encode(), np.uint8)
    return copy


def use(bundle: Path) -> None:
    """Do with a bundle what reads its headers."""
    model = zoo.load(bundle)
    environment_of(model)
    assert model.preprocessor.shape == (4,)
    assert model.decoder.units == 2
    Run.read(bundle.parent)


@pytest.mark.parametrize("name", ["spec", "state", "history", "metrics", "environment"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_header_is_a_sentence(
    trained: Path, tmp_path: Path, name: str, damage: str
) -> None:
    bundle = with_header(trained, tmp_path, name, DAMAGED[damage])
    if name == "metrics" and damage in ("tables without their fields", "one field"):
        use(bundle)  # they may be figures
        return
    with pytest.raises((ZooError, WeightsError)) as caught:
        use(bundle)
    assert str(bundle) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["spec", "state", "history", "metrics"])
def test_a_missing_header_is_named(trained: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ZooError, match=f"not a complete bundle, it has no {name}"):
        use(with_header(trained, tmp_path, name, None))


def test_the_state_is_compared_with_what_the_parts_need(trained: Path, tmp_path: Path) -> None:
    state = json.loads(headers(trained)["state"])
    changes: list[dict[str, Any]] = [
        {"input": {**state["input"], "columns": ["a", 5]}},
        {"input": {**state["input"], "learnt": {"a": {}}}},
        {"input": {**state["input"], "learnt": {**state["input"]["learnt"], "b": {"names": "x"}}}},
        {"input": {**state["input"], "learnt": {**state["input"]["learnt"], "a": {"low": 1}}}},
        {"output": {"labels": ["high", None]}},
        {"output": {}},
    ]
    for change in changes:
        bundle = with_header(trained, tmp_path, "state", json.dumps({**state, **change}))
        with pytest.raises(UsageError, match=r"model\.zoo: the state of \w+ does not fit"):
            use(bundle)


def test_a_bundle_without_a_checksum_is_noted(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model_or_bundle(str(trained))
    assert capsys.readouterr().err == ""
    copy = tmp_path / "model.zoo"
    copy.write_bytes((trained / "model.zoo").read_bytes())
    as_version_1(copy)
    model_or_bundle(str(tmp_path))
    assert "not verified, since bundles of version 1 have no checksum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trained_on": 5}, "got `int` - at `$.trained_on`"),
        ({"trained_on": {"data": "x"}}, "got `str` - at `$.trained_on.data`"),
        ({"trained_on": {"data": [], "held": [7, 3]}}, "there is no fold 7 of 3"),
        ({"trained_on": {"data": [], "held": [0, 0]}}, "there is no fold 0 of 0"),
        ({"data": 7}, "got `int` - at `$.data`"),
        ({"data": {"train": {}}}, "missing required field `sha256` - at `$.data[...]`"),
    ],
)
def test_the_environment_is_read_with_its_types(
    trained: Path, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    """Whoever evaluates a stranger's bundle learns which field is wrong."""
    environment = json.loads(headers(trained)["environment"])
    bundle = with_header(trained, tmp_path, "environment", json.dumps({**environment, **change}))
    with pytest.raises(UsageError, match="its header 'environment' is damaged: ") as caught:
        zoo.load(bundle).evaluate()
    assert str(caught.value).startswith(str(bundle))
    assert told in str(caught.value)


def headers(run: Path) -> dict[str, str]:
    from zoo_weights import read_headers

    return read_headers(run / "model.zoo")
