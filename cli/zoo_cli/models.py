"""``MODEL|BUNDLE`` on the command line."""

from __future__ import annotations

from pathlib import Path

import zoo


def model_or_bundle(name: str, weights: str | None = None) -> zoo.Model:
    """Return a model by its name, or from a bundle file or run folder.

    A registered name wins over a file of the same name; a path with a separator is a path.
    """
    from zoo.errors import UnknownName, UsageError

    try:
        model = zoo.get_model(name, weights=_weights(weights))
    except UnknownName:
        if not Path(name).exists():
            raise
        if weights is not None:
            msg = f"{name} has its own weights; --weights {weights} is for models by name"
            raise UsageError(msg) from None
        return zoo.load(name)
    return model


def _weights(text: str | None) -> str | None:
    if text is None:
        return "default"
    return None if text == "none" else text
