"""Trains on a table larger than the memory it is given, and measures memory and rows a second.

    python3 bench/large/run.py target/release/reshet --size 2G --memory 200M

Makes a CSV file of that size (removed afterwards) in --folder, trains on it streamed, and trains on a part
that fits into memory both ways, in turn. The rows on disk take about half the size besides. Needs
numpy, and Linux for the peak of memory.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import numpy as np

COLUMNS = 20
UNITS = {"G": 10**9, "M": 10**6}


def size(text):
    return int(float(text[:-1]) * UNITS[text[-1]])


def write(path, size, seed):
    """Writes rows of COLUMNS numbers, a word and yes or no, `size` bytes of them."""
    rng = np.random.default_rng(seed)
    values = np.arange(-5000, 5000) / 2000
    texts = np.array([f"{x:+.4f},".encode() for x in values], dtype="S8")
    words = np.array([b"red  ,", b"green,", b"blue ,"], dtype="S6")
    answers = np.array([b"no \n", b"yes\n"], dtype="S4")
    weights = rng.normal(size=COLUMNS)
    rows, written = 200_000, 0
    with open(path, "wb") as out:
        out.write(b"".join(f"x{i},".encode() for i in range(COLUMNS)) + b"colour,y\n")
        while written < size:
            drawn = rng.integers(0, len(values), (rows, COLUMNS))
            colour = rng.integers(0, 3, rows)
            x = values[drawn]
            score = np.tanh(x) @ weights + x[:, 0] * x[:, 1] + (colour == 2)
            parts = [
                texts[drawn].view("S1").reshape(rows, -1),
                words[colour].view("S1").reshape(rows, -1),
                answers[(score > 0).astype(int)].view("S1").reshape(rows, -1),
            ]
            block = np.concatenate(parts, axis=1).tobytes()
            out.write(block)
            written += len(block)


def train(program, folder, data, *flags):
    """Trains, and returns the report, the seconds and the peak of memory in bytes."""
    run = folder / "run"
    command = [program, "train", str(data), "--out", str(run), "--force", "--json", *flags]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} ended with {status}")
    return json.loads(out), time.perf_counter() - start, 1024 * usage.ru_maxrss


def show(what, report, seconds, peak):
    rows, epochs = report["train_samples"], report["epochs"]
    speed = rows * epochs / report["seconds"]["train"]
    accuracy = report["test"]["accuracy"]
    print(
        f"{what}: {rows:,} rows × {epochs} epochs, {speed:,.0f} rows/s of training, "
        f"{seconds:.0f} s in all, peak {peak / 1e6:,.0f} MB, test {100 * accuracy:.2f} %",
        flush=True,
    )
    return speed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--size", type=str, default="2G")
    parser.add_argument("--memory", type=str, default="200M")
    parser.add_argument("--fits", type=str, default="200M", help="the size of the part that fits")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--flags", type=str, default="", help="more flags of reshet train")
    args = parser.parse_args()
    program = str(pathlib.Path(args.program).resolve())
    flags = args.flags.split()
    room = shutil.disk_usage(args.folder).free
    if room < 1.7 * size(args.size):
        raise SystemExit(f"{args.folder} has room for {room / 1e9:.0f} GB only")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = pathlib.Path(folder).resolve()
        part, whole = folder / "part.csv", folder / "whole.csv"
        write(part, size(args.fits), 1)
        ratios = []
        little = f"{size(args.fits) // 10**6 // 2}M"
        for _ in range(args.pairs):
            inside = show("in memory", *train(program, folder, part, "--effort", "0", *flags))
            outside = show("streamed ", *train(program, folder, part, "--memory", little, *flags))
            ratios.append(outside / inside)
        print("streamed / in memory:", ", ".join(f"{ratio:.2f}" for ratio in ratios), flush=True)
        part.unlink()
        write(whole, size(args.size), 2)
        print(f"{whole.stat().st_size / 1e9:.1f} GB of CSV, --memory {args.memory}", flush=True)
        show("streamed ", *train(program, folder, whole, "--memory", args.memory, *flags))


main()
