"""Writes state_dicts as programs keep them: in checkpoints, with copies, in files sorted by name.

    python states.py        needs torch, safetensors

`states/expected.json` says by file: `net`, `inputs` and what PyTorch answers, `order` where it must
be given; or `refused`, what the refusal must say.
"""

import json
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

HERE = Path(__file__).parent / "states"
torch.manual_seed(5)
made = {}


class Named(nn.Module):
    """Layers under these names, ReLU between them, batch normalization behind `bn1` and the like."""

    def __init__(self, calls, **layers):
        super().__init__()
        self.calls = calls
        for name, layer in layers.items():
            self.add_module(name, layer)
            if isinstance(layer, nn.BatchNorm1d):
                nn.init.uniform_(layer.running_mean, -1, 1)
                nn.init.uniform_(layer.running_var, 0.5, 2)

    def forward(self, x):
        for i, name in enumerate(self.calls):
            x = getattr(self, name)(x)
            norm_next = i + 1 < len(self.calls) and self.calls[i + 1].startswith(("bn", "norm"))
            if i + 1 < len(self.calls) and not norm_next:
                x = torch.relu(x)
        return x


def named(**sizes):
    """Defined in this order, called by the numbers of the sizes' last part."""
    layers = {name: nn.Linear(a, b) for name, (_, a, b) in sizes.items()}
    calls = sorted(sizes, key=lambda name: sizes[name][0])
    return Named(calls, **layers).eval()


def write(name, model, net, content=None, **more):
    width = int(net.split("-")[0])
    x = torch.randn(5, width)
    with torch.no_grad():
        y = model(x)
    content = model.state_dict() if content is None else content
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(content, HERE / name)
    else:
        torch.save(content, HERE / name)
    made[name] = {"net": net, "inputs": x.tolist(), "outputs": y.tolist(), **more}


def prefixed(model, prefix):
    return {prefix + name: value for name, value in model.state_dict().items()}


HERE.mkdir(exist_ok=True)
write("words.safetensors", named(input_layer=(0, 6, 6), hidden_layer=(1, 6, 6), output_layer=(2, 6, 6)), "6-6:relu-6:relu-6")
write("fc_out.safetensors", named(fc1=(0, 4, 4), fc2=(1, 4, 4), classifier=(2, 4, 4)), "4-4:relu-4:relu-4")
write("sizes.safetensors", named(zeta=(0, 3, 5), alpha=(1, 5, 4), mu=(2, 4, 2)), "3-5:relu-4:relu-2")
write("numbers.safetensors", nn.Sequential(*[m for _ in range(6) for m in (nn.Linear(3, 3), nn.ReLU())], nn.Linear(3, 3)), "3" + "-3:relu" * 6 + "-3")
write("unclear.safetensors", named(gamma=(0, 3, 3), alpha=(1, 3, 3), beta=(2, 3, 3)), "3-3:relu-3:relu-3", order=["gamma", "alpha", "beta"])
bn = Named(["fc1", "bn1", "fc2", "bn2", "head"], fc1=nn.Linear(3, 5), bn1=nn.BatchNorm1d(5), fc2=nn.Linear(5, 5), bn2=nn.BatchNorm1d(5), head=nn.Linear(5, 2)).eval()
write("batch_norms.safetensors", bn, "3-5:relu-5:relu-2")
write("reversed.pt", named(output=(2, 4, 4), hidden=(1, 4, 4), input=(0, 4, 4)), "4-4:relu-4:relu-4")
write("defined.pt", named(gamma=(0, 3, 3), alpha=(1, 3, 3), beta=(2, 3, 3)), "3-3:relu-3:relu-3")
spelled = {name: (i, 3, 3) for i, name in enumerate(["one", "two", "three", "four", "five", "head"])}
write("spelled.safetensors", named(**spelled), "3" + "-3:relu" * 5 + "-3")
write("called_otherwise.pt", named(head=(2, 5, 2), first=(0, 4, 6), second=(1, 6, 5)), "4-6:relu-5:relu-2")

mlp = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
net = "4-6:relu-3"
loss, optimizer = torch.tensor(0.25), torch.optim.Adam(mlp.parameters())
mlp(torch.randn(2, 4)).sum().backward()
optimizer.step()
state, other = mlp.state_dict(), {k: v + 1 for k, v in mlp.state_dict().items()}
write("recipe.pt", mlp, net, {"epoch": 5, "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict(), "loss": loss})
for key in ["net", "model", "state_dict", "weights"]:
    write(f"under_{key}.pt", mlp, net, {"best_acc": torch.tensor([0.5]), key: state, "optimizer": optimizer.state_dict()})
write("lightning.pt", mlp, net, {"epoch": 1, "global_step": 7, "state_dict": prefixed(mlp, "model."), "optimizer_states": [optimizer.state_dict()], "hyper_parameters": {"lr": 0.1}})
write("ema_beside.pt", mlp, net, {"model_ema": other, "model": state})
write("ema_named.pt", mlp, net, {"mlp": state, "ema": other})
write("mean_beside.pt", mlp, net, {"model": state, "mean": torch.ones(4), "rng_state": torch.ones(9)})
write("only_ema.pt", mlp, net, {"ema_state_dict": state, "step": 3})
write("nested.pt", mlp, net, {"checkpoint": {"network": state, "optimizer": optimizer.state_dict()}, "loss": loss})
write("ema_flat.pt", mlp, net, {**prefixed(mlp, "model."), **{"ema_model." + k: v for k, v in other.items()}})
write("averaged.pt", mlp, net, {"n_averaged": torch.tensor(8), **prefixed(mlp, "module.")})
write("with_an_epoch.pt", mlp, net, {**state, "epoch": 3, "loss": loss, "name": "mine"})
write("with_its_optimizer.pt", mlp, net, {**state, "optimizer": optimizer.state_dict()})
write("parallel.pt", mlp, net, prefixed(mlp, "module._orig_mod."))
write("wrapped_parallel.pt", mlp, net, {"net": prefixed(mlp, "module."), "acc": 0.5, "epoch": 2})
torch.save({"generator": state, "discriminator": other}, HERE / "two.pt")
made["two.pt"] = {"net": net, "refused": "several state_dicts: generator, discriminator"}

lines = [f"{json.dumps(name)}: {json.dumps(made[name])}" for name in sorted(made)]
(HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(len(made), "files, PyTorch", torch.__version__)
