"""Networks on OpenVINO: the graph that Keras draws of one, freed of transposes and compiled."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo.errors import BackendError
from zoo.runtime.transposes import sink_transposes
from zoo.tensors import each

if TYPE_CHECKING:
    from zoo.tensors import Tensors

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
"""OpenVINO's names; left alone, it takes bfloat16 on processors that have it."""


def graph(network: Any, inputs: Any) -> tuple[Any, Any]:
    """Return a network as an ``openvino.Model`` of any batch size, and what its outputs are like.

    Parameters
    ----------
    network
        A built ``keras.Model`` of the openvino backend, with its weights.
    inputs
        Its symbolic input, or those of each of its inputs by name.

    Raises
    ------
    BackendError
        If it has layers that Keras cannot express in OpenVINO.
    """
    import openvino
    import openvino.opset16 as ops
    from keras.src.backend.openvino.core import OPENVINO_DTYPES, OpenVINOKerasTensor
    from keras.tree import flatten

    from zoo.runtime.runner import dtype_of

    def parameter(wanted: Any) -> Any:
        sides = [-1 if side is None else side for side in wanted.shape]
        node = ops.parameter(sides, OPENVINO_DTYPES[dtype_of(wanted)], name=wanted.name)
        return OpenVINOKerasTensor(node.output(0))

    parameters = each(parameter, inputs)
    try:
        outputs = network(parameters, training=False)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        msg = f"{network.name} cannot be computed by openvino ({reason}); use --backend jax"
        raise BackendError(msg) from error
    model = openvino.Model(
        [ops.result(tensor.output) for tensor in flatten(outputs)],
        [tensor.output.get_node() for tensor in flatten(parameters)],
        network.name,
    )
    sink_transposes(model)
    return model, outputs


@dataclass
class Program:
    """A compiled model, what its outputs are like, and the requests that nobody uses now."""

    compiled: Any
    outputs: Any
    idle: list[Any] = field(default_factory=list)


class Compiled:
    """A network compiled for the CPU.

    Parameters
    ----------
    network
        A built ``keras.Model`` of the openvino backend, with its weights.
    inputs
        Its symbolic input, or those of each of its inputs by name.
    dtype
        What it computes in, ``"float32"`` or ``"bfloat16"``; it takes and gives float32.
    """

    def __init__(self, network: Any, inputs: Any, dtype: str = "float32") -> None:
        self.network = network
        self.inputs = inputs
        self.dtype = dtype
        self._programs: dict[bool, Program] = {}
        self._weights: list[Any] = []
        self._lock = threading.Lock()

    def __call__(self, batch: Tensors) -> Any:
        """Return the outputs for one batch of NumPy arrays, computed by all cores."""
        return self._infer(batch, alone=True)

    def shared(self, batch: Tensors) -> Any:
        """Return the outputs for one batch; the cores share themselves out among `together`."""
        return self._infer(batch, alone=False)

    def _infer(self, batch: Tensors, *, alone: bool) -> Any:
        from keras.tree import flatten, pack_sequence_as

        program = self._program(alone=alone)
        try:
            request = program.idle.pop()
        except IndexError:
            request = program.compiled.create_infer_request()
        found = request.infer(flatten(batch), share_inputs=True, share_outputs=True)
        # Copies: the request's own memory is written again by its next batch.
        outputs = [array.copy() for array in found.to_tuple()]
        program.idle.append(request)
        return pack_sequence_as(program.outputs, outputs)

    @property
    def together(self) -> int:
        """How many batches are best computed at once, where there are many."""
        compiled = self._program(alone=False).compiled
        wanted: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        return wanted

    def _program(self, *, alone: bool) -> Program:
        """Return the compiled network; anew where weights have changed."""
        import openvino

        with self._lock:
            # Weights are constants of the graph: who assigns new ones makes others.
            weights = [variable._value for variable in self.network.variables]
            if [*map(id, weights)] != [*map(id, self._weights)]:
                self._programs, self._weights = {}, weights
            if alone not in self._programs:
                options = {
                    "INFERENCE_PRECISION_HINT": PRECISIONS[self.dtype],
                    "PERFORMANCE_HINT": "LATENCY" if alone else "THROUGHPUT",
                }
                model, outputs = graph(self.network, self.inputs)
                compiled = openvino.compile_model(model, "CPU", options)
                self._programs[alone] = Program(compiled, outputs)
            return self._programs[alone]
