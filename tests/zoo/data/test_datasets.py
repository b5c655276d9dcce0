"""Datasets are identified by content: any container is accepted, any other content is not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from zoo import Dataset, FileRecord, InputError, Split
from zoo.data import datasets, presence
from zoo.data.labelled import hash_arrays
from zoo.registry.entries import Entry
from zoo.registry.registry import registry
from zoo_weights import HashMismatch, hash_file

TRAIN, TEST = [[1, 2], [3], [4, 5, 6]], [[2], [1, 1]]
FLAT = {
    "x_train_flat": np.array([1, 2, 3, 4, 5, 6], np.uint32),
    "x_train_offsets": np.array([0, 2, 3, 6]),
    "y_train": np.array([0, 1, 1]),
    "x_test_flat": np.array([2, 1, 1], np.uint32),
    "x_test_offsets": np.array([0, 1, 3]),
    "y_test": np.array([1, 0]),
}
WORDS = {"the": 1, "film": 2}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    return tmp_path / "home"


def lists(rows: list[list[int]]) -> np.ndarray[Any, Any]:
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """A file as Keras publishes it: pickled lists."""
    np.savez(
        tmp_path / "keras.npz",
        x_train=lists(TRAIN), x_test=lists(TEST), y_train=[0, 1, 1], y_test=[1, 0],
    )  # fmt: skip
    return tmp_path / "keras.npz"


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """The same content in another container."""
    np.savez(tmp_path / "flat.npz", **FLAT)  # type: ignore[arg-type]
    return tmp_path / "flat.npz"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    return tmp_path / "words.json"


Make = Any


@pytest.fixture
def entry(pickled: Path, tmp_path: Path) -> Make:
    """Return a registered dataset of texts, with fields changed."""
    url = "https://example.invalid/keras.npz"
    dataset = Dataset(
        name="reviews",
        kind="tokens",
        file=FileRecord(urls=(url,), sha256=hash_file(pickled, "sha256")["sha256"]),
        content=hash_arrays(FLAT),
        sources=("https://example.invalid/",),
    )

    def make(**changes: Any) -> Entry[Dataset]:
        value = msgspec.structs.replace(dataset, **changes)
        pima = registry().datasets.find("pima")
        return dataclasses.replace(pima, value=value, base=tmp_path)

    return make


def texts(rows: Any) -> list[list[int]]:
    return [text.tolist() for text in rows.inputs]


def test_a_file_of_plain_arrays_is_taken_as_often_as_one_likes(entry: Make, flat: Path) -> None:
    reviews = entry()
    assert not presence.is_present(reviews)
    for _ in range(2):
        added = datasets.add(reviews, flat)
        assert added.path == presence.content_path(reviews)
        assert added.got == added.expected
    assert presence.is_present(reviews)
    assert datasets.verify(reviews).path == added.path
    parts = datasets.load_dataset(reviews)
    assert texts(parts["train"]) == [[1, 4, 5], [1, 6], [1, 7, 8, 9]]
    assert texts(parts["test"]) == [[1, 5], [1, 4, 4]]
    assert parts["train"].labels.tolist() == [0, 1, 1]


def test_what_is_stored_is_plain_arrays_in_any_numpy(entry: Make, pickled: Path) -> None:
    datasets.add(entry(), pickled)
    with np.load(presence.content_path(entry()), allow_pickle=False) as stored:
        assert set(stored.files) == set(FLAT)
        for name, array in FLAT.items():
            np.testing.assert_array_equal(stored[name], array)


def test_pickled_lists_are_taken_from_the_publishers_own_file_alone(
    entry: Make, pickled: Path, tmp_path: Path
) -> None:
    """The same lists in a file of anyone else's could have come with code."""
    np.savez_compressed(tmp_path / "other.npz", **dict(np.load(pickled, allow_pickle=True)))
    with pytest.raises(InputError, match="holds pickled objects, which could run code"):
        datasets.add(entry(), tmp_path / "other.npz")
    assert not presence.is_present(entry())
    assert datasets.add(entry(), pickled).path is not None
    assert texts(datasets.load_dataset(entry())["test"]) == [[1, 5], [1, 4, 4]]


@pytest.mark.parametrize("change", [{"y_test": np.array([1, 1])}, {"more": np.zeros(1)}])
def test_other_content_is_refused_and_not_stored(
    change: Any, entry: Make, home: Path, tmp_path: Path
) -> None:
    np.savez_compressed(tmp_path / "other.npz", **{**FLAT, **change})
    added = datasets.add(entry(), tmp_path / "other.npz")
    assert added.path is None
    assert added.got != added.expected
    assert not presence.is_present(entry())
    assert not list(home.rglob("*.npz"))


def test_a_damaged_copy_is_told(entry: Make, flat: Path) -> None:
    reviews = entry()
    datasets.add(reviews, flat)
    place = presence.content_path(reviews)
    place.write_bytes(place.read_bytes()[:-30])
    found = datasets.verify(reviews)
    assert found.path is None
    assert "nothing that can be read" in found.got


def test_one_seed_orders_training_and_test_rows(entry: Make, flat: Path) -> None:
    """The test rows' order goes on where that of the training rows ended, as in Keras."""
    reviews = entry(shuffle=113)
    datasets.add(reviews, flat)
    draw, parts = np.random.RandomState(113), datasets.load_dataset(reviews)
    for part, rows in (("train", TRAIN), ("test", TEST)):
        order = np.arange(len(rows))
        draw.shuffle(order)
        expected = [[1, *(number + 3 for number in rows[row])] for row in order]
        assert texts(parts[part]) == expected
        assert parts[part].labels.tolist() == [FLAT[f"y_{part}"][row] for row in order]


def test_the_last_rows_of_a_random_order_are_the_test(entry: Make, tmp_path: Path) -> None:
    arrays = {"x_flat": np.arange(10), "x_offsets": np.arange(11), "y": np.arange(10)}
    np.savez(tmp_path / "one.npz", **arrays)  # type: ignore[arg-type]
    one = entry(content=hash_arrays(arrays), test=Split(held=3, seed=113))
    assert datasets.add(one, tmp_path / "one.npz").path
    order = np.arange(10)
    np.random.RandomState(113).shuffle(order)
    parts = datasets.load_dataset(one)
    assert parts["train"].labels.tolist() == order[:7].tolist()
    assert parts["test"].labels.tolist() == order[7:].tolist()
    assert texts(parts["test"]) == [[1, row + 3] for row in order[7:]]


def test_the_ranks_of_words_belong_to_the_data(entry: Make, flat: Path, words: Path) -> None:
    """Without them no text could be asked about later, so training does not start."""
    record = FileRecord(
        urls=("https://example.invalid/words.json",), sha256=hash_file(words, "sha256")["sha256"]
    )
    reviews = entry(words=record)
    datasets.add(reviews, flat)
    assert not presence.is_present(reviews)
    with pytest.raises(InputError, match=r"`zoo data add reviews words\.json`"):
        datasets.load_dataset(reviews)
    words.with_name("wrong.json").write_text("{}")
    assert datasets.add(reviews, words.with_name("wrong.json")).path is None
    for _ in range(2):
        assert datasets.add(reviews, words).path
    assert presence.is_present(reviews)
    parts = datasets.load_dataset(reviews)
    assert parts["train"].inputs.words == parts["test"].inputs.words == WORDS
    assert datasets.verify(reviews).path
    Path(str(datasets.add(reviews, words).path)).write_text("{}")
    assert datasets.verify(reviews).path is None


def test_what_is_not_here_is_told_with_its_origin(entry: Make) -> None:
    with pytest.raises(InputError) as caught:
        datasets.load_dataset(entry())
    assert "dataset 'reviews' is not here: keras.npz could not be fetched" in str(caught.value)
    assert "zoo data add reviews FILE`; it comes from https://example.invalid/" in str(caught.value)
    with pytest.raises(InputError, match="has no URL to fetch"):
        datasets.load_dataset(entry(file=FileRecord(sha256="0" * 64)))


def test_the_publishers_file_is_fetched_and_taken_apart(
    entry: Make, pickled: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    server.page("/example.invalid/keras.npz", pickled.read_bytes())
    assert texts(datasets.load_dataset(entry())["train"]) == [[1, 4, 5], [1, 6], [1, 7, 8, 9]]
    asked = len(server.requests)
    assert len(datasets.load_dataset(entry())["train"]) == 3
    assert len(server.requests) == asked


def test_a_record_whose_file_has_another_content(
    entry: Make, pickled: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    server.page("/example.invalid/keras.npz", pickled.read_bytes())
    with pytest.raises(InputError, match="does not match the record"):
        datasets.load_dataset(entry(content="0" * 64))


def test_a_table_is_known_however_it_is_written(entry: Make, tmp_path: Path) -> None:
    from zoo.data.labelled import hash_table
    from zoo.data.table import stream_csv

    comma = tmp_path / "comma.csv"
    comma.write_text("a,b\n1,x\n2,y\n")
    bars = tmp_path / "bars.csv"
    bars.write_text("a|b\n1.0|x\n2.0|y\n")
    table = entry(kind="table", target="b", content=hash_table(stream_csv(comma)))
    assert datasets.add(table, bars).path == presence.content_path(table)
    rows = datasets.load_dataset(table)["train"]
    assert [float(cell) for cell in rows.inputs.column("a")] == [1.0, 2.0]
    assert list(rows.labels) == ["x", "y"]
    comma.write_text("a,b\n1,x\n2,z\n")
    assert datasets.add(table, comma).path is None


def test_a_shipped_file_that_was_changed_is_not_read(entry: Make, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("a,b\n1,2\n")
    record = FileRecord(file="own.csv", sha256="0" * 64)
    with pytest.raises(HashMismatch):
        datasets.load_dataset(entry(kind="table", file=record, content=None, target="b"))
