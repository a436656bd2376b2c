"""A browser, folders that are served, and pages that show them."""

import shutil

import pytest
from playwright.sync_api import sync_playwright
from tool import CHROMIUM, Page, Served


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not chromium:
            pytest.skip("no Chromium is installed")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def serve(tmp_path, request):
    host = getattr(request, "param", "stand-in")
    if host == "candlewick" and not shutil.which("candlewick"):
        pytest.skip("no candlewick is installed")
    started = []

    def start(sizes=((640, 480), (800, 600), (500, 900)), coco=None):
        folder = tmp_path / f"pictures{len(started)}"
        folder.mkdir()
        started.append(Served(folder, sizes, coco, host))
        return started[-1]

    yield start
    for served in started:
        served.kill()


@pytest.fixture
def visit(browser):
    contexts = []

    def open_page(address, width=1280, height=800, **more):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **more))
        page = contexts[-1].new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(address)
        tool = Page(page)
        page.wait_for_selector(".cwa")
        return tool

    yield open_page
    problems = [problem for context in contexts for page in context.pages for problem in page.problems]
    for context in contexts:
        context.close()
    assert not problems, problems


@pytest.fixture
def both(serve, visit):
    served = serve()
    tool = visit(served.address)
    tool.ready()
    return served, tool
