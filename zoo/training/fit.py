"""Training one model through Keras's ``fit``, and recording the result.

After an epoch come progress, history, events, checkpoint and early stopping; after a step, Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.backend.carry import states_of
from zoo.backend.choose import keras
from zoo.backend.network import build, copy_weights, dtype_policy, freeze, unfreeze
from zoo.backend.seeding import seed_epoch, temporary_seed
from zoo.errors import TrainingError
from zoo.inference.base import make_runner
from zoo.inference.measure import (
    EVAL_BATCH,
    check_heads,
    compile_network,
    outputs_of,
    training_network,
)
from zoo.parts.base import Classifier
from zoo.parts.heads import first_error, heads_of
from zoo.progress import training_bar
from zoo.registry.registry import registry
from zoo.runs.run import Run, best_epoch, is_complete
from zoo.spec.model import Training
from zoo.training.checkpoint import Checkpoint, Progress, check_same, identity_of
from zoo.training.rows import Rows

if TYPE_CHECKING:
    from zoo.inference.model import Model


DEAD_SHARE, MAX_TRUE_SHARE = 0.99, 0.95
"""Share of rows predicted as one class in a dead network; the share that may truly be of one."""


def fit(
    run: Run,
    model: Model,
    data: Rows,
    *,
    keep: bool = True,
    exact: bool = False,
) -> Run:
    """Train a model whose preprocessing is fitted, write its run folder, and return the run.

    Training continues from a checkpoint of the same training in the folder; a finished run is
    returned as it is. Without `keep` nothing is written: neither checkpoints nor the run. With
    `exact`, versions other than those it was started with are an error.

    Raises
    ------
    UsageError
        If the folder holds another training.
    """
    training = data.training
    run.environment.setdefault("trained_on", {"data": []})
    _declare_state(run, model)  # builds a network, which must not use up random numbers of the seed
    identity: dict[str, Any] = {}
    if keep:
        run.environment["data"] = data.content
        identity = identity_of(run)
        if is_complete(run.path):
            finished = Run.read(run.path)
            finished.notes += check_same(run.path, identity_of(finished), identity, exact=exact)
            return finished
    with temporary_seed(run.seed):
        checkpoint = Checkpoint(run.path if keep else None, identity)
        start = checkpoint.phase
        for phase, recipe in enumerate(training.phases[start:], start):
            if phase:
                data = data.with_recipe(recipe, run.seed)
            network = prepare_network(model, data, second=bool(phase))
            whole = network if training.carry_state else model.keras
            checkpoint.attach(whole, network.optimizer, rows=data.rows)
            if phase == start:
                progress = checkpoint.restore(exact=exact)
                _begin(run, progress, checkpoint)
            else:
                progress.begin_phase()
            interruption = _train(run, network, data, progress, checkpoint)
            checkpoint.restore_best()
            if interruption.requested:
                _note_interruption(run, training)
                break
        run.metrics.update(data.measure(network))
        _record_best_epoch(run, training)
        if training.carry_state:
            copy_weights(network, model.keras)
    worries = run.environment["worries"] = run.environment.get("worries", [])
    inputs, targets = data.sample()[:2]
    if network is whole:
        outputs = outputs_of(model, inputs)
    else:
        outputs = make_runner(network)(inputs, batch_size=EVAL_BATCH)
    worries += _find_worries(run, model, outputs, targets)
    run.notes += [*data.notes, *worries]
    if keep:
        run.save(model.keras, model.fitted_state)
    if not interruption.requested:
        checkpoint.remove()
    registry().notify("training_finished", run=run)
    return run


def _begin(run: Run, progress: Progress, checkpoint: Checkpoint) -> None:
    """Give the run what a training so far has recorded, and tell the plugins."""
    if checkpoint.warnings:
        run.environment["resumed"] = checkpoint.warnings
        run.notes += checkpoint.warnings
    run.history = progress.history
    registry().notify("training_started", run=run)


def _note_interruption(run: Run, training: Training) -> None:
    run.environment["interrupted"] = True
    epochs = sum(recipe.epochs for recipe in training.phases)
    run.notes.append(
        f"interrupted in epoch {len(run.history['loss'])} of {epochs}; "
        "the training so far is saved; continue with --resume"
    )


def prepare_network(model: Model, data: Rows, *, second: bool = False) -> Any:
    """Return the network before its first step: checked, frozen, and compiled with the recipe.

    It is the part of the model's network that `data` trains, with the same layers. In the `second`
    phase some of them are not frozen any more.
    """
    training = data.training
    with dtype_policy(training.precision):
        network = training_network(model, training)
    check_heads(model, *data.probe())
    freeze(network, training.freeze)
    if second and training.unfreeze:
        unfreeze(network, training.unfreeze.layers)
    if not network.trainable_weights:
        msg = f"training.freeze={training.freeze!r} leaves nothing to train"
        raise TrainingError(msg)
    network = data.part_to_train(network)
    compile_network(network, training)
    network.optimizer.build(network.trainable_variables)
    return network


def _train(
    run: Run, network: Any, data: Rows, progress: Progress, checkpoint: Checkpoint
) -> Interruption:
    """Train the remaining epochs, and return whether and where they were interrupted."""
    end = progress.starts[-1] + data.training.epochs
    if progress.stopping.get("stopped"):  # resumed between two phases
        end = progress.epochs
    with training_bar(end) as show, Interruption() as interruption:
        callback = epoch_callback(
            run, progress, checkpoint, data, show=show, interruption=interruption
        )
        try:
            network.fit(
                **data.fit_arguments(network, progress.epochs),
                shuffle=False,  # `data` has its own order
                initial_epoch=progress.epochs,
                epochs=end,
                verbose=0,
                callbacks=[callback],
            )
        except Exception:
            if data.failure is not None:
                raise data.failure from None
            raise
        finally:
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
    *,
    show: Callable[[int, dict[str, float]], None],
    interruption: Interruption,
) -> Any:
    """Return the Keras callback that does zoo's work after each step and each epoch."""

    class Epochs(keras().callbacks.Callback):  # type: ignore[misc]
        compiled = False

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
            for name, value in values.items():
                run.history.setdefault(name, []).append(value)
            show(epoch + 1, values)
            registry().notify("epoch_ended", run=run, epoch=epoch, logs=values)
            if interruption.within_epoch:
                return  # checkpoints are of complete epochs
            progress.epochs = epoch + 1
            if _should_stop(data.training, checkpoint, progress, values):
                self.model.stop_training = True
            checkpoint.save(progress, now=interruption.requested)

    return Epochs()


def _should_stop(
    training: Training, checkpoint: Checkpoint, progress: Progress, logs: dict[str, float]
) -> bool:
    """Update the early-stopping state with the epoch's logs, and return whether training stops.

    The state is part of the progress, so a resumed training continues it.

    Raises
    ------
    TrainingError
        If the monitored metric is not measured.
    UsageError
        If it is not known whether more of it is better.
    """
    rule, state = training.early_stopping, progress.stopping
    if rule is None:
        return False
    value = logs.get(rule.monitor)
    if value is None:
        msg = f"training.early_stopping.monitor: {rule.monitor!r} is not measured; "
        raise TrainingError(msg + f"choose from {', '.join(logs)}")
    if rule.improves(value, state.get("best"), training):
        state.update(best=value, best_epoch=progress.epochs, waited=0)
        if rule.restore_best:
            checkpoint.remember_best()
    else:
        state["waited"] = state.get("waited", 0) + 1
    state["stopped"] = state["waited"] >= rule.patience
    return bool(state["stopped"])


def _record_best_epoch(run: Run, training: Training) -> None:
    """Record the figures of the best epoch, if the run stops early or has validation rows."""
    best = best_epoch(run.history, training)
    if best and (training.early_stopping or "val_loss" in run.history):
        run.metrics["best_epoch"] = {"epoch": best} | {
            name: values[best - 1] for name, values in run.history.items()
        }


def _declare_state(run: Run, model: Model) -> None:
    """Add the network's states to the spec, unless it declares them."""
    if model.spec.state or not model.recurrent:
        return
    states = states_of(build(model.architecture(states=True), initialise=False))
    run.spec = model.spec = msgspec.structs.replace(model.spec, state=states)


def _find_worries(run: Run, model: Model, outputs: Any, targets: Any) -> list[str]:
    """Return what looks wrong with a finished training, and what to try.

    Parameters
    ----------
    run, model
        The run and its trained model.
    outputs, targets
        Of some training rows.
    """
    import numpy as np

    advice = "; try another --seed, a lower learning rate, or scaled inputs"
    worries = []
    if not all(value - value == 0.0 for value in run.metrics["train"].values()):
        worries.append("the loss is not finite; try a lower learning rate")
    losses = run.history.get("loss", [])
    if len(losses) > 1 and not min(losses[1:]) < losses[0]:
        worries.append(f"the loss did not fall ({losses[0]:.4g} to {losses[-1]:.4g}){advice}")
    classifying = [
        head
        for head in heads_of(model.spec, model.decoder)
        if isinstance(head.decoder, Classifier) and head.decoder.one_class
    ]
    if not classifying:
        return worries
    answers = model.answers(outputs, 1)
    if problem := first_error(answers):
        return [*worries, str(problem)]
    for head in classifying:
        count, true = len(answers), head.of(targets)
        label, most = Counter(head.of(answer)[0].label for answer in answers).most_common(1)[0]
        commonest = np.unique(true, axis=0, return_counts=True)[1].max()
        # A dead network may let a few rows through.
        if most >= DEAD_SHARE * count and commonest < MAX_TRUE_SHARE * count:
            rows = "every row" if most == count else f"{most} of {count} rows"
            of = f" as {head.name!r}" if head.name else ""
            worries.append(f"the model predicts {label!r}{of} for {rows}{advice}")
    return worries
