"""``zoo summary``: a model's layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo_cli.help import Command
from zoo_cli.options import common_options, complete_model, json_option, model_or_bundle, note
from zoo_cli.output import line_width, print_json
from zoo_cli.terminal import echo


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path),
              help="Draw the layers to a .png or .svg file.")  # fmt: skip
@json_option
@common_options
def command(model: str, plot: Path | None, as_json: bool) -> None:
    """Print the layers of MODEL with their shapes and parameters; no weights are needed.

    Shapes are without the batch axis. A layer takes the output of the one above, or of those that
    the line below it names.
    """
    if plot is not None:
        from zoo.plots.style import check_path

        check_path(plot)
    from zoo.backend.network import build

    subject = model_or_bundle(model)
    network = build(subject.architecture(), initialise=False)
    if plot is not None:
        from zoo.plots.diagram import draw_diagram

        note(f"plot: {draw_diagram(network, subject.spec.name, plot)}")
    record = _record(network, subject.spec.name)
    if as_json:
        print_json(record)
        return
    for line in _lines(record["layers"]):
        echo(line)
    count, trainable = record["parameters"], record["trainable"]
    rest = "" if trainable == count else f", {trainable:,} of them trainable"
    echo(f"{len(record['layers'])} layers, {count:,} parameters{rest}")


def _record(network: Any, name: str) -> dict[str, Any]:
    from math import prod

    from zoo.plots.layers import read_network

    boxes, edges = read_network(network)
    layers: list[dict[str, Any]] = [
        {"name": box.name, "kind": box.kind, "shape": box.shape,
         "parameters": box.parameters, "from": []}
        for box in boxes
    ]  # fmt: skip
    for source, target in edges:
        layers[target]["from"].append(boxes[source].name)
    trainable = sum(prod(weight.shape) for weight in network.trainable_weights)
    return {
        "name": name, "layers": layers, "parameters": network.count_params(),
        "trainable": trainable,
    }  # fmt: skip


def _lines(layers: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the table; names that a terminal has no room for go on below."""
    from textwrap import wrap

    kinds, shapes = (max(len(layer[key]) for layer in layers) for key in ("kind", "shape"))
    rest = f"{{:{kinds}}}  {{:{max(shapes, len('output'))}}}  {{:>10}}"
    head = rest.format("kind", "output", "parameters")
    width = line_width()
    longest = max(len("layer"), *(len(layer["name"]) for layer in layers))
    room = max(8, min(longest, width - len(head) - 2))
    yield f"{'layer':{room}}  {head}"
    above: list[str] = []
    for layer in layers:
        name, *more = wrap(layer["name"], room) or [""]
        cells = rest.format(layer["kind"], layer["shape"], f"{layer['parameters']:,}")
        yield f"{name:{room}}  {cells}"
        yield from more
        if layer["from"] != above:
            yield from wrap(f"from {', '.join(layer['from'])}", width, initial_indent="  ",
                            subsequent_indent="    ")  # fmt: skip
        above = [layer["name"]]
