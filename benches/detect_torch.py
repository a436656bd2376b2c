"""Times detectors' own code in PyTorch beside prelude/examples/bench_detect.rs: a training step (batch 8, 320×320, SGD with momentum, five
objects a picture) and the prediction of one picture with suppression.

    python benches/detect_torch.py ROUNDS yolox_nano    YOLOX's own code
    python benches/detect_torch.py ROUNDS yolov8n       Ultralytics'

Prints step, forward, loss, backward, prediction in milliseconds, and the memory that the steps added, in MiB.
"""
import os
import resource
import sys
import time
from types import SimpleNamespace

import torch
from torchvision.ops import batched_nms

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


def corners(boxes):
    return torch.cat([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2], 1)


def yolox():
    """The network, the loss of pictures, how long its own part took last, and what is predicted of a picture."""
    import yolox.models.yolo_head as yolo_head
    from yolox.exp import get_exp

    exp = get_exp(exp_name=name.replace("_", "-"))
    exp.num_classes = CLASSES
    net = exp.get_model().train()
    targets, lost = truths(), [0.0]
    losses = yolo_head.YOLOXHead.get_losses

    def timed(self, *args, **kwargs):
        start = time.perf_counter()
        result = losses(self, *args, **kwargs)
        lost[0] = time.perf_counter() - start
        return result

    def predict(x):
        said = net(x)[0]
        score, classes = said[:, 5:].max(1)
        return corners(said), score * said[:, 4], classes

    yolo_head.YOLOXHead.get_losses = timed
    return net, lambda x: net(x, targets)["total_loss"], lost, predict


def yolov8():
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils.loss import v8DetectionLoss

    net = DetectionModel(f"{name}.yaml", ch=3, nc=CLASSES, verbose=False).train()
    net.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    criterion, targets, lost = v8DetectionLoss(net), truths(), [0.0]
    batch = {"batch_idx": torch.arange(BATCH).repeat_interleave(5).float(), "cls": targets[..., 0].flatten(),
             "bboxes": targets[..., 1:].reshape(-1, 4) / SIDE}

    def loss(x):
        said = net(x)
        start = time.perf_counter()
        total = criterion(said, batch)[0].sum()
        lost[0] = time.perf_counter() - start
        return total

    def predict(x):
        said = net(x)[0][0].T
        score, classes = said[:, 4:].max(1)
        return corners(said), score, classes

    return net, loss, lost, predict


before = peak()
net, loss_of, lost, predict = yolov8() if name.startswith("yolov8") else yolox()
optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
x = torch.rand(BATCH, 3, SIDE, SIDE)
if name.startswith("yolox"):
    x = x.mul(255).round()
times = {"step": [], "forward": [], "loss": [], "backward": []}
for round in range(rounds + 2):
    start = time.perf_counter()
    loss = loss_of(x)
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
    for _ in range(max(rounds, 200)):
        start = time.perf_counter()
        boxes, score, classes = predict(x[:1])
        keep = score >= 0.01
        batched_nms(boxes[keep], score[keep], classes[keep], 0.65)
        predictions.append((time.perf_counter() - start) * 1e3)
numbers = [median(times[key]) for key in ("step", "forward", "loss", "backward")] + [median(predictions)]
print("\t".join([name] + [f"{number:.2f}" for number in numbers] + [f"{most - before:.0f}", f"{most:.0f}"]))
