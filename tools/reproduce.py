#!/usr/bin/env python3
"""Measures the figures that reproduced.md shows, and keeps them in reproduced.json.

    python tools/reproduce.py                               every model and variant, on one backend
    python tools/reproduce.py mlp-pima --backend torch      what is named, and its variants
    python tools/reproduce.py cnn-mnist --plain             no variants

Every row is measured with the seeds 1 to 5, or 1 to 3 where the spec says that one training takes
over ten minutes. Records of the same model, settings and backend are replaced; the others stay,
those among them that have no word on dead starts: they were measured with seeds chosen otherwise,
and are not judged. ``python tools/generate_docs.py`` then writes the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).parents[1] / "docs"
RECORDS = DOCS / "reproduced.json"


class Row(NamedTuple):
    """What is reproduced: a model, or a variant with figures of its own."""

    model: str
    settings: tuple[str, ...] = ()
    figures: tuple[dict[str, Any], ...] = ()


def main() -> None:
    """Reproduce what is asked for, keeping each record as soon as it is there."""
    parser = argparse.ArgumentParser(description="Measure the figures of reproduced.md.")
    parser.add_argument("models", metavar="MODEL", nargs="*", help="all if none is named")
    parser.add_argument("--backend", choices=("jax", "tensorflow", "torch"), default="jax")
    parser.add_argument("--plain", action="store_true", help="leave the variants out")
    asked = parser.parse_args()
    os.environ["KERAS_BACKEND"] = asked.backend
    from zoo import Figure
    from zoo.training.reproduce import reproduce

    for row in rows(asked.models):
        if row.settings and asked.plain:
            continue
        result = reproduce(
            row.model,
            settings=row.settings,
            figures=[Figure(**figure) for figure in row.figures],
            finished=lambda run: print(run.path, run.metrics, flush=True),
        )
        keep(result.to_dict())


def rows(models: Sequence[str] = ()) -> Iterator[Row]:
    """Yield what there is to reproduce of some models or of all: models first, then variants."""
    from zoo.training.reproduce import reproducible

    tables = tomllib.loads((DOCS / "variants.toml").read_text(encoding="utf-8"))
    yield from (Row(name) for name in models or reproducible())
    for model, table in tables.items():
        for variant in table["variants"] if model in (models or tables) else ():
            figure = {**table["figure"], **variant}
            settings = (*table.get("set", ()), *figure.pop("set"))
            yield Row(model, settings, (figure,))


def records() -> list[dict[str, Any]]:
    """Return the records that are kept, in the order of `rows`."""
    kept = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.is_file() else []
    order = {(row.model, row.settings): place for place, row in enumerate(rows())}
    known = [record for record in kept if _key(record) in order]
    return sorted(known, key=lambda record: (order[_key(record)], record["backend"]))


def keep(new: dict[str, Any]) -> None:
    """Put a record into the place of the one of the same model, settings and backend."""
    del new["runs"]  # folders of the machine that measured it
    old = [r for r in records() if (*_key(r), r["backend"]) != (*_key(new), new["backend"])]
    lines = [json.dumps(record) for record in [*old, new]]
    RECORDS.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def _key(record: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    return record["model"], tuple(record["settings"])


if __name__ == "__main__":
    main()
