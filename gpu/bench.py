#!/usr/bin/env python3
"""Times training steps on a card: reshet and, where python3 has them, PyTorch (eager, CUDA graphs)
and JAX, in turn.

    gpu/bench.py PROGRAM [--jobs L,C] [--rounds 5] [--seconds 150] [--record FILE] [--alone]

PROGRAM is `bench-ours` (bench/ours). What is written is for `bench/record`. The jobs and what makes
it fair are those of bench/README.md.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Steps of a round: some tenths of a second each.
STEPS = {"L": 2000, "C": 2000, "M": 1000, "X128": 100, "X1024": 30, "T": 1000, "S": 2000}


class Contender:
    """A program that trains when it is told to."""

    def __init__(self, name, command, data):
        self.name, self.times = name, []
        environment = os.environ | {"RESHET_BENCH_DATA": str(data)}
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.version = self.read()["version"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(self.name)
        return json.loads(line)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.read()


def has(module):
    """Whether python3 has a module, and it sees a card."""
    asks = {
        "torch": "import torch; assert torch.cuda.is_available()",
        "jax": "import jax; assert jax.default_backend() == 'gpu'",
    }
    done = subprocess.run([sys.executable, "-c", asks[module]], capture_output=True)
    return done.returncode == 0


def commands(program, job, alone):
    """Whom to ask."""
    asked = {"reshet": [program, job, "cuda"]}
    if not alone and has("torch"):
        torch = [sys.executable, HERE / "torch_card.py", job]
        asked |= {"PyTorch": torch, "PyTorch, CUDA graphs": [*torch, "--graphs"]}
    if not alone and has("jax"):
        asked["JAX"] = [sys.executable, HERE.parent / "bench/contenders/jax_epoch.py", job, "0"]
    return asked


def measured(job, asked, data, rounds, end):
    """The contenders' times of a job, a row each; ends early when the time is up."""
    contenders = []
    for name, command in asked.items():
        try:
            contenders.append(Contender(name, command, data))
        except EOFError:
            print(f"{job}: {name} does not start", flush=True)
    rows = []
    try:
        for contender in contenders:
            contender.ask("steps", max(1, STEPS[job] // 4))
        for _ in range(rounds):
            for contender in contenders:
                contender.times.append(contender.ask("steps", STEPS[job])["us"])
            if time.monotonic() > end:
                break
        for contender in contenders:
            row = {"job": job, "name": contender.name, "version": contender.version}
            row["us"] = statistics.median(contender.times)
            ours = contenders[0].times
            row["ratio"] = statistics.median(t / o for t, o in zip(contender.times, ours))
            row["accuracy"] = contender.ask("accuracy")["accuracy"]
            rows.append(row)
            print(f"{job:6} {row['name']:22} {row['us']:10.1f} µs  {row['ratio']:6.2f}", flush=True)
    finally:
        for contender in contenders:
            contender.process.kill()
    return rows


def machine():
    """The card and its driver, in the driver's words."""
    ask = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    except OSError:
        return "no nvidia-smi"


def main():
    """Measures, and writes the record."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("program", type=pathlib.Path)
    ask.add_argument("--jobs", default=",".join(STEPS))
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--steps", type=int, help="steps of a round")
    ask.add_argument("--seconds", type=float, default=150)
    ask.add_argument("--record", type=pathlib.Path)
    ask.add_argument("--alone", action="store_true", help="only reshet")
    asked = ask.parse_args()
    if asked.steps:
        STEPS.update({job: asked.steps for job in STEPS})
    end, rows = time.monotonic() + asked.seconds, []
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([asked.program, "write-data", data], check=True)
        for job in asked.jobs.split(","):
            if time.monotonic() > end:
                print(f"{job}: no time left", flush=True)
                continue
            try:
                who = commands(asked.program, job, asked.alone)
                rows += measured(job, who, data, asked.rounds, end)
            except EOFError as ended:
                print(f"{job}: {ended} ended", flush=True)
    if asked.record:
        today = datetime.date.today().isoformat()
        record = {"date": today, "machine": machine(), "rows": rows}
        asked.record.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    sys.exit(0 if rows else 1)


if __name__ == "__main__":
    main()
