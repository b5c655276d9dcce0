"""Loss and metrics of networks, as their recipes name them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zoo.backend.carry import carry_state, expose_states
from zoo.backend.runner import count_samples
from zoo.errors import TrainingError, UsageError
from zoo.inference.targets import check_targets, targets_for
from zoo.parts.construct import AUTOMATIC, keras_object
from zoo.spec.model import Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.runner import Tensors
    from zoo.inference.base import BaseModel


EVAL_BATCH = 256
"""Rows evaluated at once."""


def compile_network(network: Any, training: Training) -> None:
    """Compile a network with the recipe's loss, optimizer and metrics."""
    network.compile(
        optimizer=keras_object("optimizers", training.optimizer, "training.optimizer"),
        loss=keras_object("losses", training.loss, "training.loss"),
        metrics=list(_metrics(training)),
    )


def _metrics(training: Training) -> Iterator[Any]:
    """Yield the metrics, named as in a process that has made no other metric."""
    names: Counter[str] = Counter()
    for metric in training.metrics:
        # A bare name lets Keras choose the variant that fits the loss and the output's shape.
        if not metric.config and metric.uses in AUTOMATIC:
            yield metric.uses
            continue
        part = keras_object("metrics", metric, "training.metrics")
        if "name" not in metric.config:
            name = re.sub(r"_\d+$", "", part.name)
            part.name = f"{name}_{names[name]}" if names[name] else name
            names[name] += 1
        yield part


def training_network(model: BaseModel, training: Training) -> Any:
    """Return the network to train and evaluate: the model's own, or one that carries its state."""
    if not training.carry_state:
        return model.keras
    opened = expose_states(model.keras, model.architecture(states=True), model.spec.state)
    return carry_state(opened, training.batch_size)


def check_carry(training: Training, rows: int) -> None:
    """Raise `TrainingError` unless the rows let a state be carried from batch to batch."""
    if not training.carry_state:
        return
    if training.shuffle:
        msg = "training.carry_state needs the rows in their order; set shuffle = false"
        raise TrainingError(msg)
    if rows % training.batch_size:
        msg = (
            f"training.carry_state needs complete batches, so that each row continues in the next "
            f"batch; {rows} rows are not a multiple of batch_size {training.batch_size}"
        )
        raise TrainingError(msg)


def outputs_of(model: BaseModel, inputs: Tensors) -> NDArray[Any]:
    """Return the outputs for rows, with the state carried between batches if the recipe does so."""
    training = model.spec.training
    if training is None or not training.carry_state:
        return model.outputs(inputs, batch_size=EVAL_BATCH)
    import numpy as np

    from zoo.inference.session import Session

    session = Session(model, training.batch_size)
    batches = np.split(np.asarray(inputs), count_samples(inputs) // training.batch_size)
    return np.concatenate([session.call(batch) for batch in batches])


def measure(network: Any, inputs: Any, targets: NDArray[Any] | None = None) -> dict[str, float]:
    """Evaluate a network's current weights with Keras; return loss and metrics.

    Parameters
    ----------
    network
        The compiled network.
    inputs, targets
        The rows; or a Keras dataset alone, which is batched already.
    """
    result = network.evaluate(inputs, targets, batch_size=EVAL_BATCH, verbose=0, return_dict=True)
    return {name: float(value) for name, value in result.items()}


def evaluate_on(model: BaseModel, inputs: Tensors, targets: NDArray[Any]) -> dict[str, float]:
    """Return loss and metrics of a model over inputs and targets."""
    training = training_of(model)
    check_carry(training, len(targets))
    network = training_network(model, training)
    targets = targets_for(training, targets, model.decoder.units)
    check_targets(model, training, targets)
    compile_network(network, training)
    return measure(network, inputs, targets)


def training_of(model: BaseModel) -> Training:
    """Return the recipe of a model, or raise `UsageError` if it has none."""
    if model.spec.training is None:
        msg = f"{model.spec.name} has no recipe, so no loss or metrics to evaluate"
        raise UsageError(msg)
    return model.spec.training
