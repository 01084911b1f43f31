"""PyTorch: eager with tensors in memory and the fused Adam; the same with `--compile`;
with `--bf16` under autocast to bfloat16; and with `--slide` the lecture's own loop: DataLoader over pictures, Sigmoid, plain Adam."""

import sys

import torch
from torch import nn

from common import DATA, Job, batches, serve

name, threads, *flags = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.manual_seed(0)
job = Job(name)

layers = []
for i, (m, k) in enumerate(zip(job.widths, job.widths[1:])):
    layers += [nn.Linear(m, k)] + ([nn.ReLU()] if i + 2 < len(job.widths) else [])
on_slide = "--slide" in flags
if on_slide:
    layers.append(nn.Sigmoid())
net = nn.Sequential(*layers)
loss_of = {
    "bce": nn.BCELoss() if on_slide else nn.BCEWithLogitsLoss(),
    "cross-entropy": nn.CrossEntropyLoss(),
    "mse": nn.MSELoss(),
}[job.loss]
adam = torch.optim.Adam(net.parameters(), lr=job.lr, fused=not on_slide)
x, y = (torch.from_numpy(part) for part in job.train)


def in_memory():
    for rows in batches(len(x), job.batch):
        rows = torch.from_numpy(rows)
        yield x[rows], y[rows]


def slide():
    """Pictures one by one, as torchvision hands them out."""
    from torchvision import datasets, transforms

    pictures = datasets.MNIST(DATA, train=True, transform=transforms.ToTensor())
    while True:
        for a, label in torch.utils.data.DataLoader(pictures, batch_size=job.batch, shuffle=True):
            yield a.reshape(-1, 784), (label == 7).float().reshape(-1, 1)


def loss_and_gradients(a, b):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled="--bf16" in flags):
        output = net(a)
    loss = loss_of(output.float(), b)
    loss.backward()
    return loss


if "--compile" in flags:
    loss_and_gradients = torch.compile(loss_and_gradients)
source = slide() if on_slide else in_memory()


def steps(n):
    for _ in range(n):
        a, b = next(source)
        adam.zero_grad()
        loss = loss_and_gradients(a, b)
        adam.step()
    return loss.detach()


def predict(rows):
    part = torch.from_numpy(job.test[0][:rows])

    def ask():
        with torch.inference_mode():
            # Accuracy wants logits.
            return net[:-1](part) if on_slide else net(part)

    return ask


def accuracy():
    return job.accuracy(predict(len(job.test[0]))().numpy()) if job.test else None


serve(f"torch {torch.__version__}", steps, predict, accuracy)
