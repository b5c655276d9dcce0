"""`zoo summary`: layers as text and as a diagram, for everything that declares a network."""

from __future__ import annotations

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
