"""Trainings that a fast path may get wrong, and their outcomes.

Run as a program, it writes their outcomes in plain Keras, one file each:
``ZOO_PLAIN=1 python training.py FOLDER CASE.PATH...``.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

PLUGIN = Path(__file__).parent / "plugin"

ROWS, SIZE, EPOCHS = 44, 8, 3
"""Five batches and a half."""

if __name__ == "__main__":
    sys.path.insert(0, str(PLUGIN))

import zoo  # noqa: E402  # the plugin has to be found

Outcome = dict[str, Any]
"""History, figures and weights of a training; of a tuning its figures."""


@dataclass(frozen=True)
class Case:
    """A network and a recipe.

    Attributes
    ----------
    kind
        Of the network, see ``zoo_awkward_networks``.
    recipe
        Fields of the recipe that are not the usual ones.
    declined
        Backends on which its steps are taken by Keras one by one.
    traced
        Whether torch replays a trace of its step.
    apart
        Whether a tuning trains each configuration by itself.
    cut
        Of networks for photos, the last layer whose output is computed once.
    """

    kind: str = "plain"
    recipe: dict[str, Any] = field(default_factory=dict)
    declined: tuple[str, ...] = ()
    traced: bool = False
    apart: bool = False
    cut: str | None = None

    @property
    def photos(self) -> bool:
        return self.kind.startswith("photo")

    def spec(self, strength: float = 1.0) -> zoo.ModelSpec:
        recipe = {
            "loss": "binary_crossentropy", "target": "y", "metrics": ("accuracy",),
            "optimizer": zoo.Component("adam", learning_rate=0.02),
            "epochs": EPOCHS, "batch_size": SIZE, **self.recipe,
        }  # fmt: skip
        output = zoo.Component("tabular/binary", labels=["no", "yes"], values=[0, 1])
        if "outputs" in recipe:
            del recipe["loss"], recipe["target"], recipe["metrics"]
            parts = {"y": {"uses": output.uses, **output.config}, "x5": "tabular/value"}
            output = zoo.Component("tabular/outputs", parts=parts)
        source = zoo.Component("tabular/columns")
        if self.photos:
            source = zoo.Component("vision/image", size=8, mode="unit", crop=1.0)
        return zoo.ModelSpec(
            name="awkward",
            task="tabular-classification",
            architecture=zoo.Component("awkward/network", kind=self.kind, strength=strength),
            input=source,
            output=output,
            training=zoo.Training(**recipe),
        )


def of(optimizer: str, **options: Any) -> dict[str, Any]:
    return {"optimizer": zoo.Component(optimizer, **{"learning_rate": 0.02, **options})}


TWO_OUTPUTS = {
    "y": zoo.Objective(loss="binary_crossentropy", metrics=("accuracy",)),
    "x5": zoo.Objective(loss="mse", metrics=("mae",), weight=0.3),
}

EVERYWHERE = ("jax", "tensorflow", "torch")

CASES = {
    "plain": Case(traced=True),
    **{
        kind: Case(kind, traced=True)
        for kind in (
            "max-norm", "regularized", "dropout", "batch-normalised",
            "frozen", "stacked", "twice",
        )
    },
    **{
        kind: Case(kind)
        for kind in (
            "own-constraint", "penalty", "masking", "reversal", "at-inference",
            "counter", "of-the-batch", "normalization",
            "seeded-dropout", "noise", "spectral",
            "residual", "lambda", "mask", "bidirectional",
            "attention", "bfloat16", "float16", "own-loss", "own-step",
            "own-log", "scheduled", "derived",
        )
    },
    "lstm-dropout": Case("lstm-dropout", traced=True, apart=True),
    "drawn": Case("drawn", apart=True),
    "python-counter": Case("python-counter", declined=("jax",), apart=True),
    "convolution": Case("convolution", declined=EVERYWHERE, apart=True),
    "loss-alone": Case("loss-alone", declined=EVERYWHERE),
    "own-fit": Case("own-fit", declined=EVERYWHERE, apart=True),
    "eager": Case("eager", declined=EVERYWHERE, apart=True),
    "accumulation": Case(recipe=of("adam", gradient_accumulation_steps=4)),
    "ema": Case(recipe=of("adam", use_ema=True, ema_momentum=0.8), apart=True),
    "ema-overwrites": Case(
        recipe=of("sgd", use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4), apart=True
    ),
    "loss-scale": Case(recipe=of("adam", loss_scale_factor=128.0)),
    "clipnorm": Case(recipe=of("adam", clipnorm=0.01), traced=True),
    "clipvalue": Case(recipe=of("rmsprop", clipvalue=0.01), traced=True),
    "global-clipnorm": Case(recipe=of("adam", global_clipnorm=0.01), traced=True),
    "decay": Case(recipe=of("adamw", weight_decay=0.1), traced=True),
    "momentum": Case(recipe=of("sgd", momentum=0.9, nesterov=True)),
    "adagrad": Case(recipe=of("adagrad")),
    "nadam": Case(recipe=of("nadam")),
    "schedule": Case(
        recipe=of(
            "adam",
            learning_rate={
                "uses": "cosine_decay", "initial_learning_rate": 0.0, "warmup_target": 0.05,
                "warmup_epochs": 0.5,
            },
        )
    ),
    "plateau": Case(
        recipe={"reduce_lr_on_plateau": zoo.ReduceLROnPlateau(
            patience=1, min_delta=1.0, factor=0.3, monitor="loss",
        )},
        traced=True, apart=True,
    ),
    "each-step": Case(
        "dropout", recipe={"callbacks": ("terminate_on_nan",)}, declined=EVERYWHERE, apart=True
    ),
    "active": Case("active", traced=True),
    "weights": Case(recipe={"class_weights": {"yes": 3.0}}, traced=True),
    "freeze": Case("residual", recipe={"freeze": 2}),
    "whole": Case(recipe={"batch_size": 11}, traced=True),
    "one": Case(recipe={"batch_size": 100}, traced=True),
    "in-order": Case("dropout", recipe={"shuffle": False}, traced=True),
    "two-outputs": Case(
        "two-outputs", recipe={"outputs": TWO_OUTPUTS, "validation": 0.3}, traced=True,
        declined=("tensorflow",),
    ),
    "validated": Case("batch-normalised", recipe={"validation": 0.3}, traced=True),
    "early": Case(
        recipe={
            "validation": 0.3, "metrics": (zoo.Component("Recall"), zoo.Component("AUC")),
            "early_stopping": zoo.EarlyStopping(patience=1, monitor="val_recall"),
        },
        traced=True, apart=True,
    ),
}  # fmt: skip


def photo(cut: str | None, kind: str = "photo", *freeze: str, **recipe: Any) -> Case:
    """Return a case whose differences stay as small as they are; Adam enlarges them."""
    common = {"target": None, "freeze": freeze or ("base*",), **of("sgd", learning_rate=0.05)}
    return Case(kind, recipe={**common, **recipe}, cut=cut)


PHOTOS = {
    "photo": photo("pool"),
    "photo-validated": photo("pool", validation=0.3),
    "photo-weights": photo("pool", class_weights={"yes": 3.0}, shuffle=False),
    "photo-early": photo(
        "pool", validation=0.3, epochs=6, metrics=(zoo.Component("AUC"),),
        early_stopping=zoo.EarlyStopping(patience=1, monitor="val_loss", restore_best=True),
    ),
    "photo-one": photo("pool", batch_size=100),
    "photo-adam": photo("pool", **of("adam")),
    "photo-adam-sequence": photo("pool", "photo-sequence", **of("adam")),
    "photo-ema": photo("pool", **of("sgd", use_ema=True, ema_momentum=0.8)),
    "photo-first": photo("base_conv", "photo", "base_conv"),
    **{
        kind: photo(cut, kind)
        for kind, cut in (
            ("photo-drop-first", None), ("photo-drop-later", "base_norm"), ("photo-noise", None),
            ("photo-penalized", "pool"), ("photo-active", None), ("photo-thawed", "base_conv"),
            ("photo-residual", "pool"), ("photo-nested", "pool"), ("photo-forked", "base_norm"),
            ("photo-bypassed", None), ("photo-shared", "pool"),
            ("photo-convolved", "base_norm"), ("photo-custom", "base_conv"),
            ("photo-scaled", "base_conv"), ("photo-bfloat16", None),
            ("photo-sequence", "pool"), ("photo-own-loss", None),
        )
    },
    # Keras on TensorFlow counts batches in the loss of each output, not rows: batches are alike.
    "photo-outputs": photo(
        "pool", "photo-outputs", outputs=TWO_OUTPUTS, validation=0.25, batch_size=11
    ),
}  # fmt: skip


def photos() -> tuple[Any, Any]:
    """Return photos whose class is in how bright they are, and the labels of both outputs."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, ROWS)
    pixels = draw.integers(0, 200, (ROWS, 8, 8, 3)) + 40 * labels[:, None, None, None]
    return pixels.astype("uint8"), labels


def table(rows: int = ROWS) -> zoo.Table:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(rows, 6))
    columns = {f"x{place}": column.tolist() for place, column in enumerate(values.T)}
    noise = draw.normal(size=rows)
    return zoo.Table({**columns, "y": (values[:, 0] + noise > 0).astype(int).tolist()})


def pieces() -> Iterator[zoo.Table]:
    """Yield the rows as a stream whose pieces are no whole batches."""
    rows = table()
    for start in range(0, ROWS, 15):
        yield rows[start : start + 15]


def ended(run: zoo.Run) -> Outcome:
    return {
        "history": run.history,
        "metrics": run.metrics,
        "weights": [np.asarray(value) for value in run.model.keras.get_weights()],
    }


def rows_of(case: Case) -> Any:
    """Return the rows that a case is trained on."""
    if not case.photos:
        return table()
    pixels, labels = photos()
    if "outputs" in case.recipe:
        return pixels, {"y": labels, "x5": pixels.mean(axis=(1, 2, 3)) / 255}
    return pixels, labels


def whole(case: Case, folder: Path, seed: int = 1, **options: Any) -> Outcome:
    data = rows_of(case)
    return ended(zoo.train(case.spec(), data, seed=seed, output=folder / "run", **options))


def streamed(case: Case, folder: Path) -> Outcome:
    return ended(zoo.train(case.spec(), pieces, seed=1, output=folder / "run"))


def tuned(case: Case, folder: Path) -> Outcome:
    """Tune over what no name, shape or forward graph tells apart."""
    grid = {"strength": [1.0, 1.5], "epochs": [1, 2] if case.kind == "dropout" else [2]}
    seeds = 2 if case.kind == "drawn" else 1
    options = {"folds": 2, "seed": 1, "seeds": seeds, "output": folder / "t"}
    with mock.patch("zoo.tuning.tune.train"):  # what the best ends with, once more
        tuning = zoo.tune(case.spec(), grid, table(), **options)
    return {
        "metrics": {
            result.text(): result.figures if result.problem is None else result.problem
            for result in tuning.results
        }
    }


def nudged(case: Case, folder: Path) -> Outcome:
    """Return what a training ends with whose start is one unit in the last place beside it."""
    from zoo.training import fit

    before = fit.training_network

    def beside(*arguments: Any) -> Any:
        network = before(*arguments)
        for variable in network.trainable_variables:
            value = np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable)
            variable.assign(np.nextafter(value, np.float32(np.inf), dtype=value.dtype))
        return network

    fit.training_network = beside
    try:
        return whole(case, folder)
    finally:
        fit.training_network = before


PATHS: dict[str, Callable[[Case, Path], Outcome]] = {
    "whole": whole, "streamed": streamed, "tuned": tuned, "nudged": nudged,
}  # fmt: skip


def main(folder: Path, wanted: list[str]) -> None:
    from zoo.runs import run
    from zoo.tuning import tune

    run.draw_later = tune.draw_later = lambda *arguments: None
    for want in wanted:
        name, path = want.split(".")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
            found = PATHS[path]({**CASES, **PHOTOS}[name], Path(own))
        (folder / "part").write_bytes(pickle.dumps(found))
        (folder / "part").rename(folder / want)  # whole, or not there


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
