#!/usr/bin/env python3
"""Makes and checks the golden runs of this folder with PyTorch; see README.md.

    python make.py check [NAME ...]      run the cases again, compare with the files
    python make.py new NAME [SPEC.json]  make the file of a case (SPEC.json: its entry for cases.json)
    python make.py schedules             make schedules.json

Needs torch, numpy and safetensors.
"""

import json
import math
import pathlib
import random
import sys
import zlib

import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "cases.json"
SCHEDULES = HERE / "schedules.json"


def read_json(path):
    return json.loads(path.read_text())


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1))


def made_with():
    return f"PyTorch {torch.__version__}, float32, CPU, 1 thread"


# ---- a case: its network, loss and optimizer -------------------------------------------------


def options(spec):
    return {key: value for key, value in spec.items() if key != "type"}


def build(case):
    layers = []
    for spec in case["layers"]:
        opts = options(spec)
        if spec["type"] == "Linear":
            layers.append(torch.nn.Linear(opts["in"], opts["out"]))
        elif spec["type"] == "Softmax":
            layers.append(torch.nn.Softmax(dim=1))
        else:
            layers.append(getattr(torch.nn, spec["type"])(**opts))
    return torch.nn.Sequential(*layers)


def run_batch(case, net, x, target):
    """The network's output and the loss of one batch."""
    spec = case["loss"]
    opts = options(spec)
    if "weight" in opts:
        opts["weight"] = torch.tensor(opts["weight"], dtype=x.dtype)
    loss = getattr(torch.nn, spec["type"])(**opts)
    before = net[:-1](x)
    output = net[-1](before)
    last = case["layers"][-1]["type"]
    if spec["type"] == "BCELoss" and last == "Tanh":
        return output, loss((1 + output) / 2, target)
    if spec["type"] == "CrossEntropyLoss" and last == "Softmax":
        return output, loss(before, target)  # the logits: no softmax of a softmax
    return output, loss(output, target)


def batches(case):
    """The rows of each step: in order, the last batch of a pass may be short, then from row 0 again."""
    starts = range(0, case["samples"], case["batch_size"])
    for step in range(case["steps"]):
        start = starts[step % len(starts)]
        yield slice(start, min(start + case["batch_size"], case["samples"]))


def run(case, data):
    """Every tensor of the case's file, from its input, target and initial.*."""
    net = build(case).to(data["input"].dtype)
    initial = {key[8:]: value for key, value in data.items() if key.startswith("initial.")}
    net.load_state_dict(initial)
    opts = options(case["optimizer"])
    optimizer = getattr(torch.optim, case["optimizer"]["type"])(net.parameters(), **opts)

    result = {"input": data["input"], "target": data["target"]}
    result |= {f"initial.{key}": value for key, value in initial.items()}
    losses = []
    for step, rows in enumerate(batches(case)):
        optimizer.zero_grad()
        output, loss = run_batch(case, net, data["input"][rows], data["target"][rows])
        loss.backward()
        if step == 0:
            result["output"] = output.detach().clone()
            result["loss"] = loss.detach().reshape(1)
            for key, parameter in net.named_parameters():
                result[f"gradient.{key}"] = parameter.grad.clone()
        if "clip_norm" in case:
            torch.nn.utils.clip_grad_norm_(net.parameters(), case["clip_norm"])
        optimizer.step()
        losses.append(loss.detach())
    result["losses"] = torch.stack(losses)
    for key, parameter in net.named_parameters():
        result[f"final.{key}"] = parameter.detach().clone()
    with torch.no_grad():
        result["final_output"] = net(data["input"])
    return result


# ---- new cases -------------------------------------------------------------------------------


def new_data(case):
    """Inputs, targets of a fixed noisy rule on them, and PyTorch's default initial weights."""
    torch.manual_seed(zlib.crc32(case["name"].encode()))
    linear = [layer for layer in case["layers"] if layer["type"] == "Linear"]
    inputs, outputs = linear[0]["in"], linear[-1]["out"]
    x = torch.randn(case["samples"], inputs)
    rule = torch.randn(inputs, outputs) / math.sqrt(inputs)
    y = x @ rule + 0.3 * torch.sin(3 * x @ rule) + 0.1 * torch.randn(case["samples"], outputs)
    loss, last = case["loss"]["type"], case["layers"][-1]["type"]
    if loss == "CrossEntropyLoss":
        # Soft labels: a probability per class.
        target = torch.softmax(2 * y, 1) if case.get("soft") else y.argmax(1)
    elif loss in ("BCELoss", "BCEWithLogitsLoss"):
        target = (y > 0).float()
    elif last in ("Sigmoid", "Softmax", "Tanh"):
        target = getattr(torch, last.lower())(y, **({"dim": 1} if last == "Softmax" else {}))
    else:
        target = y
    data = {"input": x, "target": target.contiguous()}
    return data | {f"initial.{key}": value for key, value in build(case).state_dict().items()}


def new(name, spec=None):
    book = read_json(CASES)
    case = next((case for case in book["cases"] if case["name"] == name), None)
    path = HERE / f"{name}.safetensors"
    if path.exists():
        sys.exit(f"{path.name} is there already")
    if spec is not None:
        if case is not None:
            sys.exit(f"{name} is in {CASES.name} already")
        case = {"name": name} | read_json(pathlib.Path(spec))
        if case["name"] != name:
            sys.exit(f"{spec} describes {case['name']}, not {name}")
        book["cases"].append(case)
    elif case is None:
        sys.exit(f"{name} is not in {CASES.name}")
    if made_with() != book["made_with"]:
        case["made_with"] = made_with()
    result = run(case, new_data(case))
    save_file({key: value.clone().contiguous() for key, value in result.items()}, path)
    write_json(CASES, book)
    print(f"{path.name}: {path.stat().st_size} bytes, losses {result['losses'].tolist()}")


# ---- schedules -------------------------------------------------------------------------------


def plateau_losses():
    """60 losses with runs that do not improve, and improvements just under and over the threshold."""
    noise = random.Random(0)
    losses = [round(1.0 * 0.85**i, 6) for i in range(10)]
    best = losses[-1]
    losses += [round(best * (1.02 + 0.1 * noise.random()), 6) for _ in range(8)]
    losses += [best, best * (1 - 0.00005), best * (1 - 0.00009)]  # none counts: lr falls here
    losses += [round(best * (1.0 + 0.1 * noise.random()), 6) for _ in range(5)]
    losses += [best * (1 - 0.00011)]  # counts
    losses += [round(best * (1.01 + 0.1 * noise.random()), 6) for _ in range(10)]
    losses += [round(best * 0.9, 6)]  # the last chance, taken
    losses += [round(best * (0.91 + 0.1 * noise.random()), 6) for _ in range(22)]
    assert len(losses) == 60
    return losses


def new_schedules():
    book = {
        "made_with": f"PyTorch {torch.__version__}",
        "schedules": [
            {"type": "StepLR", "step_size": 30, "gamma": 0.1},
            {"type": "CosineAnnealingLR", "T_max": 100, "eta_min": 1e-4},
            {
                "type": "OneCycleLR",
                "max_lr": 0.1,
                "total_steps": 100,
                "pct_start": 0.3,
                "anneal_strategy": "cos",
                "div_factor": 25.0,
                "final_div_factor": 1e4,
            },
            {
                "type": "ReduceLROnPlateau",
                "mode": "min",
                "factor": 0.1,
                "patience": 10,
                "threshold": 1e-4,
                "threshold_mode": "rel",
            },
        ],
    }
    for schedule in book["schedules"]:
        schedule["base_lr"] = 0.1
        if schedule["type"] == "ReduceLROnPlateau":
            schedule["losses"] = plateau_losses()
        schedule["lr"] = run_schedule(schedule)
    write_json(SCHEDULES, book)
    print(SCHEDULES.name)


def run_schedule(schedule):
    """lr[i] is the rate step i (from 0) uses: after i steps of the schedule, and its losses 0..i."""
    opts = {key: value for key, value in options(schedule).items() if key not in ("base_lr", "losses", "lr")}
    if schedule["type"] == "OneCycleLR":
        opts["cycle_momentum"] = False
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=schedule["base_lr"])
    scheduler = getattr(torch.optim.lr_scheduler, schedule["type"])(optimizer, **opts)
    losses = schedule.get("losses")
    steps = len(losses) if losses else 100
    lr = []
    for step in range(steps):
        lr.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if losses:
            scheduler.step(losses[step])
        elif step + 1 < steps:
            scheduler.step()
    return lr


# ---- check -----------------------------------------------------------------------------------


KINDS = ["output", "loss", "gradient", "losses", "final", "final_output"]


def difference(key, got, want):
    """The relative difference of a tensor, and how much is allowed."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return math.inf, 0.0
    got, want = got.double(), want.double()
    if key.startswith("final."):
        size, diff, limit = want.norm(), (got - want).norm(), 1e-4
    else:
        size, diff, limit = want.abs().max(), (got - want).abs().max(), 1e-5
    return float(diff / size if size > 0 else diff), limit


def check(names):
    """Prints, for each case, the largest difference of each kind of tensor."""
    cases = read_json(CASES)["cases"]
    known = {case["name"] for case in cases}
    wrong = [f"{name}: not in {CASES.name}" for name in names if name not in known | {"schedules"}]
    wrong += [f"{path.name}: not in {CASES.name}" for path in sorted(HERE.glob("*.safetensors")) if path.stem not in known]
    print(f"{'':20}", *(f"{kind:>12}" for kind in KINDS))
    for case in cases:
        name = case["name"]
        if names and name not in names:
            continue
        stored = load_file(HERE / f"{name}.safetensors")
        got = run(case, stored)
        wrong += [f"{name}: {key} is on one side only" for key in sorted(got.keys() ^ stored.keys())]
        largest = dict.fromkeys(KINDS, 0.0)
        for key in sorted(got.keys() & stored.keys()):
            diff, limit = difference(key, got[key], stored[key])
            if not diff <= limit:
                wrong.append(f"{name}: {key} differs by {diff:.1e}, allowed {limit:.0e}")
            if (kind := key.split(".")[0]) in largest:
                largest[kind] = max(largest[kind], diff)
        print(f"{name:20}", *(f"{largest[kind]:12.1e}" for kind in KINDS))
    if not names or "schedules" in names:
        for schedule in read_json(SCHEDULES)["schedules"]:
            got, want = (torch.tensor(lr, dtype=torch.float64) for lr in (run_schedule(schedule), schedule["lr"]))
            diff = difference("lr", got, want)[0]
            if not diff <= 1e-9:
                wrong.append(f"{schedule['type']}: lr differs by {diff:.1e}, allowed 1e-09")
            print(f"{schedule['type']:20} {diff:12.1e}")
    print(*(wrong or ["all the same"]), sep="\n")
    return 1 if wrong else 0


def main(args):
    torch.set_num_threads(1)
    match args:
        case ["check", *names]:
            return check(names)
        case ["new", name]:
            return new(name)
        case ["new", name, spec]:
            return new(name, spec)
        case ["schedules"]:
            return new_schedules()
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
