"""``Run``: one training and its folder, written so that nothing half-done has a final name."""

from __future__ import annotations

import csv
import functools
import io
import json
import platform
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plots.curves import draw_later
from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_to, write_spec

if TYPE_CHECKING:
    from zoo.model import Model

History = dict[str, list[float]]
"""Keras's logs by name, a value for each epoch."""


@dataclass
class Run:
    """One training.

    Attributes
    ----------
    path
        The run folder.
    spec
        The spec as it was trained, every override applied.
    seed
        Seed of initial weights, shuffling and splits.
    history
        Keras's logs, a value for each epoch.
    metrics
        Loss and metrics of the final weights on each part of the data (``"train"``,
        ``"validation"``).
    environment
        Versions and machine, for whoever repeats it.
    notes
        What a user should know about the result (dead units, an interruption).
    """

    path: Path
    spec: ModelSpec
    seed: int
    history: History = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @functools.cached_property
    def model(self) -> Model:
        """The trained model, read back from the run's bundle."""
        from zoo.model import Model

        return Model.from_bundle(self.path)

    def save(self, network: Any, state: dict[str, Any]) -> None:
        """Write the run folder: bundle, spec, history, metrics, environment, and curves.

        Parameters
        ----------
        network
            The trained network.
        state
            Fitted state of preprocessor and decoder.
        """
        from zoo.runtime.network import values
        from zoo_weights import write_bundle

        headers = {
            "spec": json.dumps(spec_to(self.spec)),
            "state": json.dumps(state),
            "history": json.dumps(self.history),
            "metrics": json.dumps(self.metrics),
            "environment": json.dumps(self.environment),
        }
        write_bundle(self.path / "model.zoo", headers, values(network))
        _write(self.path / "spec.toml", write_spec(self.spec))
        _write(self.path / "history.csv", _history_csv(self.history))
        _write(self.path / "metrics.json", json.dumps(self.metrics, indent=2) + "\n")
        _write(self.path / "environment.json", json.dumps(self.environment, indent=2) + "\n")
        draw_later(self.path)


def environment(backend: str, device: list[str], seed: int) -> dict[str, Any]:
    """Return what a result may depend on: versions, backend, devices, machine, seed."""
    names = ("keras-zoo", "keras", "jax", "jaxlib", "tensorflow", "torch", "numpy", "h5py")
    return {
        "backend": backend,
        "devices": device,
        "seed": seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: found for name in names if (found := _version(name))},
        "arguments": sys.argv,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _history_csv(history: History) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for epoch, row in enumerate(zip(*history.values(), strict=True), 1):
        writer.writerow([epoch, *(repr(value) for value in row)])
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    from zoo_weights import atomic_write

    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
