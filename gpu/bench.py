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
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
# Steps of a round: whole epochs, or less than one, as JAX takes an epoch in one call.
STEPS = {"L": 2400, "C": 1874, "M": 936, "X128": 100, "X1024": 30, "T": 780, "S": 2000}
# Those that are also computed in bfloat16 and TF32.
ROUNDED = ("M", "X128", "X1024")
# Those with layers that are large enough for cuBLASLt, and from which size on it is to be used: batches
# of 128 are below what it is used for by itself.
LARGE = {"X128": "512", "X1024": "1024"}
# Whoever does not answer for so many seconds is ended.
PATIENCE = 60
# What asking a program that is gone comes to.
GONE = (EOFError, OSError, ValueError)


class Contender:
    """A program that trains when it is told to."""

    def __init__(self, name, command, data, job):
        self.name, self.times = name, []
        # JAX would take most of the card's memory, and compute in TF32, which the others do not.
        environment = os.environ | {
            "RESHET_BENCH_DATA": str(data),
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "JAX_DEFAULT_MATMUL_PRECISION": "float32",
        }
        if job in LARGE:
            environment["RESHET_CUBLASLT_FROM"] = LARGE[job]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.version = None

    def begin(self):
        """Waits until it is ready: all start side by side."""
        self.version = self.read()["version"]

    def read(self):
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
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


def commands(program, job, modules):
    """Whom to ask."""
    asked = {"reshet": [program, job, "cuda"]}
    if job in ROUNDED:
        for precision in ("bf16", "tf32"):
            asked[f"reshet, {precision}"] = [program, job, "cuda", precision]
    if job in LARGE:
        for precision in ("f32", "bf16", "tf32"):
            command = [program, job, "cuda", precision, "cublaslt"]
            asked[f"reshet, {precision}, cuBLASLt"] = command
    if "torch" in modules:
        torch = [sys.executable, HERE / "torch_card.py", job]
        asked |= {"PyTorch": torch, "PyTorch, CUDA graphs": [*torch, "--graphs"]}
        if job in ROUNDED:
            asked["PyTorch, CUDA graphs, TF32"] = [*torch, "--graphs", "--tf32"]
    if "jax" in modules:
        asked["JAX"] = [sys.executable, HERE.parent / "bench/contenders/jax_epoch.py", job, "0"]
    return asked


def measured(job, asked, data, rounds, end):
    """The contenders' times of a job, a row each; ends early when the time is up."""
    everyone = [Contender(name, command, data, job) for name, command in asked.items()]
    contenders, rows = list(everyone), []

    def each(do):
        for contender in list(contenders):
            try:
                do(contender)
            except GONE as why:
                print(f"{job}: {contender.name} has ended ({why!r})", flush=True)
                contenders.remove(contender)

    def once(contender):
        contender.times.append(contender.ask("steps", STEPS[job])["us"])

    def row_of(contender):
        row = {"job": job, "name": contender.name, "version": contender.version}
        row["us"] = statistics.median(contender.times)
        row["ratio"] = statistics.median(t / o for t, o in zip(contender.times, ours))
        row["accuracy"] = contender.ask("accuracy")["accuracy"]
        rows.append(row)
        print(f"{job:6} {row['name']:28} {row['us']:10.1f} µs  {row['ratio']:6.2f}", flush=True)

    try:
        each(Contender.begin)
        # As many as in a round: JAX compiles for each number of steps.
        each(lambda contender: contender.ask("steps", STEPS[job]))
        for _ in range(rounds):
            each(once)
            if time.monotonic() > end:
                break
        if contenders and contenders[0].name == "reshet":
            ours = contenders[0].times
            each(row_of)
    finally:
        for contender in everyone:
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
    modules = [] if asked.alone else [module for module in ("torch", "jax") if has(module)]
    record = {"date": datetime.date.today().isoformat(), "machine": machine(), "rows": rows}
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([asked.program, "write-data", data], check=True)
        for job in asked.jobs.split(","):
            if time.monotonic() > end:
                print(f"{job}: no time left", flush=True)
                continue
            rows += measured(
                job, commands(asked.program, job, modules), data, asked.rounds, end
            )
            if asked.record:
                # After each job: what is measured is there, whatever ends this program.
                text = json.dumps(record, indent=1, ensure_ascii=False)
                asked.record.write_text(text + "\n")
    sys.exit(0 if rows else 1)


if __name__ == "__main__":
    main()
