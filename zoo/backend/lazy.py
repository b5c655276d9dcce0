"""Modules that load when something of them is first used, not when they are imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def lazily(*names: str) -> Iterator[None]:
    """Let imports of these modules, within, load nothing before an attribute is looked up.

    A module that is missing is missed at once, and one that is loaded stays as it is. Whoever
    imports one of them later gets the real one.
    """
    later = {}
    for name in names:
        package = importlib.util.find_spec(name.partition(".")[0])
        if package is not None and name not in sys.modules:
            later[name] = sys.modules[name] = _Later(name)
            later[name].__spec__ = package
    try:
        yield
    finally:
        for module in later.values():
            module._withdraw()


class _Later(ModuleType):
    """Stands for a module, which it imports when it is asked for anything."""

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":  # `inspect` asks every module for it, to find where code is from
            raise AttributeError(name)
        self._withdraw()
        return getattr(importlib.import_module(self.__name__), name)

    def _withdraw(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
