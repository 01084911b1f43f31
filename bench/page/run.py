"""What watching costs: the same training by `reshet train` and through the page.

    cargo build --release && python3 bench/page/run.py [PAIRS]

A plain client (this script) listens to the page's events as a browser would. Both
train on as many threads, in turn; what counts is the time from the first step to the
last, tests on the way included, without reading the data and saving. Prints the ratio of each pair and their median. Standard library only.
"""

import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "target/release/reshet"
SPEC = {"data": "mnist", "is": "7", "epochs": 40}


def by_command(folder, threads):
    """Seconds of `reshet train`."""
    args = ["train", "mnist", "--is", "7", "--lr", "0.01", "--epochs", str(SPEC["epochs"])]
    args += ["--threads", str(threads), "--json", "--force", "--out", "by-command", "--test-fraction", "0"]
    done = subprocess.run([PROGRAM, *args], cwd=folder, capture_output=True, check=True)
    return json.loads(done.stdout)["seconds"]["train"]


def ask(address, method, path, body=None):
    connection = http.client.HTTPConnection(address)
    text = json.dumps(body) if body is not None else None
    connection.request(method, path, text, {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())


class Page:
    """A server and a client that listens."""

    def __init__(self, folder, threads):
        args = [PROGRAM, "serve", "--port", "0", "--threads", str(threads)]
        self.server = subprocess.Popen(
            args, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.server.stdout.readline().strip().removeprefix("http://").rstrip("/")
        self.events, self.bytes = 0, 0
        self.changed = threading.Condition()
        self.state = self.last = None
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        connection = http.client.HTTPConnection(self.address)
        connection.request("GET", "/api/events")
        event = None
        for line in connection.getresponse():
            self.bytes += len(line)
            if line.startswith(b"event: "):
                event, self.events = line[7:].strip(), self.events + 1
            elif line.startswith(b"data: ") and event == b"progress":
                self.last = time.perf_counter()
            elif line.startswith(b"data: ") and event == b"run":
                with self.changed:
                    self.state = json.loads(line[6:])["state"]
                    self.changed.notify()

    def train(self):
        """Seconds from start to the last step, and messages a second."""
        self.state = None
        events = self.events
        ask(self.address, "POST", "/api/runs", SPEC)
        start = time.perf_counter()
        with self.changed:
            self.changed.wait_for(lambda: self.state in ("done", "diverged"))
        seconds = self.last - start
        return seconds, (self.events - events) / seconds


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        for threads in (1, 2):
            page = Page(folder, threads)
            page.train()
            ratios = []
            for _ in range(pairs):
                alone = by_command(folder, threads)
                watched, rate = page.train()
                ratios.append(watched / alone)
                print(f"{threads} thread(s): {alone:.3f} s alone, {watched:.3f} s watched, "
                      f"{rate:.0f} messages a second, ratio {ratios[-1]:.3f}", flush=True)
            print(f"{threads} thread(s): median ratio {statistics.median(ratios):.3f}")
            page.server.terminate()


main()
