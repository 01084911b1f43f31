"""scikit-learn: MLPClassifier or MLPRegressor, an epoch a call of `partial_fit`."""

import os
import sys

name, threads = sys.argv[1:3]
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = threads

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from common import Job, serve

job = Job(name)
kind = MLPRegressor if job.loss == "mse" else MLPClassifier
network = kind(
    hidden_layer_sizes=job.widths[1:-1],
    batch_size=job.batch,
    learning_rate_init=job.lr,
    alpha=0,
    random_state=0,
)
x, y = job.train
y = y.astype(np.int64).ravel() if job.loss == "bce" else y.squeeze()
classes = {} if job.loss == "mse" else {"classes": np.unique(y)}
random = np.random.default_rng(0)


def steps(n):
    """`partial_fit` is an epoch over what it gets: as many rows as n steps need."""
    left = n * job.batch
    while left > 0:
        rows = random.permutation(len(x))[:left]
        network.partial_fit(x[rows], y[rows], **classes)
        left -= len(rows)
    return network.loss_


def predict(rows):
    part = job.test[0][:rows]
    return lambda: network.predict_proba(part)


def accuracy():
    return float(network.score(job.test[0], job.test[1].ravel())) if job.test else None


serve(f"scikit-learn {sklearn.__version__}", steps, predict, accuracy)
