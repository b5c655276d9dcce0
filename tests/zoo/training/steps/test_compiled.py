"""Many steps in one call equal those of plain ``fit``: the same losses, metrics and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiers import slow

from zoo.backend.seeding import seed_epoch, temporary_seed
from zoo.training import rows as training_rows
from zoo.training.rows import Feed

ROWS, SIZE, EPOCHS = 52, 8, 3
"""Six batches and a half."""


@pytest.fixture(autouse=True)
def few_steps_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.steps.traced.MIN_STEPS_TO_TRACE", 0)


def dense(seed: int | None = None) -> Any:
    """What keeps a state beside its weights: batch normalisation, dropout, a schedule."""
    import keras

    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3, seed=seed),
            keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.7)
    network.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return network


def recurrent() -> Any:
    import keras

    network = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(10, 5),
            keras.layers.LSTM(6),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    network.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    return network


def convolving() -> Any:
    import keras

    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Reshape((2, 2, 1)),
            keras.layers.Conv2D(4, 2),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    network.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return network


def rows() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 10, (ROWS, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, ROWS)]
    return x, y, rng.random(ROWS, dtype="float32")


def trained(make: Any, arrays: tuple[Any, ...], *, plain: bool) -> tuple[dict[str, Any], list[Any]]:
    """Return history and weights; in an order that differs from epoch to epoch."""
    import keras

    with temporary_seed(3):
        network = make()
        network.optimizer.build(network.trainable_variables)
        feed = Feed(arrays, SIZE, seed=5)
        data_of_epochs = None if plain else feed.data_for(network, EPOCHS)

        class Begin(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                feed.epoch = epoch
                seed_epoch(3, epoch)  # dropout on torch draws from torch's own generator

        history: dict[str, Any] = {}
        for feed.epoch in range(EPOCHS):
            data: dict[str, Any] = {"x": data_of_epochs}
            if plain:
                x, y, *weights = (part[feed.order()] for part in arrays)
                data = {"x": x, "y": y, "batch_size": SIZE}
                data["sample_weight"] = weights[0] if weights else None
            fitted = network.fit(
                **data, initial_epoch=feed.epoch, epochs=feed.epoch + 1, shuffle=False, verbose=0,
                callbacks=[Begin()],
            )  # fmt: skip
            for name, values in fitted.history.items():
                history.setdefault(name, []).extend(values)
    return history, network.get_weights()


@pytest.mark.backends
@pytest.mark.parametrize(
    ("make", "weighted"),
    [
        (dense, True),
        (recurrent, False),
        (convolving, False),
        slow(dense, False),
        slow(recurrent, True),
        slow(convolving, True),
    ],
)
def test_as_plain_fit(make: Any, weighted: bool) -> None:
    arrays = rows() if weighted else rows()[:2]
    history, weights = trained(make, arrays, plain=False)
    expected, expected_weights = trained(make, arrays, plain=True)
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    for weight, expected_weight in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(weight, expected_weight, rtol=1e-4, atol=1e-6)
    assert len(set(history["loss"])) == EPOCHS


@pytest.mark.backends
@pytest.mark.parametrize("make", [dense, slow(recurrent)])
def test_an_epoch_is_few_calls(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    plain = training_rows.compile_steps

    def counted(network: Any, *arguments: Any, **options: Any) -> int:
        at_once = plain(network, *arguments, **options)
        function = network.train_function

        def count(*given: Any) -> Any:
            nonlocal calls
            calls += 1
            return function(*given)

        network.train_function = count
        return at_once

    monkeypatch.setattr(training_rows, "compile_steps", counted)
    trained(make, rows(), plain=False)
    assert calls == EPOCHS
