"""A kernel `candlewick` for the tests of this folder, and a client that notes when messages came."""

import time
from dataclasses import dataclass, field

import pytest
from jupyter_client.manager import start_new_kernel


@dataclass
class Ran:
    """What one cell said: (seconds since the request, message type, content)."""

    reply: dict
    said: list = field(default_factory=list)
    took: float = 0.0

    def of(self, kind):
        return [content for _, told, content in self.said if told == kind]

    def text(self, name="stdout"):
        return "".join(content["text"] for content in self.of("stream") if content["name"] == name)

    def result(self):
        (content,) = self.of("execute_result")
        return content["data"]["text/plain"]


class Kernel:
    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="candlewick", startup_timeout=60)
        self.run("1", timeout=120)

    def run(self, code, timeout=60, on_output=None, **options):
        """Runs a cell to its end; on_output is called with each message while the cell runs."""
        begin = time.monotonic()
        said = []

        def hook(message):
            said.append((time.monotonic() - begin, message["msg_type"], message["content"]))
            if on_output:
                on_output(message)

        options.setdefault("allow_stdin", False)
        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=hook, **options)
        return Ran(reply["content"], said, time.monotonic() - begin)

    def ok(self, code, timeout=60):
        """Runs a cell that must succeed."""
        ran = self.run(code, timeout)
        assert ran.reply["status"] == "ok", "\n".join(ran.reply.get("traceback", []))
        return ran

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.stop()
