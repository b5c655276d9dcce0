"""Several trainings in one compiled program, on JAX: what differs between them is an array.

Keras's ``train_step`` is a function of its state: weights, optimizer, random numbers. The states of
networks with the same layers are stacked along a new first axis, and ``jax.vmap`` computes a step
of all of them at once; rows, their order, initial weights, seeds and learning rates are each
one's own.

Why it is right: trials share a program only if what JAX would hand to the compiler for each of
their own networks is the same text, constants included (`program_of`). Sums may be rounded
otherwise than alone, within 1e-5 of the figures. What would break it: something that a step does
outside of that text, such as a callback into Python; then the trial is trained alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from zoo.backend import keras_private
from zoo.backend.runner import typed
from zoo.backend.tensors import cut
from zoo.inference.measure import MEASURED
from zoo.training.steps.compiled import repeatable
from zoo.tuning.trial import Trial


def program_of(trial: Trial) -> str | None:
    """Return what tells the compiled program of a trial from others; None if it needs its own.

    Trials with the same text may be trained together. It is a hash of what JAX hands to XLA to
    compile a training step and a test step of the trial's own network, constants and all: where
    it is equal, so is what is computed, and only the numbers differ that are arguments of both.
    """
    training = trial.data.training
    if training.early_stopping is not None or training.carry_state:
        return None
    network = trial.network()
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not repeatable(network) or optimizer.use_ema:  # a mean of the weights is taken at the end
        return None
    import jax

    batch = cut(trial.data.feed.arrays, slice(training.batch_size))
    keras_private.build_compiled(network, batch)
    state = keras_private.jax_state(network)
    steps = (network.train_step, state), (network.test_step, (*state[:2], state[3]))
    texts = [jax.jit(step).lower(own, typed(network, batch)).as_text() for step, own in steps]
    # What calls back into Python, or takes its constants as arguments, is not all in the text.
    if "callback" in "".join(texts) or jax.config.jax_use_simplified_jaxpr_constants:
        return None
    return hashlib.sha256("".join(texts).encode()).hexdigest()


class VectorizedTrials:
    """Trainings that go on side by side.

    The result of each is that of `zoo.training.fit.fit`: rows are never filled up to the longest
    training's. What all have in common is computed at once, the last steps of an epoch by those
    that have equally many rows.

    Parameters
    ----------
    trials
        Trainings of one program, see `program_of`.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        import jax
        import numpy as np

        # Those with equally many rows lie side by side, so that a slice has them all.
        self._places = sorted(range(len(trials)), key=lambda place: trials[place].data.rows)
        trials = [trials[place] for place in self._places]
        self._trials = trials
        self._size = trials[0].data.training.batch_size
        self._epoch = 0
        self._rows = [trial.data.rows for trial in trials]
        starts = {trial.start: trial for trial in trials}
        networks = {start: trial.network() for start, trial in starts.items()}
        self._network = networks[trials[0].start]
        sample = trials[0].data.feed.arrays
        keras_private.build_compiled(self._network, cut(sample, slice(self._size)))
        self._metrics = keras_private.jax_state(self._network)[3]
        states = {
            start: list(keras_private.jax_state(network)[:3]) for start, network in networks.items()
        }
        self._state = jax.tree.map(
            lambda *values: jax.numpy.stack(values), *(states[trial.start] for trial in trials)
        )
        data = {id(trial.data.arrays): trial.data for trial in trials}
        which = [list(data).index(id(trial.data.arrays)) for trial in trials]
        self._which = np.array(which, np.int32)
        self._held = [len(trial.data.arrays["validation"][1]) for trial in trials]
        self._train = _stacked([part.feed.arrays for part in data.values()])
        self._validation = _stacked([part.arrays["validation"] for part in data.values()])
        self._epoch_of_all = jax.jit(self._one_epoch, donate_argnums=0)
        self._measured = jax.jit(self._measure_slice, static_argnums=3)

    def train(self, epochs: int) -> None:
        """Go on until so many epochs are over."""
        import numpy as np

        for epoch in range(self._epoch, epochs):
            # A new array each time: JAX computes later, and may read this memory itself.
            orders = np.zeros((len(self._trials), max(self._rows)), np.int32)
            for order, trial in zip(orders, self._trials, strict=True):
                feed = dataclasses.replace(trial.data.feed, seed=trial.seed, epoch=epoch)
                order[: len(feed)] = feed.order()
            self._state = self._epoch_of_all(self._state, self._train, self._which, orders)
        self._epoch = max(self._epoch, epochs)

    def measure(self) -> list[dict[str, float]]:
        """Return loss and metrics of each on its held-out rows."""
        import jax

        found: list[dict[str, float]] = [{} for _ in self._trials]
        for rows in dict.fromkeys(self._held):
            chosen = [place for place, held in enumerate(self._held) if held == rows]
            state = jax.tree.map(lambda values: values[jax.numpy.array(chosen)], self._state)  # noqa: B023
            logs = self._measured(state, self._validation, self._which[chosen], rows)
            for name, values in jax.device_get(logs).items():
                for place, value in zip(chosen, values, strict=True):
                    found[self._places[place]][name] = float(value)
        return found

    def _one_epoch(self, state: Any, data: Any, which: Any, orders: Any) -> Any:
        """Take all steps of an epoch: those that all have, then the rest of each."""
        import jax

        def step(state: Any, which: Any, rows: Any) -> Any:
            batch = self._batch(data, which, rows)
            _, (*state, _) = self._network.train_step((*state, self._metrics), batch)
            return state, ()

        common = min(self._rows) // self._size * self._size
        state, _ = _steps(step, state, which, orders[:, :common], self._size)
        rests = []
        for rows in dict.fromkeys(self._rows):
            start = self._rows.index(rows)
            own = slice(start, start + self._rows.count(rows))
            mine = jax.tree.map(lambda values: values[own], state)  # noqa: B023  # called now
            rests.append(_steps(step, mine, which[own], orders[own, common:rows], self._size)[0])
        return jax.tree.map(lambda *values: jax.numpy.concatenate(values), *rests)

    def _measure_slice(self, state: Any, data: Any, which: Any, rows: int) -> Any:
        """Return the logs of `evaluate` for trials with so many held-out rows."""
        import jax

        def step(state: Any, which: Any, rows: Any) -> Any:
            logs, state = self._network.test_step(state, self._batch(data, which, rows))
            return list(state), logs

        metrics = [jax.numpy.stack([value] * len(which)) for value in self._metrics]
        everything = jax.numpy.broadcast_to(jax.numpy.arange(rows), (len(which), rows))
        return _steps(step, [state[0], state[1], metrics], which, everything, MEASURED)[1]

    def _batch(self, data: Any, which: Any, rows: Any) -> Any:
        import jax

        return typed(self._network, jax.tree.map(lambda values: values[which, rows], data))


def _steps(
    step: Callable[[Any, Any, Any], Any], state: Any, which: Any, orders: Any, size: int
) -> Any:
    """Take the steps of several trials at once, `size` rows each, the last maybe smaller.

    Parameters
    ----------
    step
        Takes one trial's state, the number of its data, and its rows; returns state and logs.
    state, which, orders
        Those of all trials; orders of shape (trials, rows).
    size
        Rows of a step.
    """
    import jax

    side_by_side = jax.vmap(step)
    trials, rows = orders.shape
    whole = rows // size * size
    logs: Any = ()
    if whole:
        batches = orders[:, :whole].reshape(trials, -1, size).swapaxes(0, 1)
        state, every = jax.lax.scan(lambda s, b: side_by_side(s, which, b), state, batches)
        logs = jax.tree.map(lambda values: values[-1], every)
    if whole < rows:
        state, logs = side_by_side(state, which, orders[:, whole:])
    return state, logs


def _stacked(parts: Sequence[Any]) -> Any:
    """Return the arrays of several parts as one each on the device, zeros below shorter ones."""
    import jax
    import numpy as np

    def stack(*arrays: Any) -> Any:
        longest = max(map(len, arrays))
        stacked = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
        for place, array in zip(stacked, arrays, strict=True):
            place[: len(array)] = array
        return stacked

    return jax.device_put(jax.tree.map(stack, *parts))
