#!/usr/bin/env python3
"""What long sessions do: interrupts of a running fit and of the compiler, and a thousand cells in one session.

    python benches/endurance.py fit [--times 200]       interrupts at random moments of a running fit
    python benches/endurance.py compile [--times 50]    interrupts at random moments of a compilation
    python benches/endurance.py cells [--times 1000]    cells in one session: time and memory a hundred cells

Run it with the tests' virtual environment (tests/.venv/bin/python) and candlewick installed. Each exits with 1 where a
variable was lost, a history had a hole, or the runtime's process changed.
"""

import argparse
import random
import re
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cells import start

LEARNER = """
let data = datasets::vehicles().per_class(60).write()?.split(0.2, 42)?.size(32).batch(8);
let mut learner = Learner::vision(Arch::default(), &data)?;
"""
SLOW = "{{\n{}\n}}".format("\n".join(f'let _ = format!("{n}{{:?}}", vec![Some({n}u32); {n}]);' for n in range(1, 900)))


class Kernel:
    def __init__(self):
        self.manager, self.client = start(None)

    def run(self, code, hook=lambda message: None):
        """The reply, and what the cell's last expression showed."""
        shown = []

        def on_output(message):
            if message["msg_type"] == "execute_result":
                shown.append(message["content"]["data"]["text/plain"])
            hook(message)

        reply = self.client.execute_interactive(code, timeout=300, output_hook=on_output)["content"]
        return reply, shown[-1] if shown else None

    def value(self, code):
        reply, shown = self.run(code)
        assert reply["status"] == "ok", (code, reply)
        return shown

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def fit(kernel, times):
    kernel.value(LEARNER)
    kernel.value("learner.freeze(); learner.fit(1, 1e-3)?;")
    pid = kernel.value("std::process::id()")
    waits, before = [], int(kernel.value("learner.history().batches.len()"))
    for turn in range(times):
        delay, asked = random.uniform(0.0, 1.5), []

        def interrupt():
            asked.append(time.perf_counter())
            kernel.manager.interrupt_kernel()

        timer = threading.Timer(delay, interrupt)

        def on_output(message):
            if message["msg_type"] == "display_data" and timer.ident is None:
                timer.start()

        # A changed number, so that the cell is compiled each time as a user's would be.
        reply, _ = kernel.run(f"learner.fit(100_000 + {turn}, 1e-3)?;", on_output)
        ended = time.perf_counter()
        assert reply["status"] == "error" and reply["ename"] == "Interrupted", reply
        waits.append(ended - asked[0])
        assert kernel.value(WHOLE) == "true", "the history has a hole"
        now = int(kernel.value("learner.history().batches.len()"))
        assert now >= before, (before, now)
        before = now
        assert kernel.value("std::process::id()") == pid, "the runtime is another process"
    print(f"{times} interrupts of a fit: variables alive {times} times, history whole, {before} batches")
    print(f"from interrupt to idle: median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s")


# Every batch has its loss, and the epochs follow each other without a gap.
WHOLE = """{
    let h = learner.history();
    h.batches.iter().all(|b| b.loss.is_finite())
        && h.epochs.windows(2).all(|w| w[1].epoch == w[0].epoch + 1 && w[1].batch > w[0].batch)
        && h.epochs.last().is_none_or(|e| e.batch <= h.batches.len())
}"""


def compile_(kernel, times):
    kernel.value('let kept = String::from("kept");')
    pid, hit = kernel.value("std::process::id()"), 0
    began = time.perf_counter()
    kernel.run(SLOW)
    whole = time.perf_counter() - began
    for turn in range(times):
        timer = threading.Timer(random.uniform(0.0, whole), kernel.manager.interrupt_kernel)
        timer.start()
        reply, _ = kernel.run(SLOW.replace("u32", ["i64", "u64", "i32", "u32"][turn % 4]))
        timer.join()
        hit += reply["status"] == "error"
        assert kernel.value("std::process::id()") == pid, "the runtime is another process"
        assert kernel.value("kept") == '"kept"'
    print(f"{times} interrupts while it compiled ({hit} before the end): the runtime's process never changed")


def memory(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def cells(kernel, times):
    runtime = kernel.value("std::process::id()")
    host = int(Path(f"/proc/{runtime}/status").read_text().split("PPid:")[1].split()[0])
    took = []
    print("| cells | median seconds a cell | kernel MB | runtime MB |\n|---|---|---|---|")
    for number in range(1, times + 1):
        began = time.perf_counter()
        kernel.value(f"let x{number % 20} = {number} + 1; x{number % 20} * 2")
        took.append(time.perf_counter() - began)
        if number % 100 == 0:
            print(f"| {number} | {statistics.median(took):.3f} | {memory(host):.0f} | {memory(runtime):.0f} |", flush=True)
            took = []


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("what", choices=["fit", "compile", "cells"])
    options.add_argument("--times", type=int)
    options.add_argument("--seed", type=int, default=42)
    options = options.parse_args()
    random.seed(options.seed)
    act, times = {"fit": (fit, 200), "compile": (compile_, 50), "cells": (cells, 1000)}[options.what]
    kernel = Kernel()
    try:
        act(kernel, options.times or times)
    finally:
        kernel.stop()


if __name__ == "__main__":
    main()
