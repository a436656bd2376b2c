"""Writes ../fixtures/yolov8.safetensors and ../fixtures/yolov8_names.txt: YOLOv8's networks, loss and assigner.

Run it with torch, torchvision, safetensors, opencv-python-headless and ultralytics 8.4 installed (a program beside ours
under the AGPL: nothing of it is copied here):  python prelude/tests/reference/yolov8.py
All is worked out in f64 (the default dtype is set, since the loss makes tensors of the default one). Weights come from
`values` by Ultralytics' names (model.0.conv.weight, ...), pictures from `picture`; `scaled` changes two kinds (in f32):
running variances times VARIANCE[size], and bin b of the biases of model.22.cv2.LEVEL.2 (4 sides of 16 bins) gets b / 2
less, so that boxes are some strides wide. model.22.dfl.conv.weight stays 0 to 15.
MODEL is n, s, m (6 classes); pictures MODEL/x: 3 of 96×96, with the truths of yolox.safetensors.
MODEL/raw.LEVEL      evaluation, before sigmoid and decoding (64 of the box, classes): sum of each channel over batch and
                     places, then 16 numbers of the (batch, 64 + classes, places) tensor at even places
MODEL/decoded        evaluation: for n all of picture 0 (4 + classes, anchors) as cx, cy, w, h, classes
MODEL/decoded_sums   sum of each row over batch and anchors, then 64 numbers of (batch, 4 + classes, anchors)
n/wide/...           the same three for pictures n/wide (2, 3, 96, 128)
MODEL/loss           training: [box, class, DFL], with their gains and times the batch, as v8DetectionLoss gives them
MODEL/loss_unfloored the same where small truths are not enlarged for the assignment (as before Ultralytics 8.4)
MODEL/of/NAME        after the sum of that loss (enlarged) and a step of SGD at 0.01: see from_names.step_of
tal/N/...            the assigner alone, 5 problems: boxes (x1, y1, x2, y2), scores, truths (class, cx, cy, w, h), size go
                     in; fg (anchors' numbers), gt and score (at the truth's class) come out, where the score is above 0
tal/N/unfloored/...  the same without enlarging
ciou/a, b            50 pairs (x1, y1, x2, y2), a is the prediction; ciou/value, ciou/gradient (of the sum, by a)
dfl/logits, target   (20 × 4, 16) and (20, 4); dfl/loss (20), dfl/gradient (of the sum, by the logits), dfl/mean (80)
"""
import pathlib
from types import SimpleNamespace

import torch
from safetensors.torch import load_file, save_file
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import DFLoss, v8DetectionLoss
from ultralytics.utils.metrics import bbox_iou
from ultralytics.utils.tal import TaskAlignedAssigner

from from_names import picture, places, spread, step_of, values

torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
RATE = 0.01
VARIANCE = {"n": 0.91, "s": 0.93, "m": 0.985}
FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
TRUTHS = load_file(FIXTURES / "yolox.safetensors")["truths"].double()
saved = {}


def scaled(size, name, shape):
    made = values(name, shape)
    if name.endswith("running_var"):
        made *= VARIANCE[size]
    elif name.startswith("model.22.cv2.") and name.endswith(".2.bias"):
        made -= torch.arange(64, dtype=torch.float32) % 16 / 2
    return made


def network(size):
    model = DetectionModel(f"yolov8{size}.yaml", ch=3, nc=6, verbose=False)
    model.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    return model


def reset(size, model):
    state = {k: scaled(size, k, tuple(v.shape)) for k, v in model.state_dict().items()
             if "num_batches" not in k and "dfl" not in k}
    model.load_state_dict(state, strict=False)
    model.zero_grad()
    return model.double()


def evaluate(key, model, x, whole):
    with torch.no_grad():
        decoded, out = model.eval()(x)
    raw, start = torch.cat([out["boxes"], out["scores"]], 1), 0
    for k, stride in enumerate((8, 16, 32)):
        count = x.shape[2] // stride * (x.shape[3] // stride)
        level, start = raw[:, :, start:start + count].contiguous(), start + count
        saved[f"{key}/raw.{k}"] = torch.cat([level.sum((0, 2)), places(level, 16)]).float()
    if whole:
        saved[f"{key}/decoded"] = decoded[0].float()
    saved[f"{key}/decoded_sums"] = torch.cat([decoded.sum((0, 2)), places(decoded, 64)]).float()
    print(f"{key}: logits of classes vary by {out['scores'].std(2).mean():.2f} over places, of boxes by "
          f"{out['boxes'].std(2).mean():.2f}; w, h {decoded[:, 2:4].min():.1f} to {decoded[:, 2:4].max():.1f}, classes "
          f"{decoded[:, 4:].min():.3f} to {decoded[:, 4:].max():.3f}")


def loss(model, x, floor=True):
    criterion = v8DetectionLoss(model)
    if not floor:
        criterion.assigner.stride_val = 0
    rows = [(i, truth) for i, truths in enumerate(TRUTHS) for truth in truths if truth.sum() > 0]
    side = torch.tensor([x.shape[3], x.shape[2]] * 2)
    batch = {"batch_idx": torch.tensor([float(i) for i, _ in rows]), "cls": torch.stack([t[0] for _, t in rows]),
             "bboxes": torch.stack([t[1:] / side for _, t in rows])}
    keep = {}
    criterion.assigner.register_forward_hook(
        lambda m, args, out: keep.update(fg=out[3].sum().item(), scores=out[2].sum().item()))
    return criterion(model.train()(x), batch)[0], keep


def run(size):
    model = reset(size, network(size))
    x = picture(f"{size}/x", (3, 3, 96, 96))
    evaluate(size, model, x, size == "n")
    if size == "n":
        evaluate("n/wide", model, picture("n/wide", (2, 3, 96, 128)), True)
    parts, keep = loss(model, x, floor=False)
    saved[f"{size}/loss_unfloored"] = parts.detach().float()
    print(size, "unfloored", parts.detach().numpy(), keep)
    reset(size, model)
    parts, keep = loss(model, x)
    saved[f"{size}/loss"] = parts.detach().float()
    print(size, parts.detach().numpy(), keep, flush=True)
    parts.sum().backward()
    saved.update({f"{size}/of/{name}": kept for name, kept in step_of(model, RATE).items()})


def xyxy(boxes):
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def tal(number, height, width, truths, noise):
    """Predictions as in yolox_net.py's simota: each anchor near a truth (or anything, one in four)."""
    key, truths = f"tal/{number}", torch.tensor(truths, dtype=torch.float64)
    centre, stride = [], []
    for s in (8, 16, 32):
        y, x = torch.meshgrid(torch.arange(height // s), torch.arange(width // s), indexing="ij")
        centre.append((torch.stack([x.flatten(), y.flatten()], 1) + 0.5) * s)
        stride.append(torch.full((len(centre[-1]), 2), float(s)))
    centre, stride = torch.cat(centre), torch.cat(stride)
    count = len(centre)
    to = ((centre[:, None] - truths[None, :, 1:3]) / (truths[None, :, 3:] + 8)).norm(dim=-1)
    aim = truths[(to + spread(f"{key}/aim", (count, len(truths)), 0.4)).argmin(1)]
    wild = spread(f"{key}/wild", (count, 1)) > 0.5
    own = torch.cat([centre + spread(f"{key}/own", (count, 2), 8), stride], 1)
    boxes = torch.where(wild, own, aim[:, 1:] + spread(f"{key}/noise", (count, 4), noise) * aim[:, 3:].repeat(1, 2))
    boxes[:, 2:] = boxes[:, 2:].clamp(min=1)
    logits = spread(f"{key}/cls", (count, 6), 3)
    logits[range(count), aim[:, 0].long()] += 1.5
    # numbers that f32 holds exactly
    boxes, scores = xyxy(boxes).float(), logits.sigmoid().float()
    saved[f"{key}/boxes"], saved[f"{key}/scores"] = boxes, scores
    saved[f"{key}/truths"], saved[f"{key}/size"] = truths.float(), torch.tensor([height, width])
    for name, floor in ((key, 16), (f"{key}/unfloored", 0)):
        assigner = TaskAlignedAssigner(topk=10, num_classes=6, alpha=0.5, beta=6.0, stride=[8, 16, 32])
        assigner.stride_val = floor
        _, _, target, fg, gt = assigner(scores[None].double(), boxes[None].double(), centre, truths[None, :, :1],
                                        xyxy(truths[None, :, 1:]), torch.ones(1, len(truths), 1))
        score = target[0].sum(1)
        numbers = (score > 0).nonzero().flatten()
        saved[f"{name}/fg"], saved[f"{name}/gt"] = numbers, gt[0][numbers].long()
        saved[f"{name}/score"] = score[numbers].float()
        print(f"{name}: {len(numbers)} anchors ({fg.sum()} with those of score 0), "
              f"taken {torch.bincount(gt[0][numbers], minlength=len(truths)).tolist()}", flush=True)


def ciou():
    a = torch.cat([spread("ciou/a", (50, 2), 20) + 30, spread("ciou/a.size", (50, 2), 12) + 15], 1)
    b = torch.cat([spread("ciou/b", (50, 2), 12) + 30, spread("ciou/b.size", (50, 2), 14) + 18], 1)
    b[:12] = a[:12] + spread("ciou/near", (12, 4), 2)  # nearly the same
    b[12:20, :2] = a[12:20, :2] + spread("ciou/within", (8, 2), 0.5)  # one within the other
    b[12:16, 2:], b[16:20, 2:] = a[12:16, 2:] * 1.5, a[16:20, 2:] * 0.5
    b[20:26, :2] += 90  # far away
    a[26:28, 2:] = torch.tensor([[1e-3, 20.0], [20.0, 1e-3]])  # all but without a side
    a, b = xyxy(a).float(), xyxy(b).float()
    x = a.double().requires_grad_()
    value = bbox_iou(x, b.double(), xywh=False, CIoU=True).squeeze(-1)
    value.sum().backward()
    saved.update({"ciou/a": a, "ciou/b": b, "ciou/value": value.detach().float(), "ciou/gradient": x.grad.float()})


def dfl():
    logits = spread("dfl/logits", (80, 16), 3).float()
    target = (spread("dfl/target", (20, 4), 7.6) + 7.5).float()
    target[0] = torch.tensor([0.0, 3.0, 14.0, 15.0])  # whole numbers, and one to be cut to 14.99
    target[1] = torch.tensor([-2.0, 20.0, 14.99, 14.995])
    x = logits.double().requires_grad_()
    value = DFLoss(16)(x, target.double()).squeeze(-1)
    value.sum().backward()
    mean = x.detach().softmax(1) @ torch.arange(16.0)
    saved.update({"dfl/logits": logits, "dfl/target": target, "dfl/loss": value.detach().float(),
                  "dfl/gradient": x.grad.float(), "dfl/mean": mean.float()})


PARTS = {0: "net.b1.0", 1: "net.b1.1", 2: "net.b2.0", 3: "net.b2.1", 4: "net.b2.2", 5: "net.b3.0", 6: "net.b3.1",
         7: "net.b4.0", 8: "net.b4.1", 9: "net.b5.0", 12: "fpn.n1", 15: "fpn.n2", 16: "fpn.n3", 18: "fpn.n4",
         19: "fpn.n5", 21: "fpn.n6", 22: "head"}


def names():
    """Ultralytics' names beside those of candle-examples' yolo-v8, of YOLOv8n with 80 classes."""
    state = DetectionModel("yolov8n.yaml", ch=3, nc=80, verbose=False).state_dict()
    lines = ["# YOLOv8n, 80 classes: Ultralytics' name, candle's (lmz/candle-yolo-v8), shape of .weight;",
             "# \"bn\": .conv.weight of that shape, with .bn.{weight,bias,running_mean,running_var} of its first number;",
             "# \"bias\": .weight of that shape and .bias; \"alone\": .weight only. bn.num_batches_tracked is ignored."]
    for key, value in state.items():
        if not key.endswith("weight") or key.endswith("bn.weight"):
            continue
        module = key.removesuffix(".weight")
        kind = "bias" if f"{module}.bias" in state else "alone"
        if f"{module.removesuffix('conv')}bn.weight" in state:
            module, kind = module.removesuffix(".conv"), "bn"
        _, number, *rest = module.split(".")
        there = ".".join([PARTS[int(number)]] + ["bottleneck" if part == "m" else part for part in rest])
        lines.append(f"{module} {there} {'x'.join(map(str, value.shape))} {kind}")
    (FIXTURES / "yolov8_names.txt").write_text("\n".join(lines) + "\n")


def main():
    for size in ("n", "s", "m"):
        run(size)
    tal(0, 96, 96, [[1, 30, 34, 28, 36], [4, 38, 38, 30, 24], [0, 70, 66, 14, 40]], 0.15)
    tal(1, 96, 96, [[k % 6, 46 + 3 * (k % 3), 45 + 4 * (k // 3), 26 + k, 30 - k] for k in range(7)], 0.3)
    tal(2, 96, 128, [[0, 13, 13, 3, 4], [1, 15, 14, 4, 3], [2, 100, 60, 5, 5], [3, 64, 48, 2, 2], [4, 60, 50, 60, 50]], 0.2)
    # the second truth holds no anchor's centre, and one lies outside of the picture
    tal(3, 96, 96, [[2, 40, 40, 40, 40], [3, 26, 70, 3, 3], [2, 44, 44, 60, 50], [1, 180, 48, 20, 20]], 0.1)
    tal(4, 96, 128, [[5, 64, 48, 124, 92], [1, 64, 48, 40, 40], [2, 64, 48, 40, 40], [3, 58, 44, 12, 10],
                     [3, 72, 52, 12, 10], [0, 20, 70, 30, 30]], 0.25)
    ciou()
    dfl()
    names()
    path = FIXTURES / "yolov8.safetensors"
    save_file({k: v.contiguous() for k, v in saved.items()}, path)
    print(f"{path}: {len(saved)} tensors, {path.stat().st_size} bytes, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
