"""scikit-learn estimators of zoo's models: ``ZooClassifier("mlp-pima", epochs=150)``.

They can be cloned, searched, pickled and put into pipelines like scikit-learn's own. Needs the
extra ``sklearn``.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from zoo.backend.choose import keras
from zoo.backend.network import weight_arrays
from zoo.data.labelled import LabelledRows
from zoo.data.table import Table, take
from zoo.errors import InputError, TrainingError, UsageError, ZooError
from zoo.inference.base import BUNDLE
from zoo.inference.measure import true_classes
from zoo.inference.model import Model
from zoo.numeric import as_cell
from zoo.parts.base import Classifier, Regressor
from zoo.parts.results import RowResult
from zoo.parts.settings import resolve_recipe, with_settings
from zoo.registry.registry import registry, spec_and_base
from zoo.runs.run import Run
from zoo.spec.files import spec_to_data
from zoo.spec.model import ModelSpec, Training
from zoo.training.adapt import declared_columns, follow_classes, follow_columns
from zoo.training.fit import fit
from zoo.training.photos import rows_in_memory
from zoo.training.train import choose_seed, resolve_start
from zoo_weights.writers import write_bundle

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

ROW_BATCH = 1024
"""Rows computed at once."""


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of both estimators.

    Its parameters are, as everywhere in scikit-learn, the attributes without a final underscore:
    the constructor's arguments, and every setting of the spec that was passed.
    """

    def __init__(
        self,
        model: str | ModelSpec,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
        runs: str | None = None,
        **settings: Any,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.runs = runs
        self.set_params(**settings)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters: the constructor's, and the settings that were passed."""
        return {name: value for name, value in vars(self).items() if _is_parameter(name)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a name that is not the constructor's is a setting of the spec.

        `fit` checks whether the spec has that field: the model may change until then.
        """
        for name, value in params.items():
            if not _is_parameter(name) or hasattr(type(self), name):
                msg = f"{type(self).__name__} cannot have a parameter {name!r}"
                raise ValueError(msg)
            setattr(self, name, value)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, the model as its bundle: no Keras object is pickled."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _to_bundle(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = {**state, "model_": _from_bundle(state["model_"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        with contextlib.suppress(ZooError):  # `fit` reports what is wrong with the spec
            missing = self._spec()[0].input.config.get("missing", "error")
            tags.input_tags.allow_nan = missing != "error"  # the spec fills empty cells
        return tags

    def _spec(self) -> tuple[ModelSpec, Path | None]:
        """Return the spec with the parameters set, and the folder its paths are relative to."""
        base = None
        if isinstance(self.model, ModelSpec):
            spec = registry().full_names(self.model)
        else:
            spec, base = spec_and_base(self.model)
        settings = {
            name.replace("__", "."): value.tolist() if hasattr(value, "tolist") else value
            for name, value in self.get_params().items()
            if name not in ("model", "seed", "runs")
            and (value is not None or name not in ("epochs", "batch_size"))
        }
        return resolve_recipe(with_settings(spec, settings))[0], base

    def _fit(
        self,
        spec: ModelSpec,
        base: Path | None,
        rows: LabelledRows,
        sample_weight: NDArray[Any] | None,
    ) -> Self:
        """Train a spec that fits the rows."""
        spec, start = resolve_start(spec, "default")
        training = cast("Training", spec.training)
        seed = choose_seed(training) if self.seed is None else int(self.seed)
        model = Model(spec, weights=start, base=base)
        content = {"train": rows}
        if training.validation is not None:
            train, held = rows.split_rows(training.validation, seed)
            content = {"train": rows.take(train), "validation": rows.take(held)}
            sample_weight = None if sample_weight is None else sample_weight[train]
        keras()
        run = Run.begin(_run_folder(self.runs, spec.name), spec, seed)
        with _as_value_errors():
            data = rows_in_memory(model, content, seed, weights=sample_weight)
        fit(run, model, data)
        if run.notes:
            text = f"{spec.name}: {'. '.join(run.notes)}"
            warnings.warn(text, ConvergenceWarning, stacklevel=3)
        self.model_ = model
        self.history_ = run.history
        self.n_iter_ = len(run.history["loss"])
        return self

    def _validate(
        self, spec: ModelSpec, X: Any, y: Any, sample_weight: Any
    ) -> tuple[ModelSpec, Any, NDArray[Any], NDArray[Any] | None]:
        """Validate the data; return a spec for its columns, raw rows, labels and weights."""
        kind = registry().resolve("preprocessors", spec.input).kind
        rows = self._rows(X, kind, declared_columns(spec), reset=True)
        if kind == "table":
            spec = follow_columns(spec, list(rows.columns))
        if y is None:
            msg = f"{type(self).__name__} requires y to be passed, but the target y is None"
            raise ValueError(msg)
        y = _check_y(y, y_numeric=isinstance(self, RegressorMixin), estimator=self)
        check_consistent_length(rows, y)
        if sample_weight is None:
            return spec, rows, y, None
        weights = _check_sample_weight(sample_weight, y, ensure_non_negative=True)
        counted = np.flatnonzero(weights)
        return spec, take(rows, counted), y[counted], weights[counted]

    def _rows(self, X: Any, kind: str, columns: Sequence[str] | None, *, reset: bool) -> Any:
        """Return raw rows for the preprocessor; check, or record, their width and names.

        Parameters
        ----------
        X
            Array or frame of shape (rows, features); texts or images, for models of those.
        kind
            The preprocessor's kind.
        columns
            Names of an array's columns, used if it has as many.
        reset
            Whether the estimator is fitted to `X`.
        """
        if kind != "table":
            return list(X)
        if hasattr(X, "columns"):  # a frame may hold texts: the preprocessor checks its cells
            validate_data(self, X, reset=reset, skip_check_array=True)
            return Table.of(X)
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        numbers = validate_data(self, X, reset=reset, ensure_all_finite=finite)
        if columns is None or len(columns) != numbers.shape[1]:
            columns = [f"x{place}" for place in range(numbers.shape[1])]
        return Table({name: numbers[:, place] for place, name in enumerate(columns)})

    def _results(self, X: Any) -> list[RowResult]:
        """Return the model's results for rows like those it was fitted to."""
        check_is_fitted(self)
        preprocessor = self.model_.preprocessor
        columns = getattr(preprocessor, "columns", None)
        rows = self._rows(X, preprocessor.kind, columns, reset=False)
        with _as_value_errors():
            results = self.model_.predict(rows, batch_size=ROW_BATCH)
        for result in results:
            if result.error:
                msg = f"row {result.row}: {result.error.message}"
                raise ValueError(msg)
        return results


class ZooClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A zoo model as a scikit-learn classifier.

    Its inputs and classes are those of the data it is fitted to; the spec's are used where they
    match. It is trained by the spec's recipe, with the same code as `zoo.train`.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    epochs, batch_size
        Replace the recipe's.
    seed
        Seed of initial weights, order and splits; if not given, the spec's for the backend, or a
        random one.
    runs
        Folder in which every fit leaves a run folder; if not given, no run is kept.
    **settings
        Any other field of the spec, as ``--set`` takes it, with ``__`` for a dot:
        ``optimizer="sgd"``, ``learning_rate=0.01``, ``hidden=[16]``, ``training__shuffle=False``.

    Attributes
    ----------
    classes_
        The classes, sorted, of shape (classes,).
    n_features_in_, feature_names_in_
        Number of columns, and their names where `X` was a frame with names.
    history_
        Keras's logs by name, a value for each epoch.
    n_iter_
        Number of epochs trained.
    model_
        The trained `zoo.Model`.
    """

    def __init__(self, model: str | ModelSpec = "mlp-pima", **settings: Any) -> None:
        super().__init__(model, **settings)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the model.

        Parameters
        ----------
        X
            Array or frame of shape (rows, features); texts or images, for models of those.
        y
            The class of each row, of shape (rows,).
        sample_weight
            Weight of each row, of shape (rows,); rows of weight 0 are left out.

        Raises
        ------
        ValueError
            If the data cannot be used.
        ZooError
            If a parameter is wrong.
        """
        spec, base = self._spec()
        _check_task(spec, Classifier, "ZooRegressor")
        spec, rows, y, weights = self._validate(spec, X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            msg = f"a classifier needs rows of two classes, received one class: {self.classes_[0]}"
            raise ValueError(msg)
        names = [as_cell(label) for label in self.classes_]
        if len(set(names)) < len(names):  # they differ in what a cell cannot hold
            names = [str(place) for place in range(len(names))]
        spec = follow_classes(spec, names)
        self._fit(spec, base, LabelledRows(rows, [names[index] for index in indices], "X"), weights)
        places, _ = self.model_.decoder.encode(names)
        self._places = true_classes(places)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class, float32 of shape (rows, classes)."""
        rows = [list((result.probabilities or {}).values()) for result in self._results(X)]
        probabilities: NDArray[np.float32] = np.array(rows, np.float32)[:, self._places]
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each row, of shape (rows,)."""
        probabilities = self.predict_proba(X)
        classes: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return classes


class ZooRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A zoo model as a scikit-learn regressor of one number; see `ZooClassifier`."""

    def __init__(self, model: str | ModelSpec = "mlp-boston", **settings: Any) -> None:
        super().__init__(model, **settings)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the model; see `ZooClassifier.fit`."""
        spec, base = self._spec()
        _check_task(spec, Regressor, "ZooClassifier")
        spec, rows, y, weights = self._validate(spec, X, y, sample_weight)
        return self._fit(spec, base, LabelledRows(rows, y, "X"), weights)

    def predict(self, X: Any) -> NDArray[np.float32]:
        """Return the number of each row, float32 of shape (rows,)."""
        return np.array([result.value for result in self._results(X)], np.float32)


def _is_parameter(name: str) -> bool:
    return not name.startswith("_") and not name.endswith("_")


def _check_task(spec: ModelSpec, kind: type[Any], other: str) -> None:
    """Raise `UsageError` unless a spec's decoder is of a kind."""
    decoder = Model(spec, weights=None).decoder
    if not isinstance(decoder, Classifier | Regressor) or not getattr(decoder, "one_class", True):
        msg = f"{spec.name}: scikit-learn's estimators predict one class or numbers, and not "
        raise UsageError(msg + f"what {spec.output.uses!r} gives; use zoo.train")
    if not isinstance(decoder, kind):
        msg = f"{spec.name}: its task is {spec.task}; use zoo.sklearn.{other}"
        raise UsageError(msg)


@contextlib.contextmanager
def _as_value_errors() -> Iterator[None]:
    """Raise `ValueError` for bad data, as scikit-learn does."""
    try:
        yield
    except (InputError, TrainingError) as error:
        raise ValueError(str(error)) from error


def _run_folder(runs: str | None, name: str) -> Path | None:
    """Return a fresh folder for a run under `runs`; None if there is none."""
    if runs is None:
        return None
    parent = Path(runs) / name
    parent.mkdir(parents=True, exist_ok=True)
    # Several processes of a search may start in the same second.
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d-%H%M%S-"), dir=parent))


def _to_bundle(model: Model) -> bytes:
    """Serialise a trained model as a bundle."""
    headers = {"spec": spec_to_data(model.spec), "state": model.fitted_state}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / BUNDLE
        texts = {name: json.dumps(header) for name, header in headers.items()}
        write_bundle(path, texts, weight_arrays(model.keras))
        return path.read_bytes()


def _from_bundle(content: bytes) -> Model:
    """Load a model and its network from a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / BUNDLE
        path.write_bytes(content)
        model = Model.from_bundle(path)
        _ = model.keras  # read while the file exists
    return model
