"""The estimators, held to scikit-learn's own checks."""

import pickle

import numpy as np
import pytest
from reshet import ReshetClassifier, ReshetRegressor
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks


# As of scikit-learn's estimators that go through samples in random batches: the loss is the same
# whether a sample weighs 2 or comes twice, the batches are not.
WEIGHTS_ARE_NOT_REPEATS = {
    "check_sample_weight_equivalence_on_dense_data": "other samples make other batches",
}


@parametrize_with_checks([ReshetClassifier(), ReshetRegressor()],
                         expected_failed_checks=lambda estimator: WEIGHTS_ARE_NOT_REPEATS)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_in_a_pipeline_and_a_grid_search():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), ReshetClassifier(epochs=30))
    search = GridSearchCV(model, {"reshetclassifier__lr": [1e-6, 0.01]}, cv=3).fit(X, y)
    assert search.best_params_ == {"reshetclassifier__lr": 0.01} and search.best_score_ > 0.9


def test_the_device_is_a_parameter():
    X, y = load_iris(return_X_y=True)
    settings = dict(epochs=3, random_state=0)
    by_default = ReshetClassifier(**settings).fit(X, y).predict_proba(X)
    on_cpu = clone(ReshetClassifier(device="cpu", **settings)).fit(X, y).predict_proba(X)
    assert np.array_equal(by_default, on_cpu)
    for kind in (ReshetClassifier, ReshetRegressor):
        with pytest.raises(ValueError, match='no device is called "gpu"'):
            kind(device="gpu", **settings).fit(X, y)


def test_in_several_processes():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), ReshetClassifier(epochs=30, threads=1))
    assert cross_val_score(model, X, y, cv=4, n_jobs=2).mean() > 0.9


def test_numbers():
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), ReshetRegressor(hidden=(16,), epochs=30))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.35


def test_pictures_as_bytes():
    X, y = load_digits(return_X_y=True)
    X = (X * 15.9).astype(np.uint8)
    model = ReshetClassifier(epochs=20).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9


@pytest.mark.parametrize("kind", [ReshetClassifier, ReshetRegressor])
def test_cloned_and_pickled(kind):
    X, y = load_iris(return_X_y=True)
    model = kind(hidden=(8,), epochs=3, random_state=np.random.RandomState(3)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X) == model.predict(X)).all()
    assert clone(model).get_params()["hidden"] == (8,)
    assert (kind(random_state=1, epochs=3).fit(X, y).predict(X)
            == kind(random_state=1, epochs=3).fit(X, y).predict(X)).all()


def test_weights_are_repeats_where_the_batch_is_all_there_is():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:100], y[:100]
    times = np.arange(100) % 3
    settings = {"hidden": (), "epochs": 30, "batch_size": 1000}
    weighted = ReshetRegressor(**settings).fit(X, y, sample_weight=times)
    repeated = ReshetRegressor(**settings).fit(X.repeat(times, axis=0), y.repeat(times))
    assert np.allclose(weighted.predict(X), repeated.predict(X), rtol=1e-3)
    assert not np.allclose(ReshetRegressor(**settings).fit(X, y).predict(X), weighted.predict(X),
                           rtol=1e-3)
    model = make_pipeline(StandardScaler(), ReshetRegressor(**settings))
    model.fit(X, y, reshetregressor__sample_weight=times)


def test_weights_of_classes():
    X, y = load_iris(return_X_y=True)
    words = np.array(["setosa", "versicolor", "virginica"])[y]
    few = (y > 0) & ((y == 2) | (np.arange(150) % 10 == 0))
    X, y, words = StandardScaler().fit_transform(X[few]), y[few], words[few]

    def said(label, labels=y, **more):
        return (ReshetClassifier(epochs=5, **more).fit(X, labels).predict(X) == label).sum()

    assert said(1) < said(1, class_weight="balanced")
    assert said(1, class_weight={1: 10}) == said("versicolor", words, class_weight={"versicolor": 10})
    assert said(1, class_weight={1: 10}) > said(1)
    balanced = ReshetClassifier(epochs=5, class_weight="balanced").fit(X, y)
    weights = np.array([55 / (2 * 5), 55 / (2 * 50)])[y - 1]
    by_hand = ReshetClassifier(epochs=5).fit(X, y, sample_weight=weights)
    assert np.allclose(balanced.predict_proba(X), by_hand.predict_proba(X), atol=1e-5)
    with pytest.raises(ValueError, match="class_weight: 7 is no class"):
        ReshetClassifier(class_weight={7: 1}).fit(X, y)


def test_the_course_of_a_fit():
    X, y = load_iris(return_X_y=True)
    model = ReshetClassifier(epochs=4, validation=0.2).fit(X, y)
    assert model.n_iter_ == 4 and len(model.loss_curve_) == 4 and model.loss_ == model.loss_curve_[-1]
    assert model.history_["loss"] is model.loss_curve_
    assert len(model.validation_scores_) == 4 and 0 <= model.validation_scores_[-1] <= 1
    assert ReshetRegressor(epochs=2).fit(X, y).validation_scores_ is None


@pytest.mark.parametrize("kind", [ReshetClassifier, ReshetRegressor])
def test_a_fit_goes_on(kind):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    y = y * 100 if kind is ReshetRegressor else y
    cold = kind(epochs=3).fit(X, y)
    warm = kind(epochs=3, warm_start=True).fit(X, y)
    assert (warm.predict(X) == cold.predict(X)).all()
    # Half of the classes' shares, so that targets have another mean: the units stay.
    warm.set_params(lr=1e-12, epochs=1).fit(X[25:], y[25:])
    assert np.allclose(warm.predict(X), cold.predict(X), rtol=1e-3)
    warm.set_params(lr=0.003, epochs=20).fit(X, y)
    assert warm.score(X, y) > cold.score(X, y) and warm.n_iter_ == 20
    assert len(warm.loss_curve_) == 24 and warm.loss_ < cold.loss_
    assert cold.fit(X, y).loss_curve_ == kind(epochs=3).fit(X, y).loss_curve_
    with pytest.raises(ValueError, match="the model is the network 4-100:relu"):
        warm.set_params(hidden=(5,)).fit(X, y)
    if kind is ReshetClassifier:
        with pytest.raises(ValueError, match="the classes were"):
            kind(epochs=1, warm_start=True).fit(X, y).fit(X[:100], y[:100])
