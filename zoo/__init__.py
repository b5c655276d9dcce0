"""zoo: Keras models by name, declared once as data.

``import zoo`` is fast: everything below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.data.table import Table
    from zoo.errors import InputError, ZooError
    from zoo.inference.model import Model, get_model, load
    from zoo.inference.session import Session
    from zoo.parts.base import Choice, Classifier, Decoder, Preprocessor, Regressor, Sequencer
    from zoo.parts.results import Classification, Prediction, RowResult
    from zoo.proposals.propose import propose
    from zoo.registry.hooks import hookimpl
    from zoo.registry.registry import get_spec, list_models
    from zoo.runs.run import Run
    from zoo.spec.component import Component
    from zoo.spec.dataset import Dataset
    from zoo.spec.model import Figure, ModelSpec, Objective, Split, State, Training, Unfreezing
    from zoo.spec.watch import EarlyStopping, ReduceLROnPlateau
    from zoo.training.train import train
    from zoo.tuning.tune import Tuning, tune
    from zoo.updating.ensemble import ensemble
    from zoo.updating.retrain import retrain
    from zoo_weights.records import FileRecord, WeightsRecord

__all__ = [
    "Choice",
    "Classification",
    "Classifier",
    "Component",
    "Dataset",
    "Decoder",
    "EarlyStopping",
    "Figure",
    "FileRecord",
    "InputError",
    "Model",
    "ModelSpec",
    "Objective",
    "Prediction",
    "Preprocessor",
    "ReduceLROnPlateau",
    "Regressor",
    "RowResult",
    "Run",
    "Sequencer",
    "Session",
    "Split",
    "State",
    "Table",
    "Training",
    "Tuning",
    "Unfreezing",
    "WeightsRecord",
    "ZooError",
    "ensemble",
    "get_model",
    "get_spec",
    "hookimpl",
    "list_models",
    "load",
    "propose",
    "retrain",
    "train",
    "tune",
]

_EXPORTS = {
    "zoo.parts.base": "Choice Classifier Decoder Preprocessor Regressor Sequencer",
    "zoo.parts.results": "Classification Prediction RowResult",
    "zoo.data.table": "Table",
    "zoo.errors": "InputError ZooError",
    "zoo.inference.model": "Model get_model load",
    "zoo.registry.hooks": "hookimpl",
    "zoo.registry.registry": "get_spec list_models",
    "zoo.inference.session": "Session",
    "zoo.spec.component": "Component",
    "zoo.spec.dataset": "Dataset",
    "zoo.spec.model": "Figure ModelSpec Objective Split State Training Unfreezing",
    "zoo.spec.watch": "EarlyStopping ReduceLROnPlateau",
    "zoo.proposals.propose": "propose",
    "zoo.runs.run": "Run",
    "zoo.training.train": "train",
    "zoo.tuning.tune": "Tuning tune",
    "zoo.updating.ensemble": "ensemble",
    "zoo.updating.retrain": "retrain",
    "zoo_weights.records": "FileRecord WeightsRecord",
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("keras-zoo")
    if name not in _MODULE_OF:
        msg = f"module 'zoo' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
