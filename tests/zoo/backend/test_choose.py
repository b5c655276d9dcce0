"""Backend and device: settled before Keras is imported, or an error that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.backend.choose import installed_backends

REPORT = (
    "import sys, zoo.backend.choose as b\n"
    "b.request(*[a or None for a in sys.argv[1:3]])\n"
    "k = b.keras()\n"
    "print(k.config.backend(), b.devices()[0].partition(':')[0])"
)


def python(code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        env={k: v for k, v in {**os.environ, **env}.items() if v != "UNSET"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.backends
def test_the_backend_asked_for_is_the_one_used() -> None:
    wanted = os.environ["KERAS_BACKEND"]
    done = python(REPORT, "", "", KERAS_BACKEND=wanted)
    assert done.stdout.split()[0] == wanted, done.stderr
    # A flag beats the variable.
    others = [name for name in installed_backends() if name != wanted]
    if others:
        done = python(REPORT, wanted, "cpu", KERAS_BACKEND=others[0])
        assert done.stdout.split() == [wanted, "cpu"], done.stderr


def test_configuration_then_what_is_installed(tmp_path: Path) -> None:
    installed = installed_backends()
    done = python(REPORT, "", "", KERAS_BACKEND="UNSET", ZOO_HOME=str(tmp_path))
    assert done.stdout.split()[0] == installed[0]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.toml").write_text(f'backend = "{installed[-1]}"')
    done = python(REPORT, "", "", KERAS_BACKEND="UNSET", ZOO_HOME=str(tmp_path))
    assert done.stdout.split()[0] == installed[-1]


@pytest.mark.skipif("openvino" not in installed_backends(), reason="needs openvino")
@pytest.mark.parametrize("who", ["--backend", "KERAS_BACKEND", "backend in config.toml"])
def test_zoo_plain_and_openvino_by_name_contradict_each_other(who: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    env = {"KERAS_BACKEND": "UNSET", "ZOO_HOME": str(tmp_path), "ZOO_PLAIN": "1"}
    asked = "openvino" if who == "--backend" else ""
    if who == "KERAS_BACKEND":
        env[who] = "openvino"
    elif not asked:
        (tmp_path / "config/config.toml").write_text('backend = "openvino"')
    done = python(REPORT, asked, "", **env)
    assert f"openvino ({who}) is a fast path, and ZOO_PLAIN turns those off" in done.stderr


@pytest.mark.skipif("openvino" not in installed_backends(), reason="needs openvino")
def test_zoo_plain_prefers_nothing() -> None:
    code = "import zoo.backend.choose as b\nb.prefer('openvino')\nprint(b.chosen_backend())"
    found = [python(code, KERAS_BACKEND="UNSET", ZOO_PLAIN=plain).stdout for plain in ("", "1")]
    assert found[0] == "openvino\n"
    assert found[1] != found[0]


def test_nobodys_keras_json_is_written(tmp_path: Path) -> None:
    python(REPORT, "", "", HOME=str(tmp_path), KERAS_HOME="UNSET", ZOO_HOME=str(tmp_path / "zoo"))
    assert not (tmp_path / ".keras").exists()


def test_a_network_module_that_imports_keras_meets_the_backend_zoo_chose(tmp_path: Path) -> None:
    """Nothing is set, as on a fresh machine; plain Keras would fall back to TensorFlow."""
    code = (
        "import zoo, sys\n"
        "zoo.get_model('efficientnet-lite0', weights=None).architecture()\n"
        "from zoo.backend.choose import installed_backends\n"
        "print(sys.modules['keras'].config.backend() == installed_backends()[0])"
    )
    home = {"HOME": str(tmp_path), "KERAS_HOME": "UNSET", "ZOO_HOME": str(tmp_path / "zoo")}
    done = python(code, KERAS_BACKEND="UNSET", **home)
    assert done.stdout == "True\n", done.stderr
    assert not (tmp_path / ".keras").exists()


def test_keras_that_is_there_already_stands() -> None:
    code = (
        "import keras\n"
        "import zoo.backend.choose as b\n"
        "assert b.keras() is keras\n"
        "b.request('jax')\n"
        "try:\n    b.request('torch')\n"
        "except b.BackendError as error:\n    print(error)"
    )
    done = python(code, KERAS_BACKEND="jax")
    assert done.stdout == (
        "backend 'torch' was requested, but Keras is already imported with 'jax'\n"
    ), done.stderr


@pytest.mark.parametrize(
    ("backend", "device", "text"),
    [
        (
            "theano",
            "",
            "--backend must be one of jax, tensorflow, torch, openvino, received 'theano'",
        ),
        ("", "tpu", "device must be cpu, gpu or gpu:N, received 'tpu'"),
        ("", "cpu:1", "device must be cpu, gpu or gpu:N"),
    ],
)
def test_names_that_are_none(backend: str, device: str, text: str) -> None:
    assert text in python(REPORT, backend, device).stderr


def test_a_backend_that_is_not_installed_comes_with_the_line_that_installs_it() -> None:
    code = (
        "import importlib.util, zoo.backend.choose as b\n"
        "b.installed_backends = lambda: []\n"
        "try:\n    b.chosen_backend()\n"
        "except b.BackendError as error:\n    print(error)"
    )
    done = python(code, KERAS_BACKEND="UNSET")
    assert done.stdout == ("no Keras backend is installed; run: pip install 'keras-zoo[jax]'\n"), (
        done.stderr
    )
    done = python(code, KERAS_BACKEND="torch")
    assert "backend 'torch' is not installed; run: pip install 'keras-zoo[torch]'" in done.stdout


@pytest.mark.backends
def test_a_gpu_that_is_not_there_is_an_error_not_a_slow_cpu() -> None:
    done = python(REPORT, "", "gpu", CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    assert done.returncode != 0
    assert "sees no GPU" in done.stderr


def test_a_gpu_of_another_number_is_told_apart_from_none_at_all() -> None:
    done = python(REPORT, "jax", "gpu:7", JAX_PLATFORMS="cpu")
    assert done.returncode != 0
    assert "jax sees no GPU 7; `nvidia-smi -L` lists the GPUs" in done.stderr


@pytest.mark.parametrize("own", ["UNSET", "true"])
def test_a_gpu_is_shared_unless_the_user_says_otherwise(own: str) -> None:
    """JAX would take most of its memory for the smallest network, and say so in many lines."""
    names = ("XLA_PYTHON_CLIENT_PREALLOCATE", "TF_CPP_MIN_LOG_LEVEL")
    code = f"import os, zoo.backend.choose as b; b.jax(); print(*[os.environ[n] for n in {names}])"
    done = python(code, **{names[0]: own, names[1]: "UNSET"})
    assert done.stdout.split() == ["false" if own == "UNSET" else own, "2"], done.stderr


def test_compiled_code_lies_in_a_private_folder(tmp_path: Path) -> None:
    code = (
        "import zoo.backend.choose as b\n"
        "b.request('jax', 'cpu'); b.keras()\n"
        "import jax; jax.jit(lambda x: x * 3 + 1)(2.0)"
    )
    old = os.umask(0o002)
    try:
        done = python(code, ZOO_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="UNSET")
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "cache" / "jax"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert any(folder.iterdir())
