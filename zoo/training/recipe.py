"""A recipe's names made into Keras objects; evaluation with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.construct import construct, options_of
from zoo.errors import SpecError, TrainingError, UsageError, did_you_mean
from zoo.heads import CHOOSE, check_targets
from zoo.runtime.backend import keras
from zoo.runtime.carry import carrying, with_states
from zoo.spec.component import Component, plain_name
from zoo.spec.model import ModelSpec
from zoo.spec.override import assign, override
from zoo.spec.training import Training
from zoo.tensors import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.model import Model
    from zoo.tensors import Tensors


_SINGULAR = {"losses": "loss", "metrics": "metric", "optimizers": "optimizer"}

_SHORT = {
    "mse": "meansquarederror",
    "mae": "meanabsoluteerror",
    "mape": "meanabsolutepercentageerror",
    "msle": "meansquaredlogarithmicerror",
}


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


def trainee(model: Model, training: Training) -> Any:
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


def outputs_of(model: Model, inputs: Tensors) -> NDArray[Any]:
    """Return the outputs for rows as the recipe sees them: one after the other, or each alone."""
    training = model.spec.training
    if training is None or not training.carry_state:
        return model.outputs(inputs, batch_size=256)
    import numpy as np

    session = model.session(training.batch_size)
    batches = np.split(np.asarray(inputs), count(inputs) // training.batch_size)
    return np.concatenate([session.call(batch) for batch in batches])


def keras_class(module: str, component: Component, what: str) -> type[Any]:
    """Return the Keras class that a component names: ``"adam"`` and ``"Adam"`` are the same.

    Raises
    ------
    SpecError
        If Keras has no such class.
    """
    classes = {
        plain_name(name): value
        for name, value in vars(getattr(keras(), module)).items()
        if isinstance(value, type) and not name.startswith("_")
    }
    name = plain_name(component.uses)
    found = classes.get(_SHORT.get(name, name))
    if found is None:
        hint = did_you_mean(name, classes)
        msg = f"{what}: Keras has no {_SINGULAR[module]} {component.uses!r}.{hint}"
        raise SpecError(msg)
    return found


def keras_part(module: str, component: Component, what: str) -> Any:
    """Return the Keras object that a component describes."""
    return construct(keras_class(module, component, what), component, what=what)


def options_at(spec: ModelSpec) -> Any:
    """Return the function that tells `zoo.spec.override` which options a component takes."""
    from zoo.registry.registry import registry

    tables = {"architecture": "architectures", "input": "preprocessors", "output": "decoders"}

    def options(path: str, component: Component) -> list[str]:
        if path in tables:
            function = registry().resolve(tables[path], component)
            return [name for name in options_of(function) if name not in ("input_shape", "units")]
        module = {"training.optimizer": "optimizers", "training.loss": "losses"}[path]
        known = options_of(keras_class(module, component, path))
        return [name for name in known if name not in ("kwargs", "name", "dtype")]

    return options


def trainable(spec: ModelSpec, settings: Sequence[str] = ()) -> tuple[ModelSpec, Training]:
    """Return a spec with settings as ``--set`` takes them, and its recipe.

    Raises
    ------
    UsageError
        If a setting is wrong, or there is no recipe.
    """
    for assignment in settings:  # one at a time: a new optimizer brings new options
        spec = override(spec, [assignment], options_at(spec))
    if spec.training is None:
        msg = f"{spec.name} has no training recipe"
        raise UsageError(msg)
    return spec, spec.training


def with_settings(spec: ModelSpec, settings: Mapping[str, Any]) -> ModelSpec:
    """Return the spec with fields replaced by Python values, by dotted path or its last part.

    The order does not matter: parts are set before their options.
    """
    parts = ("architecture", "input", "output", "optimizer", "loss")
    for key in sorted(settings, key=lambda key: key.rpartition(".")[2] not in parts):
        spec = assign(spec, key, settings[key], options_at(spec))
    return spec


def targets_for(training: Training, targets: NDArray[Any], units: int | None) -> NDArray[Any]:
    """Return targets as the loss wants them: one-hot for ``categorical_...``."""
    if plain_name(training.loss.uses).startswith("categorical") and targets.ndim == 1:
        import numpy as np

        one_hot = np.eye(units or int(targets.max()) + 1, dtype=np.float32)
        targets = one_hot[targets]
    return targets


def row_weights(model: Model, training: Training, targets: NDArray[Any]) -> NDArray[Any] | None:
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
    weights: NDArray[Any] = each[true_classes(targets)]
    return weights


def true_classes(targets: NDArray[Any]) -> NDArray[np.intp]:
    """Return the number of each row's class, from targets that are numbers or one-hot.

    Raises
    ------
    SpecError
        If rows have several labels.
    """
    if targets.ndim < 2 or targets.shape[1] == 1:
        return targets.reshape(len(targets)).astype(int)
    if (targets.sum(axis=1) != 1).any():
        msg = "class weights and reports are for one class a row; here rows have several labels"
        raise SpecError(msg)
    classes: NDArray[np.intp] = targets.argmax(axis=1)
    return classes


def measure(network: Any, inputs: Any, targets: NDArray[Any] | None = None) -> dict[str, float]:
    """Return Keras's own evaluation of the network's present weights: loss and metrics.

    Parameters
    ----------
    network
        The compiled network.
    inputs, targets
        The rows; or a Keras dataset alone, which has batches of its own.
    """
    result = network.evaluate(inputs, targets, batch_size=256, verbose=0, return_dict=True)
    return {name: float(value) for name, value in result.items()}


def evaluate_on(model: Model, inputs: Tensors, targets: NDArray[Any]) -> dict[str, float]:
    """Return loss and metrics of a model over inputs and targets."""
    training = training_of(model)
    check_carry(training, len(targets))
    network = trainee(model, training)
    targets = targets_for(training, targets, model.decoder.units)
    check_targets(model, training, targets)
    compile_network(network, training)
    return measure(network, inputs, targets)


def training_of(model: Model) -> Training:
    """Return the recipe of a model that has one."""
    if model.spec.training is None:
        msg = f"{model.spec.name} has no recipe, so no loss or metrics to evaluate"
        raise UsageError(msg)
    return model.spec.training
