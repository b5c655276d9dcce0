"""A training step on torch without the Python that made it.

Keras's ``train_step`` is run once while torch writes down what it computes. The record is then
replayed, or compiled to native code where the steps are so many that compiling pays.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from zoo.config import private_folder

Step = Callable[[Any], Any]
"""Takes inputs, targets and, where there are any, row weights; changes the network's variables."""

WORTH_TRACING = 2000
"""Steps of a training from which on they are traced: that takes as long as a thousand of them."""

WORTH_COMPILING = 50_000
"""Steps from which on the trace is compiled: that takes half a minute."""


def traced(network: Any, size: int, steps: int) -> Step:
    """Return what takes a training step, as fast as so many steps make it worth.

    Parameters
    ----------
    network
        The compiled network, with its optimizer and metrics built.
    size
        Rows of a batch; a smaller one is Keras's own step.
    steps
        How many steps there will be in all, about.
    """
    keras_step: Step = network.train_step
    if steps < WORTH_TRACING:
        return keras_step
    fast: Step | None = None

    def step(batch: Any) -> None:
        nonlocal fast
        if len(batch[1]) < size:
            keras_step(batch)
            return
        if fast is None:  # there is nothing to trace before the first batch
            fast = fastest(network, batch, native=steps >= WORTH_COMPILING)
        fast(batch)

    return step


def fastest(network: Any, batch: Any, *, native: bool) -> Step:
    """Return the fastest step that changes the variables as Keras's own does, for such batches.

    What a trace cannot hold, as numbers drawn from a generator that is made in the step, or
    decisions taken on values, shows in the second step; some of it cannot be traced at all.
    """
    keras_step: Step = network.train_step
    variables = _Variables(network)
    wanted = variables.after_two(keras_step, batch)
    for step in _candidates(network, batch, variables, native=native):
        if variables.alike(variables.after_two(step, batch), wanted):
            return step
    return keras_step


def _candidates(network: Any, batch: Any, variables: _Variables, *, native: bool) -> Iterator[Step]:
    """Yield what could replace Keras's step, the fastest first."""
    import torch
    from torch.utils import _pytree as pytree

    def over_batches(function: Callable[..., Any]) -> Step:
        def step(batch: Any) -> None:
            with torch.no_grad():  # the gradients are among what was traced
                function(*pytree.tree_leaves(batch))

        return step

    try:
        trace = _trace(network, batch)
    except Exception:  # whatever it is, Keras can do without
        return
    finally:
        variables.restore()
    folder = private_folder("torch")
    if native and folder is not None and (shutil.which("c++") or shutil.which("g++")):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
        yield over_batches(torch.compile(trace, fullgraph=True, dynamic=False))
    yield over_batches(trace)


def _trace(network: Any, batch: Any) -> Any:
    """Return the operations of a step as a function that changes the variables in their place."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.utils import _pytree as pytree

    leaves, structure = pytree.tree_flatten(batch)

    def step(*leaves: Any) -> tuple[()]:
        network.train_step(pytree.tree_unflatten(leaves, structure))
        return ()

    with torch.random.fork_rng():
        trace = make_fx(step)(*leaves)
    for node in list(trace.graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            trace.graph.erase_node(node)
    trace.recompile()
    return trace


class _Variables:
    """All that a training step changes, put back after steps that are only tried."""

    def __init__(self, network: Any) -> None:
        every = [*network.variables, *network.optimizer.variables, *network.metrics_variables]
        self.values = [variable.value for variable in every]
        self.before = self.copies()

    def copies(self) -> list[Any]:
        return [value.detach().clone() for value in self.values]

    def restore(self) -> None:
        import torch

        with torch.no_grad():
            for value, before in zip(self.values, self.before, strict=True):
                value.copy_(before)

    def after_two(self, step: Step, batch: Any) -> list[Any] | None:
        """Return the values after two steps, or None if they fail."""
        import torch

        try:
            with torch.random.fork_rng():
                step(batch)
                step(batch)
            return self.copies()
        except Exception:
            return None
        finally:
            self.restore()

    def alike(self, found: list[Any] | None, wanted: list[Any] | None) -> bool:
        import torch

        if found is None or wanted is None:
            return False
        return all(
            torch.allclose(value, want, rtol=1e-4, atol=1e-5)
            for value, want in zip(found, wanted, strict=True)
        )
