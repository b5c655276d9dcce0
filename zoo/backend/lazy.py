"""Modules that load when they are first used, not when they are imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def lazy_imports(*names: str) -> Iterator[None]:
    """Defer loading modules that are imported within, until an attribute is read.

    A missing module still raises at once, and a loaded one stays as it is. Imports after the
    context get the real module.
    """
    placeholders = {}
    for name in names:
        package = importlib.util.find_spec(name.partition(".")[0])
        if package is not None and name not in sys.modules:
            placeholders[name] = sys.modules[name] = _LazyModule(name)
            placeholders[name].__spec__ = package
    try:
        yield
    finally:
        for module in placeholders.values():
            module._withdraw()


class _LazyModule(ModuleType):
    """A placeholder that imports its module when an attribute is read."""

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":  # `inspect` reads it from every module to locate code
            raise AttributeError(name)
        self._withdraw()
        return getattr(importlib.import_module(self.__name__), name)

    def _withdraw(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
