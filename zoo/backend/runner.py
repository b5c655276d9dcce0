"""``Runner``: computes networks outside of training, compiled once for each batch size.

Keras's ``predict`` is not used: it is slow for one input, and on JAX a malformed call destroys the
model. Shapes are checked before the backend sees them. No batch is padded to a size that is
already compiled: the outputs of a row may depend on the other rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import chosen_backend, keras
from zoo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Tensors = NDArray[Any] | dict[str, NDArray[Any]]
    Shape = tuple[int | None, ...]


def map_arrays(function: Callable[..., Any], *tensors: Any) -> Any:
    """Apply a function to the array, or to the arrays of each input by name.

    Parameters
    ----------
    function
        Takes as many arrays as there are `tensors`.
    *tensors
        All arrays, or all mappings with the same names.
    """
    if isinstance(tensors[0], Mapping):
        return {name: function(*(arrays[name] for arrays in tensors)) for name in tensors[0]}
    return function(*tensors)


def count_samples(tensors: Tensors) -> int:
    """Return the number of samples."""
    return len(next(iter(tensors.values())) if isinstance(tensors, dict) else tensors)


def drop_rows(tensors: Any, errors: Sequence[Exception | None], rows: Collection[int]) -> Any:
    """Return the tensors without those of `rows`.

    Parameters
    ----------
    tensors
        One row for each input without an error.
    errors
        An error or None for each input.
    rows
        Numbers of the inputs to drop.
    """
    usable = (row for row, error in enumerate(errors) if error is None)
    remaining = [place for place, row in enumerate(usable) if row not in rows]
    if len(remaining) == len(errors) - sum(map(bool, errors)):
        return tensors
    return map_arrays(lambda array: array[remaining], tensors)


Batch = tuple[Any, ...]
"""Inputs, targets and, if any, row weights."""


def count_batches(rows: int, size: int) -> int:
    """Return the number of batches of `size` rows, of which the last may be smaller."""
    return -(-rows // size)


def take_rows(batch: Batch, rows: Any) -> Batch:
    """Return some rows of a batch."""
    return tuple(map_arrays(lambda array: array[rows], arrays) for arrays in batch)


class Runner:
    """Computes a network's outputs, NumPy in and NumPy out.

    Parameters
    ----------
    network
        A built ``keras.Model``, or a `zoo.accel.network.CachedNetwork`.
    call
        Computes one batch; compiled by Keras's backend if not given.

    Attributes
    ----------
    inputs
        Symbolic input of the network, or several by name.
    """

    def __init__(self, network: Any, call: Callable[[Tensors], Any] | None = None) -> None:
        self.network = network
        self.inputs = inputs_of(network)
        self._dtypes = map_arrays(dtype_of, self.inputs)
        self._call = call or _compile(network)

    @property
    def streams(self) -> int:
        """How many batches to compute at once, if there are many."""
        streams: int = getattr(self._call, "streams", 1)
        return streams

    def __call__(self, inputs: Tensors, *, batch_size: int = 32, alone: bool = True) -> Any:
        """Return the outputs, float32 of shape (samples, ...), or several by name.

        Parameters
        ----------
        inputs
            Preprocessed samples, numbers of shape (samples, *network's input); one array for each
            input by name, if the network has several.
        batch_size
            Maximum number of samples computed at once.
        alone
            Whether this call has the device to itself, or shares it with up to `streams` calls in
            other threads.

        Raises
        ------
        InputError
            If the shape or the kind of dtype is not the network's.
        """
        import numpy as np

        inputs = self.check_inputs(inputs)
        samples = count_samples(inputs)
        compute = self._call if alone else getattr(self._call, "shared", self._call)
        outputs = []
        for start in range(0, samples, batch_size):
            take = functools.partial(_take_batch, slice(start, start + batch_size))
            outputs.append(compute(map_arrays(take, inputs, self._dtypes)))
        if not outputs:
            return map_arrays(_no_rows, output_shapes(self.network))
        if len(outputs) == 1:
            return outputs[0]
        return map_arrays(lambda *arrays: np.concatenate(arrays), *outputs)

    def check_inputs(self, inputs: Any) -> Tensors:
        """Return `inputs` as arrays of the network's shapes, or raise `InputError`."""
        if not isinstance(self.inputs, dict):
            return _check_array(inputs, self.inputs, "the network takes")
        names = ", ".join(self.inputs)
        if not isinstance(inputs, Mapping) or inputs.keys() != self.inputs.keys():
            shown = ", ".join(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
            msg = f"the network takes an array for each of its inputs {names}; received {shown}"
            raise InputError(msg, kind="bad-shape")
        arrays = {
            name: _check_array(inputs[name], tensor, f"the network's input {name!r} takes")
            for name, tensor in self.inputs.items()
        }
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            msg = f"the network takes the same number of samples for each input, received {lengths}"
            raise InputError(msg, kind="bad-shape")
        return arrays


def inputs_of(network: Any) -> Any:
    """Return a network's symbolic input, or several by name."""
    named = getattr(network, "input", None)  # a Sequential has none before it is called
    if isinstance(named, dict):
        return named
    if len(network.inputs) > 1:  # Keras takes a mapping by the inputs' names too
        return {tensor.name: tensor for tensor in network.inputs}
    return network.inputs[0]


def symbolic_outputs(network: Any) -> Any:
    """Return a network's symbolic output, or several by name."""
    named = getattr(network, "output", None)  # a Sequential has none before it is called
    return named if isinstance(named, Mapping) else network.outputs[0]


def output_shapes(network: Any) -> Any:
    """Return the shape of a network's output, with the batch axis, or those of several by name."""
    outputs = getattr(network, "output", None)
    if isinstance(outputs, Mapping):  # Keras lists their shapes without names
        return {name: tuple(tensor.shape) for name, tensor in outputs.items()}
    return network.output_shape


def dtype_of(tensor: Any) -> str:
    """Return the dtype of the arrays for an input: float32 for all floats."""
    dtype = str(tensor.dtype)
    return "float32" if "float" in dtype else dtype


def cast_inputs(network: Any, batch: Batch) -> Batch:
    """Cast the inputs of a batch to the network's dtypes."""

    def cast(array: Any, tensor: Any) -> Any:
        dtype = dtype_of(tensor)
        if hasattr(array, "astype"):
            return array.astype(dtype, copy=False)
        return keras().ops.cast(array, dtype)

    x, *others = batch
    return map_arrays(cast, x, inputs_of(network)), *others


def _check_array(inputs: Any, tensor: Any, prefix: str) -> NDArray[Any]:
    import numpy as np

    array = np.asarray(inputs)
    if array.dtype.kind not in "fiub":
        msg = f"{prefix} numbers, received an array of {array.dtype}"
        raise InputError(msg, kind="bad-dtype")
    shape: Shape = tuple(tensor.shape[1:])
    if not fits_shape(array.shape[1:], shape):
        sides = ", ".join(str(side or "any") for side in shape)
        msg = f"{prefix} an array of shape (samples, {sides}), received {array.shape}"
        raise InputError(msg, kind="bad-shape")
    return array


def fits_shape(sides: tuple[int, ...], shape: Shape) -> bool:
    """Whether an array's sides are those of a shape, where None is any."""
    return sides == shape or (
        len(sides) == len(shape)
        and all(side in (None, own) for own, side in zip(sides, shape, strict=True))
    )


def _no_rows(shape: Shape) -> NDArray[Any]:
    import numpy as np

    return np.empty((0, *(side or 0 for side in shape[1:])), np.float32)


def _take_batch(rows: slice, array: NDArray[Any], dtype: str) -> NDArray[Any]:
    import numpy as np

    # Cast one batch at a time: as float32, narrow inputs are several times as large.
    return np.ascontiguousarray(array[rows], dtype)


def _compile(network: Any) -> Callable[[Tensors], Any]:
    """Compile the network to a function of one NumPy batch."""
    import numpy as np

    backend = chosen_backend()
    if backend == "jax":
        return _jit(network)
    if backend == "tensorflow":
        import tensorflow

        signature = map_arrays(
            lambda tensor: tensorflow.TensorSpec((None, *tensor.shape[1:]), dtype_of(tensor)),
            inputs_of(network),
        )
        graph = tensorflow.function(
            lambda batch: network(batch, training=False), input_signature=[signature]
        )
        return lambda batch: map_arrays(np.asarray, graph(map_arrays(tensorflow.constant, batch)))

    import torch

    module = keras()

    def to_numpy(tensor: Any) -> Any:
        # NumPy has no bfloat16.
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()

    def call(batch: Tensors) -> Any:
        with torch.inference_mode():
            result = network(map_arrays(module.ops.convert_to_tensor, batch), training=False)
            return map_arrays(to_numpy, result)

    return call


def _jit(network: Any) -> Callable[[Tensors], Any]:
    import jax
    import numpy as np

    changing: list[int] = []

    @jax.jit  # type: ignore[untyped-decorator]  # jax is typed only where it is installed
    def forward(trainable: Any, rest: Any, batch: Any) -> Any:
        outputs, after = network.stateless_call(trainable, rest, batch, training=False)
        changing[:] = [place for place, old in enumerate(rest) if after[place] is not old]
        return outputs, [after[place] for place in changing]

    def call(batch: Tensors) -> Any:
        # Read at every call: training may have replaced the arrays.
        weights = [variable.value for variable in network.trainable_variables]
        state = network.non_trainable_variables
        outputs, after = forward(weights, [variable.value for variable in state], batch)
        for place, value in zip(changing, after, strict=True):  # a layer may count its calls
            state[place].assign(value)
        return map_arrays(np.asarray, outputs)

    return call
