#!/usr/bin/env python3
"""Our defaults for tables beside scikit-learn's, over many small public tables and several
seeds. README.md beside this file says what is compared with what."""

import argparse
import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tables
from others import ON_REQUEST, OTHERS, plays, read_split, score, texts_of
from tables import FOLDER, SEEDS, TABLES

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target"))
RESHET = TARGET / "release" / ("reshet.exe" if os.name == "nt" else "reshet")
NETWORKS = ["MLP", "MLP, scaled target"]
CONTENDERS = ["ours", *OTHERS]
# Where not even one is named.
USUAL = [name for name in CONTENDERS if name not in ON_REQUEST]
# What we may lose to scikit-learn's network on one table: accuracy, R².
SLACK = {True: 0.03, False: 0.02}


def told(reshet, files, target, seed, flags):
    """What our program tells of a training on the files `train.csv` and `test.csv` of a folder, or None
    and what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        command = [reshet, "train", files / "train.csv", "--target", target,
                   "--test", files / "test.csv", "--seed", seed, "--json",
                   "--out", Path(folder) / "run", "-q", *flags]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        return None, f"exit {done.returncode}: {done.stderr.strip()}"
    return json.loads(done.stdout), None


def score_of(report, task):
    return report["test"]["r2" if task == "number" else "accuracy"]


def ours(reshet, table, seed, flags):
    """The score and the seconds a user waits, or None and what went wrong."""
    begin = time.perf_counter()
    report, wrong = told(reshet, FOLDER / table.name / str(seed), table.target, seed, flags)
    seconds = time.perf_counter() - begin
    if report is None:
        return None, wrong
    if report["task"] != table.task:
        return None, f"took the task for {report['task']}, it is {table.task}"
    return score_of(report, table.task), seconds


def our_scores(asked, table):
    flags = shlex.split(asked.args)
    with ThreadPoolExecutor(asked.jobs) as pool:
        runs = list(pool.map(lambda seed: ours(asked.reshet, table, seed, flags),
                             range(asked.seeds)))
    for seed, (reached, what) in enumerate(runs):
        if reached is None:
            print(f"{table.name}, seed {seed}: {what}", file=sys.stderr)
    return runs


def measure(asked, table):
    """Everybody's scores on one table: a list a contender, one a seed."""
    train, _, test, _ = read_split(table, 0)
    both = [train, test]
    row = {
        "name": table.name,
        "task": table.task,
        "rows": sum(map(len, both)),
        "columns": train.shape[1],
        "texts": len(texts_of(train)),
        "missing": int(sum(part.isna().sum().sum() for part in both)),
        "scores": {},
    }
    for name in asked.contenders:
        if name == "ours":
            runs = our_scores(asked, table)
            if all(reached is not None for reached, _ in runs):
                row["scores"]["ours"] = [reached for reached, _ in runs]
                row["seconds"] = statistics.mean(seconds for _, seconds in runs)
        elif plays(name, table.task):
            row["scores"][name] = [score(name, table, seed) for seed in range(asked.seeds)]
    return row


def against(row):
    """Ours less scikit-learn's network, seed by seed; of its two for a number, the better."""
    networks = [row["scores"][name] for name in NETWORKS if name in row["scores"]]
    if not networks or "ours" not in row["scores"]:
        return None
    return [a - b for a, b in zip(row["scores"]["ours"], max(networks, key=statistics.mean))]


def spread(scores, task, signed=False):
    if scores is None:
        return ""
    factor, digits = (1, 3) if task == "number" else (100, 1)
    middle = round(factor * statistics.mean(scores), digits) + 0.0  # no "−0.000"
    text = f"{middle:+.{digits}f}" if signed else f"{middle:.{digits}f}"
    if len(scores) > 1:
        text += f" ± {factor * statistics.stdev(scores):.{digits}f}"
    return text.replace("-", "−")


def head(contenders):
    names = ["table", "rows", "columns", "text", "missing", "task", *contenders, "ours − MLP", "s"]
    return line(names, contenders), "|---|---:|---:|---:|---:|---|" + "---:|" * (len(names) - 6)


def line(cells, contenders):
    widths = [13, 6, 7, 4, 7, 7, *(max(14, len(name)) for name in contenders), 14, 5]
    padded = [f"{cells[0]:{widths[0]}}"]
    padded += [f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:])]
    return "| " + " | ".join(padded) + " |"


def as_line(row, contenders):
    scores = [spread(row["scores"].get(name), row["task"]) for name in contenders]
    seconds = f"{row['seconds']:.2f}" if "seconds" in row else ""
    return line([row["name"], f"{row['rows']:,}", str(row["columns"]), str(row["texts"] or ""),
                 f"{row['missing']:,}" if row["missing"] else "", row["task"], *scores,
                 spread(against(row), row["task"], signed=True), seconds], contenders)


def average(rows, numbers, contenders):
    """A line of means over the tables of one measure, each table counted once."""
    rows = [row for row in rows if (row["task"] == "number") == numbers]
    task = "number" if numbers else "classes"

    def mean(of):
        found = [of(row) for row in rows]
        return [statistics.mean(map(statistics.mean, found))] if rows and all(found) else None

    cells = [spread(mean(lambda row, name=name: row["scores"].get(name)), task)
             for name in contenders]
    what = "mean R²" if numbers else "mean accuracy"
    difference = spread(mean(against), task, signed=True)
    return line([what, "", "", "", "", "", *cells, difference, ""], contenders)


def verdict(rows):
    """The two demands in words, for accuracy and for R²."""
    for numbers, what in (False, "accuracy"), (True, "R²"):
        kind = [row for row in rows if (row["task"] == "number") == numbers]
        if not kind:
            continue
        lost = [row["name"] for row in kind if against(row) is None]
        if lost:
            yield f"{what}: not to be said, ours failed on {', '.join(lost)}."
            continue
        means = {row["name"]: statistics.mean(against(row)) for row in kind}
        name = min(means, key=means.get)
        task = kind[0]["task"]
        total = statistics.mean(means.values())
        yield (f"{what}: {answer(total >= 0)} at least as good as scikit-learn's MLP on average "
               f"({spread([total], task, signed=True)}); {answer(means[name] >= -SLACK[numbers])} "
               f"nowhere worse by more than {'0.03' if numbers else '2 points'} "
               f"(least: {name}, {spread([means[name]], task, signed=True)}).")


def counts(rows, contenders):
    """On how many tables ours is better and worse than each of the others, by the mean of the seeds."""
    for name in contenders:
        pairs = [[statistics.mean(row["scores"][which]) for which in ("ours", name)]
                 for row in rows if {"ours", name} <= set(row["scores"])]
        if name != "ours" and pairs:
            better = sum(a > b for a, b in pairs)
            worse = sum(a < b for a, b in pairs)
            yield f"beside {name}: better on {better} of {len(pairs)} tables, worse on {worse}."


def answer(holds):
    return "**yes**," if holds else "**NO**,"


def machine():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [text.split(":", 1)[1].strip() for text in lines if text.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores"


def heading(asked):
    import sklearn

    version = ""
    if "ours" in asked.contenders:
        version = subprocess.check_output([str(asked.reshet), "--version"], text=True).strip()
        version += f" {asked.args}; " if asked.args else ", no flag; "
    today = datetime.date.today().isoformat()
    return (f"{today}, {machine()}. {version}scikit-learn {sklearn.__version__}, its defaults.\n"
            f"{asked.seeds} seeds: mean ± standard deviation over them; accuracy in %, R² for a "
            "number.\nOurs − MLP: by pairs; for a number, the better of the two. s: a run of "
            "ours, from start to end.")


def arguments():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--reshet", type=Path, default=RESHET, help="the program (%(default)s)")
    ask.add_argument("--only", help="of the tables " + ",".join(t.name for t in TABLES))
    ask.add_argument("--seeds", type=int, default=SEEDS, help="so many (%(default)s)")
    ask.add_argument("--args", default="", help="more flags for `reshet train`: --args='--lr 0.01'")
    ask.add_argument("--contender", help="of " + "; ".join(CONTENDERS) + " (apart by ;)")
    ask.add_argument("--jobs", type=int, default=1,
                     help="runs of ours at once; their seconds then say little")
    ask.add_argument("--json", type=Path, help="also write every score to this file")
    ask.add_argument("--record", action="store_true", help="also write record/DATE.md")
    asked = ask.parse_args()
    known = {table.name: table for table in TABLES}
    names = [name.strip() for name in asked.only.split(",")] if asked.only else list(known)
    asked.contenders = USUAL
    if asked.contender:
        asked.contenders = [name.strip() for name in asked.contender.split(";")]
    for wanted, there in (names, known), (asked.contenders, CONTENDERS):
        for name in wanted:
            if name not in there:
                ask.error(f"there is no {name}; there are {'; '.join(there)}")
    if "ours" in asked.contenders and not asked.reshet.exists():
        ask.error(f"{asked.reshet} is not there: `cargo build --release`, or --reshet PATH")
    asked.tables = [known[name] for name in names]
    return asked


def main():
    asked = arguments()
    tables.in_environment({ON_REQUEST[name] for name in asked.contenders if name in ON_REQUEST})
    said = []

    def say(*texts):
        said.extend(texts)
        print(*texts, sep="\n", flush=True)

    say(heading(asked), "", *head(asked.contenders))
    rows = []
    for table in asked.tables:
        tables.write(table, asked.seeds)
        rows.append(measure(asked, table))
        say(as_line(rows[-1], asked.contenders))
    say(*(average(rows, numbers, asked.contenders) for numbers in (False, True)))
    if "ours" in asked.contenders and set(NETWORKS) & set(asked.contenders):
        say("", *verdict(rows))
    if "ours" in asked.contenders:
        say("", *counts(rows, asked.contenders))
    if asked.json:
        asked.json.write_text(json.dumps({"args": asked.args, "rows": rows}, indent=1) + "\n")
    if asked.record:
        file = HERE / "record" / f"{datetime.date.today().isoformat()}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
