"""One network and its arrays through Keras's ``fit``, and what is made of the result."""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.components import Classifier
from zoo.data.labelled import Labelled
from zoo.errors import TrainingError
from zoo.heads import check_head, first_error
from zoo.plots.curves import best_epoch
from zoo.progress import training_bar
from zoo.registry.registry import registry
from zoo.runtime.carry import states_of
from zoo.runtime.network import build, copy_weights, freeze
from zoo.runtime.seeding import seeded
from zoo.spec.training import Training
from zoo.tensors import each
from zoo.training.callbacks import Interruption, epoch_callback
from zoo.training.checkpoint import Checkpoint
from zoo.training.data import tensors
from zoo.training.feed import Feed
from zoo.training.identity import check_same, identity_of
from zoo.training.recipe import (
    check_carry,
    compile_network,
    measure,
    outputs_of,
    row_weights,
    targets_for,
    trainee,
)
from zoo.training.run import Run, whole
from zoo.training.streamed import Streamed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.model import Model


DEAD, USUAL = 0.99, 0.95
"""Share of the rows that are predicted alike, and the share that may be alike in truth."""

ENOUGH = 2_000
"""Rows that tell whether a network is dead, about."""


class InMemory:
    """What `fit` trains on where all rows fit into memory.

    Parameters
    ----------
    model
        The model; its preprocessing is fitted here, to the training rows.
    parts
        The parts of the data.
    seed
        Seed of the order of the rows.
    weights
        How much each training row counts, float of shape (rows,); all the same, if not given.
    fitted
        What is fitted already and stays as it is: ``"input"``, ``"output"``.
    """

    failure: Exception | None = None

    def __init__(
        self,
        model: Model,
        parts: dict[str, Labelled],
        seed: int,
        *,
        weights: NDArray[Any] | None = None,
        fitted: Collection[str] = (),
    ) -> None:
        assert model.spec.training is not None
        self.training = model.spec.training
        if "input" not in fitted:
            model.preprocessor.fit(parts["train"].inputs)
        if "output" not in fitted:
            model.decoder.fit(parts["train"].labels)
        self.parts = parts
        self.notes: list[str] = []
        self.arrays = {}
        for part, rows in parts.items():
            inputs, targets = tensors(
                rows, model.preprocessor, model.decoder,
                skip=self.training.skip_bad_rows, notes=self.notes,
            )  # fmt: skip
            check_carry(self.training, len(targets))
            self.arrays[part] = inputs, targets_for(self.training, targets, model.decoder.units)
        inputs, targets = self.arrays["train"]
        declared = row_weights(model, self.training, targets)
        if weights is not None and len(weights) != len(targets):
            msg = f"{len(weights)} rows have weights and {len(targets)} can be used; "
            raise TrainingError(msg + "leave the bad ones out first")
        if weights is None:
            weights = declared
        else:
            weights = (weights if declared is None else weights * declared).astype("float32")
        batch = (inputs, targets) if weights is None else (inputs, targets, weights)
        self.feed = Feed(batch, self.training.batch_size, seed, self.training.shuffle)
        self.rows = len(targets)

    @property
    def content(self) -> dict[str, Any]:
        """What the rows of each part are."""
        return {part: rows.content() for part, rows in self.parts.items()}

    def with_recipe(self, training: Training, seed: int) -> InMemory:
        """Return the same rows for a recipe that sees them alike: other epochs, batches, order."""
        other = copy.copy(self)
        other.training = training
        other.feed = dataclasses.replace(
            self.feed, batch_size=training.batch_size, shuffle=training.shuffle, seed=seed
        )
        return other

    def fit_arguments(self, network: Any, epoch: int) -> dict[str, Any]:
        """Return what ``fit`` takes for the data, from the epoch of that number on."""
        self.feed.epoch = epoch
        return {
            "x": self.feed.data_for(network, self.training.epochs),
            "validation_data": self.arrays.get("validation"),
            "validation_batch_size": max(256, self.training.batch_size),
        }

    def begin(self, epoch: int) -> None:
        """Take note of which epoch begins."""
        self.feed.epoch = epoch

    def end(self) -> None:
        """Do nothing: the rows stay, to be measured."""

    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        """Return loss and metrics of the present weights on each part."""
        return {part: measure(network, *pair) for part, pair in self.arrays.items()}

    def sample(self) -> tuple[Any, ...]:
        """Return inputs and targets of the training rows, of many only some from all parts."""
        every = 1 if self.training.carry_state else max(1, self.rows // ENOUGH)
        return tuple(each(lambda array: array[::every], part) for part in self.arrays["train"])


def fit(
    run: Run,
    model: Model,
    data: InMemory | Streamed,
    *,
    keep: bool = True,
    exact: bool = False,
) -> Run:
    """Train a model whose preprocessing is fitted, write its run folder, and return the run.

    Where the folder holds a checkpoint of the same training, it goes on from there; where it holds
    the finished run, that is returned. Without `keep` nothing is written: neither checkpoints nor
    the run. With `exact` nothing goes on with other versions than it was begun with.

    Raises
    ------
    UsageError
        If the folder holds another training.
    """
    training = data.training
    run.environment.setdefault("trained_on", {"data": []})
    _declare_state(run, model)  # it builds a network, which must not move the seed's draws
    identity: dict[str, Any] = {}
    if keep:
        run.environment["data"] = data.content
        identity = {**identity_of(run), "rows": data.rows}
        if whole(run.path):
            done = Run.read(run.path)
            done.notes += check_same(run.path, identity_of(done), identity, exact=exact)
            return done
    with seeded(run.seed):
        network = trainee(model, training)
        check_head(model, training, *data.sample()[:2])
        freeze(network, training.freeze)
        if not network.trainable_weights:
            msg = f"training.freeze={training.freeze!r} leaves nothing to train"
            raise TrainingError(msg)
        compile_network(network, training)
        network.optimizer.build(network.trainable_variables)
        checkpoint = Checkpoint(run.path if keep else None, network, identity)
        progress = checkpoint.restore(exact=exact)
        if checkpoint.warnings:
            run.environment["resumed"] = checkpoint.warnings
            run.notes += checkpoint.warnings
        run.history = progress.history
        registry().notify("training_started", run=run)
        with training_bar(training.epochs) as show, Interruption() as interruption:
            each_epoch = epoch_callback(
                run, progress, checkpoint, data, show=show, interruption=interruption
            )
            try:
                network.fit(
                    **data.fit_arguments(network, progress.epochs),
                    shuffle=False,  # the data come in an order of their own
                    initial_epoch=progress.epochs,
                    epochs=training.epochs,
                    verbose=0,
                    callbacks=[each_epoch],
                )
            except Exception:
                if data.failure is not None:
                    raise data.failure from None
                raise
            finally:
                data.end()
        checkpoint.restore_best()
        if interruption.asked:
            run.environment["interrupted"] = True
            run.notes.append(
                f"interrupted in epoch {len(run.history['loss'])} of {training.epochs}; "
                "what was trained so far is saved, go on with --resume"
            )
        run.metrics.update(data.measure(network))
        best = best_epoch(run.history, training)
        if best and (training.early_stopping or "val_loss" in run.history):
            run.metrics["best_epoch"] = {"epoch": best} | {
                name: values[best - 1] for name, values in run.history.items()
            }
        if training.carry_state:
            copy_weights(network, model.keras)
    worries = run.environment["worries"] = run.environment.get("worries", [])
    worries += _worries(run, model, *data.sample()[:2])
    run.notes += [*data.notes, *worries]
    if keep:
        run.save(model.keras, fitted_state(model))
    if not interruption.asked:
        checkpoint.remove()
    registry().notify("training_finished", run=run)
    return run


def fitted_state(model: Model) -> dict[str, Any]:
    """Return what preprocessor and decoder learnt, as a bundle holds it."""
    return {"input": model.preprocessor.state(), "output": model.decoder.state()}


def _declare_state(run: Run, model: Model) -> None:
    """Write into the spec which states the network has, where it has any and nobody said."""
    if model.spec.state or not model.recurrent:
        return
    states = states_of(build(model.architecture(states=True), initialise=False))
    run.spec = model.spec = msgspec.structs.replace(model.spec, state=states)


def _worries(run: Run, model: Model, inputs: Any, targets: Any) -> list[str]:
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
        if count >= DEAD * len(targets) and commonest < USUAL * len(targets):
            rows = "every row" if count == len(targets) else f"{count} of {len(targets)} rows"
            worries.append(f"the model predicts {label!r} for {rows}{advice}")
    return worries
