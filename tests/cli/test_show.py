"""`zoo show`: what a model is, whether it is here, and what to type next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from terminals import run_in_terminal

import zoo
from zoo.config import store
from zoo_cli.output import size_text

if TYPE_CHECKING:
    from conftest import Cli


@pytest.mark.parametrize(
    ("model", "size", "command"),
    [
        ("vgg16", "553 MB, not here yet", "zoo classify photo.png -m vgg16"),
        ("convnext-tiny", "not here yet", "zoo classify photo.png -m convnext-tiny"),
        ("efficientnet-lite0", "9.8 MB, part of the package",
         "zoo classify photo.png -m efficientnet-lite0"),
        ("vgg16-features", "59 MB, not here yet", "zoo train vgg16-features --data FOLDER"),
        ("mlp-pima", None, "zoo train mlp-pima"),
    ],
)  # fmt: skip
def test_the_last_line_is_one_to_type(cli: Cli, monkeypatch, tmp_path, model, size, command):
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    lines = cli("show", model).out.splitlines()
    assert lines[-2:] == ["", f"Try: {command}"]
    sizes = [line.split(None, 1)[1] for line in lines if line.startswith("weights.0.size")]
    assert sizes == ([size] if size else [])
    assert "bytes" not in cli("show", model).out


def test_weights_that_were_downloaded_are_here(cli: Cli, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    path = store().path(zoo.get_spec("vgg16").weights[0])
    path.parent.mkdir(parents=True)
    path.touch()
    assert "weights.0.size        553 MB, here\n" in cli("show", "vgg16").out


@pytest.mark.slow
def test_a_trained_model_is_used_by_its_path(cli: Cli, tmp_path) -> None:
    zoo.train("mlp-pima", epochs=1, output=tmp_path / "my run")
    done = cli("show", "my run")
    assert done.out.endswith("\nTry: zoo predict 'my run' rows.csv\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_nothing_is_cut_off(cli: Cli, tmp_path) -> None:
    """The eighth column of a table counts, too; an address can be copied in one piece."""
    status, text = run_in_terminal(60, "show", "mlp-pima", cwd=tmp_path)
    assert status == 0
    assert text.split() == cli("show", "mlp-pima").out.split()
    assert all(len(line) <= 60 for line in text.splitlines() if "https://" not in line)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (9_780_792, "9.8 MB"),
        (58_889_256, "59 MB"), (553_467_096, "553 MB"), (999_600_000, "1.0 GB"),
        (10**16, "10000 TB"),
    ],
)  # fmt: skip
def test_sizes_as_people_say_them(count: int, text: str) -> None:
    assert size_text(count) == text
