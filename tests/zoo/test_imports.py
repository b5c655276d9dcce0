"""The import budget: describing models, completing names and refusing bad input import no Keras."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ALLOWED = {
    "click", "msgspec", "platformdirs", "pluggy", "typing_extensions", "zoo", "zoo_cli",
    "zoo_weights",
}  # fmt: skip
"""What describing may import; ``typing_extensions`` is brought by msgspec."""

BUILT_IN = {
    entry_point.value.partition(".")[0]
    for entry_point in entry_points(group="zoo.plugins")
    if entry_point.dist and entry_point.dist.name == "keras-zoo"
}

RUN = """
import os, sys
before = set(sys.modules)
try:
    from zoo_cli.main import main
    main()
finally:
    new = {name.partition(".")[0] for name in set(sys.modules) - before}
    with open(os.environ["REPORT"], "w") as file:
        print(*sorted(new - set(sys.stdlib_module_names)), file=file)
"""


def start(
    code: str, tmp_path: Path, *arguments: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run code in a fresh interpreter; return what it printed and the modules it imported."""
    report = tmp_path / "modules.txt"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env={**os.environ, "REPORT": str(report), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done, set(report.read_text().split())


@pytest.mark.parametrize(
    ("arguments", "status", "shows"),
    [
        ("--help", 0, "classify"),
        ("--version", 0, "zoo, version"),
        ("list", 0, "vgg16"),
        ("list vgg* --json", 0, '"vision"'),
        ("show vgg16", 0, "image-classification"),
        ("show vgg16 --json", 0, '"vision/application"'),
        ("show mlp-pima --toml", 0, "[training]"),
        ("plugins list", 0, "vision"),
        ("plugins doctor", 0, "no problem"),
        ("train --help", 0, "--set"),
        ("retrain --help", 0, "--strategy"),
        ("retrain nosuch --data x", 2, "nosuch: no such file; expected a bundle or a run folder"),
        ("ensemble --help", 0, "--member-weights"),
        ("ensemble nosuch", 2, "no model is called 'nosuch'"),
        ("runs list --since never", 2, "expected a date such as"),
        ("lst", 2, "No such command 'lst'. Did you mean 'list'?"),
        ("list --jsn", 2, "No such option"),
        ("show nosuch", 2, "no model is called 'nosuch'"),
        ("show vgg16.nosuch", 2, "model 'vgg16' has no weights 'nosuch'; it has imagenet."),
        ("classify", 2, "Missing argument 'INPUT...'"),
        ("classify -m nosuch mug.png", 2, "no model is called 'nosuch'"),
        ("classify mug.png --top 0", 2, "Invalid value for '--top'"),
        ("classify mug.png --backend theano", 2, "received 'theano'"),
        ("classify mug.png --device tpu", 2, "received 'tpu'"),
        ("train nosuch", 2, "no model is called 'nosuch'"),
        ("train nosuch.toml", 2, "nosuch.toml: cannot be read"),
        ("train mlp-pima --epochs 0", 2, "Invalid value for '--epochs'"),
        ("train mlp-pima --set epochs", 2, "--set takes KEY=VALUE"),
        ("train vgg16", 2, "has no training recipe"),
        ("tune --help", 0, "--grid"),
        ("tune nosuch --grid epochs=1", 2, "no model is called 'nosuch'"),
        ("tune mlp-pima --grid epochs", 2, "--grid takes KEY=A,B,C"),
        ("tune vgg16 --grid epochs=1", 2, "has no training recipe"),
        ("predict", 2, "Missing argument"),
        ("evaluate nosuch", 2, "no model is called 'nosuch'"),
        ("summary nosuch", 2, "no model is called 'nosuch'"),
        ("weights pull nosuch", 2, "no model is called 'nosuch'"),
    ],
)
def test_describing_and_refusing_import_nothing_heavy(arguments, status, shows, tmp_path):
    """Everyone who lists, looks or mistypes would wait seconds for a Keras that is not used."""
    done, modules = start(RUN, tmp_path, *arguments.split())
    assert done.returncode == status, done.stderr
    assert shows in (done.stderr if status else done.stdout)
    allowed = ALLOWED | BUILT_IN | ({"tomli_w"} if "--toml" in arguments else set())
    assert modules <= allowed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("zoo cl", "plain,classify"),
        ("zoo show vgg16", "plain,vgg16-features"),
        ("zoo train mlp", "plain,mlp-pima"),
        ("zoo classify -m efficientnet-lite", "plain,efficientnet-lite0"),
        ("zoo list --js", "plain,--json"),
        ("zoo train mlp-pima --data pi", "plain,pima"),
        ("zoo classify mu", "file,mu"),
        ("zoo predict mlp-pima ro", "file,ro"),
        ("zoo show runs/", "file,runs/"),
    ],
)
def test_completing_in_the_shell_imports_nothing_heavy(words, expected, tmp_path):
    """A press of the Tab key answers at once."""
    done, modules = start(
        RUN,
        tmp_path,
        _ZOO_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert expected in done.stdout.splitlines(), done.stderr
    assert done.stderr == ""
    assert modules <= ALLOWED | BUILT_IN


def test_the_module_imports_what_the_command_does(tmp_path):
    code = RUN.replace("from zoo_cli.main import main", "import runpy")
    code = code.replace("main()", "runpy.run_module('zoo', run_name='__main__')")
    done, modules = start(code, tmp_path, "list")
    assert "vgg16" in done.stdout, done.stderr
    assert modules <= ALLOWED | BUILT_IN


def test_import_zoo_imports_no_plugin_and_no_library(tmp_path):
    """A program that imports zoo pays, and trusts, only what it uses."""
    code = RUN.replace("from zoo_cli.main import main", "import zoo").replace("main()", "dir(zoo)")
    done, modules = start(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert modules == {"zoo"}


def test_public_names_for_plugins_import_no_library_but_msgspec(tmp_path):
    """A plugin's module uses these at its top level."""
    code = RUN.replace("from zoo_cli.main import main", "import zoo").replace(
        "main()",
        "zoo.hookimpl, zoo.ModelSpec, zoo.Component, zoo.Training, zoo.Dataset, zoo.FileRecord, "
        "zoo.WeightsRecord, zoo.Preprocessor, zoo.Classifier, zoo.Regressor, zoo.InputError",
    )
    done, modules = start(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert modules <= ALLOWED - {"zoo_cli"}
