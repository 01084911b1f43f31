"""JAX: a whole epoch in one `jit` with `scan`, the data on the device. Adam written out:
it is what its libraries do."""

import os
import sys

name, threads = sys.argv[1:3]
if int(threads) == 1:
    one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {one}"

import jax
import jax.numpy as jnp
import numpy as np

from common import Job, batches, serve

job = Job(name)
keys = jax.random.split(jax.random.key(0), 2 * len(job.widths))
weights = []
for i, (m, k) in enumerate(zip(job.widths, job.widths[1:])):
    bound = 1 / np.sqrt(m)
    weights.append(
        (
            jax.random.uniform(keys[2 * i], (m, k), minval=-bound, maxval=bound),
            jax.random.uniform(keys[2 * i + 1], (k,), minval=-bound, maxval=bound),
        )
    )
x, y = (jnp.asarray(part) for part in job.train)


def logits(weights, a):
    for w, b in weights[:-1]:
        a = jax.nn.relu(a @ w + b)
    w, b = weights[-1]
    return a @ w + b


def loss_of(weights, a, b):
    z = logits(weights, a)
    if job.loss == "bce":
        return jnp.mean(jnp.maximum(z, 0) - z * b + jnp.log1p(jnp.exp(-jnp.abs(z))))
    if job.loss == "cross-entropy":
        picked = jnp.take_along_axis(z, b[:, None], 1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(z, 1) - picked)
    return jnp.mean((z - b) ** 2)


def step(state, rows):
    weights, m, v, t = state
    loss, g = jax.value_and_grad(loss_of)(weights, x[rows], y[rows])
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    a, b = job.lr / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
    weights = jax.tree.map(
        lambda w, m, v: w - a * m / (jnp.sqrt(v) / b + 1e-8), weights, m, v
    )
    return (weights, m, v, t), loss


@jax.jit
def epoch(state, rows):
    return jax.lax.scan(step, state, rows)


zeros = jax.tree.map(jnp.zeros_like, weights)
state = (weights, zeros, zeros, jnp.float32(0))
source = batches(len(x), job.batch)


def steps(n):
    global state
    at_once = min(n, len(x) // job.batch)
    for _ in range(n // at_once):
        rows = np.stack([next(source) for _ in range(at_once)]).astype(np.int32)
        state, losses = epoch(state, jnp.asarray(rows))
    return losses[-1]


ask_logits = jax.jit(logits)


def predict(rows):
    part = jnp.asarray(job.test[0][:rows])
    return lambda: ask_logits(state[0], part).block_until_ready()


def accuracy():
    return job.accuracy(np.asarray(predict(len(job.test[0]))())) if job.test else None


serve(f"jax {jax.__version__}", steps, predict, accuracy)
