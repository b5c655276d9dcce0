"""`zoo summary`: layers as text and as a diagram, for everything that declares a network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import zoo


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("summary") / "run"
    return zoo.train("mlp-pima", epochs=1, settings=["hidden=5,4,3"], output=path).path


def test_models_bundles_and_specs_have_layers(cli, run, tmp_path):
    assert "hidden_2" in cli("summary", "mlp-pima").out
    for name in (run, run / "model.zoo", run / "spec.toml"):
        done = cli("summary", name)
        assert done.status == 0, done.err
        assert "hidden_3" in done.out
    (tmp_path / "broken.toml").write_text("name = 3")
    done = cli("summary", "broken.toml")
    assert done.status == 2
    assert "broken.toml" in done.err


def test_layers_are_drawn(cli, run, tmp_path):
    pytest.importorskip("matplotlib")
    done = cli("summary", run, "--plot", "x.svg")
    assert done.status == 0
    assert "plot: x.svg" in done.err
    assert "hidden_3" in done.out
    text = (tmp_path / "x.svg").read_text()
    for part in ("mlp-pima", "hidden_1", "Dense · 5", "45 parameters", "5 layers"):
        assert part in text
    assert cli("summary", "vgg19", "--plot", "x.png").status == 0
    from PIL import Image

    with Image.open(tmp_path / "x.png") as picture:
        assert min(picture.size) > 500


def test_pictures_that_cannot_be_drawn_cost_no_network(cli, tmp_path, monkeypatch):
    done = cli("summary", "nasnet-large", "--plot", "x.pdf")
    assert (done.status, done.out) == (2, "")
    assert "received '.pdf'" in done.err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = cli("summary", "nasnet-large", "--plot", "x.png")
    assert (done.status, done.out) == (2, "")
    assert "pip install 'keras-zoo[plot]'" in done.err


@pytest.mark.parametrize("columns", [70, 80, 120])
def test_no_terminal_is_too_narrow_for_a_name(cli, monkeypatch, columns):
    """Cut-off names were of no use to ``freeze``; those of networks are long."""
    monkeypatch.setattr("zoo_cli.commands.summary.line_width", lambda: columns)
    lines = cli("summary", "mobilenet-v3-small").out.splitlines()
    assert max(map(len, lines)) <= columns
    assert all("…" not in line for line in lines)
    name = "expanded_conv_squeeze_excite_avg_pool"
    if columns == 120:
        assert any(line.split()[:2] == [name, "GlobalAveragePooling2D"] for line in lines)
    else:
        start = next(i for i, line in enumerate(lines) if "GlobalAveragePooling2D" in line)
        cells = [line.split() for line in lines[start:]]
        assert "".join(row[0] for row in cells).startswith(name)


def test_pipes_get_each_layer_on_a_line_and_branches_by_name(cli):
    out = cli("summary", "mlp-wine-two-outputs").out.splitlines()
    assert out[0].split() == ["layer", "kind", "output", "parameters"]
    assert out[-3].split() == ["quality", "Dense", "6", "390"]
    assert out[-2:] == ["  from dropout_1", "5 layers, 1,159 parameters"]
    done = json.loads(cli("summary", "mobilenet-v2", "--json").out)
    assert (done["name"], done["parameters"], done["trainable"]) == (
        "mobilenet-v2", 3_538_984, 3_504_872,
    )  # fmt: skip
    layers = {layer["name"]: layer for layer in done["layers"]}
    assert layers["block_2_add"] == {
        "name": "block_2_add", "kind": "Add", "shape": "56 × 56 × 24", "parameters": 0,  # noqa: RUF001
        "from": ["block_1_project_BN", "block_2_project_BN"],
    }  # fmt: skip
