"""What the tests of the annotation tool have in common: pictures, a server, a page, boxes on disk."""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
TOKEN = "a-token-of-the-tests"
SHOTS = os.environ.get("SHOTS")


def png(width, height, shade):
    """A picture with squares, so that one sees where one is."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        dark = (y // max(1, height // 8)) % 2
        for part in range(8):
            wide = width * (part + 1) // 8 - width * part // 8
            rows += bytes(((shade + 70 * ((part + dark) % 2)) % 256, 120 + 10 * part, 200 - 15 * part)) * wide
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 1)) + chunk(b"IEND", b"")


class Served:
    """A folder, and a server for it that can be killed and started again."""

    def __init__(self, folder, sizes, coco=None, host="stand-in"):
        self.folder, self.process, self.host, self.token = folder, None, host, TOKEN
        for at, (width, height) in enumerate(sizes, 1):
            (folder / f"picture{at:02}.png").write_bytes(png(width, height, 40 * at))
        if coco:
            self.file.write_text(json.dumps(coco))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def file(self):
        return self.folder / "annotations.json"

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def start(self):
        command = [sys.executable, HERE / "mock_server.py", self.folder, "--port", str(self.port), "--token", TOKEN]
        if self.host == "candlewick":
            command = ["candlewick", "annotate", self.folder, "--port", str(self.port)]
        with open(self.folder.parent / "server.log", "a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        address = self.process.stdout.readline().strip()
        assert address.startswith(f"http://127.0.0.1:{self.port}/?token="), (self.folder.parent / "server.log").read_text()
        self.token = address.split("token=")[1]

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()
            # What it started ends by itself.
            deadline = time.monotonic() + 10
            while is_open(self.port) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not is_open(self.port)
        self.process = None

    def say(self, **message):
        """The first answer to a message; what is no message is refused too."""
        body = json.dumps({"view": "a", "id": 1, **message}).encode()
        own = f"http://127.0.0.1:{self.port}"
        status, content = ask(self, f"/message?token={self.token}", "POST", body, Origin=own, Content_Type="application/json")
        return json.loads(content)[0] if status == 200 else {"type": "refused", "why": content.decode()}

    def id(self, picture=1):
        """What the host calls a picture."""
        pictures = self.say(type="hello", protocol=1)["pictures"]
        return next(known["id"] for known in pictures if known["name"] == f"picture{picture:02}.png")

    def marks(self, picture=1, kind="annotations"):
        """[class, left, top, right, bottom] of a picture's boxes on disk."""
        read = json.loads(self.file.read_text()) if self.file.exists() else {"images": [], "annotations": [], "categories": [], "proposals": []}
        names = {category["id"]: category["name"] for category in read["categories"]}
        own = [image["id"] for image in read["images"] if image["file_name"] == f"picture{picture:02}.png"]
        found = []
        for mark in read.get(kind, []):
            if mark["image_id"] in own:
                x, y, w, h = mark["bbox"]
                found.append([names[mark["category_id"]], x, y, round(x + w, 2), round(y + h, 2)])
        return found


def is_open(port):
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


class Page:
    """The tool in a page, in the picture's own pixels."""

    def __init__(self, page, root=".cwa"):
        self.page, self.root = page, root

    def at(self, x, y):
        script = """([root, x, y]) => {
            const image = document.querySelector(`${root} .cwa-image`);
            const { left, top, width, height } = image.getBoundingClientRect();
            return [left + x * width / image.offsetWidth, top + y * height / image.offsetHeight];
        }"""
        return self.page.evaluate(script, [self.root, x, y])

    def drag(self, start, end, steps=6, button="left"):
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down(button=button)
        self.page.mouse.move(*self.at(*end), steps=steps)
        self.page.mouse.up(button=button)

    def click(self, x, y):
        self.page.mouse.click(*self.at(x, y))

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector):
        return self.page.locator(f"{self.root} {selector}").first.inner_text()

    def saved(self, seconds=10):
        script = "root => document.querySelector(`${root} .cwa-status`)?.textContent === 'saved'"
        self.page.wait_for_function(script, arg=self.root, timeout=seconds * 1000)

    def ready(self):
        script = "root => document.querySelector(`${root} .cwa-image`)?.naturalWidth && !document.querySelector(`${root} .cwa-hidden`)"
        self.page.wait_for_function(script, arg=self.root)

    def add_class(self, name):
        self.press("/")
        self.page.keyboard.type(name)
        self.press("Enter")

    def shot(self, name):
        if SHOTS:
            Path(SHOTS).mkdir(exist_ok=True)
            self.page.wait_for_timeout(150)
            self.page.screenshot(path=f"{SHOTS}/{name}.png")


def near(found, *expected, by=1.0):
    assert len(found) == len(expected), found
    for one, other in zip(found, expected):
        assert one[0] == other[0], (found, expected)
        assert all(abs(a - b) <= by for a, b in zip(one[1:], other[1:])), (found, expected)


def coco_with_proposals(scores):
    marks = [
        {"id": at + 1, "image_id": 1, "category_id": 1 + at % 2, "bbox": [30 + 150 * (at % 4), 40 + 140 * (at // 4), 90, 80], "score": score}
        for at, score in enumerate(scores)
    ]
    images = [{"id": 1, "file_name": "picture01.png", "width": 640, "height": 480}]
    categories = [{"id": 1, "name": "car"}, {"id": 2, "name": "truck"}]
    return {"info": {"year": 2024}, "images": images, "annotations": [], "categories": categories, "proposals": marks}


def ask(served, path, method="GET", body=None, whole=False, **headers):
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    link.putrequest(method, path, skip_host=True)
    headers = {"Host": f"127.0.0.1:{served.port}", **headers}
    for name, value in headers.items():
        if value is not None:
            link.putheader(name.replace("_", "-"), value)
    if body is not None:
        link.putheader("Content-Length", str(len(body)))
    link.endheaders(body)
    answer = link.getresponse()
    content = answer.read()
    link.close()
    return (answer.status, content, answer) if whole else (answer.status, content)
