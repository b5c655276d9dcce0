"""Names of models: how they are looked up, filtered and listed."""

from __future__ import annotations

import json

import pytest

import zoo
from zoo.errors import UnknownName, UsageError


def test_a_name_with_a_plugin_and_a_tag():
    """`plugin/name` and `.tag` say exactly which model and weights a script means."""
    assert zoo.get_spec("vgg16") == zoo.get_spec("vision/vgg16") == zoo.get_spec("vgg16.imagenet")
    assert zoo.get_model("vision/vgg16.imagenet").weights_name == "imagenet"
    assert zoo.get_model("vgg16", weights=None).weights_name is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vgg-16", r"no model is called 'vgg-16'. Did you mean 'vgg16'\?"),
        ("vison/vgg16", r"no model is called 'vison/vgg16'. Did you mean 'vision/vgg16'\?"),
        ("mnist", r"Did you mean 'cnn-mnist', 'mlp-mnist' or 'rnn-mnist'\?"),
        ("tabular/vgg16", "no model is called 'tabular/vgg16'"),
        (
            "vgg16.imagnet",
            r"model 'vgg16' has no weights 'imagnet'; it has imagenet. Did you mean 'imagenet'\?",
        ),
        ("mlp-pima.best", "model 'mlp-pima' has no weights 'best'; it has none."),
        ("", "no model is called ''"),
        ("vgg16\x1b[2J", r"no model is called 'vgg16\\x1b\[2J'"),
    ],
)
def test_a_wrong_name_gets_the_right_one(name, text):
    """Whoever mistypes is told the nearest name, not a list of fifty."""
    with pytest.raises(UnknownName, match=text):
        zoo.get_spec(name)


def test_no_name_is_compared_until_the_message_is_read(monkeypatch):
    """`zoo predict RUN` asks for a model of that name first, and would wait for a suggestion."""
    monkeypatch.setattr("zoo.errors.did_you_mean", None)
    with pytest.raises(UnknownName) as caught:
        zoo.get_spec("vgg-16")
    monkeypatch.undo()
    assert "Did you mean 'vgg16'?" in str(caught.value)


def test_two_different_tags_at_once():
    """`vgg16.imagenet` with other weights is a slip of the caller, not a choice of ours."""
    with pytest.raises(UsageError, match="'imagenet', but received weights='other'"):
        zoo.get_model("vgg16.imagenet", weights="other")


def test_globs_and_filters():
    """What `zoo list` and `zoo.list_models` keep."""
    assert zoo.list_models("vgg16") == ["vgg16"]
    assert zoo.list_models("vgg1?", "xcep*") == ["vgg16", "vgg19", "xception"]
    assert zoo.list_models("tabular/*") == zoo.list_models(plugin="tabular")
    assert zoo.list_models("VGG*") == zoo.list_models("nosuch*") == []
    everything = zoo.list_models()
    assert everything == sorted(set(everything))
    for filters in ({"task": "tabular-classification"}, {"tag": "tutorial"}):
        kept = zoo.list_models(**filters)
        assert "mlp-pima" in kept
        assert "vgg16" not in kept
    licences = {zoo.get_spec(name).licence for name in everything} - {""}
    for licence in licences:
        kept = zoo.list_models(licence=licence.upper())
        assert kept == [n for n in everything if zoo.get_spec(n).licence == licence]
    assert zoo.list_models("vgg*", plugin="tabular") == []


def test_the_records_of_the_list(zoo_command):
    """Scripts read these keys; one more or less breaks them."""
    done = zoo_command("list", "vgg1[6]", "mlp-pima", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    pima, vgg16 = json.loads(done.stdout)
    assert list(pima) == list(vgg16) == [
        "name", "task", "plugin", "summary", "parameters", "weights", "licence",
    ]  # fmt: skip
    assert (vgg16["name"], vgg16["plugin"], vgg16["weights"]) == ("vgg16", "vision", ["imagenet"])
    assert (pima["parameters"], pima["weights"]) == (221, [])
    everything = json.loads(zoo_command("list", "--json").stdout)
    assert [record["name"] for record in everything] == zoo.list_models()


@pytest.mark.parametrize("arguments", [["nosuch*"], ["--task", "nosuch"], ["--licence", "nosuch"]])
def test_a_list_of_nothing_is_no_error(arguments, zoo_command):
    """A script that filters gets an empty list, a person a word on stderr."""
    done = zoo_command("list", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "zoo: no model matches\n")
    assert json.loads(zoo_command("list", *arguments, "--json").stdout) == []
