"""Widgets in a real JupyterLab in headless Chromium: a bar that moves, a picture, a button, own JavaScript.

    python tests/jupyter/lab_widgets.py tests/out/widgets

clicks what there is to click, loads the page anew, and takes moving.png, clicked.png and reloaded.png.
Fails when a widget does not show, does not answer, or is lost when the page is loaded anew.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from lab import CHROMIUM, PANEL, start_lab
from playwright.sync_api import sync_playwright

CELLS = [
    """
let bar = IntProgress::new(0, 20).description("moving").look("info");
bar.display();
for step in 0..=20 { bar.set_value(step); std::thread::sleep(std::time::Duration::from_millis(200)); }
bar.set("bar_style", "success");
""",
    """
let wheel = image::RgbImage::from_fn(120, 80, |x, y| image::Rgb([(2 * x) as u8, (3 * y) as u8, 128]));
let mut png = std::io::Cursor::new(Vec::new());
image::DynamicImage::from(wheel).write_to(&mut png, image::ImageFormat::Png)?;
let picture = widgets::Image::png(png.into_inner());
picture.clone()
""",
    """
let label = Label::new("not yet");
let button = Button::new("one more").look("primary").icon("plus");
let (said, counted, mut clicks) = (label.clone(), bar.clone(), 0);
button.on_click(move || {
    clicks += 1;
    said.set_text(&format!("clicked {clicks} times"));
    counted.set_value(7 * clicks);
});
button.display();
label.display();
""",
    """
let counter = AnyWidget::new(
    "function render({ model, el }) {
         let button = document.createElement('button');
         button.className = 'own';
         let draw = () => { button.textContent = `${model.get('count')} doubled is ${model.get('twice')}`; };
         button.onclick = () => { model.set('count', model.get('count') + 1); model.save_changes(); };
         model.on('change:count', draw);
         model.on('change:twice', draw);
         draw();
         el.append(button);
     }
     export default { render };",
).css(".own { font-size: 20px; padding: 8px 16px; border-radius: 12px; background: #fde68a; color: #222 }")
 .state("count", 1).state("twice", 2).open();
let rust = counter.clone();
counter.on_change("count", move |count| rust.set("twice", 2 * count.json().as_i64().unwrap_or(0)));
counter.clone()
""",
]
TEXT = "selector => document.querySelector(selector)?.textContent"
LABEL = "text => [...document.querySelectorAll('.widget-label')].some(label => label.textContent === text)"
WIDTH = "() => document.querySelector('.jp-OutputArea .progress-bar')?.style.width"


def wait_for(page, script, argument=None, seconds=30):
    page.wait_for_function(script, arg=argument, timeout=seconds * 1000)


def open_notebook(page, address, name, token):
    page.goto(f"{address}/lab/tree/{name}?token={token}", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    wait_for(page, f"() => {PANEL}?.sessionContext?.session?.kernel?.status === 'idle'", seconds=90)


def try_widgets(page, out):
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    moving = "() => parseFloat(document.querySelector('.jp-OutputArea .progress-bar')?.style.width) > 20"
    wait_for(page, moving, seconds=120)
    first = page.evaluate(WIDTH)
    page.screenshot(path=out / "moving.png")
    wait_for(page, "first => document.querySelector('.jp-OutputArea .progress-bar').style.width !== first", first)
    wait_for(page, "() => document.querySelector('button.own')", seconds=60)
    wait_for(page, "() => document.querySelector('.jp-OutputArea img.widget-image')?.naturalWidth === 120")
    wait_for(page, f"() => {PANEL}.sessionContext.session.kernel.status === 'idle'", seconds=60)
    assert page.evaluate(WIDTH) == "100%", page.evaluate(WIDTH)

    button = page.locator(".jp-OutputArea button.widget-button")
    for clicks in (1, 2):
        button.click()
        wait_for(page, LABEL, f"clicked {clicks} times")
    wait_for(page, "() => document.querySelector('.jp-OutputArea .progress-bar').style.width === '70%'")
    assert page.evaluate(TEXT, "button.own") == "1 doubled is 2"
    page.locator("button.own").click()
    wait_for(page, "() => document.querySelector('button.own').textContent === '2 doubled is 4'")
    page.screenshot(path=out / "clicked.png")


def load_anew(page, address, name, token, out):
    page.evaluate(f"async () => {{ await {PANEL}.context.save(); }}")
    open_notebook(page, address, name, token)
    wait_for(page, "() => document.querySelector('button.own')?.textContent === '2 doubled is 4'", seconds=60)
    wait_for(page, "() => document.querySelector('.jp-OutputArea .progress-bar')?.style.width === '70%'")
    page.locator(".jp-OutputArea button.widget-button").click()
    wait_for(page, LABEL, "clicked 3 times")
    page.screenshot(path=out / "reloaded.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS])
    made.metadata.kernelspec = {"name": "candlewick", "display_name": "Rust (candlewick)", "language": "rust"}
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        nbformat.write(made, folder / "widgets.ipynb")
        lab, address, token = start_lab(folder, options.theme)
        try:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
            page = browser.new_page(viewport={"width": 1280, "height": 1500})
            problems = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            open_notebook(page, address, "widgets.ipynb", token)
            page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
            try:
                try_widgets(page, options.out)
                load_anew(page, address, "widgets.ipynb", token, options.out)
            except Exception:
                page.screenshot(path=options.out / "failed.png")
                raise
            browser.close()
        finally:
            lab.terminate()
            lab.wait(timeout=20)
    if problems:
        sys.exit("the page met errors:\n" + "\n".join(problems))
    print("a bar, a picture, a button and own JavaScript work, also after the page was loaded anew")


if __name__ == "__main__":
    main()
