"""Training a spec: data, network, Keras's fit, and the run folder."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

import msgspec

from zoo.errors import TrainingError, UsageError
from zoo.registry.registry import registry
from zoo.runtime.backend import chosen_backend, devices, keras
from zoo.runtime.seeding import seeded
from zoo.spec.model import ModelSpec, Training
from zoo.spec.override import override
from zoo.training.callbacks import Interruption, Progress, events
from zoo.training.data import labelled, split, tensors
from zoo.training.recipe import compile_network, measure, options_at, targets_for
from zoo.training.run import Run, environment


def train_spec(
    spec: ModelSpec,
    data: Any = None,
    *,
    target: str | None = None,
    seed: int | None = None,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
    output: Path | None = None,
    base: Path | None = None,
) -> Run:
    """Train a spec and write its run folder; the arguments are those of `zoo.train`.

    An interruption (Ctrl-C) during training ends it early: what is trained so far is saved, and
    the run says so in its notes.

    Raises
    ------
    UsageError
        If the spec has no recipe, a setting is wrong, or the run folder is already one.
    TrainingError, InputError
        If the data cannot be used.
    """
    from zoo.model import Model

    for assignment in settings:  # one at a time: a new optimizer brings new options
        spec = override(spec, [assignment], options_at(spec))
    if spec.training is None:
        msg = f"{spec.name} has no training recipe"
        raise UsageError(msg)
    spec, start = _start(spec, weights)
    training = cast("Training", spec.training)
    path = _run_folder(spec.name, output)
    module = keras()
    backend = chosen_backend()
    if seed is None:
        seeds = training.seeds.get(backend)
        seed = seeds[0] if seeds else secrets.randbelow(2**31)

    model = Model(spec, weights=start, base=base)
    rows = labelled(model.preprocessor.kind, training, data, target)
    parts = {"train": rows}
    if training.validation is not None:
        kept, held = split(len(rows), training.validation, seed)
        parts = {"train": rows.take(kept), "validation": rows.take(held)}
    model.preprocessor.fit(parts["train"].inputs)
    model.decoder.fit(parts["train"].labels)
    arrays = {}
    for part, content in parts.items():
        inputs, targets = tensors(content, model.preprocessor, model.decoder)
        arrays[part] = (inputs, targets_for(training, targets, model.decoder.units))

    run = Run(path, spec, seed, environment=environment(backend, devices(), seed))
    with seeded(seed):
        network = model.keras
        _freeze(network, training)
        compile_network(network, training)
        registry().notify("training_started", run=run)
        progress = Progress(training.epochs)
        with progress, Interruption() as interruption:
            network.fit(
                *arrays["train"],
                epochs=training.epochs,
                batch_size=training.batch_size,
                shuffle=training.shuffle,
                validation_data=arrays.get("validation"),
                verbose=0,
                callbacks=[
                    progress.callback(module),
                    events(module, run),
                    interruption.callback(module),
                ],
            )
        if interruption.asked:
            done = len(run.history.get("loss", ()))
            run.environment["interrupted"] = True
            run.notes.append(
                f"interrupted in epoch {done} of {training.epochs}; "
                "what was trained so far is saved"
            )
        run.metrics = {part: measure(network, *pair) for part, pair in arrays.items()}
    if not all(map(_finite, run.metrics["train"].values())):
        run.notes.append("the loss is not finite; try a lower learning rate")
    run.notes += _worries(run, model, *arrays["train"])
    path.mkdir(parents=True, exist_ok=True)
    state = {"input": model.preprocessor.state(), "output": model.decoder.state()}
    run.save(network, state)
    registry().notify("training_finished", run=run)
    return run


def _start(
    spec: ModelSpec, weights: str | PathLike[str] | None
) -> tuple[ModelSpec, str | PathLike[str] | None]:
    """Return the spec with the start it will use written down, and the weights to start from."""
    training = cast("Training", spec.training)
    if weights == "default":
        weights = training.weights
    name = "none" if weights is None else str(weights)
    spec = msgspec.structs.replace(spec, training=msgspec.structs.replace(training, weights=name))
    return spec, None if name == "none" else weights


def _run_folder(name: str, output: Path | None) -> Path:
    if output is None:
        stamp = time.strftime("%Y-%m-%d-%H%M%S")
        folder = Path("runs") / name / stamp
        number = 1
        while folder.exists():
            number += 1
            folder = folder.with_name(f"{stamp}-{number}")
        return folder
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        msg = f"{output}: exists and is not an empty folder; a run needs a folder of its own"
        raise UsageError(msg)
    return output


def _freeze(network: Any, training: Training) -> None:
    from zoo.runtime.network import freeze

    freeze(network, training.freeze)
    if not network.trainable_weights:
        msg = f"training.freeze={training.freeze!r} leaves nothing to train"
        raise TrainingError(msg)


def _finite(value: float) -> bool:
    return value - value == 0.0


def _worries(run: Run, model: Any, inputs: Any, targets: Any) -> list[str]:
    """Return what looks wrong with a finished training, and what to try."""
    import numpy as np

    from zoo.components import Classifier

    advice = "; try another --seed, a lower learning rate, or scaled inputs"
    worries = []
    losses = run.history.get("loss", [])
    if len(losses) > 1 and not min(losses[1:]) < losses[0]:
        worries.append(f"the loss did not fall ({losses[0]:.4g} to {losses[-1]:.4g}){advice}")
    if isinstance(model.decoder, Classifier) and len(np.unique(targets, axis=0)) > 1:
        outputs = model.runner(inputs, batch_size=256)
        best = {predictions[0].label for predictions in model.decoder.decode(outputs, 1)}
        if len(best) == 1:
            worries.append(f"the model predicts {best.pop()!r} for every row{advice}")
    return worries
