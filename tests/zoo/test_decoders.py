"""Decoders: classes, labels, classes of positions and numbers, and labels that are none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from own_parts import Letters, Logits, Tags, register

import zoo
from zoo.decoders import Binary, Classes, Labels, Positions, Value
from zoo.errors import InputError, SpecError
from zoo.parts.heads import decoder_head


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["squares", "circles", "b", "a", "a"], ["a", "b", "circles", "squares"]),
        ([10, 9, 2, "1"], ["1", "2", "9", "10"]),
        (["10", "x", "9", "nan"], ["9", "10", "nan", "x"]),
        ([True, False], ["0", "1"]),
    ],
)
def test_classes_are_learnt_in_order(labels: list[object], order: list[str]) -> None:
    decoder = Classes()
    decoder.fit(labels)
    assert decoder.labels == order


def test_the_order_does_not_depend_on_the_process() -> None:
    """Python hashes texts differently in each process; a seed has to repeat a training anyway."""
    code = (
        "from zoo.decoders import Classes as C; c = C(); c.fit(list('hgfedcba')); print(c.labels)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(outputs) == 1


def test_a_class_may_be_written_as_number_or_text() -> None:
    decoder = Binary(labels=["no", "yes"], values=[0, 1])
    targets, errors = decoder.encode([0, "1", 1.0, "yes", " no ", "maybe"])
    assert targets.ravel().tolist() == [0, 1, 1, 1, 0]
    assert [error is None for error in errors] == [True] * 5 + [False]
    assert str(errors[5]) == "unknown class 'maybe', expected one of 0, 1"


def test_one_unit_gives_both_probabilities() -> None:
    (best, other), _ = Binary(labels=["no", "yes"]).decode(np.array([[0.9], [0.2]]))
    assert (best.label, best.index) == ("yes", 1)
    assert best.score == pytest.approx(0.9)
    assert (other.label, other.score) == ("no", pytest.approx(0.1))


def test_ties_come_in_the_order_of_the_classes() -> None:
    (row,) = Classes(labels=["a", "b", "c"]).decode(np.array([[0.2, 0.4, 0.4]]))
    assert [p.label for p in row] == ["b", "c", "a"]


def test_a_target_of_one_class_cannot_be_told_apart() -> None:
    with pytest.raises(InputError, match="must hold two classes, received 1: yes"):
        Binary().fit(["yes", "yes"])


def test_numbers() -> None:
    targets, errors = Value().encode([1, "2.5", "much", None, "inf"])
    assert targets.ravel().tolist() == [1, 2.5]
    assert [error is None for error in errors] == [True, True, False, False, False]
    assert Value().decode(np.array([[1.5], [2]])) == [1.5, 2.0]
    assert Value(width=2).decode(np.array([[1.5, 2]])) == [[1.5, 2.0]]


@pytest.mark.parametrize("scale", ["min-max", "standard"])
def test_a_scaled_target_comes_back_in_its_own_unit(scale: Any) -> None:
    decoder = Value(scale=scale, unit="kg")
    with pytest.raises(InputError, match="nothing was fitted yet"):
        decoder.decode(np.array([[0.5]]))
    decoder.fit(["10", 20, "", "much", "inf", 10**400, 60])
    targets, errors = decoder.encode([10, 20, "", 60, 10**400])
    assert [error is None for error in errors] == [True, True, False, True, False]
    if scale == "min-max":
        assert targets.ravel().tolist() == pytest.approx([0, 0.2, 1])
    else:
        assert targets.mean() == pytest.approx(0, abs=1e-6)
        assert targets.std() == pytest.approx(1)
    other = Value(scale=scale)
    other.restore(json.loads(json.dumps(decoder.state())))
    assert other.decode(targets) == pytest.approx([10, 20, 60], abs=1e-4)


@pytest.mark.parametrize("scale", ["min-max", "standard"])
def test_a_constant_target_is_no_division_by_zero(scale: Any) -> None:
    decoder = Value(scale=scale)
    decoder.fit([0.1] * 11)
    targets, _ = decoder.encode([0.1, 1.1])
    assert targets.ravel().tolist() == [0, 1]
    with pytest.raises(InputError, match="the target holds no number"):
        decoder.fit(["a", None])


def test_a_row_without_a_label_is_an_error_of_its_own() -> None:
    decoder = Classes()
    decoder.fit(["a", None, "b", ""])
    assert decoder.labels == ["a", "b"]
    targets, errors = decoder.encode(["b", None])
    assert targets.tolist() == [1]
    assert str(errors[1]) == "unknown class '', expected one of a, b"


# Labels: any number for each row


@pytest.mark.parametrize(
    "rows",
    [
        ["cat; dog", "", "bird"],
        [["dog", "cat"], [], ("bird",)],
        [{"cat", "dog"}, None, "bird;"],
        [np.array(["cat", "dog"]), float("nan"), ["bird", "bird", ""]],
    ],
)
def test_the_labels_of_a_row(rows: list[Any]) -> None:
    decoder = Labels()
    decoder.fit(rows)
    assert decoder.labels == ["bird", "cat", "dog"]
    targets, errors = decoder.encode(rows)
    assert errors == [None] * 3
    assert targets.dtype == np.float32
    assert targets.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]


def test_labels_as_zeros_and_ones() -> None:
    """As datasets of several labels for each row come, scikit-learn's for instance."""
    rows = np.array([[0, 1, 1], [0, 0, 0]])
    for decoder in (Labels(), Labels(labels=["a", "b", "c"])):
        decoder.fit(rows)
        assert decoder.labels == (
            ["0", "1", "2"] if decoder.labels != ["a", "b", "c"] else [*"abc"]
        )
        targets, errors = decoder.encode([*rows, np.array([0, 1]), np.array([0, 2, 1])])
        assert targets.tolist() == rows.tolist()
        assert [str(error) for error in errors[2:]] == [
            "the labels are 2 numbers ([0 1]), expected a 0 or 1 for each of 3 labels",
            "the labels are 3 numbers ([0 2 1]), expected a 0 or 1 for each of 3 labels",
        ]


def test_an_unknown_label_costs_its_row() -> None:
    decoder = Labels(labels=["10", "9"], separator="|")
    targets, errors = decoder.encode(["9|10", 9.0, "9|11", ["9", "8"]])
    assert targets.tolist() == [[1, 1], [0, 1]]
    assert [str(error) for error in errors[2:]] == [
        "unknown label '11', expected some of 10, 9", "unknown label '8', expected some of 10, 9",
    ]  # fmt: skip


def test_each_label_has_a_probability_of_its_own() -> None:
    decoder = Labels(labels=["a", "b", "c"])
    (row,) = decoder.decode(np.array([[0.9, 0.2, 0.95]]))
    assert [(p.label, p.index, p.score) for p in row] == [
        ("c", 2, 0.95), ("a", 0, 0.9), ("b", 1, 0.2)
    ]  # fmt: skip
    assert [p.label for p in decoder.decode(np.array([[0.9, 0.2, 0.95]]), top=1)[0]] == ["c"]
    other = Labels()
    other.restore(json.loads(json.dumps(decoder.state())))
    assert other.units == 3


def test_no_labels_at_all() -> None:
    with pytest.raises(InputError, match="the target holds no label in the training rows"):
        Labels().fit(["", None, []])
    with pytest.raises(ValueError, match="separator must be at least one character"):
        Labels(separator="")


# Positions: one class for each


def test_the_tags_of_a_sequence() -> None:
    decoder = Positions()
    rows = [["in", "out"], ["out", "out"]]
    decoder.fit(rows)
    assert (decoder.labels, decoder.shape, decoder.units) == (["in", "out"], (2,), 2)
    targets, errors = decoder.encode([*rows, ["in"], ["in", "up"], "in", [["in"], "out"], None])
    assert targets.dtype == np.int32
    assert targets.tolist() == [[0, 1], [1, 1]]
    assert [str(error) for error in errors[2:]] == [
        "the target is of shape (1,), expected classes of shape (2,)",
        "unknown class 'up', expected one of in, out",
        "the target is 'in', expected classes of shape (2,)",
        "the target is \"[['in'], 'out']\", expected classes of shape (2,)",
        "the target is 'None', expected classes of shape (2,)",
    ]
    assert decoder.decode(np.array([[[0.1, 0.9], [0.8, 0.2]]])) == [["out", "in"]]


@pytest.mark.parametrize(
    ("labels", "classes"), [(None, [0, 1, 2]), (["sky", "sea", "land"], ["sky", "sea", "land"])]
)
def test_the_mask_of_an_image(labels: list[str] | None, classes: list[Any]) -> None:
    """Masks are whole numbers; with names, these are their places."""
    masks = np.array([[[0, 1], [2, 2]], [[1, 1], [0, 2]]], np.uint8)
    decoder = Positions(labels=labels)
    decoder.fit(masks)
    targets, errors = decoder.encode(masks)
    assert errors == [None, None]
    np.testing.assert_array_equal(targets, masks)
    other = Positions()
    other.restore(json.loads(json.dumps(decoder.state())))
    expected = [[[classes[pixel] for pixel in line] for line in mask] for mask in masks.tolist()]
    assert other.decode(np.eye(3)[masks]) == expected
    np.testing.assert_array_equal(other.encode(expected)[0], masks)


def test_the_classes_of_positions_are_learnt() -> None:
    with pytest.raises(InputError, match="nothing was fitted yet"):
        Positions(labels=["a"]).encode([["a"]])
    with pytest.raises(InputError, match="holds no array of classes in the training rows"):
        Positions().fit(["a", 3, None])
    decoder = Positions()
    decoder.fit([["9", "10"], ["9", "007"], ["9"]])
    assert decoder.labels == ["007", "9", "10"]
    assert decoder.decode(np.eye(3)[None, :2]) == [["007", "9"]]


# What a decoder is handed, and what it makes of it


def model_of(output: zoo.Component | str, loss: str | None = None) -> zoo.Model:
    return zoo.Model(
        zoo.ModelSpec(
            name="small",
            task="tabular-classification",
            architecture=zoo.Component("tabular/mlp", hidden=[]),
            input=zoo.Component("tabular/columns", columns=["x"]),
            output=output if isinstance(output, zoo.Component) else zoo.Component(output),
            training=zoo.Training(loss=loss) if loss else None,
        ),
        weights=None,
    )


CLASSES = zoo.Component("tabular/classes", labels=["a", "b"])
BINARY = zoo.Component("tabular/binary", labels=["a", "b"])


@pytest.mark.parametrize(
    ("output", "rows", "kinds"),
    [
        (CLASSES, [[0.3, 0.7], [0.3, 0.7005], [0.3, 0.71]], [None, None, "no-probabilities"]),
        (CLASSES, [[-0.23, 1.23], [1.76, -0.76]], ["no-probabilities"] * 2),
        (CLASSES, [[0.5, np.nan], [np.inf, -np.inf], [1, 0]], ["not-finite", "not-finite", None]),
        (BINARY, [[0.0], [1.0], [1.76], [-0.23], [np.nan]],
         [None, None, "no-probabilities", "no-probabilities", "not-finite"]),
        (zoo.Component("tabular/value"), [[-0.23], [np.inf], [np.nan]],
         [None, "not-finite", "not-finite"]),
        (zoo.Component("tabular/value", width=2), [[1, 2], [1, np.nan]], [None, "not-finite"]),
    ],
)  # fmt: skip
def test_outputs_that_are_no_answers(output: Any, rows: Any, kinds: list[str | None]) -> None:
    """Each row is judged by itself, and no row's answer becomes another one's."""
    found = model_of(output).answers(np.array(rows, np.float32))
    assert [getattr(answer, "kind", None) for answer in found] == kinds
    for row, answer in zip(rows, found, strict=True):
        if output is CLASSES and not isinstance(answer, InputError):
            assert {p.index: pytest.approx(p.score, abs=1e-6) for p in answer} == dict(
                enumerate(row)
            )


def test_only_the_classes_that_are_asked_for_are_named() -> None:
    (answer,) = model_of(CLASSES).answers(np.array([[0.3, 0.7]]), top=1)
    assert [prediction.label for prediction in answer] == ["b"]


def test_half_precision_rounds_more() -> None:
    rows = np.array([[0.3, 0.705], [0.3, 0.72]])
    kinds = [
        [getattr(answer, "kind", None) for answer in model_of(CLASSES).answers(rows.astype(dtype))]
        for dtype in (np.float16, np.float32)
    ]
    assert kinds == [[None, "no-probabilities"], ["no-probabilities"] * 2]


def test_rounding_is_no_error_and_not_printed() -> None:
    (answer,) = model_of(BINARY).answers(np.array([[1.0000001]], np.float32))
    assert [prediction.score for prediction in answer] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("decoder", "loss", "row", "kind"),
    [
        (Letters, None, [0.2, 0.5, 0.3], None),
        (Letters, None, [0.2, 1.5, 0.3], "no-probabilities"),
        (Letters, "sparse_categorical_crossentropy", [0.9, 0.9, 0.1], "no-probabilities"),
        (Letters, "binary_crossentropy", [0.9, 0.9, 0.1], None),
        (Logits, None, [-5.0, 3.0, 9.0], None),
        (Logits, None, [-5.0, np.nan, 9.0], "not-finite"),
        (Tags, "binary_crossentropy", [0.9, 0.9, 0.1], None),
        (Tags, "binary_crossentropy", [0.9, 1.1, 0.1], "no-probabilities"),
    ],
)
def test_decoders_of_plugins(
    monkeypatch: pytest.MonkeyPatch, decoder: Any, loss: str | None, row: Any, kind: str | None
) -> None:
    register(monkeypatch, "decoders", own=decoder)
    (answer,) = model_of("own/own", loss).answers(np.array([row], np.float32))
    assert getattr(answer, "kind", None) == kind


def test_a_decoder_s_own_scores_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    class Percent(Letters):
        def decode(self, outputs: Any, top: int | None = None) -> Any:
            return super().decode(outputs * 100, top)

    register(monkeypatch, "decoders", percent=Percent)
    (answer,) = model_of("own/percent").answers(np.array([[0.2, 0.5, 0.3]]))
    assert str(answer) == "the network gives 50, 30, 20, not probabilities"


def test_what_a_subclass_inherits_is_no_word_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that makes a softmax of logits by itself worked, and goes on to."""

    class Own(Classes):
        def decode(self, outputs: Any, top: int | None = None) -> Any:
            powers = np.exp(outputs)
            return super().decode(powers / powers.sum(axis=-1, keepdims=True), top)

    register(monkeypatch, "decoders", own=Own)
    model = model_of(zoo.Component("own/own", labels=["a", "b"]))
    assert decoder_head(model.decoder) is None
    assert model.keras.layers[-1].activation.__name__ == "linear"
    (answer,) = model.answers(np.array([[-4.0, 7.0]]))
    assert answer[0].label == "b"


def test_outputs_of_another_width_are_not_decoded() -> None:
    with pytest.raises(SpecError, match="'tabular/mlp' has 3 units, and 'tabular/classes' needs 2"):
        model_of(CLASSES).answers(np.zeros((1, 3)))
    with pytest.raises(SpecError, match="has several outputs"):
        model_of(CLASSES).answers({"a": np.zeros((1, 2))})  # type: ignore[arg-type]


def test_labels_that_are_not_unique_keep_their_probabilities() -> None:
    """ImageNet has two cranes; one took the place of the other."""
    pair = zoo.Component("tabular/classes", labels=["crane", "mug", "crane"])
    (answer,) = model_of(pair).answers(np.array([[0.2, 0.5, 0.3]]))
    assert zoo.RowResult.of(0, answer).probabilities == {
        "crane (0)": 0.2, "mug": 0.5, "crane (2)": 0.3
    }  # fmt: skip


def test_answers_that_are_neither_classes_nor_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text is not taken apart into letters, which are texts again."""
    register(monkeypatch, "decoders", positions=Positions)
    model = model_of(zoo.Component("own/positions", labels=["in", "out"]))
    good, bad, broken = model.answers(
        np.array([[[0.1, 0.9], [0.8, 0.2]], [[0.1, 0.9], [0.8, 0.8]], [[0.1, 0.9], [np.nan, 1]]])
    )
    assert good == ["out", "in"]
    assert (bad.kind, broken.kind) == ("no-probabilities", "not-finite")
    assert zoo.RowResult.of(0, good).to_dict() == {"row": 0, "value": ["out", "in"]}
    assert zoo.RowResult.of(1, "19").to_dict() == {"row": 1, "prediction": "19"}


def test_probabilities_of_labels_need_not_sum_to_one() -> None:
    good, bad = model_of(zoo.Component("tabular/labels", labels=["a", "b"])).answers(
        np.array([[0.9, 0.8], [0.9, 1.1]])
    )
    assert zoo.RowResult.of(0, good).probabilities == {"a": 0.9, "b": 0.8}
    assert bad.kind == "no-probabilities"


def test_labels_that_are_no_one_hot_arrays() -> None:
    decoder = Classes()
    decoder.fit([b"cat", b"dog"])
    assert decoder.labels == ["b'cat'", "b'dog'"]
    decoder = Classes(["a", "b"])
    _, errors = decoder.encode([[0, 1], [0.5, 0.5], ["a", 1], np.array([1, 1])])
    assert [error is None for error in errors] == [True, False, False, False]
