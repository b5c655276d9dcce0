"""Ordinary trouble of a machine is one sentence with path, cause and cure; never a traceback."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from zoo.errors import KINDS, describe
from zoo_weights import atomic_write, write_bundle
from zoo_weights.errors import SYSTEM_CURES, CannotWrite

MUG = ROOT / "examples/mug.png"
RUN_ZOO = f"{sys.executable} -c 'from zoo_cli.main import main; main()'"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command.replace("ZOO ", f"{RUN_ZOO} ")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_error_shows_its_traceback_on_request_only(cli):
    for arguments, status in ((["show", "nosuch"], 2), (["list", "--nosuch"], 2)):
        assert "Traceback" not in cli(*arguments).err
        done = cli(*arguments, "-vv")
        assert done.status == status
        sentence, _, rest = done.err.partition("Traceback (most recent call last)")
        assert "nosuch" in sentence
        assert rest


def test_an_unforeseen_error_says_how_to_report_it(cli, monkeypatch):
    def fail(*_, **__):
        msg = "a bug\nof ours"
        raise TypeError(msg)

    monkeypatch.setattr("zoo_cli.commands.list.list_models", fail)
    done = cli("list")
    start = "zoo: internal error: TypeError: a bug of ours; run again with -vv and report it "
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert done.err.startswith(start)
    assert "in fail" in cli("list", "-vv").err


def test_where_to_report_comes_from_the_package(monkeypatch):
    from email.message import Message

    links = Message()
    links["Project-URL"] = "Homepage, https://h.example"
    links["Project-URL"] = "Issues, https://h.example/issues"
    monkeypatch.setattr("importlib.metadata.metadata", lambda name: links)
    assert describe(KeyError("x"), "").endswith("and report it at https://h.example/issues")


def test_memory_that_runs_out_is_no_bug(cli, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("zoo_cli.commands.list.list_models", fail)
    assert cli("list").err.startswith("zoo: not enough memory; pass less data at once")


def test_a_thread_prints_no_traceback(zoo_command):
    code = (
        "import threading, sys, zoo_cli.main as m\n"
        "from zoo_cli.commands import list\n"
        "def work(): raise KeyError('in a thread')\n"
        "def models(*a, **k):\n"
        "    thread = threading.Thread(target=work); thread.start(); thread.join(); return []\n"
        "list.list_models = models; sys.argv = ['zoo', 'list']; m.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "zoo: internal error: KeyError: 'in a thread'; run again" in done.stderr
    assert "Traceback" not in done.stderr


# Standard output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["ZOO list >/dev/full", "ZOO show vgg16 >/dev/full"])
def test_standard_output_on_a_full_disk(command):
    done = shell(command)
    sentence = "zoo: standard output: cannot be written, no space left on device; free some space"
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_messages_that_cannot_be_written_keep_the_exit_status():
    assert shell("ZOO show nosuch 2>/dev/full").returncode == 2
    assert shell("ZOO show nosuch 2>&-").returncode == 2
    assert shell("ZOO list >&-").stderr == ""


def test_a_reader_that_goes_away_ends_the_job_in_silence():
    for command in ("ZOO --help", "ZOO list", "ZOO show vgg16 --json"):
        done = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
        assert (done.returncode, done.stderr) == (0, ""), command


def test_an_end_of_file_is_not_taken_for_an_interrupt(cli, monkeypatch):
    def fail(*_, **__):
        msg = "half a file"
        raise EOFError(msg)

    monkeypatch.setattr("zoo_cli.commands.list.list_models", fail)
    done = cli("list")
    assert done.status == 1
    assert "EOFError: half a file" in done.err


# Files


@pytest.fixture
def full():
    """No file may be larger than 3,000 bytes: writing fails as on a full disk."""
    import jax

    # All tests share the cache of programs, and JAX would leave half an entry there.
    jax.config.update("jax_enable_compilation_cache", False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    jax.config.update("jax_enable_compilation_cache", True)


def test_a_run_that_does_not_fit(cli, tmp_path, full):
    """HDF5 itself crashes the process when it cannot write."""
    done = cli("train", "mlp-pima", "--epochs", "1", "-o", "run")
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith("zoo: run/")
    assert ": cannot be written, file too large; raise the limit" in done.err
    assert not list((tmp_path / "run").glob("*"))


@pytest.mark.parametrize("limit", [50, 900, 2500, 5000, 40_000])
def test_a_bundle_that_does_not_fit_leaves_nothing_and_does_not_crash(tmp_path, limit):
    """At whatever byte the disk is full; in another process, which would die of a signal."""
    code = (
        "import resource, numpy, pathlib\n"
        "from zoo_weights import Slot, write_bundle\n"
        "before = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, before[1]))\n"
        "array = numpy.zeros(20_000, 'f4')\n"
        "slot = Slot('l', 0, 'l/k', array.shape, 'float32', 'layers/l/vars/0')\n"
        "try:\n"
        "    write_bundle(pathlib.Path('model.zoo'), {'spec': '{}'}, [(slot, array)])\n"
        "except OSError as error:\n"
        "    print(error.errno, error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, before)\n"  # coverage writes at the end
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{errno.EFBIG} model.zoo: cannot be written, file too large; ")
    assert not os.listdir(tmp_path)


def test_an_interrupted_bundle_is_not_a_crash(tmp_path):
    """Ctrl-C while HDF5 writes is raised when it is done."""
    import h5py

    from zoo_weights.writers import _Output

    class Interrupted(io.FileIO):
        def write(self, data):
            raise KeyboardInterrupt

    with Interrupted(tmp_path / "x", "w+b") as stream:
        output = _Output(stream)
        with h5py.File(output, "w") as file:
            file["a"] = [1, 2, 3]
        with pytest.raises(KeyboardInterrupt):
            output.check()


def test_results_that_do_not_fit(cli, tmp_path, full):
    rows = [{"input": str(i)} for i in range(1000)]

    def write(append: bool) -> None:
        from zoo_cli.output import open_output

        with open_output(str(tmp_path / "x.jsonl"), append=append) as file:
            print(json.dumps(rows), file=file)

    for append in (False, True):
        with pytest.raises(OSError, match="file too large") as caught:
            write(append)
        sentence = describe(caught.value, "")
        assert sentence.startswith(f"{tmp_path}/x.jsonl: cannot be written, file too large")


def test_an_output_in_a_folder_that_is_missing(cli, tmp_path):
    done = cli("list", "vgg*", "--json")
    assert done.status == 0
    with pytest.raises(CannotWrite) as caught, atomic_write(tmp_path / "no/x.csv"):
        pass
    assert describe(caught.value, "") == f"{tmp_path}/no/x.csv: there is no folder {tmp_path}/no"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "cannot be written, no space left on device; free some space, or write"),
        (errno.EDQUOT, "cannot be written, disk quota exceeded; free some space"),
        (errno.EROFS, "cannot be written, read-only file system; write elsewhere (-o"),
        (errno.EACCES, "cannot be made, permission denied; change the permissions, or write"),
        (errno.ENOENT, "cannot be opened, no such file or directory; check the path"),
        (errno.EMFILE, "too many open files; raise the limit (`ulimit -n`)"),
        (errno.EXDEV, "invalid cross-device link; check the path and the disk"),
    ],
)
def test_what_the_system_reports(number, told, tmp_path):
    error = OSError(number, os.strerror(number), str(tmp_path / "x"))
    assert told in describe(error, "")
    assert describe(error, "").startswith(f"{tmp_path}/x: ")


def test_trouble_without_a_file():
    told = describe(OSError(errno.EMFILE, "Too many open files"), "")
    assert told == "too many open files; raise the limit (`ulimit -n`)"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(cli, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = cli("train", "mlp-pima", "--epochs", "1", "-o", "locked/run")
    assert done.status == 1
    assert "locked/run: cannot be made, permission denied; change the permissions" in done.err


def test_the_system_has_such_errors():
    assert all(hasattr(errno, name) for name in SYSTEM_CURES)


# The cache


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """A cache that cannot be made, as on a read-only disk."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file/home"))


def test_without_a_cache_everything_else_works(cli, tmp_path, no_cache):
    assert cli("classify", MUG).out == "coffee_mug (76.3%)\n"
    done = cli("classify", MUG, "-o", "x.jsonl", "--format", "jsonl", "--resume")
    assert (done.status, json.loads((tmp_path / "x.jsonl").read_text())["error"]) == (0, None)
    assert sorted(os.listdir(tmp_path)) == ["file", "x.jsonl"]
    done = cli("weights", "pull", "vgg16")
    assert done.status == 1
    assert "cannot be made, file exists; move it away, or pass another path" in done.err


def test_without_a_home(tmp_path, monkeypatch):
    """As for a user in a container who has no name there."""
    from zoo import cache, config

    def unknown(*_):
        raise KeyError

    for name in ("HOME", "ZOO_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    config.settings.cache_clear()
    monkeypatch.chdir(tmp_path)
    assert config.settings() == config.Settings()
    assert cache.private_folder("jax") is None
    assert not os.listdir(tmp_path)
    assert "set HOME or ZOO_HOME" in str(config.store().root)
    monkeypatch.setenv("ZOO_HOME", "~nosuch/x")
    assert "set HOME or ZOO_HOME" in str(config.home("cache"))


# Files that are damaged


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"floatx": "float8"}', "floatx: must be one of float16, float32, float64, received"),
        ('{"floatx": [1]}', "floatx: expected `str`, got `array`, received [1]"),
        ('{"epsilon": 1}', "epsilon: expected `float` < 1.0, received 1"),
        ('{"epsilon": "x"}', "epsilon: expected `float`"),
        ('{"image_data_format": "rows"}', "image_data_format: must be one of channels_last"),
        ("[]", "top level: expected `object`, got `array`"),
        ("{", "is not JSON, "),
        ("[" * 100_000, "is not JSON, "),
        ("\udcff", "is not JSON, "),
    ],
)
def test_a_keras_json_that_is_wrong(text, told, tmp_path):
    from zoo.backend.keras_private import read_settings
    from zoo.errors import BackendError

    file = tmp_path / "keras.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BackendError) as caught:
        read_settings(file)
    assert str(caught.value).startswith(f"{file}: {told}")
    assert str(caught.value).endswith("; correct it, or delete it: Keras writes a new one")


def test_a_keras_json_that_never_ends(tmp_path):
    from zoo.backend.keras_private import read_settings
    from zoo.errors import BackendError

    os.mkfifo(tmp_path / "keras.json")
    with pytest.raises(BackendError, match=r"keras\.json: is a pipe, expected a file; correct it"):
        read_settings(tmp_path / "keras.json")


def test_a_keras_json_that_is_right(tmp_path):
    from zoo.backend.keras_private import KerasSettings, read_settings

    file = tmp_path / "keras.json"
    assert read_settings(file) == KerasSettings()
    file.touch()
    assert read_settings(file) == KerasSettings()
    file.write_text('{"floatx": "float16", "backend": "jax", "new": 1}')
    assert read_settings(file).floatx == "float16"


def test_a_wrong_keras_json_ends_a_command(zoo_command, tmp_path):
    file = tmp_path / "home/cache/keras/keras.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"floatx": "float8"}')
    done = zoo_command("summary", "mlp-pima", env={"ZOO_HOME": str(tmp_path / "home")})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"zoo: {file}: floatx: must be one of")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 100_000, "\x00", '{"input": 1}'])
def test_a_resumed_file_of_something_else(line, cli, tmp_path):
    (tmp_path / "x.jsonl").write_text(line + "\n")
    done = cli("classify", MUG, "-o", "x.jsonl", "--format", "jsonl", "--resume")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "zoo: x.jsonl: line 1 was not written by `zoo classify` as jsonl; pass another -o FILE\n"
    )


def test_a_resumed_csv_with_an_endless_cell(cli, tmp_path):
    (tmp_path / "x.csv").write_text("a" * 200_000 + "\n")
    done = cli("classify", MUG, "-o", "x.csv", "--format", "csv", "--resume")
    assert done.status == 2
    assert "line 1 was not written by `zoo classify` as csv" in done.err


def test_a_damaged_checkpoint_says_what_to_do(cli, tmp_path, killed):
    train = ("train", "mlp-pima", "--epochs", "3", "--seed", "1", "-o", "run")
    killed(1, lambda: cli(*train))
    checkpoint = tmp_path / "run/checkpoint.h5"
    whole = checkpoint.read_bytes()
    cure = "; delete its folder and start again, or pass another -o DIR\n"
    for damaged in (b"", whole[:-200], whole[:2000] + b"\xff\x7f" + whole[2002:], b"x" * 5000):
        checkpoint.write_bytes(damaged)
        done = cli(*train, "--resume")
        assert done.status == 1, done
        assert done.err.startswith("zoo: run/checkpoint.h5: cannot be resumed, it is damaged (")
        assert done.err.endswith(cure)
    write_bundle(checkpoint, {"identity": "[" * 50_000, "progress": "{}", "best": "0"}, [])
    done = cli(*train, "--resume")
    assert (done.status, done.err.endswith(cure)) == (1, True)


def test_a_damaged_tuning_says_what_to_do(cli, tmp_path):
    (tmp_path / "tuned").mkdir()
    seeds = '{"identity": {"seeds": ["x"]}, "metric": null, "results": []}'
    for text in ("{", "[]", '{"identity": {}}', "[" * 100_000, seeds):
        (tmp_path / "tuned/tune.json").write_text(text)
        done = cli("tune", "mlp-pima", "--grid", "epochs=1", "-o", "tuned", "--resume")
        assert done.status == 1, done
        assert done.err.startswith("zoo: tuned/tune.json: cannot be resumed, it is damaged (")


# Kinds


def kinds_used() -> set[str]:
    """Return the kinds that the code of the distribution gives its `InputError`s."""
    used: set[str] = set()
    for folder in ("zoo", "cli", "weights", "plugins"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    for keyword in node.keywords if called in ("InputError", "Failure") else ():
                        if keyword.arg == "kind":
                            words = {
                                part.value
                                for part in ast.walk(keyword.value)
                                if isinstance(part, ast.Constant)
                            }
                            assert words, f"{file}:{node.lineno}: write the kind in the call"
                            used |= words
    return used


def test_every_kind_is_declared_and_used():
    """docs/errors.md is made from the declarations."""
    assert kinds_used() - KINDS.keys() == set()
    assert KINDS.keys() - kinds_used() - {"internal"} == set()
    for name, (cause, cure) in KINDS.items():
        assert cause.endswith("."), name
        assert cure.endswith("."), name
