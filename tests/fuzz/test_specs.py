"""Specs with any damage: a `SpecError` in one line, or a spec that survives being written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from fuzzing import check_message, corpus, json_values, mutated, watched
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from zoo.errors import SpecError
from zoo.spec.files import read_datasets, read_spec, spec_from_data, spec_to_data, spec_to_toml
from zoo.spec.model import ModelSpec

FILES = sorted(ROOT.glob("plugins/*/models/*.toml"))
SEEDS = [path.read_bytes() for path in FILES]
DATASETS = [path.read_bytes() for path in sorted(ROOT.glob("plugins/*/datasets.toml"))]
SPECS = [spec_to_data(read_spec(path)) for path in FILES]
TOKENS = (
    b"\n[", b"]]\n", b'"""', b"a.b.c = 1\n", b"= [[", b"inf", b"nan", b"9" * 400, b"\xed\xa0\x80",
    b"\\u202e", b"uses = ", b"{", b"}", b"1979-05-27T07:32:00Z", b"\r", b"# ",
)  # fmt: skip


def read(path: Path) -> None:
    for function in (read_spec, read_datasets):
        try:
            with watched():
                result = function(path)
        except SpecError as error:
            check_message(error)
            continue
        if isinstance(result, ModelSpec):
            again = path.with_name("again.toml")
            again.write_text(spec_to_toml(result), encoding="utf-8")
            assert spec_to_data(read_spec(again)) == spec_to_data(result)


@given(content=mutated([*SEEDS, *DATASETS], TOKENS))
def test_any_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    read(path)


@given(data=st.data())
def test_any_json(data: st.DataObject) -> None:
    """As in a bundle: some value of a right spec is replaced by anything."""
    spec = copy.deepcopy(data.draw(st.sampled_from(SPECS)))
    table: Any = spec
    while True:
        key = data.draw(st.sampled_from(sorted(table)))
        if not (isinstance(table[key], dict) and table[key] and data.draw(st.booleans())):
            break
        table = table[key]
    table[key] = data.draw(json_values(spec))
    try:
        with watched():
            spec_from_data(spec, where="x")
    except SpecError as error:
        check_message(error)


@pytest.mark.parametrize("path", corpus("specs"))
def test_kept_cases(path: Path, tmp_path: Path) -> None:
    if path.suffix != ".json":
        copied = tmp_path / "spec.toml"
        copied.write_bytes(path.read_bytes())
        read(copied)
        return
    try:
        spec_from_data(json.loads(path.read_text()), where="x")
    except SpecError as error:
        check_message(error)
