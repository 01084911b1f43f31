#!/usr/bin/env python3
"""`reshet tune mnist` and Optuna with PyTorch on the same space, in turn.

    cargo build --release && python3 bench/tune/run.py [--seconds 60] [--rounds 3]

Prints networks, finished epochs (of all networks together, and each times its network's
parameters, in millions), the best validation accuracy and memory of each, and the ratios.
`bench/run.py` has to have run once: it writes the digits and makes the bench's Python."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("RESHET_BENCH_DIR", Path.home() / ".cache" / "reshet-bench"))
PYTHON = HOME / "py" / "bin" / "python"
RESHET = HERE.parents[1] / "target" / "release" / "reshet"


def ours(folder, seconds, seed, width):
    space = Path(folder) / "space.toml"
    space.write_text(f"width = {width}\n")
    command = [RESHET, "tune", "mnist", "--time", f"{seconds}s", "--seed", seed, "--json"]
    command += ["--space", space]
    command += ["--out", Path(folder) / f"ours-{seed}"]
    command = ["/usr/bin/env", "time", "-f", "%M", *command]
    done = subprocess.run([str(w) for w in command], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    journal = (Path(told["study"]) / "journal.jsonl").read_text().splitlines()
    trained = [json.loads(record) for record in journal]
    return {
        "networks": told["trials"],
        "epochs": told["epochs"],
        "work": sum(r["epochs"] * r["parameters"] for r in trained) / 1e6,
        "best": told["best"]["measure"],
        "test": told["test"]["accuracy"],
        "mb": int(done.stderr.split()[-1]) / 1024,
    }


def theirs(folder, seconds, seed, cores, width, loader):
    """A worker a core, or one that uses all; networks are the study's, epochs and memory the sum."""
    storage = Path(folder) / f"optuna-{seed}.journal"
    jobs = 1 if loader else cores
    surroundings = os.environ | {
        "PYTHONPATH": str(HERE.parent / "contenders"), "RESHET_BENCH_DATA": str(HOME / "data"),
    }

    def start(job):
        command = [PYTHON, HERE / "optuna_torch.py", storage, seconds, 100 * seed + job]
        command += [cores // jobs, *width, *(["--loader"] if loader else [])]
        return subprocess.Popen([str(w) for w in command], env=surroundings,
                                stdout=subprocess.PIPE, text=True)

    told = []
    for worker in [start(job) for job in range(jobs)]:
        text = worker.communicate()[0]
        if worker.returncode:
            sys.exit(f"a worker of Optuna ended with {worker.returncode}")
        told.append(json.loads(text))
    both = {name: sum(one[name] for one in told) for name in ("epochs", "work", "mb")}
    best = max((one["best"] for one in told if one["best"] is not None), default=None)
    return both | {"networks": max(one["networks"] for one in told), "best": best,
                   "version": told[0]["version"]}


def line(name, told):
    best = "none ended" if told["best"] is None else f"{100 * told['best']:.2f} %"
    test = f", test {100 * told['test']:.2f} %" if "test" in told else ""
    print(f"{name}: {told['networks']} networks, {told['epochs']} epochs, {told['work']:.0f} million "
          "epochs times parameters, "
          f"best of the validation part {best}{test}, {told['mb']:.0f} MB", flush=True)


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seconds", type=int, default=60)
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    ask.add_argument("--width", type=int, nargs=2, default=[8, 512], metavar=("LOW", "HIGH"),
                     help="neurons of a hidden layer")
    ask.add_argument("--loader", action="store_true",
                     help="PyTorch as in Optuna's example: a DataLoader, one process")
    asked = ask.parse_args()
    if not (PYTHON.exists() and (HOME / "data").exists()):
        ask.error("run bench/run.py once: it makes the bench's Python and data")
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "optuna"], check=True)
    ratios = {"epochs": [], "work": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(asked.rounds):
            mine = ours(folder, asked.seconds, seed, asked.width)
            other = theirs(folder, asked.seconds, seed, asked.jobs, asked.width, asked.loader)
            line("reshet", mine)
            line(other["version"], other)
            for what, all_of in ratios.items():
                all_of.append(mine[what] / max(other[what], 1))
    epochs, work = (statistics.median(all_of) for all_of in ratios.values())
    print(f"medians of {asked.rounds}: {epochs:.1f} times as many epochs, {work:.1f} times with parameters")


if __name__ == "__main__":
    main()
