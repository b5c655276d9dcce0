"""``Session``: the state of sequences that are fed to a recurrent network step by step."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.backend.carry import INPUT, OUTPUT
from zoo.backend.network import weight_arrays
from zoo.display import one_line
from zoo.errors import InputError, UsageError
from zoo.parts.results import RowResult
from zoo.spec.files import read_json_headers, spec_to_data
from zoo.spec.model import State
from zoo_weights.arrays import Slot
from zoo_weights.errors import WeightsError
from zoo_weights.readers import read_weights
from zoo_weights.writers import write_bundle

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel

MISMATCHES = {"model": "another model", "spec": "another spec", "weights": "other weights"}
"""What a refused session belongs to, by the keys of `model_identity`."""

MAX_SEQUENCES = 1_000_000
"""Maximum number of sequences in a session: it bounds the memory that a file can request."""


class Session:
    """The state of sequences that are fed to a recurrent model step by step.

    Made by `zoo.Model.session` and `zoo.Model.load_session`. It may be used from several threads:
    its calls run one after the other.

    Parameters
    ----------
    model
        The model, which holds no state itself.
    sequences
        How many sequences are fed at once, each with its own state; as many as the first call
        feeds, if not given.

    Attributes
    ----------
    sequences
        Number of sequences; 0 while that is open.
    pending
        The last letter that `zoo.Model.generate` answered, not fed yet.
    """

    def __init__(self, model: BaseModel, sequences: int | None = None) -> None:
        if sequences is not None and not 1 <= sequences <= MAX_SEQUENCES:
            msg = f"a session has 1 to {MAX_SEQUENCES:,} sequences, received {sequences}"
            raise UsageError(msg)
        self.model = model
        self.sequences = sequences or 0
        self._states = model.states
        self._lock = threading.RLock()
        self.reset()

    def __repr__(self) -> str:
        count = self.sequences
        open_or_count = f"{count} sequence{'s' * (count != 1)}" if count else "not fed yet"
        return one_line(self, repr(self.model.spec.name), open_or_count)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of each state by name, of shape (sequences, *shape)."""
        with self._lock:
            return {name: array.copy() for name, array in self._state.items()}

    def reset(self) -> None:
        """Reset every state to zero, to start new sequences."""
        with self._lock:
            self.pending = ""
            self._state = self._zeros(self.sequences)

    def _zeros(self, sequences: int) -> dict[str, NDArray[Any]]:
        return {
            state.name: np.zeros((sequences, *state.shape), state.dtype) for state in self._states
        }

    def call(self, inputs: Any) -> NDArray[np.float32]:
        """Feed steps to every sequence.

        Parameters
        ----------
        inputs
            Preprocessed input, float32 of shape (sequences, steps, features).

        Returns
        -------
        ndarray
            The network's output after the last step, float32 of shape (sequences, units).

        Raises
        ------
        InputError
            If the shape is wrong; the state does not change.
        """
        return feed([self], [inputs])[0]

    def step(self, raw: Any) -> Any:
        """Feed raw input (a letter, or several one after the other) and decode the answer.

        Parameters
        ----------
        raw
            Raw input of the model's preprocessor; a list of them, one for each sequence, if the
            session has several.

        Returns
        -------
        RowResult
            The answer after the last step, or a list of them.

        Raises
        ------
        InputError
            If the input cannot be used; the state does not change.
        """
        return step([self], [raw])[0]

    def fork(self) -> Session:
        """Return a copy of the session, independent of it from here on."""
        with self._lock:
            copy = Session(self.model, self.sequences or None)
            copy._state = dict(self._state)  # arrays are replaced, never written into
            copy.pending = self.pending
            return copy

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the state and the identity of its model to a small file."""
        with self._lock:
            fields = {"sequences": self.sequences, "pending": self.pending}
            header = {**model_identity(self.model), **fields}
            slots = _slots(self._states, self.sequences)
            weights = [(slot, self._state[slot.name]) for slot in slots]
        write_bundle(Path(path), {"session": json.dumps(header)}, weights)
        return Path(path)


def load_session(model: BaseModel, path: Path) -> Session:
    """Read a session; see `zoo.Model.load_session`."""
    if not path.is_file():
        msg = f"{path}: no such file; expected a saved session"
        raise UsageError(msg)
    try:
        kinds = {"session": dict[str, str | int]}
        header = read_json_headers(path, kinds, optional=kinds)["session"]
        sequences, pending = header["sequences"], header["pending"]
        for name, expected in model_identity(model).items():
            if header[name] != expected:
                what = f"{MISMATCHES[name]}, expected {expected}, received {header[name]!r}"
                msg = f"{path}: belongs to {what}"
                raise UsageError(msg)
        if type(sequences) is not int or type(pending) is not str:
            raise ValueError
        session = Session(model, sequences or None)
        slots = _slots(model.states, sequences)
        for position, array in read_weights(path, slots, format="bundle"):
            session._state[slots[position].name] = array
    except (KeyError, TypeError, ValueError, WeightsError) as error:
        reason = f": {error}" if isinstance(error, WeightsError) else ""
        msg = f"{path}: is not a session{reason}"
        raise UsageError(msg) from None
    session.pending = pending
    return session


def feed(sessions: Sequence[Session], inputs: Sequence[Any]) -> list[NDArray[np.float32]]:
    """Feed steps to several sessions of one model in one call of its network.

    Parameters
    ----------
    sessions
        Different sessions of the same model, at any positions of their sequences.
    inputs
        For each session, float32 of shape (sequences, steps, features); all of the same length.

    Returns
    -------
    list of ndarray
        The output of each session, of shape (sequences, units).

    Raises
    ------
    UsageError
        If the sessions are of several models, or one is passed twice.
    InputError
        If an input does not fit; no state changes.
    """
    arrays = [np.asarray(array) for array in inputs]
    model = _model_of(sessions, arrays)
    with contextlib.ExitStack() as locks:
        for session in sorted(sessions, key=id):  # in one order, to avoid deadlocks
            locks.enter_context(session._lock)
        for session, array in zip(sessions, arrays, strict=True):
            rows = session.sequences or "sequences"
            if array.ndim < 2 or 0 in array.shape or rows not in ("sequences", len(array)):
                msg = f"expected an array of shape ({rows}, steps, ...), received {array.shape}"
                raise InputError(msg, kind="bad-shape")
        steps = {array.shape[1] for array in arrays}
        if len(steps) > 1:
            msg = f"sessions fed together need the same number of steps, received {sorted(steps)}"
            raise InputError(msg, kind="bad-shape")
        counts = [len(array) for array in arrays]
        before = [
            session._state if session.sequences else session._zeros(count)
            for session, count in zip(sessions, counts, strict=True)
        ]
        states = {name: np.concatenate([state[name] for state in before]) for name in before[0]}
        result = model.stepper({INPUT: np.concatenate(arrays), **states}, batch_size=sum(counts))
        split = {name: np.split(rows, np.cumsum(counts)[:-1]) for name, rows in result.items()}
        for number, session in enumerate(sessions):
            session.sequences, session.pending = counts[number], ""
            session._state = {name: split[name][number] for name in states}
        return split[OUTPUT]


def step(sessions: Sequence[Session], raws: Sequence[Any]) -> list[Any]:
    """Feed raw input to several sessions of one model in one call; see `Session.step`."""
    model = _model_of(sessions, raws)
    inputs = []
    lists = [_is_list(session, raw) for session, raw in zip(sessions, raws, strict=True)]
    for raw, is_list in zip(raws, lists, strict=True):
        items = list(raw) if is_list else [raw]
        steps = [model.preprocessor.steps(item) for item in items]
        lengths = {len(array) for array in steps}
        if len(lengths) > 1:
            msg = f"sequences fed together need the same number of steps, received {raw!r}"
            raise InputError(msg, kind="bad-shape")
        inputs.append(np.stack(steps))
    answers: list[Any] = []
    for is_list, output in zip(lists, feed(sessions, inputs), strict=True):
        rows = [RowResult.of(row, answer) for row, answer in enumerate(model.answers(output))]
        answers.append(rows if is_list else rows[0])
    return answers


def _is_list(session: Session, raw: Any) -> bool:
    """Whether raw input is a list, one for each sequence; word numbers are one input."""
    if session.sequences:
        return session.sequences > 1
    return isinstance(raw, list | tuple) and not any(isinstance(item, int) for item in raw)


def model_identity(model: BaseModel) -> dict[str, str]:
    """Return what binds a session to its model: the name, and hashes of spec and weights."""
    spec = spec_to_data(model.spec)
    fields = {name: spec.get(name) for name in ("architecture", "input", "output", "state")}
    text = json.dumps([fields, model.fitted_state], sort_keys=True)
    digest = hashlib.sha256()
    for slot, array in weight_arrays(model.keras):
        digest.update(f"{slot.layer} {slot.index} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return {
        "model": model.spec.name,
        "spec": hashlib.sha256(text.encode()).hexdigest(),
        "weights": digest.hexdigest(),
    }


def _model_of(sessions: Sequence[Session], inputs: Sequence[Any]) -> BaseModel:
    if not sessions or len(sessions) != len(inputs):
        msg = f"expected an input for each session, received {len(inputs)} for {len(sessions)}"
        raise UsageError(msg)
    if len({id(session) for session in sessions}) < len(sessions):
        msg = "a session cannot be fed twice in one call; fork it"
        raise UsageError(msg)
    if len({id(session.model) for session in sessions}) > 1:
        names = ", ".join(session.model.spec.name for session in sessions)
        msg = f"sessions fed together must be of one model, received {names}"
        raise UsageError(msg)
    return sessions[0].model


def _slots(states: Sequence[State], sequences: int) -> list[Any]:
    return [
        Slot("state", index, state.name, (sequences, *state.shape), state.dtype,
             f"layers/state/vars/{index}")
        for index, state in enumerate(states)
    ]  # fmt: skip
