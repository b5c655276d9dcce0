"""The rules of a recipe that act after an epoch: stopping early, lowering the learning rate.

Their state is part of the progress, so a resumed training continues it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.backend.choose import keras
from zoo.errors import SpecError, TrainingError
from zoo.parts.schedules import schedule_of
from zoo.spec.model import Training
from zoo.spec.watch import Watch
from zoo.training.checkpoint import Checkpoint, Progress


def should_stop(
    training: Training, checkpoint: Checkpoint, progress: Progress, logs: Mapping[str, float]
) -> bool:
    """Update the state of early stopping with the epoch's logs, and return whether training stops.

    Raises
    ------
    TrainingError
        If the monitored metric is not measured.
    UsageError
        If it is not known whether more of it is better.
    """
    rule, state = training.early_stopping, progress.stopping
    if rule is None:
        return False
    value = _watched(rule, "early_stopping", logs)
    if rule.improves(value, state.get("best"), training):
        state.update(best=value, best_epoch=progress.epochs, waited=0)
        if rule.restore_best:
            checkpoint.remember_best()
    else:
        state["waited"] = state.get("waited", 0) + 1
    state["stopped"] = state["waited"] >= rule.patience
    return bool(state["stopped"])


def learning_rate(optimizer: Any) -> float:
    """Return the current learning rate of an optimizer."""
    return float(keras().ops.convert_to_numpy(optimizer.learning_rate))


def check_plateau(training: Training) -> None:
    """Raise `SpecError` if the learning rate is to be lowered, and is a schedule."""
    schedule = schedule_of(training.optimizer)
    if training.reduce_lr_on_plateau is not None and schedule is not None:
        msg = "training.reduce_lr_on_plateau: lowers a fixed learning rate, and that of "
        raise SpecError(msg + f"training.optimizer is the schedule {schedule.uses!r}; drop one")


def follow_plateau(
    training: Training, optimizer: Any, progress: Progress, logs: Mapping[str, float]
) -> None:
    """Lower the learning rate as Keras's ``ReduceLROnPlateau`` does; see `should_stop`."""
    rule, state = training.reduce_lr_on_plateau, progress.plateau
    if rule is None:
        return
    value = _watched(rule, "reduce_lr_on_plateau", logs)
    waited, cooldown = state.get("waited", 0), state.get("cooldown", 0)
    if cooldown:
        waited, cooldown = 0, cooldown - 1
    if rule.improves(value, state.get("best"), training):
        state["best"], waited = value, 0
    elif not cooldown:
        waited += 1
        rate = learning_rate(optimizer)
        if waited >= rule.patience and rate > rule.min_lr:
            optimizer.learning_rate = max(rate * rule.factor, rule.min_lr)
            waited, cooldown = 0, rule.cooldown
    state.update(waited=waited, cooldown=cooldown)


def _watched(rule: Watch, name: str, logs: Mapping[str, float]) -> float:
    """Return the value of the figure that a rule watches."""
    value = logs.get(rule.monitor)
    if value is None:
        msg = f"training.{name}.monitor: {rule.monitor!r} is not measured; "
        raise TrainingError(msg + f"choose from {', '.join(logs)}")
    return value
