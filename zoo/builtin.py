"""What every spec may name, whichever plugins are installed; registered through the same hooks."""

from __future__ import annotations

from collections.abc import Callable

from zoo.registry.hooks import hookimpl

Register = Callable[..., None]


@hookimpl
def register_architectures(register: Register) -> None:
    """Name the network that ensembles have."""
    register("ensemble", "zoo.members:ensemble")


@hookimpl
def register_preprocessors(register: Register) -> None:
    """Name the preprocessing of ensembles whose members do not share one."""
    register("members", "zoo.members:Members")
