"""The one way a network computes outside of training: compiled once for each batch size.

Never ``predict``: it is slow for one input, and on JAX a malformed call destroys the model.
Shapes are checked before the backend sees them; a batch is padded up to the next power of two
instead of compiling for its own size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.errors import InputError
from zoo.runtime.backend import chosen_backend, keras

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


class Runner:
    """Computes a network's outputs, NumPy in and NumPy out.

    Parameters
    ----------
    network
        A built ``keras.Model`` with one input and one output.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.shape: tuple[int | None, ...] = tuple(network.input_shape[1:])
        self._dtype = _dtype(network)
        self._call = _compiled(network)

    def __call__(self, inputs: NDArray[Any], *, batch_size: int = 32) -> NDArray[np.floating[Any]]:
        """Return the outputs, float32 of shape (samples, ...).

        Parameters
        ----------
        inputs
            Preprocessed samples, numbers of shape (samples, *network's input).
        batch_size
            Samples computed at once, at most.

        Raises
        ------
        InputError
            If the shape or the kind of dtype is not the network's.
        """
        import numpy as np

        inputs = self.checked(inputs)
        outputs = []
        for start in range(0, len(inputs), batch_size):
            # A batch at a time: narrow inputs would be several times as large as float32.
            batch = np.ascontiguousarray(inputs[start : start + batch_size], self._dtype)
            size = min(batch_size, 1 << (len(batch) - 1).bit_length())
            padding = size - len(batch)
            if padding:
                rest = np.zeros((padding, *batch.shape[1:]), batch.dtype)
                outputs.append(self._call(np.concatenate([batch, rest]))[: len(batch)])
            else:
                outputs.append(self._call(batch))
        if not outputs:
            return np.empty((0, *(side or 0 for side in self.network.output_shape[1:])), np.float32)
        return np.concatenate(outputs) if len(outputs) > 1 else outputs[0]

    def checked(self, inputs: Any) -> NDArray[Any]:
        """Return `inputs` as an array of numbers of the network's shape, or raise `InputError`."""
        import numpy as np

        array = np.asarray(inputs)
        if array.dtype.kind not in "fiub":
            msg = f"the network takes numbers, received an array of {array.dtype}"
            raise InputError(msg, kind="bad-dtype")
        fits = array.ndim == len(self.shape) + 1 and all(
            want is None or want == got
            for want, got in zip(self.shape, array.shape[1:], strict=True)
        )
        if not fits:
            want = "(samples, " + ", ".join(str(side or "any") for side in self.shape) + ")"
            msg = f"the network takes an array of shape {want}, received {array.shape}"
            raise InputError(msg, kind="bad-shape")
        return array


def _dtype(network: Any) -> str:
    """Return the dtype that the network is handed: its input's, float32 for all floats."""
    dtype = str(network.inputs[0].dtype)
    return "float32" if "float" in dtype else dtype


def _compiled(network: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the network as a compiled function of one NumPy batch."""
    import numpy as np

    backend = chosen_backend()
    if backend == "jax":
        import jax

        @jax.jit  # type: ignore[untyped-decorator]  # jax is typed only where it is installed
        def forward(trainable: Any, rest: Any, batch: Any) -> Any:
            return network.stateless_call(trainable, rest, batch, training=False)[0]

        # Read anew at every call: training may have replaced the arrays.
        return lambda batch: np.asarray(
            forward(
                [v.value for v in network.trainable_variables],
                [v.value for v in network.non_trainable_variables],
                batch,
            )
        )
    if backend == "tensorflow":
        import tensorflow

        graph = tensorflow.function(
            lambda batch: network(batch, training=False),
            input_signature=[
                tensorflow.TensorSpec((None, *network.input_shape[1:]), _dtype(network))
            ],
        )
        return lambda batch: np.asarray(graph(tensorflow.constant(batch)))

    import torch

    module = keras()

    def call(batch: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            result = network(module.ops.convert_to_tensor(batch), training=False)
            array: NDArray[Any] = result.cpu().numpy()
            return array

    return call
