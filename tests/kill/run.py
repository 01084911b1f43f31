#!/usr/bin/env python3
"""Kills trainings and studies at random moments, goes on, and counts what was lost.

    tests/kill/run.py [PROGRAM] [--kills N] [--seed S]

Each task is run undisturbed once. Then it is started again and killed (SIGKILL) after a random
part of that time, gone on with, killed again, up to four times, and then left to end. After each
kill every file of the folder must be whole, and a run that was overwritten must be there until
there is a new model; in the end the model and the log (of a study the journal) must have the
bytes of the undisturbed run. In between two processes race for one folder: exactly one gets it.

Prints a line of JSON with the figures; exit code 1 if anything was lost. Needs Python alone.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

TRAIN = (
    "train t.csv --hidden 64,32 --dropout 0.1 --epochs 40 --batch-size 32 --validation 0.15 "
    "--patience 40 --checkpoint-every 50 -q"
).split()
OLD = "train t.csv --hidden 5 --epochs 1 --batch-size 100 -q".split()
TUNE = "tune t.csv --trials 9 --epochs 9 --validation 0.2 --jobs 2 -q".split()

figures = {
    "tasks": 0, "kills": 0, "resumed": 0, "begun again": 0, "races": 0,
    "damaged files": 0, "models lost": 0, "other bits": 0, "mixtures": 0, "wrong exit codes": 0,
}


def wrong(kind, what):
    figures[kind] += 1
    print(f"{kind}: {what}", file=sys.stderr)


def table(path):
    rows = ["x,y,z"]
    for i in range(3000):
        x, y = (i * 2654435761 % 2**32) >> 20, (i * 40503 >> 3) & 1023
        rows.append(f"{x},{y},{x % 97 + y // 3}")
    path.write_text("\n".join(rows) + "\n")


def tensors(path):
    """The header of a safetensors file, checked against its checksums."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    (text,) = header.pop("__metadata__").values()
    if not sealed(text):
        raise ValueError("checksum of the metadata")
    for name, crc in json.loads(text)["sums"].items():
        start, end = header[name]["data_offsets"]
        if zlib.crc32(data[8 + length + start:8 + length + end]) != int(crc, 16):
            raise ValueError(f"checksum of {name}")


def sealed(line):
    """Whether the checksum at the end of a JSON object fits."""
    body, mark, crc = line.rpartition(',"crc":"')
    return mark != "" and zlib.crc32((body + "}").encode()) == int(crc[:8], 16)


def check_files(folder):
    for path in folder.rglob("*"):
        if not path.is_file() or path.name == ".lock" or path.name.startswith(".reshet-"):
            continue
        try:
            if path.suffix == ".safetensors":
                tensors(path)
            elif path.suffix == ".jsonl":
                # The last line may break off.
                lines = path.read_bytes().split(b"\n")[:-1]
                assert all(sealed(line.decode()) for line in lines)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".svg":
                assert path.read_text().rstrip().endswith("</svg>")
            elif path.suffix == ".png":
                assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
            elif path.suffix == ".toml":
                assert path.read_text().endswith("\n")
        except Exception as error:
            wrong("damaged files", f"{path}: {error!r}")


class Task:
    def __init__(self, kind, program, place):
        self.kind, self.program, self.place = kind, program, place
        self.results = (
            ["journal.jsonl", "best/model.safetensors"] if kind == "tune"
            else ["model.safetensors", "log.jsonl"]
        )

    def call(self, args):
        return subprocess.Popen(
            [self.program, *args], cwd=self.place,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )

    def ends(self, args):
        process = self.call(args)
        error = process.communicate()[1].decode(errors="replace")
        if process.returncode != 0:
            wrong("wrong exit codes", f"{' '.join(args)}: {process.returncode}: {error}")

    def command(self, out):
        if self.kind == "tune":
            return [*TUNE, "--out", out]
        return [*TRAIN, "--out", out] + (["--force"] if self.kind == "force" else [])

    def prepare(self, out):
        shutil.rmtree(self.place / out, ignore_errors=True)
        if self.kind == "force":
            self.ends([*OLD, "--out", out])

    def undisturbed(self):
        self.prepare("whole")
        if self.kind == "force":
            self.old = (self.place / "whole/model.safetensors").read_bytes()
        start = time.monotonic()
        self.ends(self.command("whole"))
        self.seconds = time.monotonic() - start
        self.wanted = [(self.place / "whole" / name).read_bytes() for name in self.results]

    def is_old(self, folder):
        config = folder / "config.toml"
        return self.kind == "force" and config.exists() and "hidden = [5]" in config.read_text()

    def go_on(self, out):
        folder = self.place / out
        if self.kind == "tune" and (folder / "study.toml").exists():
            return ["tune", "--resume", out, "--trials", "9", "--jobs", "2", "-q"]
        if (folder / "checkpoint.safetensors").exists() and not self.is_old(folder):
            return ["train", "--resume", out, "-q"]
        return None

    def check(self, out):
        folder = self.place / out
        check_files(folder)
        if self.kind != "force":
            return
        model, config = folder / "model.safetensors", folder / "config.toml"
        aside = folder / ".replaced/model.safetensors"
        if model.exists() and config.exists():
            if (model.read_bytes() == self.old) != self.is_old(folder):
                wrong("mixtures", f"{folder}")
        if not model.exists() and not (aside.exists() and aside.read_bytes() == self.old):
            wrong("models lost", f"{folder}")

    def disturbed(self, random):
        self.prepare("part")
        args = self.command("part")
        for _ in range(random.randint(1, 4)):
            process = self.call(args)
            time.sleep(random.random() * self.seconds)
            killed = process.poll() is None
            process.kill()
            process.communicate()
            figures["kills"] += killed
            self.check("part")
            following = self.go_on("part")
            figures["resumed" if following else "begun again"] += 1
            args = following or self.command("part") + (
                [] if self.kind == "force" or not (self.place / "part").exists() else ["--force"]
            )
        self.ends(args)
        self.check("part")
        for name, wanted in zip(self.results, self.wanted):
            path = self.place / "part" / name
            if not path.exists() or path.read_bytes() != wanted:
                wrong("other bits", f"{self.kind}: {name}")
                shutil.copytree(self.place / "part", tempfile.mkdtemp(prefix="kill-") + "/part")
        figures["tasks"] += 1

    def race(self):
        """Two processes take one new folder, and two a name that is free."""
        shutil.rmtree(self.place / "race", ignore_errors=True)
        pair = [self.call([*OLD, "--out", "race"]) for _ in range(2)]
        codes = sorted(process.wait() for process in pair)
        if codes != [0, 2]:
            wrong("wrong exit codes", f"a race for a folder: {codes}")
        shutil.rmtree(self.place / "runs", ignore_errors=True)
        pair = [self.call(OLD) for _ in range(2)]
        codes = [process.wait() for process in pair]
        runs = sorted(path.name for path in (self.place / "runs").iterdir())
        if codes != [0, 0] or runs != ["t-1", "t-2"]:
            wrong("wrong exit codes", f"a race for a name: {codes}, {runs}")
        for process in pair:
            process.stderr.close()
        figures["races"] += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?", default="target/release/reshet")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        table(place / "t.csv")
        program = os.path.abspath(args.program)
        tasks = [Task(kind, program, place) for kind in ("train", "force", "tune")]
        for task in tasks:
            task.undisturbed()
        while figures["kills"] < args.kills:
            task = tasks[figures["tasks"] % len(tasks)]
            task.disturbed(chance)
            if figures["tasks"] % 3 == 0:
                task.race()
    print(json.dumps(figures))
    bad = ["damaged files", "models lost", "other bits", "mixtures", "wrong exit codes"]
    sys.exit(any(figures[key] for key in bad))


main()
