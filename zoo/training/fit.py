"""Training one model through Keras's ``fit``, and recording the result.

After an epoch come progress, history, events, checkpoint and early stopping; after a step, Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import nan
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import msgspec

from zoo.backend.carry import states_of
from zoo.backend.choose import keras
from zoo.backend.network import build, copy_weights, dtype_policy, freeze, unfreeze
from zoo.backend.seeding import seed_epoch, temporary_seed
from zoo.errors import PluginError, TrainingError
from zoo.inference.base import make_runner
from zoo.inference.measure import (
    EVAL_BATCH,
    check_heads,
    compile_network,
    outputs_of,
    training_network,
)
from zoo.progress import training_bar
from zoo.registry.registry import registry
from zoo.runs.run import Run, is_complete, marked_epoch
from zoo.spec.model import Training
from zoo.training.callbacks import (
    acts_by_step,
    callback_states,
    check_objects,
    close_files,
    guarded,
    recipe_callbacks,
    restore_callbacks,
)
from zoo.training.checkpoint import Checkpoint, Progress, check_same, identity_of
from zoo.training.rows import Rows
from zoo.training.rules import check_plateau, follow_plateau, learning_rate, should_stop
from zoo.training.worries import find_worries

if TYPE_CHECKING:
    from zoo.inference.model import Model


def fit(
    run: Run,
    model: Model,
    data: Rows,
    *,
    callbacks: Sequence[Any] = (),
    exact: bool = False,
) -> Run:
    """Train a model whose preprocessing is fitted, write its run folder, and return the run.

    Training continues from a checkpoint of the same training in the folder; a finished run is
    returned as it is. A run without a path writes nothing: neither checkpoints nor the run.

    Parameters
    ----------
    run, model, data
        The run to fill, the model to train, and its rows.
    callbacks
        Keras callbacks, besides those of the recipe.
    exact
        Whether versions other than those it was started with are an error.

    Raises
    ------
    UsageError
        If the folder holds another training.
    """
    training = data.training
    check_objects(callbacks)
    run.environment.setdefault("trained_on", {"data": []})
    _declare_state(run, model)  # builds a network, which must not use up random numbers of the seed
    identity: dict[str, Any] = {}
    if run.path is not None:
        run.environment["data"] = data.content
        identity = identity_of(run)
        if is_complete(run.path):
            finished = Run.read(run.path)
            finished.notes += check_same(run.path, identity_of(finished), identity, exact=exact)
            return finished
    with announced(run) as start:
        with temporary_seed(run.seed):
            checkpoint = Checkpoint(run.path, identity)
            first = checkpoint.phase
            for phase, recipe in enumerate(training.phases[first:], first):
                if phase:
                    data = data.with_recipe(recipe, run.seed)
                network = prepare_network(model, data, second=bool(phase), whole=bool(callbacks))
                whole = network if training.carry_state else model.keras
                checkpoint.attach(whole, network.optimizer, rows=data.rows)
                if phase == first:
                    progress = _restore(run, checkpoint, exact=exact)
                else:
                    progress.begin_phase()
                named = list(recipe_callbacks(training, run.path, resumed=progress.epochs > 0))
                start()
                interruption = _train(run, network, data, progress, checkpoint, named, callbacks)
                checkpoint.restore_best()
                if interruption.requested:
                    break
            run.metrics.update(data.measure(network))
            if training.carry_state:
                copy_weights(network, model.keras)
        part = None if network is whole else network
        _conclude(run, model, data, part, interrupted=interruption.requested)
        if not interruption.requested:
            checkpoint.remove()
    return run


@contextmanager
def announced(run: Run) -> Iterator[Callable[[], None]]:
    """Yield a function that tells plugins, once, that a training starts; tell them how it ends."""
    started = False

    def start() -> None:
        nonlocal started
        if not started:
            started = True
            registry().notify("training_started", run=run)

    try:
        yield start
    except BaseException as error:
        if started:
            announce_failure(run, error)
        raise
    registry().notify("training_finished", run=run)


def announce_failure(run: Run, error: BaseException) -> None:
    """Tell plugins that a training ended by an error, which none of them replaces by its own."""
    try:
        registry().notify("training_failed", run=run, error=error)
    except PluginError as problem:  # with ZOO_STRICT
        error.add_note(str(problem))


def _restore(run: Run, checkpoint: Checkpoint, *, exact: bool) -> Progress:
    """Restore the training so far, if there is any, and give the run what it has recorded."""
    progress = checkpoint.restore(exact=exact)
    if checkpoint.warnings:
        run.environment["resumed"] = checkpoint.warnings
        run.notes += checkpoint.warnings
    run.history = progress.history
    return progress


def _conclude(run: Run, model: Model, data: Rows, part: Any, *, interrupted: bool) -> None:
    """Note what a finished training showed, and write its run.

    Parameters
    ----------
    run, model, data
        As for `fit`.
    part
        The part of the network that was trained; None if that is all of it.
    interrupted
        Whether the user ended the training.
    """
    if interrupted:
        run.environment["interrupted"] = True
        epochs = sum(recipe.epochs for recipe in cast("Training", run.spec.training).phases)
        run.notes.append(
            f"interrupted in epoch {len(run.history['loss'])} of {epochs}; "
            "the training so far is saved; continue with --resume"
        )
    _record_best_epoch(run, data.training)
    worries = run.environment["worries"] = run.environment.get("worries", [])
    inputs, targets = data.sample()[:2]
    if part is None:
        outputs = outputs_of(model, inputs)
    else:
        outputs = make_runner(part)(inputs, batch_size=EVAL_BATCH)
    worries += find_worries(run, model, outputs, targets)
    run.notes += [*data.notes, *worries]
    if run.path is not None:
        run.save(model.keras, model.fitted_state)


def prepare_network(model: Model, data: Rows, *, second: bool = False, whole: bool = False) -> Any:
    """Return the network before its first step: checked, frozen, and compiled with the recipe.

    It is the part of the model's network that `data` trains, with the same layers, or the `whole`.
    In the `second` phase some of them are not frozen any more.
    """
    training = data.training
    check_plateau(training)
    with dtype_policy(training.precision):
        network = training_network(model, training)
    check_heads(model, *data.probe())
    freeze(network, training.freeze)
    if second and training.unfreeze:
        unfreeze(network, training.unfreeze.layers)
    if not network.trainable_weights:
        msg = f"training.freeze={training.freeze!r} leaves nothing to train"
        raise TrainingError(msg)
    network = data.part_to_train(network, whole=whole)
    compile_network(network, training, steps=data.steps)
    network.optimizer.build(network.trainable_variables)
    return network


def _train(
    run: Run,
    network: Any,
    data: Rows,
    progress: Progress,
    checkpoint: Checkpoint,
    named: Sequence[Any],
    callbacks: Sequence[Any],
) -> Interruption:
    """Train the remaining epochs, and return whether and where they were interrupted.

    Of the callbacks besides zoo's own, the recipe names some, and a program has made the others.
    """
    every = [*(guarded(callback, named=True) for callback in named),
             *(guarded(callback, named=False) for callback in callbacks)]  # fmt: skip
    one_by_one = any(map(acts_by_step, (*named, *callbacks)))
    end = progress.starts[-1] + data.training.epochs
    if progress.stopping.get("stopped"):  # resumed between two phases
        end = progress.epochs
    with training_bar(end) as show, Interruption() as interruption:
        own = epoch_callback(
            run, progress, checkpoint, data, callbacks, show=show, interruption=interruption
        )
        try:
            network.fit(
                **data.fit_arguments(network, progress.epochs, one_by_one=one_by_one),
                shuffle=False,  # `data` has its own order
                initial_epoch=progress.epochs,
                epochs=end,
                verbose=0,
                callbacks=[*every, own],  # the checkpoint holds what the others did
            )
        except Exception:
            if data.failure is not None:
                raise data.failure from None
            raise
        finally:
            close_files(named)
            data.close()
    return interruption


class Interruption:
    """Makes Ctrl-C end training after the current step; a second one ends it at once.

    An exception inside a step could come while the backend holds the weights.

    Attributes
    ----------
    requested
        Whether the user pressed Ctrl-C.
    within_epoch
        Whether it cut the last epoch short.
    """

    def __init__(self) -> None:
        self.requested = False
        self.within_epoch = False
        self._previous_handler: Any = None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous_handler is not None:
            signal.signal(signal.SIGINT, self._previous_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def epoch_callback(
    run: Run,
    progress: Progress,
    checkpoint: Checkpoint,
    data: Rows,
    callbacks: Sequence[Any],
    *,
    show: Callable[[int, dict[str, float]], None],
    interruption: Interruption,
) -> Any:
    """Return the Keras callback that does zoo's work after each step and each epoch."""

    class Epochs(keras().callbacks.Callback):  # type: ignore[misc]
        compiled = False

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            restore_callbacks(callbacks, progress.callbacks)

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            data.start_epoch(epoch)
            seed_epoch(run.seed, epoch)

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            if not self.compiled:
                self.compiled = True
                show(progress.epochs, {})
            if interruption.requested:
                self.model.stop_training = True
                interruption.within_epoch = batch + 1 != self.params["steps"]

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            if data.training.reduce_lr_on_plateau is not None:
                values["learning_rate"] = learning_rate(self.model.optimizer)
            for name in dict.fromkeys([*run.history, *values]):  # callbacks may log now and then
                run.history.setdefault(name, [nan] * epoch).append(values.get(name, nan))
            show(epoch + 1, values)
            registry().notify("epoch_ended", run=run, epoch=epoch, logs=values)
            if interruption.within_epoch:
                return  # checkpoints are of complete epochs
            progress.epochs = epoch + 1
            follow_plateau(data.training, self.model.optimizer, progress, values)
            if should_stop(data.training, checkpoint, progress, values):
                self.model.stop_training = True
            progress.callbacks = callback_states(callbacks)
            checkpoint.save(progress, now=interruption.requested)

    return Epochs()


def _record_best_epoch(run: Run, training: Training) -> None:
    """Record the figures of the best epoch, if the run stops early or has validation rows."""
    if best := marked_epoch(run.history, training):
        run.metrics["best_epoch"] = {"epoch": best} | {
            name: values[best - 1] for name, values in run.history.items()
        }


def _declare_state(run: Run, model: Model) -> None:
    """Add the network's states to the spec, unless it declares them."""
    if model.spec.state or not model.recurrent:
        return
    states = states_of(build(model.architecture(states=True), initialise=False))
    run.spec = model.spec = msgspec.structs.replace(model.spec, state=states)
