#!/usr/bin/env python3
"""The same ten cells in candlewick and in stock evcxr_jupyter with candle: seconds a cell, medians over rounds.

    python benches/cells.py [--rounds 10] [--no-stock]

Run it with the tests' virtual environment (tests/.venv/bin/python), candlewick installed and the stock kernel built
(cargo build --release --example stock_kernel). Both kernels live at once and run each cell in turn, so that whatever
else the machine does hits both. Every round changes a number in each cell: nothing is compiled before.
"""

import argparse
import statistics
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
STOCK_START = ':dep candle-core = "=0.11.1"\n:dep plotters = { version = "0.3.7", default-features = false, features = ["evcxr", "line_series"] }\nuse candle_core::{Device, Tensor};'
FIGURE = (
    "plot::bars(&[\"a\".to_string(), \"b\".to_string()], &[ROUND as f64, 2.0])",
    "plotters::evcxr::evcxr_figure((320, 240), |root| { use plotters::prelude::*; root.fill(&WHITE)?; "
    "let mut chart = ChartBuilder::on(&root).build_cartesian_2d(0f64..2f64, 0f64..2f64)?; "
    "chart.draw_series(LineSeries::new([(0f64, 0.0), (1.0, ROUND as f64 / 10.0)], &RED))?; Ok(()) })",
)
CELLS = [
    ("let tensor", "let t = Tensor::randn(0f32, ROUND as f32, (4, 4), &Device::Cpu)?;"),
    ("expression", "t.dims()[0] + ROUND"),
    ("println", 'println!("round ROUND");'),
    ("fn", "fn add(x: i32) -> i32 { x + ROUND }"),
    ("struct with derive", "#[derive(Debug, Clone, PartialEq)] struct Pair { a: i32, b: [f32; ROUND] }"),
    ("closure call", "(|x: i32| x * ROUND)(3)"),
    ("loop", "let mut sum = 0u64; for i in 0..1000u64 { sum += i % ROUND; }"),
    ("`?` on an error", '"roundROUND".parse::<i32>()?'),
    ("displayed figure", FIGURE),
    ("plain arithmetic", "6 * 7 + ROUND"),
]


def start(argv):
    manager = KernelManager(kernel_name="candlewick")
    if argv:
        manager._kernel_spec = KernelSpec(argv=argv)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    return manager, client


def run(client, code, fails=False):
    said = []
    began = time.perf_counter()
    reply = client.execute_interactive(code, timeout=900, output_hook=said.append)
    took = time.perf_counter() - began
    errors = [m["content"] for m in said if m["msg_type"] == "error"]
    assert fails or not errors, (code, errors)
    return took


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--no-stock", action="store_true")
    options = options.parse_args()
    peers = {"candlewick": start(None)}
    run(peers["candlewick"][1], "1")
    if not options.no_stock:
        stock = ROOT / "target/release/examples/stock_kernel"
        peers["stock"] = start([str(stock), "--control_file", "{connection_file}"])
        run(peers["stock"][1], STOCK_START)
    found = {}
    # Round 0 warms both up.
    for round_ in range(options.rounds + 1):
        for name, code in CELLS:
            for index, (peer, (_, client)) in enumerate(peers.items()):
                text = (code if isinstance(code, str) else code[index]).replace("ROUND", str(round_ + 1))
                took = run(client, text, fails=name.startswith("`?`"))
                if round_ > 0:
                    found.setdefault((name, peer), []).append(took)
    print("| cell |", " | ".join(peers), "| ratio |" if len(peers) > 1 else "|")
    print("|---|" + "---|" * (len(peers) + (len(peers) > 1)))
    sums = {peer: 0 for peer in peers}
    for name, _ in CELLS:
        medians = [statistics.median(found[name, peer]) for peer in peers]
        for peer, median in zip(peers, medians):
            sums[peer] += median
        ratio = f" {medians[0] / medians[1]:.2f} |" if len(medians) > 1 else ""
        print(f"| {name} |", " | ".join(f"{median:.3f}" for median in medians), "|" + ratio)
    medians = list(sums.values())
    ratio = f" **{medians[0] / medians[1]:.2f}** |" if len(medians) > 1 else ""
    print("| all ten |", " | ".join(f"{median:.3f}" for median in medians), "|" + ratio)
    for manager, client in peers.values():
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
