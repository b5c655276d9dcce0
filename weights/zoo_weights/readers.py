"""Read the headers of a bundle, and weights in a model's order.

Of weights, everything is compared first; then they are read one array at a time. The layout is
detected by content, never by file name: Keras 3 (``keras``), the HDF5 of older Keras
(``keras-legacy``) or zoo's own (``bundle``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import Slot, content_of, fits_slot, read_array, refuse
from .errors import UnsafeFile, WeightsError
from .files import has_checksum
from .hdf5 import collect_datasets, open_checked, report_damage
from .legacy import plan_legacy
from .text import printable

if TYPE_CHECKING:
    import h5py
    import numpy as np

BUNDLE_VERSION = 2
"""Version 2 ends with a checksum, see `zoo_weights.files`; version 1 had none and is read."""

MAX_HEADER_BYTES = 256 << 20
"""Limit on the headers of a bundle together."""

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
    read. Floats may differ in width; everything else must be equal.

    Parameters
    ----------
    file
        A weights file in one of the three layouts.
    slots
        Every weight of the model.
    format
        ``"keras"``, ``"keras-legacy"`` or ``"bundle"``: the layout the file must have; None
        accepts any.
    ignore
        Layers that the file may have and the model does not.

    Yields
    ------
    position : int
        Index into `slots`.
    array : numpy.ndarray
        Of exactly the slot's shape and dtype, C-contiguous, aligned to 64 bytes, owned by the
        caller.

    Raises
    ------
    LayoutMismatch
        The file has other weights; the message lists the differences.
    UnsafeFile
        The file holds something that weights do not need, or is damaged.
    WeightsError
        The layout of the file is not `format`, or none of the three.
    """
    with open_checked(Path(file)) as opened:
        with report_damage(Path(file)):
            plan = _plan(opened, slots, Path(file), format, frozenset(ignore))
        for position, dataset in enumerate(plan):
            with report_damage(Path(file)):
                array = read_array(dataset, slots[position])
            yield position, array


def detect_format(file: Path) -> str:
    """Return ``"keras"``, ``"keras-legacy"`` or ``"bundle"``, detected by content.

    Raises
    ------
    UnsafeFile, WeightsError
        The file cannot be opened safely, or has none of the three layouts.
    """
    with open_checked(Path(file)) as opened, report_damage(Path(file)):
        return _format_of(opened, Path(file))


def read_headers(path: Path) -> dict[str, str]:
    """Return the JSON texts of a bundle by name, without reading its weights.

    Raises
    ------
    UnsafeFile
        The file is refused, or a header is too large or not text.
    WeightsError
        It is not a bundle, or its version is not supported.
    """
    headers: dict[str, str] = {}
    with open_checked(Path(path)) as opened, report_damage(Path(path)):
        check_version(opened, Path(path))
        total = 0
        for name, item in opened["header"].items() if "header" in opened else ():
            shown = f"header {printable(name)!r} of {printable(str(path))!r}"
            shape = getattr(item, "shape", None)  # a group has none
            if shape is None or len(shape) != 1 or item.dtype != "uint8":
                message = f"{shown} is refused: it is not a plain row of bytes"
                raise UnsafeFile(message)
            total += shape[0]
            if total > MAX_HEADER_BYTES:
                message = f"{shown} is refused: the headers have more than {MAX_HEADER_BYTES} bytes"
                raise UnsafeFile(message)
            slot = Slot("header", 0, name, shape, "uint8", name)
            try:
                headers[name] = read_array(item, slot).tobytes().decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"{shown} is refused: it is not UTF-8 text"
                raise UnsafeFile(message) from error
    return headers


def check_version(opened: h5py.File, file: Path) -> None:
    """Raise `WeightsError` unless the file is a bundle of a supported version."""
    version = opened.attrs.get("zoo_bundle")
    if version is None:
        message = f"{printable(str(file))!r} is not a zoo bundle: it has no `zoo_bundle` attribute"
        raise WeightsError(message)
    if version not in range(1, BUNDLE_VERSION + 1):
        message = (
            f"{printable(str(file))!r} is a bundle of version {printable(str(version), 20)}; this "
            f"zoo reads versions up to {BUNDLE_VERSION}: upgrade keras-zoo"
        )
        raise WeightsError(message)
    if version != 1 and not has_checksum(file):
        message = f"{printable(str(file))!r} is damaged or truncated: its checksum is missing"
        raise UnsafeFile(message)


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
    """Return the dataset of each slot, in order, after checking that all fit."""
    actual = _format_of(opened, file)
    if format is not None and format != actual:
        message = f"{printable(str(file))!r} is in format {actual!r}, not {format!r} as declared"
        raise WeightsError(message)
    if actual == "keras-legacy":
        return plan_legacy(opened, slots, file, ignore)
    return _plan_keras(opened, slots, file, ignore, actual)


def _plan_keras(
    opened: h5py.File, slots: Sequence[Slot], file: Path, ignore: frozenset[str], format: str
) -> list[h5py.Dataset]:
    """Match by path; a bundle has the layout of Keras 3 below ``weights``."""
    stored = collect_datasets(opened)
    prefix, other = ("weights/", "header/") if format == "bundle" else ("", "optimizer/")
    # Keras 2.13 had another name for the group of layers.
    old = prefix == "" and "_layer_checkpoint_dependencies" in opened and "layers" not in opened

    def path_of(slot: Slot) -> str:
        head, _, rest = slot.path.partition("/")
        return f"_layer_checkpoint_dependencies/{rest}" if old and head == "layers" else slot.path

    differences: list[tuple[str, str]] = []
    plan: list[h5py.Dataset] = []
    for slot in slots:
        dataset = stored.pop(prefix + path_of(slot), None)
        if dataset is None:
            differences.append((f"{slot.path} {slot.content}", "nothing"))
        elif not fits_slot(slot, dataset):
            differences.append((f"{slot.path} {slot.content}", content_of(dataset)))
        plan.append(dataset)
    for path, dataset in stored.items():
        parts = path.removeprefix(prefix).split("/")
        # Not weights: the optimizer, and RNG state, which a model seeds itself.
        if path.startswith(other) or "seed_generator" in parts:
            continue
        if len(parts) > 1 and parts[1] in ignore:
            continue
        differences.append(("nothing", f"{path} {content_of(dataset)}"))
    refuse(file, differences)
    return plan
