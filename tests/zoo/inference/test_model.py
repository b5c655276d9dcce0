"""The Python interface of the contract."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import MUG

import zoo
from zoo.errors import UnknownName, UsageError, WeightsMissing


@pytest.fixture(scope="module")
def lite() -> zoo.Model:
    return zoo.get_model("efficientnet-lite0")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    return zoo.train("mlp-pima", epochs=2, output=tmp_path_factory.mktemp("runs") / "run")


def test_names_and_specs() -> None:
    assert zoo.list_models("vgg1?", task="image-classification") == ["vgg16", "vgg19"]
    spec = zoo.get_spec("vgg16")
    assert isinstance(spec, zoo.ModelSpec)
    assert spec.parameters == 138_357_544
    assert zoo.get_spec("vision/vgg16") == spec
    with pytest.raises(UnknownName, match="Did you mean 'vgg16'"):
        zoo.get_model("vgg166")
    with pytest.raises(UsageError, match="names the weights 'imagenet'"):
        zoo.get_model("vgg16.imagenet", weights="other")


def test_every_kind_of_picture_gives_the_same_classes(lite: zoo.Model) -> None:
    picture = Image.open(MUG).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    array = np.asarray(picture)
    before = array.copy()
    results = lite.classify([str(MUG), MUG, buffer.getvalue(), picture, array], top=3)
    best = [[p.index for p in result.predictions] for result in results]
    assert best[0][0] == 504
    assert all(indices == best[0] for indices in best)
    np.testing.assert_array_equal(array, before)
    assert [p.index for p in lite.classify(array, top=3)[0].predictions] == best[0]


def test_a_bad_input_is_a_record(lite: zoo.Model, tmp_path: Path) -> None:
    good, bad, worse = lite.classify([MUG, tmp_path / "none.png", 17])
    assert good.error is None
    assert len(good.predictions) == 5
    assert bad.error is not None
    assert bad.error.kind == "not-found"
    assert worse.error is not None
    assert lite.classify([]) == []


def test_results_stream_before_the_inputs_end(lite: zoo.Model) -> None:
    """A caller with endless inputs gets the first results while the rest is still to come."""

    def endless():
        yield MUG
        yield MUG
        pytest.fail("asked for more than a batch")

    assert next(lite.stream(endless(), batch_size=2)).predictions[0].label == "coffee_mug"


def test_the_keras_model_is_plain(lite: zoo.Model) -> None:
    network = lite.keras
    assert network.input_shape == (None, 224, 224, 3)
    assert network.output_shape == (None, 1000)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert not kinds & {"Rescaling", "Normalization", "Lambda", "Resizing"}
    outputs = lite.outputs(np.zeros((1, 224, 224, 3), "float32"))
    assert type(outputs) is np.ndarray
    assert outputs.sum() == pytest.approx(1, abs=1e-4)


def test_a_run_and_its_bundle(run: zoo.Run) -> None:
    assert len(run.history["loss"]) == 2
    assert set(run.metrics) == {"train"}
    rows = [[6, 148, 72, 35, 0, 33.6, 0.627, 50]]
    results = [model.predict(rows) for model in (run.model, zoo.load(run.path))]
    assert results[0] == results[1]
    moved = run.path.parent / "elsewhere.zoo"
    moved.write_bytes((run.path / "model.zoo").read_bytes())
    assert zoo.load(moved).predict(rows) == results[0]
    assert (
        zoo.load(str(moved)).predict(
            [dict(zip(zoo.get_spec("mlp-pima").input.config["columns"], rows[0], strict=True))]
        )
        == results[0]
    )


def test_a_bundle_is_weights_for_its_model_too(run: zoo.Run) -> None:
    rows = [[6, 148, 72, 35, 0, 33.6, 0.627, 50]]
    model = zoo.get_model("mlp-pima", weights=run.path / "model.zoo")
    assert model.predict(rows)[0].probabilities == run.model.predict(rows)[0].probabilities


def test_a_model_without_weights_says_how_to_get_them() -> None:
    with pytest.raises(WeightsMissing, match="run `zoo train mlp-pima`"):
        zoo.get_model("mlp-pima").predict([[1] * 8])
    random = zoo.get_model("mlp-pima", weights=None)
    assert random.predict([[1] * 8])[0].error is None


def test_rows_by_themselves_are_answered_like_many(run: zoo.Run) -> None:
    """A row alone takes another way through the program than rows that are streamed."""
    rows: list[list[object]] = [[6, 148, 72, 35, 0, 33.6, 0.1 * i, 50] for i in range(12)]
    rows[5] = [6, "high", 72, 35, 0, 33.6, 0.6, 50]
    streamed = list(run.model.stream_rows(iter(rows), batch_size=1))
    ahead = list(run.model.stream_rows(rows, batch_size=1))
    alone = [run.model.predict([row])[0] for row in rows]
    assert ahead == streamed
    assert [replace(result, row=i) for i, result in enumerate(alone)] == streamed
    together = run.model.predict(rows)
    assert together[5] == streamed[5]
    assert streamed[5].error is not None
    assert "column 'glucose' holds 'high'" in streamed[5].error.message
    scores = [[result.score for result in results if not result.error]
              for results in (together, streamed)]  # fmt: skip
    np.testing.assert_allclose(*scores, atol=1e-6)


def test_threads_may_predict_side_by_side(run: zoo.Run) -> None:
    rows = [[i, 148, 72, 35, 0, 33.6, 0.627, 50] for i in range(16)]
    expected = [run.model.predict([row]) for row in rows]
    assert len({results[0].score for results in expected}) == len(rows)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(run.model.predict, [[row] for row in rows] * 8)) == expected * 8


def test_rows_of_the_wrong_width(run: zoo.Run) -> None:
    with pytest.raises(zoo.InputError, match="a row has 7 cells, expected 8: pregnancies"):
        run.model.predict([[1] * 7])


def test_a_bundle_cannot_name_code(run: zoo.Run, tmp_path: Path) -> None:
    """Whoever sends a bundle must not choose what this process imports."""
    import json

    from zoo.backend.network import weight_arrays
    from zoo_weights import read_headers, write_bundle

    headers = read_headers(run.path / "model.zoo")
    spec = json.loads(headers["spec"])
    for part in ("architecture", "input", "output"):
        hostile = {**spec, part: {"uses": "antigravity:fly"}}
        changed = {**headers, "spec": json.dumps(hostile)}
        write_bundle(tmp_path / "evil.zoo", changed, weight_arrays(run.model.keras))
        with pytest.raises(zoo.ZooError, match="reference to code"):
            zoo.load(tmp_path / "evil.zoo").predict([[1] * 8])
