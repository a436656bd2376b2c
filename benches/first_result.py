#!/usr/bin/env python3
"""From launch to the first tensor: candlewick, stock evcxr_jupyter with candle, Python with PyTorch.

    python benches/first_result.py [--rounds 3] [--stock-rounds 1] [--torch]

Run it with the tests' virtual environment (tests/.venv/bin/python), candlewick installed. Each round starts a
kernel anew and measures with Jupyter's own client: launch to kernel_info, then each cell. Stock compiles candle in
every session, so it gets one round unless told otherwise. --torch needs torch in the Python that runs this.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
LET = "let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;"
CANDLEWICK = [("load the framework", None), ("first let", LET), ("t.dims()", "t.dims()")]
STOCK = [
    ("load the framework", ':dep candle-core = "=0.11.1"\nuse candle_core::{Device, Tensor};'),
    ("first let", LET),
    ("t.dims()", "t.dims()"),
]
TORCH = [("load the framework", "import torch"), ("first let", "t = torch.randn(4, 4)"), ("t.dims()", "t.shape")]


def one_round(argv, cells):
    """Seconds of each stage, in order, and their sum up to the first tensor."""
    manager = KernelManager()
    if argv:
        manager._kernel_spec = KernelSpec(argv=argv)
    else:
        manager.kernel_name = "candlewick"
    stages = {}
    launch = time.perf_counter()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    stages["launch to ready"] = time.perf_counter() - launch
    compiled = []
    for name, code in cells:
        began = time.perf_counter()
        if code:
            hook = lambda message: compiled.append(message["content"].get("text", ""))
            reply = client.execute_interactive(code, timeout=900, output_hook=hook)
            assert reply["content"]["status"] == "ok", reply["content"]
        stages[name] = time.perf_counter() - began
        if name == "first let":
            stages["launch to first tensor"] = time.perf_counter() - launch
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return stages


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--stock-rounds", type=int, default=1)
    options.add_argument("--torch", action="store_true")
    options = options.parse_args()
    stock = ROOT / "target/release/examples/stock_kernel"
    peers = [("candlewick", None, CANDLEWICK, options.rounds)]
    if options.torch:
        python = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        peers.append(("Python + PyTorch", python, TORCH, options.rounds))
    if options.stock_rounds:
        peers.append(("stock + candle", [str(stock), "--control_file", "{connection_file}"], STOCK, options.stock_rounds))
    found = {}
    for round_ in range(max(rounds for *_, rounds in peers)):
        for name, argv, cells, rounds in peers:
            if round_ < rounds:
                found.setdefault(name, []).append(one_round(argv, cells))
    stages = list(next(iter(found.values()))[0])
    print("| seconds, median |", " | ".join(found), "|")
    print("|---|" + "---|" * len(found))
    for stage in stages:
        medians = [statistics.median(one[stage] for one in rounds) for rounds in found.values()]
        print(f"| {stage} |", " | ".join(f"{median:.2f}" for median in medians), "|")


if __name__ == "__main__":
    main()
