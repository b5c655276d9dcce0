"""Callbacks besides zoo's own: those that a recipe names, and objects of Python programs.

A recipe may come from a stranger. So it can name only those of Keras's callbacks that record or end
a training, and what they write lies in the run folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from zoo.backend.choose import keras
from zoo.errors import SpecError, TrainingError, UsageError, ZooError
from zoo.inference.base import BUNDLE
from zoo.parts.construct import construct, keras_class
from zoo.runs.run import CHECKPOINT, ENVIRONMENT, MEMBER
from zoo.spec.component import Component, plain_name
from zoo.spec.model import Training
from zoo_weights.files import make_folder
from zoo_weights.text import printable

WHERE = "training.callbacks"

FILES = {"csvlogger": "filename", "tensorboard": "log_dir"}
"""Option of a callback that names what it writes."""

ALLOWED = (*FILES, "terminateonnan")
"""Callbacks that a recipe can name."""

INSTEAD = {
    "earlystopping": "training.early_stopping",
    "reducelronplateau": "training.reduce_lr_on_plateau",
    "learningratescheduler": "a schedule as training.optimizer.learning_rate",
    "modelcheckpoint": "the run folder, which holds the weights; training.early_stopping keeps "
    "those of the best epoch",
    "backupandrestore": "--resume",
    "orbaxcheckpoint": "--resume",
    "swapemaweights": "the option use_ema of the optimizer",
    "history": "history.csv",
    "progbarlogger": "the bar that zoo shows",
}
"""What to use instead of others."""

TAKEN = (
    BUNDLE, CHECKPOINT, ENVIRONMENT, MEMBER,
    "spec.toml", "history.csv", "metrics.json", "curves.png", "fold-*",
)  # fmt: skip
"""What zoo writes into a run folder."""

STEP_EVENTS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def recipe_callbacks(training: Training, folder: Path | None, *, resumed: bool) -> Iterator[Any]:
    """Yield the callbacks that a recipe names.

    Parameters
    ----------
    training
        The recipe.
    folder
        The run folder; None if the training writes nothing.
    resumed
        Whether the training continues; then a file continues, too.

    Raises
    ------
    SpecError
        If a callback cannot be in a recipe, or an option is wrong.
    """
    for component in training.callbacks:
        cls = keras_class("callbacks", component, WHERE)
        name = plain_name(cls.__name__)
        if name not in ALLOWED:
            use = INSTEAD.get(name, "it in Python, zoo.train(..., callbacks=[...])")
            msg = f"{WHERE}: {component.uses!r} cannot be in a recipe; use {use}"
            raise SpecError(msg)
        if name in FILES:
            component = _in_folder(component, FILES[name], folder)
        if name == "csvlogger" and resumed:
            component = Component(component.uses, **{"append": True, **component.config})
        yield construct(cls, component, what=WHERE)


def _in_folder(component: Component, option: str, folder: Path | None) -> Component:
    """Return a callback whose file or folder, by default ``logs``, lies in the run folder."""
    where = f"{WHERE}.{option}"
    name = component.config.get(option, "logs" if option == "log_dir" else None)
    if folder is None:
        msg = f"{where}: {component.uses!r} writes into the run folder, and this training has none "
        raise TrainingError(
            msg + "(a candidate of a tuning, an estimator without runs); leave it out"
        )
    if name is None:
        return component  # Keras requires it
    if not isinstance(name, str) or "\0" in name:
        msg = f"{where}: expected a name in the run folder, received {printable(repr(name))}"
        raise SpecError(msg)
    base = folder.resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base) or path == base:
        msg = f"{where}: must lie in the run folder, received {printable(repr(name))}"
        raise SpecError(msg)
    first = Path(path.relative_to(base).parts[0].lower())
    if any(first.match(taken) for taken in TAKEN):
        msg = f"{where}: zoo itself writes {printable(repr(name))}; choose another name"
        raise SpecError(msg)
    make_folder(path.parent)
    return component.with_options(**{option: str(path)})


def close_files(callbacks: Sequence[Any]) -> None:
    """Close what Keras leaves open where a training ends by an error."""
    for callback in callbacks:
        if getattr(callback, "csv_file", None) is not None:
            callback.csv_file.close()


def check_objects(callbacks: Sequence[Any]) -> None:
    """Raise `UsageError` unless all are Keras's callbacks, made already."""
    base = keras().callbacks.Callback
    for callback in callbacks:
        if not isinstance(callback, base):
            msg = f"callbacks must be objects of keras.callbacks.Callback, received {callback!r}"
            raise UsageError(msg)


def acts_by_step(callback: Any) -> bool:
    """Whether a callback does something before or after a step."""
    base = keras().callbacks.Callback
    return any(
        getattr(getattr(callback, event), "__func__", None) is not getattr(base, event)
        for event in STEP_EVENTS
    )


def guarded(callback: Any, *, named: bool) -> Any:
    """Return a callback that calls another one, and says which one failed.

    Parameters
    ----------
    callback
        The other one.
    named
        Whether the recipe names it: then nothing that it prints may get among the results.
    """

    def forward(event: str) -> Callable[..., None]:
        def call(self: Any, *arguments: Any, **options: Any) -> None:
            try:
                with redirect_stdout(sys.stderr) if named else nullcontext():
                    getattr(callback, event)(*arguments, **options)
            except ZooError:
                raise
            except Exception as error:
                raise _failure(callback, event, error) from error

        return call

    base = keras().callbacks.Callback
    events = ["set_model", "set_params", *(name for name in dir(base) if name.startswith("on_"))]
    return type("Guarded", (base,), {event: forward(event) for event in events})()


def callback_states(callbacks: Sequence[Any]) -> list[Any]:
    """Return what the checkpoint keeps of each callback; None for those without a state."""
    return [_state(callback) if _keeps_state(callback) else None for callback in callbacks]


def restore_callbacks(callbacks: Sequence[Any], states: Sequence[Any]) -> None:
    """Give each callback what the checkpoint kept of it."""
    for callback, state in zip(callbacks, states, strict=False):
        if state is not None and _keeps_state(callback):
            try:
                callback.restore(state)
            except Exception as error:
                raise _failure(callback, "restore", error) from error


def _keeps_state(callback: Any) -> bool:
    return callable(getattr(callback, "state", None)) and hasattr(callback, "restore")


def _state(callback: Any) -> Any:
    try:
        state = callback.state()
        json.dumps(state)
    except Exception as error:
        raise _failure(callback, "state", error) from error
    return state


def _failure(callback: Any, method: str, error: Exception) -> TrainingError:
    reason = printable(f"{type(error).__name__}: {error}", 1000)
    msg = f"the callback {type(callback).__name__} failed in {method}, {reason}"
    return TrainingError(msg)
