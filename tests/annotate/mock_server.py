"""The server's side of the annotation page, for tests: PROTOCOL.md in Python, with a folder and a COCO file.

    python mock_server.py FOLDER [--port 8765] [--token TOKEN] [--coco FOLDER/annotations.json]

prints the address to open. Without --token the token is random.
"""

import argparse
import hashlib
import hmac
import json
import math
import os
import queue
import re
import secrets
import struct
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).resolve().parent
FRONT = HERE.parents[1] / "prelude" / "src" / "annotate" / "front"
# The module of the tool is two files, one after the other.
STATIC = {
    "annotate.js": ("text/javascript", ["sync.js", "annotate.js"]),
    "bridge.js": ("text/javascript", ["bridge.js"]),
    "annotate.css": ("text/css", ["annotate.css"]),
}
KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
FIELDS = ("title", "author", "note")
LARGEST = 8 * 1024 * 1024
BOXES = 20_000
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Refused(Exception):
    """What the page is told in plain words."""


# ---- sizes of pictures ----


def orientation(exif):
    """The orientation (1 to 8) that an EXIF block names."""
    if exif[:6] != b"Exif\0\0":
        return 1
    tiff = exif[6:]
    order = "<" if tiff[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for at in range(count):
        tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * at)
        if tag == 0x0112:
            return value
    return 1


def jpeg_size(data):
    at, turned = 2, False
    while at + 9 < len(data):
        if data[at] != 0xFF:
            raise ValueError("no JPEG")
        mark, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if mark == 0xE1:
            turned = orientation(data[at + 4 : at + 2 + length]) >= 5
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return (height, width) if turned else (width, height)
        at += 2 + length
    raise ValueError("no size in the JPEG")


def upright_size(path):
    data = path.read_bytes()
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return struct.unpack_from(">II", data, 16)
    return jpeg_size(data)


# ---- what is kept ----


def within(folder, name):
    """The file of this name in the folder; nothing where it lies outside, be it through a link."""
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder) and path.is_file() and path.suffix.lower() in KINDS else None


def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refused("a coordinate is no number")
    return round(float(value), 2)


def checked_name(name):
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise Refused("a class needs a name of 1 to 100 characters")
    return name.strip()


def checked_box(box, width, height):
    if not isinstance(box, dict) or not isinstance(box.get("id"), str) or not 0 < len(box["id"]) <= 64:
        raise Refused("a box has no id")
    sides = [number(box.get(side)) for side in ("left", "top", "right", "bottom")]
    left, top, right, bottom = sides
    if not (0 <= left < right <= width + 0.01 and 0 <= top < bottom <= height + 0.01):
        raise Refused("a box is not within the picture")
    score = box.get("score")
    return {
        "id": box["id"], "class": checked_name(box.get("class")), "left": left, "top": top, "right": right,
        "bottom": bottom, "proposed": box.get("proposed") is True, "score": None if score is None else float(score),
    }


class Store:
    """Pictures and boxes; every change is on disk before it is acknowledged."""

    def __init__(self, folder, coco):
        self.folder = folder.resolve()
        self.coco = coco
        self.lock = threading.Lock()
        self.session = secrets.token_hex(8)
        # A later process goes on with larger numbers.
        self.seq = time.time_ns() // 1000
        self.classes, self.pictures, self.rest = [], {}, {}
        self.load()

    def load(self):
        read = json.loads(self.coco.read_text()) if self.coco.exists() else {}
        self.rest = {name: part for name, part in read.items() if name not in ("images", "annotations", "categories", "proposals")}
        names = {category["id"]: category["name"] for category in read.get("categories", [])}
        self.classes = list(names.values())
        for image in read.get("images", []):
            if within(self.folder, image["file_name"]) is None:
                print(f"left out: {image['file_name']} is no picture in the folder", file=sys.stderr)
                continue
            self.take(image["id"], image["file_name"], image)
        listed = {picture["file"] for picture in self.pictures.values()}
        for path in sorted(self.folder.iterdir()):
            if path.name not in listed and within(self.folder, path.name):
                self.take(max(map(int, self.pictures), default=0) + 1, path.name, {})
        for kind in ("annotations", "proposals"):
            for mark in read.get(kind, []):
                self.take_mark(mark, names, kind == "proposals")

    def take(self, number, name, image):
        width, height = (image["width"], image["height"]) if "width" in image else upright_size(self.folder / name)
        fields = {field: image.get(field, "") for field in FIELDS}
        self.pictures[str(number)] = {"id": str(number), "file": name, "width": width, "height": height, "fields": fields, "boxes": []}

    def take_mark(self, mark, names, proposed):
        picture = self.pictures.get(str(mark["image_id"]))
        if picture is None:
            return
        x, y, w, h = mark["bbox"]
        own = mark.get("key") or f"coco{mark['id']}"
        box = {"id": own, "class": names[mark["category_id"]], "left": round(x, 2), "top": round(y, 2)}
        box |= {"right": round(x + w, 2), "bottom": round(y + h, 2), "proposed": proposed, "score": mark.get("score")}
        picture["boxes"].append(box)

    def write(self):
        """Beside the file first, so that there is always a whole one."""
        numbers = {name: at + 1 for at, name in enumerate(self.classes)}
        images, marks, proposals = [], [], []
        for picture in self.pictures.values():
            image = {"id": int(picture["id"]), "file_name": picture["file"], "width": picture["width"], "height": picture["height"]}
            images.append(image | {name: text for name, text in picture["fields"].items() if text})
            for box in picture["boxes"]:
                w, h = round(box["right"] - box["left"], 2), round(box["bottom"] - box["top"], 2)
                mark = {"id": len(marks) + len(proposals) + 1, "image_id": image["id"], "category_id": numbers[box["class"]]}
                mark |= {"bbox": [box["left"], box["top"], w, h], "area": round(w * h, 2), "iscrowd": 0, "key": box["id"]}
                if box["score"] is not None:
                    mark["score"] = box["score"]
                (proposals if box["proposed"] else marks).append(mark)
        categories = [{"id": number, "name": name} for name, number in numbers.items()]
        whole = self.rest | {"images": images, "annotations": marks, "categories": categories, "proposals": proposals}
        with tempfile.NamedTemporaryFile("w", dir=self.coco.parent, prefix=".annotations-", delete=False) as file:
            json.dump(whole, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, self.coco)

    def revision(self, picture):
        content = [picture["boxes"], picture["fields"]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def state(self, picture):
        self.seq += 1
        return {
            "picture": picture["id"], "revision": self.revision(picture), "seq": self.seq,
            "boxes": picture["boxes"], "fields": picture["fields"],
        }

    def listed(self, picture):
        automatic = [box for box in picture["boxes"] if box["proposed"]]
        doubt = max((1 - (box["score"] or 0) for box in automatic), default=None)
        counts = {"boxes": len(picture["boxes"]) - len(automatic), "automatic": len(automatic), "doubt": doubt}
        return {"id": picture["id"], "name": picture["file"], "seen": bool(picture.get("seen") or picture["boxes"]), **counts}

    def picture(self, number):
        if not isinstance(number, str) or number not in self.pictures:
            raise Refused("there is no such picture")
        return self.pictures[number]

    # Each answers with what the asker is told and what all others are told.

    def hello(self, message):
        pictures = [self.listed(picture) for picture in self.pictures.values()]
        known = {"protocol": 1, "session": self.session, "dataset": str(self.coco), "classes": self.classes, "pictures": pictures}
        return [{"type": "welcome", **known}], []

    def ping(self, message):
        return [{"type": "pong", "session": self.session}], []

    def open(self, message):
        picture = self.picture(message.get("picture"))
        size = {"width": picture["width"], "height": picture["height"]}
        if message.get("image"):
            size["url"] = f"picture/{picture['id']}"
        return [{"type": "picture", **self.state(picture), **size}], []

    def add_class(self, message):
        name = checked_name(message.get("name"))
        if name not in self.classes:
            self.classes.append(name)
            self.write()
        told = {"type": "classes", "classes": self.classes}
        return [told], [told]

    def save(self, message):
        picture = self.picture(message.get("picture"))
        if message.get("base") != self.revision(picture):
            return [{"type": "conflict", **self.state(picture)}], []
        boxes, fields = message.get("boxes"), message.get("fields")
        if not isinstance(boxes, list) or len(boxes) > BOXES or not isinstance(fields, dict):
            raise Refused("the message is not as it should be")
        boxes = [checked_box(box, picture["width"], picture["height"]) for box in boxes]
        if len({box["id"] for box in boxes}) < len(boxes):
            raise Refused("two boxes have one id")
        fields = {name: str(fields.get(name, ""))[:4000] for name in FIELDS}
        kept = picture["boxes"], picture["fields"], list(self.classes)
        picture["seen"] = True
        fresh = list(dict.fromkeys(box["class"] for box in boxes if box["class"] not in self.classes))
        picture["boxes"], picture["fields"] = boxes, fields
        self.classes += fresh
        try:
            self.write()
        except OSError as error:
            picture["boxes"], picture["fields"], self.classes = kept
            raise Refused(f"the file cannot be written: {error.strerror}") from error
        state = self.state(picture)
        classes = [{"type": "classes", "classes": self.classes}] if fresh else []
        saved = {"type": "saved", "picture": picture["id"], "revision": state["revision"], "seq": state["seq"]}
        return [saved, *classes], [{"type": "changed", **state}, *classes]

    def answer(self, message, tell):
        """The answers to a message; `tell` gets what all other pages are to hear."""
        asks = {name: getattr(self, name) for name in ("hello", "ping", "open", "add_class", "save")}
        ask = asks.get(message.get("type"))
        back = {"view": message.get("view"), "id": message.get("id")}
        if ask is None:
            return [{"type": "refused", "why": "the server does not know this message", **back}]
        with self.lock:
            try:
                answers, others = ask(message)
            except Refused as refused:
                answers, others = [{"type": "refused", "why": str(refused)}], []
            # Told under the lock: all hear it in the order in which it came to be.
            tell(others, message.get("view"))
            return [answer | back for answer in answers]


# ---- HTTP ----


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, store, token):
        super().__init__(("127.0.0.1", port), Handler)
        self.store, self.token = store, token
        self.listeners = {}

    def tell(self, messages, but):
        for view, told in list(self.listeners.items()):
            if view != but:
                for message in messages:
                    told.put(message)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.guard_headers()
        self.end_headers()
        self.wfile.write(body)

    def guard_headers(self):
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Content-Security-Policy", POLICY)

    def refuse(self, status, why):
        self.close_connection = True
        self.reply(status, "text/plain; charset=utf-8", why)

    def may(self, posts):
        """Whether this comes from our own page; says so where not."""
        hosts = self.headers.get_all("Host") or []
        host = hosts[0] if len(hosts) == 1 else ""
        name = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", host)
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        foreign = (origin is not None or posts) and origin != f"http://{host}"
        if not name or foreign or site not in ("same-origin", "none"):
            self.refuse(403, "not from the page of this server")
            return False
        token = self.query.get("token", [""])[0]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self.refuse(403, "the token is not the one of this server")
            return False
        return True

    def read_address(self):
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        return parts.path

    def do_GET(self):
        path = self.read_address()
        if not self.may(posts=False):
            return
        picture = re.fullmatch(r"/picture/([A-Za-z0-9_-]{1,64})", path)
        if path == "/":
            self.reply(200, "text/html; charset=utf-8", (FRONT / "page.html").read_text().replace("{{TOKEN}}", self.server.token))
        elif path[1:] in STATIC:
            kind, parts = STATIC[path[1:]]
            self.reply(200, f"{kind}; charset=utf-8", b"\n".join((FRONT / part).read_bytes() for part in parts))
        elif path == "/events":
            self.stream(self.query.get("view", [""])[0][:64])
        elif picture:
            self.send_picture(picture[1])
        else:
            self.refuse(404, "there is nothing of this name")

    def send_picture(self, number):
        # The name is looked up, never put into a path; the path is looked at again, for the folder may have changed.
        known = self.server.store.pictures.get(number)
        path = known and within(self.server.store.folder, known["file"])
        if not path:
            return self.refuse(404, "there is no such picture")
        self.reply(200, KINDS[path.suffix.lower()], path.read_bytes())

    def do_POST(self):
        path = self.read_address()
        if not self.may(posts=True):
            return
        length = self.headers.get("Content-Length", "")
        if path != "/message" or self.headers.get_content_type() != "application/json" or not length.isdigit():
            return self.refuse(404, "there is nothing of this name")
        if int(length) > LARGEST:
            return self.refuse(413, "the message is too large")
        try:
            message = json.loads(self.rfile.read(int(length)))
            view = message["view"]
        except (ValueError, KeyError, TypeError):
            return self.refuse(400, "the message is no JSON object with a view")
        if not isinstance(view, str):
            return self.refuse(400, "the message is no JSON object with a view")
        answers = self.server.store.answer(message, self.server.tell)
        self.reply(200, "application/json", json.dumps(answers))

    def stream(self, view):
        told = self.server.listeners[view] = queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.guard_headers()
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b"retry: 1000\n\n")
            while True:
                try:
                    line = f"data: {json.dumps(told.get(timeout=15))}\n\n"
                except queue.Empty:
                    line = ": still here\n\n"
                self.wfile.write(line.encode())
        except OSError:
            pass
        finally:
            if self.server.listeners.get(view) is told:
                del self.server.listeners[view]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=None)
    parser.add_argument("--coco", type=Path, default=None)
    options = parser.parse_args()
    store = Store(options.folder, options.coco or options.folder / "annotations.json")
    server = Server(options.port, store, options.token or secrets.token_urlsafe(24))
    print(f"http://127.0.0.1:{server.server_address[1]}/?token={server.token}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
