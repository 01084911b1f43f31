#!/usr/bin/env python3
"""Lets a class of simulated pupils at `reshet serve --class`, all at once.

    tests/class/run.py [PROGRAM] [--pupils N] [--minutes N] [--memory SIZE] [--cores N]

Each pupil opens the printed address, chooses a nickname, listens to its own events as a page does,
and trains the lecture's network at full speed, again and again, with some questions in between
(predictions, mistakes, the network at a moment). A teacher looks at the wall each second. While a
pupil's training goes on, the time between two messages of its progress is measured; the server's
memory is read each second. Nothing may be answered with an error, no pupil may wait longer than
`--wait` seconds, and the server may not take more than `--most` megabytes.

Prints a line of JSON with the figures; exit code 1 if something failed. Needs Python alone.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

LECTURE = {
    "data": "mnist", "is": "7", "hidden": [{"width": 100, "activation": "relu", "dropout": 0}],
    "optimizer": "adam", "lr": 0.01, "batch_size": 50, "epochs": 2, "seed": 0,
}  # fmt: skip

lock = threading.Lock()
failures = []


def failed(what):
    with lock:
        failures.append(what)


class Caller:
    """One who asks, with cookies as a browser keeps them."""

    def __init__(self, host, query):
        self.host = host
        self.cookies = {}
        self.ask("GET", f"/?{query}")

    def connect(self, timeout=60):
        return http.client.HTTPConnection(self.host, timeout=timeout)

    def headers(self):
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def ask(self, method, path, value=None):
        connection = self.connect()
        headers = self.headers()
        body = None
        if value is not None:
            body = json.dumps(value)
            headers["Content-Type"] = "application/json"
        start = time.monotonic()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as e:
            failed(f"{method} {path}: {e}")
            return None
        finally:
            connection.close()
        self.took = time.monotonic() - start
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status >= 400:
            failed(f"{method} {path}: {answer.status} {text[:200]!r}")
            return None
        if not answer.headers.get("Content-Type", "").startswith("application/json"):
            return text
        return json.loads(text)


class Pupil(threading.Thread):
    def __init__(self, host, query, number, until, seed):
        super().__init__(daemon=True)
        self.chance = random.Random(seed * 1000 + number)
        self.number, self.until = number, until
        self.caller = Caller(host, query)
        self.caller.ask("POST", "/api/class/nickname", {"nickname": f"Pupil {number}"})
        # The longest time without a word about a training that goes on, and its newest word.
        self.longest = 0.0
        self.slowest = 0.0
        # The longest time between the end of a training and its last test.
        self.last_test, self.ended = 0.0, None
        self.over = threading.Event()
        self.training = None
        self.accuracies, self.messages = [], 0

    def run(self):
        threading.Thread(target=self.listen, daemon=True).start()
        while time.monotonic() < self.until:
            self.over.clear()
            run = self.ask("POST", "/api/runs?replace=true", LECTURE)
            if run is None:
                return
            with lock:
                self.training = (run["id"], time.monotonic())
            while not self.over.wait(self.chance.uniform(2, 6)) and time.monotonic() < self.until:
                self.look_around(run["id"])
        self.training = None

    def ask(self, *what):
        answer = self.caller.ask(*what)
        self.slowest = max(self.slowest, getattr(self.caller, "took", 0.0))
        return answer

    def look_around(self, run):
        at = f"/api/runs/{run}"
        row = self.chance.randrange(10_000)
        paths = [at, f"{at}/trace?row={row}&part=test", f"{at}/mistakes?limit=20", f"{at}/parameters?name=0.weight", f"{at}/snapshots"]
        self.ask("GET", self.chance.choice(paths))

    def listen(self):
        connection = self.caller.connect(timeout=30)
        connection.request("GET", "/api/events", headers=self.caller.headers())
        stream = connection.getresponse()
        if stream.status != 200:
            return failed(f"events: {stream.status}")
        event = ""
        try:
            while line := stream.readline():
                line = line.decode().rstrip("\n")
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: ") and event in ("progress", "run"):
                    self.heard(event, json.loads(line[6:]))
        except (OSError, http.client.HTTPException) as e:
            if time.monotonic() < self.until:
                failed(f"events: {e}")

    def heard(self, event, told):
        now = time.monotonic()
        self.messages += 1
        with lock:
            if self.training is None:
                return
            run, last = self.training
            if event == "progress" and told["run"] == run:
                if self.ended is None:
                    self.longest = max(self.longest, now - last)
                self.training = (run, now)
        if event != "run" or told["id"] != run or told["state"] in ("running", "paused"):
            return
        if told["state"] != "done" and now < self.until:
            failed(f"a run ended as {told['state']}: {told['reason']}")
        # Told twice: when it has ended, and when it is saved with its last test.
        self.ended = self.ended or now
        if told["test"]["samples"] == 10_000:
            self.last_test = max(self.last_test, now - self.ended)
            self.accuracies.append(told["test"]["accuracy"])
            with lock:
                self.training = self.ended = None
            self.over.set()


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        found = re.search(r"VmRSS:\s+(\d+) kB", status.read())
    return int(found[1]) / 1000 if found else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", nargs="?", default="target/release/reshet")
    parser.add_argument("--pupils", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--memory", default="500M")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--wait", type=float, default=1.0, help="seconds without a word, at most")
    parser.add_argument("--most", type=float, default=500, help="megabytes of the server, at most")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "serve", "--class", "--host", "127.0.0.1", "--port", "0", "--memory", args.memory]
        command += ["--threads", str(args.cores), "--pupils", str(args.pupils)]
        command += ["--task", "beat 99.2 % with at most 30 neurons"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        addresses = {}
        while len(addresses) < 2:
            line = server.stdout.readline()
            if line == "":
                sys.exit("the server has ended")
            if found := re.match(r"(pupils|teacher)\s+http://([^/]+)/\?(\S+)", line):
                addresses[found[1]] = (found[2], found[3])
        until = time.monotonic() + args.minutes * 60
        teacher = Caller(*addresses["teacher"])
        pupils = [Pupil(*addresses["pupils"], i, until, 0) for i in range(args.pupils)]
        for pupil in pupils:
            pupil.start()
        most, walls, slowest = memory(server.pid), 0, 0.0
        while time.monotonic() < until and server.poll() is None:
            time.sleep(1)
            most = max(most, memory(server.pid))
            wall = teacher.ask("GET", "/api/class/wall")
            slowest = max(slowest, teacher.took)
            if wall is None or len(wall["pupils"]) != args.pupils:
                failed("the wall does not show all")
            walls += 1
        if server.poll() is not None:
            failed(f"the server has ended with {server.returncode}")
        for pupil in pupils:
            pupil.join(20)
        server.send_signal(signal.SIGINT)
        server.wait(90)
    runs = [len(pupil.accuracies) for pupil in pupils]
    accuracies = {accuracy for pupil in pupils for accuracy in pupil.accuracies}
    if len(accuracies) > 1:
        failed(f"the same training came to different networks: {sorted(accuracies)}")
    longest = max(pupil.longest for pupil in pupils)
    if longest > args.wait:
        failed(f"a pupil waited {longest:.2f} s for progress")
    if most > args.most:
        failed(f"the server took {most:.0f} MB")
    figures = {
        "pupils": args.pupils,
        "minutes": args.minutes,
        "cores": args.cores,
        "runs": sum(runs),
        "fewest runs of a pupil": min(runs),
        "most runs of a pupil": max(runs),
        "longest wait for progress, s": round(longest, 3),
        "longest wait for the last test, s": round(max(pupil.last_test for pupil in pupils), 3),
        "slowest answer to a pupil, s": round(max(pupil.slowest for pupil in pupils), 3),
        "slowest wall, s": round(slowest, 3),
        "messages": sum(pupil.messages for pupil in pupils),
        "server, MB at most": round(most),
        "failures": len(failures),
    }
    print(json.dumps(figures))
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
