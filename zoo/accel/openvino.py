"""Networks on OpenVINO: the graph that Keras draws of one, freed of transposes and compiled.

A graph holds the weights as constants; where it is kept, they are parameters.

Why it is right: Keras itself draws the graph, by calling the network on OpenVINO's tensors. What
changes its variables meanwhile is refused, as a graph would hold them as they were; when weights
are assigned later, it is drawn anew. Of the graph only transposes are moved
(`zoo.accel.transposes`). What would break it: a layer that Keras's OpenVINO backend computes
otherwise than others do; every kind of network is compared with JAX in the tests.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.accel.network import KeptNetwork
from zoo.accel.transposes import sink_transposes
from zoo.backend import keras_private
from zoo.backend.choose import requested_dtype
from zoo.backend.tensors import each
from zoo.errors import BackendError
from zoo_weights import Slot

if TYPE_CHECKING:
    from zoo.accel.network import Weights
    from zoo.backend.tensors import Tensors

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
"""OpenVINO's names; left alone, it takes bfloat16 on processors that have it."""


def graph(network: Any, inputs: Any) -> tuple[Any, Any]:
    """Return a network as an ``openvino.Model`` of any batch size, and the names of its outputs.

    The names are None where there is one output only. The inputs and the outputs of the model are
    in the order of their names.

    Parameters
    ----------
    network
        A built ``keras.Model`` of the openvino backend, with its weights.
    inputs
        Its symbolic input, or those of each of its inputs by name.

    Raises
    ------
    BackendError
        If it has layers that Keras cannot express in OpenVINO, or a state that changes.
    """
    import openvino
    import openvino.opset16 as ops

    from zoo.backend.runner import dtype_of

    dtypes, tensor_of = keras_private.openvino_types()

    def parameter(wanted: Any) -> Any:
        sides = [-1 if side is None else side for side in wanted.shape]
        node = ops.parameter(sides, dtypes[dtype_of(wanted)], name=wanted.name)
        return tensor_of(node.output(0))

    parameters = each(parameter, inputs)
    before = [*map(keras_private.raw_value, network.variables)]
    try:
        outputs = network(parameters, training=False)
        after = [*map(keras_private.raw_value, network.variables)]
        if [*map(id, before)] != [*map(id, after)]:  # a graph holds them as they were
            for variable, value in zip(network.variables, before, strict=True):
                keras_private.set_raw_value(variable, value)
            msg = "its state changes with every call"
            raise ValueError(msg)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        msg = f"{network.name} cannot be computed by openvino ({reason}); use --backend jax"
        raise BackendError(msg) from error
    model = openvino.Model(
        [ops.result(tensor.output) for tensor in _sorted(outputs)],
        [tensor.output.get_node() for tensor in _sorted(parameters)],
        network.name,
    )
    sink_transposes(model)
    return model, sorted(outputs) if isinstance(outputs, Mapping) else None


def _sorted(tensors: Any) -> list[Any]:
    """Return tensors in the order of their names, or the only one."""
    if isinstance(tensors, Mapping):
        return [tensors[name] for name in sorted(tensors)]
    return [tensors]


@dataclass
class Program:
    """A compiled graph, the names of its outputs, and the requests that nobody uses now."""

    compiled: Any
    names: list[str] | None
    idle: list[Any] = field(default_factory=list)


class Compiled:
    """A graph compiled for the CPU.

    Parameters
    ----------
    draw
        Returns the graph and the names of its outputs.
    variables
        Keras variables that are constants of the graph; it is drawn anew when they change.
    """

    def __init__(
        self, draw: Callable[[], tuple[Any, list[str] | None]], variables: Sequence[Any] = ()
    ) -> None:
        self._draw = draw
        self._variables = variables
        self._precision = PRECISIONS[requested_dtype()]
        self._programs: dict[bool, Program] = {}
        self._weights: list[Any] = []
        self._lock = threading.Lock()

    def __call__(self, batch: Tensors) -> Any:
        """Return the outputs for one batch of NumPy arrays, computed by all cores."""
        return self._infer(batch, alone=True)

    def shared(self, batch: Tensors) -> Any:
        """Return the outputs for one batch; the cores share themselves out among `streams`."""
        return self._infer(batch, alone=False)

    def _infer(self, batch: Tensors, *, alone: bool) -> Any:
        program = self._program(alone=alone)
        try:
            request = program.idle.pop()
        except IndexError:
            request = program.compiled.create_infer_request()
        found = request.infer(_sorted(batch), share_inputs=True, share_outputs=True)
        # Copies: the request's own memory is written again by its next batch.
        outputs = [array.copy() for array in found.to_tuple()]
        program.idle.append(request)
        return dict(zip(program.names, outputs, strict=True)) if program.names else outputs[0]

    @property
    def streams(self) -> int:
        """How many batches are best computed at once, where there are many."""
        compiled = self._program(alone=False).compiled
        wanted: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        return wanted

    def _program(self, *, alone: bool) -> Program:
        """Return the compiled graph; anew where weights have changed."""
        import openvino

        with self._lock:
            weights = [*map(keras_private.raw_value, self._variables)]
            if [*map(id, weights)] != [*map(id, self._weights)]:
                self._programs, self._weights = {}, weights
            if alone not in self._programs:
                options = {
                    "INFERENCE_PRECISION_HINT": self._precision,
                    "PERFORMANCE_HINT": "LATENCY" if alone else "THROUGHPUT",
                }
                model, names = self._draw()
                compiled = openvino.compile_model(model, "CPU", options)
                self._programs[alone] = Program(compiled, names)
            return self._programs[alone]


def compiled(network: Any, inputs: Any) -> Compiled:
    """Return a network, compiled; its `inputs` are symbolic ones, by name if there are several."""
    return Compiled(lambda: graph(network, inputs), network.variables)


class GraphFile(msgspec.Struct, frozen=True):
    """What a file holds: a graph of one input and one output, as OpenVINO writes it.

    Attributes
    ----------
    slots
        Places of the weights; each is a parameter of the graph, named by `_weight`.
    graph
        Its XML.
    constants
        Its other numbers.
    input_shape, output_shape
        Of a batch; None where a side may be any.
    input_dtype
        The network's.
    """

    slots: list[Slot]
    graph: bytes
    constants: bytes
    input_shape: tuple[int | None, ...]
    input_dtype: str
    output_shape: tuple[int | None, ...]


@dataclass(frozen=True)
class InputShape:
    """What a kept network takes."""

    shape: tuple[int | None, ...]
    dtype: str


def _weight(position: int) -> str:
    return f"weight {position}"


def identity() -> list[Any]:
    """Return what decides about a graph beside the network."""
    import openvino

    return [openvino.__version__, requested_dtype()]


def restored(data: bytes, weights: Weights) -> KeptNetwork | None:
    """Return the network of what was kept, with these weights.

    None where OpenVINO does not like it any more.

    Raises
    ------
    zoo_weights.WeightsError
        If the weights do not fit.
    """
    import numpy as np
    import openvino
    import openvino.opset16 as ops

    try:
        kept = msgspec.msgpack.decode(data, type=GraphFile)
        model = openvino.Core().read_model(kept.graph, kept.constants)
        parameters = {node.get_friendly_name(): node for node in model.get_parameters()}
        open_weights = [parameters[_weight(position)] for position in range(len(kept.slots))]
    except Exception:  # whatever OpenVINO says
        return None
    for position, array in weights(kept.slots):
        constant = ops.constant(np.asarray(array), shared_memory=True)
        open_weights[position].output(0).replace(constant.output(0))
        model.remove_parameter(open_weights[position])
    wanted = InputShape(kept.input_shape, kept.input_dtype)
    return KeptNetwork((wanted,), kept.output_shape, Compiled(lambda: (model, None)))


def written(network: Any) -> bytes:
    """Return what is to be kept of a network.

    Raises
    ------
    ValueError
        If the network cannot be kept.
    """
    import openvino

    from zoo.backend.network import slots
    from zoo.backend.runner import inputs_of

    wanted = inputs_of(network)
    model, names = graph(network, wanted)
    if isinstance(wanted, Mapping) or names is not None:
        msg = "it has several inputs or outputs"
        raise ValueError(msg)
    weights = slots(network)
    _open_weights(model, weights)
    with tempfile.TemporaryDirectory() as folder:
        xml, constants = Path(folder, "graph.xml"), Path(folder, "graph.bin")
        openvino.serialize(model, str(xml), str(constants))
        content = GraphFile(
            [slot for slot, _ in weights],
            xml.read_bytes(),
            constants.read_bytes(),
            tuple(wanted.shape),
            str(wanted.dtype),
            tuple(network.output_shape),
        )
    return msgspec.msgpack.encode(content)


def _open_weights(model: Any, weights: Sequence[tuple[Slot, Any]]) -> None:
    """Make parameters of a graph of the constants that are weights.

    Raises
    ------
    ValueError
        If the graph does without one of them.
    """
    import openvino.opset16 as ops

    drawn = {node.get_name() for node in model.get_ordered_ops()}
    for position, (slot, variable) in enumerate(weights):
        constant = variable.value.output
        if constant.get_node().get_name() not in drawn:  # perhaps with a copy of it
            msg = f"it computes without its weight {slot.name!r}"
            raise ValueError(msg)
        parameter = ops.parameter(slot.shape, constant.get_element_type(), name=_weight(position))
        for target in constant.get_target_inputs():
            if target.get_node().get_name() in drawn:  # and not in another graph
                target.replace_source_output(parameter.output(0))
        model.add_parameters([parameter])
