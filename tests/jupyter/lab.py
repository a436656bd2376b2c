"""Runs a notebook in a real JupyterLab in headless Chromium and takes screenshots while it runs.

    python tests/jupyter/lab.py notebooks/01_cars_to_trucks.ipynb tests/out/lab --theme dark

writes during-01.png, during-02.png … (each shows the cell that runs), after.png (the whole notebook) and
the executed notebook. Fails when a cell failed, or when no output changed while its cell ran.
"""

import argparse
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PANEL = "window.jupyterapp.shell.currentWidget"
# The index, the number of outputs and the outputs' HTML of the first cell that runs.
RUNNING = """() => {
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')];
    const cell = cells.find(cell => cell.querySelector('.jp-InputPrompt')?.textContent.includes('*'));
    if (!cell) return null;
    const outputs = cell.querySelector('.jp-OutputArea');
    (outputs?.lastElementChild || cell).scrollIntoView({block: 'end'});
    return {index: cells.indexOf(cell), html: outputs ? outputs.innerHTML : ''};
}"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_lab(folder, theme):
    """Starts JupyterLab in a folder; returns the process and its address."""
    port, token = free_port(), secrets.token_hex(16)
    settings = folder / ".settings" / "@jupyterlab"
    (settings / "apputils-extension").mkdir(parents=True)
    name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
    (settings / "apputils-extension" / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))
    news = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text(json.dumps(news))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    environment = dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(folder / ".settings"))
    log = open(folder / ".lab.log", "w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=5)
            return process, address, token
        except OSError:
            time.sleep(0.5)
    process.kill()
    sys.exit("JupyterLab does not start:\n" + (folder / ".lab.log").read_text())


def run(page, out, timeout, every, most):
    """Runs all cells; returns how often the outputs of a running cell changed between screenshots."""
    page.wait_for_function(f"() => {PANEL}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=90_000)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_timeout(300)
    shots, changes, last, limit = 0, 0, {}, time.monotonic() + timeout
    while time.monotonic() < limit:
        running = page.evaluate(RUNNING)
        if running is None:
            return changes
        digest = hashlib.sha256(running["html"].encode()).hexdigest()
        before = last.get(running["index"])
        last[running["index"]] = digest
        changed = running["html"] and before is not None and before != digest
        changes += bool(changed)
        # A cell's first picture, and those on which something moved.
        if running["html"] and before != digest and shots < most:
            shots += 1
            page.screenshot(path=out / f"during-{shots:02}.png")
        page.wait_for_timeout(every * 1000)
    sys.exit(f"the notebook is not done after {timeout} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for the whole notebook")
    parser.add_argument("--every", type=float, default=1.5, help="seconds between looks at the running cell")
    parser.add_argument("--most", type=int, default=24, help="at most so many screenshots while it runs")
    parser.add_argument("--still", action="store_true", help="do not fail when no output changed in place")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        shutil.copy(options.notebook, folder / options.notebook.name)
        lab, address, token = start_lab(folder, options.theme)
        try:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{address}/lab/tree/{options.notebook.name}?token={token}", wait_until="domcontentloaded")
            page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
            page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
            changes = run(page, options.out, options.timeout, options.every, options.most)
            page.evaluate(f"() => {PANEL}.context.save()")
            # Tall enough for the whole notebook, so that nothing is left out of the picture.
            page.set_viewport_size({"width": 1280, "height": 6000})
            page.wait_for_timeout(1500)
            bottom = "() => Math.max(...[...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(c => c.getBoundingClientRect().bottom))"
            height = int(page.evaluate(bottom)) + 40
            page.screenshot(path=options.out / "after.png", clip={"x": 0, "y": 0, "width": 1280, "height": min(height, 6000)})
            browser.close()
        finally:
            lab.terminate()
            lab.wait(timeout=20)
        executed = json.loads((folder / options.notebook.name).read_text())
        (options.out / options.notebook.name).write_text(json.dumps(executed, indent=1))

    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    errors = [output for output in outputs if output["output_type"] == "error"]
    print(f"{len(executed['cells'])} cells, {len(outputs)} outputs, {len(errors)} errors, {changes} changes seen while cells ran")
    for error in errors:
        print(f"{error['ename']}: {error['evalue']}")
    if errors or (changes == 0 and not options.still):
        sys.exit(1)


if __name__ == "__main__":
    main()
