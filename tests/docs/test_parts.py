"""Every option of every part has an example in the reference, and each example works."""

from __future__ import annotations

from typing import Any

import numpy as np
import parts
import pytest

from zoo import Component, Table
from zoo.backend.runner import map_arrays
from zoo.decoders import Numbers, Positions
from zoo.parts.construct import construct
from zoo.parts.multi_output import Outputs
from zoo.registry.registry import registry
from zoo_sequence.characters import Text

LARGE = ("vision/application", "vision/efficientnet-lite0")
"""Architectures whose networks take seconds to build."""

SHAPES = {
    "vision/application": (64, 64, 3), "vision/efficientnet-lite0": (64, 64, 3),
    "vision/cnn": (28, 28, 1), "sequence/recurrent": (5, 1), "tabular/mlp": (4,),
    "sequence/encoder-decoder": (5, 1), "array/convolutions": (60,),
}  # fmt: skip

CELLS = {
    "age": ["31", "29", "52"],
    "city": ["Oslo", "Rome", "Oslo"],
    "name": ["Ada", "Ben", "Cy"],
    "tags": ["a/b", "", "b"],
    "size": ["small", "large", "small"],
    "review": ["a good one", "a bad one", "a bad one again"],
}
BESIDE_AGE = {
    "columns": "city", "one_hot": "city", "drop": "name", "multi_hot": "tags", "maps": "size",
    "parts": "review",
}  # fmt: skip
"""The column that an example of an option of tables names besides the age."""

NEEDS = {"substrings": ("pad",), "embedding": ("words",), "values": ("labels",), "ids": ("labels",)}
"""Options that an option does not work without."""

COLUMNS = {
    "number": ["1.234,5 kg", "", "3"],
    "yes-no": ["ja", "", "nein"],
    "ordered": ["small", "", "large"],
    "category": ["Oslo", "", "Rome"],
    "names": ["a;b", "", "a/b"],
    "date": ["31.12.2025", "", "01.03.2026"],
    "time": ["6:30 PM", "", "7:00 AM"],
    "text": ["one two", "", "two three"],
}
"""Cells of each type that suit the examples."""


def examples() -> list[Any]:
    """Return a case for each option of each part."""
    shown, cases = parts.examples(), []
    for part in parts.parts():
        own = next((shown[name] for name in (part.name, *part.also) if name in shown), {})
        for option in parts.options(part.function):
            slow = [pytest.mark.slow] if part.name in LARGE else []
            name = f"{part.name} {option.name}"
            cases.append(pytest.param(part, option.name, own, id=name, marks=slow))
    return cases


@pytest.mark.parametrize(("part", "name", "own"), examples())
def test_an_option_works_as_shown(part: Any, name: str, own: dict[str, Any]) -> None:
    required = [o.name for o in parts.options(part.function) if o.default is parts.REQUIRED]
    config = {key: own[key] for key in (*required, *NEEDS.get(name, ()), name)}
    offered: dict[str, Any] = {}
    if part.kind == "architectures":
        offered = {"input_shape": SHAPES[part.name], "units": 2}
        if "words" in config:
            offered["input_shape"] = (5,)
    made = construct(part.function, Component(part.name, **config), what="x", offered=offered)
    CHECKS[part.kind](made, name)


def check_architecture(network: Any, option: str) -> None:
    def batch(tensor: Any) -> Any:
        return np.ones((2, *(side or 3 for side in tensor.shape[1:])), "float32")

    inputs = network.input
    rows = list(map(batch, inputs)) if isinstance(inputs, list) else map_arrays(batch, inputs)
    outputs = network(rows)
    outputs = outputs["output"] if isinstance(outputs, dict) else outputs
    steps = (3,) if network.name == "encoder_decoder" else ()
    assert tuple(outputs.shape) == (2, *steps, 2)


def check_preprocessor(preprocessor: Any, option: str) -> None:
    side = 28 if option == "channel" else 60
    raws: Any = {
        "table": Table({name: CELLS[name] for name in ("age", BESIDE_AGE.get(option, "age"))}),
        "text": ["one two three", "four"],
        "sequence": ["ab"] if option == "alphabet" else ["AB"],
        "array": np.ones((2, 60)),
        "image": [np.full((side, side, 3)[: 2 if side == 28 else 3], 7, "uint8")],
    }[preprocessor.kind]  # fmt: skip
    if preprocessor.kind == "sequence":
        raws, _ = preprocessor.samples("abcabc" if option == "alphabet" else "ABCDEF")
    preprocessor.fit(raws)
    tensors, errors = preprocessor.many(raws)
    assert not any(errors)
    shape = preprocessor.shape
    assert isinstance(shape, dict) or tensors.shape == (len(raws), *shape)


def check_decoder(decoder: Any, option: str) -> None:
    labels = getattr(decoder, "values", None) or getattr(decoder, "labels", None) or [1.0, 3.0]
    if isinstance(decoder, Outputs):
        labels = Table({"kind": ["a", "b"], "price": [1.0, 3.0]})
    elif isinstance(decoder, Numbers):
        labels = np.array([[1.0, 2.0], [3.0, 5.0]])
    elif isinstance(decoder, Positions):
        labels = [labels, labels]
    decoder.fit(labels)
    _, errors = decoder.encode(labels)
    assert not any(errors)
    if isinstance(decoder, Outputs):
        assert decoder.units == {"kind": 2, "price": 1}
        return
    steps = (len(labels[0]),) if isinstance(decoder, Positions) else ()
    steps = (decoder.length,) if isinstance(decoder, Text) else steps
    assert len(decoder.decode(np.full((2, *steps, decoder.units), 0.5, "float32"))) == 2


CHECKS = {
    "architectures": check_architecture,
    "preprocessors": check_preprocessor,
    "decoders": check_decoder,
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, struct in parts.column_types().items()
        for name in struct.__struct_fields__
    ],
)
def test_an_option_of_a_column_works_as_shown(kind: str, name: str) -> None:
    shown = parts.examples()[f"tabular/columns {kind}"]
    needs = {"number": ("decimal", "thousands", "unit"), "yes-no": ("yes", "no"),
             "ordered": ("order",), "date": ("format",), "time": ("format",)}  # fmt: skip
    column = {"type": kind, **{key: shown[key] for key in (*needs.get(kind, ()), name)}}
    component = Component("columns", columns={"a": column}, missing="own")
    preprocessor = construct(registry().resolve("preprocessors", component), component, what="x")
    table = Table({"a": COLUMNS[kind]})
    preprocessor.fit(table)
    tensors, errors = preprocessor.many(table)
    assert not any(errors)
    assert tensors.shape == (3, *preprocessor.shape)
