"""`zoo list`: finding a model, and knowing whether it can be used offline."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from registered import change
from terminals import listed_names, run_in_terminal

import zoo
from zoo.config import store
from zoo.registry.registry import registry

if TYPE_CHECKING:
    from conftest import Cli


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["wine"], ["mlp-wine-two-outputs", "mlp-wine", "mlp-wine-dropout"]),  # names, by task
        (["REVIEWS"], ["lstm-imdb", "mlp-imdb"]),  # summaries
        (["text-to"], ["lstm-addition"]),  # tasks
        (["embedd"], ["lstm-imdb"]),  # tags
        (["vgg1?"], ["vgg16", "vgg19"]),  # a glob is one of names
        (["vgg16"], ["vgg16", "vgg16-features"]),
        (["tabular/mlp-p*", "xception"], ["xception", "mlp-pima"]),
        (["*pima", "--plugin", "tabular"], ["mlp-pima"]),
    ],
)
def test_words_are_looked_for_and_globs_matched(cli: Cli, monkeypatch, words, expected) -> None:
    change(monkeypatch, registry().models, "lstm-imdb", tags=("embeddings",))
    assert listed_names(cli("list", *words).out) == expected
    as_json = json.loads(cli("list", *words, "--json").out)
    assert sorted(record["name"] for record in as_json) == sorted(expected)


def test_python_searches_if_asked() -> None:
    """A script that lists `vgg16` has meant this model since the first version."""
    assert zoo.list_models("vgg16") == ["vgg16"]
    assert zoo.list_models("wine", search=True) == zoo.list_models("*wine*")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["vgg61"], ". Did you mean 'vgg16' or 'vgg19'?"),
        (["nosuch*"], ""),
        (["--task", "image-clasification"], ". Did you mean 'image-classification'?"),
        (["--tag", "lstmm"], ". Did you mean 'lstm'?"),
        (["--plugin", "vison"], ". Did you mean 'vision'?"),
        (["--licence", "CC-BY-4"], ". Did you mean 'CC-BY-4.0'?"),
    ],
)
def test_nothing_matches(cli: Cli, arguments, hint) -> None:
    done = cli("list", *arguments)
    assert (done.status, done.out) == (0, "")
    assert done.err == f"zoo: no model matches{hint}\n"


def test_the_table_says_what_is_here(cli: Cli, monkeypatch, tmp_path) -> None:
    """On a train, one wants to know what works without the network."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    lines = cli("list").out.splitlines()
    assert lines[0].split() == ["model", "here", "parameters", "summary"]
    tasks = [line for line in lines[1:] if not line.startswith(" ")]
    assert tasks == sorted({zoo.get_spec(name).task for name in zoo.list_models()})
    here = {line.split()[0]: line.split()[1] for line in lines if line.startswith("  ")}
    assert here["efficientnet-lite0"] == "weights"
    assert here["mlp-pima"] == "data"
    assert here["vgg16"] == here["mlp-mnist"] == "-"
    (record,) = zoo.get_spec("vgg16").weights
    path = store().path(record)
    path.parent.mkdir(parents=True)
    path.touch()
    assert "  vgg16           weights  138,357,544  VGG16" in cli("list", "vgg16").out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_terminals_cut_what_pipes_have_in_full(cli: Cli, tmp_path) -> None:
    status, text = run_in_terminal(80, "list", cwd=tmp_path)
    assert status == 0
    cut, full = text.splitlines(), cli("list").out.splitlines()
    assert len(cut) == len(full)
    assert max(map(len, cut)) == 80
    assert max(map(len, full)) > 120
    for short, line in zip(cut, full, strict=True):
        assert line == short or line.startswith(short.removesuffix("…"))
