"""Training in one call."""

import json
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from . import _frames, _reshet
from ._model import Model, check_single, load, samples, warn

# One column's name, or several.
Columns = Hashable | Sequence[Hashable]

# What else a training can be told: the names of the library's recipe.
_MORE = {"loss", "label_smoothing", "quantile", "nesterov", "betas", "eps", "alpha", "amsgrad", "centered",
         "clip_norm", "step_size", "gamma", "init", "temperature"}
_WHOLE = ("epochs", "batch_size", "seed", "patience", "threads")
# Of arrays; what is chosen for a table depends on its size.
_PLAIN = {"activation": "relu", "dropout": 0.0, "optimizer": "adam", "lr": 0.001,
          "weight_decay": 0.0, "epochs": 10, "batch_size": 64}


def train(
    X: Any,
    y: ArrayLike | None = None,
    *,
    target: Columns = None,
    drop: Columns = None,
    only: Columns = None,
    missing: str | Iterable[str] | None = None,
    sep: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    positive: Hashable = None,
    scaling: Literal["standard", "min-max", "none", "piecewise", "piecewise-always"] | None = None,
    test: Any = None,
    group: str | None = None,
    time: str | None = None,
    sample_weight: str | ArrayLike | None = None,
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
    start: Model | str | os.PathLike[str] | None = None,
    task: Literal["classes", "binary", "number"] | None = None,
    net: str | None = None,
    hidden: Sequence[int] | None = None,
    activation: str | None = None,
    dropout: float | None = None,
    optimizer: str | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    momentum: float | None = None,
    schedule: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    shuffle: bool = True,
    validation: float = 0.0,
    patience: int | None = None,
    threads: int | None = None,
    precision: Literal["f32", "bf16", "tf32", "auto"] = "f32",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    verbose: bool = False,
    effort: Literal[0, 1, 2, 3] = 1,
    bag: int | None = None,
    **more: Any,
) -> Model:
    """Trains a network and gives the `Model`.

    On a table, whose columns may hold numbers, words, dates and gaps:

        model = reshet.train(df, target="price")     # or train("houses.csv", target="price")
        model.tested["r2"], model.predict(df), model.said

    A DataFrame (pandas, polars, pyarrow, anything with `__arrow_c_stream__`), a dict of columns,
    a structured array or a path (CSV, a spreadsheet, ARFF; Parquet with pandas and pyarrow, or with
    polars) is prepared as the program `reshet train` does it, and gives the same model for the same seed. None, NaN, NaT and NA are
    gaps, and so are the words that mean it in a CSV file. The index is not looked at.

    target: the column to predict, or a list of several; if not said, the last one. Several with
       task="classes" are soft labels: a probability per class, or the votes for it.
    drop, only: columns to leave out; to learn from alone.
    missing: the words that mean that nothing stands there, instead of the usual ones (NA, ?, …):
       name those too that are still meant, ["NA", "-999"]; "size=0" counts in the column size
       alone. What is empty, None or NaN always is.
    sep, header, encoding, sheet: of a path, where it is not to be guessed: the separator of cells,
       ";" or "\\t"; whether the first row holds the names; the text's encoding, "windows-1255";
       which sheet of a spreadsheet. They count for a path as `test` too.
    positive: which of two answers means yes.
    scaling: how numbers become inputs: standard (mean 0, standard deviation 1), min-max (0 to 1),
       none (as they are), piecewise (standard, and how much of each of 16 pieces between quantiles
       lies below; from 500 rows on), piecewise-always (also of fewer). If not said, piecewise, or
       what was tried and was better; standard with `net`.
    test: the part of the rows that is not learnt but tested on in the end (0.2 if not said, as
       the program has it; 0: none), or a table of its own. See `Model.tested`.
    group: a column whose equal values stay together in one part, as the rows of one patient; it is
       not learnt from. time: a column of dates or numbers whose latest rows are tested on.

    On arrays, as numbers that are about the same size:

        model = reshet.train(X, y, hidden=(100,), epochs=10)

    X: samples, float32 or uint8 (bytes stand for x / 255); anything else becomes float32.
    y: a class or number a sample. Floats are numbers, and so are whole numbers of more than
       ten different values, or of fewer that hardly ever repeat, which a warning tells; all
       else are classes, two of them a yes/no question. `task` ("classes", "binary", "number")
       says otherwise; "binary" with several columns of 0 and 1 asks several questions, "classes"
       with several columns are soft labels: a probability per class, or the votes for it.

    On both:

    sample_weight: how much each sample counts in the loss, a number each; of a table also the
       name of the column that says it.
    class_weight: "balanced", so that each class counts as much as another; or a weight for
       each class, {"yes": 5}, 1 for those not named.
    start: a `Model`, or the path of one or of its run's folder, whose parameters the training goes
       on from, instead of fresh ones: of the same network and question. A table is then prepared
       as that model knows it. The optimiser begins anew.
    net: the whole network, as "100:relu-1:sigmoid", instead of hidden, activation, dropout.
    hidden, activation, dropout, optimizer, lr, weight_decay, epochs, batch_size, schedule: where
       not said, of arrays (100,), "relu", 0, "adam", 0.001, 0, 10, 64, "constant"; of a table
       what the program chooses by its size.
    effort: 1 first tries sets of defaults on parts of a table of 50 to 100,000 rows, where nothing
       about the network and its training is said, and takes the best; 0 does not. 2
       also averages eight networks, as bag=8; 3 tries each set with eight networks.
    bag: of a table, so many networks are trained, each without one of so many folds of the rows, and
       averaged into one. `Model.said` has their score on the folds that they left out.
    schedule: "constant", "step", "cosine", "one-cycle" or "plateau".
    validation: the part of the samples that is only tested on, after each epoch; with
       `patience`, training stops when that has not become better for so many epochs.
    precision: "bf16" multiplies the numbers of wide layers rounded to bfloat16, with sums, weights and
       all else in float32: faster where the processor has instructions for it and the network is
       large. "tf32" rounds them to TF32, on a card alone. "auto" takes "bf16" where it is faster,
       but not for averages (bag).
    device: "cpu"; "cuda", an NVIDIA card, with an error that says why if there is none; "auto" the
       fastest, which is the processor as long as no card has been measured (docs/gpu.md).
    more: loss, label_smoothing, quantile, nesterov, betas, eps, alpha, amsgrad, centered, clip_norm,
       step_size, gamma, init, temperature: as the program's flags of these names.

    What is given is copied before the training begins: changing it changes nothing. Other
    threads of Python run meanwhile, and Ctrl-C ends it.
    """
    unknown = sorted(more.keys() - _MORE)
    if unknown:
        raise TypeError(f"train() got an unexpected keyword argument '{unknown[0]}'")
    settings = dict(net=net, hidden=hidden, activation=activation, dropout=dropout,
                    optimizer=optimizer, lr=lr, weight_decay=weight_decay, momentum=momentum,
                    schedule=schedule, epochs=epochs, batch_size=batch_size, seed=seed,
                    shuffle=shuffle, validation=validation, patience=patience, threads=threads,
                    precision=precision, device=device, verbose=verbose, effort=effort, bag=bag, class_weight=class_weight,
                    start=_model(start), **more)
    table = dict(target=target, drop=drop, only=only, missing=missing, sep=sep, header=header,
                 encoding=encoding, sheet=sheet, positive=positive, scaling=scaling, test=test,
                 group=group, time=time)
    if y is None and _frames.is_table(X):
        return _on_table(X, table, task, sample_weight, settings)[0]
    given = next((name for name, value in table.items() if value is not None), None)
    if y is None:
        kind = type(X).__name__
        raise ValueError(f"y: needed beside an array; a {kind} has no columns with names")
    if isinstance(y, str):
        raise ValueError(f'y: an array, or if it is the column\'s name, target="{y}"')
    if given is not None:
        raise ValueError(f"{given}: goes with a table, train(df, target=…), not with X and y")
    if _frames.is_path(X):
        raise ValueError("y: a table in a file has it in a column; say target=…")
    return on_arrays(X, y, task=task, sample_weight=sample_weight, **settings)[0]


def _model(start):
    """The model to start from, if there is one."""
    if _frames.is_path(start):
        return load(start)
    if start is not None and not isinstance(start, Model):
        raise TypeError(f"start: a reshet.Model or its path, not a {type(start).__name__}")
    return start


def _on_table(X, table, task, sample_weight, settings):
    dialect = {name: table[name] for name in ("sep", "header", "encoding", "sheet")}
    dialect = _frames.dialect([X, table["test"]], **dialect)
    weights = sample_weight
    if isinstance(weights, str) and settings["start"] is not None and not _frames.is_path(X):
        weights = _frames.column(X, weights)
    if weights is not None:
        weights = weights.strip() if isinstance(weights, str) else _weights(weights)
    test = table["test"]
    if _frames.is_table(test):
        test = _frames.source(test)
    elif test is not None:
        test = float(test)
    missing, positive = table["missing"], table["positive"]
    if missing is not None:
        missing = [str(word) for word in ([missing] if isinstance(missing, str) else missing)]
    if table["group"] is not None and table["time"] is not None:
        raise ValueError("group, time: one of both says how the rows are divided")
    if table["drop"] is not None and table["only"] is not None:
        raise ValueError("drop, only: one of both says which columns are learnt from")
    question = {
        "table": _frames.source(X),
        **{name: _frames.names(table[name]) for name in ("target", "drop", "only")},
        "missing": missing,
        "positive": None if positive is None else str(positive),
        "scaling": table["scaling"],
        "group": table["group"],
        "time": table["time"],
        "test": test,
        "weights": weights,
        "dialect": dialect,
    }
    start = settings["start"]
    if start is not None and start.columns is None:
        raise ValueError("start: that model was trained on arrays; give X and y")
    if start is not None and task is not None:
        raise ValueError("task: the model to start from has its own; leave it out")
    return _outcome(_reshet.train_table(question, _how(settings, task)))


def on_arrays(X, y, *, task, sample_weight, **settings):
    """The model, and how many epochs were trained."""
    start = settings["start"]
    try:
        X = samples(X)
    except ValueError as error:
        if _frames.is_table(X):
            raise ValueError(f"X: {error}; to learn from columns of words say target=… instead of "
                             "y") from None
        raise
    if start is None:
        values, width, task, names = _targets(y, task)
    elif start.columns is not None:
        raise ValueError("start: that model was trained on a table; give it one, with target=…")
    else:
        values, width = start._targets(y)
        task, names = start.task, start._inner.names
    if len(X) != len(values):
        raise ValueError(f"X has {len(X)} samples and y {len(values)}")
    question = {"x": X, "y": values, "shape": list(X.shape[1:]), "task": task, "names": names,
                "width": width,
                "weights": None if sample_weight is None else _weights(sample_weight)}
    for name, value in _PLAIN.items():
        own = name in ("activation", "dropout") and (settings["net"] or start is not None)
        if settings.get(name) is None and not own:
            settings[name] = value
    if settings["hidden"] is None and not settings["net"] and start is None:
        settings["hidden"] = (100,)
    return _outcome(_reshet.train(question, _how(settings, None)))


def _weights(weights):
    if isinstance(weights, str):
        raise ValueError("sample_weight: a number a sample; arrays have no columns with names")
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    if weights.ndim != 1:
        raise ValueError(f"sample_weight: one dimension, not {weights.ndim}")
    return weights


def _outcome(outcome):
    history = {"loss": outcome["loss"]}
    if outcome["validation"]:
        inner = outcome["model"]
        measure = "r2" if inner.task == "number" else "accuracy"
        history["validation_loss"] = [loss for loss, _ in outcome["validation"]]
        history[f"validation_{measure}"] = [score for _, score in outcome["validation"]]
    for text in outcome["warnings"]:
        warn(text)
    tested = outcome["tested"] and json.loads(outcome["tested"])
    return Model(outcome["model"], history, outcome["said"], tested), outcome["epochs"]


def _how(settings, task):
    """The settings as the Rust part takes them: a recipe, and what is beside it."""
    settings = dict(settings)
    for name in _WHOLE:
        value = settings[name]
        if value is not None and (int(value) != value or value < 0):
            raise ValueError(f"{name}: a whole number of at least 0, not {value}")
    threads, verbose = settings.pop("threads"), settings.pop("verbose")
    precision = settings.pop("precision", "f32")
    device = settings.pop("device", "auto")
    effort, bag = settings.pop("effort", 1), settings.pop("bag", None)
    if effort not in (0, 1, 2, 3):
        raise ValueError(f"effort: 0, 1, 2 or 3, not {effort}")
    if bag is None and effort >= 2:
        bag = 8
    if bag is not None and (int(bag) != bag or bag < 2):
        raise ValueError(f"bag: at least 2 networks, not {bag}")
    start, class_weight = settings.pop("start"), settings.pop("class_weight")
    if isinstance(class_weight, Mapping):
        class_weight = [(str(label), float(weight)) for label, weight in class_weight.items()]
    settings["no_shuffle"] = not settings.pop("shuffle")
    if not settings["validation"]:
        settings["validation"] = None
    if not settings["momentum"]:
        # No optimiser has another one if nothing is said.
        settings["momentum"] = None
    recipe = {name.replace("_", "-"): _plain(name, value)
              for name, value in {**settings, "task": task}.items() if value is not None}
    return {"recipe": json.dumps(recipe), "threads": None if threads is None else int(threads),
            "device": str(device), "precision": str(precision), "verbose": bool(verbose), "effort": int(effort),
            "bag": None if bag is None else int(bag), "class_weight": class_weight,
            "start": None if start is None else start._inner}


def _plain(name, value):
    """A setting as JSON has it; NumPy's numbers are none of JSON's."""
    if name in _WHOLE:
        return int(value)
    if isinstance(value, (str, bool)):
        return value
    if name == "hidden":
        return [int(width) for width in np.atleast_1d(value)]
    if np.ndim(value) > 0:
        return [float(x) for x in value]
    if isinstance(value, np.bool_):
        return bool(value)
    return int(value) if isinstance(value, (int, np.integer)) else float(value)


def _task(y):
    """The question that y asks if nobody says: the program's rule for a table's column."""
    if y.dtype.kind == "f":
        return "number"
    if y.dtype.kind not in "iu" or y.ndim != 1:
        return "classes"
    different = len(np.unique(y))
    if different <= 10 and different * 5 <= max(len(y), 15):
        return "classes"
    warn(f"y: {different} different whole numbers in {len(y)} samples are taken for amounts; "
         'task="classes" makes classes of them')
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
        check_single(y, "y")
        return y.astype(np.float32), width, task, names
    if y.ndim == 2:
        one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        if not one_hot and task == "classes" and y.dtype.kind in "fiu":
            # Soft labels: the Rust part checks that they are probabilities, or counts.
            return (np.ascontiguousarray(y, dtype=np.float32), y.shape[1], task,
                    [str(i) for i in range(y.shape[1])])
        if not one_hot:
            raise ValueError('y: classes have one dimension, or a single 1 in each row; '
                             'task="binary" asks several questions')
        y = y.argmax(axis=1)
    classes, places = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y: {len(classes)} class; a network tells two or more apart")
    task = "binary" if len(classes) == 2 else "classes"
    return places.astype(np.float32), 1, task, [str(c) for c in classes]
