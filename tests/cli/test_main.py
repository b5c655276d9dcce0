"""What all commands share: exit statuses, messages, options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo_cli.main import COMMANDS


def test_every_command_explains_itself(cli):
    for name in COMMANDS:
        done = cli(name, "-h")
        assert done.status == 0, name
        assert done.out.startswith("Usage: zoo "), name
        assert "--backend" in done.out or "Commands:" in done.out, name


def test_help_is_in_sections(cli):
    """Eighteen commands in a row, or twenty options, are not read."""
    heads = re.compile(r"^(\S.*):$", re.MULTILINE)
    assert heads.findall(cli("-h").out) == [
        "Options", "Find models", "Use models", "Train models", "Look after files",
    ]  # fmt: skip
    assert set(re.findall(r"^  (\w+) ", cli("-h").out.partition("Find")[2], re.MULTILINE)) == set(
        COMMANDS
    )
    out = cli("tune", "-h").out
    assert heads.findall(out) == ["Options", "Options of every command"]
    own, common = out.split("Options of every command")
    assert "--grid" in own
    assert "--backend" not in own
    assert [line.split()[0] for line in common.splitlines()[1:]] == [
        "--backend", "--device", "--offline", "-q,", "-v,", "-h,",
    ]  # fmt: skip


def test_the_package_runs_as_a_module(tmp_path):
    """`python -m zoo` is what works where PATH is not set up, and in an environment by its path."""
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "lst"], cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: zoo [OPTIONS]")
    assert "Did you mean 'list'?" in done.stderr


def test_version(cli):
    assert cli("--version").out == f"zoo, version {version('keras-zoo')}\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["clasify", "x.png"], "No such command 'clasify'. Did you mean 'classify'?"),
        (["show", "vgg-16"], "no model is called 'vgg-16'. Did you mean 'vgg16'?"),
        (["show", "vgg61"], "no model is called 'vgg61'. Did you mean 'vgg16' or 'vgg19'?"),
        (["data", "show", "pma"], "no dataset is called 'pma'. Did you mean 'pima'?"),
        (
            ["train", "mlp-pima", "--data", "synthetic-ne"],
            "no dataset or file is called 'synthetic-ne'. Did you mean 'synthetic-new'?",
        ),
        (["weights", "pul"], "No such command 'pul'. Did you mean 'pull'?"),
        (["list", "--jsonn"], "Did you mean"),
        (["classify", "x", "--format", "jsn"], "'text', 'json', 'jsonl', 'csv'"),
        (["show"], "Missing argument 'MODEL|BUNDLE|SPEC.toml'"),
    ],
)
def test_wrong_usage(cli, arguments, text):
    done = cli(*arguments)
    assert done.status == 2
    assert text in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_common_options_work_on_both_sides_of_the_command(cli):
    assert cli("--offline", "-q", "list", "vgg16").out == cli("list", "vgg16", "--offline").out


def test_summary_needs_no_weights(cli):
    out = cli("summary", "mlp-pima").out
    assert "hidden_1" in out
    assert "221" in out
    assert "predictions" in cli("summary", "vgg16").out


def test_doctor_as_text(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that does not start is told of with its last words."""
    probe = "import sys\nif sys.argv[1] == 'jax': print('[\"cpu:0\"]')\nelse: raise OSError('no')"
    monkeypatch.setattr("zoo.doctor._PROBE", probe)
    monkeypatch.setattr("zoo.doctor.installed_backends", lambda: ["jax", "torch"])
    done = cli("doctor")
    lines = [line.split() for line in done.out.splitlines()]
    assert done.status == 0
    assert ["*", "jax", version("jax"), "cpu:0"] in lines
    assert any(line[0] == "torch" and line[-5:] == ["did", "not", "start:", "OSError:", "no"]
               for line in lines)  # fmt: skip
    assert any(line[:2] == ["vision", "keras-zoo"] for line in lines)
    assert ["cache", str(Path(os.environ["ZOO_HOME"]) / "cache")] in lines

    def refused() -> str:
        msg = "backend must be one of jax, tensorflow, torch"
        raise UsageError(msg)

    monkeypatch.setattr("zoo.doctor.chosen_backend", refused)
    assert "Hint: backend must be one of jax" in cli("doctor").out


def test_doctor_tells_of_a_cache_that_others_could_replace(
    cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("zoo.doctor.installed_backends", list)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("ZOO_HOME", str(home))
    home.chmod(0o700)
    assert "compiled" not in cli("doctor").out
    home.chmod(0o775)
    assert (
        f"Hint: no compiled program is kept or read: others can write to {home} (mode 0775); "
        f"run: chmod go-w {home}\n"
    ) in cli("doctor").out


def test_doctor_says_what_is_there_and_what_is_missing(zoo_command):
    import json

    done = zoo_command("doctor", "--json", env={"KERAS_BACKEND": "jax"})
    report = json.loads(done.stdout)
    jax = next(b for b in report["backends"] if b["name"] == "jax")
    assert jax["chosen"]
    assert jax["version"]
    assert any(device.startswith(("cpu", "gpu")) for device in jax["devices"])
    for backend in report["backends"]:
        if backend["version"] is None:
            assert backend["hint"] == (f"install with: pip install 'keras-zoo[{backend['name']}]'")
    assert {"vision", "tabular"} <= {plugin["plugin"] for plugin in report["plugins"]}
    assert report["settings"]["cache"]


def test_interrupting_a_long_command_ends_with_130(tmp_path):
    code = (
        "import signal, sys\n"
        # A job in the background of a shell starts with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from zoo_cli import main\n"
        "from zoo_cli.commands import list\n"
        "list.list_models = lambda *a, **k: signal.raise_signal(signal.SIGINT)\n"
        "sys.argv = ['zoo', 'list']\n"
        "main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert done.stderr.endswith("zoo: interrupted\n")
