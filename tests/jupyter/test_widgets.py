"""Widgets of the installed kernel with a real client: models as ipywidgets has them, clicks, bytes both ways."""

import time

import ipywidgets
import pytest

WIDGETS = """
let bar = IntProgress::new(0, 7).description("clicks");
let button = Button::new("more");
let counted = bar.clone();
button.on_click(move || { println!("clicked"); counted.set_value(counted.value() + 1); });
"""


class Page:
    """What a frontend keeps of widgets: it sends messages and notes what comes."""

    def __init__(self, client):
        self.client = client

    def say(self, kind, comm, data, buffers=(), **content):
        message = self.client.session.msg(kind, {"comm_id": comm, "data": data, **content}, metadata={"version": "2.1.0"})
        self.client.session.send(self.client.shell_channel.socket, message, buffers=list(buffers))
        return message["header"]["msg_id"]

    def answers(self, request, timeout=20):
        """All that the kernel publishes in answer to a request, from busy to idle."""
        told, limit = [], time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=limit - time.monotonic())
            if message["parent_header"].get("msg_id") != request:
                continue
            told.append(message)
            if message["content"].get("execution_state") == "idle":
                assert told[0]["content"]["execution_state"] == "busy"
                return told[1:-1]


def opened(kernel, code):
    """Runs a cell; returns its comm_open messages by the name of the model."""
    messages = []
    ran = kernel.run(code, on_output=messages.append)
    assert ran.reply["status"] == "ok", "\n".join(ran.reply.get("traceback", []))
    return {m["content"]["data"]["state"]["_model_name"]: m for m in messages if m["msg_type"] == "comm_open"}


@pytest.fixture(scope="module")
def page(kernel):
    return Page(kernel.client)


@pytest.fixture(scope="module")
def models(kernel, page):
    return opened(kernel, WIDGETS)


@pytest.mark.parametrize(
    "code, reference",
    [
        ("let r1 = IntProgress::new(0, 7);", ipywidgets.IntProgress(value=0, max=7)),
        ("let r2 = FloatProgress::new(0.0, 1.0);", ipywidgets.FloatProgress(value=0, max=1)),
        ('let r3 = Label::new("words");', ipywidgets.Label(value="words")),
        ('let r4 = Button::new("press");', ipywidgets.Button(description="press")),
        ("let r6 = FloatSlider::new(0.0, 1.0, 0.05);", ipywidgets.FloatSlider(value=0, max=1, step=0.05)),
        ("let r7 = VBox::new(&[]);", ipywidgets.VBox([])),
        ("let r5 = widgets::Image::png([0u8, 255, 10, 0]);", ipywidgets.Image(value=bytes([0, 255, 10, 0]))),
    ],
)
def test_models_are_those_of_ipywidgets(kernel, code, reference):
    (message,) = opened(kernel, code).values()
    assert message["content"]["target_name"] == "jupyter.widget"
    assert message["metadata"]["version"] == "2.1.0"
    data = message["content"]["data"]
    state = dict(data["state"])
    for path, buffer in zip(data["buffer_paths"], message["buffers"]):
        (name,) = path
        state[name] = bytes(buffer)
    # A layout and a style of their own are optional.
    expected = {name: value for name, value in reference.get_state().items() if name not in ("layout", "style")}
    expected = {name: list(value) if isinstance(value, tuple) else value for name, value in expected.items()}
    assert state == expected


def test_a_widget_is_shown_by_name_and_as_text(kernel, models):
    (result,) = kernel.ok("bar.clone()").of("execute_result")
    view = result["data"]["application/vnd.jupyter.widget-view+json"]
    assert view == {"version_major": 2, "version_minor": 1, "model_id": models["IntProgressModel"]["content"]["comm_id"]}
    assert result["data"]["text/plain"].startswith("clicks ░░░")


def test_a_click_runs_rust_between_cells(kernel, page, models):
    bar, button = (models[name]["content"]["comm_id"] for name in ("IntProgressModel", "ButtonModel"))
    before = int(kernel.ok("bar.value()").result())
    request = page.say("comm_msg", button, {"method": "custom", "content": {"event": "click"}})
    printed, moved = page.answers(request)
    assert printed["content"] == {"name": "stdout", "text": "clicked\n"}
    assert moved["content"] == {"comm_id": bar, "data": {"method": "update", "state": {"value": before + 1}, "buffer_paths": []}}
    assert int(kernel.ok("bar.value()").result()) == before + 1


def test_a_click_runs_rust_while_a_cell_runs(kernel, page, models):
    button = models["ButtonModel"]["content"]["comm_id"]
    clicked = []

    def on_output(message):
        if message["msg_type"] == "stream" and "waiting" in message["content"]["text"]:
            clicked.append(page.say("comm_msg", button, {"method": "custom", "content": {"event": "click"}}))

    begin = time.monotonic()
    ran = kernel.run(
        'let from = bar.value(); println!("waiting");\n'
        "while bar.value() == from { std::thread::sleep(std::time::Duration::from_millis(10)); }",
        on_output=on_output,
        timeout=30,
    )
    assert ran.reply["status"] == "ok" and clicked and time.monotonic() - begin < 20
    assert "clicked" in ran.text()


def test_what_the_page_changes_is_heard_and_echoed(kernel, page):
    models = opened(
        kernel,
        'let any = AnyWidget::new("export default { render() {} }").css("b {}").state("count", 1)\n'
        '    .bytes("raw", [0u8, 1, 255]).open();\n'
        "let seen = any.clone();\n"
        'any.on_change("count", move |count| seen.set("twice", count.json().as_i64().unwrap_or(0) * 2));\n'
        "let heard = any.clone();\n"
        "any.on_message(move |message| {\n"
        "    let mut bytes = message.buffers[0].clone(); bytes.reverse();\n"
        '    heard.send(message.data["ask"].clone(), vec![bytes, Vec::new()]);\n'
        "});",
    )
    (message,) = models.values()
    comm, state = message["content"]["comm_id"], message["content"]["data"]["state"]
    assert (state["_model_module"], state["_model_module_version"]) == ("anywidget", "~0.11.*")
    assert state["_esm"].startswith("export default") and state["_css"] == "b {}" and state["count"] == 1
    assert message["content"]["data"]["buffer_paths"] == [["raw"]] and bytes(message["buffers"][0]) == b"\0\1\xff"

    request = page.say("comm_msg", comm, {"method": "update", "state": {"count": 21}, "buffer_paths": []})
    echo, twice = (message["content"]["data"] for message in page.answers(request))
    assert (echo["method"], echo["state"]) == ("echo_update", {"count": 21})
    assert (twice["method"], twice["state"]) == ("update", {"twice": 42})

    every_byte = bytes(range(256)) * 300
    content = {"method": "custom", "content": {"ask": {"n": 1}}}
    (answer,) = page.answers(page.say("comm_msg", comm, content, buffers=[every_byte]))
    assert answer["content"]["data"] == {"method": "custom", "content": {"n": 1}}
    assert [bytes(buffer) for buffer in answer["buffers"]] == [every_byte[::-1], b""]

    # What the page writes into the state as bytes is bytes here.
    update = {"method": "update", "state": {}, "buffer_paths": [["raw"]]}
    page.answers(page.say("comm_msg", comm, update, buffers=[b"\0\xfe"]))
    assert kernel.ok('any.get("raw").bytes().map(<[u8]>::to_vec)').result() == "Some([0, 254])"


def test_a_slider_that_is_dragged_moves_what_hangs_on_it(kernel, page):
    models = opened(
        kernel,
        'let slider = FloatSlider::new(0.0, 1.0, 0.01).description("score");\n'
        'let label = Label::new("");\n'
        "let told = label.clone();\n"
        'slider.on_move(move |score| told.set_text(&format!("from {score} on")));\n'
        "let column = VBox::new(&[&slider, &label]);",
    )
    slider, label = (models[name]["content"]["comm_id"] for name in ("FloatSliderModel", "LabelModel"))
    children = models["VBoxModel"]["content"]["data"]["state"]["children"]
    assert children == [f"IPY_MODEL_{slider}", f"IPY_MODEL_{label}"]
    request = page.say("comm_msg", slider, {"method": "update", "state": {"value": 0.35}, "buffer_paths": []})
    echo, moved = (message["content"]["data"] for message in page.answers(request))
    assert (echo["method"], echo["state"]) == ("echo_update", {"value": 0.35})
    assert (moved["method"], moved["state"]) == ("update", {"value": "from 0.35 on"})


def test_a_page_that_is_loaded_anew_gets_all_states(page, models):
    opening = page.say("comm_open", "control", {}, target_name="jupyter.widget.control")
    assert page.answers(opening) == []
    (answer,) = page.answers(page.say("comm_msg", "control", {"method": "request_states"}))
    data = answer["content"]["data"]
    button = data["states"][models["ButtonModel"]["content"]["comm_id"]]
    assert data["method"] == "update_states" and button["model_name"] == "ButtonModel"
    assert button["state"]["description"] == "more"
    assert len(data["buffer_paths"]) == len(answer["buffers"]) > 0
    page.answers(page.say("comm_close", "control", {}))


def test_a_panic_in_a_callback_is_told_and_the_next_one_runs(kernel, page):
    (message,) = opened(kernel, 'let odd = Button::new("odd"); odd.on_click(|| panic!("no such button"));').values()
    click = {"method": "custom", "content": {"event": "click"}}
    for _ in range(2):
        (told,) = page.answers(page.say("comm_msg", message["content"]["comm_id"], click))
        assert told["content"]["name"] == "stderr" and "no such button" in told["content"]["text"]
    assert kernel.ok("1 + 1").result() == "2"


def test_an_interrupt_stops_a_callback_between_cells(kernel, page):
    (message,) = opened(
        kernel,
        'let long = Button::new("long");\n'
        "long.on_click(|| { while !candlewick::interrupt::requested() { std::thread::sleep(std::time::Duration::from_millis(5)); } });",
    ).values()
    request = page.say("comm_msg", message["content"]["comm_id"], {"method": "custom", "content": {"event": "click"}})
    time.sleep(0.5)
    kernel.manager.interrupt_kernel()
    assert page.answers(request, timeout=10) == []
    assert kernel.ok("candlewick::interrupt::requested()").result() == "false"


def test_comms_end_with_their_process(kernel, page, models):
    messages = []
    ran = kernel.run("std::process::abort()", on_output=messages.append, timeout=60)
    assert ran.reply["status"] == "error"
    closed = {message["content"]["comm_id"] for message in messages if message["msg_type"] == "comm_close"}
    assert models["ButtonModel"]["content"]["comm_id"] in closed
    assert len(opened(kernel, 'let again = Label::new("again");')) == 1
