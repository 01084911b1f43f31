"""Estimators for scikit-learn."""

import numbers

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ._train import on_arrays


class _Reshet(BaseEstimator):
    def __init__(self, hidden=(100,), activation="relu", dropout=0.0, optimizer="adam", lr=0.003,
                 weight_decay=0.0, momentum=0.0, epochs=100, batch_size=32, validation=0.0,
                 patience=None, threads=None, random_state=0, verbose=False, schedule="constant",
                 warm_start=False, device="auto"):
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
        self.schedule = schedule
        self.warm_start = warm_start
        self.device = device

    def _fit(self, X, y, task, sample_weight, class_weight=None):
        seed = self.random_state
        if not isinstance(seed, numbers.Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        names = ("hidden", "activation", "dropout", "optimizer", "lr", "weight_decay", "momentum",
                 "epochs", "batch_size", "validation", "patience", "threads", "verbose",
                 "schedule", "device")
        settings = {name: getattr(self, name) for name in names}
        start = self._before()
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float32)
        self.model_, self.n_iter_ = on_arrays(
            X, y, task=None if start else task, sample_weight=sample_weight, start=start, net=None,
            seed=int(seed), shuffle=True, class_weight=class_weight, **settings)
        before = self.history_ if start else {}
        history = self.model_.history
        self.history_ = {name: [*before.get(name, []), *values]
                         for name, values in history.items()}
        self.loss_curve_ = self.history_["loss"]
        self.loss_ = self.loss_curve_[-1]
        scores = [name for name in self.history_ if name in ("validation_accuracy",
                                                              "validation_r2")]
        self.validation_scores_ = self.history_[scores[0]] if scores else None
        return self

    def _before(self):
        """The model to go on from, if there is to be one."""
        return getattr(self, "model_", None) if self.warm_start else None

    def _rows(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=[np.float32, np.uint8], reset=False)


class ReshetClassifier(ClassifierMixin, _Reshet):
    """A fully connected network that tells classes apart.

    Columns should be of about one size, as of `StandardScaler`; bytes (uint8) stand for
    x / 255. For columns of words, dates and gaps: `reshet.train`.

    Parameters
    ----------
    hidden : widths of the hidden layers
    activation, dropout : of the hidden layers
    optimizer : "adam", "adamw", "sgd" or "rmsprop"; with lr, weight_decay and momentum
    schedule : "constant", "step", "cosine", "one-cycle" or "plateau"
    epochs, batch_size : how often all samples are seen; samples a step
    validation : the part of the samples that is only tested on, after each epoch
    patience : epochs without a better validation loss after which it stops
    threads : at most so many; None: all cores
    device : "auto", "cpu" or "cuda" (an NVIDIA card)
    random_state : seeds weights and shuffles
    warm_start : `fit` goes on from the parameters of the last `fit`, the optimiser anew
    class_weight : "balanced", or a dict from class to weight, 1 for those not in it

    Attributes
    ----------
    model_ : the `reshet.Model`, whose classes are counted from 0
    classes_ : the classes
    n_iter_ : epochs of the last `fit`
    history_ : as `reshet.Model.history`, over all warm starts
    loss_curve_, loss_ : the loss of each epoch, and of the last
    validation_scores_ : the accuracy on the validation part after each epoch, or None
    """

    def __init__(self, hidden=(100,), activation="relu", dropout=0.0, optimizer="adam", lr=0.003,
                 weight_decay=0.0, momentum=0.0, epochs=100, batch_size=32, validation=0.0,
                 patience=None, threads=None, random_state=0, verbose=False, schedule="constant",
                 warm_start=False, class_weight=None, device="auto"):
        super().__init__(hidden, activation, dropout, optimizer, lr, weight_decay, momentum, epochs,
                         batch_size, validation, patience, threads, random_state, verbose, schedule,
                         warm_start, device)
        self.class_weight = class_weight

    def fit(self, X, y, sample_weight=None):
        """Trains. sample_weight: how much each sample counts in the loss."""
        X, y = validate_data(self, X, y, dtype=[np.float32, np.uint8])
        check_classification_targets(y)
        classes, places = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        if self._before() and not np.array_equal(classes, self.classes_):
            raise ValueError(f"warm_start: the classes were {self.classes_}, now {classes}")
        self.classes_ = classes
        return self._fit(X, places, "classes", sample_weight, self._weight_of_places())

    def _weight_of_places(self):
        """The weights of the classes by their places, as the model knows them."""
        if self.class_weight is None or isinstance(self.class_weight, str):
            return self.class_weight
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in self.class_weight if label not in places]
        if unknown:
            raise ValueError(f"class_weight: {unknown[0]!r} is no class; they are {self.classes_}")
        return {places[label]: weight for label, weight in self.class_weight.items()}

    def predict_proba(self, X):
        X = self._rows(X)
        return self.model_.predict_proba(X)

    def predict(self, X):
        X = self._rows(X)
        return self.classes_[self.model_.predict_proba(X).argmax(axis=1)]


class ReshetRegressor(RegressorMixin, _Reshet):
    """A fully connected network that predicts a number, or several.

    Columns should be of about one size, as of `StandardScaler`; bytes (uint8) stand for
    x / 255. Targets may be of any size: they are scaled for the training. Parameters and
    attributes are those of `ReshetClassifier`; validation_scores_ are R².
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Trains. sample_weight: how much each sample counts in the loss."""
        X, y = validate_data(self, X, y, dtype=[np.float32, np.uint8], multi_output=True,
                             y_numeric=True)
        return self._fit(X, np.asarray(y, dtype=np.float32), "number", sample_weight)

    def predict(self, X):
        X = self._rows(X)
        return self.model_.predict(X).astype(np.float64)
