"""Training one model through Keras's ``fit``, and recording the result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.backend.carry import states_of
from zoo.backend.network import build, copy_weights, freeze
from zoo.backend.seeding import temporary_seed
from zoo.errors import TrainingError
from zoo.inference.measure import compile_network, outputs_of, training_network
from zoo.inference.targets import check_head
from zoo.parts.base import Classifier
from zoo.parts.heads import first_error
from zoo.progress import training_bar
from zoo.registry.registry import registry
from zoo.runs.history import best_epoch
from zoo.runs.run import Run, is_complete
from zoo.spec.model import Training
from zoo.training.callbacks import Interruption, epoch_callback
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
        identity = {**identity_of(run), "rows": data.rows}
        if is_complete(run.path):
            finished = Run.read(run.path)
            finished.notes += check_same(run.path, identity_of(finished), identity, exact=exact)
            return finished
    with temporary_seed(run.seed):
        network = prepare_network(model, data)
        checkpoint = Checkpoint(run.path if keep else None, network, identity)
        progress = checkpoint.restore(exact=exact)
        if checkpoint.warnings:
            run.environment["resumed"] = checkpoint.warnings
            run.notes += checkpoint.warnings
        run.history = progress.history
        registry().notify("training_started", run=run)
        interruption = _train(run, network, data, progress, checkpoint)
        checkpoint.restore_best()
        if interruption.requested:
            run.environment["interrupted"] = True
            run.notes.append(
                f"interrupted in epoch {len(run.history['loss'])} of {training.epochs}; "
                "the training so far is saved; continue with --resume"
            )
        run.metrics.update(data.measure(network))
        _record_best_epoch(run, training)
        if training.carry_state:
            copy_weights(network, model.keras)
    worries = run.environment["worries"] = run.environment.get("worries", [])
    worries += _find_worries(run, model, *data.sample()[:2])
    run.notes += [*data.notes, *worries]
    if keep:
        run.save(model.keras, model.fitted_state)
    if not interruption.requested:
        checkpoint.remove()
    registry().notify("training_finished", run=run)
    return run


def prepare_network(model: Model, data: Rows) -> Any:
    """Return the network before its first step: checked, frozen, and compiled with the recipe."""
    training = data.training
    network = training_network(model, training)
    check_head(model, training, *data.sample()[:2])
    freeze(network, training.freeze)
    if not network.trainable_weights:
        msg = f"training.freeze={training.freeze!r} leaves nothing to train"
        raise TrainingError(msg)
    compile_network(network, training)
    network.optimizer.build(network.trainable_variables)
    return network


def _train(
    run: Run, network: Any, data: Rows, progress: Progress, checkpoint: Checkpoint
) -> Interruption:
    """Train the remaining epochs, and return whether and where they were interrupted."""
    with training_bar(data.training.epochs) as show, Interruption() as interruption:
        callback = epoch_callback(
            run, progress, checkpoint, data, show=show, interruption=interruption
        )
        try:
            network.fit(
                **data.fit_arguments(network, progress.epochs),
                shuffle=False,  # `data` has its own order
                initial_epoch=progress.epochs,
                epochs=data.training.epochs,
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


def _find_worries(run: Run, model: Model, inputs: Any, targets: Any) -> list[str]:
    """Return what looks wrong with a finished training, and what to try."""
    import numpy as np

    advice = "; try another --seed, a lower learning rate, or scaled inputs"
    worries = []
    if not all(value - value == 0.0 for value in run.metrics["train"].values()):
        worries.append("the loss is not finite; try a lower learning rate")
    losses = run.history.get("loss", [])
    if len(losses) > 1 and not min(losses[1:]) < losses[0]:
        worries.append(f"the loss did not fall ({losses[0]:.4g} to {losses[-1]:.4g}){advice}")
    if isinstance(model.decoder, Classifier):
        answers = model.answers(outputs_of(model, inputs), 1)
        if problem := first_error(answers):
            return [*worries, str(problem)]
        label, count = Counter(best[0].label for best in answers).most_common(1)[0]
        commonest = np.unique(targets, axis=0, return_counts=True)[1].max()
        # A dead network may let a few rows through.
        if count >= DEAD_SHARE * len(targets) and commonest < MAX_TRUE_SHARE * len(targets):
            rows = "every row" if count == len(targets) else f"{count} of {len(targets)} rows"
            worries.append(f"the model predicts {label!r} for {rows}{advice}")
    return worries
