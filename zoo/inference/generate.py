"""Continue a sequence: each answer of a model is its next input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from zoo.errors import UsageError
from zoo.inference.session import Session
from zoo.parts.base import Classifier, Sequencer
from zoo.parts.heads import first_error

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel
    from zoo.parts.results import Prediction


@dataclass(frozen=True, slots=True)
class GeneratedStep:
    """One step of a generated sequence.

    Attributes
    ----------
    step
        Number of the step, from 0.
    input
        What was fed.
    output
        The model's answer: the most probable letter, or a sampled one.
    score
        Its probability.
    """

    step: int
    input: str
    output: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``--format json`` prints."""
        return asdict(self)


def generate(
    model: BaseModel,
    start: str = "",
    steps: int = 1,
    *,
    warm: bool = False,
    temperature: float = 0.0,
    seed: int | None = None,
    session: Session | None = None,
) -> Iterator[GeneratedStep]:
    """Yield the steps of a generated sequence; see `zoo.Model.generate`."""
    part = model.preprocessor
    if not isinstance(part, Sequencer) or not isinstance(model.decoder, Classifier):
        msg = f"{model.spec.name} does not continue sequences (its task is {model.spec.task})"
        raise UsageError(msg)
    if temperature < 0.0:
        msg = f"temperature must be 0 (always the likeliest) or more, received {temperature}"
        raise UsageError(msg)
    carries = model.spec.training is not None and model.spec.training.carry_state
    if session is not None and not carries:
        msg = f"{model.spec.name} was trained without carry_state, so it cannot use a session"
        raise UsageError(msg)
    last = start or (session.pending if session is not None else "")
    if not last:
        msg = "no letter to start from; pass a start text"
        raise UsageError(msg)
    rng = np.random.default_rng(seed)
    lead = part.before(last) if warm else ""
    text = lead + last
    session = session or (Session(model) if carries else None)
    for number in range(steps):
        # The first call feeds the complete text; then a state carries what a window must repeat.
        outputs = (
            session.call(part.steps(text)[None])
            if session is not None
            else model.outputs(cast("NDArray[np.float32]", part.one(text))[None], batch_size=1)
        )
        answers = model.answers(outputs)
        if problem := first_error(answers):
            raise problem
        best = _choose(answers[0], temperature, rng)
        yield GeneratedStep(number, last, best.label, best.score)
        last = best.label
        if session is not None:
            session.pending = text = last
        else:
            text = (text + last)[-part.length :]


def _choose(
    predictions: tuple[Prediction, ...], temperature: float, rng: np.random.Generator
) -> Prediction:
    """Return the best class, or one sampled by its probability to the power 1 / temperature."""
    if temperature == 0.0:
        return predictions[0]
    scores = np.array([prediction.score for prediction in predictions], np.float64)
    with np.errstate(divide="ignore"):
        powers = np.log(scores) / temperature
    weights = np.exp(powers - powers.max())
    return predictions[rng.choice(len(predictions), p=weights / weights.sum())]
