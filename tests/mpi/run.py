#!/usr/bin/env python3
"""Trains and tunes on several ranks by MPI, beside one rank; kills ranks, and goes on.

    tests/mpi/run.py [RESHET_MPI] [--kills N] [--speed] [--networks] [--seed S]

Without flags, in some ten seconds: two ranks have one rank's losses to rounding and the same bits
twice; a run is gone on with by another number of ranks; a study is the same on one rank and on
two; of a training and of a study a rank is killed (SIGKILL), nobody waits for ever, and what was
reached goes on to the end; what cannot work is refused by one sentence.

--kills N     kills a random rank at a random moment N times, trainings and studies in turn
--speed       two ranks of one thread beside one, in turn: network X at batch 1,024, and a study
--networks    four ranks in four network namespaces (needs root), with latency and loss

Prints a line of JSON with the figures; exit code 1 if anything is wrong. Needs Python alone.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import namespaces

# Longer than any of these commands takes, on a busy machine too.
LIMIT = 120
TRAIN = (
    "train t.csv --hidden 64,32 --dropout 0.1 --schedule constant --batch-size 64 --validation 0.15 -q"
).split()
TUNE = "tune t.csv --trials 9 --epochs 9 --validation 0.2 --jobs 1 -q".split()

figures = {}
faults = []


def wrong(what):
    faults.append(what)
    print(f"wrong: {what}", file=sys.stderr)


def check(holds, what):
    if not holds:
        wrong(what)


def table(path, rows=3000):
    lines = ["x,y,z"]
    for i in range(rows):
        x, y = (i * 2654435761 % 2**32) >> 20, (i * 40503 >> 3) & 1023
        lines.append(f"{x},{y},{x % 97 + y // 3}")
    path.write_text("\n".join(lines) + "\n")


class Ranks:
    """`mpirun -n RANKS reshet-mpi …`, in a folder."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def command(self, ranks, args):
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        # More ranks than cores, as here, must not wait by spinning.
        ours = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
        return ["mpirun", *root, *ours, "-n", str(ranks), self.program, *args]

    def start(self, ranks, args):
        pipe = subprocess.PIPE
        env = {**os.environ, "RESHET_THREADS": "1"}
        return subprocess.Popen(
            self.command(ranks, args), cwd=self.folder, env=env, text=True,
            stdout=pipe, stderr=pipe, start_new_session=True,
        )

    def end(self, process, what):
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            wrong(f"{what}: hangs")
        return process.returncode, out, err

    def run(self, ranks, args, expects=0):
        what = f"{ranks} ranks: {' '.join(args)}"
        code, out, err = self.end(self.start(ranks, args), what)
        check(expects is None or code == expects, f"{what}: exit code {code}: {err}")
        return code, out, err


def ranks_of(mpirun):
    """The process ids of the ranks under an mpirun."""
    try:
        return [int(pid) for pid in Path(f"/proc/{mpirun}/task/{mpirun}/children").read_text().split()]
    except FileNotFoundError:
        return []


def epochs(run):
    lines = (run / "log.jsonl").read_text().splitlines()
    return [line["mean_loss"] for line in map(json.loads, lines) if "mean_loss" in line]


def are_near(ours, theirs):
    return len(ours) == len(theirs) and all(abs(a - b) <= 2e-3 * abs(b) for a, b in zip(ours, theirs))


def model(run):
    return (run / "model.safetensors").read_bytes()


def trainings(ranks, folder):
    long = [*TRAIN, "--epochs", "12"]
    for name, count in [("one", 1), ("two", 2), ("again", 2), ("three", 3)]:
        ranks.run(count, [*long, "--out", name])
    losses = {name: epochs(folder / name) for name in ["one", "two", "three"]}
    check(are_near(losses["two"], losses["one"]), "two ranks have other losses than one")
    check(are_near(losses["three"], losses["one"]), "three ranks have other losses than one")
    check(model(folder / "two") == model(folder / "again"), "two ranks: other bits the second time")
    report = json.loads((folder / "two" / "report.json").read_text())
    check(report["ranks"] == 2, "report.json does not say how many ranks there were")

    ranks.run(2, [*TRAIN, "--epochs", "6", "--out", "half"])
    ranks.run(3, ["train", "--resume", "half", "--epochs", "12", "-q"])
    check(are_near(epochs(folder / "half"), losses["one"]), "other losses after going on on three ranks")


def job_files():
    """The examples of docs/cluster.md are what a shell, and a reader of YAML, understand."""
    examples = Path(__file__).parents[2] / "examples" / "cluster"
    scripts = {path.name: path.read_text() for path in examples.glob("*.slurm")}
    try:
        import yaml
    except ImportError:
        figures["job files for Kubernetes"] = "not read: no PyYAML here"
    else:
        job = yaml.safe_load((examples / "train.yaml").read_text())
        replicas = job["spec"]["mpiReplicaSpecs"]
        (container,) = replicas["Launcher"]["template"]["spec"]["containers"]
        ranks = f"mpirun -n {replicas['Worker']['replicas']} "
        check(ranks in container["args"][0], "train.yaml: other ranks than workers")
        scripts["train.yaml"] = container["args"][0]
    check(len(scripts) >= 2, "no job files")
    for name, text in scripts.items():
        read = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
        check(read.returncode == 0, f"{name}: {read.stderr}")


def chosen(ranks, folder):
    """Rank 0 alone chooses, and here takes numbers that are not in pieces."""
    chance = random.Random(1)
    lines = ["a,b,c,d,e,y"]
    for _ in range(900):
        numbers = [chance.random() for _ in range(5)]
        yes = sum(numbers) + 3 * chance.random() > 4
        lines.append(",".join(f"{x:.4f}" for x in numbers) + (",yes" if yes else ",no"))
    (folder / "noisy.csv").write_text("\n".join(lines) + "\n")
    for name, count in [("chosen1", 1), ("chosen2", 2)]:
        ranks.run(count, [*"train noisy.csv --validation 0.1 -q".split(), "--out", name])
    reports = [json.loads((folder / name / "report.json").read_text()) for name in ["chosen1", "chosen2"]]
    check([report["features"] for report in reports] == [5, 5], "numbers are still in pieces")
    check(are_near(epochs(folder / "chosen2"), epochs(folder / "chosen1")), "chosen: other losses")


def streamed(ranks, folder):
    table(folder / "large.csv", 600_000)
    flags = "train large.csv --memory 8M --hidden 8 --batch-size 1000 --epochs 2 --validation 0.1 -q"
    for name, count in [("stream1", 1), ("stream2", 2), ("stream2b", 2)]:
        ranks.run(count, [*flags.split(), "--out", name])
    check(are_near(epochs(folder / "stream2"), epochs(folder / "stream1")), "streamed: other losses")
    check(model(folder / "stream2") == model(folder / "stream2b"), "streamed: other bits the second time")
    config = (folder / "stream2" / "config.toml").read_text()
    check('memory = "8M"' in config, "two ranks did not stream")


def differences(ranks, folder):
    """Ranks that have other data: all are told at once."""
    begun = time.monotonic()
    args = [*TRAIN, "--epochs", "2", "--out", "differ"]
    for rank in range(2):
        (folder / f"data-{rank}").mkdir()
        table(folder / f"data-{rank}" / "t.csv", 3000 + rank)
    shell = Ranks("sh", folder)
    line = f"cd data-$OMPI_COMM_WORLD_RANK && exec {ranks.program} {' '.join(args)}"
    _, _, err = shell.run(2, ["-c", line], expects=1)
    seconds = time.monotonic() - begun
    check("rank 1 does not have rank 0's training data" in err, f"different data: {err}")
    check(err.count("error:") == 1, f"different data is told more than once: {err}")
    figures["until a difference is told and all have ended, s"] = round(seconds, 1)


def studies(ranks, folder):
    ranks.run(1, [*TUNE, "--out", "study1"])
    ranks.run(2, [*TUNE, "--out", "study2"])
    journals = [(folder / study / "journal.jsonl").read_bytes() for study in ["study1", "study2"]]
    check(journals[0] == journals[1], "a study on two ranks is another one")
    check(model(folder / "study2" / "best") == model(folder / "study1" / "best"), "another winner")
    return journals[0]


def refusals(ranks, folder):
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("x")
    for args, code, words in [
        (["train", "nothing.csv"], 3, "nothing.csv"),
        (["train", "t.csv", "--no-such-flag"], 2, "--no-such-flag"),
        (["train", "t.csv", "--out", "full"], 2, "is there already"),
        (["test", "t.csv"], 2, ""),
        (["data", "show", "t.csv"], 2, "run reshet itself"),
    ]:
        _, out, err = ranks.run(2, args, expects=code)
        check(words in err and err.count("error:") == 1, f"{args}: {err}")
        check("rank 1" not in err, f"{args}: said twice: {err}")


def is_reached(run):
    return (run / "checkpoint.safetensors").exists() or (run / "journal.jsonl").exists()


def kill_one(ranks, folder, name, args, count, pick, after):
    """Starts a command, kills one of its ranks when something was reached and `after` seconds
    more have gone by, and goes on on another number of ranks until it ends."""
    run = folder / name
    process = ranks.start(count, [*args, "--out", name])
    begun = time.monotonic()
    while not is_reached(run) and process.poll() is None and time.monotonic() - begun < LIMIT:
        time.sleep(0.005)
    time.sleep(after)
    children = ranks_of(process.pid)
    killed = process.poll() is None and len(children) == count
    if killed:
        os.kill(children[pick], signal.SIGKILL)
    at = time.monotonic()
    code, _, err = ranks.end(process, f"{name}: after a kill")
    waited = time.monotonic() - at
    if not killed:
        return None
    if code == 0:
        # It was at its end.
        return waited
    resumed = [args[0], "--resume", name, "-q"]
    ranks.run(count + 1, resumed)
    return waited


def kills(ranks, folder, count, seed):
    chance = random.Random(seed)
    whole_study = (folder / "study1" / "journal.jsonl").read_bytes()
    training = [*TRAIN, "--epochs", "40", "--checkpoint-every", "20"]
    ranks.run(1, [*training, "--out", "whole"])
    whole = epochs(folder / "whole")
    waits, missed = [], 0
    for i in range(count):
        study = i % 2 == 1
        name = f"killed{i}"
        waited = kill_one(
            ranks, folder, name, TUNE if study else training,
            count=2 + i % 3 // 2, pick=chance.randrange(2), after=chance.uniform(0, 0.5),
        )
        if waited is None:
            missed += 1
        else:
            waits.append(waited)
        if study:
            same = (folder / name / "journal.jsonl").read_bytes() == whole_study
            check(same, f"{name}: another study after a kill")
        else:
            check(are_near(epochs(folder / name), whole), f"{name}: other losses after a kill")
        shutil.rmtree(folder / name)
    figures["kills"] = len(waits)
    figures["ended before the kill"] = missed
    if waits:
        figures["longest end after a kill, s"] = round(max(waits), 2)


def digits(folder, count=4096):
    """Bytes as MNIST's are: four of five are 0."""
    chance = random.Random(0)
    pixels = bytes(chance.choices(range(256), weights=[1020, *[1] * 255], k=784 * count))
    labels = bytes(chance.randrange(10) for _ in range(count))
    for name, dtype, shape, data in [("x", "|u1", (count, 784), pixels), ("y", "|u1", (count,), labels)]:
        header = str({"descr": dtype, "fortran_order": False, "shape": shape})
        header += " " * (-(len(header) + 11) % 64) + "\n"
        head = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        (folder / f"{name}.npy").write_bytes(head + data)


def speed(ranks, folder, pairs):
    digits(folder)
    x = "train x.npy --targets y.npy --hidden 2500,2000,1500,1000,500 --batch-size 1024 --epochs 2"
    x = [*x.split(), "--test-fraction", "0", "--device", "cpu", "--threads", "1", "-q", "--force"]
    table(folder / "long.csv", 20000)
    study = "tune long.csv --trials 18 --epochs 9 --validation 0.2 --jobs 1 -q --force".split()
    ratios = {"X at batch 1024": [], "tune": []}
    for _ in range(pairs):
        seconds = []
        for count in [1, 2]:
            ranks.run(count, [*x, "--out", "x"])
            seconds.append(json.loads((folder / "x" / "report.json").read_text())["seconds"]["train"])
        ratios["X at batch 1024"].append(seconds[0] / seconds[1])
        seconds = []
        for count in [1, 2]:
            start = time.monotonic()
            ranks.run(count, [*study, "--out", "study"])
            seconds.append(time.monotonic() - start)
        ratios["tune"].append(seconds[0] / seconds[1])
    for what, all_ratios in ratios.items():
        figures[f"two ranks beside one, {what}"] = [round(ratio, 2) for ratio in all_ratios]
        figures[f"median, {what}"] = round(statistics.median(all_ratios), 2)


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("program", nargs="?", default="target/release/reshet-mpi")
    flags.add_argument("--kills", type=int, default=2)
    flags.add_argument("--speed", type=int, nargs="?", const=3, default=0, metavar="PAIRS")
    flags.add_argument("--networks", action="store_true")
    flags.add_argument("--seed", type=int, default=0)
    flags = flags.parse_args()
    if not shutil.which("mpirun"):
        print("skipped: no mpirun here (Debian: apt install openmpi-bin libopenmpi-dev)")
        return 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reshet-mpi-") as name:
        folder = Path(name)
        table(folder / "t.csv")
        ranks = Ranks(str(Path(flags.program).resolve()), folder)
        job_files()
        trainings(ranks, folder)
        chosen(ranks, folder)
        streamed(ranks, folder)
        differences(ranks, folder)
        studies(ranks, folder)
        refusals(ranks, folder)
        kills(ranks, folder, flags.kills, flags.seed)
        if flags.speed:
            speed(ranks, folder, flags.speed)
        if flags.networks:
            namespaces.try_all(ranks, folder, figures, wrong)
    figures["seconds"] = round(time.monotonic() - begun, 1)
    print(json.dumps({**figures, "wrong": len(faults)}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
