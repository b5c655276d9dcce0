"""Sessions keep state between calls; each of these tests fails if one is dropped."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiers import slow

import zoo
from zoo.errors import InputError, SpecError, UsageError

pytestmark = pytest.mark.backends

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def spec(cell: str = "lstm", widths: tuple[int, ...] = (8,), **changes: Any) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="letters",
        task="sequence-prediction",
        architecture=zoo.Component("sequence/recurrent", cell=cell, widths=list(widths)),
        input=zoo.Component("sequence/letters"),
        output=zoo.Component("sequence/classes", labels=list(LETTERS)),
        **changes,
    )


def fresh(cell: str = "lstm", widths: tuple[int, ...] = (8,), seed: int = 1) -> zoo.Model:
    """A model of random weights, large enough for its answers to differ by more than noise."""
    model = zoo.Model(spec(cell, widths), weights=None)
    draw = np.random.default_rng(seed)
    for variable in model.keras.weights:
        variable.assign(draw.normal(0.0, 0.7, variable.shape))
    return model


@pytest.fixture(scope="module")
def model() -> zoo.Model:
    return fresh()


def steps(count: int, sequences: int = 1, seed: int = 3) -> np.ndarray[Any, Any]:
    draw = np.random.default_rng(seed)
    return draw.uniform(0.0, 1.0, (sequences, count, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("cell", "widths"),
    [
        ("lstm", (8,)),
        ("gru", (6, 5)),
        slow("simple", (7,)),
        slow("lstm", (5, 4, 3)),
    ],
)
def test_two_halves_are_the_whole(cell: str, widths: tuple[int, ...]) -> None:
    model, sequence = fresh(cell, widths), steps(10, sequences=3)
    whole, halves = model.session(3), model.session(3)
    first = halves.call(sequence[:, :4])
    last = halves.call(sequence[:, 4:])
    np.testing.assert_allclose(last, whole.call(sequence), atol=1e-5)
    for name, state in halves.state.items():
        np.testing.assert_allclose(state, whole.state[name], atol=1e-5)

    assert abs(first - last).max() > 1e-3
    # Without a state the second half alone would be the answer.
    assert abs(model.session(3).call(sequence[:, 4:]) - last).max() > 1e-3


def test_a_session_begins_where_the_network_does(model: zoo.Model) -> None:
    sequence = steps(1, sequences=5)
    outputs = model.session(5).call(sequence)
    np.testing.assert_allclose(outputs, model.outputs(sequence), atol=1e-5)


def test_its_states_have_names_and_shapes() -> None:
    session = fresh("lstm", (5, 4)).session(3)
    shapes = {name: state.shape for name, state in session.state.items()}
    assert shapes == {
        "lstm_1_h": (3, 5), "lstm_1_c": (3, 5), "lstm_2_h": (3, 4), "lstm_2_c": (3, 4)
    }  # fmt: skip
    assert not any(state.any() for state in session.state.values())
    session.call(steps(1, sequences=3))
    before = session.state
    before["lstm_1_h"][:] = 99.0  # a copy: nobody writes into a session
    assert abs(session.state["lstm_1_h"]).max() < 1.0
    session.reset()
    assert not any(state.any() for state in session.state.values())


def test_sixty_four_interleaved_sessions_are_sixty_four_separate_ones(model: zoo.Model) -> None:
    """Each is at another place of its own text, and they take turns in groups of any size."""
    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list(LETTERS), 3 + number % 5)) for number in range(64)]
    separate = []
    for text in texts:
        session = model.session()
        separate.append([session.step(letter).probabilities for letter in text])

    sessions = [model.session() for _ in texts]
    answers: list[list[Any]] = [[] for _ in texts]
    while waiting := [n for n, text in enumerate(texts) if len(answers[n]) < len(text)]:
        chosen = draw.permutation(waiting)[: draw.integers(1, len(waiting) + 1)].tolist()
        letters = [texts[n][len(answers[n])] for n in chosen]
        results = model.step([sessions[n] for n in chosen], letters)
        for number, result in zip(chosen, results, strict=True):
            answers[number].append(result.probabilities)

    for expected, received in zip(separate, answers, strict=True):
        for one, other in zip(expected, received, strict=True):
            np.testing.assert_allclose(list(one.values()), list(other.values()), atol=1e-5)


def test_a_letter_in_and_an_answer_out(model: zoo.Model) -> None:
    session = model.session()
    first = session.step("B")
    assert first.prediction in LETTERS
    assert first.probabilities is not None
    assert sum(first.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    again = session.step("B")
    assert again.score != pytest.approx(first.score, abs=1e-6)
    session.reset()
    assert session.step("B").score == pytest.approx(first.score, abs=1e-6)

    several = model.session(2)
    results = several.step(["B", "Q"])
    assert [result.row for result in results] == [0, 1]
    assert results[0].score == pytest.approx(first.score, abs=1e-5)
    assert several.step(["BA", "QZ"])[0].row == 0


def test_as_many_sequences_as_the_first_call_feeds(model: zoo.Model) -> None:
    sequence = steps(3, sequences=4)
    session, alone = model.session(), model.session(4)
    assert session.sequences == 0
    assert session.fork().sequences == 0
    with pytest.raises(InputError, match=r"shape \(sequences, steps, ...\), received \(1, 0, 1\)"):
        session.call(np.zeros((1, 0, 1)))
    np.testing.assert_allclose(session.call(sequence), alone.call(sequence), atol=1e-6)
    assert session.sequences == 4
    with pytest.raises(InputError, match=r"shape \(4, steps, ...\), received \(1, 3, 1\)"):
        session.call(sequence[:1])
    assert [result.row for result in model.session().step(["A", "B", "C"])] == [0, 1, 2]


def test_a_fork_does_not_disturb_its_parent(model: zoo.Model) -> None:
    parent, alone = model.session(), model.session()
    for session in (parent, alone):
        session.step("H")
    child = parent.fork()
    for letter in "XYZ":
        child.step(letter)
    expected = alone.step("I").score
    assert parent.step("I").score == pytest.approx(expected, abs=1e-6)
    assert child.step("I").score != pytest.approx(expected, abs=1e-6)


def test_a_bad_input_loses_nothing(model: zoo.Model) -> None:
    session, alone = model.session(2), model.session(2)
    for each in (session, alone):
        each.step(["A", "B"])
    before = session.state
    for raw, text in (
        (["A", "?"], "'\\?' is not in the alphabet"),
        (["A"], r"expected an array of shape \(2, steps, ...\), received \(1, 1, 1\)"),
        (["AB", "C"], "the same number of steps"),
    ):
        with pytest.raises(InputError, match=text):
            session.step(raw)
    for array, text in (
        (steps(1), r"shape \(2, steps, ...\), received \(1, 1, 1\)"),
        (np.zeros((2, 0, 1)), "received \\(2, 0, 1\\)"),
        (np.zeros((2, 1, 3)), "takes an array of shape"),
        (np.full((2, 1, 1), "A"), "takes numbers"),
    ):
        with pytest.raises(InputError, match=text):
            session.call(array)
    for name, state in before.items():
        np.testing.assert_array_equal(session.state[name], state)
    assert session.step(["C", "D"])[1].score == pytest.approx(
        alone.step(["C", "D"])[1].score, abs=1e-6
    )


def test_who_may_be_fed_together(model: zoo.Model) -> None:
    session = model.session()
    for sessions, raws, text in (
        ([session, session], ["A", "B"], "cannot be fed twice"),
        ([session, fresh().session()], ["A", "B"], "must be of one model"),
        ([session], ["A", "B"], "an input for each session, received 2 for 1"),
        ([], [], "received 0 for 0"),
    ):
        with pytest.raises(UsageError, match=text):
            model.step(sessions, raws)
    with pytest.raises(InputError, match="the same number of steps"):
        model.step([session, model.session()], ["A", "BC"])
    with pytest.raises(UsageError, match="received 0"):
        model.session(0)


def test_threads_take_turns(model: zoo.Model) -> None:
    """Whatever the order of the calls, none is lost and none sees half a state."""
    session, sequence = model.session(), steps(1)
    once = model.session()
    for _ in range(40):
        expected = once.call(sequence)
    threads = [
        threading.Thread(target=lambda: [session.call(sequence) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, state in once.state.items():
        np.testing.assert_allclose(session.state[name], state, atol=1e-5)
    assert expected.shape == (1, 26)


def test_threads_that_feed_the_same_sessions_in_any_order_end(model: zoo.Model) -> None:
    sessions = [model.session() for _ in range(3)]

    def feed(order: tuple[int, ...]) -> None:
        for _ in range(5):
            model.step([sessions[n] for n in order], ["A"] * 3)

    threads = [
        threading.Thread(target=feed, args=(order,), daemon=True)
        for order in itertools.permutations(range(3))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    path = tmp_path_factory.mktemp("sessions") / "run"
    return zoo.train("lstm-alphabet-stateful", epochs=20, seed=1, output=path)


def test_saved_and_continued_in_another_process(run: zoo.Run, tmp_path: Path) -> None:
    model = run.model
    unbroken, first = model.session(), model.session()
    for letter in "ABCDE":
        expected = unbroken.step(letter)
    for letter in "ABC":
        first.step(letter)
    path = first.save(tmp_path / "state.session")
    assert path.stat().st_size < 20_000

    script = (
        "import sys, json, zoo\n"
        "session = zoo.load(sys.argv[1]).load_session(sys.argv[2])\n"
        "answers = [session.step(letter).probabilities for letter in 'DE']\n"
        "print(json.dumps(answers[-1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(run.path), str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    received = json.loads(done.stdout)
    assert expected.probabilities is not None
    for label, probability in expected.probabilities.items():
        assert received[label] == pytest.approx(probability, abs=1e-5)
    # Had the file lost the state, "DE" would be answered as from the beginning.
    cold = model.session()
    cold.step("D")
    assert abs(received["F"] - cold.step("E").probabilities["F"]) > 1e-4


def test_a_session_of_other_weights_or_another_spec_is_refused(
    run: zoo.Run, tmp_path: Path
) -> None:
    path = run.model.session().save(tmp_path / "a.session")
    other = zoo.train("lstm-alphabet-stateful", epochs=1, seed=2, output=tmp_path / "other")
    with pytest.raises(UsageError, match=r"belongs to other weights, expected .*, received"):
        other.model.load_session(path)
    with pytest.raises(
        UsageError, match="belongs to another model, expected letters, received 'lstm-"
    ):
        fresh().load_session(path)


def test_files_that_are_no_session(run: zoo.Run, tmp_path: Path) -> None:
    model = run.model
    with pytest.raises(UsageError, match="no such file"):
        model.load_session(tmp_path / "none")
    with pytest.raises(UsageError, match="is not a session"):
        model.load_session(run.path / "model.zoo")
    text = tmp_path / "text"
    text.write_text("A")
    with pytest.raises(UsageError, match=r"is not a session: .* is not an HDF5 file"):
        model.load_session(text)


def test_a_state_that_the_spec_gets_wrong() -> None:
    wrong = spec(state=(zoo.State(name="lstm_1_h", shape=(9,)),))
    with pytest.raises(SpecError, match=r"declares lstm_1_h float32\[9\]; the network has .*\[8\]"):
        zoo.Model(wrong, weights=None).session()


def test_an_answer_waits_only_until_something_else_is_fed(run: zoo.Run) -> None:
    model = run.model
    session = model.session()
    answers = [one.output for one in model.generate("A", 2, session=session)]
    assert session.pending == answers[-1]
    (follower,) = model.generate(steps=1, session=session)
    assert follower.input == answers[-1]
    session.step("Q")
    with pytest.raises(UsageError, match="no letter to start from"):
        list(model.generate(steps=1, session=session))


def test_models_without_a_state() -> None:
    with pytest.raises(UsageError, match="mlp-pima has no state"):
        zoo.get_model("mlp-pima", weights=None).session()


def test_answers_that_are_not_finite_are_errors_of_their_sequence() -> None:
    model = fresh()
    for variable in model.keras.layers[-1].weights:
        variable.assign(np.full(variable.shape, np.nan))
    first, second = model.session(2).step(["A", "B"])
    assert (first.error.kind, second.error.kind) == ("not-finite", "not-finite")
    assert (first.prediction, first.probabilities) == (None, None)
    with pytest.raises(InputError, match="not finite"):
        next(model.generate("A", 2))
