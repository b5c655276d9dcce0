"""One network and its arrays through Keras's ``fit``, and what is made of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from zoo.components import Classifier
from zoo.data.labelled import Labelled
from zoo.errors import SpecError, TrainingError, did_you_mean
from zoo.registry.registry import registry
from zoo.runtime.backend import chosen_backend
from zoo.runtime.network import freeze
from zoo.runtime.seeding import seeded
from zoo.spec.toml import spec_to
from zoo.spec.training import Training
from zoo.training.callbacks import Bar, Interruption, Stopping, epoch_callback
from zoo.training.checkpoint import Checkpoint
from zoo.training.data import tensors
from zoo.training.feed import Feed
from zoo.training.recipe import compile_network, measure, targets_for
from zoo.training.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.model import Model

Arrays = dict[str, tuple["NDArray[Any]", "NDArray[Any]"]]
"""Inputs and targets of each part of the data."""


def arrays_of(model: Model, content: dict[str, Labelled]) -> Arrays:
    """Fit a model's preprocessing to the training part, and return all parts as arrays."""
    training = cast("Training", model.spec.training)
    model.preprocessor.fit(content["train"].inputs)
    model.decoder.fit(content["train"].labels)
    arrays = {}
    for part, rows in content.items():
        inputs, targets = tensors(rows, model.preprocessor, model.decoder)
        arrays[part] = inputs, targets_for(training, targets, model.decoder.units)
    return arrays


def fit(run: Run, model: Model, arrays: Arrays) -> None:
    """Train a model whose preprocessing is fitted, and write its run folder.

    Where the folder holds a checkpoint of the same training, it goes on from there.
    """
    training = cast("Training", model.spec.training)
    inputs, targets = arrays["train"]
    weights = _row_weights(model, training, targets)
    with seeded(run.seed):
        network = model.keras
        freeze(network, training.freeze)
        if not network.trainable_weights:
            msg = f"training.freeze={training.freeze!r} leaves nothing to train"
            raise TrainingError(msg)
        compile_network(network, training)
        network.optimizer.build(network.trainable_variables)
        identity = {
            "spec": spec_to(run.spec),
            "seed": run.seed,
            "backend": chosen_backend(),
            "rows": len(inputs),
        }
        checkpoint = Checkpoint(run.path, network, identity)
        progress = checkpoint.restore()
        run.history = progress.history
        rows = (inputs, targets) if weights is None else (inputs, targets, weights)
        feed = Feed(rows, training.batch_size, run.seed, training.shuffle)
        rule = training.early_stopping
        stopping = Stopping(rule, checkpoint, progress) if rule else None
        registry().notify("training_started", run=run)
        with Bar(training.epochs) as bar, Interruption() as interruption:
            each_epoch = epoch_callback(
                run, progress, checkpoint, bar=bar, interruption=interruption, stopping=stopping
            )
            network.fit(
                feed.data_for(network),
                shuffle=False,  # the feed has its own order
                initial_epoch=progress.epochs,
                epochs=training.epochs,
                validation_data=arrays.get("validation"),
                validation_batch_size=max(256, training.batch_size),
                verbose=0,
                callbacks=[feed.callback(), each_epoch],
            )
        checkpoint.restore_best()
        if interruption.asked:
            run.environment["interrupted"] = True
            run.notes.append(
                f"interrupted in epoch {len(run.history['loss'])} of {training.epochs}; "
                "what was trained so far is saved, go on with --resume"
            )
        run.metrics.update({part: measure(network, *pair) for part, pair in arrays.items()})
    run.notes += _worries(run, model, inputs, targets)
    state = {"input": model.preprocessor.state(), "output": model.decoder.state()}
    run.save(network, state)
    if not interruption.asked:
        checkpoint.remove()
    registry().notify("training_finished", run=run)


def _row_weights(model: Model, training: Training, targets: NDArray[Any]) -> NDArray[Any] | None:
    """Return how much each row counts, float32 of shape (rows,), where classes have weights."""
    if not training.class_weights:
        return None
    import numpy as np

    labels = getattr(model.decoder, "labels", None)
    if labels is None:
        msg = "training.class_weights: the model has no classes"
        raise SpecError(msg)
    for name in training.class_weights:
        if name not in labels:
            hint = did_you_mean(name, labels)
            msg = f"training.class_weights: there is no class {name!r}.{hint}"
            raise SpecError(msg)
    each = np.array([training.class_weights.get(label, 1.0) for label in labels], np.float32)
    one_hot = targets.ndim == 2 and targets.shape[1] > 1
    classes = targets.argmax(axis=1) if one_hot else targets.reshape(len(targets)).astype(int)
    weights: NDArray[Any] = each[classes]
    return weights


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
    if isinstance(model.decoder, Classifier) and len(np.unique(targets, axis=0)) > 1:
        outputs = model.runner(inputs, batch_size=256)
        best = {predictions[0].label for predictions in model.decoder.decode(outputs, 1)}
        if len(best) == 1:
            worries.append(f"the model predicts {best.pop()!r} for every row{advice}")
    return worries
