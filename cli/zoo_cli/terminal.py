"""The one door of text to the terminal: what a stranger wrote is shown and never obeyed."""

from __future__ import annotations

import codecs
import sys

from zoo_weights.text import printable

ESCAPE = "zoo-escape"
"""Error handler of encodings: what cannot be encoded is escaped as in JSON, which stays valid."""


def echo(
    text: object = "", *, err: bool = False, breaks: str | None = None, end: str = "\n"
) -> None:
    """Print text with its control characters and line breaks escaped.

    Parameters
    ----------
    text
        What to print, usually a line.
    err
        Whether to print it on stderr.
    breaks
        The line breaks to keep: ``"\\n"`` for a text of many lines.
    end
        What to print behind it.
    """
    parts = str(text).split(breaks) if breaks else [str(text)]
    shown = (breaks or "").join(printable(part, None) for part in parts)
    print(shown, end=end, file=sys.stderr if err else sys.stdout, flush=True)


def _escape(error: UnicodeError) -> tuple[str, int]:
    import json

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(ESCAPE, _escape)
