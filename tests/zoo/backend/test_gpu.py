"""The main job on a GPU, if one is visible.

``ZOO_TEST_DEVICE=gpu pytest -m gpu`` requires a GPU: these tests then fail instead of skipping if
none is visible.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from places import MUG

pytestmark = [pytest.mark.gpu]


@pytest.fixture(autouse=True)
def gpu(zoo_command) -> None:
    """Skip where no GPU was asked for and none is visible."""
    if os.environ.get("ZOO_TEST_DEVICE", "").startswith("gpu"):
        return
    try:
        seen = subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).stdout
    except FileNotFoundError:
        seen = b""
    if not seen:
        pytest.skip("no GPU is visible; ZOO_TEST_DEVICE=gpu makes this a failure")


def test_classify(zoo_command) -> None:
    done = zoo_command("classify", MUG, "--device", "gpu", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    best = json.loads(done.stdout)["predictions"][0]
    assert best["label"] == "coffee_mug"
    assert best["score"] == pytest.approx(0.763, abs=0.01)


def test_train(zoo_command, tmp_path: Path) -> None:
    done = zoo_command("train", "mlp-pima", "--device", "gpu", "--epochs", "30", "-o", "run")
    assert done.returncode == 0, done.stderr
    environment = json.loads((tmp_path / "run/environment.json").read_text())
    assert any(device.startswith("gpu") for device in environment["devices"])
