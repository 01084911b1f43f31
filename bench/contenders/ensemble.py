"""Many small networks, 30-64-64-1 with batches of 256: JAX's vmap over all of them, PyTorch's
torch.func over all of them, and PyTorch one after the other. Microseconds for a step of all.

    python ensemble.py NETWORKS THREADS
"""

import json
import os
import statistics
import sys
import time

NETWORKS, THREADS = int(sys.argv[1]), int(sys.argv[2])
several = f"--xla_cpu_multi_thread_eigen={'true' if THREADS > 1 else 'false'}"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {several}"
BATCH, ROUNDS, STEPS = 256, 7, 10
WIDTHS = [30, 64, 64, 1]


def median(step):
    step()
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(STEPS):
            step()
        times.append(1e6 * (time.perf_counter() - begin) / STEPS)
    return statistics.median(times)


def with_jax():
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    random = np.random.default_rng(0)
    shapes = list(zip(WIDTHS, WIDTHS[1:]))
    weights = [(random.uniform(-1, 1, (NETWORKS, i, o)).astype("f4") / i**0.5,
                np.zeros((NETWORKS, o), "f4")) for i, o in shapes]
    x = jnp.asarray(random.uniform(-1, 1, (NETWORKS, BATCH, 30)).astype("f4"))
    y = jnp.sin(x[:, :, :1])
    adam = optax.adam(1e-3)

    def loss(weights, x, y):
        for w, b in weights[:-1]:
            x = jnp.maximum(x @ w + b, 0)
        w, b = weights[-1]
        return jnp.mean((x @ w + b - y) ** 2)

    def one(weights, state, x, y):
        gradient = jax.grad(loss)(weights, x, y)
        update, state = adam.update(gradient, state)
        return optax.apply_updates(weights, update), state

    step = jax.jit(jax.vmap(one))
    held = [weights, jax.vmap(adam.init)(weights)]

    def go():
        held[:] = step(*held, x, y)
        jax.block_until_ready(held[0])

    return median(go)


def with_torch(at_once):
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)

    def network():
        return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                             nn.Linear(64, 1))

    x = torch.rand(NETWORKS, BATCH, 30) * 2 - 1
    y = torch.sin(x[:, :, :1])
    networks = [network() for _ in range(NETWORKS)]
    if not at_once:
        adams = [torch.optim.Adam(net.parameters(), 1e-3) for net in networks]

        def in_turn():
            for net, adam, x_of, y_of in zip(networks, adams, x, y):
                adam.zero_grad(set_to_none=True)
                nn.functional.mse_loss(net(x_of), y_of).backward()
                adam.step()

        return median(in_turn)
    from torch.func import functional_call, grad, stack_module_state, vmap

    parameters, buffers = stack_module_state(networks)
    base = network()

    def loss(parameters, buffers, x, y):
        return nn.functional.mse_loss(functional_call(base, (parameters, buffers), (x,)), y)

    gradients = vmap(grad(loss))
    adam = torch.optim.Adam(parameters.values(), 1e-3)

    def all_at_once():
        for name, gradient in gradients(parameters, buffers, x, y).items():
            parameters[name].grad = gradient
        adam.step()

    return median(all_at_once)


print(json.dumps({
    "networks": NETWORKS, "threads": THREADS, "jax_vmap_us": with_jax(),
    "torch_func_us": with_torch(True), "torch_in_turn_us": with_torch(False)}))
