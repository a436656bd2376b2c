"""The prelude under the stock kernel: it loads by `:dep` with a path, and it draws.

Runs target/release/examples/stock_kernel (evcxr_jupyter's own main), which compiles candle anew in every session,
as its users know; `:opt 0` makes that minutes and not a quarter of an hour.
"""

import time
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

STOCK = Path(__file__).parents[2] / "target/release/examples/stock_kernel"
PRELUDE = Path(__file__).parents[2] / "prelude"


def outputs(client, code, timeout=300):
    """Runs a cell; gives its messages of the kinds that hold output."""
    found = []
    reply = client.execute_interactive(code, timeout=timeout, output_hook=lambda message: found.append(message))
    assert reply["content"]["status"] == "ok", found
    return [(message["msg_type"], message["content"]) for message in found if message["msg_type"] != "status"]


@pytest.fixture
def stock():
    if not STOCK.is_file():
        pytest.skip("no stock kernel: cargo build --release --example stock_kernel")
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=[str(STOCK), "--control_file", "{connection_file}"], language="rust")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.timeout(1500)
def test_the_prelude_loads_and_draws(stock):
    began = time.time()
    outputs(stock, ":opt 0")
    outputs(stock, f':dep candlewick-prelude = {{ path = "{PRELUDE}" }}', timeout=1200)
    outputs(stock, "use candlewick_prelude::prelude::*;")
    print(f"prelude loaded after {time.time() - began:.0f} s")
    outputs(stock, "let t = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;")
    shown = outputs(stock, 'plot::bars(&["car".to_string(), "truck".to_string()], &[3.0, 5.0])')
    data = [content["data"] for kind, content in shown if kind in ("display_data", "execute_result")]
    assert any("image/png" in one for one in data), shown
    shown = outputs(stock, 'display(&t); println!("text stays text");')
    text = "".join(content["text"] for kind, content in shown if kind == "stream")
    assert "text stays text" in text and "candlewick:" not in text, shown
    assert any("text/html" in content.get("data", {}) for _, content in shown), shown
