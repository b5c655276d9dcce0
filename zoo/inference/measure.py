"""Loss and metrics of networks, as their recipes name them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zoo.backend.carry import carrying, with_states
from zoo.backend.tensors import count
from zoo.errors import TrainingError, UsageError
from zoo.inference.targets import check_targets, targets_for
from zoo.parts.construct import CHOOSE, keras_part
from zoo.spec.training import Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.tensors import Tensors
    from zoo.inference.base import BaseModel


MEASURED = 256
"""Rows measured at once."""


def compile_network(network: Any, training: Training) -> None:
    """Compile a network with the recipe's loss, optimizer and metrics."""
    network.compile(
        optimizer=keras_part("optimizers", training.optimizer, "training.optimizer"),
        loss=keras_part("losses", training.loss, "training.loss"),
        metrics=list(_metrics(training)),
    )


def _metrics(training: Training) -> Iterator[Any]:
    """Yield the metrics, under the names that they have in a process where they are the first."""
    names: Counter[str] = Counter()
    for metric in training.metrics:
        # A bare name lets Keras choose the variant that fits the loss and the output's shape.
        if not metric.config and metric.uses in CHOOSE:
            yield metric.uses
            continue
        part = keras_part("metrics", metric, "training.metrics")
        if "name" not in metric.config:
            name = re.sub(r"_\d+$", "", part.name)
            part.name = f"{name}_{names[name]}" if names[name] else name
            names[name] += 1
        yield part


def trainee(model: BaseModel, training: Training) -> Any:
    """Return the network that is trained and measured: the model's own, or one that carries on."""
    if not training.carry_state:
        return model.keras
    opened = with_states(model.keras, model.architecture(states=True), model.spec.state)
    return carrying(opened, training.batch_size)


def check_carry(training: Training, rows: int) -> None:
    """Raise `TrainingError` unless the rows' order lets a state go on from batch to batch."""
    if not training.carry_state:
        return
    if training.shuffle:
        msg = "training.carry_state needs the rows in their order: set shuffle = false"
        raise TrainingError(msg)
    if rows % training.batch_size:
        msg = (
            f"training.carry_state needs whole batches, so that each row of one goes on in the "
            f"next; {rows} rows are no multiple of batch_size {training.batch_size}"
        )
        raise TrainingError(msg)


def outputs_of(model: BaseModel, inputs: Tensors) -> NDArray[Any]:
    """Return the outputs for rows as the recipe sees them: one after the other, or each alone."""
    training = model.spec.training
    if training is None or not training.carry_state:
        return model.outputs(inputs, batch_size=MEASURED)
    import numpy as np

    from zoo.inference.session import Session

    session = Session(model, training.batch_size)
    batches = np.split(np.asarray(inputs), count(inputs) // training.batch_size)
    return np.concatenate([session.call(batch) for batch in batches])


def measure(network: Any, inputs: Any, targets: NDArray[Any] | None = None) -> dict[str, float]:
    """Return Keras's own evaluation of the network's present weights: loss and metrics.

    Parameters
    ----------
    network
        The compiled network.
    inputs, targets
        The rows; or a Keras dataset alone, which has batches of its own.
    """
    result = network.evaluate(inputs, targets, batch_size=MEASURED, verbose=0, return_dict=True)
    return {name: float(value) for name, value in result.items()}


def evaluate_on(model: BaseModel, inputs: Tensors, targets: NDArray[Any]) -> dict[str, float]:
    """Return loss and metrics of a model over inputs and targets."""
    training = training_of(model)
    check_carry(training, len(targets))
    network = trainee(model, training)
    targets = targets_for(training, targets, model.decoder.units)
    check_targets(model, training, targets)
    compile_network(network, training)
    return measure(network, inputs, targets)


def training_of(model: BaseModel) -> Training:
    """Return the recipe of a model that has one."""
    if model.spec.training is None:
        msg = f"{model.spec.name} has no recipe, so no loss or metrics to evaluate"
        raise UsageError(msg)
    return model.spec.training
