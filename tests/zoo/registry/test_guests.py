"""What a plugin may rely on: its models, parts, commands and events are found by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from terminals import listed_names

import zoo
from zoo.errors import PluginError, SpecError, UnknownName
from zoo.registry.entries import load_reference
from zoo.spec.component import Component

TWIN = """
@zoo.hookimpl
def register_models(register):
    register(spec("vgg16", summary="another one", aliases=("vgg-sixteen",)))
"""


def test_two_owners_of_a_name(guests, zoo_command):
    """Nobody's `vgg16` silently becomes somebody else's; both stay reachable in full."""
    guests.install(TWIN)
    listed = zoo_command("list", "*vgg16", env=guests.env)
    assert listed.returncode == 0
    assert sorted(listed_names(listed.stdout)) == ["guest/vgg16", "vision/vgg16"]
    story = (
        "model 'vgg16' is registered by guest (zoo-guest 1.2) and vision (keras-zoo "
        f"{zoo.__version__}); use 'guest/vgg16' or 'vision/vgg16'"
    )
    assert listed.stderr.endswith(f"has a problem: {story}; see `zoo plugins doctor`\n")
    assert listed.stderr.count("\n") == 1

    for command in (["show", "vgg16"], ["classify", "-m", "vgg16", "x.png"], ["train", "vgg16"]):
        done = zoo_command(*command, env=guests.env)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(f"zoo: {story}\n")
    for name, text in (("guest/vgg16", "another one"), ("vision/vgg16.imagenet", "VGG16")):
        assert text in zoo_command("show", name, env=guests.env).stdout

    told = zoo_command("plugins", "doctor", "--json", env=guests.env)
    assert told.returncode == 1
    (problem,) = json.loads(told.stdout)
    assert (problem["reason"], problem["quarantined"]) == (story, False)


def test_clashing_names_of_parts_stay_near_their_plugin(guests, loaded):
    """A guest's own `columns` is its own; the built-in models keep theirs."""
    guests.install(
        """
@zoo.hookimpl
def register_models(register):
    register(spec("fine"))

@zoo.hookimpl
def register_preprocessors(register):
    register("columns", "guest.rows:Columns")
"""
    )
    assert loaded().problems == []
    assert zoo.get_spec("fine").input.uses == "guest/columns"
    assert zoo.get_spec("fine").architecture.uses == "tabular/mlp"
    assert zoo.get_spec("mlp-pima").input.uses == "tabular/columns"


def test_the_same_code_under_the_same_name_is_no_clash(guests, loaded):
    """Every plugin that has classes may name zoo's decoder of them; `classes` stays short."""
    guests.install(
        """
@zoo.hookimpl
def register_decoders(register):
    register("classes", "zoo.decoders:Classes")
    register("binary", "guest.rows:Binary")
"""
    )
    from zoo.decoders import Classes

    decoders = loaded()
    assert decoders.resolve("decoders", zoo.Component("classes")) is Classes
    with pytest.raises(UnknownName, match="'binary' is registered by"):
        decoders.resolve("decoders", zoo.Component("binary"))


def test_a_reference_is_registered_under_its_function_s_name(guests, loaded):
    """One line in a spec is enough; TOML and bundles print a name, never a place in code."""
    guests.install(
        """
@zoo.hookimpl
def register_models(register):
    register(spec("fine", architecture=zoo.Component("guest.net:TinyNet", size=3)))
    register(spec("finer", architecture="guest.net:TinyNet"))

@zoo.hookimpl
def register_architectures(register):
    register("tiny_net", "guest.net:TinyNet")
""",
        files={"guest/net.py": "def TinyNet(size=2): return 'built'\n"},
    )
    reg = loaded()
    assert reg.problems == []
    spec = zoo.get_spec("fine")
    assert spec.architecture == Component("guest/tiny_net", size=3)
    assert reg.resolve("architectures", spec.architecture)() == "built"
    with pytest.raises(SpecError, match=r"'guest\.net:TinyNet' is a reference to code"):
        reg.resolve("architectures", Component("guest.net:TinyNet"))


@pytest.mark.parametrize(
    ("reference", "error", "text"),
    [
        ("guest.net:gone", PluginError, "module 'guest.net' has no attribute 'gone'"),
        ("guest.gone:build", ModuleNotFoundError, "No module named 'guest.gone'"),
        ("guest.slip:build", AttributeError, "module 'math' has no attribute 'squirt'"),
    ],
)
def test_a_reference_that_leads_nowhere(reference, error, text, guests, loaded):
    """The author is told whether the module or the attribute is wrong, and in which file."""
    guests.install(
        TWIN,
        files={"guest/net.py": "", "guest/slip.py": "import math\nmath.squirt(4)\n"},
    )
    loaded()
    with pytest.raises(error, match=text):
        load_reference(reference)


def test_specs_in_the_package_s_own_toml(guests, loaded):
    """A plugin may keep its models as data; relative paths start beside the file."""
    guests.install(
        """
@zoo.hookimpl
def register_models(register):
    register("models/fine.toml")
""",
        files={
            "guest/models/fine.toml": """
                name = "fine"
                task = "tabular-classification"
                architecture = "guest.net:build"
                input = "columns"
                output = "binary"
                aliases = ["former"]
            """
        },
    )
    entry, tag = loaded().find_model("fine")
    assert (entry.base, tag) == (guests.site / "guest/models", None)
    assert zoo.get_spec("fine").architecture.uses == "guest/build"


def test_commands_of_a_plugin(guests, zoo_command):
    """A plugin's command works like a built-in one and is imported only when used."""
    guests.install(
        """
@zoo.hookimpl
def register_commands(register):
    register("greet", "guest.cli:command")
""",
        files={
            "guest/cli.py": """
                import click, sys
                print("imported", file=sys.stderr)

                @click.command()
                @click.argument("name")
                def command(name):
                    click.echo(f"hello {name}")
            """
        },
    )
    done = zoo_command("greet", "you", env=guests.env)
    assert (done.returncode, done.stdout) == (0, "hello you\n")
    assert zoo_command("greet", env=guests.env).returncode == 2
    helped = zoo_command("--help", env=guests.env)
    assert "greet" in helped.stdout
    assert helped.stderr == ""
    typo = zoo_command("gret", "you", env=guests.env)
    assert "No such command 'gret'. Did you mean 'greet'?" in typo.stderr


REMEMBERS = """
import os
from pathlib import Path
from guest_helper import name

@zoo.hookimpl
def register_models(register):
    data = (Path(__file__).parent / "names.data").read_text()
    register(spec(f"seen-{name}-{data}-{os.environ['GUEST_NAME']}"))
"""


def test_what_a_plugin_registers_is_asked_each_time(guests, zoo_command):
    """It may depend on other packages, on data, on the environment; none may be remembered."""
    guests.install(REMEMBERS, files={"guest/names.data": "a"})
    helper = guests.site / "guest_helper.py"
    helper.write_text("name = 'a'\n")

    def listed(variable):
        done = zoo_command("list", "seen-*", "-q", env={**guests.env, "GUEST_NAME": variable})
        return listed_names(done.stdout)[0]

    assert listed("a") == "seen-a-a-a"
    assert listed("b") == "seen-a-a-b"
    (guests.site / "guest/names.data").write_text("b")
    before = helper.stat()
    helper.write_text("name = 'b'\n")
    os.utime(helper, ns=(before.st_atime_ns, before.st_mtime_ns))
    shutil.rmtree(
        guests.site / "__pycache__", ignore_errors=True
    )  # Python would take its word for the new source
    assert listed("b") == "seen-b-b-b"


AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import zoo
sys.setswitchinterval(1e-6)
ready = Barrier(8)
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(lambda _: ready.wait() < 8 and zoo.list_models(), range(8)))
print(len(found), len({len(models) for models in found}))
"""


def test_threads_may_be_the_first_to_look():
    """What two threads first read at once ended the process."""
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "8 1\n")


@pytest.mark.parametrize(
    ("pure", "expected"),
    [("True", ()), ("['a', 'b']", ("a", "b")), ("False", None), ("'text'", ""), ("[1]", "")],
)
@pytest.mark.parametrize("first", ["models", "architectures"])
def test_what_an_architecture_is_declared_to_depend_on(pure, expected, first, guests, loaded):
    """Whether a spec names the same function earlier, later, or not at all."""
    declared = f"""
@zoo.hookimpl
def register_architectures(register):
    register("build", "guest.net:build", pure={pure})
"""
    named = """
@zoo.hookimpl
def register_models(register):
    register(spec("one", architecture="guest.net:build"))
"""
    guests.install(declared + named if first == "architectures" else named + declared)
    reg = loaded()
    if expected == "":
        assert "pure must be True, or a list of distributions' names" in reg.problems[0].reason
    else:
        (entry,) = [entry for entry in reg.architectures if entry.owner.name == "guest"]
        assert entry.pure == expected


def test_events_of_a_training(guests, loaded, tmp_path):
    """A plugin that logs trainings hears of the start, each epoch, and the end, in this order."""
    guests.install(
        """
heard = []

@zoo.hookimpl
def training_started(run):
    heard.append(("started", run.spec.name))

@zoo.hookimpl
def epoch_ended(epoch, logs):
    heard.append((epoch, sorted(logs)))

@zoo.hookimpl
def training_finished(run):
    heard.append(("finished", (run.path / "metrics.json").is_file()))
"""
    )
    assert loaded().problems == []
    zoo.train("mlp-pima", epochs=2, batch_size=256, seed=3, output=tmp_path / "run")
    import guest

    assert guest.heard == [
        ("started", "mlp-pima"),
        (0, ["accuracy", "loss"]),
        (1, ["accuracy", "loss"]),
        ("finished", True),
    ]


@pytest.mark.parametrize("name", ["former", "guest/former"])
def test_former_names_of_a_model(name, guests, loaded, zoo_command):
    """Scripts written for an old name keep working, and are told the new one."""
    guests.install(TWIN.replace("vgg16", "fine").replace("vgg-sixteen", "former"))
    loaded()
    with pytest.warns(FutureWarning, match=f"model '{name}' is now called 'fine'"):
        assert zoo.get_spec(name).name == "fine"
    shown = zoo_command("show", name, env=guests.env)
    assert shown.returncode == 0
    assert shown.stderr == f"zoo: model '{name}' is now called 'fine'\n"
    with pytest.raises(UnknownName, match="no model is called 'vision/former'"):
        zoo.get_spec("vision/former")
