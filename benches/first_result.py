#!/usr/bin/env python3
"""From launch to the first tensor and to a first trained network: candlewick cold and with a warm spare, stock
evcxr_jupyter with candle, Python with PyTorch.

    python benches/first_result.py [--rounds 3] [--stock-rounds 1] [--torch PYTHON]

Run it with the tests' virtual environment (tests/.venv/bin/python), candlewick installed. Each round starts a
kernel twice and measures with Jupyter's own client: launch to kernel_info, then each cell. The first launch makes and
shows a tensor; the second trains at once: a small convolutional network on 24 pictures of 32², an epoch of three steps.
Stock compiles candle in every session, so it gets one round unless told otherwise; it has no learner and trains nothing.
--torch names a Python with ipykernel, torch and numpy. The spare's rounds are restarts of a kernel beside which a spare
is warm.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
LET = "let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;"
TRAIN = """
let data = datasets::vehicles().per_class(8).write()?.split(0.25, 1)?.size(32).batch(8);
let mut learner = Learner::vision(Arch::default(), &data)?;
learner.fit(1, 1e-3)?;
"""
TORCH_TRAIN = """
import torch.nn as nn, torch.nn.functional as F
net = nn.Sequential(*[layer for a, b in [(3, 24), (24, 48), (48, 96), (96, 128)]
                      for layer in (nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())],
                    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 4))
optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
for _ in range(3):
    loss = F.cross_entropy(net(torch.randn(8, 3, 32, 32)), torch.randint(4, (8,)))
    optimizer.zero_grad(); loss.backward(); optimizer.step()
"""
# What each launch runs: cells that end at a first tensor, and cells that end at a trained network.
CANDLEWICK = ([("first let", LET), ("t.dims()", "t.dims()")], [("train", TRAIN)])
STOCK = (
    [
        ("load the framework", ':dep candle-core = "=0.11.1"\nuse candle_core::{Device, Tensor};'),
        ("first let", LET),
        ("t.dims()", "t.dims()"),
    ],
)
IMPORT = ("load the framework", "import torch")
TORCH = (
    [IMPORT, ("first let", "t = torch.randn(4, 4)"), ("t.dims()", "t.shape")],
    [IMPORT, ("train", TORCH_TRAIN)],
)
KERNELS = Path(os.environ.get("CANDLEWICK_HOME", Path.home() / ".local/share/candlewick")) / "kernels"


def measure(client, cells, launch):
    """Seconds of each stage since the launch, in order, and their sums up to the first tensor and the trained network."""
    client.wait_for_ready(timeout=120)
    stages = {"launch to ready": time.perf_counter() - launch}
    for name, code in cells:
        began = time.perf_counter()
        reply = client.execute_interactive(code, timeout=900, output_hook=lambda message: None)
        assert reply["content"]["status"] == "ok", reply["content"]
        stages[name] = time.perf_counter() - began
        if name in ENDS:
            stages[ENDS[name]] = time.perf_counter() - launch
    return stages


ENDS = {"first let": "launch to first tensor", "train": "launch to trained"}
STAGES = ["launch to ready", "load the framework", *(name for pair in ENDS.items() for name in pair), "t.dims()"]


def start(argv):
    manager = KernelManager(kernel_name="candlewick")
    if argv:
        manager._kernel_spec = KernelSpec(argv=argv)
    launch = time.perf_counter()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    return manager, client, launch


def one_round(argv, launches):
    """A launch for each list of cells."""
    stages = {}
    for cells in launches:
        manager, client, launch = start(argv)
        # What both launches measure is taken from the first.
        stages = measure(client, cells, launch) | stages
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return stages


def restarts(launches, rounds):
    """As above, each launch a restart from the menu, a spare being warm."""
    os.environ["CANDLEWICK_SPARE"] = "1"
    manager, client, launch = start(None)
    measure(client, launches[0], launch)
    found = []
    for _ in range(rounds):
        stages = {}
        for cells in launches:
            while not list(KERNELS.glob("*.socket")):
                time.sleep(0.5)
            # Until the machine is quiet again.
            time.sleep(3)
            launch = time.perf_counter()
            manager.restart_kernel()
            stages = measure(client, cells, launch) | stages
        found.append(stages)
    client.stop_channels()
    manager.shutdown_kernel()
    os.environ["CANDLEWICK_SPARE"] = "0"
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--stock-rounds", type=int, default=1)
    options.add_argument("--torch", metavar="PYTHON")
    options = options.parse_args()
    os.environ["CANDLEWICK_SPARE"] = "0"
    stock = ROOT / "target/release/examples/stock_kernel"
    peers = [("candlewick, cold", None, CANDLEWICK, options.rounds)]
    if options.torch:
        python = [options.torch, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        peers.append(("Python + PyTorch", python, TORCH, options.rounds))
    if options.stock_rounds:
        peers.append(("stock + candle", [str(stock), "--control_file", "{connection_file}"], STOCK, options.stock_rounds))
    found = {}
    for round_ in range(max(rounds for *_, rounds in peers)):
        for name, argv, cells, rounds in peers:
            if round_ < rounds:
                found.setdefault(name, []).append(one_round(argv, cells))
    found["candlewick, restart with a spare"] = restarts(CANDLEWICK, options.rounds)
    print("| seconds, median |", " | ".join(found), "|")
    print("|---|" + "---|" * len(found))
    for stage in STAGES:
        medians = [
            f"{statistics.median(one[stage] for one in rounds):.2f}" if stage in rounds[0] else "–"
            for rounds in found.values()
        ]
        print(f"| {stage} |", " | ".join(medians), "|")


if __name__ == "__main__":
    main()
