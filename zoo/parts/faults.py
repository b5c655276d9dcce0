"""One door for the errors of inputs: what a part raises for an input becomes that input's error."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.runner import count_samples, fits_shape, map_arrays
from zoo.data.table import Table
from zoo.errors import InputError, place_for_reports, unreadable
from zoo.parts.base import Preprocessor, empty_tensors
from zoo.registry.loading import OWN_DISTRIBUTION, strict
from zoo.registry.registry import registry
from zoo_weights.text import printable

if TYPE_CHECKING:
    from zoo.backend.runner import Shape, Tensors
    from zoo.registry.entries import Entry
    from zoo.registry.loading import Plugin


Prepared = tuple["Tensors", list[InputError | None]]
"""The tensors of the usable inputs, stacked, and an error or None for each input."""


def prepare(preprocessor: Preprocessor, raws: Sequence[Any]) -> Prepared:
    """Return the tensors of the usable inputs, stacked, and one error or None per input.

    An input may be the error that it had when it was read. A batch that fails is tried again input
    by input, so that a bad one costs one error.

    Raises
    ------
    InputError
        If a table cannot be used, whatever its rows: it lacks a column, or nothing was fitted.
    Exception
        What the preprocessor raises, under ``ZOO_STRICT=1``.
    """
    readable = without_errors(raws)
    if len(readable) < len(raws):
        tensors, errors = prepare(preprocessor, readable)
        rest = iter(errors)
        return tensors, [raw if isinstance(raw, InputError) else next(rest) for raw in raws]
    try:
        return _apply(preprocessor, raws)
    except BaseException as error:  # a plugin may exit, or panic in compiled code
        if isinstance(error, InputError) and isinstance(raws, Table):
            _check_table(preprocessor, raws)
        fault = input_error(error, preprocessor)
    if len(raws) > 1:
        return concatenate([prepare(preprocessor, raws[row : row + 1]) for row in range(len(raws))])
    problem = getattr(raws, "problems", {}).get(0)
    if problem is not None:
        fault = InputError(problem, kind="bad-row")
    return empty_tensors(preprocessor.shape), [fault] * len(raws)


def without_errors(raws: Sequence[Any]) -> Sequence[Any]:
    """Return the inputs that could be read."""
    if isinstance(raws, list) and any(isinstance(raw, InputError) for raw in raws):
        return [raw for raw in raws if not isinstance(raw, InputError)]
    return raws


def _check_table(preprocessor: Preprocessor, table: Table) -> None:
    """Raise what is wrong with a table whatever its rows."""
    try:
        preprocessor.many(table[:0])
    except InputError:
        raise
    except Exception:  # it cannot do without rows
        return


def _apply(preprocessor: Preprocessor, raws: Sequence[Any]) -> Prepared:
    """Return what a preprocessor makes of its inputs; raise `TypeError` if it is not what it says.

    It would end the run where the inputs of a batch are put together.
    """
    tensors, found = preprocessor.many(raws)
    errors = [None if error is None else input_error(error, preprocessor) for error in found]
    samples = count_samples(tensors)
    if len(errors) != len(raws) or samples != errors.count(None):
        msg = f"it made {samples} tensors and {len(errors)} results of {len(raws)} inputs"
        raise TypeError(msg)
    map_arrays(_check_array, tensors, preprocessor.shape)
    return tensors, errors


def _check_array(array: Any, shape: Shape) -> None:
    sides = array.shape[1:]
    if not fits_shape(sides, tuple(shape)) or array.dtype.kind not in "fiub":
        msg = f"it made an array of {array.dtype} and shape {sides}, expected numbers of {shape}"
        raise TypeError(msg)


def concatenate(pieces: Sequence[Prepared]) -> Prepared:
    """Return the tensors and errors of several pieces as those of one."""
    import numpy as np

    tensors = pieces[0][0]
    if len(pieces) > 1:
        parts = [tensors for tensors, errors in pieces if None in errors] or [tensors]
        tensors = map_arrays(lambda *arrays: np.concatenate(arrays), *parts)
    return tensors, [error for _, errors in pieces for error in errors]


def input_error(error: BaseException, part: Any) -> InputError:
    """Return the error of an input for whatever a part raised for it.

    Parameters
    ----------
    error
        What was raised.
    part
        The preprocessor or decoder.

    Raises
    ------
    BaseException
        The error itself, if zoo did not foresee it and ``ZOO_STRICT=1``.
    """
    if isinstance(error, InputError):
        return error
    if isinstance(error, MemoryError):
        return InputError("needs more memory than there is; use a smaller one", kind="too-large")
    if isinstance(error, OSError):
        return unreadable(error.filename or "the input", error)
    if strict() or isinstance(error, KeyboardInterrupt):
        raise error
    logging.getLogger("zoo").debug("an internal error became a record", exc_info=error)
    frames = list(traceback.walk_tb(error.__traceback__))
    text = printable(" ".join(str(error).split()))
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    kind = type(part)
    where = f"{kind.__module__}.{kind.__qualname__}"
    if frames:
        frame, line = frames[-1]
        where += f", {Path(frame.f_code.co_filename).name} line {line}"
    owner = _find_guest(kind, [frame.f_globals.get("__name__", "") for frame, _ in frames])
    guest = f"to the authors of plugin {owner.name!r} ({owner.origin})" if owner else ""
    msg = f"internal error in {where}, {what}; please report it {guest or place_for_reports()}"
    return InputError(msg, kind="internal")


def _find_guest(kind: type, modules: Sequence[str]) -> Plugin | None:
    """Return the plugin, other than zoo's own, that has a part's class or code it was running."""
    packages = {name.partition(".")[0] for name in (kind.__module__, *modules)}
    entries: list[Entry[Any]] = [*registry().preprocessors, *registry().decoders]
    for entry in entries:
        own = entry.owner.distribution == OWN_DISTRIBUTION
        runs = entry.value is kind or entry.owner.module.partition(".")[0] in packages
        if runs and not own:
            return entry.owner
    return None
