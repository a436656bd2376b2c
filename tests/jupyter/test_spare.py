"""A warm spare session: a restart finds it, is the same kernel to Jupyter, and leaves nothing behind."""

import os
import re
import threading
import time
from pathlib import Path

import pytest

HOME = Path(os.environ.get("CANDLEWICK_HOME", Path.home() / ".local/share/candlewick"))


def wait_for(condition, seconds, what):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.2)


def sockets():
    return list((HOME / "kernels").glob("*.socket"))


def spares():
    """The processes that are spares, or were and are kernels now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if len(words) > 1 and words[0].endswith(b"candlewick") and words[1] == b"spare":
                found.append(int(entry.name))
    return found


def idle_after(client, kind, content):
    """Says what a page says, and waits until the kernel has dealt with it."""
    message = client.session.msg(kind, content)
    client.shell_channel.send(message)
    while True:
        told = client.get_iopub_msg(timeout=10)
        ours = told["parent_header"].get("msg_id") == message["header"]["msg_id"]
        if ours and told["content"].get("execution_state") == "idle":
            return


@pytest.fixture
def spared(monkeypatch):
    from conftest import Kernel

    monkeypatch.setenv("CANDLEWICK_SPARE", "1")
    kernel = Kernel()
    yield kernel
    if kernel.manager.is_alive():
        kernel.stop()


@pytest.mark.timeout(300)
def test_a_restart_finds_a_warm_session(spared, monkeypatch):
    spared.ok("let before = 1;")
    wait_for(sockets, 120, "no spare came")
    monkeypatch.setenv("OF_THE_NEXT_KERNEL", "heard")
    begin = time.monotonic()
    spared.manager.restart_kernel()
    spared.client.wait_for_ready(timeout=60)
    # A page with widgets asks for their states before the first cell.
    opening = {"comm_id": "control", "target_name": "jupyter.widget.control", "data": {}}
    idle_after(spared.client, "comm_open", opening)
    idle_after(spared.client, "comm_msg", {"comm_id": "control", "data": {"method": "request_states"}})
    assert spared.ok("let t = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?; t.dims().to_vec()").result() == "[2, 3]"
    took = time.monotonic() - begin
    print(f"restart to first tensor: {took:.1f} s")
    # A cold start reads and analyses the sources first, which takes longer than this on any machine.
    assert took < 5
    assert spared.run("before").reply["ename"] == "E0425"
    # Working directory and environment are those of the new kernel, and the process that Jupyter knows is another.
    assert spared.ok('std::env::var("OF_THE_NEXT_KERNEL").unwrap_or_default()').result() == '"heard"'
    assert spared.ok("std::env::current_dir()?.display().to_string()").result() == f'"{os.getcwd()}"'
    assert spared.manager.provisioner.pid not in spares()

    # An interrupt reaches it, by message and by signal.
    for interrupt in (spared.manager.interrupt_kernel, lambda: os.kill(spared.manager.provisioner.pid, 2)):
        timer = threading.Timer(2, interrupt)
        timer.start()
        loop = "while !candlewick::interrupt::requested() { std::thread::sleep(std::time::Duration::from_millis(5)); }"
        assert spared.run(loop, timeout=60).reply["ename"] == "Interrupted"

    # A runtime that dies comes back where this kernel is, not where the spare was.
    assert spared.run("std::process::abort()").reply["ename"] == "RuntimeDied"
    assert spared.ok('std::env::var("OF_THE_NEXT_KERNEL").unwrap_or_default()').result() == '"heard"'


@pytest.mark.timeout(300)
def test_the_last_kernel_takes_the_spare_with_it(spared):
    spared.ok("1")
    wait_for(sockets, 120, "no spare came")
    spared.stop()
    # Longer than a restart takes, shorter than anybody would notice.
    wait_for(lambda: not spares(), 60, "the spare lives on without a kernel")
    assert not sockets()
    numbers = [re.match(r"\d+", folder.name)[0] for folder in (HOME / "sessions").iterdir()]
    assert all(os.path.exists(f"/proc/{number}") for number in numbers), numbers


@pytest.mark.timeout(120)
def test_a_kernel_whose_process_is_killed_ends(spared):
    spared.ok("1")
    wait_for(sockets, 120, "no spare came")
    spared.manager.restart_kernel()
    spared.client.wait_for_ready(timeout=60)
    runtime = int(spared.ok("std::process::id()").result())
    spared.manager.provisioner.process.kill()
    wait_for(lambda: not os.path.exists(f"/proc/{runtime}"), 20, "the runtime lives on")
