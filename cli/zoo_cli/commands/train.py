"""``zoo train``: a model trained by its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo_cli.help import Command
from zoo_cli.options import (
    common_options,
    complete_data,
    complete_model,
    json_option,
    note,
    set_option,
    target_option,
)
from zoo_cli.output import ROWS, print_json
from zoo_cli.terminal import echo

if TYPE_CHECKING:
    from zoo.runs.run import Run
    from zoo.spec.model import ModelSpec


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|SPEC.toml|DATA", shell_complete=complete_model)
@click.option("--data", metavar="DATASET|FILE|FOLDER", shell_complete=complete_data,
              help="Dataset, CSV, parquet or npz file, folder with class subfolders.")  # fmt: skip
@target_option("Column to learn")
@set_option
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Makes the run repeatable.")
@click.option("--weights", metavar="TAG|FILE|none", help="Weights to start from.")
@click.option("--folds", type=click.IntRange(2), help="Number of cross-validation folds.")
@click.option("--resume", is_flag=True, help="Continue a training that was stopped.")
@click.option("--exact", is_flag=True, help="Refuse to continue with other versions.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first damaged photo.")
@click.option("-o", "--output", metavar="DIR", help="The run folder.")
@json_option
@common_options
def command(
    model: str,
    data: str | None,
    target: str | tuple[str, ...] | None,
    settings: tuple[str, ...],
    epochs: int | None,
    seed: int | None,
    weights: str | None,
    folds: int | None,
    resume: bool,
    exact: bool,
    fail_fast: bool,
    output: str | None,
    as_json: bool,
) -> int:
    """Train MODEL, or the model that SPEC.toml declares, and write a run folder.

    DATA alone, a CSV, parquet or npz file or a folder of images, is trained by the spec that
    `zoo init` writes for it.
    """
    from zoo.training.train import train

    spec: str | ModelSpec = model
    if data is None and _is_data(model):
        from zoo.proposals.propose import propose

        data, proposal = model, propose(model, target)
        spec = proposal.spec
        for text in proposal.notes:
            note(text)
    run = train(
        spec,
        data,
        target=target,
        epochs=epochs,
        seed=seed,
        weights=weights or "default",
        settings=settings,
        folds=folds,
        resume=resume,
        exact=exact,
        fail_fast=fail_fast,
        output=output,
    )
    for text in run.notes:
        note(text)
    if as_json:
        print_json({"path": str(run.path), "metrics": run.metrics})
    else:
        _print_figures(run)
    return 130 if run.environment.get("interrupted") else 0


def _print_figures(run: Run) -> None:
    for part, values in run.metrics.items():
        if part in ROWS:
            numbers = {name: value for name, value in values.items() if isinstance(value, float)}
            figures = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
            echo(f"{part}: {figures} ({ROWS[part]})")
    rule = run.spec.training.early_stopping if run.spec.training else None
    best = run.metrics.get("best_epoch")
    if rule and best and rule.monitor in best:
        rows = ROWS["validation" if rule.monitor.startswith("val_") else "train"]
        figure = f"{rule.monitor} {best[rule.monitor]:.4f} ({rows})"
        echo(f"best epoch: {best['epoch']} of {len(run.history['loss'])}, {figure}")
    echo(f"run: {run.path}")


def _is_data(name: str) -> bool:
    """Whether an argument is data, not a model, a spec or what a training wrote."""
    from zoo.data.arrays import SUFFIXES
    from zoo.data.table import TABLE_SUFFIXES
    from zoo.inference.base import BUNDLE
    from zoo.registry.registry import registry

    path = Path(name)
    if path.is_dir():
        spec = path.suffix == ".toml" or registry().match_models(name)
        return not spec and not (path / BUNDLE).exists()
    return path.suffix.lower() in (*TABLE_SUFFIXES, *SUFFIXES) and path.is_file()
