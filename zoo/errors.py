"""Errors a user may meet: one sentence with what, the value received, what would be right.

``exit_status`` is what the command line ends with: 2 for wrong usage, 1 for work that failed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable


class ZooError(Exception):
    """Base of every error that zoo raises on purpose."""

    exit_status = 1


class UsageError(ZooError):
    """The request itself is wrong: an unknown name, a bad value, an unreadable spec."""

    exit_status = 2


class SpecError(UsageError):
    """A model spec that cannot be read; the message names file, path and value."""


class OtherTraining(UsageError):
    """What is to go on was begun with another spec, seed or backend, or with other data."""


class UnknownName(UsageError):
    """A name that nothing has, or that more than one plugin owns."""


class PluginError(ZooError):
    """A plugin that breaks the rules; raised only under ``ZOO_STRICT=1``."""


class BackendError(UsageError):
    """No usable backend or device, or one that conflicts with the Keras already imported."""


class WeightsMissing(UsageError):
    """The model is known but has no weights to work with."""


class InputError(ZooError):
    """One input that cannot be used; becomes the error of its record, never the end of the job.

    Parameters
    ----------
    message
        The sentence for people.
    kind
        Short machine-readable reason, such as ``"not-found"`` or ``"bad-image"``.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def unreadable(name: object, error: OSError) -> InputError:
    """Return what a file that the system cannot open or read is for its record."""
    kind = "not-found" if isinstance(error, FileNotFoundError) else "unreadable"
    return InputError(f"{name}: cannot be read, {error.strerror or error}", kind=kind)


class TrainingError(ZooError):
    """Training could not start or could not go on."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest candidate, or an empty string."""
    import difflib  # only on failure: it costs as much as click

    close = difflib.get_close_matches(name, sorted(set(candidates)), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def is_expected(error: BaseException) -> bool:
    """Whether an error is a sentence for people: zoo's own, or the weights room's."""
    weights = sys.modules.get("zoo_weights.errors")
    return isinstance(error, ZooError) or (
        weights is not None and isinstance(error, weights.WeightsError)
    )


def require(package: str, what: str, *, extra: str) -> None:
    """Raise `UsageError` unless a package is installed.

    Parameters
    ----------
    package
        What is imported.
    what
        Who needs it, as a sentence.
    extra
        The extra of zoo's own package that brings it.
    """
    try:
        importlib.import_module(package)
    except ImportError:
        msg = f"{what}; run: pip install 'keras-zoo[{extra}]'"
        raise UsageError(msg) from None
