"""`zoo generate`: sequences continued by the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zoo

pytestmark = pytest.mark.backends

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stateful alphabet, in as many epochs as it takes."""
    path = tmp_path_factory.mktemp("generate") / "run"
    trained = zoo.train("lstm-alphabet-stateful", epochs=200, seed=1, output=path)
    assert trained.metrics["train"]["accuracy"] >= 0.98
    return path


def test_it_recites_the_alphabet(cli, run: Path) -> None:
    done = cli("generate", run, "--start", "A", "--steps", "25")
    assert (done.status, done.out) == (0, ALPHABET[1:] + "\n")


def test_a_cold_start_knows_no_place(cli, run: Path) -> None:
    """Without what came before, K is as good a beginning as A: the state is what remembers."""
    assert cli("generate", run, "--start", "K", "--steps", "5").out == "BCDEF\n"
    assert cli("generate", run, "--start", "K", "--steps", "1", "--warm").out == "L\n"


def test_a_session_goes_on_in_the_next_call(cli, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "alphabet.session"
    first = cli("generate", run, "--start", "A", "--steps", "10", "--session", file)
    assert f"session: {file}" in first.err
    rest = cli("generate", run, "--steps", "15", "--session", file)
    assert first.out.strip() + rest.out.strip() == ALPHABET[1:]


def test_steps_as_records(cli, run: Path) -> None:
    out = cli("generate", run, "--start", "A", "--steps", "2", "--format", "jsonl").out
    first, second = (json.loads(line) for line in out.splitlines())
    assert {name: first[name] for name in ("step", "input", "output")} == {
        "step": 0, "input": "A", "output": "B"
    }  # fmt: skip
    assert 0.5 < first["score"] <= 1.0
    assert (second["input"], second["output"]) == ("B", "C")
    table = cli("generate", run, "--start", "A", "--steps", "2", "--format", "csv").out
    assert table.splitlines()[0] == "step,input,output,score"


def test_drawn_answers_follow_seed_and_temperature(cli, run: Path) -> None:
    def drawn(temperature: str, seed: str) -> str:
        return cli("generate", run, "--start", "A", "--steps", "25",
                   "--temperature", temperature, "--seed", seed).out  # fmt: skip

    assert drawn("3", "1") == drawn("3", "1") != drawn("3", "2")
    assert drawn("0.01", "1") == ALPHABET[1:] + "\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--steps", "3"], "no letter to start from"),
        (["--start", "a", "--steps", "3"], "'a' is not in the alphabet"),
        (["--start", "A"], "Missing option '--steps'"),
        (["--start", "A", "--steps", "0"], "0 is not in the range x>=1"),
        (["--start", "A", "--steps", "1", "--temperature", "-1"], "is not in the range x>=0.0"),
    ],
)
def test_what_cannot_be_generated(cli, run: Path, arguments: list[str], text: str) -> None:
    done = cli("generate", run, *arguments)
    assert done.status in (1, 2)
    assert text in done.err


def test_models_that_remember_a_window(cli, tmp_path: Path) -> None:
    """A window of letters is a memory too, but none that a session could keep."""
    run = zoo.train("lstm-alphabet-steps", epochs=5, seed=1, output=tmp_path / "run")
    text = "ABC"
    for _ in range(4):  # the last three letters, again and again
        (answer,) = run.model.predict(text[-3:])
        text += answer.prediction
    assert cli("generate", run.path, "--start", "ABC", "--steps", "4").out == f"{text[3:]}\n"
    short = cli("generate", run.path, "--start", "A", "--steps", "4")
    assert "expected at least 3 letters, received 'A'" in short.err
    kept = cli("generate", run.path, "--start", "ABC", "--steps", "4", "--session", tmp_path / "s")
    assert (kept.status, "trained without carry_state" in kept.err) == (2, True)


def test_models_that_continue_nothing(cli) -> None:
    done = cli("generate", "efficientnet-lite0", "--start", "A", "--steps", "1")
    assert (done.status, "does not continue sequences" in done.err) == (2, True)
