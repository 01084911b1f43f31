"""The estimators, held to scikit-learn's own checks; none is expected to fail."""

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


@parametrize_with_checks([ReshetClassifier(), ReshetRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_in_a_pipeline_and_a_grid_search():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), ReshetClassifier(epochs=30))
    search = GridSearchCV(model, {"reshetclassifier__lr": [1e-6, 0.01]}, cv=3).fit(X, y)
    assert search.best_params_ == {"reshetclassifier__lr": 0.01} and search.best_score_ > 0.9


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
