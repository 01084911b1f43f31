"""What `reshet tune mnist` does, by Optuna and PyTorch: Optuna's estimator and its successive
halving (1, 3, 9 epochs), the same space, validated after each epoch. Tensors in memory and
fused AdamW; or with `--loader` a DataLoader over pictures and plain AdamW, as in Optuna's
example for PyTorch.

Asked as `optuna_torch.py STORAGE SECONDS SEED THREADS NARROWEST WIDEST [--loader]`; prints a
line of JSON."""

import json
import resource
import sys
import time

import optuna
import torch
from torch import nn

from common import DATA, Job, batches

EPOCHS = 9
SPACE = {
    "depth": (1, 3),
    "activation": {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh},
    "lr": (3e-4, 0.02),
    "batch": [32, 64, 128, 256],
    "weight decay": (1e-3, 1.0),
    "dropout": (0.0, 0.4),
    "schedule": ["one-cycle", "constant"],
}

storage, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
SPACE["width"] = int(sys.argv[5]), int(sys.argv[6])
with_loader = "--loader" in sys.argv
torch.set_num_threads(int(sys.argv[4]))
torch.manual_seed(seed)
optuna.logging.set_verbosity(optuna.logging.ERROR)
order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
validated, trained = order[:9000], order[9000:]
if with_loader:
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    digits = datasets.MNIST(DATA, train=True, transform=transforms.ToTensor())
else:
    pictures, labels = (torch.from_numpy(part) for part in Job("C").train)
    (x, y), (vx, vy) = ((pictures[rows], labels[rows]) for rows in (trained, validated))
epochs = work = 0


def network(trial):
    activation = SPACE["activation"][trial.suggest_categorical("activation", [*SPACE["activation"]])]
    dropout = trial.suggest_float("dropout", *SPACE["dropout"])
    layers, before = [], 784
    for i in range(trial.suggest_int("depth", *SPACE["depth"])):
        width = trial.suggest_int(f"width {i + 1}", *SPACE["width"], log=True)
        layers += [nn.Linear(before, width), activation(), nn.Dropout(dropout)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, 10))


def in_memory(size, seed):
    source = batches(len(trained), size, seed)
    while True:
        rows = torch.from_numpy(next(source))
        yield x[rows], y[rows]


def loader(size):
    while True:
        for a, b in DataLoader(Subset(digits, trained), size, shuffle=True, drop_last=True):
            yield a.reshape(-1, 784), b


def right(net):
    """The share of the validation part that it gets right."""
    if not with_loader:
        return (net(vx).argmax(1) == vy).float().mean().item()
    asked = DataLoader(Subset(digits, validated), 256)
    return sum((net(a.reshape(-1, 784)).argmax(1) == b).sum().item() for a, b in asked) / len(validated)


def objective(trial):
    global epochs, work
    net = network(trial)
    parameters = sum(p.numel() for p in net.parameters())
    lr = trial.suggest_float("lr", *SPACE["lr"], log=True)
    decay = trial.suggest_float("weight decay", *SPACE["weight decay"], log=True)
    size = trial.suggest_categorical("batch", SPACE["batch"])
    adam = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay, fused=not with_loader)
    a_epoch = len(trained) // size
    schedule = None
    if trial.suggest_categorical("schedule", SPACE["schedule"]) == "one-cycle":
        steps = EPOCHS * a_epoch
        schedule = torch.optim.lr_scheduler.OneCycleLR(adam, lr, total_steps=steps)
    loss_of = nn.CrossEntropyLoss()
    source = loader(size) if with_loader else in_memory(size, trial.number)
    for epoch in range(1, EPOCHS + 1):
        net.train()
        for _ in range(a_epoch):
            if time.perf_counter() > end:
                trial.study.stop()
                raise optuna.TrialPruned
            a, b = next(source)
            adam.zero_grad()
            loss_of(net(a), b).backward()
            adam.step()
            if schedule:
                schedule.step()
        net.eval()
        with torch.inference_mode():
            accuracy = right(net)
        epochs += 1
        work += parameters
        trial.report(accuracy, epoch)
        if epoch < EPOCHS and trial.should_prune():
            raise optuna.TrialPruned
    return accuracy


backend = optuna.storages.journal.JournalFileBackend(storage)
study = optuna.create_study(
    storage=optuna.storages.JournalStorage(backend),
    study_name="digits",
    load_if_exists=True,
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=seed),
    pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
)
# From here on the clock runs: imports and data are not counted.
start = time.perf_counter()
end = start + seconds
study.optimize(objective, timeout=seconds)
values = [t.value for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
print(json.dumps({
    "version": f"Optuna {optuna.__version__}, PyTorch {torch.__version__}",
    "networks": len(study.trials),
    "epochs": epochs,
    "work": work / 1e6,
    "best": max(values, default=None),
    "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
