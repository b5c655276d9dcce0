"""Transposes moved through an OpenVINO graph until they meet and cancel.

Keras's networks have their channels last, OpenVINO's convolutions first, so Keras puts a transpose
before and another behind each of them. OpenVINO neither fuses across those nor removes them itself:
EfficientNet-Lite0 takes four times as long with them.

A transpose is pushed behind whatever does not care about the order of the axes (element-wise
operations, batch normalisation) or can be told another one (concatenation, padding, reduction).
What is not known here stays as it is, so the result is the same in any case.
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
        if node.get_type_name() == "Convert" and _type(inputs[0]) == _type(node.output(0)):
            output = inputs[0]  # converts nothing, and would be in the way
        elif order := next(filter(None, map(_order, sources)), None):
            before = [_before(value, order, constant) for value in inputs]
            output = _pushed(node, inputs, before, order)
        if output is not None:
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(output)
    model.validate_nodes_and_infer_types()


def _pushed(node: Any, inputs: list[Any], before: list[Any], order: list[int]) -> Any:
    """Return the output of `node` as a transpose of what it makes of untransposed inputs.

    Parameters
    ----------
    node
        The operation.
    inputs
        Its inputs.
    before
        The same before a transpose into `order`; None where there is no such transpose.
    order
        For each axis, which one it was.

    Returns
    -------
    Output or None
        None if that cannot be said.
    """
    from openvino.utils.node_factory import NodeFactory

    kind, attributes = node.get_type_name(), node.get_attributes()
    if kind == "Transpose":
        second = _order(node)
        return None if second is None else _transposed(before[0], [order[axis] for axis in second])
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
        begins_and_ends = [_numbers(value) for value in inputs[1:3]]
        if None in begins_and_ends:
            return None
        moved = [[pads[order.index(axis)] for axis in range(len(order))]
                 for pads in begins_and_ends if pads is not None]  # fmt: skip
        before = [before[0], *map(_constant, moved), *inputs[3:]]
    elif kind in ("ReduceMean", "ReduceMax"):
        axes = _numbers(inputs[1])
        if axes is None:
            return None
        axes = [order[axis] for axis in axes]
        before = [before[0], _constant(axes)]
        if not attributes["keep_dims"]:
            left = [axis for axis in order if axis not in axes]
            order = [sorted(left).index(axis) for axis in left]
    else:
        return None
    made = NodeFactory("opset16").create(kind, before, attributes)
    return _transposed(made.output(0), order)


def _before(value: Any, order: list[int], constant: set[str]) -> Any:
    """Return what `value` was before a transpose into `order`; None if it did not come by one."""
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
    return _transposed(value, back) if len(shape) else value


def _transposed(value: Any, order: Sequence[int]) -> Any:
    import openvino.opset16 as ops

    if list(order) == sorted(order):
        return value
    return ops.transpose(value, _constant(order)).output(0)


def _order(node: Any) -> list[int] | None:
    """Return the order of the axes behind a transpose; None for anything else."""
    return _numbers(node.input_value(1)) if node.get_type_name() == "Transpose" else None


def _numbers(value: Any) -> list[int] | None:
    node = value.get_node()
    if node.get_type_name() != "Constant":
        return None
    return [int(number) for number in node.get_data().ravel()]


def _constant(numbers: Sequence[int]) -> Any:
    import numpy as np
    import openvino.opset16 as ops

    return ops.constant(np.array(numbers, np.int64)).output(0)


def _type(value: Any) -> Any:
    return value.get_element_type()
