"""The HDF5 layout of older Keras: one group per layer, with the order in attributes.

Datasets in these files have arbitrary names (``block1_conv1_W_1:0``), so a weight is identified by
its layer and its position in the layer's list, and must have the right shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count, takewhile, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from .arrays import Slot, content_of, fits_slot, refuse
from .errors import UnsafeFile, WeightsError
from .hdf5 import collect_datasets
from .text import printable

if TYPE_CHECKING:
    import h5py

_NUMBER = re.compile(r"_\d+$")
_TOP = "top_level_model_weights"


def plan_legacy(
    opened: h5py.File, slots: Sequence[Slot], file: Path, ignore: frozenset[str]
) -> list[h5py.Dataset]:
    """Return the dataset of each slot, in order, after checking that all fit.

    Layers are matched by name where both sides have the same names; else by order, if the names
    are equal except for the numbers that Keras appends to generated names.

    Raises
    ------
    LayoutMismatch, UnsafeFile, WeightsError
        As in `read_weights`.
    """
    root = opened.get("model_weights", opened)
    if root != opened:
        # A model saved with its training state has the optimizer's next to the weights.
        allowed = {"model_weights", "optimizer_weights"}
        others = {
            k: v for k, v in collect_datasets(opened).items() if k.split("/")[0] not in allowed
        }
        refuse(file, [("nothing", f"{path} {content_of(others[path])}") for path in others])
    stored = _read_layers(root, file, ignore)
    expected: dict[str, list[Slot]] = {}
    for slot in slots:
        expected.setdefault(slot.layer, []).append(slot)
    for group in expected.values():
        group.sort(key=lambda slot: slot.index)

    comparable = True
    if set(stored) == set(expected):
        pairs = [(layer, layer) for layer in expected]
    elif _outline(stored) == _outline(expected):
        pairs = list(zip(expected, stored, strict=True))
    elif set(stored) & set(expected):
        pairs = [(name, name) for name in [*expected, *(n for n in stored if n not in expected)]]
    else:
        comparable = False
        pairs = list(zip_longest(expected, stored, fillvalue=""))

    differences: list[tuple[str, str]] = []
    match: dict[Slot, h5py.Dataset] = {}
    for layer, source in pairs:
        weights = zip_longest(expected.get(layer, ()), stored.get(source, ()))
        for index, (slot, dataset) in enumerate(weights):
            if comparable and slot and dataset is not None and fits_slot(slot, dataset):
                match[slot] = dataset
                continue
            left = f"{slot.layer}/{index} {slot.name} {slot.content}" if slot else "nothing"
            right = "nothing" if dataset is None else f"{source}/{index} {content_of(dataset)}"
            differences.append((left, right))
    refuse(file, differences)
    return [match[slot] for slot in slots]


def _outline(layers: dict[str, list[Slot]] | dict[str, list[h5py.Dataset]]) -> list[object]:
    """Return layer names without generated numbers, and shapes, in order."""
    return [
        (_NUMBER.sub("", name), [tuple(item.shape) for item in items])
        for name, items in layers.items()
    ]


def _read_layers(
    root: h5py.Group, file: Path, ignore: frozenset[str]
) -> dict[str, list[h5py.Dataset]]:
    """Return the datasets of each layer that has any, in the order of the file's lists."""
    unlisted = collect_datasets(root)
    layers: dict[str, list[h5py.Dataset]] = {}
    listed = _read_strings(root, "layer_names", file)
    # Weights of the model itself, not of a layer; rare.
    for layer in [*listed, *([_TOP] if _TOP in root and _TOP not in listed else [])]:
        if layer in layers:
            message = f"{printable(str(file))!r} lists layer {printable(layer)!r} twice"
            raise WeightsError(message)
        exists = _check_inside(layer, layer, file) in root
        names = _read_strings(root[layer], "weight_names", file) if exists else []
        paths = [f"{layer}/{_check_inside(name, layer, file)}" for name in names]
        missing = [p for i, p in enumerate(paths) if p not in unlisted or p in paths[:i]]
        if missing:
            message = (
                f"{printable(str(file))!r} lists {printable(missing[0])!r} as a weight, but "
                "does not hold it, or lists it twice"
            )
            raise WeightsError(message)
        weights = [unlisted.pop(path) for path in paths]
        if weights and layer not in ignore:
            layers[layer] = weights
    extra = [path for path in unlisted if path.split("/")[0] not in {*ignore, "optimizer_weights"}]
    refuse(file, [("nothing", f"{path} {content_of(unlisted[path])}") for path in extra])
    return layers


def _read_strings(group: h5py.Group, name: str, file: Path) -> list[str]:
    """Return the list of strings in an attribute, or in numbered ones if one is too small."""
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


def _check_inside(path: str, layer: str, file: Path) -> str:
    """Return `path` if it stays in the group of the layer, else raise `UnsafeFile`."""
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        message = (
            f"{printable(str(file))!r} is refused: layer {printable(layer)!r} names its weight "
            f"{printable(path)!r}, which leads out of the layer; nothing was read"
        )
        raise UnsafeFile(message)
    return path
