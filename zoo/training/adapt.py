"""Adapting a spec to data with other columns or classes than it declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from zoo.errors import SpecError
from zoo.parts.base import Classifier
from zoo.parts.construct import construct, options_of
from zoo.parts.heads import with_head
from zoo.registry.registry import registry
from zoo.spec.component import Component, plain_name
from zoo.spec.model import ModelSpec, Training

_COLUMN_OPTIONS = ("drop", "one_hot", "multi_hot", "maps")
"""Options of a preprocessor that name columns, besides ``columns``."""


def declared_columns(spec: ModelSpec) -> list[str] | None:
    """Return the columns that a spec's preprocessor names; None if it names none."""
    columns = spec.input.config.get("columns")
    return list(columns) if isinstance(columns, list | dict) else None


def follow_columns(spec: ModelSpec, columns: Sequence[str]) -> ModelSpec:
    """Return a spec whose preprocessor takes these columns and no others.

    A spec that names the same ones, or whose preprocessor has no ``columns``, is returned as is.
    """
    function = registry().resolve("preprocessors", spec.input)
    if "columns" not in options_of(function) or set(declared_columns(spec) or ()) == set(columns):
        return spec
    config: dict[str, Any] = dict(spec.input.config)
    dropped = config.get("drop", ())
    kept = [name for name in columns if name not in dropped]
    declared = config.get("columns")
    config["columns"] = kept
    if isinstance(declared, dict):  # with the type of each column; the others were left out
        typed = {name: declared[name] for name in kept if name in declared}
        config["columns"] = typed or dict.fromkeys(kept, "number")
    for option in _COLUMN_OPTIONS:
        if isinstance(config.get(option), dict):
            config[option] = {k: v for k, v in config[option].items() if k in columns}
        elif option in config:
            config[option] = [name for name in config[option] if name in columns]
    return _replace_fields(spec, input=Component(spec.input.uses, **config))


def follow_classes(spec: ModelSpec, labels: Sequence[str]) -> ModelSpec:
    """Return a spec whose output is these classes, at least two.

    The spec is returned as it is if it declares as many and knows them all. For more than two
    classes, one sigmoid unit becomes a softmax with one unit per class.

    Raises
    ------
    SpecError
        If the classes are fixed, or the network cannot have that many outputs.
    """
    decoder = construct(registry().resolve("decoders", spec.output), spec.output, what="output")
    assert isinstance(decoder, Classifier)
    declared = getattr(decoder, "labels", None)
    if declared and len(declared) == len(labels) and not any(decoder.encode(labels)[1]):
        return spec
    if "labels" not in options_of(type(decoder)):
        msg = f"{spec.name}: has {len(declared or ())} fixed classes; "
        msg += f"the data have {len(labels)}: {', '.join(labels[:10])}"
        raise SpecError(msg)
    rest = {k: v for k, v in spec.output.config.items() if k not in ("labels", "values", "ids")}
    output = Component(spec.output.uses, labels=list(labels), **rest)
    if decoder.units == 1 and len(labels) > 2:
        return _with_softmax(spec, output)
    return _replace_fields(spec, output=output)


def _with_softmax(spec: ModelSpec, output: Component) -> ModelSpec:
    """Replace the sigmoid unit of a spec with a softmax over several classes."""
    training = cast("Training", spec.training)
    sigmoid = with_head(spec).architecture.config.get("output_activation") == "sigmoid"
    assert training.loss is not None  # as the decoder is a classifier
    if not sigmoid or plain_name(training.loss.uses) != "binarycrossentropy":
        msg = f"{spec.name}: has one output, for two classes; the data have "
        msg += f"{len(output.config['labels'])}; more need a sigmoid with binary_crossentropy"
        raise SpecError(msg)
    metrics = tuple(
        Component("accuracy") if plain_name(metric.uses) == "binaryaccuracy" else metric
        for metric in training.metrics
    )
    plugin = output.uses.rpartition("/")[0]
    return _replace_fields(
        spec,
        architecture=spec.architecture.with_options(output_activation="softmax"),
        output=output.renamed(f"{plugin}/classes" if plugin else "classes"),
        training=msgspec.structs.replace(
            training, loss=Component("sparse_categorical_crossentropy"), metrics=metrics
        ),
    )


def _replace_fields(spec: ModelSpec, **fields: Any) -> ModelSpec:
    """Replace fields of a spec, and drop the facts about the model as declared."""
    return msgspec.structs.replace(spec, parameters=None, figures=(), **fields)
