"""The diagram of a network: its boxes, its arrows, and their positions."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from tiers import slow

import zoo
from zoo.backend.network import build
from zoo.plots.diagram import draw_diagram
from zoo.plots.grid import column_breaks, lay_out
from zoo.plots.layers import Box, group_layers, read_network

pytest.importorskip("matplotlib")


def network(name: str) -> Any:
    return build(zoo.get_model(name, weights=None).architecture(), initialise=False)


def branched() -> Any:
    import keras
    from keras import layers

    photo = keras.Input((8, 8, 3), name="photo")
    facts = keras.Input((5,), name="facts")
    stem = layers.Conv2D(4, 3, padding="same", name="stem")(photo)
    x = layers.Conv2D(4, 3, padding="same", name="body")(stem)
    x = layers.ReLU(name="relu")(x)
    x = layers.Add(name="add")([stem, x])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    shared = layers.Dense(4, name="shared")
    x = layers.Concatenate(name="both")([shared(x), shared(layers.Dense(4, name="small")(facts))])
    return keras.Model([photo, facts], [layers.Dense(2, name="kind")(x)])


def test_boxes_and_arrows_are_the_networks() -> None:
    boxes, edges = read_network(branched())
    names = [box.name for box in boxes]
    arrows = {(names[a], names[b]) for a, b in edges}
    assert {("stem", "body"), ("stem", "add"), ("relu", "add"), ("facts", "small")} <= arrows
    assert all(a < b for a, b in edges)
    by_name = {box.name: box for box in boxes}
    assert by_name["stem"] == Box("stem", "Conv2D", "8 × 8 × 4", 112)  # noqa: RUF001
    assert by_name["kind"].shape == "2"
    # Called twice, drawn twice, and its weights are counted once.
    assert names.count("shared") == 2
    assert sum(box.parameters for box in boxes) == branched().count_params()


def test_a_model_without_a_graph_is_a_chain() -> None:
    import keras

    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = keras.layers.Dense(3), keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    own = Own()
    own(keras.ops.zeros((1, 4)))
    boxes, edges = read_network(own)
    assert [box.parameters for box in boxes] == [15, 8]
    assert edges == [(0, 1)]
    boxes, edges = read_network(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))
    assert [box.kind for box in boxes] == ["InputLayer", "Dense"]


@pytest.mark.parametrize(
    "name", ["efficientnet-b0", "resnet50", "inception-v3", "convnext-tiny", slow("nasnet-mobile")]
)
def test_a_large_network_becomes_few_boxes_that_leave_nothing_out(name: str) -> None:
    layers, flow = read_network(network(name))
    boxes, edges = group_layers(layers, flow, 72)
    assert 8 < len(boxes) <= 72 < len(layers)
    assert sum(box.layers for box in boxes) == len(layers)
    assert sum(box.parameters for box in boxes) == sum(box.parameters for box in layers)
    assert all(a < b for a, b in edges)
    assert {b for _, b in edges} == set(range(1, len(boxes)))  # everything is led to
    known = {box.name for box in boxes}
    assert known & {
        "block2a",
        "conv2_block1",
        "mixed3",
        "convnext_tiny_stage_0_block_0",
        "normal_concat_1",
    }
    assert not any("keras_tensor" in name for name in known)  # it would differ in each process


def test_a_network_of_few_layers_is_left_alone() -> None:
    layers, flow = read_network(network("vgg19"))
    assert group_layers(layers, flow, 72) == (layers, flow)


def test_where_few_boxes_hold_all_data_a_section_ends() -> None:
    """Cells that read the last two cells have no box that all data passes."""
    cells, edges = 6, []
    for cell in range(2, cells):
        start = 10 * cell
        for before in (start - 1, start - 11):
            edges += [(before, start + branch) for branch in range(8)]
        edges += [(start + branch, start + 9) for branch in range(9)]
    edges += [(i, i + 1) for i in range(19)]
    boxes = [Box(f"layer{i}", "Add", "8") for i in range(10 * cells)]
    merged, arrows = group_layers(boxes, sorted(set(edges)), 30)
    assert len(merged) <= 30
    assert sum(box.layers for box in merged) == len(boxes)
    assert {f"layer{10 * cell + 9}" for cell in range(2, cells)} <= {box.name for box in merged}
    assert all(a < b for a, b in arrows)


def test_nothing_overlaps_and_arrows_lead_down() -> None:
    boxes, edges = read_network(branched())
    grid = lay_out(len(boxes), edges)
    for begin, end in edges:
        assert grid.row[begin] < grid.row[end]
    for places in grid.rows:
        for a, b in combinations(places, 2):
            room = (grid.width(a) + grid.width(b)) / 2
            assert abs(grid.x[a] - grid.x[b]) >= room - 1e-9
    # An arrow that passes rows has a lane in each of them.
    assert all(len(path) == grid.row[path[-1]] - grid.row[path[0]] + 1 for path in grid.paths)
    names = [box.name for box in boxes]
    assert grid.row[names.index("facts")] > 0  # near what takes it


def test_a_chain_is_straight_and_cut_into_even_columns() -> None:
    grid = lay_out(26, [(i, i + 1) for i in range(25)])
    assert grid.x == [0.0] * 26
    breaks = column_breaks(grid, 3)
    assert len(breaks) == 3
    assert max(b - a for a, b in zip(breaks, [*breaks[1:], 26], strict=True)) <= 10
    assert column_breaks(lay_out(1, []), 1) == [0]


def test_the_pictures_tell_name_class_shape_and_parameters(tmp_path: Path, texts, size) -> None:
    found = texts(draw_diagram(network("vgg19"), "vgg19", tmp_path / "x.svg"))
    assert {"vgg19", "26 layers, 143,667,240 parameters"} <= set(found)
    place = found.index("block1_conv1")
    assert found[place + 1 : place + 3] == ["Conv2D · 224 × 224 × 64", "1,792 parameters"]  # noqa: RUF001
    width, height = size(draw_diagram(network("vgg19"), "vgg19", tmp_path / "x.png"))
    assert 0.5 < width / height < 2  # the chain is wrapped
    found = texts(draw_diagram(network("efficientnet-lite0"), "lite", tmp_path / "y.svg"))
    assert any("orange: layers drawn as one" in text for text in found)
    found = texts(draw_diagram(branched(), "costs $x$", tmp_path / "z.svg"))
    assert found.count("shared") == 2
    assert "costs $x$" in found
