"""Writes ../fixtures/yolox.safetensors: YOLOX's networks, loss and SimOTA, from YOLOX's own code.

Run it with torch, torchvision, safetensors, opencv-python-headless, loguru, tabulate, psutil, pycocotools and
(--no-deps) yolox-datamint 0.3.1 installed:  python prelude/tests/reference/yolox_net.py
(Not named yolox.py, which would hide the package.) All is worked out in f64. Weights come from `values` by YOLOX's
published names, pictures from `picture`; `scaled` changes three kinds (in f32, as `values`), so that evaluation neither
fades nor bursts with depth and that truths find several anchors: running variances times VARIANCE[size], the weights of
head.cls_preds and head.obj_preds times 2, and 1 more for w and h (2 and 3 of the 4) in the biases of head.reg_preds.
What `initialize_biases` sets is overwritten.
MODEL is nano, tiny, s (6 classes), nano80 (80 classes); pictures MODEL/x: 3 of 96×96.
MODEL/raw.LEVEL      evaluation, before sigmoid and decoding (box 4, objectness, classes): sum of each channel over batch
                     and places, then 16 numbers of the (batch, 5 + classes, rows, columns) tensor at even places
MODEL/decoded        evaluation: for nano all of picture 0 (anchors, 5 + classes) as cx, cy, w, h, objectness, classes;
MODEL/decoded_sums   sum of each column over batch and anchors, then 64 numbers of (batch, anchors, 5 + classes)
nano/wide/...        the same three for pictures nano/wide (2, 3, 96, 128)
MODEL/loss           training, L1 on: [total, 5 × IoU loss, objectness, classes, L1, foreground anchors a truth]
MODEL/near/loss      the same under YOLOX's later rule: candidates within 1.5 strides of a centre, and only those
MODEL/loss_without_l1  the same with L1 off, from the same weights and statistics
MODEL/of/NAME        after that loss (L1 on) and a step of SGD at 0.01: see from_names.step_of
MODEL/without_l1/NAME  for head.reg_preds: norm of the gradient and four of it with L1 off
nano/wide/loss       training on the 2 oblong pictures with the truths of pictures 0 and 2
truths               (3, 9, 5): class, cx, cy, w, h; rows of zeros are none
simota/N/...         5 problems: boxes, obj, cls (logits), truths go in; fg (anchors' numbers), gt (their truth),
                     class, iou come out; the anchors are those of a picture of simota/N/size (height, width)
simota/N/near/...    the same problems under YOLOX's later rule: candidates within 1.5 strides of a centre, and only those
"""
import pathlib

import torch
from safetensors.torch import save_file
from yolox.exp import get_exp
from yolox.models import YOLOXHead

from from_names import four, one, picture, places, spread, step_of, values

torch.set_num_threads(2)
RATE = 0.01
VARIANCE = {"nano": 0.93, "tiny": 0.96, "s": 0.925}
# class, centre and size: overlapping boxes of two classes, none, and many (crowded, tiny, large, at the border)
TRUTHS = torch.tensor([
    [[1, 30, 34, 28, 36], [4, 38, 38, 30, 24], [0, 70, 66, 14.5, 40]] + [[0] * 5] * 6,
    [[0] * 5] * 9,
    [[5, 20, 20, 24, 24], [2, 24, 22, 24, 20], [2, 22, 26, 18, 30], [3, 60, 24, 40, 20], [0, 62, 30, 12, 12],
     [1, 48, 48, 90, 88], [4, 8, 80, 16, 30], [5, 78.5, 76, 6, 5], [2, 90, 90, 20, 18]],
], dtype=torch.float64)
saved = {"truths": TRUTHS.float()}
margins = []


class Watched(YOLOXHead):
    """Measures how far each choice of the assignment is from going the other way."""

    def dynamic_k_matching(self, cost, ious, *args):
        sums = ious.topk(min(10, ious.shape[1]), dim=1).values.sum(1)
        margins.append(("k", ((sums + 0.5) % 1 - 0.5).abs()[sums > 0.5].min().item()))
        for row, k in zip(cost.sort(1).values, sums.int().clamp(min=1).tolist()):
            if k < len(row):
                margins.append(("cost", (row[k] - row[k - 1]).item()))
        self.ks = sums.int().clamp(min=1).tolist()
        return super().dynamic_k_matching(cost, ious, *args)


class Near(Watched):
    """The rule of YOLOX's later versions: only anchors within 1.5 strides of a centre are candidates."""

    def get_in_boxes_info(self, truths, strides, x_shifts, y_shifts, total, count):
        centre = torch.stack([x_shifts[0] + 0.5, y_shifts[0] + 0.5], 1) * strides[0][:, None]
        near = ((centre[None] - truths[:, None, :2]).abs() < 1.5 * strides[0][None, :, None]).all(-1)
        return near.any(0), near[:, near.any(0)]


def network(size, classes):
    exp = get_exp(exp_name=f"yolox-{size}")
    exp.num_classes = classes
    model = exp.get_model()
    model.head.__class__ = Watched
    return model


def scaled(size, name, shape):
    made = values(name, shape)
    if name.endswith("running_var"):
        made *= VARIANCE[size]
    elif name.startswith(("head.cls_preds", "head.obj_preds")) and name.endswith("weight"):
        made *= 2
    elif name.startswith("head.reg_preds") and name.endswith("bias"):
        made[2:] += 1
    return made


def reset(size, model):
    state = {k: scaled(size, k, tuple(v.shape)) for k, v in model.state_dict().items() if "num_batches" not in k}
    model.load_state_dict(state, strict=False)
    model.zero_grad()
    return model.double()


def evaluate(key, model, x, whole):
    """Raw outputs by hooks on the last convolutions, then the decoded output."""
    head, found = model.head, {}
    hooks = [conv.register_forward_hook(lambda m, i, out, at=(part, k): found.__setitem__(at, out.detach().clone()))
             for part in ("reg", "obj", "cls") for k, conv in enumerate(getattr(head, f"{part}_preds"))]
    model.eval()
    with torch.no_grad():
        decoded = model(x)
    for hook in hooks:
        hook.remove()
    for k in range(3):
        raw = torch.cat([found[part, k] for part in ("reg", "obj", "cls")], 1)
        saved[f"{key}/raw.{k}"] = torch.cat([raw.sum((0, 2, 3)), places(raw, 16)]).float()
    if whole:
        saved[f"{key}/decoded"] = decoded[0].float()
    saved[f"{key}/decoded_sums"] = torch.cat([decoded.sum((0, 1)), places(decoded, 64)]).float()
    boxes = decoded[..., 2:4]
    features = torch.cat([found["cls", k].flatten(2) for k in range(3)], 2)
    print(f"{key}: logits of classes vary by {features.std(2).mean():.2f} over places; "
          f"w, h {boxes.min():.2f} to {boxes.max():.2f}, objectness {decoded[..., 4].min():.3f} to "
          f"{decoded[..., 4].max():.3f}, classes {decoded[..., 5:].min():.3f} to {decoded[..., 5:].max():.3f}")


def loss(model, x, truths, l1):
    model.train()
    model.head.use_l1 = l1
    out = model(x, truths)
    parts = ["total_loss", "iou_loss", "conf_loss", "cls_loss", "l1_loss", "num_fg"]
    return out["total_loss"], torch.cat([one(out[part]) for part in parts])


def run(size, classes, steps=True):
    key = size if classes == 6 else f"{size}{classes}"
    model = reset(size, network(size, classes))
    x = picture(f"{key}/x", (3, 3, 96, 96))
    evaluate(key, model, x, size == "nano" and classes == 6)
    if key == "nano":
        evaluate("nano/wide", model, picture("nano/wide", (2, 3, 96, 128)), True)
        _, saved["nano/wide/loss"] = loss(model, picture("nano/wide", (2, 3, 96, 128)), TRUTHS[[0, 2]], True)
        print("nano/wide", saved["nano/wide/loss"].numpy())
        reset(size, model)
    total, parts = loss(model, x, TRUTHS, False)
    saved[f"{key}/loss_without_l1"] = parts.float()
    if steps:
        total.backward()
        for name, param in model.named_parameters():
            if "head.reg_preds" in name:
                saved[f"{key}/without_l1/{name}"] = torch.cat([one(param.grad.norm()), four(param.grad)]).float()
    model.head.__class__ = Near
    reset(size, model)
    saved[f"{key}/near/loss"] = loss(model, x, TRUTHS, True)[1].float()
    model.head.__class__ = Watched
    reset(size, model)
    total, parts = loss(model, x, TRUTHS, True)
    saved[f"{key}/loss"] = parts.float()
    print(key, parts.numpy(), "wanted of the last picture", model.head.ks, flush=True)
    if steps:
        total.backward()
        saved.update({f"{key}/of/{name}": kept for name, kept in step_of(model, RATE).items()})


def places_of_anchors(height, width):
    grids = []
    for stride in (8, 16, 32):
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        grids.append(torch.stack([x.flatten(), y.flatten(), torch.full_like(x.flatten(), stride)], 1))
    return torch.cat(grids).double()


def simota(number, height, width, truths, noise):
    """Predictions: each anchor near a truth (or anything, one in four), off by `noise` of its size."""
    key, truths = f"simota/{number}", torch.tensor(truths, dtype=torch.float64)
    anchors = places_of_anchors(height, width)
    count = len(anchors)
    centre = (anchors[:, :2] + 0.5) * anchors[:, 2:]
    to = ((centre[:, None] - truths[None, :, 1:3]) / (truths[None, :, 3:] + 8)).norm(dim=-1)
    aim = truths[(to + spread(f"{key}/aim", (count, len(truths)), 0.4)).argmin(1)]
    wild = spread(f"{key}/wild", (count, 1)) > 0.5
    own = torch.cat([centre + spread(f"{key}/own", (count, 2), 8), anchors[:, 2:].repeat(1, 2)], 1)
    size = aim[:, 3:].repeat(1, 2)
    boxes = torch.where(wild, own, aim[:, 1:] + spread(f"{key}/noise", (count, 4), noise) * size)
    boxes[:, 2:] = boxes[:, 2:].clamp(min=1)
    # numbers that f32 holds exactly, so that f64 here and there starts from the same ones
    boxes, obj, cls = boxes.float(), spread(f"{key}/obj", (count, 1), 3).float(), spread(f"{key}/cls", (count, 6), 3)
    cls[range(count), aim[:, 0].long()] += 1.5
    saved[f"{key}/boxes"], saved[f"{key}/obj"], saved[f"{key}/cls"] = boxes, obj, cls.float()
    saved[f"{key}/truths"], saved[f"{key}/size"] = truths.float(), torch.tensor([height, width])
    b, o, c = (t[None].double() for t in (boxes, obj, cls.float()))
    for made, name in ((Watched, key), (Near, f"{key}/near")):
        head = made(6, 0.25)
        classes, fg, ious, gts, found = head.get_assignments(
            0, len(truths), count, truths[:, 1:], truths[:, 0], b[0], anchors[None, :, 2], anchors[None, :, 0],
            anchors[None, :, 1], c, b, o, None, None)
        numbers = fg.nonzero().flatten()
        saved[f"{name}/fg"], saved[f"{name}/gt"] = numbers, gts
        saved[f"{name}/class"], saved[f"{name}/iou"] = classes.long(), ious.float()
        taken = torch.bincount(gts, minlength=len(truths)).tolist()
        print(f"{name}: {found} of {count} anchors, wanted {head.ks}, taken {taken}", flush=True)


for size in ("nano", "tiny", "s"):
    run(size, 6)
run("nano", 80, steps=False)
simota(0, 96, 96, [[1, 30, 34, 28, 36], [4, 38, 38, 30, 24], [0, 70, 66, 14, 40]], 0.15)
# a crowd: seven truths that compete for the same anchors
simota(1, 96, 96, [[k % 6, 46 + 3 * (k % 3), 45 + 4 * (k // 3), 26 + k, 30 - k] for k in range(7)], 0.3)
# tiny boxes, two of them within one place of an anchor
simota(2, 96, 128, [[0, 13, 13, 3, 4], [1, 15, 14, 4, 3], [2, 100, 60, 5, 5], [3, 64, 48, 2, 2], [4, 60, 50, 60, 50]], 0.2)
# the second truth lies far outside of the picture: no anchor is a candidate for it, it takes another's cheapest
simota(3, 96, 96, [[2, 40, 40, 40, 40], [3, -120, 48, 20, 20], [2, 44, 44, 60, 50], [0, 94, 94, 30, 30]], 0.1)
# one truth over all, twice the same box with two classes, and small ones within
simota(4, 96, 128, [[5, 64, 48, 124, 92], [1, 64, 48, 40, 40], [2, 64, 48, 40, 40], [3, 58, 44, 12, 10],
                    [3, 72, 52, 12, 10], [0, 20, 70, 30, 30]], 0.25)
for kind in ("k", "cost"):
    print(f"nearest {kind}: {min(m for k, m in margins if k == kind):.2e}")

path = pathlib.Path(__file__).parent.parent / "fixtures" / "yolox.safetensors"
save_file({k: v.contiguous() for k, v in saved.items()}, path)
print(f"{path}: {len(saved)} tensors, {path.stat().st_size} bytes, PyTorch {torch.__version__}")
