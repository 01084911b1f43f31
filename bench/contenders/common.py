"""What the Python contenders share: the jobs, the data, and who asks for what."""

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

DATA = Path(os.environ["RESHET_BENCH_DATA"])

BIG = [784, 2500, 2000, 1500, 1000, 500, 10]
# widths, loss, learning rate, batch
JOBS = {
    "L": ([784, 100, 1], "bce", 0.01, 50),
    "C": ([784, 128, 10], "cross-entropy", 0.001, 64),
    "M": ([784, 512, 256, 10], "cross-entropy", 0.001, 128),
    "X128": (BIG, "cross-entropy", 0.0001, 128),
    "X1024": (BIG, "cross-entropy", 0.0001, 1024),
    "T": ([30, 256, 256, 256, 1], "mse", 0.001, 256),
    "S": ([4, 32, 16, 4], "mse", 0.001, 100),
}


class Job:
    def __init__(self, name):
        self.name = name
        self.widths, self.loss, self.lr, self.batch = JOBS[name]
        table = self.loss == "mse"
        self.train = self.table() if table else self.digits("train")
        self.test = None if table else self.digits("test")

    def table(self):
        x = np.fromfile(DATA / f"{self.name}-x.f32", "<f4").reshape(-1, self.widths[0])
        y = np.fromfile(DATA / f"{self.name}-y.f32", "<f4").reshape(-1, self.widths[-1])
        return x, y

    def digits(self, part):
        x = np.fromfile(DATA / f"mnist-{part}-x.u8", np.uint8).reshape(-1, 784)
        y = np.fromfile(DATA / f"mnist-{part}-y.u8", np.uint8)
        x = x.astype(np.float32) / 255
        if self.loss == "bce":
            return x, (y == 7).astype(np.float32)[:, None]
        return x, y.astype(np.int64)

    def accuracy(self, output):
        """Of logits for the test part."""
        y = self.test[1]
        if self.loss == "bce":
            return float(((output > 0) == (y > 0.5)).mean())
        return float((output.argmax(1) == y).mean())


def batches(samples, size, seed=0):
    """Row numbers for ever, each epoch in a new order, the ragged rest left out."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(samples)
        for start in range(0, samples - size + 1, size):
            yield order[start : start + size]


def serve(version, steps, predict=None, accuracy=None):
    """Answers the driver: see bench/README.md.

    steps(n) takes n training steps and gives the last loss; predict(rows) is a
    function to be timed; accuracy() is that of the test part.
    """
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "steps":
            n = int(words[1])
            start = time.perf_counter()
            # Asked for inside the time: some only then compute it.
            loss = float(steps(n))
            answer = {"us": 1e6 * (time.perf_counter() - start) / n, "loss": loss}
        elif words[0] == "predict":
            rows, n = int(words[1]), int(words[2])
            ask = predict(rows)
            ask()
            start = time.perf_counter()
            for _ in range(n):
                ask()
            answer = {"us": 1e6 * (time.perf_counter() - start) / n}
        elif words[0] == "accuracy":
            answer = {"accuracy": accuracy() if accuracy else None}
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({"peak_mb": peak}), flush=True)
            return
        print(json.dumps(answer), flush=True)
