"""The index: what plugins registered is known without importing them, and never wrongly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import zoo
from zoo.config import home
from zoo.registry.draft import Unnamed
from zoo.registry.index import FOLDER, look
from zoo.registry.registry import Registry

TELLS = "import sys; print('imported', file=sys.stderr)\n"
"""A plugin's module begins with it, so that its import is seen."""

MODEL = """
@zoo.hookimpl
def register_models(register):
    register(spec("fine", summary="a summary"))
"""


LOOKS = """
try:
    from guest.more.words import summary
except ImportError:
    summary = "a summary"
"""


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home/cache" / FOLDER


@pytest.fixture
def listed(guests, zoo_command, own_home):
    """Run `zoo list`; return the rows of guests' models, and what came on stderr."""

    def run(*arguments: str, **env: str) -> tuple[list[str], str]:
        done = zoo_command("list", "fine*", "-q", *arguments, env={**guests.env, **env})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), done.stderr

    return run


def test_a_plugin_is_imported_once(guests, listed, zoo_command):
    """However slow a plugin's module is, only the first command waits for it."""
    guests.install(TELLS + MODEL)
    first, told = listed()
    assert told == "imported\n"
    again = listed()
    assert again == (first, "")
    for arguments in (["--help"], ["show", "fine"], ["plugins", "list"]):
        assert zoo_command(*arguments, env=guests.env).stderr == ""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import torch\n", "imports torch while it is loaded"),
        ("raise RuntimeError('no licence key')\n", "RuntimeError: no licence key"),
        ("def :\n", "syntax error"),
    ],
)
def test_a_plugin_that_was_left_out_is_not_tried_again(code, reason, guests, listed, zoo_command):
    """It costs nobody a second time, and its line and its story stay the same."""
    guests.install(TELLS + code + MODEL)
    first = listed()[1]
    imported = ["imported"] if "syntax" not in reason else []
    *before, line = first.splitlines()
    assert before == imported
    assert reason in line
    assert listed()[1] == f"{line}\n"
    strict = zoo_command("list", env={**guests.env, "ZOO_STRICT": "1"})
    assert strict.returncode == 1
    assert reason in strict.stderr
    told = zoo_command("plugins", "doctor", env=guests.env)
    assert told.stderr.splitlines() == [*imported, line]  # looks anew
    assert reason in told.stdout
    assert "Traceback" in told.stdout


def test_what_a_plugin_lacked_may_have_been_installed_since(guests, listed):
    """`pip install` of the missing package is enough: nobody has to know of the index."""
    guests.install("import lacking\n" + MODEL)
    assert "No module named 'lacking'" in listed()[1]
    guests.install("", name="lacking", entry="other = lacking", files={"lacking.py": ""})
    rows, told = listed()
    assert rows[0].startswith("fine ")
    assert "'guest'" not in told


def _upgrade(guests) -> None:
    site = guests.site
    (site / "zoo_guest-1.2.dist-info").rename(site / "zoo_guest-1.3.dist-info")
    for path in (site / "zoo_guest-1.3.dist-info").iterdir():
        path.write_text(path.read_text().replace("1.2", "1.3"))
    code = site / "guest/__init__.py"
    before = code.stat()
    code.write_text(code.read_text().replace("a summary", "another s"))
    os.utime(code, ns=(before.st_atime_ns, before.st_mtime_ns))
    # Python would take the old bytecode for that of the new file; pip removes it with the old one.
    shutil.rmtree(code.parent / "__pycache__", ignore_errors=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda guests: guests.install(TELLS + MODEL.replace("a summary", "another")),
        lambda guests: guests.install(files={"guest/more/words.py": "summary = 'another'\n"}),
        _upgrade,
    ],
    ids=["a file changed", "a file more", "another version"],
)
def test_a_changed_plugin_is_registered_anew_and_alone(change, guests, listed):
    """An editable plugin shows what its author wrote a second ago; the others stay known."""
    guests.install(TELLS + LOOKS + MODEL.replace('"a summary"', "summary"))
    guests.install(
        TELLS.replace("imported", "other imported") + MODEL.replace("fine", "fine-other"),
        name="zoo-other",
        entry="other = other",
    )
    assert sorted(listed()[1].splitlines()) == ["imported", "other imported"]
    change(guests)
    rows, told = listed()
    assert told == "imported\n"
    assert "another" in rows[0]
    assert "a summary" in rows[1]


def test_toml_counts_as_the_plugin_s_own_file(guests, listed):
    """Models may be data: a changed TOML file is a changed plugin."""
    code = "@zoo.hookimpl\ndef register_models(register):\n    register('../elsewhere.toml')\n"
    text = (
        'name = "fine"\ntask = "t"\narchitecture = "mlp"\ninput = "columns"\noutput = "binary"\n'
        'summary = "{}"\n'
    )
    guests.install(code, files={"elsewhere.toml": text.format("one")})
    assert "one" in listed()[0][0]
    (guests.site / "elsewhere.toml").write_text(text.format("another"))
    assert "another" in listed()[0][0]


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "other types", "nested", "folder"])
def test_a_damaged_index_is_an_empty_one(damage, guests, listed, own_home):
    """It is made anew, without a word."""
    guests.install(TELLS + MODEL)
    rows, _ = listed()
    (file,) = own_home.iterdir()
    data = file.read_bytes()
    content = {
        "cut": data[: len(data) // 2],
        "noise": b"\xc1" * 100,
        "empty": b"",
        "other types": msgspec.msgpack.encode({"made_by": 3}),
        "nested": b"\x91" * 100_000,
        "folder": b"",
    }[damage]
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        file.write_bytes(content)
        file.chmod(0o600)
    assert listed() == (rows, "imported\n")
    assert listed() == (rows, "imported\n" if damage == "folder" else "")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX modes")
@pytest.mark.parametrize("how", ["file for the group", "folder for all", "link", "owner"])
def test_an_index_that_others_could_have_written_is_not_read(how, guests, listed, own_home):
    """Whoever writes the index names the code that is imported."""
    guests.install(TELLS + MODEL)
    listed()
    (file,) = own_home.iterdir()
    file.write_bytes(file.read_bytes().replace(b"a summary", b"a falsity"))
    assert "a falsity" in listed()[0][0]  # this user's own word counts
    if how == "file for the group":
        file.chmod(0o660)
    elif how == "folder for all":
        own_home.chmod(0o777)
    elif how == "link":
        file.rename(own_home.parent / "moved")
        file.symlink_to(own_home.parent / "moved")
    elif os.getuid() == 0:
        os.chown(file, 12345, -1)
    else:
        pytest.skip("needs root")
    rows, told = listed()
    assert ("a summary" in rows[0], told) == (True, "imported\n")
    assert own_home.stat().st_mode & 0o777 == 0o700


def test_without_a_folder_for_it_plugins_are_loaded_as_ever(guests, listed, own_home):
    """A read-only home costs time and nothing else."""
    own_home.parent.mkdir(parents=True)
    own_home.write_text("in the way")
    guests.install(TELLS + MODEL)
    assert listed() == listed()
    assert listed()[1] == "imported\n"


def test_the_index_obeys_zoo_plugins(guests, listed):
    """What is left out by name stays known: nothing is imported when it is back."""
    guests.install(TELLS + MODEL)
    rows, _ = listed()
    assert listed(ZOO_PLUGINS="vision") == ([], "")
    assert listed() == (rows, "")
    lines = listed(ZOO_PLUGINS="vision,gust")[1].splitlines()
    assert "'gust'" in lines[0]


def test_what_is_read_back_is_what_was_registered(own_home, monkeypatch):
    """Every spec, dataset and part of the built-in plugins is the same from the index."""
    first, second = Registry(), Registry()
    first.load_installed()

    def refuse(plugin):
        raise AssertionError(plugin)

    monkeypatch.setattr("zoo.registry.registry.import_plugin", refuse)
    second.load_installed()
    assert len(first.plugins) >= 4
    assert second.plugins == first.plugins
    for kind in ("models", "architectures", "preprocessors", "decoders", "datasets", "commands"):
        assert list(getattr(second, kind)) == list(getattr(first, kind))


CALLABLES = """
import functools
from guest.net import build, Holder

@zoo.hookimpl
def register_architectures(register):
    register("named", build)
    register("bound", functools.partial(build, 3))
    register("method", Holder.build)
"""
NET = """
def build(size=2):
    return size

class Holder:
    @staticmethod
    def build():
        return "held"
"""


def test_callables_are_known_by_reference_where_one_leads_there(guests, loaded, own_home):
    """A function given as an object is data; a partial is fetched from its plugin when used."""
    guests.install(CALLABLES, files={"guest/net.py": NET})
    loaded()
    for name in ("guest", "guest.net"):
        del sys.modules[name]
    reg = loaded()
    assert "guest" not in sys.modules
    values = {e.name: e.value for e in reg.architectures if e.owner.name == "guest"}
    assert values["named"] == "guest.net:build"
    assert isinstance(values["bound"], Unnamed)
    assert isinstance(values["method"], Unnamed)
    called = {
        name: reg.resolve("architectures", zoo.Component(f"guest/{name}"))() for name in values
    }
    assert called == {"named": 2, "bound": 3, "method": "held"}


EVENTS = """
@zoo.hookimpl
def epoch_ended(epoch):
    print("heard", epoch)
"""


def test_events_import_the_plugin_when_the_first_one_comes(guests, loaded, own_home, capsys):
    """A plugin that listens is called though nothing else imported it; the others are not."""
    guests.install(EVENTS)
    guests.install(MODEL, name="zoo-deaf", entry="deaf = deaf")
    loaded()
    for name in ("guest", "deaf"):
        del sys.modules[name]
    reg = loaded()
    reg.notify("training_started", run=None)
    assert not {"guest", "deaf"} & sys.modules.keys()
    capsys.readouterr()
    for epoch in range(2):
        reg.notify("epoch_ended", run=None, epoch=epoch, logs={})
    assert "deaf" not in sys.modules
    out, err = capsys.readouterr()
    assert (out, err) == ("", "heard 0\nheard 1\n")


def test_code_of_a_plugin_still_prints_to_stderr_alone(guests, zoo_command, own_home):
    """`zoo greet | wc` counts the command's own lines, though the module greets at import."""
    guests.install(
        """
print("thank you")

@zoo.hookimpl
def register_commands(register):
    register("greet", "guest.cli:command")
""",
        files={
            "guest/cli.py": """
                import click

                @click.command()
                def command():
                    click.echo("hello")
            """
        },
    )
    for _ in range(2):
        done = zoo_command("greet", env=guests.env)
        assert (done.stdout, done.stderr) == ("hello\n", "thank you\n")


def test_the_index_lies_in_a_private_folder(own_home, zoo_command):
    """Beside nothing that others write."""
    zoo_command("list")
    assert own_home == home("cache") / FOLDER
    assert [file.stat().st_mode & 0o777 for file in own_home.iterdir()] == [0o600]


def test_a_folder_that_is_gone_holds_no_sources(tmp_path):
    """A plugin's folders may be removed while they are looked at; the rest is still known."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "code.py").touch()
    found = look([str(tmp_path / "gone"), str(tmp_path / "here")])
    assert found is not None
    assert [stamp.path for stamp in found.files] == [str(tmp_path / "here" / "code.py")]


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


def test_threads_may_be_the_first_to_look(tmp_path: Path) -> None:
    """What two threads first read at once ended the process."""
    env = {**os.environ, "ZOO_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", AT_ONCE], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "8 1\n")
