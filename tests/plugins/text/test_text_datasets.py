"""IMDB and Reuters: the rows are Keras's, in Keras's order."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import DatasetFiles

import zoo
from zoo.data import datasets, presence
from zoo.data.labelled import LabelledRows
from zoo.data.tokens import tokens_of
from zoo.registry.registry import registry


@pytest.fixture
def added(dataset_files: DatasetFiles, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a dataset's file of word numbers, and its parts once it was added."""
    monkeypatch.setenv("ZOO_OFFLINE", "1")

    def parts(name: str) -> tuple[Path, dict[str, LabelledRows]]:
        files = dataset_files(name)
        entry = registry().datasets.find(name)
        for file in files:
            assert datasets.add(entry, file).path
        assert presence.is_present(entry)
        return files[0], datasets.load_dataset(entry)

    return parts


def rows_of(arrays: Any, suffix: str = "") -> tuple[list[list[int]], list[int]]:
    flat, offsets = arrays[f"x{suffix}_flat"].tolist(), arrays[f"x{suffix}_offsets"].tolist()
    texts = [flat[a:b] for a, b in itertools.pairwise(offsets)]
    return texts, arrays[f"y{suffix}"].tolist()


def as_keras(
    texts: list[list[int]], labels: list[int], rng: np.random.RandomState
) -> tuple[list[list[int]], list[int]]:
    """What ``load_data`` of Keras does to one part: shuffle, shift, mark the start."""
    indices = np.arange(len(texts))
    rng.shuffle(indices)
    return [[1, *(word + 3 for word in texts[i])] for i in indices], [labels[i] for i in indices]


def same(rows: LabelledRows, texts: list[list[int]], labels: list[int]) -> None:
    assert rows.labels.tolist() == labels
    assert rows.inputs.lengths.tolist() == [len(text) for text in texts]
    assert rows.inputs.flat.tolist() == [number for text in texts for number in text]


def test_imdb_is_what_keras_loads(added: Any) -> None:
    file, parts = added("imdb")
    rng = np.random.RandomState(113)
    with np.load(file) as arrays:
        for part in ("train", "test"):
            same(parts[part], *as_keras(*rows_of(arrays, f"_{part}"), rng))
    # The rows are stored class by class: unshuffled, the first would be of one class.
    rows = len(parts["train"])
    assert parts["train"].labels[: rows * 2 // 5].mean() == pytest.approx(0.5, abs=0.1)
    if rows == 25_000:
        assert parts["train"].labels[:10_000].mean() == pytest.approx(0.5, abs=0.02)
        assert parts["train"].labels[:10].tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1, 0]
        assert parts["train"].inputs[0][:8].tolist() == [1, 14, 22, 16, 43, 530, 973, 1622]


def test_reuters_is_what_keras_loads(added: Any) -> None:
    file, parts = added("reuters")
    with np.load(file) as arrays:
        texts, labels = as_keras(*rows_of(arrays), np.random.RandomState(113))
    held = int(len(texts) * (1 - 0.2))
    same(parts["train"], texts[:held], labels[:held])
    same(parts["test"], texts[held:], labels[held:])
    if len(texts) == 11_228:
        assert held == 8982


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_a_text_of_the_data_gives_its_own_numbers(added: Any, name: str) -> None:
    """What people type is cut into words as the data were."""
    texts = added(name)[1]["train"].inputs[:300]
    names = {rank + 3: word for word, rank in texts.words.items()}
    exact = 0
    for text in texts:
        written = " ".join(names[number] for number in text[1:].tolist())
        found = np.array(tokens_of(written.capitalize() + ".", texts.words, 10_000))
        expected = np.where(text < 10_000, text, 2)
        exact += len(found) == len(expected) and bool((found == expected).all())
    assert exact >= 280  # the rest hold stray bytes that no one types


@pytest.mark.slow
def test_topics_are_in_the_order_of_the_labels(real_data: Path) -> None:
    labels = real_data / "keras" / "reuters_labels.json"
    topics = registry().datasets.find("reuters").value.labels
    assert list(topics) == json.loads(labels.read_text())


def test_the_model_and_the_data_name_the_same_classes() -> None:
    for model, name in (("mlp-imdb", "imdb"), ("mlp-reuters", "reuters")):
        config = zoo.get_spec(model).output.config
        assert tuple(config["labels"]) == registry().datasets.find(name).value.labels
        assert config["values"] == list(range(len(config["labels"])))


def test_nothing_of_the_data_is_shipped() -> None:
    import zoo_text

    shipped = [path.name for path in Path(zoo_text.__file__).parent.rglob("*") if path.is_file()]
    assert not [name for name in shipped if not name.endswith((".py", ".pyc", ".toml", ".typed"))]
