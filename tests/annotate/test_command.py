"""`candlewick annotate` itself: its address, its end, what it refuses, folders of any name, a kill in the middle."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from tool import Served, is_open, near, png

pytestmark = pytest.mark.skipif(not shutil.which("candlewick"), reason="no candlewick is installed")


def run(*arguments, **options):
    return subprocess.run(["candlewick", "annotate", *arguments], capture_output=True, text=True, timeout=120, **options)


def test_ctrl_c_ends_it_well(tmp_path):
    # A name that no literal, query or shell may trip over, from where the command is run.
    folder = tmp_path / "my \"pictures\" \\n {} 'é' #1\n%41"
    folder.mkdir()
    (folder / "a \"b\" %2e.png").write_bytes(png(40, 30, 9))
    command = ["candlewick", "annotate", folder.name]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = process.stdout.readline()
    port = int(address.split(":")[2].split("/")[0])
    assert address.startswith("http://127.0.0.1:") and len(address.split("token=")[1].strip()) == 32 and is_open(port)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and out == "", (process.returncode, out, err)
    assert "1 picture;" in err and "annotations.json" in err and "Interrupted" not in err and "error" not in err, err
    assert not is_open(port)


def test_what_cannot_be_annotated_is_refused_with_a_remedy(tmp_path):
    ran = run(tmp_path / "nowhere")
    assert ran.returncode == 1 and "nowhere does not exist" in ran.stderr and "name a folder" in ran.stderr
    ran = run(tmp_path)
    assert ran.returncode == 1 and "holds no picture" in ran.stderr and "→ name a folder with" in ran.stderr and "panicked" not in ran.stderr
    assert "serve(" not in ran.stderr and "Variables" not in ran.stderr
    (tmp_path / "a.png").write_bytes(png(40, 30, 9))
    (tmp_path / "annotations.json").write_text('{"written_by":"candlewick",\n"categories":[],"images":[')
    ran = run(tmp_path)
    assert ran.returncode == 1 and "→" in ran.stderr, ran.stderr
    assert (tmp_path / "annotations.json").read_text().endswith("[")


def test_a_port_in_use_is_told(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    served = Served(folder, [(64, 48)], host="candlewick")
    try:
        ran = run(folder, "--port", str(served.port))
        assert ran.returncode == 1 and f"port {served.port}" in ran.stderr and "→ take another one" in ran.stderr, ran.stderr
    finally:
        served.kill()


def test_killed_in_the_middle_nothing_saved_is_lost(tmp_path, visit):
    folder = tmp_path / "pictures"
    folder.mkdir()
    served = Served(folder, [(640, 480), (800, 600)], host="candlewick")
    try:
        tool = visit(served.address)
        tool.ready()
        tool.add_class("cat")
        tool.drag((100, 100), (200, 200))
        tool.saved()
        # While a box is dragged, saves go out all the time.
        tool.page.mouse.move(*tool.at(150, 150))
        tool.page.mouse.down()
        tool.page.mouse.move(*tool.at(250, 250), steps=12)
        served.kill()
        tool.page.mouse.move(*tool.at(300, 300), steps=5)
        tool.page.mouse.up()
        tool.page.wait_for_function("() => document.querySelector('.cwa-status').textContent.startsWith('not saved')")
        tool.page.wait_for_timeout(700)
        (name, left, top, right, bottom), = served.marks()
        assert name == "cat" and abs(right - left - 100) < 0.02 and 100 <= left <= 250
        json.loads(served.file.read_text())
        # The same port, so that the page's own memory of what was not saved is found.
        served.start()
        again = tool.page.context.new_page()
        again.problems = []
        tool.page.close()
        again.goto(served.address)
        tool.page = again
        tool.ready()
        tool.saved()
        deadline = time.monotonic() + 5
        while served.marks()[0][1] < 240 and time.monotonic() < deadline:
            again.wait_for_timeout(50)
        near(served.marks(), ["cat", 250, 250, 350, 350])
        tool.shot("command")
        assert [name for name in os.listdir(folder) if name.endswith(".bak")] == []
    finally:
        served.kill()


def test_a_page_opened_while_the_file_is_broken_waits_and_goes_on(tmp_path, visit):
    folder = tmp_path / "pictures"
    folder.mkdir()
    served = Served(folder, [(640, 480)], host="candlewick")
    try:
        first = visit(served.address)
        first.ready()
        first.add_class("cat")
        first.drag((100, 100), (200, 200))
        first.saved()
        whole = served.file.read_text()
        served.file.write_text(whole[:40])
        tool = visit(served.address)
        tool.page.wait_for_function("() => document.querySelector('.cwa-status').textContent.startsWith('nothing can be shown yet')")
        says = tool.page.inner_text(".cwa-status")
        assert "annotations.json" in says and says.endswith("Trying again."), says
        # what nobody would keep cannot be typed
        assert tool.page.eval_on_selector_all(".cwa-fields .cwa-input", "all => all.every(one => one.disabled)")
        served.file.write_text(whole)
        tool.ready()
        tool.saved()
        near(served.marks(), ["cat", 100, 100, 200, 200])
        assert not tool.page.eval_on_selector_all(".cwa-fields .cwa-input", "all => all.some(one => one.disabled)")
    finally:
        served.kill()
