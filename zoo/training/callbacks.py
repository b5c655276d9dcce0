"""What zoo does while Keras trains: progress, history, events for plugins, Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from zoo.registry.registry import registry
from zoo.training.run import Run


class Progress:
    """A bar with the epoch's loss and metrics; on stderr, on a terminal only."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self._bar: Any = None
        if sys.stderr.isatty() and not os.environ.get("ZOO_QUIET"):
            from zoo.progress import TrainingBar

            self._bar = TrainingBar(epochs)

    def callback(self, keras: Any) -> Any:
        """Return the Keras callback that moves the bar."""
        bar = self._bar

        class Move(keras.callbacks.Callback):  # type: ignore[misc]
            def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
                if bar is not None:
                    bar.update(epoch + 1, logs or {})

        return Move()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def events(keras: Any, run: Run) -> Any:
    """Return the Keras callback that keeps the history and tells plugins about each epoch."""

    class Events(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            for name, value in values.items():
                run.history.setdefault(name, []).append(value)
            registry().notify("epoch_ended", run=run, epoch=epoch, logs=values)

    return Events()


class Interruption:
    """Turns Ctrl-C into an orderly end after the present batch; a second one ends at once.

    An exception in the middle of a step could meet the weights while the backend holds them.
    """

    def __init__(self) -> None:
        self.asked = False
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

    def callback(self, keras: Any) -> Any:
        """Return the Keras callback that stops the training when asked to."""
        interruption = self

        class Stop(keras.callbacks.Callback):  # type: ignore[misc]
            def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
                if interruption.asked:
                    self.model.stop_training = True

        return Stop()
