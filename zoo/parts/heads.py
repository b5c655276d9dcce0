"""The head of a network: what a decoder asks of it, whether a recipe fits, and what it answers.

A head is named by the Keras activation behind the network's output. Where the decoder asks for a
softmax or sigmoid each row of outputs is looked at before it is decoded; what a decoder makes of it
is looked at in any case.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from zoo.backend import keras_private
from zoo.backend.choose import keras, requested_dtype
from zoo.errors import InputError, SpecError, UsageError
from zoo.parts.base import Classifier, Decoder, Regressor
from zoo.parts.construct import construct
from zoo.registry.registry import registry
from zoo.spec.component import Component, plain_name
from zoo.spec.model import ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


LOSSES = {"softmax": "sparse_categorical_crossentropy", "sigmoid": "binary_crossentropy"}
"""Heads that give probabilities, of one class of many or of each label, with their usual loss."""

ALIKE = {"sparsemax": "softmax", "hard_sigmoid": "sigmoid"}
"""Activations that give numbers of the same kind as another one."""

SUM, ROUNDING, HALF = 1e-3, 1e-6, 1e-2
"""How far the sum of probabilities may be from 1, and each from 0 to 1; in half precision, both."""


# What is asked of a head


def asked_by(decoder: Decoder) -> str | None:
    """Return the head that a decoder asks for; None where it does not say.

    What a base class says does not hold for a subclass that encodes or decodes in its own way.
    """
    own = ("output_activation", "encode", "decode")
    kind = next(kind for kind in type(decoder).__mro__ if any(name in vars(kind) for name in own))
    return decoder.output_activation if "output_activation" in vars(kind) else None


def wanted_by(loss: Component) -> str | None:
    """Return the head that a loss is defined for; None where any will do."""
    name = plain_name(loss.uses)
    if not name.endswith("crossentropy"):
        return None
    usual = "softmax" if "categorical" in name else "sigmoid"
    return "linear" if loss.config.get("from_logits") else usual


def with_head(spec: ModelSpec) -> ModelSpec:
    """Return a spec that says the head of its network, where the decoder asks for another one.

    Nothing changes where the spec says it already, or the architecture leaves no choice.
    """
    function = registry().resolve("architectures", spec.architecture)
    decoder = construct(registry().resolve("decoders", spec.output), spec.output, what="output")
    head, choice = asked_by(decoder), inspect.signature(function).parameters
    usual = choice["output_activation"].default if "output_activation" in choice else head
    if head in (None, usual) or "output_activation" in spec.architecture.config:
        return spec
    return replace(spec, architecture=spec.architecture.with_options(output_activation=head))


def activation_of(tensor: Any) -> str | None:
    """Return the Keras activation that an output comes from; None where that is not known."""
    layers = keras().layers
    layer, output = keras_private.made_by(tensor)
    if isinstance(layer, keras().Model):
        return activation_of(layer.outputs[output])
    if type(layer).__name__ == "Softmax":
        return "softmax" if layer.axis in (-1, len(tensor.shape) - 1) else None
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    own = getattr(keras().activations, name, "") is getattr(layer, "activation", None)
    head = type(layer) is layers.Dense or (type(layer) is layers.Activation and name != "linear")
    return name if own and head else None


def classifier_of(spec: ModelSpec, decoder: Decoder) -> Classifier:
    """Return the decoder of a spec, or raise `UsageError` if it does not classify."""
    if not isinstance(decoder, Classifier):
        msg = f"{spec.name} does not classify (its task is {spec.task}); use predict"
        raise UsageError(msg)
    return decoder


def decodable(spec: ModelSpec, decoder: Decoder, shape: Any) -> tuple[int | None, ...]:
    """Return the shape of a network's output, or raise `SpecError` if it is not the decoder's."""
    units = decoder.units
    width = shape[-1] if isinstance(shape, tuple) and len(shape) > 1 else 1
    if isinstance(shape, tuple) and (None in (width, units) or width == units):
        return shape
    has = f"{width} units" if isinstance(shape, tuple) else "several outputs"
    msg = f"architecture: {spec.architecture.uses!r} has {has}, and {spec.output.uses!r} needs "
    msg += str(units or "one output")
    raise SpecError(msg)


# Answers


def answers(
    spec: ModelSpec, decoder: Decoder, outputs: NDArray[Any], top: int | None = None
) -> list[Any]:
    """Return what the decoder of a spec makes of each row of outputs; see `zoo.Model.answers`."""
    import numpy as np

    if not len(outputs):
        return []
    decodable(spec, decoder, getattr(outputs, "shape", None))
    training = spec.training
    head, wanted = asked_by(decoder), wanted_by(training.loss) if training else None
    half = outputs.dtype.itemsize < 4 or requested_dtype() != "float32"
    slack = HALF if half else ROUNDING
    outputs = outputs.astype(np.promote_types(outputs.dtype, np.float32), copy=False)
    flat = outputs.reshape(len(outputs), -1)
    usable: Any = np.isfinite(flat).all(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        if head in LOSSES:
            usable &= ((flat >= -slack) & (flat <= 1 + slack)).all(axis=1)
        if head == "softmax":
            away = abs(outputs.sum(axis=-1) - 1).reshape(len(outputs), -1)
            usable &= (away <= max(slack, SUM)).all(axis=1)
        chosen = outputs[usable].clip(0, 1) if head in LOSSES else outputs[usable]
        if isinstance(decoder, Regressor):
            found: Iterator[Any] = iter(decoder.decode(chosen))
        else:
            found = iter(classifier_of(spec, decoder).decode(chosen, top))
    shares = not isinstance(decoder, Regressor)
    whole = shares and head is None and wanted == "softmax" and top is None
    results: list[Any] = []
    for row, good in zip(flat, usable, strict=True):
        result = next(found) if good else row
        numbers = list(_numbers(result))
        fits = good and all(map(isfinite, numbers))
        fits = fits and (not shares or all(-slack <= number <= 1 + slack for number in numbers))
        fits = fits and (not whole or abs(sum(numbers) - 1) <= max(slack, SUM))
        results.append(result if fits else _no_answer(numbers))
    return results


def first_error(found: Iterable[Any]) -> InputError | None:
    """Return the first answer that is none."""
    return next((answer for answer in found if isinstance(answer, InputError)), None)


def _numbers(result: Any) -> Iterator[float]:
    """Yield the numbers of an answer: scores of predictions, or values."""
    if isinstance(result, Iterable):
        for part in result:
            yield from _numbers(part)
    else:
        yield getattr(result, "score", result)


def _no_answer(numbers: Sequence[float]) -> InputError:
    shown = ", ".join(f"{number:.4g}" for number in numbers[:4]) + ", ..." * (len(numbers) > 4)
    if all(map(isfinite, numbers)):
        return InputError(f"the network gives {shown}, no probabilities", kind="no-probabilities")
    msg = f"the network gives {shown}, not finite; are its weights damaged, its training diverged?"
    return InputError(msg, kind="not-finite")
