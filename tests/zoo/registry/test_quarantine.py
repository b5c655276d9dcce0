"""A plugin is a guest: its faults cost only its own models, and are reported in full."""

from __future__ import annotations

import json
from typing import Any

import pytest
from places import ROOT
from terminals import listed_names

from zoo.errors import PluginError

ONE_MODEL = """
@zoo.hookimpl
def register_models(register):
    register(spec("fine"))
"""

# What the plugin holds, what `zoo` says about it, and the place it points to.
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing dependency": (
        {"code": "import nosuch_package\n" + ONE_MODEL},
        "ModuleNotFoundError: No module named 'nosuch_package'",
        "guest/__init__.py:2",
    ),
    "uninstalled by hand": ({}, "ModuleNotFoundError: No module named 'guest'", ""),
    "syntax error": ({"code": "def :\n"}, "syntax error, invalid syntax, line 2", "__init__.py"),
    "broken parent package": (
        {
            "code": "raise RuntimeError('no licence key')",
            "entry": "guest = guest.plugin",
            "files": {"guest/plugin.py": ""},
        },
        "RuntimeError: no licence key",
        "guest/__init__.py:2",
    ),
    "broken submodule": (
        {"code": "from guest import part", "files": {"guest/part.py": "1 / 0\n"}},
        "ZeroDivisionError: division by zero",
        "guest/part.py:1",
    ),
    "wrong signature": (
        {"code": "@zoo.hookimpl\ndef register_models(register, models): ..."},
        "Argument(s) {'models'} are declared in the hookimpl but can not be found in the hookspec",
        "guest/__init__.py",
    ),
    "unknown hook": (
        {"code": "@zoo.hookimpl\ndef register_model(register): ..."},
        "a hook that zoo does not have, 'register_model'. Did you mean 'register_models'?",
        "guest/__init__.py",
    ),
    "no hook": (
        {"code": "def register_models(register): ..."},
        "implements no hook; mark its functions with @zoo.hookimpl",
        "guest/__init__.py",
    ),
    "newer interface": (
        {"code": "zoo_api = 99\n" + ONE_MODEL},
        "needs plugin interface 99, this zoo has 1; upgrade keras-zoo",
        "guest/__init__.py",
    ),
    "raises while registering": (
        {"code": ONE_MODEL + "    raise KeyError('half way')"},
        "KeyError: 'half way'",
        "guest/__init__.py:6",
    ),
    "exits at import": (
        {"code": "raise SystemExit('sorry')"},
        "SystemExit: sorry",
        "guest/__init__.py:2",
    ),
    "panics at import": (  # what a compiled extension raises is no Exception
        {"code": "class Panic(BaseException): ...\nraise Panic('rust')"},
        "Panic: rust",
        "guest/__init__.py:3",
    ),
    "heavy import": (
        {"code": "import keras\n" + ONE_MODEL},
        "imports keras while it is loaded; import it inside the function that needs it",
        "guest/__init__.py:2",
    ),
    "heavy import swallowed": (
        {"code": "try:\n    import numpy.linalg\nexcept ImportError:\n    pass\n" + ONE_MODEL},
        "imports numpy while it is loaded; import it inside the function that needs it",
        "guest/__init__.py",
    ),
    "heavy import in a hook": (
        {"code": ONE_MODEL + "    import torch"},
        "imports torch while it is loaded; import it inside the function that needs it",
        "guest/__init__.py:6",
    ),
    "same name twice": (
        {"code": ONE_MODEL + "    register(spec('fine'))"},
        "registers model 'fine' twice",
        "guest/__init__.py:6",
    ),
    "bad model name": (
        {"code": ONE_MODEL + "    register(spec('Fine Model'))"},
        "name must be lower-case words joined by hyphens, received 'Fine Model'",
        "guest/__init__.py:11",
    ),
    "mistyped field": (
        {"code": ONE_MODEL + "    register(spec('odd', parameters='many'))"},
        "model 'odd': parameters: expected `int`, got `str`, received 'many'",
        "guest/__init__.py:6",
    ),
    "weights that are no record": (
        {"code": ONE_MODEL + "    register(spec('odd', weights=['imagenet']))"},
        "model 'odd': weights[0]: expected `object`, got `str`, received 'imagenet'",
        "guest/__init__.py:6",
    ),
    "option that is no data": (
        {"code": ONE_MODEL + "    register(spec('odd', input=zoo.Component('x', size=None)))"},
        "'x': option 'size' must be a number, text, boolean, list or table, received None",
        "guest/__init__.py:6",
    ),
    "no spec": (
        {"code": ONE_MODEL + "    register({'name': 'odd'})"},
        "register_models takes ModelSpecs or paths of TOML files, received {'name': 'odd'}",
        "guest/__init__.py:6",
    ),
    "TOML with a slip": (
        {
            "code": ONE_MODEL + "    register('odd.toml')",
            "files": {
                "guest/odd.toml": 'name = "odd"\ntask = "t"\ninputs = "i"\n'
                'architecture = "a"\noutput = "o"\n'
            },
        },
        "guest/odd.toml: top level: unknown field 'inputs'. Did you mean 'input'?",
        "guest/__init__.py:6",
    ),
    "TOML not packaged": (
        {"code": ONE_MODEL + "    register('odd.toml')"},
        "guest/odd.toml: cannot be read, No such file or directory",
        "guest/__init__.py:6",
    ),
    "datasets in TOML with a slip": (
        {
            "code": "@zoo.hookimpl\ndef register_datasets(register):\n    register('sets.toml')",
            "files": {"guest/sets.toml": '[rows]\nfile = { file = "r.csv" }\ntargets = "y"\n'},
        },
        "guest/sets.toml: rows: top level: unknown field 'targets'. Did you mean 'target'?",
        "guest/__init__.py:4",
    ),
    "dataset that leaves its folder": (
        {
            "code": "@zoo.hookimpl\ndef register_datasets(register):\n"
            "    register(zoo.Dataset(name='../rows', file=zoo.FileRecord(file='rows.csv')))"
        },
        "dataset '../rows': name: expected lower-case words joined by hyphens, received '../rows'",
        "guest/__init__.py:4",
    ),
    "architecture that is no reference": (
        {
            "code": "@zoo.hookimpl\ndef register_architectures(register):\n"
            "    register('net', 'guest.net.build')"
        },
        "'net' needs 'package.module:attribute' or a callable, received 'guest.net.build'",
        "guest/__init__.py:4",
    ),
    "plugin name": (
        {"code": ONE_MODEL, "entry": "my.guest/x = guest"},
        "its name must be lower-case words joined by hyphens, received 'my.guest/x'",
        "guest/__init__.py",
    ),
    "terminal codes": (
        {"code": "raise ValueError('\\x1b[2J\\nlook: a second line')"},
        "ValueError: \\x1b[2J look: a second line",
        "guest/__init__.py:2",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_costs_one_line_and_the_doctor_knows_why(case, guests, zoo_command):
    """Nobody loses `zoo list` to somebody else's plugin, and its author is told what to mend."""
    what, reason, place = BROKEN[case]
    guests.install(**what)
    listed = zoo_command("list", "fine", "vgg16", env=guests.env)
    assert listed.returncode == 0
    assert listed_names(listed.stdout) == ["vgg16", "vgg16-features"]
    plugin = what.get("entry", "guest =").partition(" =")[0]
    assert listed.stderr.startswith(f"zoo: plugin {plugin!r} (zoo-guest 1.2) left out: ")
    assert listed.stderr.endswith(f"{reason}; see `zoo plugins doctor`\n")
    assert listed.stderr.count("\n") == 1

    told = zoo_command("plugins", "doctor", "--json", env=guests.env)
    assert told.returncode == 1
    (problem,) = json.loads(told.stdout)
    assert (problem["plugin"], problem["package"]) == (plugin, "zoo-guest")
    assert (problem["version"], problem["quarantined"]) == ("1.2", True)
    assert problem["reason"].endswith(reason)
    if place:
        assert problem["file"].startswith(str(guests.site))
    assert problem["file"].endswith(place)


def test_the_doctor_tells_people_the_whole_story(guests, zoo_command):
    """The author of a plugin mends it from this page alone."""
    guests.install(BROKEN["raises while registering"][0]["code"])
    told = zoo_command("plugins", "doctor", env=guests.env)
    assert told.returncode == 1
    assert told.stdout.startswith(
        "guest: KeyError: 'half way'\n"
        "  package  zoo-guest 1.2\n"
        "  module   guest\n"
        f"  file     {guests.site}/guest/__init__.py:6\n"
        "  state    left out\n"
        "  | Traceback (most recent call last):\n"
    )


def test_the_doctor_is_content_with_good_plugins(guests, zoo_command):
    """A script may ask the exit status whether all plugins are well."""
    guests.install(ONE_MODEL)
    told = zoo_command("plugins", "doctor", env=guests.env)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith(" plugins, no problems\n")
    told = zoo_command("plugins", "doctor", "--json", env=guests.env)
    assert (told.returncode, told.stdout) == (0, "[]\n")


def test_classifying_goes_on_beside_broken_plugins(guests, zoo_command):
    """The main job does not depend on what else is installed."""
    for case in ("syntax error", "heavy import swallowed", "exits at import"):
        name = case.replace(" ", "_")
        guests.install(BROKEN[case][0]["code"], name=name, entry=f"{name} = {name}")
    done = zoo_command("classify", ROOT / "examples/mug.png", env=guests.env)
    assert (done.returncode, done.stdout.split()[0]) == (0, "coffee_mug")
    assert [line.split()[2] for line in done.stderr.splitlines() if line.startswith("zoo:")] == [
        "'exits_at_import'", "'heavy_import_swallowed'", "'syntax_error'",
    ]  # fmt: skip


def test_metadata_without_a_name_is_a_problem_of_that_plugin(guests, zoo_command):
    """A half-removed distribution, entry points without METADATA, stops nobody."""
    guests.install(ONE_MODEL)
    next(guests.site.glob("*/METADATA")).unlink()
    done = zoo_command("list", "fine", env=guests.env)
    assert (done.returncode, listed_names(done.stdout)) == (0, ["fine"])
    assert "Traceback" not in done.stderr


def test_what_a_plugin_prints_does_not_reach_standard_output(guests, zoo_command):
    """`zoo list --json | jq` works though a guest greets at import."""
    guests.install("print('thank you for choosing guest')\n" + ONE_MODEL)
    done = zoo_command("list", "fine", "--json", env=guests.env)
    assert [record["name"] for record in json.loads(done.stdout)] == ["fine"]
    assert done.stderr == "thank you for choosing guest\n"


def test_nothing_of_a_failed_plugin_stays(guests, loaded):
    """No half plugin: models registered before the error, parts and events are all gone."""
    guests.install(
        ONE_MODEL
        + """
@zoo.hookimpl
def register_architectures(register):
    register("net", "guest.net:build")

@zoo.hookimpl
def epoch_ended(run): ...

@zoo.hookimpl
def training_finished(run, colour): ...
"""
    )
    reg = loaded()
    assert [problem.plugin.name for problem in reg.problems] == ["guest"]
    assert "guest" not in {plugin.name for plugin in reg.plugins}
    for table in (reg.models, reg.architectures):
        assert not [entry for entry in table if entry.owner.name == "guest"]
    assert not reg.hooks.has_plugin("guest")
    assert not reg.hooks.hook.epoch_ended.get_hookimpls()


@pytest.mark.parametrize("taken", ["guest", "vision"])
def test_two_distributions_with_one_plugin_name(taken, guests, loaded):
    """The second owner of a plugin's name is left out and told whose it is; ours is never."""
    guests.install(ONE_MODEL, name="aaa-guest", entry=f"{taken} = guest_a")
    guests.install(ONE_MODEL, name="zoo-guest", entry=f"{taken} = guest_b")
    reg = loaded()
    reasons = {problem.plugin.distribution: problem.reason for problem in reg.problems}
    if taken == "guest":
        assert reasons == {"zoo-guest": "its name is taken by aaa-guest 1.2"}
        assert reg.find_model("guest/fine")[0].owner.distribution == "aaa-guest"
    else:
        assert set(reasons) == {"aaa-guest", "zoo-guest"}
        assert reasons["zoo-guest"].startswith("its name is taken by keras-zoo ")
        assert reg.find_model("vision/vgg16")[0].owner.distribution == "keras-zoo"


def test_one_module_under_two_names(guests, loaded):
    """A module is one plugin; its second name is left out, its first one still works."""
    guests.install(ONE_MODEL, name="zoo-first", entry="first = guest")
    guests.install(name="zoo-second", entry="second = guest")
    reg = loaded()
    assert [(p.plugin.name, p.reason) for p in reg.problems] == [
        ("second", "its module 'guest' is already in use as plugin 'first'")
    ]
    assert reg.find_model("first/fine")[0].owner.name == "first"


def test_strict_raises(guests, loaded, zoo_command, monkeypatch):
    """In a plugin author's CI a problem is a failure, not a line that nobody reads."""
    guests.install("zoo_api = 99\n" + ONE_MODEL)
    monkeypatch.setenv("ZOO_STRICT", "1")
    with pytest.raises(PluginError, match=r"'guest' .* needs plugin interface 99"):
        loaded()
    done = zoo_command("list", env=guests.env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "zoo: plugin 'guest' (zoo-guest 1.2) left out: "
        "needs plugin interface 99, this zoo has 1; upgrade keras-zoo\n"
    )


def test_allowed_plugins_alone_are_imported(guests, zoo_command):
    """`ZOO_PLUGINS=a,b` is the way out of a plugin that hangs, prints or lies."""
    guests.install("raise RuntimeError('imported')")
    env = {**guests.env, "ZOO_PLUGINS": "vision, tabular"}
    done = zoo_command("list", "vgg16", "mlp-pima", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert listed_names(done.stdout) == ["vgg16", "vgg16-features", "mlp-pima"]
    done = zoo_command("list", env={**guests.env, "ZOO_PLUGINS": ""})
    assert (done.returncode, done.stdout) == (0, "")
