"""PyTorch: eager with tensors in memory and the fused Adam; `--compile`; `--slide`,
the lecture's own loop with its DataLoader over pictures."""

import sys

import torch
from torch import nn

from common import Job, batches, serve

name, threads, *flags = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.manual_seed(0)
job = Job(name)

layers = []
for i, (m, k) in enumerate(zip(job.widths, job.widths[1:])):
    layers += [nn.Linear(m, k)] + ([nn.ReLU()] if i + 2 < len(job.widths) else [])
net = nn.Sequential(*layers)
loss_of = {
    "bce": nn.BCEWithLogitsLoss(),
    "cross-entropy": nn.CrossEntropyLoss(),
    "mse": nn.MSELoss(),
}[job.loss]
adam = torch.optim.Adam(net.parameters(), lr=job.lr, fused=True)
x, y = (torch.from_numpy(part) for part in job.train)


def in_memory():
    for rows in batches(len(x), job.batch):
        rows = torch.from_numpy(rows)
        yield x[rows], y[rows]


def slide():
    """Pictures one by one through ToTensor, as torchvision's MNIST hands them out."""
    from PIL import Image

    pictures = (255 * job.train[0]).round().astype("uint8").reshape(-1, 28, 28)

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return len(pictures)

        def __getitem__(self, i):
            picture = Image.fromarray(pictures[i])
            tensor = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
            return tensor.reshape(1, 28, 28).float().div(255), y[i]

    while True:
        for a, b in torch.utils.data.DataLoader(Pictures(), batch_size=job.batch, shuffle=True):
            yield a.reshape(len(a), -1), b


def loss_and_gradients(a, b):
    loss = loss_of(net(a), b)
    loss.backward()
    return loss


if "--compile" in flags:
    loss_and_gradients = torch.compile(loss_and_gradients)
source = slide() if "--slide" in flags else in_memory()


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
            return net(part)

    return ask


def accuracy():
    return job.accuracy(predict(len(job.test[0]))().numpy()) if job.test else None


serve(f"torch {torch.__version__}", steps, predict, accuracy)
