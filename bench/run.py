#!/usr/bin/env python3
"""Runs the contenders in turn and prints who is how much faster. `--help` says how;
README.md beside this file says what is measured."""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("RESHET_BENCH_DIR", Path.home() / ".cache" / "reshet-bench"))
PYTHON = HOME / "py" / "bin" / "python"
PACKAGES = ["numpy", "torch", "torchvision", "jax", "scikit-learn", "onnx", "onnxruntime"]

BIG = [784, 2500, 2000, 1500, 1000, 500, 10]
# What it is, widths, batch, steps to begin with (two epochs of digits), steps a round.
JOBS = {
    "L": ("lecture", [784, 100, 1], 50, 2400, 2400),
    "C": ("ten digits", [784, 128, 10], 64, 1874, 1874),
    "M": ("middling", [784, 512, 256, 10], 128, 936, 234),
    "X128": ("large, batch 128", BIG, 128, 5, 5),
    "X1024": ("large, batch 1024", BIG, 1024, 2, 2),
    "T": ("table", [30, 256, 256, 256, 1], 256, 200, 200),
    "S": ("tiny", [4, 32, 16, 4], 100, 1000, 1000),
}
# Rows a call, calls a round.
PREDICTIONS = [(1, 2000), (10_000, 10)]
PREDICTED = ["L", "M"]


def python(script, *flags):
    return lambda job, threads: [PYTHON, HERE / "contenders" / script, job, threads, *flags]


def rust(project, *flags):
    program = HOME / f"target-{project}" / "release" / f"bench-{project}"
    return lambda job, threads: [program, job, threads, *flags]


TRAINING = {
    "reshet": rust("ours"),
    "reshet, bf16": rust("ours", "bf16"),
    "JAX": python("jax_epoch.py"),
    "PyTorch": python("torch_mlp.py"),
    "PyTorch, compiled": python("torch_mlp.py", "--compile"),
    "PyTorch, bf16": python("torch_mlp.py", "--bf16"),
    "PyTorch, the slide": python("torch_mlp.py", "--slide"),
    "scikit-learn": python("sklearn_mlp.py"),
    "Burn": rust("burn"),
    "candle": rust("candle"),
}
PREDICTING = ["reshet", "JAX", "PyTorch", "Burn", "onnxruntime"]
# Only where it says something: the slide is the lecture's; the others take minutes.
ONLY = {"PyTorch, the slide": ["L"], "scikit-learn": ["L", "C", "M", "T", "S"]}
# Where something is computed in it, and enough of it.
ONLY |= {name: ["M", "X128", "X1024", "T"] for name in ("reshet, bf16", "PyTorch, bf16")}
# So slow that a round is a tenth.
SLOW = {"PyTorch, the slide"}
# Networks that train at once, each 30-64-64-1 with batches of 256.
NETWORKS = 64
TOGETHER = "E"
# How everybody is held to an older processor's instructions.
HELD = {
    "avx2": {
        "RESHET_INSTRUCTIONS": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    }
}


class Contender:
    """A program that trains when it is told to."""

    def __init__(self, name, command, job, threads):
        self.name = name
        environment = os.environ | {
            "RESHET_BENCH_DATA": str(HOME / "data"),
            "RESHET_THREADS": str(threads),
            "RAYON_NUM_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
        }
        self.log = open(HOME / "contenders.log", "a")
        self.process = subprocess.Popen(
            [str(part) for part in command(job, threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
        )
        self.version = self.read()["version"]
        self.times = []

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended; its last words are in {self.log.name}")
        return json.loads(line)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.read()

    def end(self):
        peak = self.ask("end")["peak_mb"]
        self.process.wait()
        return peak


def call(*command, **more):
    print("+", *command, file=sys.stderr)
    subprocess.run([str(part) for part in command], check=True, **more)


def install(names):
    """What is missing, into a folder outside the tree."""
    HOME.mkdir(parents=True, exist_ok=True)
    if not PYTHON.exists():
        call(sys.executable, "-m", "venv", HOME / "py")
    have = subprocess.run([PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    have = {line.split("==")[0].lower().replace("_", "-") for line in have.splitlines()}
    missing = [package for package in PACKAGES if package not in have]
    if missing:
        call(PYTHON, "-m", "pip", "install", "--quiet", *missing)
    for project in ["ours"] + [name.lower() for name in ("Burn", "candle") if name in names]:
        target = {"CARGO_TARGET_DIR": str(HOME / f"target-{project}")}
        build = ["cargo", "build", "--release", "--quiet", "--locked"]
        call(*build, cwd=HERE / project, env=os.environ | target)
    if not (HOME / "data").exists():
        call(HOME / "target-ours" / "release" / "bench-ours", "write-data", HOME / "data")


def floor(threads):
    """The peak rates of these cores, now."""
    return machine.floor(HOME / "target-ours" / "release" / "bench-ours", threads)


def dense_flop(widths, batch):
    """Of a step, if every multiply-add is done: forward, weights' and inputs' gradients."""
    products = [m * k for m, k in zip(widths, widths[1:])]
    return 2 * batch * (3 * sum(products) - products[0])


def in_turn(contenders, rounds, *words):
    """Ours and another, ours and the next, …; gives for each its times and its ratios."""
    ours, *others = contenders
    times = {one.name: [] for one in contenders}
    ratios = {one.name: [] for one in others}
    for _ in range(rounds):
        for other in others or [ours]:
            mine = after_a_rest(ours, *words)
            times[ours.name].append(mine)
            if other is not ours:
                slow = words[0] == "steps" and other.name in SLOW
                asked = ("steps", words[1] // 10) if slow else words
                theirs = after_a_rest(other, *asked)
                times[other.name].append(theirs)
                ratios[other.name].append(theirs / mine)
    return times, ratios


def after_a_rest(one, *words):
    """Threads of whoever ran before may spin for a while yet."""
    time.sleep(0.1)
    return one.ask(*words)["us"]


def middle(numbers):
    return statistics.median(numbers) if numbers else None


def train(job, names, threads, rounds):
    what, widths, batch, first, each = JOBS[job]
    names = [name for name in names if job in ONLY.get(name, [job])]
    contenders = [Contender(name, TRAINING[name], job, threads) for name in names]
    accuracy = {}
    for one in contenders:
        one.ask("steps", first)
        accuracy[one.name] = one.ask("accuracy")["accuracy"]
        # Once more as it will be asked: some compile for each number of steps.
        one.ask("steps", each // 10 if one.name in SLOW else each)
    rate = floor(threads)
    times, ratios = in_turn(contenders, rounds, "steps", each)
    least = dense_flop(widths, batch) / rate["gflops"] / 1e3
    print(f"\n**{job}**, {what}: {'-'.join(map(str, widths))}, batch {batch}, {threads} threads. "
          f"Every multiply-add at the peak measured ({rate['gflops']:.0f} GFLOP/s): {least:.0f} µs; "
          f"memory {rate['read_gb_s']:.0f} GB/s.\n")
    print("| | µs a step | samples/s | × ours | range | accuracy | peak MB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    rows = []
    for one in contenders:
        us, ratio = middle(times[one.name]), ratios.get(one.name)
        row = {
            "job": job,
            "name": one.name,
            "version": one.version,
            "us": us,
            "ratio": middle(ratio),
            "range": [min(ratio), max(ratio)] if ratio else None,
            "accuracy": accuracy[one.name],
            "peak_mb": one.end(),
            "floor_us": least,
        }
        rows.append(row)
        reached = "" if row["accuracy"] is None else f"{100 * row['accuracy']:.2f} %"
        print(f"| {one.name} | {us:,.1f} | {1e6 * batch / us:,.0f} | "
              + (f"{row['ratio']:.2f} | {min(ratio):.2f}–{max(ratio):.2f}" if ratio else "1 | ")
              + f" | {reached} | {row['peak_mb']:,.0f} |", flush=True)
    return rows


def predict(job, names, threads, rounds):
    _, widths, *_ = JOBS[job]
    every = TRAINING | {"onnxruntime": python("onnx_runtime.py")}
    names = [name for name in PREDICTING if name in names or name == "onnxruntime"]
    contenders = [Contender(name, every[name], job, threads) for name in names]
    rows = []
    print(f"\n**{job}**, predicting: {'-'.join(map(str, widths))}, {threads} threads.\n")
    print("| | rows a call | µs a call | × ours | range |")
    print("|---|---:|---:|---:|---:|")
    for samples, calls in PREDICTIONS:
        times, ratios = in_turn(contenders, rounds, "predict", samples, calls)
        for one in contenders:
            us, ratio = middle(times[one.name]), ratios.get(one.name)
            rows.append({"job": job, "name": one.name, "rows": samples, "us": us,
                         "ratio": middle(ratio)})
            print(f"| {one.name} | {samples:,} | {us:,.1f} | "
                  + (f"{middle(ratio):.2f} | {min(ratio):.2f}–{max(ratio):.2f} |" if ratio
                     else "1 | |"), flush=True)
    for one in contenders:
        one.end()
    return rows


def together(threads, rounds):
    """Many small networks: ours, JAX and PyTorch, a process each, in turn."""
    ours = [HOME / "target-ours" / "release" / "bench-ours", "ensemble", NETWORKS, threads]
    theirs = [PYTHON, HERE / "contenders" / "ensemble.py", NETWORKS, threads]
    times = {}
    for _ in range(max(1, rounds // 3)):
        told = {}
        for command in (ours, theirs):
            words = [str(word) for word in command]
            told |= json.loads(subprocess.check_output(words, stderr=subprocess.DEVNULL))
        for key, name in [("us_at_once", "reshet"), ("us_in_turn", "reshet, one after the other"),
                          ("jax_vmap_us", "JAX, vmap"), ("torch_func_us", "PyTorch, torch.func"),
                          ("torch_in_turn_us", "PyTorch, one after the other")]:
            times.setdefault(name, []).append(told[key])
        times.setdefault("share", []).append(told["share_of_peak"])
    share = middle(times.pop("share"))
    print(f"\n**{TOGETHER}**, {NETWORKS} networks 30-64-64-1, batches of 256, a step of all, "
          f"{threads} threads; ours at once: {100 * share:.0f} % of the peak.\n")
    print("| | µs | × ours |")
    print("|---|---:|---:|")
    mine = middle(times["reshet"])
    rows = []
    for name, of in times.items():
        us, ratio = middle(of), middle([us / ours for us, ours in zip(of, times["reshet"])])
        rows.append({"job": TOGETHER, "name": name, "us": us,
                     "ratio": None if us == mine else ratio, "share_of_peak": share})
        print(f"| {name} | {us:,.0f} | {ratio:.2f} |", flush=True)
    return rows


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    every = [*JOBS, TOGETHER]
    ask.add_argument("--jobs", default=",".join(every), help="of " + ", ".join(every))
    ask.add_argument("--contenders", help="of " + "; ".join(TRAINING) + " (apart by ;)")
    ask.add_argument("--threads", type=int, default=os.cpu_count())
    ask.add_argument("--rounds", type=int, default=7)
    ask.add_argument("--instructions", choices=HELD,
                     help="hold everybody who has a setting for it to these")
    ask.add_argument("--record", type=Path, help="also write the numbers to this JSON file")
    asked = ask.parse_args()
    names = list(TRAINING)
    if asked.contenders:
        others = [name.strip() for name in asked.contenders.split(";")]
        unknown = [name for name in others if name not in TRAINING]
        if unknown:
            ask.error(f"no contender {unknown[0]}; there are {', '.join(TRAINING)}")
        names = ["reshet"] + [name for name in others if name != "reshet"]
    jobs = asked.jobs.split(",")
    if not set(jobs) <= set(every):
        ask.error(f"jobs are {', '.join(every)}")
    # Some machines are set to an old processor's kernels for the sake of old libraries.
    for variable in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]:
        os.environ.pop(variable, None)
    os.environ.update(HELD.get(asked.instructions, {}))
    install(names)
    today = datetime.date.today().isoformat()
    here = machine.describe() | {"peaks": floor(asked.threads), "instructions": asked.instructions}
    held = f", held to {asked.instructions}" if asked.instructions else ""
    print(f"{today}, {machine.in_words(here)}{held}. Medians of {asked.rounds} rounds in turn; "
          "× ours: the median of pairs.")
    rows = []
    for job in jobs:
        if job == TOGETHER:
            if not {"JAX", "PyTorch"} <= set(names):
                print(f"\nskipped: {TOGETHER}: it is timed beside JAX and PyTorch together")
                continue
            rows += together(asked.threads, asked.rounds)
            continue
        rows += train(job, names, asked.threads, asked.rounds)
        if job in PREDICTED:
            rows += predict(job, names, asked.threads, asked.rounds)
    if asked.record:
        record = {"date": today, "commit": machine.commit(HERE), **here,
                  "threads": asked.threads, "rows": rows}
        asked.record.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
