"""The annotation tool in headless Chromium: the page with mock_server.py, and render() with a model of anywidget's kind.

Some tests are run on the page of `candlewick annotate` too, where it is installed.

    python -m pytest test_annotate.py -q            # needs playwright, pytest and a Chromium
    SHOTS=shots python -m pytest test_annotate.py   # also writes screenshots there
"""

import json
import struct
import subprocess
import sys
import time

import pytest
from mock_server import FRONT, STATIC, jpeg_size
from tool import HERE, TOKEN, Page, ask, coco_with_proposals, near, png

STATUS = ".cwa-status"
# On the stand-in and on the real page.
everywhere = pytest.mark.parametrize("serve", ["stand-in", "candlewick"], indirect=True)


# ---- drawing and changing ----


@everywhere
def test_draws_moves_resizes_deletes_and_undoes(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 180))
    tool.saved()
    first = ["cat", 100, 100, 200, 180]
    near(served.marks(), first)
    tool.drag((300, 300), (420, 400))
    tool.saved()
    second = ["cat", 300, 300, 420, 400]
    near(served.marks(), first, second)

    tool.drag((150, 140), (170, 170))
    tool.saved()
    first_moved = ["cat", 120, 130, 220, 210]
    near(served.marks(), first_moved, second)

    tool.drag((220, 210), (260, 230))
    tool.saved()
    near(served.marks(), ["cat", 120, 130, 260, 230], second)
    tool.drag((190, 130), (190, 110))
    tool.saved()
    resized = ["cat", 120, 110, 260, 230]
    near(served.marks(), resized, second)

    tool.press("Delete")
    tool.saved()
    near(served.marks(), second)
    tool.press("Control+z")
    tool.saved()
    near(served.marks(), resized, second)
    tool.press("Control+z", "Control+z", "Control+z")
    tool.saved()
    near(served.marks(), first, second)
    tool.press("Control+z", "Control+z")
    tool.saved()
    assert served.marks() == []
    tool.press("Control+Shift+z", "Control+y")
    tool.saved()
    near(served.marks(), first, second)
    tool.press("Control+y", "Control+y", "Control+y", "Control+y", "Control+y")
    tool.saved()
    near(served.marks(), second)


@pytest.mark.parametrize("handle,end,expected", [
    ("nw", (90, 80), (90, 80, 300, 250)), ("n", (0, 80), (100, 80, 300, 250)), ("ne", (330, 80), (100, 80, 330, 250)),
    ("e", (330, 0), (100, 100, 330, 250)), ("se", (330, 280), (100, 100, 330, 280)), ("s", (0, 280), (100, 100, 300, 280)),
    ("sw", (90, 280), (90, 100, 300, 280)), ("w", (90, 0), (90, 100, 300, 250)),
])
def test_each_handle_moves_its_sides(both, handle, end, expected):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (300, 250))
    x = 100 if "w" in handle else 300 if "e" in handle else 200
    y = 100 if "n" in handle else 250 if "s" in handle else 175
    tool.drag((x, y), (end[0] or x, end[1] or y))
    tool.saved()
    near(served.marks(), ["cat", *expected])


def test_boxes_stay_within_the_picture_and_have_two_decimals(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((600, 440), (660, 500))
    tool.saved()
    assert served.marks()[0][3:] == [640, 480]
    tool.drag((620, 460), (300, 250))
    tool.drag((300, 250), (-300, 260))
    tool.saved()
    (_, left, top, right, bottom), = served.marks()
    assert left == 0 and abs(right - 40) < 1.5
    assert all(round(side, 2) == side for side in (left, top, right, bottom))
    # A side is not drawn beyond the other.
    tool.drag((right, (top + bottom) / 2), (-100, (top + bottom) / 2))
    tool.saved()
    assert served.marks()[0][1] == 0 and served.marks()[0][3] == 2


def test_escape_leaves_off_and_small_drags_select(both):
    served, tool = both
    tool.add_class("cat")
    tool.page.mouse.move(*tool.at(100, 100))
    tool.page.mouse.down()
    tool.page.mouse.move(*tool.at(200, 200), steps=4)
    tool.press("Escape")
    tool.page.mouse.up()
    assert tool.text("h3 >> nth=1") == "Boxes: 0"
    tool.drag((100, 100), (200, 200))
    tool.drag((300, 100), (301, 101))
    assert tool.text("h3 >> nth=1") == "Boxes: 1"
    assert tool.text(".cwa-info") == ""
    tool.click(150, 150)
    assert tool.text(".cwa-info").startswith("cat, 100 × 100")
    # A drag that is left off puts the box back.
    tool.page.mouse.move(*tool.at(150, 150))
    tool.page.mouse.down()
    tool.page.mouse.move(*tool.at(250, 250), steps=4)
    tool.page.wait_for_timeout(200)
    tool.press("Escape")
    tool.page.mouse.up()
    tool.saved()
    near(served.marks(), ["cat", 100, 100, 200, 200])


def test_shift_draws_within_a_box_and_clicks_go_down(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (400, 400))
    tool.page.keyboard.down("Shift")
    tool.drag((150, 150), (250, 250))
    tool.page.keyboard.up("Shift")
    tool.saved()
    near(served.marks(), ["cat", 100, 100, 400, 400], ["cat", 150, 150, 250, 250])
    tool.press("Escape")
    tool.click(200, 200)
    assert "100 × 100" in tool.text(".cwa-info")
    tool.click(200, 200)
    assert "300 × 300" in tool.text(".cwa-info")


def test_classes_are_added_found_and_given(both):
    served, tool = both
    for name in ("car", "truck", "bicycle"):
        tool.add_class(name)
    tool.press("1")
    tool.drag((100, 100), (200, 200))
    tool.saved()
    near(served.marks(), ["car", 100, 100, 200, 200])
    tool.press("3")
    tool.saved()
    near(served.marks(), ["bicycle", 100, 100, 200, 200])
    tool.press("c")
    tool.page.keyboard.type("tru")
    assert tool.page.locator(".cwa-class").count() == 2  # truck, and to add "tru"
    tool.press("Enter")
    tool.saved()
    near(served.marks(), ["truck", 100, 100, 200, 200])
    tool.page.locator(".cwa-class", has_text="car").click()
    tool.saved()
    near(served.marks(), ["car", 100, 100, 200, 200])
    tool.press("Control+z")
    tool.saved()
    near(served.marks(), ["truck", 100, 100, 200, 200])
    names = [category["name"] for category in json.loads(served.file.read_text())["categories"]]
    assert names == ["car", "truck", "bicycle"]


def test_without_a_class_one_is_asked_for(both):
    _, tool = both
    tool.drag((100, 100), (200, 200))
    assert tool.text(".cwa-problem").startswith("Choose or add a class")
    tool.page.keyboard.type("cat")
    tool.press("Enter")
    tool.drag((100, 100), (200, 200))
    tool.saved()


def test_everything_goes_by_the_keyboard(both):
    served, tool = both
    tool.add_class("cat")
    tool.press("n")
    tool.saved()
    (_, left, top, right, bottom), = served.marks()
    tool.press("Alt+ArrowRight", "Alt+Shift+ArrowDown")
    tool.saved()
    near(served.marks(), ["cat", left + 1, top + 10, right + 1, bottom + 10], by=0.01)
    tool.press("r", "Alt+Shift+ArrowRight", "Alt+ArrowUp")
    tool.saved()
    near(served.marks(), ["cat", left + 1, top + 10, right + 11, bottom + 9], by=0.01)
    tool.press("r", "Alt+ArrowLeft")
    tool.saved()
    near(served.marks(), ["cat", left, top + 10, right + 11, bottom + 9], by=0.01)
    # Quick nudges are one step each kind.
    tool.press("Control+z", "Control+z", "Control+z")
    tool.saved()
    near(served.marks(), ["cat", left, top, right, bottom], by=0.01)
    tool.press("n", "Escape", "Tab")
    assert "cat" in tool.text(".cwa-info")
    tool.press("Tab", "Backspace")
    tool.saved()
    assert len(served.marks()) == 1
    # Behind the last box, Tab leaves the picture.
    tool.press("Tab", "Tab")
    assert not tool.page.evaluate("document.activeElement.classList.contains('cwa-stage')")


def test_two_hundred_steps_are_undone(both):
    served, tool = both
    tool.add_class("cat")
    for at in range(220):
        tool.press("n")
    tool.saved()
    assert len(served.marks()) == 220
    for at in range(210):
        tool.press("Control+z")
    tool.saved()
    assert len(served.marks()) == 10
    for at in range(210):
        tool.press("Control+y")
    tool.saved()
    assert len(served.marks()) == 220


@everywhere
def test_automatic_boxes_are_accepted_and_rejected(serve, visit):
    served = serve(coco=coco_with_proposals([0.91, 0.35, 0.77, 0.5, 0.64, 0.2]))
    tool = visit(served.address)
    tool.ready()
    tool.shot("automatic")
    assert tool.text("h3 >> nth=1") == "Boxes: 0, 6 automatic"
    tool.click(60, 80)
    tool.press("Enter")
    tool.saved()
    near(served.marks(), ["car", 30, 40, 120, 120])
    assert len(served.marks(kind="proposals")) == 5
    assert json.loads(served.file.read_text())["annotations"][0]["score"] == 0.91
    # The next automatic one is selected, ready to be judged.
    assert tool.text(".cwa-info").startswith("truck")
    tool.press("Delete")
    tool.saved()
    assert len(served.marks()) == 1 and len(served.marks(kind="proposals")) == 4
    tool.press("Escape")
    tool.drag((370, 80), (380, 90))
    tool.saved()
    near(served.marks(), ["car", 30, 40, 120, 120], ["car", 340, 50, 430, 130])
    tool.press("Control+z")
    tool.saved()
    assert len(served.marks()) == 1 and len(served.marks(kind="proposals")) == 4
    tool.press("Shift+Enter")
    tool.saved()
    assert len(served.marks()) == 5 and served.marks(kind="proposals") == []
    tool.press("Control+z")
    tool.saved()
    assert len(served.marks()) == 1 and len(served.marks(kind="proposals")) == 4
    # What the file had besides is still there.
    assert json.loads(served.file.read_text())["info"] == {"year": 2024}


def test_a_picture_is_seen_without_boxes(both):
    served, tool = both
    counts = lambda: [text.strip() for text in tool.page.locator(".cwa-row .cwa-counts").all_inner_texts()[:3]]
    assert counts() == ["–", "–", "–"]
    tool.press("e")
    tool.ready()
    tool.saved()
    assert counts() == ["0", "–", "–"]
    assert tool.text(".cwa-counter").startswith("2 /"), "the next one comes"
    tool.page.select_option(f"{tool.root} select", "unseen")
    assert tool.text(".cwa-counter").endswith("/ 2")
    # boxes say by themselves that a picture was seen
    tool.add_class("cat")
    tool.drag((100, 100), (200, 180))
    tool.saved()
    tool.press("e")
    assert "There are boxes on this picture" in tool.text(".cwa-problem")
    assert served.marks(1) == [] and len(served.marks(2)) == 1


@everywhere
def test_pictures_filters_and_fields(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 200))
    tool.press(".")
    tool.ready()
    assert tool.text(".cwa-name") == "picture02.png"
    tool.drag((300, 100), (400, 200))
    tool.press("ArrowRight")
    tool.ready()
    assert tool.text(".cwa-counter") == "3 / 3"
    tool.press("p")
    tool.saved()
    near(served.marks(3), ["cat", 300, 100, 400, 200])
    tool.press(",", "ArrowLeft")
    tool.ready()
    assert tool.text(".cwa-name") == "picture01.png"
    tool.press("Control+z")
    tool.saved()
    assert served.marks(1) == [] and len(served.marks(2)) == 1
    tool.page.locator(".cwa-pictures select").select_option("empty")
    assert tool.text(".cwa-counter") == "1 / 1"
    tool.page.locator(".cwa-pictures select").select_option("all")
    tool.page.locator(".cwa-pictures .cwa-row", has_text="picture02").click()
    tool.press("Escape")
    tool.ready()
    for name, text in (("title", "A crossing"), ("author", "Ä. Ünal"), ("note", "arrows → and 1 2 3\nn d p")):
        tool.page.get_by_label(name, exact=True).fill(text)
    tool.saved()
    image = json.loads(served.file.read_text())["images"][1]
    assert (image["title"], image["author"], image["note"]) == ("A crossing", "Ä. Ünal", "arrows → and 1 2 3\nn d p")
    # Keys that are typed into a field do nothing else.
    assert len(served.marks(2)) == 1 and tool.text(".cwa-name") == "picture02.png"
    tool.page.reload()
    tool.ready()
    tool.press(".")
    tool.ready()
    assert tool.page.get_by_label("title", exact=True).input_value() == "A crossing"


def test_zoomed_drawing_gives_the_right_pixels(both):
    served, tool = both
    tool.add_class("cat")
    tool.page.mouse.move(*tool.at(320, 240))
    for _ in range(6):
        tool.page.mouse.wheel(0, -200)
    tool.page.wait_for_timeout(100)
    assert int(tool.text(".cwa-zoom").split()[0]) > 500
    tool.drag((310.5, 230.25), (330.75, 250.5))
    tool.saved()
    near(served.marks(), ["cat", 310.5, 230.25, 330.75, 250.5], by=0.11)
    tool.shot("zoomed")
    before = tool.at(320, 240)
    tool.drag((326, 250), (318, 244), button="middle")
    after = tool.at(320, 240)
    assert after[0] < before[0] and after[1] < before[1]
    tool.page.keyboard.down("Space")
    tool.drag((318, 244), (326, 250))
    tool.page.keyboard.up("Space")
    back = tool.at(320, 240)
    assert all(abs(one - other) < 1.5 for one, other in zip(before, back))
    assert len(served.marks()) == 1
    # Keys zoom around the pointer.
    tool.page.mouse.move(*tool.at(325, 245))
    spot = tool.at(325, 245)
    tool.press("-", "-", "+")
    assert all(abs(one - other) < 1.5 for one, other in zip(spot, tool.at(325, 245)))
    tool.press("0")
    tool.drag((20, 20), (60, 60))
    tool.saved()
    near(served.marks()[1:], ["cat", 20, 20, 60, 60])


@everywhere
def test_a_running_drag_is_saved_before_it_ends(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 200))
    tool.saved()
    tool.page.mouse.move(*tool.at(150, 150))
    tool.page.mouse.down()
    tool.page.mouse.move(*tool.at(250, 250), steps=5)
    deadline = time.monotonic() + 3
    while abs(served.marks()[0][1] - 200) > 1 and time.monotonic() < deadline:
        tool.page.wait_for_timeout(30)
    near(served.marks(), ["cat", 200, 200, 300, 300])
    tool.page.mouse.up()


def test_touch_draws_and_pinches(serve, visit):
    served = serve()
    tool = visit(served.address, has_touch=True)
    tool.ready()
    tool.add_class("cat")
    talk = tool.page.context.new_cdp_session(tool.page)

    def touch(kind, *points):
        spots = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        talk.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    touch("touchStart", tool.at(100, 100))
    for step in range(1, 6):
        touch("touchMove", tool.at(100 + 20 * step, 100 + 10 * step))
    touch("touchEnd")
    tool.saved()
    near(served.marks(), ["cat", 100, 100, 200, 150], by=1.5)
    zoom = int(tool.text(".cwa-zoom").split()[0])
    touch("touchStart", (500, 400))
    touch("touchStart", (500, 400), (600, 400))
    for step in range(1, 6):
        touch("touchMove", (500 - 10 * step, 400), (600 + 10 * step, 400))
    touch("touchEnd")
    tool.page.wait_for_timeout(100)
    assert 1.8 < int(tool.text(".cwa-zoom").split()[0]) / zoom < 2.2
    assert len(served.marks()) == 1


# ---- the connection ----


def test_nothing_is_lost_when_the_server_is_killed(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 200))
    tool.saved()
    served.kill()
    tool.drag((300, 300), (400, 400))
    tool.add_class("dog")
    tool.drag((450, 100), (550, 200))
    tool.page.wait_for_function("() => document.querySelector('.cwa-status').textContent.startsWith('not saved: the server does not answer')")
    tool.shot("gone")
    near(served.marks(), ["cat", 100, 100, 200, 200])
    served.start()
    tool.saved(20)
    # Adding a class gives it to the selected box too.
    near(served.marks(), ["cat", 100, 100, 200, 200], ["dog", 300, 300, 400, 400], ["dog", 450, 100, 550, 200])
    tool.press("Control+z")
    tool.saved()
    assert len(served.marks()) == 2


def test_a_host_that_forgot_the_ids_gets_no_box_twice(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 200))
    tool.drag((300, 100), (400, 200))
    tool.saved()
    served.kill()
    tool.drag((150, 150), (150, 300))
    tool.drag((450, 300), (550, 400))
    read = json.loads(served.file.read_text())
    for mark in read["annotations"]:
        del mark["key"]
    served.file.write_text(json.dumps(read))
    served.start()
    tool.saved(20)
    near(sorted(served.marks()), ["cat", 100, 250, 200, 350], ["cat", 300, 100, 400, 200], ["cat", 450, 300, 550, 400])


def test_killed_in_the_middle_of_a_drag(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 200))
    tool.saved()
    tool.page.mouse.move(*tool.at(150, 150))
    tool.page.mouse.down()
    tool.page.mouse.move(*tool.at(200, 200), steps=5)
    served.kill()
    tool.page.mouse.move(*tool.at(250, 250), steps=5)
    tool.page.mouse.up()
    json.loads(served.file.read_text())
    served.start()
    tool.saved(20)
    near(served.marks(), ["cat", 200, 200, 300, 300])


@everywhere
def test_a_page_that_is_closed_unsaved_saves_when_it_is_opened_again(both):
    served, tool = both
    tool.add_class("cat")
    tool.drag((100, 100), (200, 200))
    tool.saved()
    served.kill()
    tool.drag((300, 300), (400, 400))
    tool.page.wait_for_timeout(800)
    again = tool.page.context.new_page()
    again.problems = []
    tool.page.close()
    served.start()
    again.goto(served.address)
    tool.page = again
    tool.ready()
    tool.saved()
    deadline = time.monotonic() + 5
    while len(served.marks()) < 2 and time.monotonic() < deadline:
        again.wait_for_timeout(50)
    near(served.marks(), ["cat", 100, 100, 200, 200], ["cat", 300, 300, 400, 400])
    assert again.evaluate("Object.keys(localStorage).length") == 0


@everywhere
def test_changes_of_others_meanwhile_stay(both, visit):
    served, one = both
    other = visit(served.address)
    other.ready()
    one.add_class("cat")
    one.drag((100, 100), (200, 200))
    one.saved()
    other.page.wait_for_function("() => document.querySelector('.cwa-side h3:nth-of-type(2)').textContent === 'Boxes: 1'")
    assert other.text(".cwa-pictures .cwa-row >> nth=0").split()[-1] == "1"
    # Both change at once, from the same revision: one of the messages is held back.
    held = []
    one.page.route("**/message*", lambda route: held.append(route))
    one.drag((300, 100), (400, 200))
    other.drag((300, 300), (400, 400))
    other.saved()
    for route in held:
        route.continue_()
    one.page.unroute("**/message*")
    one.saved()
    near(sorted(served.marks()), ["cat", 100, 100, 200, 200], ["cat", 300, 100, 400, 200], ["cat", 300, 300, 400, 400])
    # To undo takes back what was done here and nothing else.
    one.press("Control+z")
    one.saved()
    near(sorted(served.marks()), ["cat", 100, 100, 200, 200], ["cat", 300, 300, 400, 400])
    other.page.wait_for_function("() => document.querySelector('.cwa-side h3:nth-of-type(2)').textContent === 'Boxes: 2'")


def first_save(tool, action):
    """Does this with the first save that the page sends, and nothing with all else."""
    done = []

    def route_one(route):
        if done or json.loads(route.request.post_data)["type"] != "save":
            return route.continue_()
        done.append(True)
        action(route)

    tool.page.route("**/message*", route_one)


@everywhere
def test_a_save_whose_answer_is_lost_is_not_done_twice(both):
    served, tool = both
    tool.add_class("cat")
    tool.saved()

    def lose(route):
        route.fetch()
        route.abort()

    first_save(tool, lose)
    tool.drag((100, 100), (200, 200))
    tool.saved(20)
    near(served.marks(), ["cat", 100, 100, 200, 200])


def test_a_refused_save_says_why(both):
    served, tool = both
    tool.add_class("cat")
    def refuse(route):
        own = {name: json.loads(route.request.post_data)[name] for name in ("view", "id")}
        route.fulfill(json=[{"type": "refused", "why": "the file cannot be written: no space left", **own}])

    first_save(tool, refuse)
    tool.drag((100, 100), (200, 200))
    tool.page.wait_for_timeout(300)
    assert tool.text(STATUS) == "not saved: the file cannot be written: no space left"
    tool.press("Alt+ArrowRight")
    tool.saved()
    assert len(served.marks()) == 1


def test_an_unknown_token_is_told(both):
    served, tool = both
    served.kill()
    command = [sys.executable, HERE / "mock_server.py", served.folder, "--port", str(served.port)]
    served.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert TOKEN not in served.process.stdout.readline()
    tool.page.wait_for_function("() => document.querySelector('.cwa-status').textContent.includes('open the address that it has printed')", timeout=15000)


# Two clients change their own boxes and one that both have, over a line that loses a fifth of what is said each way,
# with answers that overtake broadcasts, and a host that is started anew. In the end all have the same, and each its own.
STORM = """async seed => {
    let state = seed;
    const chance = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
    const wait = time => new Promise(done => setTimeout(done, time));
    let calm = false, session = "first", seq = 0;
    let stored = { boxes: [], fields: { title: "", author: "", note: "" } };
    const revision = () => JSON.stringify(stored);
    const whole = () => ({ picture: "a", revision: revision(), seq: ++seq, ...JSON.parse(JSON.stringify(stored)) });
    const answer = ({ type, base, boxes, fields }) => {
        if (type === "hello") return [{ type: "welcome", protocol: 1, session, dataset: "storm" + seed, classes: ["x"], pictures: [{ id: "a", name: "a", boxes: 0, automatic: 0 }] }];
        if (type === "ping") return [{ type: "pong", session }];
        if (type === "open") return [{ type: "picture", width: 100, height: 100, ...whole() }];
        if (base !== revision()) return [{ type: "conflict", ...whole() }];
        stored = JSON.parse(JSON.stringify({ boxes, fields }));
        const now = whole();
        return [{ type: "saved", picture: "a", revision: now.revision, seq: now.seq }, { type: "changed", ...now }];
    };
    class Model {
        heard = []; line = Promise.resolve(); told = Promise.resolve();
        on(name, action) { if (name === "msg:custom") this.heard.push(action); }
        off() {}
        say(message) { for (const action of this.heard) action(message, []); }
        send(message) {
            message = JSON.parse(JSON.stringify(message));
            const lost = !calm && chance() < 0.2, unheard = !calm && chance() < 0.2;
            this.line = this.line.then(() => wait(chance() * 6)).then(() => {
                if (lost) return;
                const [own, broadcast] = answer(message);
                if (broadcast) models.filter(model => model !== this).forEach(model => model.tell(broadcast));
                if (!unheard) setTimeout(() => this.say({ view: message.view, id: message.id, ...own }), chance() * 25);
            });
        }
        tell(message) { this.told = this.told.then(() => wait(chance() * 12)).then(() => this.say(message)); }
    }
    const models = [new Model(), new Model()];
    const quiet = { record() {}, pictures() {}, classes() {}, status() {}, problem(why) { throw new Error(why); } };
    const clients = models.map(model => {
        const sync = new Sync(model, { ...quiet, welcome: () => sync.open("a") });
        sync.hello();
        return sync;
    });
    const meant = [new Map(), new Map()];
    const box = (id, at) => ({ id, class: "x", left: at, top: 1, right: at + 5, bottom: 9, proposed: false, score: null });
    for (let step = 0; step < 150; step++) {
        await wait(chance() * 8);
        if (step === 80) session = "second", seq = 1e6;
        const who = chance() < 0.5 ? 0 : 1;
        const record = clients[who].record("a");
        if (!record.loaded) continue;
        const id = chance() < 0.2 ? "both" : `${who}-${Math.floor(chance() * 4)}`;
        const gone = chance() < 0.3;
        const fresh = box(id, Math.floor(chance() * 90));
        const others = record.boxes.filter(other => other.id !== id);
        record.boxes = gone ? others : record.boxes.some(other => other.id === id) ? record.boxes.map(other => (other.id === id ? fresh : other)) : [...others, fresh];
        if (chance() < 0.2) record.fields = { ...record.fields, [who ? "title" : "note"]: `word ${step}` };
        if (id !== "both") meant[who].set(id, gone ? null : fresh);
        clients[who].changed(record, chance() < 0.5);
    }
    calm = true;
    const settled = () => clients.every(sync => !sync.gone && !sync.waiting.size && !sync.dirty().length);
    for (let tries = 0; tries < 400 && !settled(); tries++) await wait(20);
    await wait(200);
    const shown = clients.map(sync => JSON.stringify([...sync.record("a").boxes].sort((a, b) => (a.id < b.id ? -1 : 1))));
    const kept = new Map(stored.boxes.map(box => [box.id, box]));
    const lost = meant.flatMap(own => [...own].filter(([id, box]) => JSON.stringify(kept.get(id) ?? null) !== JSON.stringify(box)));
    clients.forEach(sync => sync.dispose());
    return { settled: settled(), same: shown[0] === shown[1] && shown[0] === JSON.stringify([...stored.boxes].sort((a, b) => (a.id < b.id ? -1 : 1))),
        twice: kept.size !== stored.boxes.length, lost, fields: clients.map(sync => JSON.stringify(sync.record("a").fields) === JSON.stringify(stored.fields)) };
}"""


def test_a_bad_line_loses_nothing(browser):
    context = browser.new_context()
    page = context.new_page()
    page.route("http://storm.test/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto("http://storm.test/")
    code = (FRONT / "sync.js").read_text()
    for slow, quick in (("PATIENCE = 6000", "PATIENCE = 60"), ('"patience", 1000', '"patience", 15'), ("1000 * 1.5", "15 * 1.2"), ("8000)", "80)"), ("DELAY = 100", "DELAY = 8")):
        assert slow in code
        code = code.replace(slow, quick)
    page.add_script_tag(content=f"{code}; window.Sync = Sync;")
    found = page.evaluate(f"async () => {{ const storm = {STORM}; return Promise.all([...Array(40).keys()].map(at => storm(at * 7919 + 1))); }}")
    context.close()
    for at, end in enumerate(found):
        assert end == {"settled": True, "same": True, "twice": False, "lost": [], "fields": [True, True]}, (at, end)


# ---- security of the server ----


@everywhere
def test_only_our_own_page_is_answered(serve):
    served = serve()
    own = f"http://127.0.0.1:{served.port}"
    own_picture = f"/picture/{served.id()}"
    paths = ["/", "/annotate.js", "/annotate.css", "/bridge.js", own_picture, "/events?view=a"]
    for path in paths:
        mark = "&" if "?" in path else "?"
        assert ask(served, path)[0] == 403, path
        assert ask(served, f"{path}{mark}token=wrong")[0] == 403, path
        assert ask(served, f"{path}{mark}token={served.token}", Host="evil.example")[0] == 403, path
        assert ask(served, f"{path}{mark}token={served.token}", Host=f"127.0.0.1.evil.example:{served.port}")[0] == 403, path
        assert ask(served, f"{path}{mark}token={served.token}", Host=None)[0] == 403, path
        assert ask(served, f"{path}{mark}token={served.token}", Origin="http://evil.example")[0] == 403, path
        assert ask(served, f"{path}{mark}token={served.token}", Origin="null")[0] == 403, path
        assert ask(served, f"{path}{mark}token={served.token}", Sec_Fetch_Site="cross-site")[0] == 403, path
    assert ask(served, f"{own_picture}?token={served.token}")[0] == 200
    assert ask(served, f"/?token={served.token}", Host="localhost:99")[0] == 200

    hello = json.dumps({"type": "hello", "view": "a", "id": 1, "protocol": 1}).encode()
    post = lambda path=f"/message?token={served.token}", body=hello, **headers: ask(served, path, "POST", body, **headers)
    kind = {"Content_Type": "application/json"}
    assert post(Origin=own, **kind)[0] == 200
    assert post(**kind)[0] == 403
    assert post(Origin="http://evil.example", **kind)[0] == 403
    assert post(Origin="http://127.0.0.1:1", **kind)[0] == 403
    assert post(f"/message?token=wrong", Origin=own, **kind)[0] == 403
    assert post("/message", Origin=own, **kind)[0] == 403
    assert post(Origin=own, Content_Type="text/plain")[0] == 404
    assert post(body=b"[]", Origin=own, **kind)[0] == 400
    assert post(body=b"{", Origin=own, **kind)[0] == 400
    large = {"Origin": own, "Content_Length": str(8 * 1024 * 1024 + 1), **kind}
    assert ask(served, f"/message?token={served.token}", "POST", None, **large)[0] == 413
    status, _, answer = ask(served, f"{own_picture}?token={served.token}", whole=True)
    assert status == 200 and answer.getheader("Cache-Control") == "no-store" and answer.getheader("X-Content-Type-Options") == "nosniff"
    assert "frame-ancestors 'none'" in answer.getheader("Content-Security-Policy") and answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
    assert not any(name.lower().startswith("access-control") for name, _ in answer.getheaders())


@everywhere
def test_nothing_outside_the_folder_is_served(serve):
    names = ["../secret.png", "picture02.png"]
    images = [{"id": at, "file_name": name, "width": 800, "height": 600} for at, name in enumerate(names, 7)]
    served = serve(coco={"images": images, "annotations": [], "categories": []})
    secret = served.folder.parent / "secret.png"
    secret.write_bytes(png(1, 1, 0) + b"secret")
    own = served.id()
    assert len(served.say(type="hello", protocol=1)["pictures"]) == 3
    for name in ("../secret.png", "..%2fsecret.png", "%2e%2e/secret.png", "....//secret.png", "/etc/passwd", "7", "annotations.json", f"{own}/../../secret.png", f"{own}%00"):
        status, content = ask(served, f"/picture/{name}?token={served.token}")
        assert status == 404 and b"secret" not in content, name
    for path in ("/../mock_server.py", "/mock_server.py", "/%2e%2e/etc/passwd", "//etc/passwd", "/annotations.json", "/picture01.png"):
        assert ask(served, f"{path}?token={served.token}")[0] == 404, path
    assert ask(served, f"/picture/{own}?token={served.token}")[0] == 200
    # A link that leads outside, put there while the server runs.
    (served.folder / "picture01.png").unlink()
    (served.folder / "picture01.png").symlink_to(secret)
    assert ask(served, f"/picture/{own}?token={served.token}")[0] == 404


@everywhere
def test_only_sound_boxes_are_kept(serve):
    served = serve()
    say, picture = served.say, served.id()
    base = say(type="open", picture=picture)["revision"]
    sound = {"id": "x", "class": "cat", "left": 1, "top": 2, "right": 30, "bottom": 40, "proposed": False, "score": None}
    for wrong in ({"left": -1}, {"right": 641}, {"left": 31}, {"top": "2"}, {"class": ""}, {"class": 7}, {"id": ""}, {"left": True}, {"bottom": float("nan")}):
        assert say(type="save", picture=picture, base=base, boxes=[sound | wrong], fields={})["type"] == "refused", wrong
    assert say(type="save", picture=picture, base=base, boxes=[sound, sound], fields={})["type"] == "refused"
    assert say(type="save", picture="../1", base=base, boxes=[], fields={})["type"] == "refused"
    assert say(type="save", picture=picture, base="old", boxes=[], fields={})["type"] == "conflict"
    assert say(type="what")["type"] == "refused"
    assert served.marks() == []
    assert say(type="save", picture=picture, base=base, boxes=[sound], fields={})["type"] == "saved"
    assert served.marks() == [["cat", 1, 2, 30, 40]]


def test_the_upright_size_is_read(tmp_path):
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    frame = b"\xff\xc0" + struct.pack(">HBHH", 11, 8, 300, 400) + b"\x01\x01\x11\0"
    assert jpeg_size(b"\xff\xd8" + frame) == (400, 300)
    assert jpeg_size(b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + frame) == (300, 400)


# ---- many boxes, many pictures, large pictures, narrow cells ----


def test_many_boxes_pictures_and_pixels(serve, visit):
    names = ["car", "truck", "bicycle", "person", "bus", "dog", "traffic light", "bench"]
    marks = [
        {"id": at + 1, "image_id": 1, "category_id": 1 + at % 8, "bbox": [(at % 25) * 235 + 20, (at // 25) * 195 + 20, 150 + at % 60, 120 + at % 50]}
        for at in range(500)
    ]
    images = [{"id": 1, "file_name": "picture01.png", "width": 6000, "height": 4000}]
    images += [{"id": at, "file_name": "picture02.png", "width": 80, "height": 60} for at in range(2, 5001)]
    categories = [{"id": at + 1, "name": name} for at, name in enumerate(names)]
    served = serve([(6000, 4000), (80, 60)], {"images": images, "annotations": marks, "categories": categories})
    tool = visit(served.address)
    tool.ready()
    tool.page.wait_for_selector(".cwa-row >> text=picture02.png >> nth=0")
    assert tool.text(".cwa-counter") == "1 / 5000"
    assert tool.page.locator(".cwa-row").count() < 120
    tool.shot("many")
    # A drag among 500 boxes redraws fast enough to follow the hand.
    script = """() => new Promise(done => {
        let frames = 0; const start = performance.now();
        const turn = () => { frames += 1; performance.now() - start < 1500 ? requestAnimationFrame(turn) : done(frames / 1.5); };
        requestAnimationFrame(turn);
    })"""
    tool.page.mouse.move(*tool.at(60, 60))
    tool.page.mouse.down()
    handle = tool.page.evaluate_handle("script => { window.rate = eval(script)(); }", script)
    for step in range(60):
        tool.page.mouse.move(*tool.at(60 + 8 * step, 60 + 4 * step))
    rate = tool.page.evaluate("() => window.rate")
    tool.page.mouse.up()
    handle.dispose()
    print(f"{rate:.0f} frames a second while a box among 500 is dragged")
    assert rate > 10
    tool.saved()
    (name, left, top, *_), *_ = served.marks()
    assert abs(left - 492) < 6 and abs(top - 256) < 6
    tool.page.mouse.move(*tool.at(3000, 2000))
    for _ in range(8):
        tool.page.mouse.wheel(0, -300)
    tool.page.wait_for_timeout(300)
    tool.shot("many-zoomed")
    tool.press("End")
    tool.ready()
    assert tool.text(".cwa-counter") == "5000 / 5000"
    assert tool.page.locator(".cwa-pictures .cwa-row[aria-selected=true]").is_visible()


def seeded(serve):
    coco = coco_with_proposals([0.91, 0.35])
    coco["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [60, 200, 220, 180]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [330, 60, 250, 300]},
        {"id": 3, "image_id": 1, "category_id": 3, "bbox": [400, 120, 90, 120]},
    ]
    coco["categories"] += [{"id": at + 3, "name": name} for at, name in enumerate(["person", "bicycle", "bus", "traffic light", "dog"])]
    return serve(coco=coco)


@pytest.mark.parametrize("name,width,height,more", [
    ("light", 1280, 800, {}), ("dark", 1280, 800, {"color_scheme": "dark"}), ("narrow", 700, 640, {}),
    ("narrow-dark", 700, 640, {"color_scheme": "dark"}), ("twice", 640, 400, {"device_scale_factor": 2}), ("phone", 400, 800, {}),
])
def test_nothing_is_cut_off(serve, visit, name, width, height, more):
    served = seeded(serve)
    tool = visit(served.address, width, height, **more)
    tool.ready()
    tool.click(160, 290)
    tool.shot(name)
    assert tool.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = tool.page.evaluate("""() => [...document.querySelectorAll('.cwa button, .cwa input, .cwa select, .cwa textarea')]
        .filter(part => part.offsetParent).map(part => [part.title || part.ariaLabel || part.id, part.getBoundingClientRect()])
        .filter(([, at]) => at.left < 0 || at.right > innerWidth + 0.5 || at.width < 20).map(([what]) => what)""")
    assert outside == []
    assert tool.page.locator(".cwa-bar").get_by_text("?", exact=True).is_visible()
    bottoms = "() => [...document.querySelectorAll('.cwa-list, .cwa-stage')].map(part => part.getBoundingClientRect().bottom)"
    foot = tool.page.evaluate("document.querySelector('.cwa-foot').getBoundingClientRect().top")
    assert all(bottom <= foot for bottom in tool.page.evaluate(bottoms))
    tool.press("?")
    tool.shot(f"{name}-help")
    assert tool.page.locator(".cwa-help").is_visible()
    tool.press("Escape")
    assert not tool.page.locator(".cwa-help").is_visible()
    assert tool.page.evaluate("document.activeElement.classList.contains('cwa-stage')")


# ---- render() with a model of anywidget's kind ----

WIDGET = """<!doctype html><meta charset=utf-8><link rel=stylesheet href=annotate.css>
<body style="margin: 20px"><input id=outside><div id=one style="width: 700px"></div><div id=two style="width: 900px"></div>
<script type=module>
import tool from "./annotate.js";
window.keys = [];
document.addEventListener("keydown", event => keys.push(event.key));
const draw = (width, height, color) => new Promise(done => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    pen.fillStyle = color; pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#fff"; pen.fillRect(width / 4, height / 4, width / 2, height / 2);
    canvas.toBlob(async blob => done(new DataView(await blob.arrayBuffer())), "image/jpeg");
});
// The kernel's side: one comm, heard by all views.
class Kernel {
    heard = []; sent = []; dead = false; seq = 0;
    classes = ["cat", "dog"];
    pictures = {
        a: { name: "a.jpg", width: 1600, height: 1200, color: "#446", boxes: [{ id: "p", class: "dog", left: 100, top: 100, right: 500, bottom: 400, proposed: true, score: 0.5 }] },
        b: { name: "b.jpg", width: 400, height: 800, color: "#644", boxes: [] },
    };
    on(name, action) { this.heard.push([name, action]); }
    off(name, action) { this.heard = this.heard.filter(([n, a]) => n !== name || a !== action); }
    get(name) { return undefined; }
    set() {}
    save_changes() {}
    send(message) {
        this.sent.push(message);
        if (this.dead) return;
        setTimeout(async () => { for (const [content, buffers] of await this.answer(message)) this.say(content, buffers); }, 5);
    }
    say(content, buffers = []) {
        for (const [name, action] of [...this.heard]) if (name === "msg:custom") action(content, buffers);
    }
    state(id) {
        const { boxes, fields } = this.pictures[id];
        return { picture: id, boxes, fields: fields ?? { title: "", author: "", note: "" }, revision: JSON.stringify([boxes, fields]), seq: ++this.seq };
    }
    async answer({ type, view, id, picture, boxes, fields, base, name, image }) {
        const own = { view, id };
        if (type === "hello") return [[{ ...own, type: "welcome", protocol: 1, session: "s", dataset: "d", classes: this.classes,
            pictures: Object.entries(this.pictures).map(([id, { name, boxes }]) => ({ id, name, boxes: boxes.filter(b => !b.proposed).length, automatic: boxes.filter(b => b.proposed).length, doubt: null })) }]];
        if (type === "ping") return [[{ ...own, type: "pong", session: "s" }]];
        if (type === "add_class") { this.classes = [...new Set([...this.classes, name])]; return [[{ ...own, type: "classes", classes: this.classes }]]; }
        const known = this.pictures[picture];
        // A smaller image than the picture: coordinates are the picture's all the same.
        if (type === "open") return [[{ ...own, type: "picture", ...this.state(picture), width: known.width, height: known.height, mime: "image/jpeg" },
            image ? [await draw(known.width / 2, known.height / 2, known.color)] : []]];
        if (base !== this.state(picture).revision) return [[{ ...own, type: "conflict", ...this.state(picture) }]];
        Object.assign(known, { boxes, fields });
        const state = this.state(picture);
        return [[{ ...own, type: "saved", picture, revision: state.revision, seq: state.seq }], [{ type: "changed", view, ...state }]];
    }
}
window.kernel = new Kernel();
window.ends = ["one", "two"].map(id => tool.render({ model: kernel, el: document.getElementById(id) }));
</script>"""


@pytest.fixture
def widget(browser):
    context = browser.new_context(viewport={"width": 960, "height": 1500})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))

    def serve_file(route):
        name = route.request.url.rsplit("/", 1)[1]
        if name in STATIC:
            kind, parts = STATIC[name]
            return route.fulfill(body="\n".join((FRONT / part).read_text() for part in parts), content_type=kind)
        return route.fulfill(body=WIDGET, content_type="text/html")

    page.route("http://widget.test/**", serve_file)
    page.goto("http://widget.test/index.html")
    page.wait_for_selector("#two .cwa")
    one, two = Page(page, "#one"), Page(page, "#two")
    one.ready()
    two.ready()
    yield page, one, two
    context.close()
    assert not problems, problems


def kernel_boxes(page, picture="a"):
    boxes = page.evaluate("picture => kernel.pictures[picture].boxes", picture)
    return [[box["class"], box["left"], box["top"], box["right"], box["bottom"]] for box in boxes if not box["proposed"]]


def test_two_views_of_one_model(widget):
    page, one, two = widget
    one.drag((800, 600), (1200, 900))
    one.saved()
    near(kernel_boxes(page), ["cat", 800, 600, 1200, 900], by=3)
    two.page.wait_for_function("() => document.querySelector('#two h3:nth-of-type(2)').textContent === 'Boxes: 1, 1 automatic'")
    two.click(1000, 750)
    two.press("2")
    two.saved()
    assert kernel_boxes(page)[0][0] == "dog"
    two.press("Escape")
    two.click(300, 250)
    two.press("Enter")
    two.saved()
    assert len(kernel_boxes(page)) == 2
    one.page.wait_for_function("() => document.querySelector('#one h3:nth-of-type(2)').textContent === 'Boxes: 2'")
    # Each looks at its own picture.
    page.locator("#one .cwa-stage").focus()
    one.press(".")
    one.ready()
    assert one.text(".cwa-name") == "b.jpg" and two.text(".cwa-name") == "a.jpg"
    one.drag((100, 100), (200, 300))
    one.saved()
    near(kernel_boxes(page, "b"), ["cat", 100, 100, 200, 300], by=3)
    one.shot("widget")


def test_keys_stay_within_and_do_not_come_from_without(widget):
    page, one, two = widget
    one.click(1500, 1100)
    page.evaluate("keys.length = 0")
    one.press("n", "2", "Control+z", "Control+z", "x", "ArrowDown", "/", "d", "Escape")
    assert page.evaluate("keys") == []
    one.saved()
    page.locator("#outside").focus()
    page.keyboard.type("n1.?")
    page.keyboard.press("Delete")
    assert page.locator("#outside").input_value() == "n1.?"
    assert page.evaluate("keys") == ["n", "1", ".", "?", "Delete"]
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    assert kernel_boxes(page) == []
    # The wheel scrolls the notebook, unless the tool is in use.
    page.set_viewport_size({"width": 960, "height": 500})
    page.mouse.move(*two.at(800, 600)) if two.at(800, 600)[1] < 480 else page.mouse.move(*one.at(800, 400))
    page.mouse.wheel(0, 120)
    page.wait_for_function("() => scrollY > 0")
    assert page.locator("#one").get_attribute("style") is not None
    assert page.locator("#one .cwa").get_attribute("data-lm-suppress-shortcuts") == "true"


def test_a_dead_kernel_is_told_and_changes_arrive_later(widget):
    page, one, _ = widget
    page.evaluate("kernel.dead = true")
    one.drag((800, 600), (1200, 900))
    page.wait_for_function("() => document.querySelector('#one .cwa-status').textContent.startsWith('not saved: the kernel does not answer')", timeout=12_000)
    assert kernel_boxes(page) == []
    page.evaluate("kernel.dead = false")
    one.saved(15)
    near(kernel_boxes(page), ["cat", 800, 600, 1200, 900], by=3)


def test_what_ends_leaves_nothing_behind(widget):
    page, one, two = widget
    one.drag((800, 600), (1200, 900))
    one.saved()
    page.evaluate("ends[0]()")
    assert page.locator("#one .cwa").count() == 0
    assert page.evaluate("kernel.heard.length") == 2
    two.drag((100, 500), (400, 800))
    two.saved()
    assert len(kernel_boxes(page)) == 2
    # A change just before the end is still sent.
    two.press("n")
    page.evaluate("ends[1]()")
    page.wait_for_timeout(100)
    assert len(kernel_boxes(page)) == 3
    assert page.evaluate("kernel.heard.length") == 0
    sent = page.evaluate("kernel.sent.length")
    page.wait_for_timeout(1500)
    assert page.evaluate("kernel.sent.length") == sent
    assert page.evaluate("document.querySelectorAll('[class*=cwa]').length") == 0
