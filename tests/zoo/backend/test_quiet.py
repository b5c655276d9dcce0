"""Nothing but zoo's own words reaches stderr, whatever a backend logs while it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import os, sys
from zoo.backend.quiet import drop_import_logs

def log(text):
    os.write(2, text.encode())

print("before", file=sys.stderr)
try:
    with drop_import_logs():
        log("WARNING: All log messages before absl::InitializeLog() is called are written\\n")
        log("I0000 00:00:1795881767.795912    4998 port.cc:153] oneDNN custom operations are on\\n")
        log("E0000 00:00:1795881767.795912    4998 x.cc:1] cannot be loaded\\n")
        print("a warning", file=sys.stderr)
        if len(sys.argv) > 1:
            raise ImportError("no")
finally:
    print("after", file=sys.stderr)
"""


@pytest.mark.parametrize("fails", [False, True], ids=["imported", "fails"])
def test_information_is_dropped_and_errors_are_not(fails: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *(["fail"] if fails else [])],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert lines[0] == "before"
    assert {line for line in lines[1:4]} == {
        "E0000 00:00:1795881767.795912    4998 x.cc:1] cannot be loaded", "a warning", "after",
    }  # fmt: skip
    assert (lines[-1] == "ImportError: no") is fails


def test_without_a_stderr_nothing_fails() -> None:
    code = "import os; os.close(2)\n"
    code += "from zoo.backend.quiet import drop_import_logs\nwith drop_import_logs(): print('done')"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"done")


@pytest.mark.backends
def test_a_command_says_only_its_own_words(zoo_command, monkeypatch) -> None:
    """JAX, TensorFlow and PyTorch have nothing to say that somebody could act on."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)  # an import of Keras here set it
    done = zoo_command("train", "mlp-pima", "--epochs", "1", "-q", "-o", "run")
    assert (done.returncode, done.stderr) == (0, "")
