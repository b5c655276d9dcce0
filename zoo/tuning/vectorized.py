"""Several trainings in one compiled program, on JAX: what differs between them is an array.

Keras's ``train_step`` is a function of its state: weights, optimizer, random numbers. The states of
networks with the same layers are stacked along a new first axis, and ``jax.vmap`` computes a step
of all of them at once; each has its own rows, order, initial weights, seed and learning rate.

Why it is right: trials share a program only if JAX would pass the same text to the compiler for
each of their networks, constants included (`program_hash`). Rounding may differ from that of a
trial alone, within 1e-5 of the figures. What would break it: an effect of a step outside that
text, such as a callback into Python; such trials are trained alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from zoo.backend import keras_private
from zoo.backend.runner import cast_inputs, count_samples, take_rows
from zoo.inference.measure import EVAL_BATCH
from zoo.training.steps.compiled import is_repeatable
from zoo.tuning.trial import Trial

Listener = Callable[[int, list[dict[str, float]]], None]
"""Receives the number of an epoch, from 0, and the logs of each training."""


def program_hash(trial: Trial) -> str | None:
    """Return a hash of the compiled program of a trial; None if it needs its own.

    Trials with equal hashes may be trained together. What is hashed is the text that JAX passes to
    XLA to compile a training step and a test step of the trial's network, constants included:
    programs of equal text compute the same, and differ only in the values of their arguments.
    """
    training = trial.data.training
    rules = training.early_stopping, training.reduce_lr_on_plateau, training.unfreeze
    if any(rules) or training.callbacks or training.augment or training.carry_state:
        return None
    network = trial.network()
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    if not is_repeatable(network) or optimizer.use_ema:  # a mean of the weights is taken at the end
        return None
    import jax

    batch = take_rows(trial.data.feed.arrays, slice(training.batch_size))
    keras_private.build_compiled(network, batch)
    state = keras_private.jax_state(network)
    batch = cast_inputs(network, batch)
    train_step = jax.jit(network.train_step).trace(state, batch)
    test_step = jax.jit(network.test_step).trace((*state[:2], state[3]), batch)
    if _changes_state(test_step.jaxpr.jaxpr, *state[:2]):  # `fit` tests after each epoch
        return None
    texts = [step.lower().as_text() for step in (train_step, test_step)]
    # The text lacks callbacks into Python, and constants that are passed as arguments.
    if "callback" in "".join(texts) or jax.config.jax_use_simplified_jaxpr_constants:
        return None
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def _changes_state(test_step: Any, *state: Any) -> bool:
    """Whether a test step returns other values of the state that its arguments begin with.

    Recurrent layers with dropout draw random numbers in every call.
    """
    import jax

    given = test_step.invars[: len(jax.tree.leaves(state))]
    returned = {id(variable) for variable in test_step.outvars}
    return any(id(variable) not in returned for variable in given)


class VectorizedTrials:
    """Trainings that run side by side.

    The result of each is that of `zoo.training.fit.fit`: no step contains padding rows. The steps
    that all trials have are computed at once, the last steps of an epoch for the trials with
    equally many rows.

    Parameters
    ----------
    trials
        Trainings of one program, see `program_hash`.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        import jax
        import numpy as np

        # Trials with equally many rows are adjacent, so that a slice selects them.
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
        keras_private.build_compiled(self._network, take_rows(sample, slice(self._size)))
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
        self._held = [count_samples(trial.data.arrays["validation"][1]) for trial in trials]
        self._train = _stack([part.feed.arrays for part in data.values()])
        self._validation = _stack([part.arrays["validation"] for part in data.values()])
        self._jitted_epoch = jax.jit(self._one_epoch, donate_argnums=0)
        self._jitted_measure = jax.jit(self._measure_slice, static_argnums=3)

    def train(self, epochs: int, listen: Listener | None = None) -> None:
        """Train until the given number of epochs is completed.

        `listen` receives each epoch and the logs of each training, which would not be computed
        without it.
        """
        import numpy as np

        for epoch in range(self._epoch, epochs):
            # A new array each time: JAX computes asynchronously, and may read this memory.
            orders = np.zeros((len(self._trials), max(self._rows)), np.int32)
            for order, trial in zip(orders, self._trials, strict=True):
                feed = dataclasses.replace(trial.data.feed, seed=trial.seed, epoch=epoch)
                order[: len(feed)] = feed.order()
            metrics = [] if listen is None else [self._fresh_metrics(len(self._trials))]
            state, logs = self._jitted_epoch(
                [*self._state, *metrics], self._train, self._which, orders
            )
            self._state = state[:3]
            if listen is not None:
                whole = self._by_trial(logs)
                for found, held in zip(whole, self.measure(), strict=True):
                    found.update({f"val_{name}": value for name, value in held.items()})
                listen(epoch, whole)
        self._epoch = max(self._epoch, epochs)

    def measure(self) -> list[dict[str, float]]:
        """Return loss and metrics of each trial on its held-out rows."""
        import jax

        figures: list[dict[str, float]] = [{} for _ in self._trials]
        for rows in dict.fromkeys(self._held):
            places = [place for place, held in enumerate(self._held) if held == rows]
            state = jax.tree.map(lambda values: values[jax.numpy.array(places)], self._state)  # noqa: B023
            logs = self._jitted_measure(state, self._validation, self._which[places], rows)
            for place, found in zip(places, _each(logs, len(places)), strict=True):
                figures[self._places[place]] = found
        return figures

    def _by_trial(self, logs: Any) -> list[dict[str, float]]:
        """Return the logs of each trial, in the order in which they were given."""
        by_place = dict(zip(self._places, _each(logs, len(self._trials)), strict=True))
        return [by_place[number] for number in range(len(by_place))]

    def _fresh_metrics(self, count: int) -> Any:
        """Return the values of the metrics before any row, for a number of trials."""
        import jax

        return [jax.numpy.stack([value] * count) for value in self._metrics]

    def _one_epoch(self, state: Any, data: Any, which: Any, orders: Any) -> Any:
        """Take all steps of an epoch: those that all trials have, then the rest of each.

        Returns the state, and logs if metrics are a part of it.
        """
        import jax

        def step(state: Any, which: Any, rows: Any) -> Any:
            batch = self._batch(data, which, rows)
            full = state if len(state) > 3 else (*state, self._metrics)
            logs, after = self._network.train_step(tuple(full), batch)
            return list(after[: len(state)]), logs if full is state else ()

        common = min(self._rows) // self._size * self._size
        state, logs = _run_steps(step, state, which, orders[:, :common], self._size)
        ends = []
        for rows in dict.fromkeys(self._rows):
            start = self._rows.index(rows)
            at = slice(start, start + self._rows.count(rows))
            part, before = jax.tree.map(lambda values: values[at], (state, logs))  # noqa: B023  # called now
            part, after = _run_steps(step, part, which[at], orders[at, common:rows], self._size)
            ends.append((part, after or before))
        return jax.tree.map(lambda *values: jax.numpy.concatenate(values), *ends)

    def _measure_slice(self, state: Any, data: Any, which: Any, rows: int) -> Any:
        """Return the logs of `evaluate` for trials with the same number of held-out rows."""
        import jax

        def step(state: Any, which: Any, rows: Any) -> Any:
            logs, state = self._network.test_step(state, self._batch(data, which, rows))
            return list(state), logs

        metrics = self._fresh_metrics(len(which))
        orders = jax.numpy.broadcast_to(jax.numpy.arange(rows), (len(which), rows))
        return _run_steps(step, [state[0], state[1], metrics], which, orders, EVAL_BATCH)[1]

    def _batch(self, data: Any, which: Any, rows: Any) -> Any:
        import jax

        return cast_inputs(self._network, jax.tree.map(lambda values: values[which, rows], data))


def _run_steps(
    step: Callable[[Any, Any, Any], Any], state: Any, which: Any, orders: Any, size: int
) -> Any:
    """Take the steps of several trials at once, `size` rows each; the last may be smaller.

    Parameters
    ----------
    step
        Takes one trial's state, the number of its data, and its rows; returns state and logs.
    state, which, orders
        Those of all trials, stacked; orders of shape (trials, rows).
    size
        Rows of a step.
    """
    import jax

    step_all = jax.vmap(step)
    trials, rows = orders.shape
    scanned = rows // size * size
    logs: Any = ()
    if scanned:
        batches = orders[:, :scanned].reshape(trials, -1, size).swapaxes(0, 1)
        state, all_logs = jax.lax.scan(lambda s, b: step_all(s, which, b), state, batches)
        logs = jax.tree.map(lambda values: values[-1], all_logs)
    if scanned < rows:
        state, logs = step_all(state, which, orders[:, scanned:])
    return state, logs


def _each(logs: Any, count: int) -> list[dict[str, float]]:
    """Return the logs of each of several trials."""
    import jax

    values = jax.device_get(logs)
    return [{name: float(values[name][place]) for name in values} for place in range(count)]


def _stack(parts: Sequence[Any]) -> Any:
    """Stack the arrays of several parts on the device, shorter ones padded with zeros."""
    import jax
    import numpy as np

    def stack(*arrays: Any) -> Any:
        longest = max(map(len, arrays))
        stacked = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
        for place, array in zip(stacked, arrays, strict=True):
            place[: len(array)] = array
        return stacked

    return jax.device_put(jax.tree.map(stack, *parts))
