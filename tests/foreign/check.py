"""Holds reshet's exports and imports against the programs they are for.

    python check.py RESHET      RESHET is the program; needs numpy, onnx and onnxruntime

Trains models of every kind of question on made-up data, exports them, and asks both sides about
thousands of samples. With scikit-learn and skl2onnx it also imports networks trained there, with
PyTorch it runs the exported scripts. Prints the largest differences; fails above 1e-5 (numbers:
of the largest).
"""

import csv
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

RESHET = Path(sys.argv[1]).resolve()
ROWS = 3000
rng = np.random.default_rng(0)
failed = []


def has(*modules):
    return all(importlib.util.find_spec(m) for m in modules)


def reshet(*args, **more):
    done = subprocess.run([RESHET, "-q", *map(str, args)], capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"reshet {' '.join(map(str, args))}: {done.stderr}")
    return done.stdout


def predictions(model, data):
    return [json.loads(line) for line in reshet("predict", model, data, "--json").splitlines()]


def said(what, ours, theirs, relative=False):
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    scale = max(1.0, np.abs(theirs).max()) if relative else 1.0
    difference = np.abs(ours.reshape(len(ours), -1) - theirs.reshape(len(ours), -1)).max() / scale
    print(f"{what:44} {len(ours):5} samples  {difference:.1e}")
    if not difference < 1e-5:
        failed.append(what)


def table(path, names, columns):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in zip(*columns):
            writer.writerow(["" if isinstance(v, float) and np.isnan(v) else v for v in row])


def made_up(n):
    """Numbers, one far out, one missing at times; words, rare and missing ones among them."""
    f = lambda a: [float(np.float32(x)) for x in a]
    size, age = rng.normal(3, 2, n), rng.normal(40, 12, n)
    far = rng.lognormal(0, 2.5, n)
    gap = np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 1, n))
    sex = rng.choice(["f", "m"], n)
    port = rng.choice(["a", "b", "c", "only once", "", "?"], n, p=[0.4, 0.3, 0.2, 0.002, 0.09, 0.008])
    score = size / 2 + (age - 40) / 12 + np.nan_to_num(gap) + (sex == "f") + (port == "a")
    numbers = {"size": f(size), "age": f(age), "far": f(far), "gap": f(gap)}
    return numbers, {"sex": list(sex), "port": list(port)}, score


def feed(session, names, columns):
    inputs = session.get_inputs()
    if len(inputs) == 1 and inputs[0].name == "input":
        return {"input": np.array(columns, np.float32).T}
    kinds = {i.name: object if "string" in i.type else np.float32 for i in inputs}
    return {name: np.array(column, kinds[name])[:, None] for name, column in zip(names, columns)}


def tables(folder):
    kinds = {
        "yes or no, words and numbers": (True, lambda s: np.where(s > 2.5, "yes", "no"), []),
        "yes or no, logits": (True, lambda s: np.where(s > 2.5, "yes", "no"), ["--net", "16:gelu-1", "--loss", "bce-logits"]),
        "yes or no, tanh": (False, lambda s: np.where(s > 2.5, "yes", "no"), ["--net", "8:elu(1.5)-1:tanh", "--loss", "bce"]),
        "classes, numbers": (False, lambda s: np.digitize(s, [1, 2, 4]), ["--task", "classes"]),
        "classes, words and numbers": (True, lambda s: np.array(["low", "mid", "top"])[np.digitize(s, [2, 4])], ["--net", "12:silu-12:leaky_relu(0.1)-3:softmax"]),
        "classes, min-max": (True, lambda s: np.array(["low", "mid", "top"])[np.digitize(s, [2, 4])], ["--scaling", "min-max", "--net", "12:relu-3"]),
        "a number, min-max": (True, lambda s: np.float32(1000 * s + 50000), ["--scaling", "min-max", "--net", "12:relu-1", "--task", "number"]),
        "a number": (True, lambda s: np.float32(1000 * s + 50000), ["--task", "number"]),
    }
    for i, (kind, (words, answer, flags)) in enumerate(kinds.items()):
        numbers, texts, score = made_up(2000)
        names = [*numbers, *(texts if words else [])]
        columns = [*numbers.values(), *(texts.values() if words else [])]
        data, run = folder / f"t{i}.csv", folder / f"t{i}"
        table(data, [*names, "target"], [*columns, answer(score)])
        reshet("train", data, "--epochs", 3, "--out", run, *flags)
        compare(folder, f"table: {kind}", run, names, words)

    numbers, _, score = made_up(2000)
    data, run = folder / "several.csv", folder / "several"
    names = list(numbers)
    table(data, [*names, "p", "q"], [*numbers.values(), (score > 2).astype(int), (score > 3).astype(int)])
    reshet("train", data, "--target", "p,q", "--epochs", 3, "--out", run)
    compare(folder, "table: two questions", run, names, False)
    table(data, [*names, "p", "q"], [*numbers.values(), np.float32(score), np.float32(-20 * score)])
    reshet("train", data, "--target", "p,q", "--task", "number", "--epochs", 3, "--out", run, "--force")
    compare(folder, "table: two numbers", run, names, False)


def compare(folder, what, run, names, words):
    numbers, texts, _ = made_up(ROWS)
    if words:
        texts["port"][:3] = ["never seen", "NA", ""]
    columns = [*numbers.values(), *(texts.values() if words else [])]
    data = folder / "ask.csv"
    table(data, names, columns)
    ours = predictions(run, data)
    session, labels = exported(run)
    answers = dict(zip([o.name for o in session.get_outputs()], session.run(None, feed(session, names, columns))))
    against(f"ONNX out, {what}", ours, answers, labels)
    if has("torch"):
        module = script(run)
        rows = [dict(zip(names, row)) for row in zip(*columns)]
        p = module.predict(rows).numpy()
        p = np.hstack([1 - p, p]) if p.shape[1] == 1 and "label" in answers else p
        against(f"PyTorch out, {what}", ours, {"value" if "value" in answers else "probabilities": p}, labels)


def against(what, ours, answers, names=()):
    if "value" in answers:
        return said(what, [o["value"] for o in ours], answers["value"], relative=True)
    said(what, [[o["probabilities"][n] for n in names] for o in ours], answers["probabilities"])
    if "label" not in answers:
        return
    for o, label, p in zip(ours, answers["label"], answers["probabilities"]):
        close = np.abs(np.diff(np.sort(p))[-1:]).min() < 1e-5 or np.abs(p - 0.5).min() < 1e-5
        theirs = [n for n, yes in zip(names, label) if yes] if isinstance(o["label"], list) else label
        if o["label"] != theirs and not close:
            failed.append(f"{what}: label {o['label']}, there {theirs}")


def exported(run):
    path = run / "model.onnx"
    reshet("export", run, "-o", path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    back = run / "back.safetensors"
    reshet("import", path, "-o", back)
    if back.read_bytes() != (run / "model.safetensors").read_bytes():
        failed.append(f"{path}: comes back as another model")
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]), names_of(model)


def names_of(model):
    """As the file's metadata has them: a dictionary's keys are in another order."""
    about = json.loads(model.metadata_props[0].value)
    return about["meaning"]["names"]


def script(run):
    path = run / "net.py"
    reshet("export", run, "--to", "pytorch", "-o", path)
    checked = subprocess.run([sys.executable, path], capture_output=True, text=True)
    if checked.returncode:
        failed.append(f"{path}: {checked.stdout} {checked.stderr}")
    spec = importlib.util.spec_from_file_location("net", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arrays(folder):
    for kind, flags in {"digits, a yes or no": ["--is", "7"], "digits": ["--hidden", "64,32"]}.items():
        run = folder / kind.replace(" ", "_").replace(",", "")
        reshet("train", "mnist", "--epochs", 1, "--out", run, *flags)
        strokes = rng.integers(0, 256, (ROWS, 784)) * (rng.random((ROWS, 784)) < 0.2)
        compare_arrays(folder, kind, run, strokes.astype(np.uint8))
    x = rng.normal(size=(2000, 6)).astype(np.float32)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", (x @ rng.normal(size=(6, 2)) * 30).astype(np.float32))
    reshet("train", folder / "x.npy", "--targets", folder / "y.npy", "--epochs", 3, "--out", folder / "arrays")
    compare_arrays(folder, "two numbers", folder / "arrays", rng.normal(size=(ROWS, 6)).astype(np.float32))


def compare_arrays(folder, what, run, x):
    np.save(folder / "ask.npy", x)
    ours = predictions(run, folder / "ask.npy")
    session, labels = exported(run)
    answers = session.run(None, {"input": x.astype(np.float32)})
    answers = dict(zip([o.name for o in session.get_outputs()], answers))
    against(f"ONNX out, arrays: {what}", ours, answers, labels)
    if has("torch"):
        p = script(run).predict(x).numpy()
        p = np.hstack([1 - p, p]) if p.shape[1] == 1 and "label" in answers else p
        against(f"PyTorch out, arrays: {what}", ours, {"value" if "value" in answers else "probabilities": p}, labels)


def sklearn_in(folder):
    import warnings

    import skl2onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    warnings.filterwarnings("ignore")
    x = (rng.normal(size=(ROWS, 5)) * [1, 20, 0.02, 3, 1] + [0, 50, 1, -3, 0]).astype(np.float32)
    score = x[:, 0] + (x[:, 1] - 50) / 20 + 50 * (x[:, 2] - 1)
    words = np.array(["low", "mid", "top"])[np.digitize(score, [-1, 1])]
    for kind, model, y in [
        ("yes or no", MLPClassifier((20, 10), max_iter=20, random_state=0), (score > 0).astype(int)),
        ("classes", MLPClassifier((20,), activation="tanh", max_iter=20, random_state=0), words),
        ("a number", MLPRegressor(hidden_layer_sizes=(20,), max_iter=20, random_state=0), score * 100),
    ]:
        pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
        path, net = folder / "sk.onnx", folder / "sk.safetensors"
        options = {} if kind == "a number" else {"zipmap": False}
        path.write_bytes(skl2onnx.to_onnx(pipeline, x[:1], options=options).SerializeToString())
        reshet("import", path, "-o", net)
        np.save(folder / "ask.npy", x)
        ours = predictions(net, folder / "ask.npy")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        theirs = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"X": x})))
        answers = {"value": theirs["variable"]} if "variable" in theirs else {"probabilities": theirs["probabilities"]}
        against(f"ONNX in, scikit-learn: {kind}", ours, answers, [str(c) for c in getattr(model, "classes_", [])])


with tempfile.TemporaryDirectory() as folder:
    tables(Path(folder))
    arrays(Path(folder))
    if has("sklearn", "skl2onnx"):
        sklearn_in(Path(folder))
    else:
        print("skipped: scikit-learn and skl2onnx are not installed")
    if not has("torch"):
        print("skipped: PyTorch is not installed")
versions = [onnx, onnxruntime, np]
print(", ".join(f"{m.__name__} {m.__version__}" for m in versions))
if failed:
    sys.exit("\n".join(["FAILED:", *failed[:20]]))
