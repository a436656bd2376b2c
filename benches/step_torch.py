"""PyTorch's side of benches/step.sh: the same steps as prelude/examples/bench_step.rs, two threads, f32.

Run:  python benches/step_torch.py [rounds] [network]
"""
import os
import resource
import sys
import time

import timm
import torch
import torchvision

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
torch.manual_seed(0)
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
name = sys.argv[2] if len(sys.argv) > 2 else "resnet18"
batch = int(os.environ.get("BATCH", "8"))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0", "efficientnet_b0": "efficientnet_b0",
        "vit_tiny": "vit_tiny_patch16_224", "vit_small": "vit_small_patch16_224"}
before = peak()
model = timm.create_model(TIMM[name]) if name in TIMM else torchvision.models.get_model(name)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
images, labels = torch.randn(batch, 3, 224, 224), torch.zeros(batch, dtype=torch.long)
times = [[], [], [], []]
for turn in range(rounds + 2):
    start = time.perf_counter()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    forward = time.perf_counter()
    loss.backward()
    backward = time.perf_counter()
    optimizer.step()
    optimizer.zero_grad()
    end = time.perf_counter()
    if turn >= 2:
        for kept, span in zip(times, [forward - start, backward - forward, end - start]):
            kept.append(span * 1e3)
most = peak()
model.eval()
with torch.no_grad():
    for turn in range(rounds):
        start = time.perf_counter()
        model(images)
        times[3].append((time.perf_counter() - start) * 1e3)
forward, backward, step, predict = (sorted(kept)[len(kept) // 2] for kept in times)
print(f"{name}\t{step:.1f}\t{forward:.1f}\t{backward:.1f}\t{predict:.1f}\t{most - before:.0f}\t{most:.0f}", flush=True)
