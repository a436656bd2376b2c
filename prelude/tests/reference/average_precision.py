"""Writes ../fixtures/average_precision.json: what pycocotools, tidecv and plain numpy measure of boxes on pictures.

Run it with pycocotools 2.0.11, numpy and tidecv 1.0.1 installed; of what tidecv imports, the headless OpenCV is enough:
    python -m venv venv
    venv/bin/pip install pycocotools==2.0.11 numpy opencv-python-headless matplotlib pandas seaborn appdirs
    venv/bin/pip install --no-deps tidecv==1.0.1
    venv/bin/python prelude/tests/reference/average_precision.py
With `--large 300 30 100 FILE` it writes one case of so many pictures, classes and detections a picture to FILE instead.

A case has truth rows [picture, class, crowd, left, top, right, bottom] and detection rows [picture, class, score, left, top,
right, bottom]; every number is an exact f32. What is expected of it: `all`, pycocotools' twelve numbers; `classes`, the same
twelve a class; `sums`, of COCOeval's array `precision` (IoU, recall, class, size, most) over recall at 100 detections, a row
[IoU, class, size] each, flattened; `best`, a class's highest F1 at IoU 0.5 over all thresholds on the score, or -1; `mean_best`,
the highest mean of the classes' F1 at one threshold for all; `tide`, how many detections tidecv (Bolya et al. 2020) calls true,
duplicate, wrong class, wrong place, both and background, and how many true boxes missed, of detections whose score reaches 0.2;
`confusion`, the matrix (said, true; the last is the background) by the definition of Ultralytics' ConfusionMatrix (8.4) at IoU 0.45 and
score 0.25, the columns of crowds left out.
"""
import contextlib
import io
import json
import pathlib
import sys

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def f32(values, grid=8):
    return np.round(np.asarray(values, dtype=np.float64) * grid) / grid


def random_case(rng, pictures, classes, detections, truths=4, crowds=0.1, decimals=3, empty=0.2, absent=1, flat=0.02):
    """Pictures with true boxes and with detections that are mostly near one of them, some of the wrong class."""
    truth, found = [], []
    for picture in range(pictures):
        count = 0 if rng.random() < empty else rng.integers(0, truths + 1)
        here = []
        for _ in range(count):
            size = np.exp(rng.uniform(np.log(6), np.log(240), 2))
            corner = rng.uniform(0, 400, 2)
            box = f32(np.concatenate([corner, corner + size]))
            here.append((int(rng.integers(0, max(1, classes - absent))), int(rng.random() < crowds), box))
        truth += [[picture, kind, crowd, *map(float, box)] for kind, crowd, box in here]
        if rng.random() < empty / 2:
            continue
        for _ in range(int(rng.integers(0, detections + 1))):
            kind = int(rng.integers(0, classes))
            if here and rng.random() < 0.7:
                true, _, box = here[rng.integers(0, len(here))]
                spread = np.tile(box[2:] - box[:2], 2) * rng.choice([0.02, 0.1, 0.3])
                box = f32(box + rng.normal(size=4) * spread)
                kind = true if rng.random() < 0.8 else kind
                score = rng.beta(4, 2)
            else:
                corner = rng.uniform(0, 400, 2)
                box = f32(np.concatenate([corner, corner + np.exp(rng.uniform(np.log(6), np.log(240), 2))]))
                score = rng.beta(2, 4)
            if rng.random() < flat:
                box[2] = box[0]
            box[2:] = np.maximum(box[:2], box[2:])
            found.append([picture, kind, float(np.float32(np.round(score, decimals))), *map(float, box)])
    return {"pictures": pictures, "classes": classes, "truth": truth, "found": found}


def one(name, classes, pictures, truth, found):
    found = [[f[0], f[1], float(np.float32(f[2])), *map(float, f[3:])] for f in found]
    return {"name": name, "pictures": pictures, "classes": classes, "truth": [[*t[:3], *map(float, t[3:])] for t in truth], "found": found}


def corner_cases():
    box, far = [10, 10, 50, 50], [200, 200, 240, 240]
    yield one("all right", 2, 2, [[0, 0, 0, *box], [1, 1, 0, *far]], [[0, 0, 0.9, *box], [1, 1, 0.8, *far]])
    yield one("nothing found", 1, 1, [[0, 0, 0, *box]], [])
    yield one("nothing there", 1, 1, [], [[0, 0, 0.5, *box]])
    yield one("nothing at all", 1, 1, [], [])
    yield one("only a crowd", 1, 1, [[0, 0, 1, *box]], [[0, 0, 0.9, 12, 12, 30, 30], [0, 0, 0.5, *far]])
    yield one("a crowd beside one", 1, 1, [[0, 0, 1, 0, 0, 100, 100], [0, 0, 0, *box]],
              [[0, 0, 0.9, *box], [0, 0, 0.8, *box], [0, 0, 0.7, 60, 60, 90, 90], [0, 0, 0.6, 90, 90, 150, 150]])
    yield one("twice the same", 1, 1, [[0, 0, 0, *box]], [[0, 0, 0.9, *box], [0, 0, 0.9, *box], [0, 0, 0.95, *far]])
    # of two true boxes of the same overlap the later is taken
    yield one("the same overlap", 1, 1, [[0, 0, 0, 0, 0, 40, 40], [0, 0, 0, 8, 0, 48, 40]],
              [[0, 0, 0.9, 4, 0, 44, 40], [0, 0, 0.8, 0, 0, 40, 40], [0, 0, 0.7, 8, 0, 48, 40]])
    # an overlap of exactly 0.5, 0.6, 0.75 and 0.8
    yield one("on the threshold", 1, 4, [[p, 0, 0, 0, 0, 60, 40] for p in range(4)],
              [[0, 0, 0.9, 0, 0, 30, 40], [1, 0, 0.8, 0, 0, 36, 40], [2, 0, 0.7, 0, 0, 45, 40], [3, 0, 0.6, 0, 0, 48, 40]])
    # areas of exactly 32² and 96²
    yield one("on the border of sizes", 1, 2, [[0, 0, 0, 0, 0, 32, 32], [1, 0, 0, 0, 0, 96, 96]],
              [[0, 0, 0.9, 0, 0, 32, 32], [1, 0, 0.9, 0, 0, 96, 96], [1, 0, 0.8, 300, 300, 310, 310]])
    yield one("flat boxes", 1, 1, [[0, 0, 0, 5, 5, 5, 25], [0, 0, 0, *box]], [[0, 0, 0.9, 5, 5, 5, 25], [0, 0, 0.8, *box]])
    yield one("scores alike over pictures", 1, 4, [[p, 0, 0, *box] for p in range(4)],
              [[p, 0, 0.5, *(box if p % 2 else far)] for p in range(4)] + [[2, 0, 0.5, *box]])
    yield one("wrong class and wrong place", 3, 1, [[0, 0, 0, *box], [0, 1, 0, *far]],
              [[0, 1, 0.9, *box], [0, 0, 0.8, 10, 10, 30, 40], [0, 2, 0.7, 200, 200, 220, 230], [0, 2, 0.6, 400, 400, 420, 420],
               [0, 1, 0.5, *far], [0, 1, 0.4, 202, 200, 242, 240]])
    many = [[0, 0, 0.99 - i / 200, 10 + i / 4, 10, 50 + i / 4, 50] for i in range(130)]
    yield one("more than a hundred", 1, 1, [[0, 0, 0, 40, 10, 80, 50], [0, 0, 0, 14, 10, 54, 50]], many)
    # only the hundred and first is right, then only the hundredth
    for name, wrong in {"the hundred and first": 100, "the hundredth": 99}.items():
        yield one(name, 1, 1, [[0, 0, 0, *box]], [[0, 0, 0.9, *far] for _ in range(wrong)] + [[0, 0, 0.5, *box]])


def xywh(row):
    return [row[0], row[1], row[2] - row[0], row[3] - row[1]]


def coco_of(case):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": p} for p in range(case["pictures"])],
        "categories": [{"id": c, "name": str(c)} for c in range(case["classes"])],
        "annotations": [
            {"id": i + 1, "image_id": t[0], "category_id": t[1], "iscrowd": t[2], "bbox": xywh(t[3:]), "area": xywh(t[3:])[2] * xywh(t[3:])[3]}
            for i, t in enumerate(case["truth"])
        ],
    }
    truth.createIndex()
    found = [{"image_id": f[0], "category_id": f[1], "score": f[2], "bbox": xywh(f[3:])} for f in case["found"]]
    if found:
        return truth, truth.loadRes(found)
    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return truth, empty


def twelve(precision, recall):
    """COCOeval.summarize over arrays (IoU, recall, class, size, most) and (IoU, class, size, most)."""
    def mean(values):
        values = values[values > -1]
        return float(values.mean()) if values.size else -1.0
    ap = lambda size=0, iou=slice(None): mean(precision[iou, :, :, size, 2])
    ar = lambda size=0, most=2: mean(recall[:, :, size, most])
    return [ap(), ap(iou=[0]), ap(iou=[5]), ap(1), ap(2), ap(3), ar(most=0), ar(most=1), ar(), ar(1), ar(2), ar(3)]


def average_precision(case):
    truth, found = coco_of(case)
    run = COCOeval(truth, found, "bbox")
    run.evaluate()
    run.accumulate()
    precision, recall = run.eval["precision"], run.eval["recall"]
    whole = twelve(precision, recall)
    run.summarize()
    assert np.allclose(whole, run.stats, rtol=0, atol=1e-12), (whole, run.stats)
    classes = [twelve(precision[:, :, [c]], recall[:, [c]]) for c in range(case["classes"])]
    # (IoU, class, size)
    sums = precision[..., 2].sum(axis=1)
    best, hits = [], []
    for c in range(case["classes"]):
        of = [e for e in run.evalImgs if e and e["category_id"] == c and e["aRng"] == [0, 1e5**2]]
        there = sum(int((np.asarray(e["gtIgnore"]) == 0).sum()) for e in of)
        rows = [(s, m > 0) for e in of for s, m, i in zip(e["dtScores"], e["dtMatches"][0], e["dtIgnore"][0]) if not i]
        hits.append((there, rows))
        best.append(max((f1(there, rows, s) for s, _ in rows), default=0.0) if there else -1.0)
    scores = sorted({s for there, rows in hits if there for s, _ in rows})
    kept = [(there, rows) for there, rows in hits if there]
    # of very many scores, a thousand
    step = max(1, len(scores) // 1000)
    mean_best = max((np.mean([f1(there, rows, s) for there, rows in kept]) for s in scores[::step]), default=0.0)
    return {"all": whole, "classes": classes, "sums": sums.flatten().tolist(), "best": best, "mean_best": float(mean_best), "every": step == 1}


def f1(there, rows, threshold):
    above = [right for score, right in rows if score >= threshold]
    return 2 * sum(above) / (there + len(above)) if there + len(above) else 0.0


def tide(case, least=0.2):
    from tidecv import TIDE, Data
    from tidecv.errors.main_errors import BackgroundError, BoxError, ClassError, DuplicateError, MissedError, OtherError
    truth, found = Data("truth", 10_000), Data("found", 10_000)
    for t in case["truth"]:
        add = truth.add_ignore_region if t[2] else truth.add_ground_truth
        add(t[0], t[1], box=xywh(t[3:]))
    for f in case["found"]:
        if f[2] >= np.float32(least):
            found.add_detection(f[0], f[1], f[2], box=xywh(f[3:]))
    # tidecv fails where nothing is true: one more picture with one box, found
    truth.add_ground_truth(case["pictures"], 0, box=[0, 0, 10, 10])
    found.add_detection(case["pictures"], 0, 1.0, box=[0, 0, 10, 10])
    for data in (truth, found):
        for picture in range(case["pictures"]):
            data.images[picture]["name"] = str(picture)
        for kind in range(case["classes"]):
            data._make_default_class(kind)
    run = TIDE(pos_threshold=0.5, background_threshold=0.1, mode=TIDE.BOX).evaluate(truth, found, use_for_errors=True)
    # a detection on a crowd (`used` is None) counts for nothing
    counts = [sum(p["used"] is True for p in found.annotations) - 1]
    for kind in (DuplicateError, ClassError, BoxError, OtherError, BackgroundError):
        counts.append(sum(error.pred["used"] is not None for error in run.error_dict[kind]))
    return counts + [len(run.error_dict[MissedError])]


def overlaps(a, b):
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    either = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None] - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def crowd_overlaps(a, b):
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    own = np.repeat((a[:, 2:] - a[:, :2]).prod(1)[:, None], len(b), 1)
    return np.divide(both, own, out=np.zeros_like(both), where=own > 0)


def confusion(case, least=0.25, overlap=0.45):
    """The surest detection chooses first, whatever its class, its best true box of those that are left and above the overlap."""
    n = case["classes"]
    matrix = np.zeros((n + 1, n + 1), dtype=int)
    for picture in range(case["pictures"]):
        here = np.array([t for t in case["truth"] if t[0] == picture and not t[2]]).reshape(-1, 7)
        crowds = np.array([t for t in case["truth"] if t[0] == picture and t[2]]).reshape(-1, 7)
        found = np.array([f for f in case["found"] if f[0] == picture and f[2] > least]).reshape(-1, 7)
        matched = {}
        if len(here) and len(found):
            iou = overlaps(found[:, 3:], here[:, 3:])
            for d in sorted(range(len(found)), key=lambda d: -found[d, 2]):
                left = [t for t in range(len(here)) if t not in matched.values() and iou[d, t] > overlap]
                if left:
                    matched[d] = max(left, key=lambda t: iou[d, t])
        for d, row in enumerate(found):
            if d in matched:
                matrix[int(row[1]), int(here[matched[d], 1])] += 1
            elif not (len(crowds) and (crowd_overlaps(found[d : d + 1, 3:], crowds[crowds[:, 1] == row[1], 3:]) > overlap).any()):
                matrix[int(row[1]), n] += 1
        for t, row in enumerate(here):
            if t not in matched.values():
                matrix[n, int(row[1])] += 1
    return matrix.tolist()


def expected(case, everything=True):
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = average_precision(case)
    return {**case, **wanted, "tide": tide(case), "confusion": confusion(case)} if everything else {**case, **wanted}


if __name__ == "__main__":
    np.seterr(all="ignore")
    rng = np.random.default_rng(20261126)
    if sys.argv[1:2] == ["--large"]:
        pictures, classes, detections = map(int, sys.argv[2:5])
        case = random_case(rng, pictures, classes, detections, truths=12, absent=2)
        pathlib.Path(sys.argv[5]).write_text(json.dumps([{"name": "large", **expected(case)}]))
        sys.exit()
    cases = list(corner_cases())
    for name, options in {
        "few": {"pictures": 8, "classes": 3, "detections": 12},
        "scores alike": {"pictures": 14, "classes": 3, "detections": 20, "decimals": 1, "absent": 0},
        "crowded": {"pictures": 12, "classes": 2, "detections": 24, "crowds": 0.4},
        "many of one class": {"pictures": 3, "classes": 1, "detections": 200, "absent": 0, "truths": 30, "empty": 0.0},
        "many classes": {"pictures": 20, "classes": 12, "detections": 24, "absent": 3, "truths": 8},
    }.items():
        cases.append({"name": name, **random_case(rng, **options)})
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "average_precision.json"
    lines = [json.dumps(expected(case), separators=(",", ":")) for case in cases]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(path, path.stat().st_size, "bytes,", len(cases), "cases,", sum(len(c["found"]) for c in cases), "detections")
