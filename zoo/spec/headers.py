"""JSON headers of bundles, decoded and checked; every error names file and header."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from zoo.errors import DamagedHeader
from zoo_weights.bundle import read_headers
from zoo_weights.text import printable


def read_json_headers(
    path: Path, kinds: Mapping[str, Any], *, optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the headers of a bundle, decoded from JSON.

    Parameters
    ----------
    path
        The bundle, or another file of the same layout: a checkpoint, a session.
    kinds
        Type that each header must have, as msgspec takes it.
    optional
        Names of those that may be missing.

    Raises
    ------
    DamagedHeader
        If one is missing, is not JSON, or is of another type.
    zoo_weights.WeightsError
        If the file is not a bundle, or is damaged.
    """
    headers = read_headers(path)
    if missing := sorted(kinds.keys() - headers.keys() - {*optional}):
        msg = f"{path}: is not a complete bundle, it has no {' and no '.join(missing)}"
        raise DamagedHeader(msg)
    return {
        name: _decode(path, name, headers[name], kind)
        for name, kind in kinds.items()
        if name in headers
    }


def _decode(path: Path, name: str, text: str, kind: Any) -> Any:
    try:
        # Not by msgspec: the figures of a training may be NaN.
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()  # fails for half of a surrogate pair
        msgspec.convert(data, kind)
        return data
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        msg = f"{path}: its header {name!r} is damaged: {printable(str(error))}"
        raise DamagedHeader(msg) from None
