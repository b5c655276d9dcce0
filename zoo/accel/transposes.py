"""Move transposes through an OpenVINO graph until they meet and cancel.

Keras's networks have their channels last, OpenVINO's convolutions first, so Keras puts a transpose
before and after each of them. OpenVINO neither fuses across these nor removes them: with them
EfficientNet-Lite0 takes four times as long.

A transpose is pushed behind operations that do not depend on the order of the axes (element-wise
ones, batch normalisation) or take it as an argument (concatenation, padding, reduction). Other
operations stay as they are, so the result is the same in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ELEMENTWISE = frozenset(
    {
        "Abs", "Add", "Clamp", "Convert", "Divide", "Elu", "Erf", "Exp", "Gelu", "HSigmoid",
        "HSwish", "Maximum", "Minimum", "Multiply", "Negative", "Power", "Relu", "Sigmoid",
        "SoftPlus", "Sqrt", "Subtract", "Swish", "Tanh",
    }
)  # fmt: skip


def sink_transposes(model: Any) -> None:
    """Push the transposes of an ``openvino.Model`` towards its outputs, in place."""
    constant: set[str] = set()
    for node in model.get_ordered_ops():
        inputs = node.input_values()
        sources = [value.get_node() for value in inputs]
        fixed = bool(inputs) and all(source.get_friendly_name() in constant for source in sources)
        if fixed or node.get_type_name() == "Constant":
            constant.add(node.get_friendly_name())
            continue
        output = None
        if node.get_type_name() == "Convert" and _element_type(inputs[0]) == _element_type(
            node.output(0)
        ):
            output = inputs[0]  # converts nothing, and would be in the way
        elif order := next(filter(None, map(_order, sources)), None):
            before = [_untransposed(value, order, constant) for value in inputs]
            output = _push(node, inputs, before, order)
        if output is not None:
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(output)
    model.validate_nodes_and_infer_types()


def _push(node: Any, inputs: list[Any], before: list[Any], order: list[int]) -> Any:
    """Return the output of `node` as a transpose of its output for untransposed inputs.

    Parameters
    ----------
    node
        The operation.
    inputs
        Its inputs.
    before
        The inputs before their transpose into `order`; None for those without one.
    order
        For each axis, its position before the transpose.

    Returns
    -------
    Output or None
        None if there is no such output.
    """
    from openvino.utils.node_factory import NodeFactory

    kind, attributes = node.get_type_name(), node.get_attributes()
    if kind == "Transpose":
        second = _order(node)
        return None if second is None else _transpose(before[0], [order[axis] for axis in second])
    if before[0] is None:
        return None
    if kind in ELEMENTWISE or kind == "Concat":
        if None in before:
            return None
        if kind == "Concat":
            attributes["axis"] = order[attributes["axis"]]
    elif kind == "BatchNormInference":
        if order[1] != 1:  # its channels are axis 1
            return None
        before = [before[0], *inputs[1:]]
    elif kind == "Pad":
        begins_and_ends = [_constant_values(value) for value in inputs[1:3]]
        if None in begins_and_ends:
            return None
        moved = [[pads[order.index(axis)] for axis in range(len(order))]
                 for pads in begins_and_ends if pads is not None]  # fmt: skip
        before = [before[0], *map(_constant, moved), *inputs[3:]]
    elif kind in ("ReduceMean", "ReduceMax"):
        axes = _constant_values(inputs[1])
        if axes is None:
            return None
        axes = [order[axis] for axis in axes]
        before = [before[0], _constant(axes)]
        if not attributes["keep_dims"]:
            remaining = [axis for axis in order if axis not in axes]
            order = [sorted(remaining).index(axis) for axis in remaining]
    else:
        return None
    operation = NodeFactory("opset16").create(kind, before, attributes)
    return _transpose(operation.output(0), order)


def _untransposed(value: Any, order: list[int], constant: set[str]) -> Any:
    """Return `value` before its transpose into `order`; None if it has none."""
    import openvino.opset16 as ops

    node = value.get_node()
    if node.get_friendly_name() not in constant:
        return node.input_value(0) if _order(node) == order else None
    shape = value.get_partial_shape()
    if shape.is_dynamic or len(shape) > len(order):
        return None
    if 0 < len(shape) < len(order):  # broadcasting adds axes in front
        sides = [1] * (len(order) - len(shape)) + list(value.get_shape())
        value = ops.reshape(value, _constant(sides), special_zero=False).output(0)
    back = [order.index(axis) for axis in range(len(order))]
    return _transpose(value, back) if len(shape) else value


def _transpose(value: Any, order: Sequence[int]) -> Any:
    import openvino.opset16 as ops

    if list(order) == sorted(order):
        return value
    return ops.transpose(value, _constant(order)).output(0)


def _order(node: Any) -> list[int] | None:
    """Return the order of the axes after a transpose; None for any other operation."""
    return _constant_values(node.input_value(1)) if node.get_type_name() == "Transpose" else None


def _constant_values(value: Any) -> list[int] | None:
    node = value.get_node()
    if node.get_type_name() != "Constant":
        return None
    return [int(number) for number in node.get_data().ravel()]


def _constant(numbers: Sequence[int]) -> Any:
    import numpy as np
    import openvino.opset16 as ops

    return ops.constant(np.array(numbers, np.int64)).output(0)


def _element_type(value: Any) -> Any:
    return value.get_element_type()
