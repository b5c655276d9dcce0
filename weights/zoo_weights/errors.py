"""What can go wrong with a file of weights or data, each as one sentence for people."""

from __future__ import annotations


class WeightsError(Exception):
    """Base of every error that this package raises on purpose."""


class FetchError(WeightsError):
    """A file could not be brought here."""


class HashMismatch(FetchError):
    """A file is not the one its record names."""


class OfflineError(FetchError):
    """A file is missing and the network may not be used."""


class UnsafeFile(WeightsError):
    """A file that holds something other than plain arrays, or is damaged; it was not read."""


class LayoutMismatch(WeightsError):
    """The weights in a file are not those of the model; nothing was read.

    The message shows what was expected beside what was found.
    """
