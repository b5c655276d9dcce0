"""The HDF5 layout of older Keras: groups named by layer, order kept in attributes.

Datasets in these files have any name (``block1_conv1_W_1:0``), so a weight is known by its layer
and its place in the layer's list, and must have the right shape there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count, takewhile, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UnsafeFile, WeightsError
from .hdf5 import datasets
from .layout import Slot, fits, found_content, refuse
from .text import printable

if TYPE_CHECKING:
    import h5py

_NUMBER = re.compile(r"_\d+$")
_TOP = "top_level_model_weights"


def plan_legacy(
    opened: h5py.File, slots: Sequence[Slot], file: Path, ignore: frozenset[str]
) -> list[h5py.Dataset]:
    """Return the dataset of each slot, in order, once all of them are known to fit.

    Layers are matched by name where both sides have the same names; else by order, if the names
    agree but for the number Keras appends to those it makes up.

    Raises
    ------
    LayoutMismatch, UnsafeFile, WeightsError
        As in `read_weights`.
    """
    root = opened.get("model_weights", opened)
    if root != opened:
        # A whole model saved with its training state keeps the optimizer's beside the weights.
        beside = {"model_weights", "optimizer_weights"}
        others = {k: v for k, v in datasets(opened).items() if k.split("/")[0] not in beside}
        refuse(file, [("nothing", f"{path} {found_content(others[path])}") for path in others])
    found = _layers_found(root, file, ignore)
    expected: dict[str, list[Slot]] = {}
    for slot in slots:
        expected.setdefault(slot.layer, []).append(slot)
    for group in expected.values():
        group.sort(key=lambda slot: slot.index)

    alike = True
    if set(found) == set(expected):
        pairs = [(layer, layer) for layer in expected]
    elif _outline(found) == _outline(expected):
        pairs = list(zip(expected, found, strict=True))
    elif set(found) & set(expected):
        pairs = [(name, name) for name in [*expected, *(n for n in found if n not in expected)]]
    else:
        alike = False
        pairs = list(zip_longest(expected, found, fillvalue=""))

    rows: list[tuple[str, str]] = []
    match: dict[Slot, h5py.Dataset] = {}
    for wanted, held in pairs:
        places = zip_longest(expected.get(wanted, ()), found.get(held, ()))
        for index, (slot, dataset) in enumerate(places):
            if alike and slot and dataset is not None and fits(slot, dataset):
                match[slot] = dataset
                continue
            left = f"{slot.layer}/{index} {slot.name} {slot.content}" if slot else "nothing"
            right = "nothing" if dataset is None else f"{held}/{index} {found_content(dataset)}"
            rows.append((left, right))
    refuse(file, rows)
    return [match[slot] for slot in slots]


def _outline(layers: dict[str, list[Slot]] | dict[str, list[h5py.Dataset]]) -> list[object]:
    """Return names without made-up numbers, and shapes, in order."""
    return [
        (_NUMBER.sub("", name), [tuple(item.shape) for item in items])
        for name, items in layers.items()
    ]


def _layers_found(
    root: h5py.Group, file: Path, ignore: frozenset[str]
) -> dict[str, list[h5py.Dataset]]:
    """Return the datasets of every layer that has any, in the order of the file's own lists."""
    unlisted = datasets(root)
    layers: dict[str, list[h5py.Dataset]] = {}
    names = _texts(root, "layer_names", file)
    # Weights that belong to the model itself, not to a layer; usually there are none.
    for layer in [*names, *([_TOP] if _TOP in root and _TOP not in names else [])]:
        if layer in layers:
            message = f"{printable(str(file))!r} lists layer {printable(layer)!r} twice"
            raise WeightsError(message)
        here = _inside(layer, layer, file) in root
        paths = _texts(root[layer], "weight_names", file) if here else []
        held = [f"{layer}/{_inside(path, layer, file)}" for path in paths]
        missing = [p for i, p in enumerate(held) if p not in unlisted or p in held[:i]]
        if missing:
            message = (
                f"{printable(str(file))!r} lists {printable(missing[0])!r} as a weight, but holds "
                "no such array, or lists it twice"
            )
            raise WeightsError(message)
        taken = [unlisted.pop(path) for path in held]
        if taken and layer not in ignore:
            layers[layer] = taken
    extra = [path for path in unlisted if path.split("/")[0] not in {*ignore, "optimizer_weights"}]
    refuse(file, [("nothing", f"{path} {found_content(unlisted[path])}") for path in extra])
    return layers


def _texts(group: h5py.Group, name: str, file: Path) -> list[str]:
    """Return a list of strings kept in an attribute, or in several if it is too long for one."""
    import numpy as np

    parts = [name] if name in group.attrs else []
    if not parts:
        numbered = takewhile(group.attrs.__contains__, (f"{name}{i}" for i in count()))
        parts = list(numbered)
    texts: list[str] = []
    for part in parts:
        for entry in np.atleast_1d(group.attrs[part]).reshape(-1):
            try:
                texts.append(entry.decode("utf-8") if isinstance(entry, bytes) else str(entry))
            except UnicodeDecodeError as error:
                message = f"{printable(str(file))!r}: {part} in it is not text"
                raise UnsafeFile(message) from error
    return texts


def _inside(path: str, layer: str, file: Path) -> str:
    """Return `path` if it stays in the layer's group."""
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        message = (
            f"{printable(str(file))!r} is refused: layer {printable(layer)!r} names its weight "
            f"{printable(path)!r}, which leads out of the layer; nothing was read"
        )
        raise UnsafeFile(message)
    return path
