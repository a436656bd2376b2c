"""Writes ../fixtures/yolox_onnx.safetensors: what YOLOX-nano, trained on COCO, makes of three pictures made by a formula.

Run it with onnxruntime, torch, torchvision, scikit-image, opencv-python-headless, safetensors and yolox-datamint 0.3.1:
  python prelude/tests/reference/yolox_onnx.py yolox_nano.onnx yolox_nano_coco_bn_identity.safetensors
The file's output has scores after sigmoid, but boxes as the network gives them (x and y in strides from the place's corner,
logarithms of w and h in strides). N/rows: every 61st of the 3549 rows (85 numbers); N/sums: sums of the 85 columns.
Prints the detections (score above 0.3, NMS 0.45 within each class) in photographs of scikit-image, as onnxruntime and as
YOLOX's own modules give them; the boxes are in pixels of the photograph.
"""
import pathlib
import sys

import cv2
import numpy as np
import onnxruntime
import skimage.data
import torch
from safetensors.torch import load_file, save_file
from yolox.data.data_augment import preproc
from yolox.data.datasets import COCO_CLASSES
from yolox.exp import get_exp
from yolox.utils import postprocess

SIDE = 416


def made(number):
    """(3, SIDE, SIDE), BGR: two waves and two round spots, a colour each, 0 to 255, not rounded."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    channels = []
    for c in range(3):
        wave = 40 * np.sin((x * (2 + number) + y * (1 + c)) * 0.02) + 30 * np.cos((y * (3 - number) - x * c) * 0.03)
        spots = 0
        for spot in range(2):
            cx, cy, r = 120 + 150 * spot + 20 * number, 140 + 110 * spot - 30 * number, 40 + 15 * spot + 10 * number
            spots = spots + (90 - 80 * ((c + spot + number) % 3)) / (1 + (((x - cx) ** 2 + (y - cy) ** 2) / r ** 2) ** 4)
        channels.append(np.clip(120 + wave + spots, 0, 255))
    return np.stack(channels).astype(np.float32)


def torch_model(path):
    model = get_exp(exp_name="yolox-nano").get_model().eval()
    # the variances in the file are 1 - 1e-5; with YOLOX's epsilon of 1e-3 an identity has 1 - 1e-3
    state = {k: torch.full_like(v, 1 - 1e-3) if k.endswith("running_var") else v for k, v in load_file(path).items()}
    model.load_state_dict(state, strict=False)
    return model


def decoded(head, out):
    head.hw = [(SIDE // s, SIDE // s) for s in head.strides]
    return head.decode_outputs(torch.from_numpy(out.copy()), dtype="torch.FloatTensor")


def detections(out, ratio):
    found = postprocess(out.clone(), 80, 0.3, 0.45)[0]
    return [] if found is None else [(COCO_CLASSES[int(row[6])], round((row[4] * row[5]).item(), 4),
                                      [round(v, 1) for v in (row[:4] / ratio).tolist()]) for row in found]


def main():
    session, model = onnxruntime.InferenceSession(sys.argv[1]), torch_model(sys.argv[2])
    saved = {}
    for number in range(3):
        x = made(number)[None]
        out = session.run(None, {"images": x})[0]
        model.head.decode_in_inference = False
        with torch.no_grad():
            off = np.abs(model(torch.from_numpy(x)).numpy() - out).max()
        model.head.decode_in_inference = True
        saved[f"{number}/rows"] = torch.from_numpy(out[0, ::61].copy())
        saved[f"{number}/sums"] = torch.from_numpy(out[0].astype(np.float64).sum(0)).float()
        scores = out[0, :, 4] * out[0, :, 5:].max(1)
        print(f"{number}: PyTorch off by {off:.1e}; best score {scores.max():.3f} "
              f"{COCO_CLASSES[out[0, scores.argmax(), 5:].argmax()]} at row {scores.argmax()}; pixels {x.mean():.2f}")
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        image = cv2.cvtColor(getattr(skimage.data, name)(), cv2.COLOR_RGB2BGR)
        x, ratio = preproc(image, (SIDE, SIDE))
        there = detections(decoded(model.head, session.run(None, {"images": x[None]})[0]), ratio)
        with torch.no_grad():
            here = detections(model(torch.from_numpy(x[None])), ratio)
        print(name, image.shape, f"ratio {ratio:.4f}", "the same in PyTorch" if here == there else f"PyTorch: {here}")
        for row in there:
            print("  ", *row)
    path = pathlib.Path(__file__).parent.parent / "fixtures" / "yolox_onnx.safetensors"
    save_file(saved, path)
    print(f"{path}: {len(saved)} tensors, {path.stat().st_size} bytes, onnxruntime {onnxruntime.__version__}")


main()
