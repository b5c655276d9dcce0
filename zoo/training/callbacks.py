"""What zoo does while Keras trains: progress, history, events, checkpoints, stopping, Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Protocol, cast

from zoo.errors import TrainingError
from zoo.registry.registry import registry
from zoo.runtime.backend import keras
from zoo.runtime.seeding import seed_epoch
from zoo.spec.training import EarlyStopping, Training
from zoo.training.checkpoint import Checkpoint, Progress
from zoo.training.run import Run


class Data(Protocol):
    """Training rows that want to know which epoch begins."""

    def begin(self, epoch: int) -> None:
        """Take note of which epoch begins."""


class Bar:
    """A bar with the epoch's loss and metrics; on stderr, on a terminal only."""

    def __init__(self, epochs: int) -> None:
        self._bar: Any = None
        if sys.stderr.isatty() and not os.environ.get("ZOO_QUIET"):
            from zoo.progress import TrainingBar

            self._bar = TrainingBar(epochs)

    def update(self, epochs: int, logs: dict[str, float]) -> None:
        """Show that so many epochs are over."""
        if self._bar is not None:
            self._bar.update(epochs, logs)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class Stopping:
    """Early stopping that goes on after a restart: its state is part of the progress.

    Parameters
    ----------
    training
        The recipe, which has a rule.
    checkpoint
        Keeps the best weights.
    progress
        Keeps the state.
    """

    def __init__(self, training: Training, checkpoint: Checkpoint, progress: Progress) -> None:
        self.rule = cast("EarlyStopping", training.early_stopping)
        self.metrics = training.metrics
        self.checkpoint = checkpoint
        self.state = progress.stopping
        if not self.state:
            self.state.update(best=None, best_epoch=0, waited=0)

    def update(self, epoch: int, logs: dict[str, float]) -> bool:
        """Take note of an epoch, from 1, and say whether it should be the last.

        Raises
        ------
        TrainingError
            If the figure to watch is not measured.
        UsageError
            If nobody says whether more of it is better.
        """
        value = logs.get(self.rule.monitor)
        if value is None:
            msg = (
                f"training.early_stopping.monitor: {self.rule.monitor!r} is not measured; "
                f"there are {', '.join(logs)}"
            )
            raise TrainingError(msg)
        if self.rule.improves(value, self.state["best"], self.metrics):
            self.state.update(best=value, best_epoch=epoch, waited=0)
            if self.rule.restore_best:
                self.checkpoint.remember_best()
        else:
            self.state["waited"] += 1
        return bool(self.state["waited"] >= self.rule.patience)


class Interruption:
    """Turns Ctrl-C into an orderly end after the present step; a second one ends at once.

    An exception in the middle of a step could meet the weights while the backend holds them.

    Attributes
    ----------
    asked
        Whether the user wants an end.
    within_epoch
        Whether the last epoch was cut short by it.
    """

    def __init__(self) -> None:
        self.asked = False
        self.within_epoch = False
        self._before: Any = None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def epoch_callback(
    run: Run,
    progress: Progress,
    checkpoint: Checkpoint,
    data: Data,
    *,
    bar: Bar,
    interruption: Interruption,
    stopping: Stopping | None,
) -> Any:
    """Return the Keras callback that does what is due after each step and each epoch."""

    class Epochs(keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            data.begin(epoch)
            seed_epoch(run.seed, epoch)

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            if interruption.asked:
                self.model.stop_training = True
                interruption.within_epoch = batch + 1 != self.params["steps"]

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            for name, value in values.items():
                run.history.setdefault(name, []).append(value)
            bar.update(epoch + 1, values)
            registry().notify("epoch_ended", run=run, epoch=epoch, logs=values)
            if interruption.within_epoch:
                return  # nothing to go on from
            progress.epochs = epoch + 1
            if stopping is not None and stopping.update(epoch + 1, values):
                self.model.stop_training = True
            checkpoint.save(progress, now=interruption.asked)

    return Epochs()
