"""Photos on a frozen network: read once, a few at a time, and their features found again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import config
from zoo.backend.choose import keras
from zoo.errors import TrainingError
from zoo.training import feature_cache, photos
from zoo.training.photos import Features

Train = Callable[..., zoo.Run]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    config.settings.cache_clear()
    yield tmp_path / "home"
    config.settings.cache_clear()


@pytest.fixture
def folder(shapes: Path, tmp_path: Path) -> Path:
    """Return 32 photos that a test may change."""
    return shutil.copytree(shapes, tmp_path / "photos")


@pytest.fixture
def train(home: Path, folder: Path, tmp_path: Path) -> Train:
    """Return a function that trains on the photos; what is not frozen comes behind the cut."""
    runs: list[Path] = []

    def run(
        size: int = 8,
        data: Any = folder,
        freeze: tuple[str, ...] = ("convolution*",),
        validation: float | None = 0.25,
        loss: str = "sparse_categorical_crossentropy",
        augment: tuple[str, ...] = (),
        **options: Any,
    ) -> zoo.Run:
        runs.append(tmp_path / f"run-{len(runs)}")
        spec = zoo.ModelSpec(
            name="shapes", task="image-classification",
            architecture=zoo.Component("vision/cnn", filters=[2]),
            input=zoo.Component("vision/image", size=size, mode="unit"),
            output=zoo.Component("vision/classes"),
            training=zoo.Training(
                loss=zoo.Component(loss), epochs=1, batch_size=8,
                freeze=freeze, validation=validation, augment=augment,
            ),
        )  # fmt: skip
        return zoo.train(spec, data, **{"seed": 1, "output": runs[-1], **options})

    return run


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many photos each batch had that was computed."""
    counts: list[int] = []
    before = Features._apply

    def noted(self: Features, pieces: Any, alone: bool) -> Any:
        counts.append(len(pieces))
        return before(self, pieces, alone)

    monkeypatch.setattr(Features, "_apply", noted)
    return counts


def new(computed: list[int]) -> int:
    """Return how many photos were computed since the last call."""
    total = sum(computed)
    computed.clear()
    return total


def stored(home: Path) -> list[Path]:
    return sorted((home / "cache/features").glob("*"))


def test_a_photo_is_computed_once_whatever_part_it_is_in(train: Train, computed: list[int]) -> None:
    train(epochs=3)
    assert max(computed) == 8  # a few at a time
    assert new(computed) == 32
    train(settings=["validation={held=0.5, seed=2}"])
    assert new(computed) == 0
    train(folds=4)
    assert new(computed) == 0


def test_what_is_changed_is_computed_again(
    train: Train, computed: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo; its preparation; the weights; a setting of the backend."""
    first, second, *_ = sorted((folder / "discs").iterdir())
    train()
    new(computed)
    shutil.copy(second, first)
    train()
    assert new(computed) == 0  # known under another name
    first.write_bytes((folder / "stripes" / "0.png").read_bytes() + b"\0")
    train()
    assert new(computed) == 1
    for change in ({"size": 9}, {"seed": 2}):
        train(**change)
        assert new(computed) == 32
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_min_max=false")
    train()
    assert new(computed) == 32


def test_layers_are_known_by_what_they_do() -> None:
    """Not by the names that Keras gives them, which count what a process has made."""

    def graph(activation: str = "relu", shortcut: bool = True) -> Any:
        layers = keras().layers
        inputs = keras().Input((4,))
        first = layers.Dense(4, activation)(inputs)
        second = layers.Dense(4)(first)
        outputs = layers.Add()([second, first if shortcut else inputs])
        return feature_cache.graph_of(keras().Model(inputs, outputs))

    assert graph() == graph()
    assert graph() != graph("tanh")
    assert graph() != graph(shortcut=False)


def test_pixels_are_found_again(train: Train, computed: list[int]) -> None:
    draw = np.random.default_rng(0)
    data = draw.integers(0, 256, (12, 8, 8, 3), "uint8"), ["a", "b"] * 6
    train(data=data)
    assert new(computed) == 12
    train(data=data)
    assert new(computed) == 0


def test_a_photo_that_changes_while_it_is_read_is_not_kept(
    train: Train, computed: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, other = folder / "discs" / "0.png", (folder / "stripes" / "0.png").read_bytes()
    original = photo.read_bytes()
    before = photos.prepare

    def late(*arguments: Any) -> Any:
        photo.write_bytes(other)
        return before(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(photos, "prepare", late)
        train()
    photo.write_bytes(original)
    new(computed)
    train()
    assert new(computed) == 1


def test_a_damaged_file_is_computed_again(train: Train, computed: list[int], home: Path) -> None:
    train()
    for place in (0, 40, -1):
        (file,) = stored(home)
        data = bytearray(file.read_bytes())
        data[place] ^= 1
        file.write_bytes(data)
        new(computed)
        train()
        assert new(computed) >= 1
        file.write_bytes(file.read_bytes()[:50])
        train()
        shutil.rmtree(home / "cache/features")
        train()


def test_a_limit(train: Train, computed: list[int], home: Path) -> None:
    """The least recently used features go first; none are kept with a limit of 0."""
    (home / "config").mkdir(parents=True)

    def limit(count: int) -> None:
        (home / "config/config.toml").write_text(f"[cache]\nfeatures = {count}\n")
        config.settings.cache_clear()

    limit(0)
    train()
    assert stored(home) == []
    limit(5_000)  # less than for two sizes
    for size in (8, 9):
        train(size=size)
    assert sum(file.stat().st_size for file in stored(home)) <= 5_000
    new(computed)
    train(size=9)
    assert new(computed) == 0
    train(size=8)
    assert new(computed) == 32


@pytest.mark.parametrize("why", ["a guest's preprocessor", "changed code"])
def test_what_cannot_be_known_is_not_kept(
    why: str, train: Train, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "changed code":
        monkeypatch.setattr("zoo.registry.sources.STARTED_AT", 0)
    else:
        monkeypatch.setattr(feature_cache, "OWN_DISTRIBUTION", "another")
    train()
    assert stored(home) == []


def test_features_that_do_not_fit_in_memory_are_in_a_file(
    train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "discs" / "0.png").write_bytes(b"")
    expected = train()
    monkeypatch.setattr(photos, "MEMORY_BYTES", 0)
    arrays: list[Any] = []
    before = photos.Photos.load

    def noted(self: photos.Photos, *arguments: Any, **options: Any) -> None:
        before(self, *arguments, **options)
        arrays.append(self.arrays["train"][0])

    monkeypatch.setattr(photos.Photos, "load", noted)
    found = train()
    assert isinstance(arrays[0], np.memmap)
    assert (found.history, found.metrics) == (expected.history, expected.metrics)


def test_damaged_photos_are_named(train: Train, folder: Path) -> None:
    names = [f"{number}.png" for number in range(10, 16)]
    for name in names:
        (folder / "discs" / name).write_bytes(b"no photo")
    run = train(validation=None)
    (note,) = [note for note in run.notes if "left out" in note]
    assert sum(f"discs/{name}: " in note for name in names) == 5
    assert note.endswith("; and 1 more; left out 6 of 32 rows")
    assert len(run.environment["data"]["train"]["sha256"]) == 64


@pytest.mark.parametrize("frozen", [True, False])
def test_fail_fast(frozen: bool, train: Train, folder: Path, computed: list[int]) -> None:
    (folder / "discs" / "0.png").write_bytes(b"no photo")
    options = {"validation": None} if frozen else {"validation": None, "freeze": ()}
    with pytest.raises(TrainingError, match=r"photos: .*discs/0\.png: "):
        train(**options, fail_fast=True)
    assert len(computed) <= 3
    assert train(**options).notes


def test_an_error_of_the_recipe_comes_before_the_photos(train: Train, computed: list[int]) -> None:
    with pytest.raises(zoo.ZooError, match="'binary_crossentropy' is for a sigmoid head"):
        train(loss="binary_crossentropy")
    assert computed == []


def test_plain(train: Train, computed: list[int], home: Path, monkeypatch: Any) -> None:
    """Without fast paths, what is trained comes to the same, with nothing kept."""
    monkeypatch.setenv("ZOO_PLAIN", "1")
    expected = train(epochs=2)
    assert (computed, stored(home)) == ([], [])
    monkeypatch.delenv("ZOO_PLAIN")
    found = train(epochs=2)
    for name, values in expected.history.items():
        assert found.history[name] == pytest.approx(values, abs=1e-5)
    weights = [run.model.keras.get_weights() for run in (expected, found)]
    for one, other in zip(*weights, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_a_training_resumes_without_fast_paths(
    train: Train, killed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint is of the complete network."""
    whole = train(epochs=3)
    options = {"epochs": 3, "output": tmp_path / "resumed"}
    killed(0, lambda: train(**options))
    monkeypatch.setenv("ZOO_PLAIN", "1")
    found = train(**options, resume=True)
    assert found.history["loss"] == pytest.approx(whole.history["loss"], abs=1e-5)


@pytest.mark.parametrize("augment", [(), ("flip", "rotation")])
def test_many_photos_are_read_in_each_epoch(
    augment: tuple[str, ...], train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come to the same as in memory; a damaged one is left out."""
    (folder / "discs" / "3.png").write_bytes(b"no photo")
    options = {"freeze": (), "epochs": 2, "augment": augment}
    expected = train(**options)
    monkeypatch.setattr(photos, "MEMORY_BYTES", 2_000)
    sizes: list[int] = []
    before = photos.Reader.read

    def noted(self: photos.Reader, numbers: Any) -> Any:
        sizes.append(len(numbers))
        return before(self, numbers)

    monkeypatch.setattr(photos.Reader, "read", noted)
    found = train(**options)
    assert max(sizes) <= 32
    assert sum(sizes) > 3 * 32
    assert (found.history, found.metrics) == (expected.history, expected.metrics)
    assert [note for note in found.notes if "left out" in note] == [
        note for note in expected.notes if "left out" in note
    ]


def test_a_photo_that_vanishes_ends_the_training(
    train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "MEMORY_BYTES", 2_000)
    photo = folder / "discs" / "0.png"
    before = photos.Photos.fit_arguments

    def late(*arguments: Any, **options: Any) -> Any:
        photo.unlink(missing_ok=True)
        return before(*arguments, **options)

    monkeypatch.setattr(photos.Photos, "fit_arguments", late)
    with pytest.raises(TrainingError, match=r"0\.png: .*; it could be read when"):
        train(freeze=(), validation=None)


def test_tuning_trains_on_features(
    train: Train, folder: Path, computed: list[int], tmp_path: Path
) -> None:
    """They are computed once for all settings and folds, and for the last training."""
    spec = train(seed=2).spec
    new(computed)
    grid = {"training.epochs": [1, 2]}
    tuning = zoo.tune(spec, grid, folder, folds=2, seed=1, output=tmp_path / "tuned")
    assert len(tuning.results) == 2
    assert new(computed) == 32
