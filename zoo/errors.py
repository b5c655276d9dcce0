"""Errors a user may see: one sentence with what happened, the value received, and the cure.

``exit_status`` is the exit status of the command line: 2 for wrong usage, 1 for work that failed.
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
    """The work to resume was started with another spec, seed, backend or data."""


class UnknownName(UsageError):
    """A name that does not exist, or that more than one plugin owns."""


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
        The sentence for users.
    kind
        Short machine-readable reason, such as ``"not-found"`` or ``"bad-image"``.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def unreadable(name: object, error: OSError | ValueError) -> InputError:
    """Return the `InputError` of a file that the system cannot open or read."""
    kind = "not-found" if isinstance(error, FileNotFoundError) else "unreadable"
    reason = getattr(error, "strerror", None) or error
    return InputError(f"{name}: cannot be read, {reason}", kind=kind)


class TrainingError(ZooError):
    """Training could not start or continue."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest candidate, or an empty string."""
    import difflib  # only on failure: its import costs as much as click's

    close = difflib.get_close_matches(name, sorted(set(candidates)), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def is_expected(error: BaseException) -> bool:
    """Whether an error is a message for users: one of zoo's, or of ``zoo_weights``."""
    weights = sys.modules.get("zoo_weights.errors")
    return isinstance(error, ZooError) or (
        weights is not None and isinstance(error, weights.WeightsError)
    )


def require(package: str, what: str, *, extra: str) -> None:
    """Raise `UsageError` unless a package is installed.

    Parameters
    ----------
    package
        Name of the package to import.
    what
        What needs it, as a sentence.
    extra
        The extra of ``keras-zoo`` that installs it.
    """
    try:
        importlib.import_module(package)
    except ImportError:
        msg = f"{what}; run: pip install 'keras-zoo[{extra}]'"
        raise UsageError(msg) from None
