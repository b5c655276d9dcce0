"""What zoo does while Keras trains: progress, history, events, checkpoints, stopping, Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import keras
from zoo.backend.seeding import seed_epoch
from zoo.errors import TrainingError
from zoo.registry.registry import registry
from zoo.runs.run import Run
from zoo.spec.model import Training
from zoo.training.checkpoint import Checkpoint, Progress

if TYPE_CHECKING:
    from zoo.training.rows import Rows


class Interruption:
    """Makes Ctrl-C end training after the current step; a second one ends it at once.

    An exception inside a step could come while the backend holds the weights.

    Attributes
    ----------
    requested
        Whether the user pressed Ctrl-C.
    within_epoch
        Whether it cut the last epoch short.
    """

    def __init__(self) -> None:
        self.requested = False
        self.within_epoch = False
        self._previous_handler: Any = None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous_handler is not None:
            signal.signal(signal.SIGINT, self._previous_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def epoch_callback(
    run: Run,
    progress: Progress,
    checkpoint: Checkpoint,
    data: Rows,
    *,
    show: Callable[[int, dict[str, float]], None],
    interruption: Interruption,
) -> Any:
    """Return the Keras callback that does zoo's work after each step and each epoch."""

    class Epochs(keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            data.start_epoch(epoch)
            seed_epoch(run.seed, epoch)

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            if interruption.requested:
                self.model.stop_training = True
                interruption.within_epoch = batch + 1 != self.params["steps"]

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            for name, value in values.items():
                run.history.setdefault(name, []).append(value)
            show(epoch + 1, values)
            registry().notify("epoch_ended", run=run, epoch=epoch, logs=values)
            if interruption.within_epoch:
                return  # checkpoints are of complete epochs
            progress.epochs = epoch + 1
            if _should_stop(data.training, checkpoint, progress, values):
                self.model.stop_training = True
            checkpoint.save(progress, now=interruption.requested)

    return Epochs()


def _should_stop(
    training: Training, checkpoint: Checkpoint, progress: Progress, logs: dict[str, float]
) -> bool:
    """Update the early-stopping state with the epoch's logs, and return whether training stops.

    The state is part of the progress, so a resumed training continues it.

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
    value = logs.get(rule.monitor)
    if value is None:
        msg = f"training.early_stopping.monitor: {rule.monitor!r} is not measured; "
        raise TrainingError(msg + f"choose from {', '.join(logs)}")
    if rule.improves(value, state.get("best"), training.metrics):
        state.update(best=value, best_epoch=progress.epochs, waited=0)
        if rule.restore_best:
            checkpoint.remember_best()
    else:
        state["waited"] = state.get("waited", 0) + 1
    return bool(state["waited"] >= rule.patience)
