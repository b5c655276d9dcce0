"""Loss and metrics of networks, as their recipes name them, and the targets that these compare.

Targets get the form that the loss takes, and must fit the head of the network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zoo.backend.carry import carry_state, expose_states
from zoo.backend.choose import keras
from zoo.backend.runner import count_samples, map_arrays, output_shapes, symbolic_outputs
from zoo.errors import SpecError, TrainingError, UsageError, did_you_mean
from zoo.parts.base import Classifier, Regressor
from zoo.parts.construct import AUTOMATIC, keras_object
from zoo.parts.heads import (
    EQUIVALENT_HEADS,
    LOSSES,
    Head,
    activation_of,
    decodable_shape,
    decoder_head,
    first_error,
    heads_of,
    loss_head,
)
from zoo.parts.schedules import build_optimizer
from zoo.spec.component import plain_name
from zoo.spec.model import Objective, Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.backend.runner import Tensors
    from zoo.inference.base import BaseModel


EVAL_BATCH = 256
"""Rows evaluated at once."""

UNCHECKED = ("ctc", "circle", "iou")
"""Parts of the names of losses and metrics that do not compare number with number."""

PROBE_ROWS = 32
"""Rows computed to see what a head gives, where the name of its activation does not say."""


def compile_network(network: Any, training: Training, *, steps: int | None = None) -> None:
    """Compile a network with the recipe's loss, metrics and optimizer.

    Parameters
    ----------
    network, training
        The network and the recipe.
    steps
        Steps of an epoch; not given where the network is only measured, without its optimizer.
    """
    losses: dict[str, Any] = {}
    metrics: dict[str, list[Any]] = {}
    weights: dict[str, float] = {}
    for name, objective in training.objectives.items():
        where = f"training.outputs.{name}" if name else "training"
        losses[name] = keras_object("losses", objective.loss, f"{where}.loss")
        metrics[name] = list(_metrics(objective, f"{where}.metrics"))
        weights[name] = objective.weight
    single = training.loss is not None
    optimizer: Any = "sgd"  # Keras needs one
    if steps is not None:
        optimizer = build_optimizer(training.optimizer, epochs=training.epochs, steps=steps)
    network.compile(
        optimizer=optimizer,
        loss=losses[""] if single else losses,
        metrics=metrics[""] if single else metrics,
        loss_weights=None if single else weights,
    )


def _metrics(objective: Objective, where: str) -> Iterator[Any]:
    """Yield the metrics, named as in a process that has made no other metric."""
    names: Counter[str] = Counter()
    for metric in objective.metrics:
        # A bare name lets Keras choose the variant that fits the loss and the output's shape.
        if not metric.config and metric.uses in AUTOMATIC:
            yield metric.uses
            continue
        part = keras_object("metrics", metric, where)
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


def outputs_of(model: BaseModel, inputs: Tensors) -> Tensors:
    """Return the outputs for rows, with the state carried between batches if the recipe does so."""
    training = model.spec.training
    if training is None or not training.carry_state:
        outputs: Tensors = model.outputs(inputs, batch_size=EVAL_BATCH)
        return outputs
    import numpy as np

    from zoo.inference.session import Session

    session = Session(model, training.batch_size)
    batches = np.split(np.asarray(inputs), count_samples(inputs) // training.batch_size)
    return np.concatenate([session.call(batch) for batch in batches])


def measure(network: Any, inputs: Any, targets: Tensors | None = None) -> dict[str, float]:
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


def evaluate_on(model: BaseModel, inputs: Tensors, targets: Tensors) -> dict[str, float]:
    """Return loss and metrics of a model over inputs and targets."""
    training = training_of(model)
    check_carry(training, count_samples(targets))
    network = training_network(model, training)
    targets = targets_for(model, targets)
    for head in heads_of(model.spec, model.decoder):
        check_targets(model, head, head.of(targets))
    compile_network(network, training)
    return measure(network, inputs, targets)


def training_of(model: BaseModel) -> Training:
    """Return the recipe of a model, or raise `UsageError` if it has none."""
    if model.spec.training is None:
        msg = f"{model.spec.name} has no recipe, so no loss or metrics to evaluate"
        raise UsageError(msg)
    return model.spec.training


def check_targets(model: BaseModel, head: Head, targets: NDArray[Any]) -> None:
    """Raise `SpecError` unless loss and metrics compare each target with the output of its row.

    Keras broadcasts them where their shapes differ.
    """
    shape = decodable_shape(model.spec, head, output_shapes(model.keras))[1:]
    objective = head.objective
    if objective is None or _has_custom_loss(model.keras):
        return
    classes = shape[-1] if shape else 1
    for part in (objective.loss, *objective.metrics):
        name, what = plain_name(part.uses), ""
        sparse, binary = name.startswith("sparse"), name.startswith("binary")
        if (part.uses in AUTOMATIC and not part.config) or any(word in name for word in UNCHECKED):
            continue
        if "categorical" in name and classes == 1:
            what = "is for one class of several, and the network has 1 unit"
        elif not _shapes_match(targets.shape[1:], shape[:-1] if sparse else shape):
            own, outputs = (str(("rows", *s)).replace("'", "") for s in (targets.shape[1:], shape))
            what = f"would compare targets of shape {own} with outputs of shape {outputs}; "
            each = "class for each position" if sparse else "number for each unit"
            what += f"{head.component.uses!r} must encode a target as one {each} of the network"
        elif (sparse or binary) and classes and _invalid(targets, classes if sparse else 2, sparse):
            what = f"takes targets from 0 to {classes - 1 if sparse else 1}, received "
            what += f"{targets.min()} to {targets.max()}"
        if what:
            where = "loss" if part is objective.loss else "metrics"
            msg = f"{head.where}.{where}: {part.uses!r} {what}"
            raise SpecError(msg)


def check_heads(model: BaseModel, inputs: Tensors, targets: Tensors) -> None:
    """Raise `SpecError` unless heads, decoders, losses and metrics of a recipe fit together.

    Parameters
    ----------
    model
        The model, not trained yet.
    inputs, targets
        Some training rows.
    """
    for head in heads_of(model.spec, model.decoder):
        _check_head(model, head, inputs, head.of(targets))


def _check_head(model: BaseModel, output: Head, inputs: Tensors, targets: NDArray[Any]) -> None:
    assert output.objective is not None
    decoder, loss, network = output.component.uses, output.objective.loss, model.keras
    classifies = not isinstance(output.decoder, Regressor)
    head = decoder_head(output.decoder) if classifies else None
    implied = None if _has_custom_loss(network) else loss_head(loss)
    built = activation_of(output.of(symbolic_outputs(network)))
    needed, kind = head or implied, EQUIVALENT_HEADS.get(str(built), built)
    what = f"architecture: {model.spec.architecture.uses!r} "
    of = f" of {output.name!r}" if output.name else ""
    if head and implied not in (None, head):
        use = f"{LOSSES[head]!r} without from_logits" if head in LOSSES else "from_logits = true"
        what = f"{output.where}.loss: {loss.uses!r} is for a {implied} head, and {decoder!r} needs "
        what += f"{head}; use {use}"
    elif built and needed not in (None, kind):
        what += f"has the head {built!r}{of}, and {decoder if head else loss.uses!r} needs "
        what += f"{needed}; give the architecture output_activation = {needed!r}"
    elif kind == "softmax" and output.of(symbolic_outputs(network)).shape[-1] == 1:
        what += f"has a softmax of one unit{of}, which is always 1; "
        what += "give it output_activation = 'linear'"
    else:
        check_targets(model, output, targets)
        if not classifies or kind in LOSSES:
            return
        rows = model.outputs(map_arrays(lambda array: array[:PROBE_ROWS], inputs))
        problem = first_error(model.answers(rows))
        if problem is None:
            return
        what += f"gives no probabilities for {decoder!r}: {problem}"
    raise SpecError(what)


def _has_custom_loss(network: Any) -> bool:
    """Whether a network computes its loss itself: it may compare anything."""
    cls, base = type(network), keras().Model
    return cls.train_step is not base.train_step or cls.compute_loss is not base.compute_loss


def _shapes_match(*shapes: tuple[int | None, ...]) -> bool:
    """Whether targets have the shape of outputs; Keras ignores a last axis of one number."""
    targets, outputs = (sides[:-1] if sides[-1:] == (1,) else sides for sides in shapes)
    return len(targets) == len(outputs) and all(
        side in (None, own) for own, side in zip(targets, outputs, strict=True)
    )


def _invalid(targets: NDArray[Any], count: int, integers: bool) -> bool:
    """Whether targets are outside of 0 to `count` - 1, or should be `integers` and are not."""
    return bool(((targets < 0) | (targets > count - 1) | (integers & (targets % 1 != 0))).any())


def targets_for(model: BaseModel, targets: Tensors) -> Any:
    """Return targets in the form that each loss takes: one-hot for ``categorical_...``."""
    heads = heads_of(model.spec, model.decoder)
    formed = {head.name: _target_for(head, head.of(targets)) for head in heads}
    return formed if isinstance(targets, Mapping) else formed[""]


def _target_for(head: Head, targets: NDArray[Any]) -> NDArray[Any]:
    assert head.objective is not None
    positions = targets.dtype.kind == "i" and not isinstance(head.decoder, Classifier)
    indices = targets.ndim == 1 or positions
    if plain_name(head.objective.loss.uses).startswith("categorical") and indices:
        import numpy as np

        one_hot = np.eye(head.decoder.units or int(targets.max()) + 1, dtype=np.float32)  # type: ignore[arg-type]
        targets = one_hot[targets]
    return targets


def row_weights(model: BaseModel, training: Training, targets: NDArray[Any]) -> NDArray[Any] | None:
    """Return the weight of each row, float32 of shape (rows,); None without class weights."""
    if not training.class_weights:
        return None
    import numpy as np

    labels, decoder = getattr(model.decoder, "labels", None), model.decoder
    if labels is None or not (isinstance(decoder, Classifier) and decoder.one_class):
        msg = "training.class_weights: they are for models of one class per row; "
        raise SpecError(msg + f"{model.spec.output.uses!r} is none")
    for name in training.class_weights:
        if name not in labels:
            hint = did_you_mean(name, labels)
            msg = f"training.class_weights: there is no class {name!r}.{hint}"
            raise SpecError(msg)
    by_class = np.array([training.class_weights.get(label, 1.0) for label in labels], np.float32)
    weights: NDArray[Any] = by_class[true_classes(targets)]
    return weights


def true_classes(targets: NDArray[Any]) -> NDArray[np.intp]:
    """Return the index of each row's class, from targets that are indices or one-hot.

    Raises
    ------
    SpecError
        If rows have several labels.
    """
    if targets.ndim < 2 or targets.shape[1] == 1:
        return targets.reshape(len(targets)).astype(int)
    if (targets.sum(axis=1) != 1).any():
        msg = "class weights and reports need one class per row, but rows have several or none"
        raise SpecError(msg)
    classes: NDArray[np.intp] = targets.argmax(axis=1)
    return classes
