"""Times YOLOX's own code in PyTorch for benches/detect.sh: a training step (batch 8, 320×320, SGD with momentum, five objects a picture)
and the prediction of one picture with suppression.

    python benches/detect_torch.py ROUNDS yolox_nano

Prints step, forward, loss, backward, prediction in milliseconds, and the memory that the steps added, in MiB.
"""
import os
import resource
import sys
import time

import torch
import yolox.models.yolo_head as yolo_head
from torchvision.ops import batched_nms
from yolox.exp import get_exp

torch.set_num_threads(int(os.environ.get("THREADS", 2)))
SIDE, BATCH, CLASSES = 320, 8, 6
rounds, name = int(sys.argv[1]), sys.argv[2]


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def truths():
    rows = torch.zeros(BATCH, 5, 5)
    for picture in range(BATCH):
        for number in range(5):
            x, y = 40 + 60 * number, 60 + 25 * ((picture + number) % BATCH)
            rows[picture, number] = torch.tensor([(picture + number) % CLASSES, x, y, 24 + 24 * number, 40])
    return rows


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


before = peak()
exp = get_exp(exp_name=name.replace("_", "-"))
exp.num_classes = CLASSES
net = exp.get_model().train()
optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
x, targets = torch.rand(BATCH, 3, SIDE, SIDE).mul(255).round(), truths()
times, lost = {"step": [], "forward": [], "loss": [], "backward": []}, [0.0]
losses = yolo_head.YOLOXHead.get_losses


def timed(self, *args, **kwargs):
    start = time.perf_counter()
    result = losses(self, *args, **kwargs)
    lost[0] = time.perf_counter() - start
    return result


yolo_head.YOLOXHead.get_losses = timed
for round in range(rounds + 2):
    start = time.perf_counter()
    loss = net(x, targets)["total_loss"]
    forward = time.perf_counter() - start
    loss.backward()
    backward = time.perf_counter() - start - forward
    optimizer.step()
    optimizer.zero_grad()
    whole = time.perf_counter() - start
    if round >= 2:
        for key, value in zip(times, (whole, forward - lost[0], lost[0], backward)):
            times[key].append(value * 1e3)
most = peak()
net.eval()
predictions = []
with torch.no_grad():
    for _ in range(max(rounds, 10)):
        start = time.perf_counter()
        said = net(x[:1])[0]
        score, classes = said[:, 5:].max(1)
        score = score * said[:, 4]
        keep = score >= 0.01
        corners = torch.cat([said[:, :2] - said[:, 2:4] / 2, said[:, :2] + said[:, 2:4] / 2], 1)
        batched_nms(corners[keep], score[keep], classes[keep], 0.65)
        predictions.append((time.perf_counter() - start) * 1e3)
numbers = [median(times[key]) for key in ("step", "forward", "loss", "backward")] + [median(predictions)]
print("\t".join([name] + [f"{number:.2f}" for number in numbers] + [f"{most - before:.0f}", f"{most:.0f}"]))
