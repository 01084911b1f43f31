#!/usr/bin/env python3
"""`reshet tune` beside `reshet train` without a flag, on the tables of this folder: the winner
of a study and the defaults, on the same test parts."""

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import tables
from run import HERE, RESHET, machine, ours, score_of, spread
from tables import FOLDER, TABLES


def tuned(reshet, table, seed, trials):
    """The winner's score on the test part, whether it is the usual network, and the seconds."""
    split = FOLDER / table.name / str(seed)
    with tempfile.TemporaryDirectory() as folder:
        command = [reshet, "tune", split / "train.csv", "--target", table.target,
                   "--test", split / "test.csv", "--seed", seed, "--trials", trials, "--json",
                   "--out", Path(folder) / "study", "-q"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{table.name}, seed {seed}: exit {done.returncode}: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    return score_of(told, table.task), told["best"]["trial"] == 0, told["seconds"]


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--reshet", type=Path, default=RESHET, help="the program (%(default)s)")
    ask.add_argument("--only", help="of the tables " + ",".join(t.name for t in TABLES))
    ask.add_argument("--seeds", type=int, default=3, help="so many (%(default)s)")
    ask.add_argument("--trials", type=int, default=45, help="networks a study (%(default)s)")
    ask.add_argument("--record", action="store_true", help="also write record/DATE-tuned.md")
    asked = ask.parse_args()
    tables.in_environment()
    wanted = asked.only.split(",") if asked.only else [table.name for table in TABLES]
    said = []

    def say(*texts):
        said.extend(texts)
        print(*texts, sep="\n", flush=True)

    today = datetime.date.today().isoformat()
    say(f"{today}, {machine()}. {asked.seeds} seeds: mean ± standard deviation; accuracy in %, R² "
        f"for a number.\nTuned: the winner of {asked.trials} networks. Kept: studies that no "
        "network won against the defaults. s: a study's time.", "",
        "| table | defaults | tuned | tuned − defaults | kept | s |", "|---|---:|---:|---:|---:|---:|")
    gains = {"accuracy": [], "R²": []}
    for table in (table for table in TABLES if table.name in wanted):
        tables.write(table, asked.seeds)
        before = [ours(asked.reshet, table, seed, [])[0] for seed in range(asked.seeds)]
        after = [tuned(asked.reshet, table, seed, asked.trials) for seed in range(asked.seeds)]
        gain = [score - usual for (score, *_), usual in zip(after, before)]
        gains["R²" if table.task == "number" else "accuracy"].append(statistics.mean(gain))
        cells = [table.name, spread(before, table.task), spread([a[0] for a in after], table.task),
                 spread(gain, table.task, signed=True), f"{sum(a[1] for a in after)}",
                 f"{statistics.mean(a[2] for a in after):.0f}"]
        say("| " + " | ".join(cells) + " |")
    for what, task in ("accuracy", "classes"), ("R²", "number"):
        if gains[what]:
            say("", f"Mean over {len(gains[what])} tables, {what}: "
                f"{spread([statistics.mean(gains[what])], task, signed=True)}; "
                f"least {spread([min(gains[what])], task, signed=True)}.")
    if asked.record:
        file = HERE / "record" / f"{today}-tuned.md"
        file.write_text("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
