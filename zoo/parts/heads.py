"""The head of a network: which one a decoder or a loss needs, and how its outputs are decoded.

A head is named by the Keras activation behind the network's output. Where the decoder needs a
softmax or sigmoid, each row of outputs is checked before it is decoded; what the decoder returns is
checked in any case.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from msgspec.structs import replace

from zoo.backend import keras_private
from zoo.backend.choose import keras, requested_dtype
from zoo.backend.runner import map_arrays
from zoo.errors import InputError, SpecError, UsageError
from zoo.parts.base import Classifier, Decoder
from zoo.parts.construct import construct
from zoo.parts.multi_output import Outputs
from zoo.registry.registry import registry
from zoo.spec.component import Component, plain_name
from zoo.spec.model import ModelSpec, Objective

LOSSES = {"softmax": "sparse_categorical_crossentropy", "sigmoid": "binary_crossentropy"}
"""Default losses of the heads that give probabilities, of one class of many or of each label."""

EQUIVALENT_HEADS = {"sparsemax": "softmax", "hard_sigmoid": "sigmoid"}
"""Heads whose outputs mean the same as those of another head."""

SUM_TOLERANCE, ROUNDING_TOLERANCE, HALF_TOLERANCE = 1e-3, 1e-6, 1e-2
"""Tolerance of a sum of probabilities, of each probability, and of both in half precision."""


# Heads


class Head(NamedTuple):
    """An output of a model.

    Attributes
    ----------
    name
        Its name; empty if it is the only one.
    decoder
        Its decoder.
    component
        The decoder in the spec.
    objective
        Loss and metrics, if the spec has a recipe.
    """

    name: str
    decoder: Decoder
    component: Component
    objective: Objective | None

    def of(self, tensors: Any) -> Any:
        """Return this output among those of a network."""
        return tensors[self.name] if self.name else tensors

    @property
    def where(self) -> str:
        """Path of its objective in the spec."""
        return f"training.outputs.{self.name}" if self.name else "training"


def heads_of(spec: ModelSpec, decoder: Decoder) -> list[Head]:
    """Return the outputs of a model.

    Raises
    ------
    SpecError
        If the recipe has other outputs than the decoder.
    """
    objectives = spec.training.objectives if spec.training else None
    parts, components = {"": decoder}, {"": spec.output}
    if isinstance(decoder, Outputs):
        parts, components = decoder.parts, decoder.components
    if objectives is not None and objectives.keys() != parts.keys():
        msg = f"training.outputs: must have loss and metrics of {', '.join(parts)}, received "
        msg += ", ".join(filter(None, objectives)) or "one loss"
        if not isinstance(decoder, Outputs):
            msg = f"training.outputs: {spec.output.uses!r} decodes one output; give the training "
            msg += "one loss, or use several decoders"
        raise SpecError(msg)
    return [
        Head(name, part, components[name], objectives[name] if objectives else None)
        for name, part in parts.items()
    ]


def decoder_head(decoder: Decoder) -> str | None:
    """Return the head that a decoder needs; None if it does not declare one.

    A base class's declaration does not hold for a subclass that encodes or decodes differently.
    """
    return decoder.output_activation if _declares_head(type(decoder)) else None


@functools.cache
def _declares_head(decoder: type[Decoder]) -> bool:
    names = ("output_activation", "encode", "decode")
    kind = next(kind for kind in decoder.__mro__ if any(name in vars(kind) for name in names))
    return "output_activation" in vars(kind)


def loss_head(loss: Component) -> str | None:
    """Return the head that a loss is defined for; None if any will do."""
    name = plain_name(loss.uses)
    if not name.endswith("crossentropy"):
        return None
    probabilities = "softmax" if "categorical" in name else "sigmoid"
    return "linear" if loss.config.get("from_logits") else probabilities


def offered_head(decoder: Decoder) -> str | dict[str, str] | None:
    """Return what an architecture is told about its head; by name, where there are several."""
    if isinstance(decoder, Outputs):
        return {name: decoder_head(part) or "linear" for name, part in decoder.parts.items()}
    return decoder_head(decoder)


def with_head(spec: ModelSpec) -> ModelSpec:
    """Return a spec that sets its network's head where the decoder needs another than the default.

    The spec is unchanged if it sets a head already, or if the architecture has no option for it.
    """
    function = registry().resolve("architectures", spec.architecture)
    decoder = construct(registry().resolve("decoders", spec.output), spec.output, what="output")
    head, options = offered_head(decoder), inspect.signature(function).parameters
    default = options["output_activation"].default if "output_activation" in options else head
    if head in (None, default) or "output_activation" in spec.architecture.config:
        return spec
    return replace(spec, architecture=spec.architecture.with_options(output_activation=head))


def activation_of(tensor: Any) -> str | None:
    """Return the Keras activation that an output comes from; None if unknown."""
    layers = keras().layers
    layer, output = keras_private.producer_of(tensor)
    if isinstance(layer, keras().Model):
        return activation_of(layer.outputs[output])
    if type(layer).__name__ == "Softmax":
        return "softmax" if layer.axis in (-1, len(tensor.shape) - 1) else None
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    builtin = getattr(keras().activations, name, "") is getattr(layer, "activation", None)
    head = type(layer) is layers.Dense or (type(layer) is layers.Activation and name != "linear")
    return name if builtin and head else None


def classifier_of(spec: ModelSpec, decoder: Decoder) -> Classifier:
    """Return the decoder of a spec, or raise `UsageError` if it does not classify."""
    if not isinstance(decoder, Classifier):
        msg = f"{spec.name} does not classify (its task is {spec.task}); use predict"
        raise UsageError(msg)
    return decoder


def decodable_shape(spec: ModelSpec, head: Head, shapes: Any) -> tuple[int | None, ...]:
    """Return the shape of an output, or raise `SpecError` if it does not fit the decoder.

    Parameters
    ----------
    spec, head
        The model's, and its output.
    shapes
        Shape of the network's output, or those of all by name.
    """
    units, shape = head.decoder.units, shapes
    if head.name:
        shape = shapes.get(head.name) if isinstance(shapes, Mapping) else None
    width = shape[-1] if isinstance(shape, tuple) and len(shape) > 1 else 1
    if isinstance(shape, tuple) and (None in (width, units) or width == units):
        return shape
    has, needs = f"{width} units", str(units or "one output")
    if head.name:
        names = ", ".join(shapes) if isinstance(shapes, Mapping) else "without names"
        has = f"{has} in {head.name!r}" if shape else f"outputs {names}"
        needs = needs if shape else f"one named {head.name!r}"
    elif not isinstance(shape, tuple):
        has = "several outputs"
    msg = f"architecture: {spec.architecture.uses!r} has {has}, and {head.component.uses!r} needs "
    raise SpecError(msg + needs)


# Answers


def decode_outputs(
    spec: ModelSpec, heads: Sequence[Head], outputs: Any, top: int | None = None
) -> list[Any]:
    """Decode each row of outputs; see `zoo.Model.answers`."""
    shapes = map_arrays(lambda array: getattr(array, "shape", None), outputs)
    for head in heads:
        decodable_shape(spec, head, shapes)
    answers = [_decode_output(spec, head, head.of(outputs), top) for head in heads]
    if not heads[0].name:
        return answers[0]
    return [
        first_error(row) or {head.name: one for head, one in zip(heads, row, strict=True)}
        for row in zip(*answers, strict=True)
    ]


def _decode_output(spec: ModelSpec, output: Head, outputs: Any, top: int | None) -> list[Any]:
    import numpy as np

    if not len(outputs):
        return []
    decoder, objective = output.decoder, output.objective
    head = decoder_head(decoder)
    half = outputs.dtype.itemsize < 4 or requested_dtype() != "float32"
    slack = HALF_TOLERANCE if half else ROUNDING_TOLERANCE
    outputs = outputs.astype(np.promote_types(outputs.dtype, np.float32), copy=False)
    flat = outputs.reshape(len(outputs), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        inside = (flat >= -slack) & (flat <= 1 + slack) if head in LOSSES else np.isfinite(flat)
        usable: Any = inside.all(axis=1)
        if head == "softmax":
            away = abs(outputs.sum(axis=-1) - 1).reshape(len(outputs), -1)
            usable &= (away <= max(slack, SUM_TOLERANCE)).all(axis=1)
        chosen = outputs if usable.all() else outputs[usable]
        chosen = chosen.clip(0, 1) if head in LOSSES else chosen
        if classifies := isinstance(decoder, Classifier):
            decoded: Iterator[Any] = iter(decoder.decode(chosen, top))
        else:
            decoded = iter(decoder.decode(chosen))
    implied = loss_head(objective.loss) if objective and classifies and head is None else None
    sums_to_one = implied == "softmax" and top is None
    answers: list[Any] = []
    for row, good in zip(flat, usable.tolist(), strict=True):
        answer = next(decoded) if good else row
        numbers = list(_numbers(answer))
        fits = good and all(map(isfinite, numbers))
        fits = fits and (not classifies or all(-slack <= number <= 1 + slack for number in numbers))
        fits = fits and (not sums_to_one or abs(sum(numbers) - 1) <= max(slack, SUM_TOLERANCE))
        answers.append(answer if fits else _output_error(numbers))
    return answers


def first_error(answers: Iterable[Any]) -> InputError | None:
    """Return the first error among answers, if any."""
    return next((answer for answer in answers if isinstance(answer, InputError)), None)


def _numbers(answer: Any) -> Iterator[float]:
    """Yield the numbers of an answer: scores of predictions, or values; texts have none."""
    if isinstance(answer, str):
        return
    if isinstance(answer, Iterable):
        for part in answer:
            yield from _numbers(part)
    else:
        yield getattr(answer, "score", answer)


def _output_error(numbers: Sequence[float]) -> InputError:
    shown = ", ".join(f"{number:.4g}" for number in numbers[:4]) + ", ..." * (len(numbers) > 4)
    if all(map(isfinite, numbers)):
        return InputError(f"the network gives {shown}, not probabilities", kind="no-probabilities")
    msg = f"the network gives {shown}, not finite; are its weights damaged, or did it diverge?"
    return InputError(msg, kind="not-finite")
