"""A third-party plugin, from `pip install` to a trained model, as in the tutorial.

If a test here fails, packages outside this repository have stopped working, or docs/plugins.md is
wrong.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, NamedTuple

import pytest
from places import ROOT
from terminals import listed_names

from zoo.registry.loading import hook_names

PACKAGE = ROOT / "examples" / "zoo-shapes"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.slow


class Block(NamedTuple):
    """A fenced block of the tutorial; `file` is empty where it is not part of one."""

    language: str
    file: str
    text: str


BLOCKS = [
    Block(*found) for found in re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE, re.M | re.S)
]
QUOTES = [block for block in BLOCKS if (PACKAGE / block.file).is_file()]


@pytest.fixture(scope="module")
def grey(shop: Any) -> dict[str, str]:
    """The tutorial's second plugin, installed; the environment variables that make it visible."""
    site = shop.work / "site"
    info = site / "zoo_grey-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-grey\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zoo.plugins]\ngrey = zoo_grey\n")
    for block in BLOCKS:
        if block.file and block not in QUOTES:
            target = (shop.work if block.file.endswith(".toml") else site) / block.file
            target.parent.mkdir(exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
    return {"PYTHONPATH": str(site)}


@pytest.fixture(scope="module")
def followed(shop: Any, grey: dict[str, str]) -> dict[str, Any]:
    """The tutorial's `zoo` commands, run in order in one folder: line and what came of it."""
    lines = "".join(block.text for block in BLOCKS if block.language == "bash").splitlines()
    done = {
        line: shop.zoo(*line.split()[1:], env=grey) for line in lines if line.startswith("zoo ")
    }
    failed = {line: result.stderr for line, result in done.items() if result.returncode}
    assert not failed
    return done


# What its author writes


def test_a_plugin_of_one_model_takes_thirteen_lines() -> None:
    """Beside the network and the spec; blank lines and comments are not counted."""
    module = (PACKAGE / "zoo_shapes" / "__init__.py").read_text(encoding="utf-8")
    code = [line for line in module.splitlines() if line.strip() and line.strip()[0] != "#"]
    table = ['[project.entry-points."zoo.plugins"]', *PROJECT["entry-points"]["zoo.plugins"]]
    assert len(code) + len(table) <= 13


# What its users see


def test_list_shows_the_model(shop: Any) -> None:
    (model,) = json.loads(shop.ok("list", "--plugin", "shapes", "--json"))
    assert (model["name"], model["plugin"]) == ("shapes", "shapes")
    assert (model["parameters"], model["licence"]) == (6131, "Apache-2.0")


def test_plugins_list_names_package_and_version(shop: Any) -> None:
    lines = shop.ok("plugins", "list").splitlines()
    (line,) = (line for line in lines if line.split()[0] == "shapes")
    assert f"{PROJECT['name']} {PROJECT['version']}" in line
    assert shop.ok("plugins", "doctor").endswith("no problems\n")


def test_show_prints_names_instead_of_code(shop: Any) -> None:
    """The reference in the package's spec has become a name that any file may use."""
    spec = tomllib.loads(shop.ok("show", "shapes", "--toml"))
    used = [spec[part]["uses"] for part in ("architecture", "input", "output")]
    assert used == ["shapes/small_cnn", "vision/image", "vision/classes"]


def test_help_shows_its_command(shop: Any) -> None:
    assert "draw-shapes" in shop.ok("--help")
    assert "Draw circles, squares and triangles" in shop.ok("draw-shapes", "--help")


def test_listing_imports_neither_its_network_nor_its_command(shop: Any) -> None:
    code = """
import sys
from zoo_cli.main import run
run(["list"])
run(["--help"])
heavy = {"keras", "numpy", "PIL", "zoo_shapes.network", "zoo_shapes.drawing"}
print("imported:", *(heavy & set(sys.modules)))
"""
    done = shop.run("-c", code)
    assert done.stdout.endswith("imported:\n"), done.stderr


def test_strict_finds_no_fault(shop: Any) -> None:
    assert "shapes" in shop.ok("list", env={"ZOO_STRICT": "1"})


def test_it_knows_pictures_it_has_not_seen(followed: dict[str, Any]) -> None:
    """Chance would be a third."""
    printed = followed["zoo evaluate run --data others"].stdout
    accuracy = re.search(r"^accuracy (\S+)$", printed, re.M)
    assert accuracy, printed
    assert float(accuracy[1]) > 0.9


@pytest.mark.parametrize("shape", ["circle", "square", "triangle"])
def test_classify_says_which_shape(shop: Any, followed: dict[str, Any], shape: str) -> None:
    lines = shop.ok("classify", f"others/{shape}/000*.png", "-m", "run").splitlines()
    right = [line for line in lines if re.search(rf": {shape} \(.*%\)$", line)]
    assert len(lines) == 10
    assert len(right) >= 7, lines


def test_untrained_it_says_how_to_train(shop: Any, followed: dict[str, Any]) -> None:
    done = shop.zoo("classify", "photos/circle/0000.png", "-m", "shapes")
    assert done.returncode == 2
    assert done.stderr.endswith("no trained weights; run `zoo train shapes`\n")


def test_python_gets_and_loads_it(shop: Any, followed: dict[str, Any]) -> None:
    code = """
import zoo
assert zoo.list_models(plugin="shapes") == ["shapes"]
fresh, trained = zoo.get_model("shapes", weights=None), zoo.load("run")
assert fresh.keras.count_params() == trained.keras.count_params() == fresh.spec.parameters
print(trained.classify("photos/triangle/0000.png", top=1)[0].predictions[0].label)
"""
    done = shop.run("-c", code)
    assert (done.stdout, done.returncode) == ("triangle\n", 0), done.stderr


def test_a_folder_of_other_classes_is_refused(shop: Any, followed: dict[str, Any]) -> None:
    picture = (shop.work / "photos" / "circle" / "0000.png").read_bytes()
    for shape in ("circle", "star"):
        folder = shop.work / "stars" / shape
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(picture)
    done = shop.zoo("evaluate", "run", "--data", "stars")
    assert done.returncode == 1
    assert "unknown class 'star', expected one of circle, square, triangle" in done.stderr


def test_without_the_plugin_a_run_says_what_is_missing(shop: Any, followed: dict[str, Any]) -> None:
    """A bundle is data: whoever got one without the package is told which network it needs."""
    done = shop.zoo("classify", "photos", "-m", "run", env={"ZOO_PLUGINS": "vision,tabular"})
    assert done.returncode == 2
    assert "no architecture is called 'shapes/small_cnn'" in done.stderr


def test_its_own_tests_pass(shop: Any) -> None:
    done = shop.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=shop.source)
    assert done.returncode == 0, done.stdout


def test_nothing_leaks_into_this_environment(shop: Any) -> None:
    assert not shop.leaked()


# What the tutorial says


def test_the_page_quotes_every_file_of_the_plugin() -> None:
    package = {f"zoo_shapes/{name}" for name in ("__init__.py", "network.py", "shapes.toml")}
    assert {quote.file for quote in QUOTES} == {"pyproject.toml", *package}


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: quote.file)
def test_a_quote_is_what_the_file_says(quote: Block) -> None:
    assert quote.text in (PACKAGE / quote.file).read_text(encoding="utf-8")


def test_the_table_has_every_hook() -> None:
    table = PAGE.partition("## More hooks")[2].partition("###")[0]
    assert sorted(re.findall(r"`([a-z]+_[a-z]+)`", table)) == hook_names()


def test_the_commands_of_the_page_work(followed: dict[str, Any]) -> None:
    assert followed["zoo classify photos/circle/0000.png -m run"].stdout.startswith("circle (")
    listed = followed["zoo plugins list"].stdout
    assert re.search(r"^shapes +zoo-shapes ", listed, re.M)
    assert re.search(r"^grey +zoo-grey ", listed, re.M)


def test_the_python_of_the_page_prints_what_it_says(shop: Any, followed: dict[str, Any]) -> None:
    (code,) = (block.text for block in BLOCKS if block.language == "python" and not block.file)
    (printed,) = (block.text for block in BLOCKS if block.language == "text")
    done = shop.run("-c", code)
    assert (done.stdout, done.returncode) == (printed, 0), done.stderr


def test_the_preprocessor_of_the_page_keeps_what_it_learnt(
    shop: Any, grey: dict[str, str], followed: dict[str, Any]
) -> None:
    code = """
from pathlib import Path
import zoo
model = zoo.load("grey-run")
part = model.preprocessor
assert 0 < part.mean < 1
file = Path("photos/circle/0000.png")
tensor = part.one(file)
assert (tensor.shape, str(tensor.dtype)) == (part.shape, "float32")
good, bad = model.classify([file.read_bytes(), b"no picture"], top=1)
assert good.predictions[0].label in ("circle", "square", "triangle")
assert bad.error.kind == "bad-image"
"""
    done = shop.run("-c", code, env=grey)
    assert done.returncode == 0, done.stderr


def test_the_event_of_the_page_is_told_of_every_epoch(followed: dict[str, Any]) -> None:
    told = followed["zoo train grey-shapes.toml --data photos -o grey-run"].stderr
    assert re.findall(r"^epoch (\d+): loss \d+\.\d{3}$", told, re.M) == list("12345")


def test_a_lone_file_cannot_name_code(shop: Any, followed: dict[str, Any]) -> None:
    spec = (shop.work / "grey-shapes.toml").read_text(encoding="utf-8")
    code = spec.replace("shapes/small_cnn", "zoo_shapes.network:small_cnn")
    (shop.work / "code.toml").write_text(code, encoding="utf-8")
    done = shop.zoo("train", "code.toml", "--data", "photos")
    assert done.returncode == 2
    assert "'zoo_shapes.network:small_cnn'" in done.stderr


def test_a_choice_of_plugins(shop: Any) -> None:
    """`shapes` alone is listed; the part of `vision` is missed when it is needed."""
    alone = {"ZOO_PLUGINS": "shapes"}
    assert listed_names(shop.ok("list", env=alone)) == ["shapes"]
    done = shop.zoo("summary", "shapes", env=alone)
    assert done.returncode == 2
    assert "'vision/image'" in done.stderr
    assert not json.loads(shop.ok("list", "--json", env={"ZOO_PLUGINS": ""}))
