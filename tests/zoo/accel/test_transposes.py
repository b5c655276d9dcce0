"""Transposes move through operations whose axes can be reordered, and results do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino", reason="needs openvino (the extra of that name)")

import openvino.opset16 as ops  # noqa: E402

from zoo.accel.transposes import sink_transposes  # noqa: E402

SHAPE = (2, 4, 5, 3)
LAST, FIRST = [0, 3, 1, 2], [0, 2, 3, 1]
"""Orders that bring channels from the last axis to the first, and back."""


def constant(values: Any, dtype: type = np.int64) -> Any:
    return ops.constant(np.array(values, dtype))


def channels_first(x: Any) -> Any:
    return ops.transpose(x, constant(LAST))


GRAPHS: dict[str, tuple[Callable[[Any], Any], int]] = {
    # What is made of the input, and how many transposes are left between it and the output.
    "there and back": (lambda x: ops.transpose(channels_first(x), constant(FIRST)), 0),
    "element-wise": (
        lambda x: ops.transpose(ops.relu(channels_first(x)), constant(FIRST)), 0,
    ),
    "a constant added": (
        lambda x: ops.transpose(
            ops.add(channels_first(x), constant([[[[1]], [[2]], [[3]]]], np.float32)),
            constant(FIRST),
        ), 1,  # that of the constant
    ),
    "normalised": (
        lambda x: ops.batch_norm_inference(
            ops.transpose(channels_first(x), constant([0, 1, 2, 3])),
            *(constant([1, 2, 3], np.float32) for _ in range(4)), 1e-3,
        ), 1,
    ),
    "joined": (
        lambda x: ops.transpose(
            ops.concat([channels_first(x), ops.exp(channels_first(x))], 1), constant(FIRST)
        ), 0,
    ),
    "joined with another order": (
        lambda x: ops.concat([channels_first(x), ops.reshape(x, constant([2, 3, 4, 5]), False)], 1),
        1,
    ),
    "padded": (
        lambda x: ops.transpose(
            ops.pad(channels_first(x), constant([0, 0, 1, 2]), constant([0, 0, 3, 0]), "constant"),
            constant(FIRST),
        ), 0,
    ),
    "a mean, axes kept": (
        lambda x: ops.transpose(
            ops.reduce_mean(channels_first(x), constant([2, 3]), keep_dims=True), constant(FIRST)
        ), 0,
    ),
    "a mean, axes dropped": (
        lambda x: ops.reduce_mean(channels_first(x), constant([2, 3]), keep_dims=False), 0,
    ),
    "a maximum of one axis": (
        lambda x: ops.reduce_max(channels_first(x), constant([1]), keep_dims=False), 0,
    ),
    "what is not known here": (
        lambda x: ops.transpose(ops.softmax(channels_first(x), 1), constant(FIRST)), 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_the_numbers_stay(name: str) -> None:
    make, left = GRAPHS[name]
    inputs = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)

    def computed(*, sunk: bool) -> tuple[Any, int]:
        x = ops.parameter(SHAPE, np.float32)
        model = openvino.Model([make(x)], [x])
        if sunk:
            sink_transposes(model)
        kinds = [op.get_type_name() for op in model.get_ordered_ops()]
        options = {"INFERENCE_PRECISION_HINT": "f32"}
        found = openvino.Core().compile_model(model, "CPU", options)(inputs)[0]
        return np.array(found), kinds.count("Transpose")

    expected, before = computed(sunk=False)
    found, after = computed(sunk=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert after == left <= before
