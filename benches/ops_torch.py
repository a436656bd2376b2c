"""PyTorch's side of benches/ops.sh: the same rows as prelude/examples/bench_ops.rs, two threads, f32.

Run:  python benches/ops_torch.py [rounds] [only rows that contain this]
"""
import os
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
torch.manual_seed(0)
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
only = sys.argv[2] if len(sys.argv) > 2 else ""


# The time on the wall, or with BENCH_CLOCK=cpu the processor time used: fair with one thread on a busy machine.
now = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


def middle(times):
    """The median; the best time where BENCH_BEST is set, for a machine that others use meanwhile."""
    return sorted(times)[0 if "BENCH_BEST" in os.environ else len(times) // 2]


def row(name, shape, parameters, operation):
    """Prints a row: name, median of forward, median of forward and backward, in milliseconds."""
    if only not in name:
        return
    x = torch.randn(shape, requires_grad=True)
    weights = [(torch.randn(p) * 0.1).requires_grad_() for p in parameters]
    seed = torch.randn_like(operation(x, *weights))
    forward, both = [], []
    for turn in range(rounds + 2):
        x.grad = None
        for weight in weights:
            weight.grad = None
        start = now()
        y = operation(x, *weights)
        half = now()
        y.backward(seed)
        end = now()
        if turn >= 2:
            forward.append((half - start) * 1e3)
            both.append((end - start) * 1e3)
    print(f"{name}\t{middle(forward):.2f}\t{middle(both):.2f}", flush=True)


def conv(name, x, w, stride, padding, groups=1):
    row(name, x, [w], lambda x, w: F.conv2d(x, w, None, stride, padding, 1, groups))


conv("conv 64-64 56 k3", (8, 64, 56, 56), (64, 64, 3, 3), 1, 1)
conv("conv 128-128 28 k3", (8, 128, 28, 28), (128, 128, 3, 3), 1, 1)
conv("conv 256-256 14 k3", (8, 256, 14, 14), (256, 256, 3, 3), 1, 1)
conv("conv 512-512 7 k3", (8, 512, 7, 7), (512, 512, 3, 3), 1, 1)
conv("conv 64-128 56 k3 s2", (8, 64, 56, 56), (128, 64, 3, 3), 2, 1)
conv("conv 64-256 56 k1", (8, 64, 56, 56), (256, 64, 1, 1), 1, 0)
conv("conv 320-1280 7 k1", (8, 320, 7, 7), (1280, 320, 1, 1), 1, 0)
conv("conv 3-64 224 k7 s2", (8, 3, 224, 224), (64, 3, 7, 7), 2, 3)
conv("depthwise 144 56 k3", (8, 144, 56, 56), (144, 1, 3, 3), 1, 1, 144)
conv("depthwise 144 56 k5 s2", (8, 144, 56, 56), (144, 1, 5, 5), 2, 2, 144)
conv("depthwise 960 7 k3", (8, 960, 7, 7), (960, 1, 3, 3), 1, 1, 960)
row("batch norm 64 56", (8, 64, 56, 56), [(64,), (64,)], lambda x, g, b: F.batch_norm(x, None, None, g, b, True))
row("relu 64 56", (8, 64, 56, 56), [], F.relu)
row("silu 64 56", (8, 64, 56, 56), [], F.silu)
row("max pool 64 112 k3 s2", (8, 64, 112, 112), [], lambda x: F.max_pool2d(x, 3, 2, 1))
row("layer norm 8x197x192", (1, 8, 197, 192), [(192,), (192,)], lambda x, g, b: F.layer_norm(x, (192,), g, b, 1e-6))
