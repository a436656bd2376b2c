"""The annotation tool in a real JupyterLab, with a Python kernel as host: anywidget's messages, focus, shortcuts, a restart.

    python lab_annotate.py OUT        # needs lab.py (JupyterLab's start) in the path, and anywidget, ipykernel

Fails when a box does not come to the file, a key reaches JupyterLab, or a change is lost over a kernel's restart.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from lab import CHROMIUM, PANEL, start_lab
from playwright.sync_api import sync_playwright
from tool import Page, coco_with_proposals, near, png

HERE = Path(__file__).resolve().parent
CELL = """
import sys; sys.path.insert(0, {here!r})
import anywidget, mock_server
from pathlib import Path
store = mock_server.Store(Path({folder!r}), Path({folder!r}) / "annotations.json")
class Tool(anywidget.AnyWidget):
    _esm = "\\n".join((mock_server.FRONT / part).read_text() for part in ("sync.js", "annotate.js"))
    _css = (mock_server.FRONT / "annotate.css").read_text()
tool = Tool()
def heard(_, message, buffers):
    tell = lambda others, view: [tool.send({{**other, "view": view}}) for other in others]
    for answer in store.answer(message, tell):
        url = answer.pop("url", None)
        if url:
            path = store.folder / store.pictures[answer["picture"]]["file"]
            tool.send({{**answer, "mime": "image/png"}}, [path.read_bytes()])
        else:
            tool.send(answer)
tool.on_msg(heard)
tool
"""


def marks(folder):
    read = json.loads((folder / "annotations.json").read_text())
    names = {category["id"]: category["name"] for category in read["categories"]}
    boxes = [(names[mark["category_id"]], *mark["bbox"]) for mark in read["annotations"]]
    return [[name, x, y, round(x + w, 2), round(y + h, 2)] for name, x, y, w, h in boxes]


def run_cell(page):
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_selector(".jp-OutputArea .cwa", timeout=60_000)


def work(page, folder, out):
    run_cell(page)
    tool = Page(page)
    tool.ready()
    page.wait_for_timeout(500)
    page.locator(".cwa-stage").scroll_into_view_if_needed()
    tool.drag((400, 250), (500, 350))
    tool.saved()
    near(marks(folder), ["car", 400, 250, 500, 350], by=2)
    page.screenshot(path=out / "lab.png")
    cells = "() => document.querySelectorAll('.jp-Notebook .jp-Cell').length"
    before = page.evaluate(cells)
    # In JupyterLab: delete, cut, insert above and below, to Markdown, interrupt, next cell, run.
    tool.press("d", "d", "x", "a", "b", "m", "i", "i", "ArrowDown", "ArrowUp", "j", "k", "Shift+Enter", "Control+z")
    tool.ready()
    tool.saved()
    assert page.evaluate(cells) == before == 2, page.evaluate(cells)
    assert page.evaluate("() => document.activeElement.classList.contains('cwa-stage')")
    tool.press("1")
    tool.drag((450, 400), (550, 460))
    tool.saved()
    tool.press("/")
    page.keyboard.type("dd xx")
    tool.press("Enter")
    tool.saved()
    assert page.evaluate(cells) == 2
    near(marks(folder), ["car", 400, 250, 500, 350], ["dd xx", 450, 400, 550, 460], by=2)
    # Without the focus, keys are the notebook's.
    page.locator(".jp-Notebook .jp-Cell .jp-InputPrompt").last.click()
    page.keyboard.press("b")
    page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === 3")
    return tool


def restart(page, tool, folder, out):
    tool.click(520, 430)
    page.evaluate(f"async () => {{ await {PANEL}.sessionContext.session.kernel.restart(); }}")
    tool.press("Alt+Shift+ArrowUp")
    page.wait_for_function("() => document.querySelector('.cwa-status').textContent.startsWith('not saved')", timeout=30_000)
    page.screenshot(path=out / "lab-restarted.png")
    print("after the restart:", tool.text(".cwa-status"))
    run_cell(page)
    page.wait_for_timeout(1500)
    tool.ready()
    tool.saved()
    near(marks(folder), ["car", 400, 250, 500, 350], ["dd xx", 450, 390, 550, 450], by=2)


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        pictures = folder / "pictures"
        pictures.mkdir()
        for at in (1, 2):
            (pictures / f"picture0{at}.png").write_bytes(png(640, 480, 40 * at))
        (pictures / "annotations.json").write_text(json.dumps(coco_with_proposals([0.9, 0.4])))
        cells = [CELL.strip().format(here=str(HERE), folder=str(pictures)), "1"]
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, folder / "annotate.ipynb")
        lab, address, token = start_lab(folder, sys.argv[2] if len(sys.argv) > 2 else "light")
        try:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
            page = browser.new_page(viewport={"width": 1280, "height": 1300})
            problems = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(f"{address}/lab/tree/annotate.ipynb?token={token}", wait_until="domcontentloaded")
            page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
            page.wait_for_function(f"() => {PANEL}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=90_000)
            try:
                tool = work(page, pictures, out)
                restart(page, tool, pictures, out)
            except Exception:
                page.screenshot(path=out / "lab-failed.png")
                raise
            browser.close()
        finally:
            lab.terminate()
            lab.wait(timeout=20)
    if problems:
        sys.exit("the page met errors:\n" + "\n".join(problems))
    print("the tool works in JupyterLab, keeps its keys, and keeps changes over a restart of the kernel")


if __name__ == "__main__":
    main()
