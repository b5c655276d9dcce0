"""The estimators as scikit-learn's own tests, searches, pipelines and pickles see them."""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

pytest.importorskip("sklearn", reason="needs the extra sklearn")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import zoo
from zoo.errors import SpecError, UsageError
from zoo.sklearn import ZooClassifier, ZooRegressor

PIMA = zoo.get_spec("mlp-pima").input.config["columns"]


@pytest.fixture(scope="module")
def pima() -> tuple[Any, Any]:
    """The rows of the Pima dataset and their outcomes."""
    from zoo.data.datasets import load_dataset
    from zoo.registry.registry import registry

    rows = load_dataset(registry().datasets.find("pima"))["train"]
    numbers = [[float(cell) for cell in rows.inputs.column(name)] for name in PIMA]
    return np.array(numbers).T, np.array([int(label) for label in rows.labels])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [ZooClassifier(), ZooRegressor()],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "a row that counts twice stands in one "
        "batch, a row given twice in two: the steps of the optimizer are others"
    },
)
def test_scikit_learns_own_checks(
    estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in another order with the tolerance of float32: sums are rounded by a row's place."""
    if check.func.__name__ == "check_methods_sample_order_invariance":
        close = estimator_checks.assert_allclose_dense_sparse
        monkeypatch.setattr(
            estimator_checks,
            "assert_allclose_dense_sparse",
            lambda *arrays, **options: close(*arrays, **options | {"rtol": 1e-5, "atol": 1e-6}),
        )
    check(estimator)


@pytest.mark.slow
def test_mean_accuracy_of_the_published_cross_validation(pima: tuple[Any, Any]) -> None:
    folds = StratifiedKFold(10, shuffle=True, random_state=7)
    scores = cross_val_score(ZooClassifier("mlp-pima"), *pima, cv=folds)
    assert 0.62 <= scores.mean() <= 0.80
    assert len(scores) == 10


def test_it_trains_what_zoo_train_trains(pima: tuple[Any, Any], tmp_path: Path) -> None:
    """There is no second training: the same recipe and seed give the same network."""
    run = zoo.train("mlp-pima", epochs=2, seed=3, output=tmp_path / "run")
    fitted = ZooClassifier("mlp-pima", epochs=2, seed=3).fit(*pima)
    assert fitted.history_ == run.history
    found = fitted.predict_proba(pima[0][:5])[:, 1]
    expected = [result.probabilities["diabetes"] for result in run.model.predict(pima[0][:5])]
    assert found == pytest.approx(expected, abs=1e-6)


def test_no_folder_is_left_unless_asked(
    pima: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ZooClassifier(epochs=1).fit(*pima)
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        ZooClassifier(epochs=1, runs="kept").fit(*pima)
    folders = list((tmp_path / "kept" / "mlp-pima").iterdir())
    assert len(folders) == 2
    rows = zoo.load(folders[0]).predict(pima[0][:3])
    assert {row.prediction for row in rows} <= {"diabetes", "no diabetes"}


def test_parameters_are_fields_of_the_spec_and_survive_clones() -> None:
    estimator = ZooClassifier(
        "mlp-pima", seed=1, learning_rate=0.1, optimizer="sgd", hidden=[4], training__shuffle=False
    )
    parameters = estimator.get_params()
    assert parameters["training__shuffle"] is False
    assert clone(estimator).get_params() == parameters
    assert pickle.loads(pickle.dumps(estimator)).get_params() == parameters
    spec, _ = clone(estimator.set_params(epochs=7, momentum=0.5))._spec()
    assert spec.training is not None
    optimizer = zoo.Component("sgd", learning_rate=0.1, momentum=0.5)  # whatever the order
    assert spec.training.optimizer == optimizer
    assert (spec.training.epochs, spec.training.shuffle) == (7, False)
    assert spec.architecture.config["hidden"] == [4]
    assert "learning_rate=0.1" in repr(estimator)


def test_wrong_parameters_are_named(pima: tuple[Any, Any]) -> None:
    with pytest.raises(UsageError, match=r"no such field. Did you mean 'optimizer'"):
        ZooClassifier(optimiser="sgd").fit(*pima)
    with pytest.raises(SpecError, match=r"training\.epochs: .*received 'many'"):
        ZooClassifier(epochs="many").fit(*pima)
    with pytest.raises(ValueError, match="cannot have a parameter 'predict'"):
        ZooClassifier(predict=1)
    with pytest.raises(UsageError, match=r"mlp-boston: its task is .*use zoo.sklearn.ZooRegressor"):
        ZooClassifier("mlp-boston").fit(*pima)
    with pytest.raises(UsageError, match=r"use zoo\.sklearn\.ZooClassifier"):
        ZooRegressor("mlp-pima").fit(*pima)


def test_pickles_hold_a_bundle_and_no_keras_object(pima: tuple[Any, Any]) -> None:
    fitted = ZooClassifier(epochs=1).fit(*pima)
    content = pickle.dumps(fitted)
    named = " ".join(str(arg) for _, arg, _ in pickletools.genops(content) if isinstance(arg, str))
    assert "keras" not in named.replace("keras-zoo", "")
    again = pickle.loads(content)
    assert np.array_equal(again.predict_proba(pima[0]), fitted.predict_proba(pima[0]))
    assert again.history_ == fitted.history_


def test_classes_and_columns_follow_the_data() -> None:
    """The recipe of two classes of women becomes one of three flowers, named by texts."""
    iris = load_iris()
    names = iris.target_names[iris.target]
    fitted = ZooClassifier("mlp-pima", epochs=60, seed=1, scale="standard").fit(iris.data, names)
    assert list(fitted.classes_) == ["setosa", "versicolor", "virginica"]
    assert fitted.n_features_in_ == 4
    assert fitted.predict_proba(iris.data).shape == (150, 3)
    assert fitted.score(iris.data, names) > 0.9
    assert fitted.model_.keras.output_shape == (None, 3)


def test_columns_without_a_type_stay_left_out() -> None:
    frame = pd.DataFrame({"size": [1, 2, 3, 4] * 10, "kind": list("abab") * 10, "id": range(40)})
    columns = {"kind": "category", "size": "number", "gone": "number"}
    spec = replace(zoo.get_spec("mlp-pima"), input=zoo.Component("columns", columns=columns))
    model = ZooClassifier(spec, epochs=40, seed=1).fit(frame, list("xyxy") * 10)
    assert model.model_.preprocessor.columns == ["size", "kind"]
    assert len(model.predict(frame)) == 40


def test_columns_of_probabilities_are_those_of_classes() -> None:
    """A spec may name its classes in another order than scikit-learn sorts them."""
    rows = np.array([[-1.0], [1.0]] * 40)
    labels = np.array(["no diabetes", "diabetes"] * 40)
    fitted = ZooClassifier("mlp-pima", epochs=30, seed=1, batch_size=4).fit(rows, labels)
    assert list(fitted.classes_) == ["diabetes", "no diabetes"]
    assert fitted.model_.decoder.labels == ["no diabetes", "diabetes"]
    assert fitted.score(rows, labels) == 1.0
    assert fitted.predict_proba([[1.0]])[0, 0] > 0.5


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str, pima: tuple[Any, Any]) -> None:
    module = pytest.importorskip(library)
    names = [*reversed(PIMA)]
    frame = module.DataFrame({name: pima[0][:, PIMA.index(name)] for name in names})
    fitted = ZooClassifier(epochs=1, seed=3).fit(frame, module.Series(pima[1]))
    assert list(fitted.feature_names_in_) == names
    plain = ZooClassifier(epochs=1, seed=3).fit(*pima)  # the spec's columns, in its order
    found, expected = fitted.predict_proba(frame), plain.predict_proba(pima[0])
    assert found == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[PIMA])


def test_frames_may_hold_texts_where_the_spec_encodes_them() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"colour": ["red", "blue"] * 20, "size": [1.0, 2.0] * 20})
    fitted = ZooRegressor(
        "mlp-boston", epochs=1, one_hot=["colour"], seed=1
    ).fit(frame, [1.0, 2.0] * 20)  # fmt: skip
    assert fitted.model_.keras.input_shape == (None, 3)
    assert fitted.predict(frame).shape == (40,)
    frame.loc[3, "colour"] = "green"
    with pytest.raises(ValueError, match="row 3: column 'colour' holds the unknown name 'green'"):
        fitted.predict(frame)


def test_weights_of_rows(pima: tuple[Any, Any]) -> None:
    """Rows that count nothing are not seen; the others pull as much as they count."""
    rows, labels = pima
    weights = np.where(labels == 1, 1.0, 0.0)
    weights[:10] = 1.0
    fitted = ZooClassifier(epochs=3, seed=3, scale="standard").fit(rows, labels, weights)
    same = ZooClassifier(epochs=3, seed=3, scale="standard").fit(
        rows[weights > 0], labels[weights > 0]
    )
    assert np.array_equal(fitted.predict_proba(rows), same.predict_proba(rows))
    heavy = ZooClassifier(epochs=3, seed=3, scale="standard").fit(
        rows, labels, np.where(labels == 1, 4.0, 1.0)
    )
    even = ZooClassifier(epochs=3, seed=3, scale="standard").fit(rows, labels)
    assert heavy.predict_proba(rows)[:, 1].mean() > even.predict_proba(rows)[:, 1].mean() + 0.1


def test_a_search_in_a_pipeline(pima: tuple[Any, Any]) -> None:
    pipeline = make_pipeline(StandardScaler(), ZooClassifier("mlp-pima", epochs=3, seed=3))
    grid = {"zooclassifier__optimizer": ["rmsprop", "adam"], "zooclassifier__epochs": [1, 5]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(*pima)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_[1].get_params()["epochs"] == 5
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_held_out_rows_and_early_stopping_of_a_recipe(pima: tuple[Any, Any]) -> None:
    fitted = ZooClassifier(
        validation=0.25, early_stopping={"patience": 2, "min_delta": 1.0}, epochs=20, seed=3
    ).fit(*pima)  # fmt: skip
    assert fitted.n_iter_ < 20
    assert len(fitted.history_["val_loss"]) == fitted.n_iter_


def test_regression_of_scaled_targets() -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(120, 3))
    target = 100 + rows @ [10.0, -5.0, 2.0]
    estimator = TransformedTargetRegressor(
        ZooRegressor(epochs=60, seed=1), transformer=StandardScaler()
    )
    assert estimator.fit(rows, target).score(rows, target) > 0.9


def test_what_looks_wrong_is_a_convergence_warning(pima: tuple[Any, Any]) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match="mlp-pima: the loss is not finite"):
        fitted = ZooClassifier(optimizer="sgd", learning_rate=1e30, epochs=2).fit(*pima)
    for ask in (fitted.predict, fitted.predict_proba):  # nan was a class like any other
        with pytest.raises(ValueError, match="row 0: the network gives nan, not finite"):
            ask(pima[0])


def test_numbers_that_are_not_finite() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))
    fitted = ZooRegressor(epochs=1, seed=1).fit(rows, rows[:, 0])
    for variable in fitted.model_.keras.weights:
        variable.assign(np.full(variable.shape, np.nan))
    with pytest.raises(ValueError, match="row 0: the network gives nan, not finite"):
        fitted.predict(rows)


def test_rows_held_out_by_class(pima: tuple[Any, Any]) -> None:
    validation = {"held": 100, "order": "stratified", "seed": 1}
    fitted = ZooClassifier(validation=validation, epochs=2, scale="standard", seed=3).fit(*pima)
    assert len(fitted.history_["val_loss"]) == 2


def test_a_head_that_does_not_fit_is_an_error(pima: tuple[Any, Any]) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(zoo.ZooError, match=r"targets of shape \(rows, 1\) with outputs"):
        ZooRegressor(width=2, epochs=1).fit(rows, rows[:, 0])
    with pytest.raises(zoo.ZooError, match="has the head 'linear', and 'tabular/binary' needs"):
        ZooClassifier(output_activation="linear", loss="mse", epochs=1).fit(*pima)


def test_three_classes_where_the_decoder_chose_the_head() -> None:
    """The spec says nothing of the sigmoid that becomes a softmax."""
    spec = zoo.get_spec("mlp-pima")
    options = {k: v for k, v in spec.architecture.config.items() if k != "output_activation"}
    spec = replace(spec, architecture=zoo.Component(spec.architecture.uses, **options))
    rows = np.random.default_rng(0).normal(size=(30, 2))
    fitted = ZooClassifier(spec, epochs=1, seed=1).fit(rows, np.arange(30) % 3)
    np.testing.assert_allclose(fitted.predict_proba(rows).sum(axis=1), 1, rtol=1e-5)


def test_texts() -> None:
    texts = ["good film", "bad film", "good good", "bad bad"] * 10
    labels = [1, 0, 1, 0] * 10
    model = zoo.get_spec("mlp-imdb")
    fitted = ZooClassifier(model, epochs=2, seed=1).fit(texts, labels)
    assert fitted.predict(["good film"]).shape == (1,)
