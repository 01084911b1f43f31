"""Trained networks."""

import json
import os
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _frames, _reshet


def warn(text):
    """Warns in the name of whoever called this package."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "reshet":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def check_single(values, name):
    """Refuses columns of which float32 keeps next to nothing: times in seconds, account numbers.

    Of many rows some are looked at.
    """
    exact = values.dtype.itemsize < 4 or values.dtype == np.float32
    if values.dtype.kind not in "fiu" or exact or values.size == 0:
        return
    rows = np.asarray(values[:: max(1, len(values) // 10_000)], dtype=np.float64)
    rows = rows.reshape(len(rows), -1)
    with np.errstate(all="ignore"):
        sizes, spread = np.abs(rows.mean(axis=0)), rows.std(axis=0)
        lost = np.flatnonzero((spread > 1e-12 * sizes) & (sizes > 2**20 * spread))
    if len(lost):
        column = int(lost[0])
        where = f"{name}, column {column}" if rows.shape[1] > 1 else name
        raise ValueError(f"{where}: its numbers lie {spread[column]:.1e} apart, near "
                         f"{rows[0, column]:.10g}; arrays become float32, which does not tell "
                         "these apart: subtract what they share, or give a table, whose columns "
                         "are scaled first")


def samples(X):
    """Rows of float32 or bytes, side by side in memory; as they are, if they are that."""
    if isinstance(X, dict):
        raise ValueError("X: the model was not trained on a table: give it an array")
    X = np.asarray(X)
    if X.ndim < 2:
        raise ValueError(f"X: an array of samples has two dimensions or more, not {X.ndim}; "
                         "one sample is X[None]")
    kind = np.uint8 if X.dtype == np.uint8 else np.float32
    check_single(X, "X")
    # A number too large for float32 becomes infinite, and is refused as that.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X, dtype=kind)


class Shapley(NamedTuple):
    """Shapley values: what `Model.shapley` gives.

    columns: their names, or the inputs' numbers.
    values: float64 (samples, columns, outputs). Outputs are numbers or probabilities: of yes, of
       each class. Over the columns they sum to the answer less `base_values`.
    errors: the standard error of each value.
    base_values: the mean answer to the background, one per output.
    permutations: how many were sampled, one number per sample.
    """

    columns: list[str]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    base_values: NDArray[np.float64]
    permutations: NDArray[np.int64]


class Model:
    """A trained network: what `train` and `load` give.

    history: of each epoch, as lists of numbers: "loss", and with a validation part
       "validation_loss" and "validation_accuracy", or "validation_r2" of numbers. Empty for a
       model that was read from a file.
    said: of a table, what was decided about it, a line each.
    tested: of a table, the test on the rows that were not learnt: what `test` gives.
    """

    history: dict[str, list[float]]
    said: list[str]
    tested: dict[str, Any] | None

    def __init__(self, inner, history=None, said=(), tested=None):
        self._inner = inner
        self.history = history or {}
        self.said = list(said)
        self.tested = tested

    @property
    def network(self) -> str:
        """The network as text, `784-100:relu-10`."""
        return self._inner.network

    @property
    def task(self) -> str:
        """`binary` (yes or no), `classes` or `number`."""
        return self._inner.task

    @property
    def classes(self) -> NDArray[Any] | None:
        """The classes, or the two answers (no, yes), or the questions; None for numbers.

        Numbers and booleans if all of them are.
        """
        names = self._inner.names
        if self.task == "number":
            return None
        if names == ["False", "True"]:
            return np.array([False, True])
        for kind in (int, float):
            try:
                numbers = [kind(name) for name in names]
            except ValueError:
                continue
            if [str(number) for number in numbers] == names:
                return np.array(numbers)
        return np.array(names)

    @property
    def columns(self) -> list[str] | None:
        """The columns that a table must have to be predicted; None if trained on arrays."""
        return self._inner.columns

    @property
    def target(self) -> str | list[str] | None:
        """The column that is predicted, or a list of several; None if trained on arrays."""
        targets = self._inner.targets
        return targets[0] if targets and len(targets) == 1 else targets

    @property
    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """The parameters by name, as PyTorch's `state_dict`: copies."""
        return self._inner.parameters()

    def _knows(self, X):
        """Whether X is a table, and to be read as one."""
        if _frames.is_path(X):
            return True
        return self.columns is not None and (_frames.is_table(X) or _frames.is_row(X))

    def _array(self, X):
        X = samples(X)
        has, takes = (int(np.prod(shape)) for shape in (X.shape[1:], self._inner.shape))
        if has != takes:
            raise ValueError(f"X: the network takes {takes} values a sample, not {has}")
        return X

    def _answers(self, X, dialect):
        dialect = _frames.dialect([X], **dialect)
        if not self._knows(X):
            answers, kind = self._inner.answers(self._array(X)), np.float32
        else:
            told = self._inner.table(_frames.source(X, self.columns), dialect)
            answers, kind = told["answers"], np.float64 if told["double"] else np.float32
            self._warn(told["odd"])
        return np.frombuffer(answers, dtype=kind).reshape(-1, self._inner.outputs)

    @staticmethod
    def _warn(told):
        for n, one, many in [
            (told["unseen"], "cell held a value that is rare or was never seen in training",
             "cells held values that are rare or were never seen in training"),
            (told["outside"], "number lies far outside what training saw",
             "numbers lie far outside what training saw"),
            (told["infinite"], "number is infinite or too large: it was taken for missing",
             "numbers are infinite or too large: they were taken for missing"),
            (told["gaps"], "cell is empty in a column that had no gap in training",
             "cells are empty in columns that had no gap in training"),
            (told["thousandths"], "number of three decimals lies outside what training saw, and a "
             "thousand times as much inside: does its mark part thousands?",
             "numbers of three decimals lie outside what training saw, and a thousand times as "
             "much inside: do their marks part thousands?"),
        ]:
            if n:
                warn(f"{n} {one if n == 1 else many}")

    def predict_proba(self, X: Any, **dialect: Any) -> NDArray[np.floating]:
        """Probabilities, a row a sample: of each class; of no and yes; of yes to each question.

        X, dialect: as for `predict`.
        """
        if self.task == "number":
            raise AttributeError("this model predicts numbers, which have no probabilities")
        answers = self._answers(X, dialect)
        if self.task == "binary" and answers.shape[1] == 1:
            return np.hstack([1 - answers, answers])
        return answers

    def predict(self, X: Any, **dialect: Any) -> NDArray[Any]:
        """The answer to each sample: a class, yes or no to each question, or numbers.

        X: an array, a row a sample. For a model of a table: a DataFrame, a dict of columns or a
           list of rows as dicts, whose columns are found by their names in any order, others
           passed over; or the path of a table. How many cells held what training never saw is
           told by a warning.
        dialect: of a path, where it is not to be guessed: `sep`, `header`, `encoding`, `sheet`, as
           for `train`. Which words are missing values the model knows.
        """
        if self.task == "number":
            answers = self._answers(X, dialect)
            return answers[:, 0] if answers.shape[1] == 1 else answers
        p = self.predict_proba(X, **dialect)
        if self.task == "binary" and self._inner.outputs > 1:
            return p > 0.5
        return np.asarray(self.classes)[p.argmax(axis=1)]

    def interval(self, X: Any, coverage: float = 0.9, **dialect: Any) -> NDArray[np.floating]:
        """The ends of the interval that contains each target with the probability `coverage`.

        An array (samples, 2), of several targets (samples, targets, 2). It is as wide as the answers
        to samples held back were off: a model knows it if the defaults were tried for it, or of
        `reshet train --folds 10`.

        X, dialect: as for `predict`.
        """
        answers = np.asarray(self.predict(X, **dialect))
        if self.task != "number":
            raise AttributeError("only numbers have intervals: this model answers with labels")
        off = self._inner.half_widths(answers.ravel().tolist(), coverage)
        off = np.array(off, dtype=answers.dtype).reshape(answers.shape)
        return np.stack([answers - off, answers + off], axis=-1)

    def test(self, X: Any, y: ArrayLike | None = None, **dialect: Any) -> dict[str, Any]:
        """A full test, as `reshet test --json` tells it: a dict of "samples", "loss", "score" and
        more, by the question: "accuracy" beside its "baseline", "confusion", or "rmse", "r2", ….

        X, y: samples and what they should give; or a table that has the target's column too.
        dialect: as for `predict`.
        """
        dialect = _frames.dialect([X], **dialect)
        if not self._knows(X):
            if y is None:
                raise ValueError("y: needed beside an array of samples")
            X = self._array(X)
            values, width = self._targets(y)
            if len(X) != len(values):
                raise ValueError(f"X has {len(X)} samples and y {len(values)}")
            return json.loads(self._inner.test(X, values, width))
        if y is not None:
            raise ValueError(f"y: a table has it in its column {self.target}")
        needed = [*self.columns, *self._inner.targets] if self.columns is not None else None
        report, odd = self._inner.test_table(_frames.source(X, needed), dialect)
        self._warn(odd)
        return json.loads(report)

    def shapley(self, X: Any, background: Any = None, *, max_background: int = 100,
                max_rounds: int = 32, tolerance: float = 0.01, seed: int = 0,
                **dialect: Any) -> "Shapley":
        """Shapley values: what each column adds to the answer to each sample of `X`.

        A column's value is how far the answer moves when the column replaces that of a background
        sample, on average over the orders in which columns are replaced and over the background.
        The values of a sample sum to its answer less the background's mean answer. Orders are
        sampled, each with its reverse, until no standard error is above `tolerance` times the
        sample's largest value, or for `max_rounds` rounds over the background.

        X, dialect: as for `predict`; odd cells of X are warned of.
        background: samples like those of X; if not said, X. At most `max_background` of them are
           used, evenly chosen.
        """
        background = X if background is None else background
        how = (max_background, max_rounds, tolerance, seed)
        dialects = [_frames.dialect([table], **dialect) for table in (X, background)]
        if self._knows(X):
            tables = [_frames.source(table, self.columns) for table in (X, background)]
            told = self._inner.shapley_table(*tables, tuple(dialects), *how)
            self._warn(told["odd"])
        else:
            told = self._inner.shapley(self._array(X), self._array(background), *how)
        shape = (len(told["permutations"]), len(told["columns"]), self._inner.outputs)
        values, errors = (np.frombuffer(told[name]).reshape(shape) for name in ("values", "errors"))
        return Shapley(told["columns"], values, errors, np.array(told["base_values"]),
                       np.array(told["permutations"]))

    def score(self, X: Any, y: ArrayLike | None = None, **dialect: Any) -> float:
        """The accuracy, or of numbers R² (NaN if all are the same). X, y, dialect: as for `test`."""
        score = self.test(X, y, **dialect)["score"]
        return float("nan") if score is None else score

    def _targets(self, y):
        """What samples should give, as this model's answers: values, and how many a sample."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        outputs, names = self._inner.outputs, self._inner.names
        if self.task == "number" or self.task == "binary" and outputs > 1:
            if outputs != (1 if y.ndim == 1 else y.shape[-1]):
                raise ValueError(f"y: the model gives {outputs} numbers a sample")
            check_single(y, "y")
            return np.ascontiguousarray(y, dtype=np.float32), outputs
        if self.task == "classes" and y.ndim == 2 and y.shape[1] == outputs:
            return np.ascontiguousarray(y, dtype=np.float32), outputs
        if y.ndim != 1:
            raise ValueError(f"y: one class a sample, in one dimension, not {y.ndim}")
        classes, places = np.unique(y, return_inverse=True)
        found = np.array([_place(label, names) for label in classes], dtype=np.float32)
        return found[places], 1

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model as safetensors, for the program and the library `reshet` too.

        History, said and tested are not in the file.
        """
        self._inner.save(path)

    def __reduce__(self):
        return _unpickled, (self._inner.to_bytes(), self.history, self.said, self.tested)

    def __repr__(self):
        return f"<reshet.Model {self.network}, {self.task}>"


def _place(label, names):
    """The place of a label among the names of a model's classes."""
    if str(label) in names:
        return names.index(str(label))
    for i, name in enumerate(names):
        try:
            # 1 and 1.0 are one.
            if float(name) == float(label):
                return i
        except ValueError:
            pass
    raise ValueError(f"y: {label} is no class of the model's; they are {', '.join(names)}")


def _unpickled(state, history=None, said=(), tested=None):
    return Model(_reshet.Model.from_bytes(state), history, said, tested)


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `Model.save` or the program `reshet` wrote.

    path: the file, or a run's folder (`runs/iris-1`), which gives the history too.
    """
    if not os.path.isdir(path):
        return Model(_reshet.Model.load(path))
    model = os.path.join(path, "model.safetensors")
    if not os.path.exists(model):
        raise FileNotFoundError(f"{path}: there is no model.safetensors in this folder; that of a "
                                "run has one as soon as its training has ended")
    return Model(_reshet.Model.load(model), _logged(os.path.join(path, "log.jsonl")))


def _logged(path):
    """The history that a run's log tells, as far as it does."""
    epochs = []
    try:
        with open(path, encoding="utf-8") as log:
            for line in log:
                try:
                    told = json.loads(line)
                except ValueError:
                    # The last line of a run that was killed.
                    continue
                if "mean_loss" in told:
                    validation = told.get("validation")
                    epochs.append((told["mean_loss"], validation))
    except OSError:
        return {}
    history = {"loss": [loss for loss, _ in epochs]}
    validated = [validation for _, validation in epochs if validation]
    if validated:
        numbers = "accuracy" not in validated[0]
        history["validation_loss"] = [v["loss"] for v in validated]
        history[f"validation_{'r2' if numbers else 'accuracy'}"] = [
            v.get("r2_mean", v.get("r2")) if numbers else v["accuracy"] for v in validated]
    return history
