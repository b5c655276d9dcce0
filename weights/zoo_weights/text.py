"""Escape text from a file or a server for the terminal."""

from __future__ import annotations


def printable(text: str, limit: int = 200) -> str:
    """Return `text` with unprintable characters escaped, cut to `limit` characters.

    A name stored in a file may hold terminal control sequences, line breaks or marks that
    reverse the reading direction; printed raw, they would change what the user sees.

    >>> printable("conv\\x1b[2J")
    'conv\\\\x1b[2J'
    """
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text[:limit]
    )
    return shown if len(text) <= limit else f"{shown}…"
