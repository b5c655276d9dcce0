"""Errors a user may see: one sentence with what happened, the value received, and the cure.

``exit_status`` is the exit status of the command line: 2 for wrong usage, 1 for work that failed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class ZooError(Exception):
    """Base of every error that zoo raises on purpose."""

    exit_status = 1


class UsageError(ZooError):
    """The request itself is wrong: an unknown name, a bad value, an unreadable spec."""

    exit_status = 2


class SpecError(UsageError):
    """A model spec that cannot be read; the message names file, path and value."""


class DamagedHeader(UsageError):
    """A bundle whose JSON is damaged, or that lacks some of it."""


class OtherTraining(UsageError):
    """The work to resume was started with another spec, seed, backend or data."""


class UnknownName(UsageError):
    """A name that does not exist, or that more than one plugin owns.

    After the message, its arguments may be the name and those that exist: the closest is suggested
    to whoever reads the message. Many callers only ask whether there is such a name.
    """

    def __str__(self) -> str:
        message, *names = self.args
        return message + did_you_mean(*names) if names else str(message)


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
        Short machine-readable reason: one of `KINDS`, or a plugin's own.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


_MISSING = (FileNotFoundError, NotADirectoryError)


def unreadable(name: object, error: OSError | ValueError) -> InputError:
    """Return the `InputError` of a file that the system cannot open or read."""
    reason = getattr(error, "strerror", None) or error
    return InputError(
        f"{name}: cannot be read, {reason}",
        kind="not-found" if isinstance(error, _MISSING) else "unreadable",
    )


KINDS = {
    "not-found": ("There is no such file.", "Check the path."),
    "unreadable": ("The system cannot open or read the file.", "Check permissions and disk."),
    "not-fetched": ("The URL cannot be fetched.", "Check the address and the network."),
    "empty": ("The file is empty.", "Write or copy the file again."),
    "too-large": (
        "The image, file or text has more pixels, bytes or pieces than are read.",
        "Use a smaller one.",
    ),
    "internal": (
        "An error that zoo did not foresee; the message names the exception.",
        "Run again with `-vv`, and report it with the traceback.",
    ),
    # Images
    "not-an-image": ("The content is not that of a known image format.", "Convert it to PNG."),
    "bad-image": ("The image is damaged or incomplete.", "Copy or export it again."),
    "no-digit": ("The image has a single colour.", "Use an image of a digit."),
    # Tables and texts
    "not-csv": ("The file is not CSV.", "Check its quotes and separators."),
    "not-parquet": ("The file is not parquet.", "Write it again, or use CSV."),
    "not-text": ("The file or line is not UTF-8 text.", "Convert it to UTF-8."),
    "not-installed": ("A package that reads this kind of file is missing.", "Install it."),
    "bad-header": ("A column name occurs more than once.", "Rename the column."),
    "bad-names": ("A column of names has none in the training rows, or too many.", "Leave it out."),
    "bad-table": ("The rows do not make a table.", "Pass a frame, or rows of equal length."),
    "bad-row": ("A cell of the row cannot be used.", "Correct the cell that the message names."),
    "missing-column": ("A column that the model needs is missing.", "Add or rename the column."),
    "bad-target": (
        "There is nothing to learn: the target is empty, constant, or never the same.",
        "Name another column with `--target`.",
    ),
    "no-dates": ("A column of dates or times has none in the training rows.", "Leave it out."),
    "no-words": ("No word of a column of texts is in two training rows.", "Leave it out."),
    "no-numbers": ("A column of numbers has none in the training rows.", "Leave it out."),
    "not-a-number": ("The target is not a number.", "Correct the cell, or name another target."),
    "no-rows": ("There are no rows left to work with.", "Pass more rows."),
    "not-a-text": ("The value is not a text.", "Pass texts."),
    "empty-text": ("The text is empty.", "Leave it out."),
    "bad-number": ("A word number is negative.", "Encode the text again."),
    "unknown-letter": ("The model does not know the letter.", "Use those of its training."),
    "too-short": ("The sequence is shorter than the model needs.", "Pass a longer one."),
    "bad-length": ("The sequence does not have the model's length.", "Cut it to that length."),
    # Labels and datasets
    "ambiguous-class": ("Several classes have the label.", "Use the value or the id of one."),
    "unknown-class": ("The label is not one of the model's classes.", "Correct the label."),
    "wrong-classes": ("The target does not have two classes.", "Name another target."),
    "not-a-folder": ("There is no such folder.", "Pass a folder with one folder per class."),
    "empty-class": ("The folder of a class has no images.", "Add images, or remove it."),
    "too-few-classes": ("The folder has fewer than two classes.", "Add a folder per class."),
    "not-here": ("The dataset is not on this machine.", "`zoo data add NAME FILE`."),
    "wrong-content": ("A dataset's file holds something else.", "Get the right file."),
    "changed-data": ("The rows are not those of the training.", "Pass labelled data."),
    "bad-container": ("The file does not hold plain arrays (npz or IDX).", "Save it again."),
    # Arrays
    "wrong-type": ("The value is not of a type that images can have.", "Convert it."),
    "wrong-shape": ("The array is not an image.", "Pass one of shape (height, width, 3)."),
    "bad-shape": ("An array does not have the network's shape.", "Reshape it."),
    "bad-dtype": ("An array does not hold finite numbers.", "Convert it."),
    # Models
    "not-fitted": ("The model has not seen any training rows.", "Train it first."),
    "no-probabilities": ("The network's outputs are not probabilities.", "Check its head."),
    "not-finite": ("The network's outputs are not finite.", "Check weights and inputs."),
}
"""The kinds of `InputError`, each with its cause and its cure; docs/errors.md shows them."""


MIN_RATIO, VERY_CLOSE, MAX_SUGGESTIONS = 0.6, 0.8, 5
"""How similar a name that `did_you_mean` suggests is at least, up to 1, and how many there are."""


class TrainingError(ZooError):
    """Training could not start or continue."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``" Did you mean 'x' or 'y'?"`` for those that are closest, or an empty string.

    Where none is very close, those of which it is a whole word come before others.
    """
    import difflib  # only on failure: its import costs as much as click's
    import re

    matcher, ratios = difflib.SequenceMatcher(b=name), {}
    for other in sorted(set(candidates)):
        matcher.set_seq1(other)
        ratios[other] = matcher.ratio()
    if max(ratios.values(), default=1.0) < VERY_CLOSE:
        words = {n: ratios[n] for n in ratios if name in re.split(r"[^0-9A-Za-z]+", n)}
        ratios = words or {n: ratio for n, ratio in ratios.items() if ratio >= MIN_RATIO}
    best = max(ratios.values(), default=0.0)
    close = [repr(other) for other, ratio in ratios.items() if ratio == best]
    return f" Did you mean {join_or(close[:MAX_SUGGESTIONS])}?" if close and name else ""


def join_or(names: Sequence[str]) -> str:
    """Return names as ``"a, b or c"``."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def is_expected(error: BaseException) -> bool:
    """Whether an error is a message for users: one of zoo's, or of ``zoo_weights``."""
    weights = sys.modules.get("zoo_weights.errors")
    return isinstance(error, ZooError) or (
        weights is not None and isinstance(error, weights.WeightsError)
    )


@contextmanager
def report_damage(path: Path, cure: str) -> Iterator[None]:
    """Turn whatever reading a damaged file of ours raises into one `TrainingError`.

    Parameters
    ----------
    path
        The file.
    cure
        What the user can do.
    """
    from zoo_weights.errors import WeightsError

    try:
        yield
    except DamagedHeader as error:
        msg = f"{error}; {cure}"
        raise TrainingError(msg) from error
    except ZooError:
        raise
    except (WeightsError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
            ValueError) as error:  # fmt: skip
        reason = " ".join(str(error).split()) if isinstance(error, WeightsError) else "its content"
        msg = f"{path}: cannot be resumed, it is damaged ({reason}); {cure}"
        raise TrainingError(msg) from error


def describe(error: BaseException, output: str) -> str:
    """Return the sentence that tells any error: what happened, and what to do about it.

    Parameters
    ----------
    error
        The error.
    output
        What was being written if a failing write does not say it.
    """
    from zoo_weights.errors import describe_system_error

    if is_expected(error):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory; pass less data at once (--batch-size), or use a larger machine"
    if isinstance(error, OSError) and error.errno is not None:
        return describe_system_error(error, output)
    text = " ".join(str(error).split())
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"internal error: {what}; run again with -vv and report it {place_for_reports()}"


def place_for_reports() -> str:
    """Return where the package's metadata says that errors are reported."""
    from importlib import metadata

    try:
        links = metadata.metadata("keras-zoo").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        links = []
    addresses = dict(link.split(", ", 1) for link in links)
    return f"at {addresses['Issues']}" if "Issues" in addresses else "to the authors of keras-zoo"


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
