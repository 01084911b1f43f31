"""Fully connected neural networks: train, predict, ship.

    import reshet
    model = reshet.train(X, y, hidden=(100,), epochs=10)
    model.predict(X)
    model.save("model.safetensors")          # the program `reshet` reads it
    reshet.load("model.safetensors").predict_proba(X)

Batch by batch, as a game's agent learns: `Net`, with `ReplayBuffer`.
For scikit-learn: `ReshetClassifier` and `ReshetRegressor`.
"""

import os
import warnings

import numpy as np

from . import _reshet
from ._reshet import Net, ReplayBuffer, __version__

__all__ = ["Batch", "Model", "Net", "ReplayBuffer", "ReshetClassifier", "ReshetRegressor", "load",
           "train", "__version__"]


def __getattr__(name):
    # scikit-learn is imported only if it is used.
    if name in ("ReshetClassifier", "ReshetRegressor"):
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module 'reshet' has no attribute '{name}'")


def _samples(X):
    """Rows of float32 or bytes, side by side in memory; as they are, if they are that."""
    X = np.asarray(X)
    if X.ndim < 2:
        raise ValueError(f"X: an array of samples has two dimensions or more, not {X.ndim}; "
                         "one sample is X[None]")
    kind = np.uint8 if X.dtype == np.uint8 else np.float32
    # A number too large for float32 becomes infinite, and is refused as that.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X, dtype=kind)


class Batch(dict):
    """What a `ReplayBuffer` gives: an array a name, as `batch.state` or `batch["state"]`."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self)
            raise AttributeError(f"nothing is called {name}; there are {known}") from None


class Model:
    """A trained network."""

    def __init__(self, inner):
        self._inner = inner

    @property
    def network(self):
        """The network as text, `784-100:relu-10`."""
        return self._inner.network

    @property
    def task(self):
        """`binary` (yes or no), `classes` or `number`."""
        return self._inner.task

    @property
    def classes(self):
        """The classes, or the two answers (no, yes), or the questions; None for numbers.

        Whole numbers and booleans if all of them are.
        """
        names = self._inner.names
        if self.task == "number":
            return None
        if names == ["False", "True"]:
            return np.array([False, True])
        try:
            numbers = [int(name) for name in names]
        except ValueError:
            return np.array(names)
        return np.array(numbers if [str(n) for n in numbers] == names else names)

    def _answers(self, X):
        if isinstance(X, (str, os.PathLike)):
            answers = self._inner.table(X)
        else:
            X = _samples(X)
            has, takes = (int(np.prod(shape)) for shape in (X.shape[1:], self._inner.shape))
            if has != takes:
                raise ValueError(f"X: the network takes {takes} values a sample, not {has}")
            answers = self._inner.answers(X)
        return np.frombuffer(answers, dtype=np.float32).reshape(-1, self._inner.outputs)

    def predict_proba(self, X):
        """Probabilities, a row a sample: of each class; of no and yes; of yes to each question."""
        if self.task == "number":
            raise AttributeError("this model predicts numbers, which have no probabilities")
        answers = self._answers(X)
        if self.task == "binary" and answers.shape[1] == 1:
            return np.hstack([1 - answers, answers])
        return answers

    def predict(self, X):
        """The answer to each sample: a class, yes or no to each question, or numbers.

        X: an array, a row a sample; for a model of a table also the path of a table.
        """
        if self.task == "number":
            answers = self._answers(X)
            return answers[:, 0] if answers.shape[1] == 1 else answers
        p = self.predict_proba(X)
        if self.task == "binary" and self._inner.outputs > 1:
            return p > 0.5
        return self.classes[p.argmax(axis=1)]

    def save(self, path):
        """Writes the model as safetensors, for the program and the library `reshet` too."""
        self._inner.save(path)

    def __reduce__(self):
        return _unpickled, (self._inner.to_bytes(),)

    def __repr__(self):
        return f"<reshet.Model {self.network}, {self.task}>"


def _unpickled(state):
    return Model(_reshet.Model.from_bytes(state))


def load(path):
    """Reads a model that `Model.save` or the program `reshet` wrote."""
    return Model(_reshet.Model.load(path))


def train(
    X,
    y,
    *,
    task=None,
    net=None,
    hidden=(100,),
    activation="relu",
    dropout=0.0,
    optimizer="adam",
    lr=0.001,
    weight_decay=0.0,
    momentum=0.0,
    epochs=10,
    batch_size=64,
    seed=0,
    shuffle=True,
    validation=0.0,
    patience=None,
    threads=None,
    verbose=False,
):
    """Trains a network and gives the `Model`.

    X: samples, float32 or uint8 (bytes stand for x / 255); anything else becomes float32.
    y: a class or number a sample. Floats are numbers, and so are whole numbers of more than
       ten different values, or of fewer that hardly ever repeat, which a warning tells; all
       else are classes, two of them a yes/no question. `task` ("classes", "binary", "number")
       says otherwise; "binary" with several columns of 0 and 1 asks several questions.
    net: the whole network, as "100:relu-1:sigmoid", instead of hidden, activation, dropout.
    validation: the part of the samples that is only tested on, after each epoch; with
       `patience`, training stops when that has not become better for so many epochs.

    X and y are copied before the training begins: changing them changes nothing. Other
    threads of Python run meanwhile, and Ctrl-C ends it.
    """
    model, _ = _train(X, y, task=task, net=net, hidden=hidden, activation=activation,
                      dropout=dropout, optimizer=optimizer, lr=lr, weight_decay=weight_decay,
                      momentum=momentum, epochs=epochs, batch_size=batch_size, seed=seed,
                      shuffle=shuffle, validation=validation, patience=patience,
                      threads=threads, verbose=verbose)
    return model


def _task(y):
    """The question that y asks if nobody says: the program's rule for a table's column."""
    if y.dtype.kind == "f":
        return "number"
    if y.dtype.kind not in "iu" or y.ndim != 1:
        return "classes"
    different = len(np.unique(y))
    if different <= 10 and different * 5 <= max(len(y), 15):
        return "classes"
    warnings.warn(f"y: {different} different whole numbers in {len(y)} samples are taken for "
                  'amounts; task="classes" makes classes of them', stacklevel=4)
    return "number"


def _targets(y, task):
    """(values, numbers a sample, task, names)"""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2):
        raise ValueError(f"y: one or two dimensions, not {y.ndim}")
    task = task or _task(y)
    if task not in ("classes", "binary", "number"):
        raise ValueError(f'task: "classes", "binary" or "number", not "{task}"')
    if task == "number" or (task == "binary" and y.ndim == 2):
        width = 1 if y.ndim == 1 else y.shape[1]
        names = [str(i) for i in range(width)] if task == "binary" else []
        return y.astype(np.float32), width, task, names
    if y.ndim == 2:
        raise ValueError('y: classes have one dimension; task="binary" asks several questions')
    classes, places = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y: {len(classes)} class; a network tells two or more apart")
    task = "binary" if len(classes) == 2 else "classes"
    return places.astype(np.float32), 1, task, [str(c) for c in classes]


def _train(X, y, *, task, net, hidden, activation, dropout, **settings):
    """The model, and how many epochs were trained."""
    for name in ("epochs", "batch_size", "seed", "patience", "threads"):
        value = settings[name]
        if value is not None and (int(value) != value or value < 0):
            raise ValueError(f"{name}: a whole number of at least 0, not {value}")
    X = _samples(X)
    values, width, task, names = _targets(y, task)
    if len(X) != len(values):
        raise ValueError(f"X has {len(X)} samples and y {len(values)}")
    if net is None:
        drop = f":dropout({dropout})" if dropout else ""
        layers = [f"{n}:{activation}{drop}" for n in hidden]
        tail = ":sigmoid" if task == "binary" else ""
        net = "-".join([*layers, f"{len(names) if task == 'classes' else width}{tail}"])
    question = {"shape": list(X.shape[1:]), "task": task, "names": names, "width": width}
    inner, epochs = _reshet.train(X, values, {"network": net, **question, **settings})
    return Model(inner), epochs
