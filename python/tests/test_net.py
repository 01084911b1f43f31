"""`Net` and `ReplayBuffer`: networks taught on arrays made just now."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import reshet


def arrays(samples=64, inputs=11, outputs=1, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(samples, inputs)).astype(np.float32)
    return x, random.normal(size=(samples, outputs)).astype(np.float32)


def net(**settings):
    return reshet.Net("11-128:relu-64:relu-3", loss="mse", optimizer="sgd", lr=0.1, **settings)


def same(a, b):
    return all(np.array_equal(x, b.parameters()[name]) for name, x in a.parameters().items())


def test_the_three_stages_are_the_step():
    x, y = arrays(outputs=3)
    fused, staged = net(seed=1), net(seed=1)
    assert same(fused, staged) and not same(fused, net(seed=2))
    for _ in range(3):
        loss = fused.step(x, y)
        output = staged.forward(x)
        assert loss == staged.backward(y)
        assert np.isclose(loss, ((output - y) ** 2).mean(), rtol=1e-5)
        staged.update()
    assert same(fused, staged) and fused.updates == staged.updates == 3
    # What backward computes, by hand.
    output = staged.forward(x)
    staged.backward(y)
    want = staged.gradients()
    staged.forward(x)
    staged.backward_from(2 * (output - y) / y.size)
    for name, gradient in staged.gradients().items():
        assert np.allclose(gradient, want[name], atol=1e-6), name


def test_products_in_bfloat16():
    x, y = arrays(inputs=64)
    nets = [reshet.Net("64-64:relu-1", loss="mse", precision=precision)
            for precision in ("f32", "bf16", "bf16")]
    losses = [[net.step(x, y) for _ in range(3)] for net in nets]
    assert losses[0] != losses[1] == losses[2]
    assert np.allclose(losses[0], losses[1], rtol=0.01)
    with pytest.raises(ValueError, match='no precision is called "bf8"'):
        net(precision="bf8")
    with pytest.raises(ValueError, match="tf32 are computed on cuda, not on cpu"):
        net(precision="tf32")


def test_only_the_chosen_output_counts():
    x, y = arrays(outputs=3)
    actions = np.arange(64) % 3
    one, other = net(), net()
    q = one.forward(x)
    rows = np.arange(64)
    wanted = y[:, 0]
    d = np.zeros_like(q)
    d[rows, actions] = 2 * (q[rows, actions] - wanted) / 64
    one.backward_from(d)
    one.update()
    loss = other.step(x, wanted, chosen=actions)
    assert np.isclose(loss, ((q[rows, actions] - wanted) ** 2).mean(), rtol=1e-5)
    for name, values in one.parameters().items():
        assert np.allclose(values, other.parameters()[name], atol=1e-6), name


def test_chosen_as_in_pytorch():
    torch = pytest.importorskip("torch", reason="skipped: no torch here")
    x, y = arrays(outputs=3)
    actions = np.arange(64) % 3
    ours = net()
    theirs = torch.nn.Sequential(torch.nn.Linear(11, 128), torch.nn.ReLU(),
                                 torch.nn.Linear(128, 64), torch.nn.ReLU(),
                                 torch.nn.Linear(64, 3))
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.parameters().items()})
    sgd = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(5):
        q = theirs(torch.tensor(x)).gather(1, torch.tensor(actions)[:, None])[:, 0]
        loss = torch.nn.functional.mse_loss(q, torch.tensor(y[:, 0]))
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        assert np.isclose(ours.step(x, y[:, 0], chosen=actions), loss.item(), rtol=1e-5)
    for name, values in theirs.state_dict().items():
        assert np.allclose(ours.parameters()[name], values.numpy(), atol=1e-6), name


def test_shapes_in_and_out():
    x, _ = arrays()
    n = net()
    assert n(x).shape == (64, 3) and n(x[0]).shape == (3,) and n(x[:1]).shape == (1, 3)
    assert np.array_equal(n(x)[0], n(x[0]))
    assert np.array_equal(n(x.astype(np.float64)), n(x)) and np.array_equal(n(x.tolist()), n(x))
    assert np.array_equal(n(np.asfortranarray(x)), n(x)) and np.array_equal(n(x[::2]), n(x)[::2])
    assert set(n.parameters()) == {"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"}
    assert n.parameters()["0.weight"].shape == (128, 11)
    one = np.ones(128, np.float32)
    n.set_parameters({"0.bias": one})
    assert np.array_equal(n.parameters()["0.bias"], one)


def test_classes_and_probabilities():
    x, _ = arrays()
    classes = np.arange(64) % 4
    n = reshet.Net("11-16:relu-4", loss="CrossEntropyLoss", optimizer="Adam", lr=0.01)
    losses = [n.step(x, classes) for _ in range(200)]
    assert losses[-1] < losses[0] / 3
    p = n(x)
    assert np.allclose(p.sum(axis=1), 1, atol=1e-5) and (p.argmax(axis=1) == classes).mean() > 0.9


def test_copies_go_their_own_way():
    x, y = arrays(outputs=3)
    n = reshet.Net("11-32:relu-3", optimizer="adam", lr=0.01)
    n.step(x, y)
    copy = n.copy()
    assert same(n, copy)
    n.step(x, y)
    assert not same(n, copy)
    # With the optimiser's state: the same step gives the same bits.
    copy.step(x, y)
    assert same(n, copy)
    copy.step(x, y)
    copy.copy_from(n)
    assert same(n, copy)
    n.copy_from(n)
    with pytest.raises(ValueError, match="do not fit"):
        n.copy_from(net())


def test_saved_and_gone_on_with(tmp_path):
    x, y = arrays(outputs=3)
    n = reshet.Net("11-32:relu-3", optimizer="adamw", lr=0.02, weight_decay=0.1, clip=0.5)
    n.save(tmp_path / "fresh.safetensors")
    for _ in range(3):
        n.step(x, y)
    n.lr = 0.005
    n.save(tmp_path / "net.safetensors")
    again = reshet.Net.load(tmp_path / "net.safetensors")
    assert again.lr == 0.005 and again.updates == 3 and repr(again) == repr(n)
    assert np.array_equal(reshet.load(tmp_path / "net.safetensors").predict(x), n(x))
    for _ in range(3):
        assert n.step(x, y) == again.step(x, y)
    assert same(n, again)
    fresh = reshet.Net.load(tmp_path / "fresh.safetensors")
    fresh.step(x, y)
    assert fresh.updates == 1


def test_what_makes_no_sense_is_refused():
    x, y = arrays(outputs=3)
    n = net()
    for call, says in [
        (lambda: n(x[:, :5]), "takes 11 values a sample, not 5"),
        (lambda: n(np.full_like(x, np.nan)), "not finite"),
        (lambda: n.step(x, y[:5]), "targets"),
        (lambda: n.step(x, y[:, 0], chosen=np.full(64, 3)), "no output 3"),
        (lambda: n.step(x, y[:, 0], chosen=np.full(64, -1)), "-1"),
        (lambda: n.step(x, y[:, 0], chosen=np.zeros(64)), "whole numbers"),
        (lambda: n.update(), "without backward"),
        (lambda: n.backward(y), "without forward"),
        (lambda: n.backward_from(y), "without forward"),
        (lambda: reshet.Net("11-3", loss="bse"), "no loss"),
        (lambda: reshet.Net("11-3", optimizer="adm"), "no optimizer"),
        (lambda: reshet.Net("11-3", optimizer="adam", momentum=0.9), "no momentum"),
        (lambda: setattr(n, "lr", -1.0), "learning rate"),
        (lambda: n.set_parameters({"9.bias": y}), "no parameter is called 9.bias"),
        (lambda: n.set_parameters({"0.bias": y}), "128 numbers"),
    ]:
        with pytest.raises(ValueError, match=says):
            call()
    with pytest.raises(FloatingPointError, match="diverged"):
        for _ in range(50):
            n.step(1e15 * x, y)


def test_a_buffer_remembers_the_newest():
    buffer = reshet.ReplayBuffer(100, seed=3)
    for i in range(250):
        state = np.array([i, i + 0.5], np.float32)
        buffer.push(state=state, action=i % 4, reward=float(i), done=i % 2 == 0)
        assert len(buffer) == min(i + 1, 100)
    batch = buffer.sample(64)
    assert batch.state.shape == (64, 2) and batch.state.dtype == np.float32
    assert batch.action.dtype == np.int64 and batch["reward"].dtype == np.float32
    assert batch.done.dtype == bool and batch.state is batch["state"]
    i = batch.reward.astype(int)
    assert len(set(i)) == 64 and i.min() >= 150
    assert np.array_equal(batch.state[:, 0], i) and np.array_equal(batch.action, i % 4)
    assert np.array_equal(batch.done, i % 2 == 0)
    assert set(buffer.sample(100).reward.astype(int)) == set(range(150, 250))
    seen = np.zeros(250)
    for _ in range(2000):
        seen[buffer.sample(10).reward.astype(int)] += 1
    assert seen[150:].min() > 120 and seen[150:].max() < 280
    other = reshet.ReplayBuffer(5, seed=3)
    with pytest.raises(ValueError, match="1 are asked for and 0"):
        other.sample(1)
    other.push(state=[1, 2], done=np.bool_(True))
    with pytest.raises(KeyError, match="state, done"):
        other.push(state=[1, 2])
    with pytest.raises(ValueError, match="state: 2 numbers"):
        other.push(state=[1, 2, 3], done=True)
    with pytest.raises(AttributeError, match="there are state, done"):
        other.sample(1).reward
    with pytest.raises(ValueError):
        reshet.ReplayBuffer(0)
    assert other.capacity == 5


def test_an_agent_learns_to_play():
    """The example, with fewer games than it plays by default."""
    example = pathlib.Path(__file__).parent.parent / "examples" / "tictactoe.py"
    code = f"""
import sys; sys.path.insert(0, {str(example.parent)!r})
import tictactoe; tictactoe.GAMES = 6000; tictactoe.TESTED = 300
tictactoe.main(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = done.stdout.split("\n")[-2].split()
    # A random player wins some 58 %.
    assert words[0] == "won" and int(words[1]) > 0.85 * 300, done.stdout
