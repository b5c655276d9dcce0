"""Configuration: environment first, then config.toml; one folder moves with ZOO_HOME."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo import cache, config
from zoo.errors import UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A home of this test's own; what was read of another is forgotten."""
    for name in ("ZOO_OFFLINE", "ZOO_MIRROR", "ZOO_LICENCES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    config.settings.cache_clear()
    yield tmp_path / "home"
    config.settings.cache_clear()


def write(home: Path, text: str | bytes) -> Path:
    path = home / "config" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_nothing_configured(home):
    """A new user needs no file, and looking creates none."""
    assert config.settings() == config.Settings()
    assert config.as_dict() == {
        "config": str(home / "config/config.toml"),
        "cache": str(home / "cache"),
        "offline": False,
        "plain": False,
        "mirror": None,
        "timeout": None,
        "backend": None,
        "classify_model": "efficientnet-lite0",
        "licences": None,
        "cache.features": 2_000_000_000,
    }
    assert not home.exists()


def test_zoo_home_moves_everything(home, tmp_path, monkeypatch):
    """A cluster user with a small home directory moves cache and configuration at once."""
    write(home, "offline = true")
    assert config.offline()
    assert config.store().root == home / "cache/weights"
    assert config.store("data").root == home / "cache/data"
    assert cache.private_folder("jax") == home / "cache/jax"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ZOO_HOME", "~/elsewhere")
    assert config.home("cache") == tmp_path / "elsewhere/cache"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_HOME", "relative")
    assert config.home("cache") == tmp_path / "relative/cache"


def test_platform_folders_without_zoo_home(home, monkeypatch, tmp_path):
    """Without ZOO_HOME zoo keeps to the platform's folders."""
    monkeypatch.delenv("ZOO_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "k"))
    if sys.platform == "linux":
        assert config.home("cache") == tmp_path / "c/zoo"
        assert config.home("config") == tmp_path / "k/zoo"


def test_environment_beats_the_file(home, monkeypatch):
    """One command can differ from the configuration."""
    write(home, 'offline = true\nmirror = "/from/file"')
    assert (config.offline(), config.as_dict()["mirror"]) == (True, "/from/file")
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    monkeypatch.setenv("ZOO_MIRROR", "/from/environment")
    assert (config.offline(), config.as_dict()["mirror"]) == (False, "/from/environment")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ofline = true", "unknown field `ofline`"),
        ("offline = 'yes'", "Expected `bool`, got `str` - at `$.offline`"),
        ("backend = 5", "Expected `str | null`, got `int` - at `$.backend`"),
        ("offline = ", "Invalid value"),
        ("licences = 'MIT'", "Expected `array | null`, got `str` - at `$.licences`"),
        (f"timeout = {'1' * 400}", "Number out of range - at `$.timeout`"),
        (f"timeout = {'1' * 5000}", "Exceeds the limit"),
    ],
)
def test_a_wrong_file_is_named(text, told, home, zoo_command):
    """A slip in the configuration is wrong usage, exit 2, with the file to mend."""
    path = write(home, text)
    with pytest.raises(UsageError) as caught:
        config.settings()
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    done = zoo_command("classify", "mug.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"zoo: {path}: ")
    assert zoo_command("list").returncode == 0  # needs no configuration


def test_a_file_that_cannot_be_read_is_named(home):
    path = home / "config" / "config.toml"
    path.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"config\.toml: is a folder, expected") as caught:
        config.settings()
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_never_ends_is_refused(home, zoo_command):
    """A pipe in the place of the configuration must not hang every command."""
    path = write(home, "")
    path.unlink()
    os.mkfifo(path)
    done = zoo_command("classify", "mug.png")
    assert (done.returncode, done.stderr) == (2, f"zoo: {path}: is a pipe, expected a file\n")


def test_the_model_that_classifies(home, zoo_command):
    """`zoo classify` without -m asks the configured model."""
    write(home, "classify_model = 'nosuch'")
    done = zoo_command("classify", "mug.png")
    assert (done.returncode, done.stderr) == (2, "zoo: no model is called 'nosuch'.\n")


# Licences


def test_weights_of_other_licences_are_refused(home, cli, monkeypatch, tmp_path):
    """A company's list holds for shipped weights, for downloads, and for files added by hand."""
    write(home, "licences = ['mit', 'BSD-*']")
    assert config.as_dict()["licences"] == ("mit", "BSD-*")
    told = (
        "zoo: efficientnet-lite0: the weights 'imagenet' have the licence 'Apache-2.0', and "
        "licences in config.toml allows only mit, BSD-*; add the licence there, or use another "
        "model\n"
    )
    mug = Path(__file__).parents[2] / "examples/mug.png"
    for command in (["classify", mug], ["weights", "pull", "efficientnet-lite0"]):
        done = cli(*command)
        assert (done.status, done.out, done.err) == (2, "", told)
    done = cli("weights", "add", "vgg16", mug)
    assert (done.status, "'CC-BY-4.0'" in done.err) == (2, True)
    with pytest.raises(UsageError, match=r"licence 'Apache-2\.0'"):
        _ = zoo.get_model("efficientnet-lite0").keras
    assert cli("weights", "list", "vgg16").status == 0
    monkeypatch.setenv("ZOO_LICENCES", "MIT, apache-*")
    assert cli("classify", mug).status == 0
    monkeypatch.setenv("ZOO_LICENCES", "MIT")
    assert "ZOO_LICENCES allows only MIT" in cli("classify", mug).err


def test_no_licence_is_none_that_is_allowed(home, monkeypatch):
    config.check_licence("x: the weights 'y'", "")
    monkeypatch.setenv("ZOO_LICENCES", "MIT")
    with pytest.raises(UsageError, match="the weights 'y' state no licence, and ZOO_LICENCES"):
        config.check_licence("x: the weights 'y'", "")
    monkeypatch.setenv("ZOO_LICENCES", "*")
    config.check_licence("x: the weights 'y'", "")
    monkeypatch.delenv("ZOO_LICENCES")
    write(home, "licences = []")
    config.settings.cache_clear()
    with pytest.raises(UsageError, match=r"config\.toml allows only none"):
        config.check_licence("x: the weights 'y'", "MIT")


def test_bundles_of_other_licences_are_refused(home, monkeypatch, tmp_path):
    """A bundle tells the licence of its spec; one that tells none is the user's own."""
    import json

    from msgspec.structs import replace

    from zoo.spec.files import spec_to_data
    from zoo_weights import write_bundle

    spec = replace(zoo.get_spec("mlp-pima"), licence="GPL-3.0")
    for name, made in (("gpl", spec), ("own", replace(spec, licence=""))):
        headers = {"spec": json.dumps(spec_to_data(made)), "state": '{"input": {}, "output": {}}'}
        write_bundle(tmp_path / name, headers, [])
    zoo.load(tmp_path / "gpl")
    monkeypatch.setenv("ZOO_LICENCES", "MIT")
    with pytest.raises(UsageError, match=r"gpl: the weights of mlp-pima have the licence 'GPL"):
        zoo.load(tmp_path / "gpl")
    with pytest.raises(UsageError, match=r"have the licence 'GPL-3\.0', and ZOO_LICENCES"):
        zoo.get_model("mlp-pima", weights=tmp_path / "gpl").check_weights()
    assert zoo.load(tmp_path / "own").spec.licence == ""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_private_folders_are_this_user_s_alone(umask, home):
    """Compiled programs are native code: who can write them runs as the user who reads them."""
    before = os.umask(umask)
    try:
        folder = cache.private_folder("jax")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert cache.private_folder("jax").stat().st_mode & 0o777 == 0o700


def test_no_private_folder_where_none_can_be(home):
    """Without a folder of its own zoo works without the cache."""
    (home / "cache").mkdir(parents=True)
    (home / "cache/jax").write_text("in the way")
    assert cache.private_folder("jax") is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_somebody_else_s_folder_is_not_used(home):
    """A folder that another user prepared may hold that user's code."""
    folder = cache.private_folder("jax")
    os.chown(folder, 12345, -1)
    assert cache.private_folder("jax") is None


CHOOSE = """
import sys, zoo.backend.choose as backend
backend.request(sys.argv[1] or None)
try:
    print(backend.chosen_backend())
except backend.BackendError as error:
    print(error)
assert not {"keras", "jax", "tensorflow", "torch"} & {m for m in sys.modules if sys.modules[m]}
"""


@pytest.mark.parametrize(
    ("flag", "variable", "configured", "installed", "told"),
    [
        ("torch", "jax", "jax", "jax tensorflow torch", "torch"),
        ("", "tensorflow", "jax", "jax tensorflow torch", "tensorflow"),
        ("", "", "torch", "jax tensorflow torch", "torch"),
        ("", "", "", "jax tensorflow torch", "jax"),
        ("", "", "", "tensorflow torch", "tensorflow"),
        ("", "", "", "torch", "torch"),
        ("", "", "", "torch openvino", "torch"),
        ("", "", "", "openvino", "openvino"),
        ("", "", "", "", "no Keras backend is installed; run: pip install 'keras-zoo[jax]'"),
        (
            "jax", "", "", "torch",
            "backend 'jax' is not installed; run: pip install 'keras-zoo[jax]'",
        ),
        (
            "", "theano", "", "jax",
            "KERAS_BACKEND must be one of jax, tensorflow, torch, openvino, received 'theano'",
        ),
        (
            "", "", "theano", "jax",
            "backend in config.toml must be one of jax, tensorflow, torch, openvino, "
            "received 'theano'",
        ),
    ],
)  # fmt: skip
def test_the_order_in_which_a_backend_is_chosen(
    flag, variable, configured, installed, told, home, tmp_path
):
    """Flag, variable, configuration, what is installed; and nothing is imported to find out."""
    site = tmp_path / "site"
    names = ("jax", "tensorflow", "torch", "openvino")
    for name in names:
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").touch()
    if configured:
        write(home, f"backend = '{configured}'")
    missing = set(names) - set(installed.split())
    hide = f"import sys\nfor name in {missing}: sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", hide + CHOOSE, flag],
        env={**os.environ, "PYTHONPATH": str(site), "KERAS_BACKEND": variable},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{told}\n", "")


def test_a_timeout_is_an_option_then_a_variable_then_a_setting(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZOO_TIMEOUT", raising=False)
    assert config.timeout() is None
    write(home, "timeout = 30.5")
    config.settings.cache_clear()
    assert config.timeout() == 30.5
    monkeypatch.setenv("ZOO_TIMEOUT", "20")
    assert config.store().seconds == 20.0
    assert config.timeout("10") == 10.0
    for value in ("soon", "0", "-1", "nan", "inf", "1e300"):
        monkeypatch.setenv("ZOO_TIMEOUT", value)
        with pytest.raises(UsageError, match=f"ZOO_TIMEOUT is '{value}'; give a number of seconds"):
            config.timeout()
