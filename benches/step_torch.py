"""PyTorch's side of benches/step.sh: the same steps as prelude/examples/bench_step.rs, two threads, f32.

Run:  python benches/step_torch.py [rounds] [network]
DEVICE=cuda computes on a GPU, HALF=1 there under autocast in bfloat16.
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
device = torch.device(os.environ.get("DEVICE", "cpu"))
half = torch.autocast(device.type, torch.bfloat16, enabled="HALF" in os.environ)


# The time on the wall, or with BENCH_CLOCK=cpu the processor time used: fair with one thread on a busy machine.
now = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


def done():
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0", "efficientnet_b0": "efficientnet_b0",
        "vit_tiny": "vit_tiny_patch16_224", "vit_small": "vit_small_patch16_224"}
before = peak()
model = timm.create_model(TIMM[name]) if name in TIMM else torchvision.models.get_model(name)
model = model.to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
images, labels = torch.randn(batch, 3, 224, 224).to(device), torch.zeros(batch, dtype=torch.long).to(device)
times = [[], [], [], []]
for turn in range(rounds + 2):
    start = now()
    with half:
        loss = torch.nn.functional.cross_entropy(model(images), labels)
    done()
    forward = now()
    loss.backward()
    done()
    backward = now()
    optimizer.step()
    optimizer.zero_grad()
    done()
    end = now()
    if turn >= 2:
        for kept, span in zip(times, [forward - start, backward - forward, end - start]):
            kept.append(span * 1e3)
most = peak()
model.eval()
with torch.no_grad(), half:
    for turn in range(rounds):
        start = now()
        model(images)
        done()
        times[3].append((now() - start) * 1e3)
forward, backward, step, predict = (sorted(kept)[len(kept) // 2] for kept in times)
print(f"{name}\t{step:.1f}\t{forward:.1f}\t{backward:.1f}\t{predict:.1f}\t{most - before:.0f}\t{most:.0f}", flush=True)
