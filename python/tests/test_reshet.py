"""The package on arrays, beside the program `reshet` (RESHET: its path, else it is looked for)."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import reshet


def rings(n=600, seed=0):
    """Points inside or outside a ring."""
    X = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    return X, (np.hypot(*X.T) > 1.2).astype(int)


def test_a_yes_or_no_question():
    X, y = rings()
    model = reshet.train(X, y, hidden=(32,), epochs=60, lr=0.01)
    assert model.network == "2-32:relu-1:sigmoid" and model.task == "binary"
    assert (model.predict(X) == y).mean() > 0.95
    p = model.predict_proba(X)
    assert p.shape == (600, 2) and np.allclose(p.sum(axis=1), 1)
    assert list(model.classes) == [0, 1]


def test_products_in_bfloat16():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 64)).astype(np.float32)
    y = X[:, 0] + X[:, 1]
    train = lambda precision: reshet.train(
        X, y, task="number", hidden=(64,), epochs=3, precision=precision).predict(X)
    assert not np.array_equal(train("f32"), train("bf16"))
    assert any(np.array_equal(train("auto"), train(one)) for one in ("f32", "bf16"))
    assert np.allclose(train("f32"), train("bf16"), atol=0.05)
    with pytest.raises(ValueError, match='no precision is called "bf8"'):
        train("bf8")
    with pytest.raises(ValueError, match="tf32 are computed on cuda, not on cpu"):
        train("tf32")


def test_the_device_is_chosen_or_missed():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 8)).astype(np.float32)
    y = X[:, 0] + X[:, 1]
    train = lambda device: reshet.train(
        X, y, task="number", hidden=(8,), epochs=3, device=device).predict(X)
    assert np.array_equal(train("auto"), train("cpu"))
    with pytest.raises(ValueError, match='no device is called "gpu"'):
        train("gpu")


MISSING = """
import numpy as np, reshet
X = np.eye(8, dtype=np.float32)
for make in (lambda: reshet.train(X, X[:, 0], task="number", device="cuda"),
             lambda: reshet.train({"a": range(30), "b": range(30)}, target="b", device="cuda"),
             lambda: reshet.Net("8-1", device="cuda")):
    try:
        make()
    except RuntimeError as error:
        assert str(error).startswith("device cuda: there is no CUDA driver"), error
        assert "use cpu" in str(error), error
    else:
        raise AssertionError("a card that is not there was used")
net = reshet.Net("8-1", device="cpu")
net.save("net.safetensors")
assert reshet.Net.load("net.safetensors", device="cpu").network == "8-1"
"""


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="no cards there")
def test_without_a_card_it_says_so(tmp_path):
    environment = os.environ | {"RESHET_CUDA_DRIVER": "no/such/library.so"}
    subprocess.run([sys.executable, "-c", MISSING], env=environment, cwd=tmp_path, check=True)


@pytest.mark.skipif(not os.environ.get("RESHET_TEST_CUDA"), reason="no card")
def test_a_card_trains_as_the_processor_does():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 8)).astype(np.float32)
    y = X[:, 0] + X[:, 1]

    def train(device):
        return reshet.train(X, y, task="number", hidden=(8,), epochs=3, device=device).predict(X)

    with pytest.warns(UserWarning, match='emulated card only.*device="cpu"'):
        card = train("cuda")
    assert not np.array_equal(card, train("cpu"))
    assert np.allclose(card, train("cpu"), atol=1e-4)
    with pytest.warns(UserWarning, match="emulated card only"):
        net = reshet.Net("8-8:relu-1", seed=1, device="cuda")
    other = reshet.Net("8-8:relu-1", seed=1)
    for _ in range(3):
        assert np.isclose(net.step(X, y[:, None]), other.step(X, y[:, None]), atol=1e-5)


def test_classes_of_words():
    X, _ = rings()
    words = np.array(["left", "middle", "right"])
    y = words[np.digitize(X[:, 0], [-0.5, 0.5])]
    model = reshet.train(X, y, epochs=60, lr=0.01)
    assert model.task == "classes" and list(model.classes) == list(words)
    assert (model.predict(X) == y).mean() > 0.95
    assert model.predict(X[:3]).shape == (3,)


def test_numbers_in_their_own_unit():
    X, _ = rings()
    y = 5000 + 300 * X[:, 0].astype(float)
    model = reshet.train(X, y, epochs=80, lr=0.01)
    assert np.abs(model.predict(X) - y).mean() < 50
    with pytest.raises(AttributeError, match="no probabilities"):
        model.predict_proba(X)
    two = reshet.train(X, np.stack([y, -y], axis=1), epochs=5)
    assert two.predict(X).shape == (600, 2)


def test_many_whole_numbers_are_amounts_unless_asked():
    X = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    y = (100 * X[:, 0] + 200).astype(int)
    with pytest.warns(UserWarning, match="taken for amounts"):
        model = reshet.train(X, y, epochs=1)
    assert model.task == "number" and model.network.endswith("-1")
    assert reshet.train(X, y // 150, epochs=1).task in ("classes", "binary")
    assert reshet.train(X, y % 26, task="classes", epochs=1).task == "classes"


def test_several_questions():
    X, _ = rings()
    y = X > 0
    model = reshet.train(X, y, task="binary", epochs=60, lr=0.01)
    assert model.predict(X).dtype == bool and (model.predict(X) == y).mean() > 0.95


def test_the_seed_decides_all():
    X, y = rings()
    a, b, c = (reshet.train(X, y, seed=s, epochs=2).predict_proba(X) for s in (1, 1, 2))
    assert (a == b).all() and (a != c).any()


def test_bytes_stand_for_parts_of_255():
    X = np.random.default_rng(0).integers(0, 256, size=(300, 1, 4, 4), dtype=np.uint8)
    y = (X.mean(axis=(1, 2, 3)) > 128).astype(int)
    model = reshet.train(X, y, epochs=2)
    same = reshet.train(X / np.float32(255), y, epochs=2)
    assert np.abs(model.predict_proba(X) - same.predict_proba(X / np.float32(255))).max() < 1e-5


@pytest.mark.parametrize("change", [
    lambda X: X.astype(float), lambda X: np.asfortranarray(X), lambda X: X.tolist(),
    lambda X: np.repeat(X, 2, axis=0)[::2], lambda X: X.astype(">f4"),
])
def test_every_kind_of_array_is_the_same(change):
    X, y = rings(200)
    model = reshet.train(X, y, epochs=1)
    assert (model.predict_proba(change(X)) == model.predict_proba(X)).all()
    assert (reshet.train(change(X), y, epochs=1).predict_proba(X) == model.predict_proba(X)).all()


def test_saved_pickled_and_read_again(tmp_path):
    X, y = rings()
    model = reshet.train(X, y, epochs=2)
    path = tmp_path / "model.safetensors"
    model.save(path)
    for other in (reshet.load(path), reshet.load(str(path)), pickle.loads(pickle.dumps(model))):
        assert (other.predict_proba(X) == model.predict_proba(X)).all()
        assert repr(other) == repr(model)


def test_arrays_may_change_during_the_training():
    X, y = rings(2000)
    want = reshet.train(X, y, epochs=20).predict_proba(X)
    mine, labels, done = X.copy(), y.copy(), threading.Event()

    def scribble():
        while not done.is_set():
            mine[:] = np.nan
            labels[:] = 7

    thread = threading.Thread(target=scribble)
    started = []

    # The first word of the training starts the other thread: then the copy must have been made.
    class Tell:
        def write(self, text):
            if not started:
                started.append(thread.start())

        def flush(self):
            pass

    out, sys.stdout = sys.stdout, Tell()
    try:
        got = reshet.train(mine, labels, epochs=20, verbose=True)
    finally:
        sys.stdout = out
        done.set()
        thread.join()
    assert started and np.isnan(mine).all()
    assert (got.predict_proba(X) == want).all()


def test_other_threads_run_meanwhile():
    X, y = rings(4000)
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    reshet.train(X, y, epochs=200, threads=1)
    after = counted[0]
    done.set()
    thread.join()
    assert after - before > 10


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_ctrl_c_ends_it():
    X, y = rings(4000)
    # Whoever started the tests in the background may have Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            reshet.train(X, y, epochs=10_000_000)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_model_answers_after_a_fork():
    X, y = rings(20_000)
    model = reshet.train(X, y, epochs=1)
    want = model.predict_proba(X), model.predict_proba(X[:5])
    child = os.fork()
    if child == 0:
        same = all((model.predict_proba(X[:len(p)]) == p).all() for p in want)
        os._exit(0 if same else 1)
    for _ in range(300):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("it waits for ever")
    assert status == 0


def test_what_is_wrong_is_said():
    X, y = rings(50)
    for bad, says in [
        (lambda: reshet.train(X[0], y), "two dimensions"),
        (lambda: reshet.train(X[:40], y), "40 samples and y 50"),
        (lambda: reshet.train(X[:0], y[:0]), "0 class"),
        (lambda: reshet.train(X, y * 0), "1 class"),
        (lambda: reshet.train(np.where(X > 0, np.inf, X), y), "not finite"),
        (lambda: reshet.train(X.astype(float) * 1e300, y), "not finite"),
        (lambda: reshet.train(X, y, optimizer="adm"), 'did you mean "adam"'),
        (lambda: reshet.train(X, y, activation="rleu"), "rleu"),
        (lambda: reshet.train(X, y, net="3-1:sigmoid"), "number of inputs"),
        (lambda: reshet.train(X, y, epochs=-1), "epochs: a whole number"),
        (lambda: reshet.train(X, y, batch_size=0), "batch_size 0: choose from 1 to 50"),
        (lambda: reshet.train(X, y, epochs=0), "epochs 0: nothing would be learnt"),
        (lambda: reshet.train(X, y, task="clases"), "clases"),
        (lambda: reshet.train(X, y, patience=3), "validation"),
        (lambda: reshet.load("no-such-file"), "no-such-file"),
        (lambda: reshet.train(X, y, epochs=1).predict(X[:, :1]), "takes 2 values a sample, not 1"),
        (lambda: reshet.train(X, y, epochs=1).predict("rows.csv"), "not trained on a table"),
    ]:
        with pytest.raises((ValueError, OSError), match=says):
            bad()
    with pytest.raises(FloatingPointError, match="diverged"):
        reshet.train(X, y.astype(float), optimizer="sgd", lr=1e30)


def test_weights_count():
    X, y = rings()
    junk = y.copy()
    junk[::2] = 1 - junk[::2]
    good = np.arange(600) % 2
    how = {"hidden": (32,), "epochs": 60, "lr": 0.01}
    assert (reshet.train(X, junk, sample_weight=good, **how).predict(X) == y).mean() > 0.95
    few = (y == 0) | (np.arange(600) % 10 == 0)
    plain = reshet.train(X[few], y[few], epochs=5)
    for by in ("balanced", {1: 10}, {1.0: 10, "0": 1}):
        weighted = reshet.train(X[few], y[few], class_weight=by, epochs=5)
        assert (weighted.predict(X) == 1).sum() > (plain.predict(X) == 1).sum()
    for more, says in [({"sample_weight": good[1:]}, "600 samples but 599 weights"),
                       ({"class_weight": {2: 1}}, "no class is called 2; there are 0, 1"),
                       ({"sample_weight": "w"}, "sample_weight: a number a sample")]:
        with pytest.raises(ValueError, match=says):
            reshet.train(X, y, **more)
    with pytest.raises(ValueError, match="only classes"):
        reshet.train(X, y.astype(float), class_weight="balanced")


def test_a_training_goes_on():
    X, y = rings()
    words = np.array(["out", "in"])[y]
    first = reshet.train(X, words, epochs=2)
    still = reshet.train(X[:50], words[:50], start=first, lr=1e-12, epochs=1)
    assert np.allclose(still.predict_proba(X), first.predict_proba(X), atol=1e-5)
    assert reshet.train(X, words, start=first, epochs=40).score(X, words) > first.score(X, words)
    # Numbers are learnt in the units of the first training.
    amounts = 1000 + 50 * X[:, 0].astype(float)
    first = reshet.train(X, amounts, epochs=20, lr=0.01)
    still = reshet.train(X[:50], amounts[:50], start=first, lr=1e-12, epochs=1)
    assert np.allclose(still.predict(X), first.predict(X), atol=0.1)
    for bad, says in [(lambda: reshet.train(X, words, start=first), "could not convert"),
                      (lambda: reshet.train(X[:, :1], amounts, start=first), "number of inputs|takes 2"),
                      (lambda: reshet.train(X, amounts, start=first, hidden=(3,)), "start: the model")]:
        with pytest.raises(ValueError, match=says):
            bad()


def test_the_course_and_the_score_of_a_training():
    X, y = rings()
    model = reshet.train(X, y, epochs=3, validation=0.25)
    assert list(model.history) == ["loss", "validation_loss", "validation_accuracy"]
    assert all(len(told) == 3 for told in model.history.values())
    report = model.test(X, y)
    assert report["samples"] == 600 and report["confusion"][1][1] > 0
    assert model.score(X, y) == report["accuracy"] == (model.predict(X) == y).mean()
    assert model.score(X, y.astype(float)) == model.score(X, y == 1) == model.score(X, y)
    amounts = reshet.train(X, X[:, 0].astype(float), epochs=30, lr=0.01)
    assert amounts.score(X, X[:, 0]) > 0.9 and amounts.test(X, X[:, 0])["rmse"] < 0.4
    for bad, says in [(lambda: model.score(X, y + 5), "6 is no class|5 is no class"),
                      (lambda: model.score(X), "needed beside an array"),
                      (lambda: model.score(X, y[1:]), "600 samples and y 599")]:
        with pytest.raises(ValueError, match=says):
            bad()


def test_other_settings():
    X, y = rings()
    plain = reshet.train(X, y, epochs=2)
    for more in ({"schedule": "one-cycle"}, {"clip_norm": 0.01}, {"init": "kaiming-normal"},
                 {"betas": (0.5, 0.9)}, {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}):
        assert (reshet.train(X, y, epochs=2, **more).predict_proba(X) != plain.predict_proba(X)).any()
    with pytest.raises(ValueError, match="momentum: it does not go with the optimizer adam"):
        reshet.train(X, y, momentum=0.9)


def test_the_program_and_python_read_each_others_models(tmp_path, program):
    X, y = rings()
    table = tmp_path / "rings.csv"
    rows = "".join(f"{a},{b},{'out' if c else 'in'}\n" for (a, b), c in zip(X, y))
    table.write_text("a,b,where\n" + rows)
    run = [program, "train", str(table), "--out", str(tmp_path / "run"), "-q", "--epochs", "20"]
    subprocess.run(run, check=True, capture_output=True)
    model = reshet.load(tmp_path / "run" / "model.safetensors")
    assert list(model.classes) == ["in", "out"]
    assert (model.predict(table) == np.where(y, "out", "in")).mean() > 0.9
    reshet.train(X, y, epochs=1).save(tmp_path / "mine.safetensors")
    told = subprocess.run([program, "info", str(tmp_path / "mine.safetensors")], check=True,
                          capture_output=True, text=True)
    assert "2-100:relu-1:sigmoid" in told.stdout


def test_numbers_that_float32_does_not_tell_apart_are_refused():
    X = np.random.default_rng(0).normal(size=(60, 2))
    times = 1_700_000_000 + np.arange(60.0)
    with pytest.raises(ValueError, match="y: its numbers lie .* apart, near 1700000000"):
        reshet.train(X, times, task="number", epochs=1)
    with pytest.raises(ValueError, match="X, column 1: its numbers lie"):
        reshet.train(np.column_stack([X[:, 0], times]), X[:, 1], epochs=1)
    with pytest.raises(ValueError, match="X, column 1"):
        reshet.train(np.column_stack([np.arange(60), times]).astype(np.int64), X[:, 1], epochs=1)
    model = reshet.train(X, times - times.mean(), epochs=1)
    assert np.isfinite(model.predict(X)).all()


def test_classes_as_one_in_each_row():
    X = np.random.default_rng(0).random((120, 3), dtype=np.float32)
    labels = X.argmax(axis=1)
    hot = np.eye(3)[labels]
    settings = dict(task="classes", hidden=(8,), epochs=3)
    model = reshet.train(X, hot, **settings)
    assert (model.predict(X) == reshet.train(X, labels, **settings).predict(X)).all()
    # Not a single 1 in each row: probabilities, or votes.
    with pytest.raises(ValueError, match="sum to"):
        reshet.train(X, 0.4 * hot, **settings)
    votes = hot + hot[::-1]
    assert (reshet.train(X, votes, **settings).predict(X) ==
            reshet.train(X, votes / 2, **settings).predict(X)).all()
