"""Networks on OpenVINO: Keras draws the graph, its transposes are removed, and it is compiled.

A graph holds the weights as constants; in a cache file they are parameters.

Why it is right: Keras itself draws the graph, by calling the network on OpenVINO's tensors. A
network that changes its variables meanwhile is refused, as the graph would hold their old values;
when weights are assigned later, the graph is drawn again. Nothing but transposes is moved
(`zoo.accel.transposes`). What would break it: a layer that Keras computes differently on OpenVINO
than on other backends; the tests compare every kind of network with JAX.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.accel.network import CachedNetwork
from zoo.accel.transposes import sink_transposes
from zoo.backend import keras_private
from zoo.backend.choose import requested_dtype
from zoo.backend.runner import map_arrays
from zoo.errors import BackendError
from zoo_weights.arrays import Slot

if TYPE_CHECKING:
    from zoo.accel.network import Weights
    from zoo.backend.runner import Tensors

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
"""OpenVINO's names; by default it uses bfloat16 on processors that have it."""


def draw_graph(network: Any, inputs: Any) -> tuple[Any, Any]:
    """Return a network as an ``openvino.Model`` of any batch size, and the names of its outputs.

    The names are None if there is only one output. The model's inputs and outputs are sorted by
    name.

    Parameters
    ----------
    network
        A built ``keras.Model`` of the openvino backend, with its weights.
    inputs
        Its symbolic input, or several by name.

    Raises
    ------
    BackendError
        If it has layers that Keras cannot express in OpenVINO, or a state that changes.
    """
    import openvino
    import openvino.opset16 as ops

    from zoo.backend.runner import dtype_of

    dtypes, tensor_of = keras_private.openvino_types()

    def parameter(tensor: Any) -> Any:
        sides = [-1 if side is None else side for side in tensor.shape]
        node = ops.parameter(sides, dtypes[dtype_of(tensor)], name=tensor.name)
        return tensor_of(node.output(0))

    parameters = map_arrays(parameter, inputs)
    before = [*map(keras_private.raw_value, network.variables)]
    try:
        outputs = network(parameters, training=False)
        after = [*map(keras_private.raw_value, network.variables)]
        if [*map(id, before)] != [*map(id, after)]:  # the graph holds their old values
            for variable, value in zip(network.variables, before, strict=True):
                keras_private.set_raw_value(variable, value)
            msg = "its state changes with every call"
            raise ValueError(msg)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        msg = f"openvino cannot compute {network.name} ({reason}); use --backend jax"
        raise BackendError(msg) from error
    model = openvino.Model(
        [ops.result(tensor.output) for tensor in _sort_by_name(outputs)],
        [tensor.output.get_node() for tensor in _sort_by_name(parameters)],
        network.name,
    )
    sink_transposes(model)
    return model, sorted(outputs) if isinstance(outputs, Mapping) else None


def _sort_by_name(tensors: Any) -> list[Any]:
    """Return tensors sorted by name, or the only one."""
    if isinstance(tensors, Mapping):
        return [tensors[name] for name in sorted(tensors)]
    return [tensors]


@dataclass
class Program:
    """A compiled graph, the names of its outputs, and its idle requests."""

    compiled: Any
    names: list[str] | None
    idle: list[Any] = field(default_factory=list)


class CompiledGraph:
    """A graph compiled for the CPU.

    Parameters
    ----------
    draw
        Returns the graph and the names of its outputs.
    variables
        Keras variables that are constants of the graph; it is drawn again when they change.
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
        """Return the outputs for one batch of NumPy arrays, computed on all cores."""
        return self._infer(batch, alone=True)

    def shared(self, batch: Tensors) -> Any:
        """Return the outputs for one batch; `streams` of them share the cores."""
        return self._infer(batch, alone=False)

    def _infer(self, batch: Tensors, *, alone: bool) -> Any:
        program = self._program(alone=alone)
        try:
            request = program.idle.pop()
        except IndexError:
            request = program.compiled.create_infer_request()
        results = request.infer(_sort_by_name(batch), share_inputs=True, share_outputs=True)
        # Copies: the request's next batch overwrites its memory.
        outputs = [array.copy() for array in results.to_tuple()]
        program.idle.append(request)
        return dict(zip(program.names, outputs, strict=True)) if program.names else outputs[0]

    @property
    def streams(self) -> int:
        """How many batches to compute at once, if there are many."""
        compiled = self._program(alone=False).compiled
        streams: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        return streams

    def _program(self, *, alone: bool) -> Program:
        """Return the compiled graph; draw it again if weights have changed."""
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


def compile_graph(network: Any, inputs: Any) -> CompiledGraph:
    """Compile a network; `inputs` is its symbolic input, or several by name."""
    return CompiledGraph(lambda: draw_graph(network, inputs), network.variables)


class GraphFile(msgspec.Struct, frozen=True):
    """The content of a cache file: a graph of one input and one output, as OpenVINO writes it.

    Attributes
    ----------
    slots
        Places of the weights; each is a parameter of the graph, named by `_weight_name`.
    graph
        Its XML.
    constants
        Its constants, other than the weights.
    input_shape, output_shape
        Of a batch; None for a side of any length.
    input_dtype
        Of the network.
    """

    slots: list[Slot]
    graph: bytes
    constants: bytes
    input_shape: tuple[int | None, ...]
    input_dtype: str
    output_shape: tuple[int | None, ...]


@dataclass(frozen=True)
class InputShape:
    """The input of a cached network."""

    shape: tuple[int | None, ...]
    dtype: str


def _weight_name(position: int) -> str:
    return f"weight {position}"


def cache_key() -> list[Any]:
    """Return what a graph depends on besides the network."""
    import openvino

    return [openvino.__version__, requested_dtype()]


def restore(data: bytes, weights: Weights) -> CachedNetwork | None:
    """Return the cached network with these weights; None if OpenVINO no longer accepts it.

    Raises
    ------
    zoo_weights.WeightsError
        If the weights do not fit.
    """
    import numpy as np
    import openvino
    import openvino.opset16 as ops

    try:
        file = msgspec.msgpack.decode(data, type=GraphFile)
        model = openvino.Core().read_model(file.graph, file.constants)
        parameters = {node.get_friendly_name(): node for node in model.get_parameters()}
        weight_parameters = [
            parameters[_weight_name(position)] for position in range(len(file.slots))
        ]
    except Exception:  # OpenVINO may raise anything
        return None
    for position, array in weights(file.slots):
        constant = ops.constant(np.asarray(array), shared_memory=True)
        weight_parameters[position].output(0).replace(constant.output(0))
        model.remove_parameter(weight_parameters[position])
    shape = InputShape(file.input_shape, file.input_dtype)
    return CachedNetwork((shape,), file.output_shape, CompiledGraph(lambda: (model, None)))


def serialize(network: Any) -> bytes:
    """Return the content of a network's cache file.

    Raises
    ------
    ValueError
        If the network cannot be cached.
    """
    import openvino

    from zoo.backend.network import slots
    from zoo.backend.runner import inputs_of

    inputs = inputs_of(network)
    model, names = draw_graph(network, inputs)
    if isinstance(inputs, Mapping) or names is not None:
        msg = "it has several inputs or outputs"
        raise ValueError(msg)
    weights = slots(network)
    _make_parameters(model, weights)
    with tempfile.TemporaryDirectory() as folder:
        xml, constants = Path(folder, "graph.xml"), Path(folder, "graph.bin")
        openvino.serialize(model, str(xml), str(constants))
        content = GraphFile(
            [slot for slot, _ in weights],
            xml.read_bytes(),
            constants.read_bytes(),
            tuple(inputs.shape),
            str(inputs.dtype),
            tuple(network.output_shape),
        )
    return msgspec.msgpack.encode(content)


def _make_parameters(model: Any, weights: Sequence[tuple[Slot, Any]]) -> None:
    """Turn the weights of a graph from constants into parameters.

    Raises
    ------
    ValueError
        If the graph does not use one of them.
    """
    import openvino.opset16 as ops

    drawn = {node.get_name() for node in model.get_ordered_ops()}
    for position, (slot, variable) in enumerate(weights):
        constant = variable.value.output
        if constant.get_node().get_name() not in drawn:  # perhaps with a copy of it
            msg = f"it does not use its weight {slot.name!r}"
            raise ValueError(msg)
        parameter = ops.parameter(
            slot.shape, constant.get_element_type(), name=_weight_name(position)
        )
        for target in constant.get_target_inputs():
            if target.get_node().get_name() in drawn:  # not in another graph
                target.replace_source_output(parameter.output(0))
        model.add_parameters([parameter])
