"""Writes ../fixtures/suppression.json: what torchvision keeps of overlapping boxes, and Soft-NMS by a plain numpy version.

Run it with torch, torchvision and numpy installed:  python prelude/tests/reference/suppression.py
A case has boxes (left, top, right, bottom), scores, classes and an IoU; `nms` and `batched_nms` are the indices that
torchvision.ops keep, in their order. `soft` has, for `linear` and `gaussian`, the indices and the scores in the order they were
taken, by Bodla et al. 2017 (without its pixel of width), within each class, until a score is below 0.001.
"""
import json
import pathlib

import numpy as np
import torch
from torchvision.ops import batched_nms, nms


def overlap(a, b):
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    both = sides.prod()
    either = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both
    return both / either if either > 0 else 0.0


def soft(boxes, scores, classes, decay, least=0.001):
    boxes, scores = boxes.astype(np.float64), scores.astype(np.float64)
    left, taken = list(range(len(boxes))), []
    while left:
        at = max(left, key=lambda i: (scores[i], -i))
        if scores[at] < least:
            break
        left.remove(at)
        taken.append((at, float(scores[at])))
        for i in left:
            if classes[i] == classes[at]:
                scores[i] *= decay(overlap(boxes[at], boxes[i]))
    return {"indices": [i for i, _ in taken], "scores": [s for _, s in taken]}


rng = np.random.default_rng(20261126)
cases = []
for count, classes, iou, decimals in [(1, 1, 0.5, 3), (40, 1, 0.5, 4), (60, 3, 0.3, 4), (120, 5, 0.7, 4), (80, 2, 0.45, 1), (0, 1, 0.5, 3)]:
    centres = rng.uniform(0, 200, (8, 2))[rng.integers(0, 8, count)] + rng.normal(size=(count, 2)) * 8
    sides = np.exp(rng.uniform(np.log(20), np.log(60), (count, 2)))
    boxes = np.round(np.concatenate([centres - sides / 2, centres + sides / 2], 1) * 8).astype(np.float32) / 8
    if count > 2:
        boxes[1, 2] = boxes[1, 0]
        boxes[2] = boxes[0]
    scores = np.round(rng.uniform(0.01, 1, count), decimals).astype(np.float32)
    kinds = rng.integers(0, classes, count)
    tensors = torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores)
    case = {"boxes": boxes.tolist(), "scores": [float(s) for s in scores], "classes": kinds.tolist(), "iou": iou}
    case["nms"] = nms(*tensors, iou).tolist()
    # where scores are alike, torchvision's order of those kept is no more than that of their scores
    kept = batched_nms(*tensors, torch.tensor(kinds), iou).tolist()
    case["batched_nms"] = sorted(kept, key=lambda i: (-scores[i], i))
    case["soft"] = {
        "linear": soft(boxes, scores, kinds, lambda o: 1 - o if o >= iou else 1.0),
        "gaussian": soft(boxes, scores, kinds, lambda o: float(np.exp(-o * o / 0.5))),
    }
    cases.append(case)
path = pathlib.Path(__file__).parent.parent / "fixtures" / "suppression.json"
path.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
print(path, path.stat().st_size, "bytes,", [(len(c["boxes"]), len(c["nms"]), len(c["batched_nms"])) for c in cases])
