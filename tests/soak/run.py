#!/usr/bin/env python3
"""Lets many clients, most of them hostile, at `reshet serve`, and watches its memory.

    tests/soak/run.py [PROGRAM] [--minutes N] [--clients N] [--memory SIZE] [--seed S]

Two of three clients are rude: they upload tables that unpack to gigabytes, tables that are none,
networks that fit nowhere, requests that break off, are malformed or come a byte at a time; others
listen to events and never read. One of three uses the page as it is meant: it uploads tables,
trains on them, asks for all there is to see, and stops runs. The server must answer to the end,
never with 500, and must not take more than its bound of memory beside what it has when it starts.

Prints a line of JSON with the figures; exit code 1 if the server failed. Needs Python alone.
"""

import argparse
import gzip
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

lock = threading.Lock()
figures = {"requests": 0, "uploads": 0, "hostile uploads": 0, "runs": 0, "malformed": 0}
answers = {}
failures = []


def count(what, n=1):
    with lock:
        figures[what] += n


def table(rows, chance):
    lines = ["a,b,c,d"]
    for _ in range(rows):
        a, b = chance.random(), chance.random()
        lines.append(f"{a:.4f},{b:.4f},{chance.choice('xyz')},{'yes' if a > b else 'no'}")
    return ("\n".join(lines) + "\n").encode()


# Unpacked 400 MB and more, packed once for all clients.
BOMBS = [
    gzip.compress(b"a,b\n" + b"1,2\n" * 100_000_000, 1),
    gzip.compress(b"a,b\n" + b"0" * 400_000_000, 1),
    gzip.compress(b"," * 400_000_000, 1),
]


class Client(threading.Thread):
    def __init__(self, port, number, until, seed):
        super().__init__(daemon=True)
        self.port, self.number, self.until = port, number, until
        self.chance = random.Random(seed * 1000 + number)

    def ask(self, method, path, body=None, headers=None):
        """The status and the JSON of an answer; None where the connection was refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=100)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return None, None
        finally:
            connection.close()
        count("requests")
        with lock:
            answers[answer.status] = answers.get(answer.status, 0) + 1
            if answer.status == 500:
                failures.append(f"{method} {path}: {text[:200]}")
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, None

    def post(self, path, value):
        return self.ask("POST", path, json.dumps(value), {"Content-Type": "application/json"})

    def run(self):
        while time.monotonic() < self.until:
            try:
                self.polite() if self.number % 3 == 0 else self.rude()
            except OSError:
                pass
            time.sleep(self.chance.random())

    def polite(self):
        chance = self.chance
        status, data = self.ask("POST", "/api/data?name=t.csv", table(chance.randint(20, 2000), chance))
        count("uploads")
        if status != 201:
            return
        status, run = self.post("/api/runs", {"data": data["id"], "epochs": chance.randint(1, 50)})
        for path in ("/api/state", "/api/runs"):
            self.ask("GET", path)
        if status != 201:
            return
        count("runs")
        at = f"/api/runs/{run['id']}"
        for part in ("", "/snapshots", "/mistakes", "/trace?row=3", "/suspicious", "/parameters?name=0.weight", "/model"):
            self.ask("GET", at + part)
        time.sleep(chance.random() * 3)
        self.post(at + "/control", {"do": "stop"})
        if chance.random() < 0.5:
            self.ask("DELETE", at)

    def rude(self):
        kind = self.chance.randint(0, 7)
        if kind == 0:
            count("hostile uploads")
            self.ask("POST", "/api/data?name=t.csv.gz", self.chance.choice(BOMBS))
        elif kind == 1:
            count("hostile uploads")
            junk = self.chance.randbytes(self.chance.randint(0, 200_000))
            name = self.chance.choice(["t.csv", "t.csv.gz", "t.xlsx", "t.parquet", "t.tsv", "../../x.csv", ""])
            self.ask("POST", f"/api/data?name={name}", junk)
        elif kind == 2:
            count("hostile uploads")
            wide = self.chance.randint(1000, 100_000)
            head = ",".join(f"c{i}" for i in range(wide))
            row = ",".join("1" for _ in range(wide))
            self.ask("POST", "/api/data?name=t.csv", f"{head}\n{row}\n{row}\n".encode())
        elif kind == 3:
            huge = self.chance.choice([10**6, 2**31, 2**63, 10**30])
            spec = {"data": "mnist", "hidden": [{"width": huge, "activation": "relu", "dropout": 0}] * 3}
            self.post(self.chance.choice(["/api/runs", "/api/plan"]), spec | {"epochs": huge})
        elif kind == 4:
            self.malformed(self.chance.randbytes(self.chance.randint(1, 9000)))
        elif kind == 5:
            # A body that never comes.
            head = f"POST /api/data?name=t.csv HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: 60000000\r\n\r\n"
            self.malformed(head.encode() + b"1,2\n" * self.chance.randint(0, 100_000))
        elif kind == 6:
            # Events that nobody reads.
            request = f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n"
            self.malformed(request.encode(), self.chance.random() * 20)
        else:
            self.malformed(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * self.chance.randint(1, 20_000))

    def malformed(self, request, wait=1.0):
        count("malformed")
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            time.sleep(wait)


def memory(process, field):
    with open(f"/proc/{process.pid}/status") as status:
        line = next(line for line in status if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?", default="target/release/reshet")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--memory", default="300M")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bound = int(args.memory.rstrip("M")) * 10**6
    with tempfile.TemporaryDirectory() as place:
        server = subprocess.Popen(
            [os.path.abspath(args.program), "serve", "--port", "0", "--memory", args.memory],
            cwd=place, stdout=subprocess.PIPE, stderr=open(os.path.join(place, "said"), "wb"),
        )
        address = server.stdout.readline().decode().strip()
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        time.sleep(2)
        start = memory(server, "VmRSS")
        until = time.monotonic() + 60 * args.minutes
        clients = [Client(port, i, until, args.seed) for i in range(args.clients)]
        for client in clients:
            client.start()
        held = 0
        while time.monotonic() < until and server.poll() is None:
            time.sleep(5)
            # A client among the others: answered, or told that there are too many at the moment.
            status, state = clients[0].ask("GET", "/api/state")
            if status == 200:
                held = max(held, state["memory"]["held"])
        for client in clients:
            client.join(30)
        alive = server.poll() is None
        peak = memory(server, "VmHWM") if alive else 0
        status, _ = clients[0].ask("GET", "/api/state") if alive else (None, None)
        server.send_signal(signal.SIGINT)
        try:
            code = server.wait(90)
        except subprocess.TimeoutExpired:
            server.kill()
            code = "killed"
        with open(os.path.join(place, "said")) as said:
            mistakes = [line for line in said if "a mistake in this program" in line]
    figures.update(
        minutes=args.minutes, clients=args.clients, bound=bound, start=start, peak=peak, held=held,
        answers={str(key): n for key, n in sorted(answers.items())}, code=code,
        failures=failures[:5], mistakes=mistakes[:5],
    )
    print(json.dumps(figures))
    good = alive and status == 200 and code in (0, 130) and not failures and not mistakes
    sys.exit(0 if good and peak - start <= bound else 1)


main()
