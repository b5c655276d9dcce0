"""Errors about files of weights and data; each message is one sentence for people."""

from __future__ import annotations


class WeightsError(Exception):
    """Base class of the errors that this package raises on purpose.

    `exit_status` is that of a command it ends: 2 if the request itself was wrong.
    """

    exit_status = 1


class CannotWrite(WeightsError, OSError):
    """A file could not be written; nothing partial has its name.

    `exit_status` is 1 if the disk is full.
    """

    exit_status = 2


class FetchError(WeightsError):
    """A file could not be fetched."""


class HashMismatch(FetchError):
    """A file does not have the hash in its record."""


class OfflineError(FetchError):
    """A file is missing and zoo is offline."""


class UnsafeFile(WeightsError):
    """A file holds something other than plain arrays, or is damaged; it was not read."""


class LayoutMismatch(WeightsError):
    """The weights in a file do not match the model; nothing was read.

    The message shows what was expected next to what was found.
    """
