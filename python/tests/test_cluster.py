"""The estimators where others hand out the work: joblib, Dask, Ray. What is not installed is skipped."""

import numpy as np
import pytest
from reshet import ReshetClassifier
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RATES = [1e-6, 0.01]


def search(n_jobs=None):
    # One thread a worker: the cores are shared out already.
    model = make_pipeline(StandardScaler(), ReshetClassifier(epochs=20, threads=1, random_state=0))
    return GridSearchCV(model, {"reshetclassifier__lr": RATES}, cv=3, n_jobs=n_jobs)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def alone(iris):
    """The same search in this process."""
    return search().fit(*iris)


def check(found, alone, X):
    assert found.best_params_ == {"reshetclassifier__lr": 0.01}
    key = "mean_test_score"
    assert (found.cv_results_[key] == alone.cv_results_[key]).all()
    assert (found.predict_proba(X) == alone.predict_proba(X)).all()


def test_joblib(iris, alone):
    joblib = pytest.importorskip("joblib")
    for backend in ["loky", "threading"]:
        with joblib.parallel_backend(backend, n_jobs=2):
            check(search().fit(*iris), alone, iris[0])


@pytest.fixture
def dask_client():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            yield client


def test_dask_as_joblibs_backend(iris, alone, dask_client):
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_backend("dask"):
        check(search().fit(*iris), alone, iris[0])


def test_models_travel_through_dask(iris, dask_client):
    X, y = iris
    model = ReshetClassifier(epochs=20, threads=1, random_state=0)
    far = dask_client.submit(model.fit, X, y, pure=False).result()
    assert (far.predict_proba(X) == model.fit(X, y).predict_proba(X)).all()
    parts = dask_client.map(far.predict, np.array_split(X, 3))
    assert (np.concatenate(dask_client.gather(parts)) == far.predict(X)).all()


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_models_travel_through_ray(iris, ray):
    X, y = iris
    fit = ray.remote(lambda rate: ReshetClassifier(lr=rate, epochs=20, threads=1, random_state=0).fit(X, y))
    models = ray.get([fit.remote(rate) for rate in RATES])
    here = ReshetClassifier(lr=0.01, epochs=20, threads=1, random_state=0).fit(X, y)
    assert (models[1].predict_proba(X) == here.predict_proba(X)).all()
    assert models[1].score(X, y) > models[0].score(X, y)


def test_ray_tune(iris, ray, tmp_path):
    tune = pytest.importorskip("ray.tune")
    X, y = iris

    def train(config):
        model = ReshetClassifier(lr=config["lr"], epochs=20, threads=1, random_state=0)
        tune.report({"accuracy": model.fit(X[::2], y[::2]).score(X[1::2], y[1::2])})

    tuner = tune.Tuner(
        train,
        param_space={"lr": tune.grid_search(RATES)},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max"),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    best = tuner.fit().get_best_result()
    assert best.config["lr"] == 0.01 and best.metrics["accuracy"] > 0.9
