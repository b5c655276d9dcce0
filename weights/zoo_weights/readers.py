"""Reading weights into a model's order: everything is compared first, then read one at a time.

Three layouts, told apart by content and never by file name: Keras 3 (``keras``), the HDF5 of
older Keras (``keras-legacy``) and zoo's own (``bundle``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import read_array
from .errors import WeightsError
from .hdf5 import damage, datasets, open_checked
from .layout import Slot, fits, found_content, refuse
from .legacy import plan_legacy
from .text import printable

if TYPE_CHECKING:
    import h5py
    import numpy as np

BUNDLE_VERSION = 1
_KERAS_GROUPS = frozenset({"layers", "_layer_checkpoint_dependencies", "vars"})


def read_weights(
    file: Path,
    slots: Sequence[Slot],
    *,
    format: str | None = None,
    ignore: Sequence[str] = (),
) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    """Read the weights of a model, one at a time.

    Names, order, shapes and dtypes of all weights are compared with `slots` before the first is
    read. Floating numbers may have another width; everything else must be equal.

    Parameters
    ----------
    file
        A weights file in one of the three layouts.
    slots
        Every weight of the model.
    format
        ``"keras"``, ``"keras-legacy"`` or ``"bundle"``, which the file must then be; None takes
        what it is.
    ignore
        Layers that may be in the file although the model does not have them.

    Yields
    ------
    position : int
        Index into `slots`.
    array : numpy.ndarray
        Of exactly the slot's shape and dtype, C-contiguous, aligned to 64 bytes, and the
        caller's to keep.

    Raises
    ------
    LayoutMismatch
        The file has other weights; the message shows the difference.
    UnsafeFile
        The file holds something that no weights file needs, or is damaged.
    WeightsError
        The file has another layout than `format`, or none of the three.
    """
    with open_checked(Path(file)) as opened:
        with damage(Path(file)):
            plan = _plan(opened, slots, Path(file), format, frozenset(ignore))
        for position, dataset in enumerate(plan):
            with damage(Path(file)):
                array = read_array(dataset, slots[position])
            yield position, array


def detect_format(file: Path) -> str:
    """Return ``"keras"``, ``"keras-legacy"`` or ``"bundle"``, judged by content.

    Raises
    ------
    UnsafeFile, WeightsError
        It cannot be opened safely, or is none of the three.
    """
    with open_checked(Path(file)) as opened, damage(Path(file)):
        return _format_of(opened, Path(file))


def check_version(opened: h5py.File, file: Path) -> None:
    """Raise `WeightsError` unless this is a bundle of a version that can be read."""
    version = opened.attrs.get("zoo_bundle")
    if version is None:
        message = f"{printable(str(file))!r} is not a zoo bundle: it has no `zoo_bundle` attribute"
        raise WeightsError(message)
    if version != BUNDLE_VERSION:
        message = (
            f"{printable(str(file))!r} is a bundle of version {printable(str(version), 20)}; this "
            f"zoo reads version {BUNDLE_VERSION}: upgrade keras-zoo"
        )
        raise WeightsError(message)


def _format_of(opened: h5py.File, file: Path) -> str:
    if "zoo_bundle" in opened.attrs:
        check_version(opened, file)
        return "bundle"
    names = {"layer_names", "layer_names0"}
    if "model_weights" in opened or names & set(opened.attrs):
        return "keras-legacy"
    if _KERAS_GROUPS & set(opened):
        return "keras"
    message = (
        f"{printable(str(file))!r} is an HDF5 file but holds no weights in a layout that zoo "
        "knows: Keras 3 `.weights.h5`, legacy Keras `.h5`, or a zoo bundle"
    )
    raise WeightsError(message)


def _plan(
    opened: h5py.File,
    slots: Sequence[Slot],
    file: Path,
    format: str | None,
    ignore: frozenset[str],
) -> list[h5py.Dataset]:
    """Return the dataset of each slot, in order, once all of them are known to fit."""
    found = _format_of(opened, file)
    if format is not None and format != found:
        message = f"{printable(str(file))!r} is in format {found!r}, not {format!r} as declared"
        raise WeightsError(message)
    if found == "keras-legacy":
        return plan_legacy(opened, slots, file, ignore)
    return _plan_keras(opened, slots, file, ignore, found)


def _plan_keras(
    opened: h5py.File, slots: Sequence[Slot], file: Path, ignore: frozenset[str], found: str
) -> list[h5py.Dataset]:
    """Match by path. A bundle has the same layout below `weights`."""
    held = datasets(opened)
    prefix, beside = ("weights/", "header/") if found == "bundle" else ("", "optimizer/")
    # Keras 2.13 called the group of layers by another name.
    old = prefix == "" and "_layer_checkpoint_dependencies" in opened and "layers" not in opened

    def place(slot: Slot) -> str:
        head, _, rest = slot.path.partition("/")
        return f"_layer_checkpoint_dependencies/{rest}" if old and head == "layers" else slot.path

    rows: list[tuple[str, str]] = []
    plan: list[h5py.Dataset] = []
    for slot in slots:
        dataset = held.pop(prefix + place(slot), None)
        if dataset is None:
            rows.append((f"{slot.path} {slot.content}", "nothing"))
        elif not fits(slot, dataset):
            rows.append((f"{slot.path} {slot.content}", found_content(dataset)))
        plan.append(dataset)
    for path, dataset in held.items():
        parts = path.removeprefix(prefix).split("/")
        # Of a file with an optimizer only the weights are wanted; RNG state is no weight, and a
        # model seeds its own.
        if path.startswith(beside) or "seed_generator" in parts:
            continue
        if len(parts) > 1 and parts[1] in ignore:
            continue
        rows.append(("nothing", f"{path} {found_content(dataset)}"))
    refuse(file, rows)
    return plan
