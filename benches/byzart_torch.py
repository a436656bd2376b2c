"""Fine-tunes YOLOX-nano, trained on COCO, on icons with boxes: the peer in PyTorch of the same story in Rust.

Run it with torch, torchvision, pycocotools, opencv-python-headless, safetensors and yolox-datamint 0.3.1 installed:
  python byzart_torch.py WEIGHTS.safetensors FOLDER [--epochs 12 --frozen 2 --rate 2e-3 ...]
FOLDER holds train, valid and test in Pascal VOC; byzart_classes.json beside this file says which names make which of six
classes (names that it lacks are dropped). Networks, loss, assignment and NMS are YOLOX's own. Decoded pictures stay in
memory. Prints one JSON line: AP before (COCO's person against figures), AP after, seconds.
"""
import argparse
import contextlib
import io
import json
import math
import pathlib
import random
import time
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from safetensors.torch import load_file
from torch import nn
from yolox.data.data_augment import augment_hsv, random_affine
from yolox.exp import get_exp
from yolox.utils import postprocess

NAMES = json.loads((pathlib.Path(__file__).parent / "byzart_classes.json").read_text())
CLASSES = NAMES["classes"]
KEPT = 480  # side of the training pictures in memory when they are augmented

parser = argparse.ArgumentParser()
parser.add_argument("weights")
parser.add_argument("folder")
parser.add_argument("--epochs", type=int, default=12, help="in all, those with a frozen backbone too")
parser.add_argument("--frozen", type=int, default=0, help="first epochs in which backbone.backbone stands still")
parser.add_argument("--rate", type=float, default=2e-3)
parser.add_argument("--frozen-rate", type=float, default=None, help="rate of the frozen epochs; else --rate")
parser.add_argument("--backbone", type=float, default=1.0, help="factor on the rate of backbone.backbone")
parser.add_argument("--optimiser", choices=["sgd", "adamw"], default="adamw")
parser.add_argument("--decay", type=float, default=None, help="of weights of convolutions; 5e-4 for sgd, 0.05 for adamw")
parser.add_argument("--bn", choices=["frozen", "affine", "measured"], default="measured",
                    help="frozen: neither trained nor moved; affine: weight and bias are trained; measured: set from "
                         "pictures so that nothing changes, then trained with moving statistics")
parser.add_argument("--augment", choices=["none", "light", "mosaic"], default="light")
parser.add_argument("--plain", type=int, default=2, help="last epochs without mosaic and with the L1 loss")
parser.add_argument("--person", action="store_true", help="start figure and book from COCO's person and book")
parser.add_argument("--ema", type=float, default=0.0, help="decay of an average of the weights; 0 is none")
parser.add_argument("--side", type=int, default=320)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--before", action="store_true", help="only what COCO's weights find before any training, at --side")


def read(folder, side):
    """(BGR picture, boxes as x1, y1, x2, y2, class) of a split; pictures squared to `side`, 0 leaves them."""
    found = []
    for path in sorted(folder.glob("*.xml")):
        image = cv2.imread(str(path.with_suffix(".jpg")))
        boxes = []
        for thing in ET.parse(path).iter("object"):
            name = NAMES["names"].get(thing.findtext("name"))
            if name:
                corners = [float(thing.find("bndbox").findtext(k)) for k in ("xmin", "ymin", "xmax", "ymax")]
                boxes.append(corners + [CLASSES.index(name)])
        boxes = np.array(boxes, dtype=np.float64).reshape(-1, 5)
        if side:
            boxes[:, [0, 2]] *= side / image.shape[1]
            boxes[:, [1, 3]] *= side / image.shape[0]
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        found.append((image, boxes))
    return found


def network(classes, weights):
    exp = get_exp(exp_name="yolox-nano")
    exp.num_classes = classes
    model = exp.get_model()
    # the file's variances are 1 - 1e-5, as if its BatchNorms had PyTorch's epsilon: with YOLOX's 1e-3 they are to be
    weights = {k: torch.full_like(v, 1 - 1e-3) if k.endswith("running_var") else v for k, v in weights.items()}
    if classes != 80:
        weights = {k: v for k, v in weights.items() if "cls_preds" not in k}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all("num_batches" in k or "cls_preds" in k for k in missing)
    return model


def norms(model):
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


def measure(model, pictures):
    """Gives each BatchNorm the statistics of its input, and the weight and bias under which evaluation is as before."""
    before = model.eval()(pictures[:2]).detach()

    def hook(bn, args):
        x = args[0]
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        bn.running_mean.copy_(mean), bn.running_var.copy_(var)
        bn.weight.copy_((var + bn.eps).sqrt()), bn.bias.add_(mean)

    with torch.no_grad():
        hooks = [bn.register_forward_pre_hook(hook) for bn in norms(model)]
        model(pictures)
        for each in hooks:
            each.remove()
        off = (model(pictures[:2]) - before).abs() / before.abs().clamp(min=1)
    assert off.max() < 0.01, off.max()


def clipped(boxes, areas, side):
    """Boxes within the picture, without those of which less than a fifth is left or that are under 2 pixels."""
    boxes[:, :4] = boxes[:, :4].clip(0, side)
    size = boxes[:, 2:4] - boxes[:, :2]
    return boxes[(size.min(1) > 2) & (size.prod(1) >= 0.2 * areas)]


def warped(image, boxes, side, scales, shift):
    scale = random.uniform(*scales) * side / image.shape[0]
    x, y = (side - image.shape[0] * scale) / 2 + np.array([random.uniform(-shift, shift) * side for _ in range(2)])
    image = cv2.warpAffine(image, np.array([[scale, 0, x], [0, scale, y]]), (side, side), borderValue=(114, 114, 114))
    boxes = boxes.copy()
    boxes[:, :4] = boxes[:, :4] * scale + [x, y, x, y]
    return image, clipped(boxes, (boxes[:, 2:4] - boxes[:, :2]).prod(1), side)


def mosaic(data, index, side):
    """Four pictures around a point, then a part of it: as YOLOX's, without rotation and shear."""
    full, all_boxes = np.full((2 * side, 2 * side, 3), 114, np.uint8), []
    cx, cy = (int(random.uniform(0.5 * side, 1.5 * side)) for _ in range(2))
    for k, one in enumerate([index] + random.choices(range(len(data)), k=3)):
        image, boxes = data[one]
        boxes = boxes * ([side / image.shape[0]] * 4 + [1])
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        x, y = cx - side * (k % 2 == 0), cy - side * (k < 2)
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + side, 2 * side), min(y + side, 2 * side)
        full[y1:y2, x1:x2] = image[y1 - y:y2 - y, x1 - x:x2 - x]
        boxes[:, :4] += [x, y, x, y]
        all_boxes.append(clipped(boxes, (boxes[:, 2:4] - boxes[:, :2]).prod(1), 2 * side))
    boxes = np.concatenate(all_boxes)
    scale = random.uniform(0.5, 1.5)
    at = [side / 2 - scale * side + random.uniform(-0.1, 0.1) * side for _ in range(2)]
    image = cv2.warpAffine(full, np.array([[scale, 0, at[0]], [0, scale, at[1]]]), (side, side),
                           borderValue=(114, 114, 114))
    boxes[:, :4] = boxes[:, :4] * scale + at * 2
    return image, clipped(boxes, (boxes[:, 2:4] - boxes[:, :2]).prod(1), side)


def sample(data, index, side, augment):
    image, boxes = data[index]
    if augment == "none":
        boxes = boxes * ([side / image.shape[0]] * 4 + [1])
        return (image if image.shape[0] == side else cv2.resize(image, (side, side))), boxes
    image, boxes = mosaic(data, index, side) if augment == "mosaic" else warped(image, boxes, side, (0.7, 1.3), 0.1)
    augment_hsv(image)
    if random.random() < 0.5:
        image = image[:, ::-1]
        boxes[:, [0, 2]] = side - boxes[:, [2, 0]]
    return image, boxes


def batch_of(data, indices, side, augment):
    pictures = np.empty((len(indices), 3, side, side), np.float32)
    truths = torch.zeros(len(indices), 120, 5)
    for k, index in enumerate(indices):
        image, boxes = sample(data, index, side, augment)
        pictures[k] = image.transpose(2, 0, 1)
        boxes = torch.from_numpy(boxes[:120])
        truths[k, :len(boxes)] = torch.cat(
            [boxes[:, 4:], (boxes[:, :2] + boxes[:, 2:4]) / 2, boxes[:, 2:4] - boxes[:, :2]], 1)
    return torch.from_numpy(pictures), truths


def evaluate(model, data, side, classes, only_person=False):
    """[AP, AP50] by pycocotools, score 0.01, NMS 0.65, as YOLOX's evaluator; AP50 of each class."""
    model.eval()
    truths, guesses = [], []
    for i in range(0, len(data), 16):
        part = data[i:i + 16]
        pictures = np.stack([cv2.resize(image, (side, side)) for image, _ in part]).transpose(0, 3, 1, 2)
        with torch.no_grad():
            found = postprocess(model(torch.from_numpy(pictures.astype(np.float32))), model.head.num_classes, 0.01, 0.65)
        for k, ((image, boxes), out) in enumerate(zip(part, found)):
            scale = side / image.shape[0]
            for x1, y1, x2, y2, c in boxes:
                truths.append({"id": len(truths) + 1, "image_id": i + k, "category_id": int(c), "iscrowd": 0,
                               "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
            for x1, y1, x2, y2, obj, cls, c in ([] if out is None else out.tolist()):
                if not only_person or c == 0:
                    guesses.append({"image_id": i + k, "category_id": int(c), "score": obj * cls,
                                    "bbox": [x1 / scale, y1 / scale, (x2 - x1) / scale, (y2 - y1) / scale]})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": i} for i in range(len(data))], "annotations": truths,
                        "categories": [{"id": k} for k in range(classes)]}
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(guesses), "bbox")
        judge.evaluate(), judge.accumulate(), judge.summarize()
    each = {CLASSES[k]: round(float(judge.eval["precision"][0, :, k, 0, 2].mean()), 4) for k in range(classes)}
    return round(float(judge.stats[0]), 4), round(float(judge.stats[1]), 4), each


def one_cycle(done, rise=0.25, div=25.0, final=1e5):
    """fastai's fit_one_cycle: the factor on the rate, and the momentum."""
    cosine = lambda a, b, part: a + (1 + math.cos(math.pi * (1 - part))) * (b - a) / 2
    if done < rise:
        return cosine(1 / div, 1, done / rise), cosine(0.95, 0.85, done / rise)
    part = (done - rise) / (1 - rise)
    return cosine(1, 1 / final, part), cosine(0.85, 0.95, part)


def optimiser(model, args, rate):
    decay = args.decay if args.decay is not None else {"sgd": 5e-4, "adamw": 0.05}[args.optimiser]
    groups = {}
    for name, param in model.named_parameters():
        if param.requires_grad:
            own = rate * (args.backbone if name.startswith("backbone.backbone") else 1)
            groups.setdefault((own, decay if param.dim() > 1 else 0.0), []).append(param)
    groups = [{"params": p, "lr": lr, "top": lr, "weight_decay": wd} for (lr, wd), p in groups.items()]
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True) if args.optimiser == "sgd" else \
        torch.optim.AdamW(groups, lr=rate)


def train(model, data, args, log):
    steps = len(data) // args.batch
    average = {k: v.clone() for k, v in model.state_dict().items()} if args.ema else None
    phases = [(args.frozen, True), (args.epochs - args.frozen, False)]
    epoch = count = 0
    for epochs, frozen in phases:
        if not epochs:
            continue
        for name, param in model.named_parameters():
            fixed = args.bn == "frozen" and ".bn." in name
            param.requires_grad_(not fixed and not (frozen and name.startswith("backbone.backbone")))
        rate = args.frozen_rate if frozen and args.frozen_rate else args.rate
        optim = optimiser(model, args, rate)
        for k in range(epochs):
            start, total = time.time(), 0.0
            plain = epoch >= args.epochs - args.plain
            model.head.use_l1 = plain
            augment = "light" if args.augment == "mosaic" and plain else args.augment
            model.train()
            for bn in norms(model.backbone.backbone if frozen and args.bn == "measured" else model):
                bn.train(args.bn == "measured" and not frozen)
            order = random.sample(range(len(data)), len(data))
            for step in range(steps):
                factor, momentum = one_cycle((k * steps + step) / (epochs * steps))
                for group in optim.param_groups:
                    group["lr"] = group["top"] * factor
                    group.update({"momentum": momentum} if args.optimiser == "sgd" else {"betas": (momentum, 0.99)})
                x, truths = batch_of(data, order[step * args.batch:(step + 1) * args.batch], args.side, augment)
                loss = model(x, truths)["total_loss"]
                optim.zero_grad()
                loss.backward()
                optim.step()
                total += loss.item()
                count += 1
                if average:
                    decay = args.ema * (1 - math.exp(-count / 50))
                    for key, value in model.state_dict().items():
                        if value.is_floating_point():
                            average[key].mul_(decay).add_(value, alpha=1 - decay)
            epoch += 1
            log.append(round(time.time() - start, 1))
            print(f"epoch {epoch}: loss {total / steps:.3f}, {log[-1]} s", flush=True)
    if average:
        model.load_state_dict(average)


def main():
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    random.seed(args.seed), np.random.seed(args.seed), torch.manual_seed(args.seed)
    folder, weights = pathlib.Path(args.folder), load_file(args.weights)
    valid, test = read(folder / "valid", 0), read(folder / "test", 0)
    if args.before:
        figures = [[(image, boxes[boxes[:, 4] == 0]) for image, boxes in split] for split in (valid, test)]
        model = network(80, weights)
        print(json.dumps({"side": args.side, **{name: evaluate(model, split, args.side, 1, True)[:2]
                                                for name, split in zip(("valid", "test"), figures)}}))
        return
    data = read(folder / "train", KEPT if args.augment != "none" else args.side)
    start, cpu, log = time.time(), time.process_time(), []
    model = network(len(CLASSES), weights)
    if args.person:
        for k in range(3):
            for ours, coco in ((0, 0), (3, 73)):
                for part in ("weight", "bias"):
                    getattr(model.head.cls_preds[k], part).data[ours] = weights[f"head.cls_preds.{k}.{part}"][coco]
    if args.bn == "measured":
        measure(model, batch_of(data, random.sample(range(len(data)), 32), args.side, "none")[0])
    train(model, data, args, log)
    trained, used = time.time() - start, time.process_time() - cpu
    print(json.dumps({"valid": evaluate(model, valid, args.side, 6), "test": evaluate(model, test, args.side, 6),
                      "seconds": round(trained, 1), "cpu_seconds": round(used, 1), "epochs": log,
                      "evaluation_seconds": round(time.time() - start - trained, 1), "settings": vars(args)}))


main()
