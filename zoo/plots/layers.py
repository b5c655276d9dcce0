"""The layers of a network as boxes and arrows; in a long network, alike layers share a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

Edges = list[tuple[int, int]]
"""Pairs of box numbers, from and to; boxes are ordered so that arrows lead forwards."""


@dataclass(frozen=True)
class Box:
    """A layer, or several drawn as one.

    Attributes
    ----------
    name
        The layer's name, or the common start of the names.
    kind
        The layer's class.
    shape
        Shape of its output without the batch axis, for people.
    parameters
        Number of its weights.
    layers
        Number of layers it stands for.
    """

    name: str
    kind: str
    shape: str
    parameters: int = 0
    layers: int = 1


def read_network(network: Any) -> tuple[list[Box], Edges]:
    """Return a built Keras model's layers, one box per call, and the flow between them.

    A model that is not a graph of layers (a subclass) is read as a chain of them.
    """
    graph = getattr(network, "_functional", None) or network
    by_depth = getattr(graph, "_nodes_by_depth", None)
    if by_depth is None:
        boxes = [_box(layer, getattr(layer, "output_shape", None)) for layer in network.layers]
        return boxes, list(pairwise(range(len(boxes))))
    rank = {id(layer): number for number, layer in enumerate(graph.operations)}
    nodes = [
        node
        for depth in sorted(by_depth, reverse=True)
        for node in sorted(by_depth[depth], key=lambda node: rank[id(node.operation)])
    ]
    number = {id(node): i for i, node in enumerate(nodes)}
    boxes, seen = [], set()
    for node in nodes:
        shapes = [tuple(tensor.shape) for tensor in node.outputs]
        counted = id(node.operation) in seen  # a layer called again has its weights once
        seen.add(id(node.operation))
        boxes.append(_box(node.operation, *shapes, counted=counted))
    edges = {
        (number[id(parent)], number[id(node)])
        for node in nodes
        for parent in node.parent_nodes
        if id(parent) in number
    }
    return boxes, sorted(edges)


def _box(layer: Any, *shapes: Any, counted: bool = False) -> Box:
    parameters = 0 if counted or not hasattr(layer, "count_params") else layer.count_params()
    text = ", ".join(_shape(shape) for shape in shapes if isinstance(shape, tuple))
    # Keras numbers the inputs of some copies by all the tensors that it made before.
    name = "input" if layer.name.startswith("keras_tensor") else layer.name
    return Box(name, type(layer).__name__, text, parameters)


def _shape(shape: tuple[int | None, ...]) -> str:
    sides = ["any" if side is None else str(side) for side in shape[1:]]
    return " × ".join(sides) or "scalar"  # noqa: RUF001  # the multiplication sign


def group_layers(boxes: Sequence[Box], edges: Edges, limit: int) -> tuple[list[Box], Edges]:
    """Return a network of at most `limit` boxes, if its layers can be grouped.

    First those whose names start alike (``block2a_expand``, ``block2a_bn``), by the longest start
    that suffices; if none does, those between boxes that all data passes: one, or a few.
    """
    for parts in range(8, 0, -1):
        if len(boxes) <= limit:
            break
        names = ["_".join(box.name.split("_")[:parts]) for box in boxes]
        merged = _merge_boxes(boxes, edges, names, lambda group, name: name)
        if len(merged[0]) <= limit:
            boxes, edges = merged
    for passed in (1, 2, 3):
        if len(boxes) <= limit:
            break
        sections = _sections(len(boxes), edges, passed)
        merged = _merge_boxes(boxes, edges, sections, lambda group, _: group[-1].name)
        # If one section is half of the network, smaller ones or a large plot show more.
        if max(box.layers for box in merged[0]) < sum(box.layers for box in boxes) / 2:
            return merged
    return list(boxes), edges


def _sections(count: int, edges: Edges, passed: int) -> list[int]:
    """Return the section number of each box; one ends where so many boxes hold all data."""
    reach = [0] * count  # the farthest box that an arrow from each leads to
    for source, target in edges:
        reach[source] = max(reach[source], target)
    sections, section, holding = [], 0, set[int]()
    for box in range(count):
        sections.append(section)
        holding = {source for source in (*holding, box) if reach[source] > box}
        if len(holding) <= passed:
            section += 1
    return sections


def _merge_boxes(
    boxes: Sequence[Box],
    edges: Edges,
    keys: Sequence[Any],
    name: Callable[[list[Box], Any], str],
) -> tuple[list[Box], Edges]:
    """Merge neighbours with the same key into one box; arrows still lead forwards."""
    merged: list[Box] = []
    place: list[int] = []
    for key, pairs in groupby(zip(keys, boxes, strict=True), lambda pair: pair[0]):
        group = [box for _, box in pairs]
        place += [len(merged)] * len(group)
        parameters, layers = sum(box.parameters for box in group), sum(box.layers for box in group)
        joint = Box(name(group, key), "", group[-1].shape, parameters, layers)
        merged.append(joint if len(group) > 1 else group[0])
    arrows = {(place[a], place[b]) for a, b in edges if place[a] != place[b]}
    return merged, sorted(arrows)
