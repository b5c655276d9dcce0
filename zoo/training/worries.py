"""What looks wrong with a finished training: a loss that did not fall, a dead network."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from zoo.parts.base import Classifier
from zoo.parts.heads import first_error, heads_of

if TYPE_CHECKING:
    from zoo.inference.model import Model
    from zoo.runs.run import Run

DEAD_SHARE, MAX_TRUE_SHARE = 0.99, 0.95
"""Share of rows predicted as one class in a dead network; the share that may truly be of one."""


def find_worries(run: Run, model: Model, outputs: Any, targets: Any) -> list[str]:
    """Return what looks wrong with a finished training, and what to try.

    Parameters
    ----------
    run, model
        The run and its trained model.
    outputs, targets
        Of some training rows.
    """
    import numpy as np

    advice = "; try another --seed, a lower learning rate, or scaled inputs"
    worries = []
    if not all(value - value == 0.0 for value in run.metrics["train"].values()):
        worries.append("the loss is not finite; try a lower learning rate")
    losses = run.history.get("loss", [])
    if len(losses) > 1 and not min(losses[1:]) < losses[0]:
        worries.append(f"the loss did not fall ({losses[0]:.4g} to {losses[-1]:.4g}){advice}")
    classifying = [
        head
        for head in heads_of(model.spec, model.decoder)
        if isinstance(head.decoder, Classifier) and head.decoder.one_class
    ]
    if not classifying:
        return worries
    answers = model.answers(outputs, 1)
    if problem := first_error(answers):
        return [*worries, str(problem)]
    for head in classifying:
        count, true = len(answers), head.of(targets)
        label, most = Counter(head.of(answer)[0].label for answer in answers).most_common(1)[0]
        commonest = np.unique(true, axis=0, return_counts=True)[1].max()
        # A dead network may let a few rows through.
        if most >= DEAD_SHARE * count and commonest < MAX_TRUE_SHARE * count:
            rows = "every row" if most == count else f"{most} of {count} rows"
            of = f" as {head.name!r}" if head.name else ""
            worries.append(f"the model predicts {label!r}{of} for {rows}{advice}")
    return worries
