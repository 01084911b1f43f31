#!/usr/bin/env python3
"""Fails where a job is slower than at the last record of this kind of machine.

The record names a commit; its program is built beside today's, and both run in turn: between
one day and the next a shared machine changes by more than what is looked for."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import machine
from run import HERE, HOME, JOBS, Contender, after_a_rest, call


def last_record(kind):
    """The newest record of this kind of machine that names its commit, with its path."""
    records = [(json.loads(path.read_text()), path) for path in (HERE / "record").glob("*.json")]
    same = [(record, path) for record, path in records
            if record.get("kind") == kind and "commit" in record and not record.get("instructions")]
    return max(same, key=lambda pair: (pair[0]["date"], pair[1].name), default=None)


def build(sources, target):
    call("cargo", "build", "--release", "--quiet", "--locked", cwd=sources,
         env=os.environ | {"CARGO_TARGET_DIR": str(target)})
    return target / "release" / "bench-ours"


def program_of(commit):
    """The bench's program as it was at that commit, built outside the tree."""
    tree = HOME / "check"
    here = HERE.parent
    if not tree.exists():
        call("git", "clone", "--quiet", "--no-checkout", here, tree)
    call("git", "-C", tree, "fetch", "--quiet", here, commit)
    call("git", "-C", tree, "checkout", "--quiet", "--detach", commit)
    return build(tree / "bench" / "ours", HOME / "target-check")


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--jobs", default=",".join(JOBS), help="of " + ", ".join(JOBS))
    ask.add_argument("--threads", type=int, default=os.cpu_count())
    ask.add_argument("--rounds", type=int, default=9)
    ask.add_argument("--lost", type=float, default=0.03, help="how much slower fails: 0.03")
    ask.add_argument("--against", metavar="COMMIT", help="another commit than the record's")
    asked = ask.parse_args()
    jobs = asked.jobs.split(",")
    if not set(jobs) <= set(JOBS):
        ask.error(f"jobs are {', '.join(JOBS)}")
    against = asked.against
    if against is None:
        kind = machine.describe()["kind"]
        found = last_record(kind)
        if found is None:
            print(f"skipped: no record of {kind} names its commit: "
                  "run `just bench --record bench/record/DATE-MACHINE.json`, or give --against COMMIT")
            return
        record, path = found
        against = record["commit"].rstrip("+")
        print(f"against {path.name}, commit {against[:9]}")
    HOME.mkdir(parents=True, exist_ok=True)
    then = program_of(against)
    now = build(HERE / "ours", HOME / "target-ours")
    if not (HOME / "data").exists():
        call(now, "write-data", HOME / "data")
    lost = []
    print("| job | µs then | now | now ÷ then | range |\n|---|---:|---:|---:|---:|")
    for job in jobs:
        *_, first, each = JOBS[job]
        pair = [Contender(name, lambda job, threads, program=program: [program, job, threads],
                          job, asked.threads) for name, program in (("then", then), ("now", now))]
        for one in pair:
            one.ask("steps", first)
        times = [[after_a_rest(one, "steps", each) for one in pair] for _ in range(asked.rounds)]
        for one in pair:
            one.end()
        ratios = [new / old for old, new in times]
        ratio = statistics.median(ratios)
        old, new = (statistics.median(of) for of in zip(*times))
        print(f"| {job} | {old:,.1f} | {new:,.1f} | {ratio:.3f} | {min(ratios):.2f}–{max(ratios):.2f} |",
              flush=True)
        if ratio > 1 + asked.lost:
            lost.append(f"{job} by {100 * (ratio - 1):.0f} %")
    if lost:
        sys.exit("slower: " + ", ".join(lost))


if __name__ == "__main__":
    main()
