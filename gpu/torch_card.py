"""PyTorch on a card: eager with tensors on the card and the fused Adam; the same steps in a CUDA
graph with `--graphs`; products in TF32 with `--tf32`. Answers as the contenders of `bench/` do;
`--cpu` tries the script itself."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench/contenders"))
from common import Job, batches, serve  # noqa: E402

name, *flags = sys.argv[1:]
card = torch.device("cpu" if "--cpu" in flags else "cuda")
graphs = "--graphs" in flags
if "--tf32" in flags:
    torch.set_float32_matmul_precision("high")
torch.manual_seed(0)
job = Job(name)
layers = []
for i, (m, k) in enumerate(zip(job.widths, job.widths[1:])):
    layers += [nn.Linear(m, k)] + ([nn.ReLU()] if i + 2 < len(job.widths) else [])
net = nn.Sequential(*layers).to(card)
loss_of = {
    "bce": nn.BCEWithLogitsLoss(),
    "cross-entropy": nn.CrossEntropyLoss(),
    "mse": nn.MSELoss(),
}[job.loss]
adam = torch.optim.Adam(net.parameters(), lr=job.lr, fused=True, capturable=graphs)
x, y = (torch.from_numpy(part).to(card) for part in job.train)
source = batches(len(x), job.batch)


def step(rows):
    adam.zero_grad()
    loss = loss_of(net(x[rows]), y[rows])
    loss.backward()
    adam.step()
    return loss.detach()


def captured():
    """The step as a graph, for rows that are copied to one place."""
    rows = torch.zeros(job.batch, dtype=torch.int64, device=card)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step(rows)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(rows)
    return graph, rows, loss


if graphs:
    graph, fixed, graph_loss = captured()


def steps(n):
    # The rows of all steps go to the card at once, as ours do.
    rows = torch.stack([torch.from_numpy(next(source)) for _ in range(n)]).to(card)
    for i in range(n):
        if graphs:
            fixed.copy_(rows[i])
            graph.replay()
            loss = graph_loss
        else:
            loss = step(rows[i])
    return loss


def accuracy():
    if not job.test:
        return None
    with torch.inference_mode():
        return job.accuracy(net(torch.from_numpy(job.test[0]).to(card)).cpu().numpy())


said = (", CUDA graphs" if graphs else "") + (", TF32" if "--tf32" in flags else "")
serve(f"torch {torch.__version__}{said}", steps, None, accuracy)
