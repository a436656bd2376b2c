"""fastai's side of benches/finetune.py --peer fastai: the same fine-tuning as prelude/examples/finetune.rs, with fastai's Learner.

Run:  python benches/finetune_fastai.py FOLDER frozen|whole EPOCHS RATE SEED [varied]

The network is that of finetune_torch.py. Frozen: the body's BatchNorm keeps values and statistics, as the prelude's does (BnFreeze). Varied: flips,
turns of 10 degrees, zoom to 1.1 and light by 0.2, a batch at a time, as fastai's aug_transforms has them without warping. Pictures are read by
fastai's own DataLoaders, with as many workers as it takes by itself. The seconds count from the first line of fitting; reading comes anew in every
epoch, as with fastai it does.
"""
import os
import resource
import sys
import time
from pathlib import Path

import torch
from fastai.callback.training import BnFreeze
from fastai.vision.all import (
    CrossEntropyLossFlat, ImageDataLoaders, Learner, Normalize, accuracy, aug_transforms, params, set_seed,
)

from finetune_torch import BATCH, network


def memory():
    """The most that this process and its workers held, in MB."""
    each = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each) / 1024


def processor():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main(folder, what, epochs, rate, seed, varied):
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    set_seed(seed, reproducible=True)
    half = Normalize.from_stats([0.5] * 3, [0.5] * 3, cuda=False)
    changes = aug_transforms(max_warp=0.0) if varied else []
    data = ImageDataLoaders.from_folder(folder, train="train", valid="val", bs=BATCH, batch_tfms=[*changes, half], device=torch.device("cpu"))
    net = network(len(data.vocab))
    body = [module for name, module in net.named_children() if name != "classifier"]
    learner = Learner(data, net, loss_func=CrossEntropyLossFlat(), metrics=accuracy, train_bn=what == "whole",
                      splitter=lambda net: [[p for module in body for p in params(module)], params(net.classifier)])
    if what == "frozen":
        learner.freeze()
        learner.add_cb(BnFreeze())
    net.eval()
    with torch.no_grad():
        net(data.valid.one_batch()[0])
    start, before = time.perf_counter(), processor()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs, rate)
    seconds = time.perf_counter() - start
    loss, right = learner.recorder.values[-1][1:3]
    print(f"{right:.4f}\t{loss:.4f}\t{seconds:.2f}\t{processor() - before:.2f}\t{memory():.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), "varied" in sys.argv[6:])
