"""The one way a network computes outside of training: compiled once for each batch size.

Never ``predict``: it is slow for one input, and on JAX a malformed call destroys the model.
Shapes are checked before the backend sees them. No batch is padded to a size that is compiled
already: what a network makes of a row may depend on the others.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import chosen_backend, keras
from zoo.backend.tensors import Batch, count, each
from zoo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from zoo.backend.tensors import Shape, Tensors


class Runner:
    """Computes a network's outputs, NumPy in and NumPy out.

    Parameters
    ----------
    network
        A built ``keras.Model``, or one that an earlier process kept.
    call
        Computes a batch of it; compiled here by Keras's backend, if not given.

    Attributes
    ----------
    inputs
        Symbolic input of the network; by name, where it has several.
    """

    def __init__(self, network: Any, call: Callable[[Tensors], Any] | None = None) -> None:
        self.network = network
        self.inputs = inputs_of(network)
        self._call = call or _compiled(network)

    @property
    def streams(self) -> int:
        """How many batches are best computed at once, where there are many."""
        count: int = getattr(self._call, "streams", 1)
        return count

    def __call__(self, inputs: Tensors, *, batch_size: int = 32, alone: bool = True) -> Any:
        """Return the outputs, float32 of shape (samples, ...); by name, if there are several.

        Parameters
        ----------
        inputs
            Preprocessed samples, numbers of shape (samples, *network's input); where the network
            has several inputs, such an array for each, by name.
        batch_size
            Samples computed at once, at most.
        alone
            Whether the whole device is for this call, and not shared with others in other threads,
            of which there are as many as `streams` says.

        Raises
        ------
        InputError
            If the shape or the kind of dtype is not the network's.
        """
        import numpy as np

        inputs = self.checked(inputs)
        samples = count(inputs)
        compute = self._call if alone else getattr(self._call, "shared", self._call)
        outputs = []
        for start in range(0, samples, batch_size):
            cut = functools.partial(_batch, slice(start, start + batch_size))
            outputs.append(compute(each(cut, inputs, self.inputs)))
        if not outputs:
            return np.empty((0, *(side or 0 for side in self.network.output_shape[1:])), np.float32)
        if len(outputs) == 1:
            return outputs[0]
        return each(lambda *arrays: np.concatenate(arrays), *outputs)

    def checked(self, inputs: Any) -> Tensors:
        """Return `inputs` as arrays of numbers of the network's shapes, or raise `InputError`."""
        if not isinstance(self.inputs, dict):
            return _checked(inputs, self.inputs, "the network takes")
        names = ", ".join(self.inputs)
        if not isinstance(inputs, Mapping) or inputs.keys() != self.inputs.keys():
            shown = ", ".join(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
            msg = f"the network takes an array for each of its inputs {names}; received {shown}"
            raise InputError(msg, kind="bad-shape")
        arrays = {
            name: _checked(inputs[name], wanted, f"the network's input {name!r} takes")
            for name, wanted in self.inputs.items()
        }
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            msg = f"the network takes as many samples for each of its inputs, received {lengths}"
            raise InputError(msg, kind="bad-shape")
        return arrays


def inputs_of(network: Any) -> Any:
    """Return a network's symbolic input, or those of each of its inputs by name."""
    named = getattr(network, "input", None)  # a Sequential has none before it is called
    if isinstance(named, dict):
        return named
    if len(network.inputs) > 1:  # Keras takes a mapping by the inputs' names too
        return {tensor.name: tensor for tensor in network.inputs}
    return network.inputs[0]


def dtype_of(tensor: Any) -> str:
    """Return the dtype that a network is handed for an input: float32 for all floats."""
    dtype = str(tensor.dtype)
    return "float32" if "float" in dtype else dtype


def typed(network: Any, batch: Batch) -> Batch:
    """Return a batch with its inputs in the network's own dtypes."""

    def cast(array: Any, wanted: Any) -> Any:
        dtype = dtype_of(wanted)
        if hasattr(array, "astype"):
            return array.astype(dtype, copy=False)
        return keras().ops.cast(array, dtype)

    x, *others = batch
    return each(cast, x, inputs_of(network)), *others


def _checked(inputs: Any, wanted: Any, taker: str) -> NDArray[Any]:
    import numpy as np

    array = np.asarray(inputs)
    if array.dtype.kind not in "fiub":
        msg = f"{taker} numbers, received an array of {array.dtype}"
        raise InputError(msg, kind="bad-dtype")
    shape: Shape = tuple(wanted.shape[1:])
    fits = array.ndim == len(shape) + 1 and all(
        want is None or want == got for want, got in zip(shape, array.shape[1:], strict=True)
    )
    if not fits:
        sides = ", ".join(str(side or "any") for side in shape)
        msg = f"{taker} an array of shape (samples, {sides}), received {array.shape}"
        raise InputError(msg, kind="bad-shape")
    return array


def _batch(rows: slice, array: NDArray[Any], wanted: Any) -> NDArray[Any]:
    import numpy as np

    # A batch at a time: narrow inputs would be several times as large as float32.
    return np.ascontiguousarray(array[rows], dtype_of(wanted))


def _compiled(network: Any) -> Callable[[Tensors], Any]:
    """Return the network as a compiled function of one NumPy batch."""
    import numpy as np

    backend = chosen_backend()
    if backend == "jax":
        return _jitted(network)
    if backend == "tensorflow":
        import tensorflow

        signature = each(
            lambda wanted: tensorflow.TensorSpec((None, *wanted.shape[1:]), dtype_of(wanted)),
            inputs_of(network),
        )
        graph = tensorflow.function(
            lambda batch: network(batch, training=False), input_signature=[signature]
        )
        return lambda batch: each(np.asarray, graph(each(tensorflow.constant, batch)))

    import torch

    module = keras()

    def call(batch: Tensors) -> Any:
        with torch.inference_mode():
            result = network(each(module.ops.convert_to_tensor, batch), training=False)
            return each(lambda tensor: tensor.cpu().numpy(), result)

    return call


def _jitted(network: Any) -> Callable[[Tensors], Any]:
    import jax
    import numpy as np

    changing: list[int] = []

    @jax.jit  # type: ignore[untyped-decorator]  # jax is typed only where it is installed
    def forward(trainable: Any, rest: Any, batch: Any) -> Any:
        outputs, after = network.stateless_call(trainable, rest, batch, training=False)
        changing[:] = [place for place, old in enumerate(rest) if after[place] is not old]
        return outputs, [after[place] for place in changing]

    def call(batch: Tensors) -> Any:
        # Read anew at every call: training may have replaced the arrays.
        weights = [variable.value for variable in network.trainable_variables]
        state = network.non_trainable_variables
        outputs, after = forward(weights, [variable.value for variable in state], batch)
        for place, value in zip(changing, after, strict=True):  # a layer may count its calls
            state[place].assign(value)
        return each(np.asarray, outputs)

    return call
