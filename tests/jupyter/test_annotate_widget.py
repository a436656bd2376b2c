"""The annotation tool in a real JupyterLab with the installed kernel: boxes drawn by hand are in the file, also when the kernel is killed."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from lab import CHROMIUM, PANEL, start_lab

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "annotate"))
from tool import Page, coco_with_proposals, near, png  # noqa: E402

CELLS = [
    'let tool = Annotator::open("pictures")?;\ntool.clone()',
    "for _ in 0..600 { std::thread::sleep(std::time::Duration::from_millis(100)); }",
    'println!("{} boxes", tool.boxes()?.ids(Part::Train).iter().map(|id| tool.boxes().unwrap().objects(*id).len()).sum::<usize>());',
]
SHOTS = os.environ.get("SHOTS")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotate")
    pictures = folder / "pictures"
    pictures.mkdir()
    for at in (1, 2):
        (pictures / f"picture0{at}.png").write_bytes(png(640, 480, 40 * at))
    (pictures / "theirs.json").write_text(json.dumps(coco_with_proposals([0.9, 0.4])))
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    made.metadata.kernelspec = {"name": "candlewick", "display_name": "Rust (candlewick)", "language": "rust"}
    nbformat.write(made, folder / "annotate.ipynb")
    process, address, token = start_lab(folder, "light")
    yield process, f"{address}/lab/tree/annotate.ipynb?token={token}", pictures
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="module")
def page(lab):
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not chromium:
            pytest.skip("no Chromium is installed")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 1300})
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(lab[1], wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        idle(page, 90)
        yield page
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/lab-annotate-end.png")
        browser.close()
    assert not page.problems, page.problems


def idle(page, seconds=60):
    page.wait_for_function(f"() => {PANEL}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=seconds * 1000)


def run_cell(page, at):
    page.evaluate(f"at => {{ {PANEL}.content.activeCellIndex = at; window.jupyterapp.commands.execute('notebook:run-cell'); }}", at)


def marks(pictures, kind="annotations"):
    read = json.loads((pictures / "theirs.json").read_text())
    names = {category["id"]: category["name"] for category in read["categories"]}
    boxes = [(names[mark["category_id"]], *mark["bbox"]) for mark in read.get(kind, [])]
    return [[name, x, y, round(x + w, 2), round(y + h, 2)] for name, x, y, w, h in boxes]


@pytest.fixture(scope="module")
def tool(page):
    run_cell(page, 0)
    page.wait_for_selector(".jp-OutputArea .cwa", timeout=120_000)
    tool = Page(page)
    tool.ready()
    idle(page)
    page.locator(".cwa-stage").scroll_into_view_if_needed()
    return tool


def test_drawn_moved_resized_deleted_undone_relabelled_and_accepted(page, tool, lab):
    pictures = lab[2]
    tool.drag((400, 250), (500, 350))
    tool.saved()
    near(marks(pictures), ["car", 400, 250, 500, 350], by=2)
    tool.drag((100, 300), (200, 400))
    tool.saved()
    second = ["car", 100, 300, 200, 400]
    near(marks(pictures), ["car", 400, 250, 500, 350], second, by=2)
    # What another program wrote is kept as it was.
    assert json.loads((pictures / "theirs.json.bak").read_text()) == coco_with_proposals([0.9, 0.4])
    tool.drag((450, 300), (460, 320))
    tool.saved()
    near(marks(pictures), ["car", 410, 270, 510, 370], second, by=2)
    tool.drag((510, 370), (550, 400))
    tool.saved()
    first = ["car", 410, 270, 550, 400]
    near(marks(pictures), first, second, by=2)
    tool.press("Delete")
    tool.saved()
    near(marks(pictures), second, by=2)
    tool.press("Control+z")
    tool.saved()
    near(marks(pictures), first, second, by=2)
    tool.press("Escape")
    tool.click(150, 350)
    tool.press("2")
    tool.saved()
    second[0] = "truck"
    near(marks(pictures), first, second, by=2)
    # Of two automatic boxes one is accepted; the other stays what it is, and apart.
    tool.press("Escape")
    tool.click(75, 80)
    tool.press("Enter")
    tool.saved()
    near(sorted(marks(pictures)), ["car", 30, 40, 120, 120], first, second, by=2)
    near(marks(pictures, "proposals"), ["truck", 180, 40, 270, 120])
    page.evaluate(f"() => {{ {PANEL}.context.save(); }}")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/lab-annotate.png")


def test_it_saves_while_a_cell_runs(page, tool, lab):
    run_cell(page, 1)
    page.wait_for_function(f"() => {PANEL}.sessionContext.session.kernel.status === 'busy'")
    page.wait_for_timeout(1500)
    tool.click(450, 350)
    tool.press("Alt+ArrowRight")
    tool.saved()
    found = sorted(marks(lab[2]))
    assert found[1][1] != 410 and page.evaluate(f"{PANEL}.sessionContext.session.kernel.status") == "busy"
    page.evaluate(f"async () => {{ await {PANEL}.sessionContext.session.kernel.interrupt(); }}")
    idle(page)
    run_cell(page, 2)
    page.wait_for_function("() => [...document.querySelectorAll('.jp-OutputArea-output')].some(out => out.textContent.includes('3 boxes'))", timeout=60_000)


def kernels(parent):
    """The processes of candlewick below a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat, command = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == parent and b"candlewick" in command:
                found.append(int(entry.name))
    return found


def test_a_killed_kernel_loses_nothing_that_was_saved(page, tool, lab):
    process, _, pictures = lab
    before = sorted(marks(pictures))
    page.locator(".cwa-stage").scroll_into_view_if_needed()
    tool.press("Escape")
    page.mouse.move(*tool.at(150, 350))
    page.mouse.down()
    page.mouse.move(*tool.at(200, 380), steps=10)
    page.wait_for_timeout(300)
    ours = kernels(process.pid)
    assert len(ours) == 1, ours
    os.kill(ours[0], signal.SIGKILL)
    page.mouse.move(*tool.at(250, 330), steps=5)
    page.mouse.up()
    # The file is whole, and has the box where it was or on its way.
    after = sorted(marks(pictures))
    assert len(after) == 3 and after[:2] == before[:2] and after[2][0] == "truck", (before, after)
    assert 0 <= after[2][1] - before[2][1] <= 101
    page.wait_for_function("() => document.querySelector('.cwa-status').textContent.startsWith('not saved')", timeout=30_000)
    # Jupyter starts another one; the cell run again shows a tool that saves what the old one could not.
    page.wait_for_timeout(2000)
    if page.locator(".jp-Dialog-button").count():
        page.locator(".jp-Dialog-button.jp-mod-accept").first.click()
    idle(page, 90)
    run_cell(page, 0)
    page.wait_for_function("() => document.querySelectorAll('.jp-OutputArea .cwa').length === 1", timeout=120_000)
    idle(page)
    tool.ready()
    tool.saved(20)
    expected = [before[2][0], *(side + by for side, by in zip(before[2][1:], (100, -20, 100, -20)))]
    page.wait_for_timeout(500)
    near(sorted(marks(pictures)), *before[:2], expected, by=2.5)
