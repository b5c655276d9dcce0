#!/usr/bin/env python3
"""Measure the figures of reproduced.md and store them in reproduced.json.

    python tools/reproduce.py                               every model and variant, on JAX
    python tools/reproduce.py mlp-pima --backend torch      one model and its variants
    python tools/reproduce.py cnn-mnist --plain             no variants

Every row is measured with seeds 1 to 5, or 1 to 3 if the spec says that one training takes over ten
minutes. Records of the same model, settings and backend are replaced; the others stay. Records
without dead starts are older: their seeds were chosen otherwise, and they are not judged.
``python tools/generate_docs.py`` then writes the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).parents[1] / "docs"
RECORDS = DOCS / "reproduced.json"


class Row(NamedTuple):
    """A model to reproduce, or a variant with figures of its own."""

    model: str
    settings: tuple[str, ...] = ()
    figures: tuple[dict[str, Any], ...] = ()


def main() -> None:
    """Reproduce the selected models, saving each record as soon as it is measured."""
    parser = argparse.ArgumentParser(description="Measure the figures of reproduced.md.")
    parser.add_argument("models", metavar="MODEL", nargs="*", help="all by default")
    parser.add_argument("--backend", choices=("jax", "tensorflow", "torch"), default="jax")
    parser.add_argument("--plain", action="store_true", help="leave the variants out")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    from zoo import Figure
    from zoo.training.reproduce import reproduce

    for row in rows(options.models):
        if row.settings and options.plain:
            continue
        result = reproduce(
            row.model,
            settings=row.settings,
            figures=[Figure(**figure) for figure in row.figures],
            finished=lambda run: print(run.path, run.metrics, flush=True),
        )
        save_record(result.to_dict())


def rows(models: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows of some models or of all: models first, then variants."""
    from zoo.training.reproduce import reproducible_models

    tables = tomllib.loads((DOCS / "variants.toml").read_text(encoding="utf-8"))
    yield from (Row(name) for name in models or reproducible_models())
    for model, table in tables.items():
        for variant in table["variants"] if model in (models or tables) else ():
            figure = {**table["figure"], **variant}
            settings = (*table.get("set", ()), *figure.pop("set"))
            yield Row(model, settings, (figure,))


def missing_records() -> list[dict[str, Any]]:
    """Return a record without values for each variant, and each figure of a photo, without one."""
    from msgspec.structs import asdict

    from zoo import Figure, get_spec, list_models

    measured = {_key(record) for record in load_records()}
    missing = [
        (row.model, row.settings, Figure(**figure))
        for row in rows()
        for figure in row.figures
        if (row.model, row.settings) not in measured
    ]
    figures = [(name, figure) for name in list_models() for figure in get_spec(name).figures]
    missing += [(name, figure.settings, figure) for name, figure in figures if figure.needs]
    nothing: dict[str, Any] = {"backend": "", "seeds": [], "dead": []}
    empty = {"values": [], "median": None, "passed": False}
    return [
        {**nothing, "model": model, "settings": settings, "figures": [{**asdict(figure), **empty}]}
        for model, settings, figure in missing
    ]


def load_records() -> list[dict[str, Any]]:
    """Return the stored records of `rows`, in their order."""
    records = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.is_file() else []
    known = {(row.model, row.settings) for row in rows()}
    return in_order(record for record in records if _key(record) in known)


def in_order(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records in the order of `rows`, then the others."""
    order = {(row.model, row.settings): place for place, row in enumerate(rows())}
    last = len(order)
    return sorted(records, key=lambda record: (order.get(_key(record), last), record["backend"]))


def save_record(new: dict[str, Any]) -> None:
    """Store a record, replacing the one of the same model, settings and backend."""
    del new["runs"]  # folders on the machine that measured it
    old = [r for r in load_records() if (*_key(r), r["backend"]) != (*_key(new), new["backend"])]
    lines = [json.dumps(record) for record in [*old, new]]
    RECORDS.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def _key(record: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    return record["model"], tuple(record["settings"])


if __name__ == "__main__":
    main()
