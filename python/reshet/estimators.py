"""Estimators for scikit-learn."""

import numbers

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _train


class _Reshet(BaseEstimator):
    def __init__(self, hidden=(100,), activation="relu", dropout=0.0, optimizer="adam", lr=0.003,
                 weight_decay=0.0, momentum=0.0, epochs=100, batch_size=32, validation=0.0,
                 patience=None, threads=None, random_state=0, verbose=False):
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.momentum = momentum
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation = validation
        self.patience = patience
        self.threads = threads
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, y, task):
        seed = self.random_state
        if not isinstance(seed, numbers.Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        names = ("hidden", "activation", "dropout", "optimizer", "lr", "weight_decay", "momentum",
                 "epochs", "batch_size", "validation", "patience", "threads", "verbose")
        settings = {name: getattr(self, name) for name in names}
        self.model_, self.n_iter_ = _train(X, y, task=task, net=None, seed=int(seed), shuffle=True,
                                           **settings)
        return self

    def _rows(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=[np.float32, np.uint8], reset=False)


class ReshetClassifier(ClassifierMixin, _Reshet):
    """A fully connected network that tells classes apart.

    Columns should be of about one size, as of `StandardScaler`; bytes (uint8) stand for
    x / 255. `model_` is the `reshet.Model`, whose classes are counted from 0.
    """

    def fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=[np.float32, np.uint8])
        check_classification_targets(y)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        return self._fit(X, places, "classes")

    def predict_proba(self, X):
        X = self._rows(X)
        return self.model_.predict_proba(X)

    def predict(self, X):
        X = self._rows(X)
        return self.classes_[self.model_.predict_proba(X).argmax(axis=1)]


class ReshetRegressor(RegressorMixin, _Reshet):
    """A fully connected network that predicts a number, or several.

    Columns should be of about one size, as of `StandardScaler`; bytes (uint8) stand for
    x / 255. Targets may be of any size: they are scaled for the training.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=[np.float32, np.uint8], multi_output=True,
                             y_numeric=True)
        return self._fit(X, np.asarray(y, dtype=np.float32), "number")

    def predict(self, X):
        X = self._rows(X)
        return self.model_.predict(X).astype(np.float64)
