"""Modules that Keras imports and zoo does not need stay unloaded until they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zoo.backend.choose import lazy_imports

LEFT_OUT = """
import sys
from zoo.backend.choose import keras
keras = keras()
print(*{"sklearn", "matplotlib.pyplot", "keras.wrappers"} & sys.modules.keys())
"""

USED = """
from keras.src.visualization.plot_image_gallery import plt
import matplotlib.pyplot
print(keras.wrappers.SKLearnClassifier.__mro__[1].__module__)
print(plt.figure is matplotlib.pyplot.figure, type(matplotlib.pyplot).__name__)
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_keras_comes_without_what_few_use() -> None:
    assert python(LEFT_OUT) == "\n"


def test_what_was_left_out_is_there_for_those_who_use_it() -> None:
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module)
    assert python(LEFT_OUT + USED) == "\nsklearn.base\nTrue module\n"


def test_a_module_loads_at_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with lazy_imports("this"):
        import this
    assert "this" not in sys.modules
    assert this.s.startswith("Gur Mra")
    assert sys.modules["this"] is not this


def test_a_missing_module_is_missed_at_once() -> None:
    with lazy_imports("no_such_module"), pytest.raises(ModuleNotFoundError):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401


def test_a_loaded_module_stays_what_it_is() -> None:
    import json

    with lazy_imports("json"):
        import json as again
    assert again is json
