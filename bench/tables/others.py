"""What others score on the same split: scikit-learn's networks and boosting with their
defaults, and doing nothing. Scores are kept, for they change only with the table or the edition."""

import hashlib
import json
import os
import warnings

from tables import FOLDER

# On tables this small scikit-learn's threads mostly wait for each other; and the bits stay.
for variable in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS":
    os.environ.setdefault(variable, "1")

CACHE = FOLDER / "scores.json"
# To be raised when a pipeline below changes: what was kept is then computed again.
RECIPE = 1


def read_split(table, seed):
    """Train and test: an empty field is missing; a column is of the kind that train has it."""
    import pandas

    folder = FOLDER / table.name / str(seed)
    plain = {"keep_default_na": False, "na_values": [""]}
    # A class is a name, even where it looks like a number.
    names = {} if table.task == "number" else {table.target: str}
    first = pandas.read_csv(folder / "train.csv", dtype=names, **plain)
    texts = dict.fromkeys(texts_of(first), str)
    train, test = (pandas.read_csv(folder / file, dtype=texts | names, **plain)
                   for file in ("train.csv", "test.csv"))
    # scikit-learn knows a missing text by NaN among objects.
    for part in train, test:
        part[list(texts)] = part[list(texts)].astype(object)
    return (train.drop(columns=table.target), train[table.target],
            test.drop(columns=table.target), test[table.target])


def texts_of(frame):
    return list(frame.select_dtypes(exclude="number").columns)


def numbers_of(frame):
    return list(frame.select_dtypes("number").columns)


def network(x, task, seed, scaled_target=False):
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([
        ("numbers", numbers, numbers_of(x)),
        ("texts", OneHotEncoder(handle_unknown="ignore"), texts_of(x)),
    ])
    last = (MLPRegressor if task == "number" else MLPClassifier)(random_state=seed)
    if scaled_target:
        last = TransformedTargetRegressor(last, transformer=StandardScaler())
    return make_pipeline(columns, last)


def boosting(x, task, seed):
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    texts = texts_of(x)
    # It takes at most 255 categories a column; the rarest then share one.
    coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"),
                           max_categories=254)
    columns = ColumnTransformer([("texts", coded, texts)], remainder="passthrough")
    kind = HistGradientBoostingRegressor if task == "number" else HistGradientBoostingClassifier
    return make_pipeline(columns, kind(random_state=seed, categorical_features=range(len(texts))))


def catboost(x, task, seed):
    from catboost import CatBoostClassifier, CatBoostRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    texts = texts_of(x)
    filled = FunctionTransformer(lambda x: x.fillna({name: "" for name in texts}))
    kind = CatBoostRegressor if task == "number" else CatBoostClassifier
    return make_pipeline(filled, kind(random_seed=seed, cat_features=texts, verbose=0,
                                      thread_count=1, allow_writing_files=False))


def lightgbm(x, task, seed):
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.pipeline import make_pipeline

    kind = LGBMRegressor if task == "number" else LGBMClassifier
    return make_pipeline(categories(x), kind(random_state=seed, n_jobs=1, verbose=-1))


def xgboost(x, task, seed):
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier, XGBRegressor

    if task == "number":
        model = XGBRegressor(random_state=seed, n_jobs=1, enable_categorical=True)
    else:
        model = Named(XGBClassifier(random_state=seed, n_jobs=1, enable_categorical=True))
    return make_pipeline(categories(x), model)


def categories(x):
    """Columns of text become pandas' categories: those of the training part."""
    from sklearn.preprocessing import FunctionTransformer

    import pandas

    kinds = {name: pandas.CategoricalDtype(sorted(x[name].dropna().unique()))
             for name in texts_of(x)}

    def with_kinds(frame):
        return frame.astype(kinds).rename(columns=lambda name: plain(str(name)))

    return FunctionTransformer(with_kinds)


def plain(name):
    """What both take for the name of a column."""
    return "".join(c if c.isalnum() else "_" for c in name)


class Named:
    """A classifier that knows numbers for classes alone, for those with names."""

    def __init__(self, model):
        self.model = model

    def __sklearn_tags__(self):
        return self.model.__sklearn_tags__()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "names")

    def fit(self, x, y):
        self.names = sorted(y.unique())
        self.model.fit(x, y.map({name: i for i, name in enumerate(self.names)}))
        return self

    def score(self, x, y):
        return (y.to_numpy() == [self.names[i] for i in self.model.predict(x)]).mean()


class Tabkit:
    """One of pytabkit's networks. It takes no gap in a number, and none in a text."""

    def __init__(self, kind, task, seed):
        import pytabkit

        self.model = getattr(pytabkit, kind + ("Regressor" if task == "number" else "Classifier"))(
            device="cpu", random_state=seed, n_threads=1)
        self.task = task

    def fit(self, x, y):
        self.texts, self.middles = texts_of(x), x[numbers_of(x)].median()
        self.model.fit(self.filled(x), y, cat_col_names=self.texts)
        return self

    def filled(self, x):
        return x.fillna(self.middles).astype({name: str for name in self.texts})

    def score(self, x, y):
        if self.task == "number":
            return self.model.score(self.filled(x), y)
        return (self.model.predict(self.filled(x)) == y.to_numpy()).mean()


def nothing(x, task, seed):
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyRegressor() if task == "number" else DummyClassifier()


OTHERS = {
    "MLP": network,
    "MLP, scaled target": lambda x, task, seed: network(x, task, seed, scaled_target=True),
    "boosting": boosting,
    "CatBoost": catboost,
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "RealMLP": lambda x, task, seed: Tabkit("RealMLP_TD_", task, seed),
    "TabM": lambda x, task, seed: Tabkit("TabM_D_", task, seed),
    "baseline": nothing,
}
# They bring PyTorch along and take minutes a table: only where they are named.
ON_REQUEST = {"RealMLP": "pytabkit[models]", "TabM": "pytabkit[models]"}


def plays(name, task):
    return task == "number" or name != "MLP, scaled target"


def fit_and_score(name, table, seed):
    """Accuracy, or R² for a number, on the test part."""
    train_x, train_y, test_x, test_y = read_split(table, seed)
    with warnings.catch_warnings():
        # That it has not converged in its default number of epochs, or meets new categories.
        warnings.simplefilter("ignore")
        model = OTHERS[name](train_x, table.task, seed).fit(train_x, train_y)
        return float(model.score(test_x, test_y))


def score(name, table, seed):
    import sklearn

    digest = hashlib.sha256()
    for part in "train.csv", "test.csv":
        digest.update((FOLDER / table.name / str(seed) / part).read_bytes())
    key = f"{name}|{table.name}|{seed}|{digest.hexdigest()[:16]}|{sklearn.__version__}|{RECIPE}"
    kept = kept_scores()
    if key not in kept:
        reached = fit_and_score(name, table, seed)
        # Read again: somebody else may have added to it meanwhile.
        kept = kept_scores() | {key: reached}
        part = CACHE.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(kept, indent=0, sort_keys=True) + "\n")
        part.replace(CACHE)
    return kept[key]


def kept_scores():
    return json.loads(CACHE.read_text()) if CACHE.exists() else {}
