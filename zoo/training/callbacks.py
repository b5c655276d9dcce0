"""What zoo does while Keras trains: progress on a terminal, history, and events for plugins."""

from __future__ import annotations

import os
import sys
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

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()


def events(keras: Any, run: Run) -> Any:
    """Return the Keras callback that keeps the history and tells plugins about each epoch."""

    class Events(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            values = {name: float(value) for name, value in (logs or {}).items()}
            for name, value in values.items():
                run.history.setdefault(name, []).append(value)
            registry().hooks.hook.epoch_ended(run=run, epoch=epoch, logs=values)

    return Events()
