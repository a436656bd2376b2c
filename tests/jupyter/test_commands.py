"""What a cell may ask of the kernel itself: `:vars`, `:help`, evcxr's commands, lines for the shell."""

import threading
import time

VARIABLES = """
let t = Tensor::zeros((2, 3, 4), DType::F32, &Device::Cpu)?;
let numbers = vec![1u16, 2, 3];
let word = String::from("größe");
let mut map = std::collections::HashMap::new(); map.insert(1u8, "one");
let grid = [[0f32; 2]; 5];
struct Own { a: u64, b: u32 }
let own = Own { a: 1, b: 2 };
let generic: Box<dyn Fn(i32) -> i32> = Box::new(|x| x + 1);
let picture = image::RgbImage::new(20, 10);
let learner = Learner::vision(Arch::default().untrained(), &datasets::vehicles().per_class(4).write()?)?;
"""


def rows(text):
    lines = text.splitlines()
    starts = [lines[0].index(word) for word in ("name", "type", "shape")]
    cut = lambda line: [part.strip() for part in (line[: starts[1]], line[starts[1] : starts[2]], line[starts[2] :])]
    return {name: (kind, *rest.rsplit("  ", 1)) for name, kind, rest in map(cut, lines[1:])}


def test_vars_is_a_table_with_shapes_and_sizes(kernel):
    kernel.ok(VARIABLES, timeout=120)
    ran = kernel.ok(":vars")
    (result,) = ran.of("execute_result")
    assert {kind for _, kind, _ in ran.said} == {"status", "execute_input", "execute_result"}
    table = rows(result["data"]["text/plain"])
    squeezed = {name: [part.strip() for part in row] for name, row in table.items()}
    assert squeezed["t"] == ["Tensor", "2×3×4 F32", "96 B"]
    assert squeezed["numbers"] == ["Vec<u16>", "3", "30 B"]
    assert squeezed["word"][:2] == ["String", "5 characters"]
    assert squeezed["map"][1] == "1" and squeezed["grid"][1:] == ["5", "40 B"]
    assert squeezed["own"] == ["Own", "16 B"]
    assert squeezed["generic"][-1] == "16 B"
    assert squeezed["picture"][1:] == ["20×10 RGB", "600 B"]
    assert "parameters, " in squeezed["learner"][1] and squeezed["learner"][2].endswith("iB")
    assert "<td" in result["data"]["text/html"] and "Vec&lt;u16&gt;" in result["data"]["text/html"]


def test_looking_at_variables_changes_nothing(kernel):
    before = kernel.ok(":vars").result()
    assert kernel.ok(":vars").result() == before
    # All are there still, owned and usable; the hidden cell left no name behind.
    assert kernel.ok("(numbers.len(), generic(1), own.a + u64::from(own.b), t.dims().len())").result() == "(3, 2, 3, 3)"
    assert kernel.run("Probe(&1)").reply["ename"] == "E0425"
    kernel.ok("drop(word);")
    assert "word" not in kernel.ok(":vars").result()


def test_a_pane_is_told_the_same(kernel):
    client = kernel.client
    message = client.session.msg("comm_open", {"comm_id": "pane", "target_name": "candlewick.variables", "data": {}})
    client.session.send(client.shell_channel.socket, message)
    while True:
        told = client.get_iopub_msg(timeout=20)
        if told["msg_type"] == "comm_msg":
            break
    row = next(row for row in told["content"]["data"]["variables"] if row["name"] == "t")
    assert row == {"name": "t", "type": "Tensor", "shape": "2×3×4 F32", "bytes": 96}
    told = kernel.run("let more = 1u8;")
    assert told.reply["status"] == "ok"
    updated = told.of("comm_msg")[-1]["data"]["variables"]
    assert {"name": "more", "type": "u8", "shape": "", "bytes": 1} in updated
    message = client.session.msg("comm_close", {"comm_id": "pane", "data": {}})
    client.session.send(client.shell_channel.socket, message)


def test_help_lists_what_the_prelude_adds(kernel):
    (result,) = kernel.ok(":help").of("execute_result")
    for line in ("learner.fit(3, 1e-3)?;", "IntProgress::new(0, 100)", ":vars", "!ls"):
        assert line in result["data"]["text/plain"]
    assert "<code>:vars</code>" in result["data"]["text/html"]


def test_evcxrs_own_commands_go_on_working(kernel):
    assert "numbers: Vec<u16>" in kernel.ok(":type numbers").result()
    assert "Optimization: 2" in kernel.ok(":opt 2").result()
    assert "candlewick-prelude" in kernel.ok(":show_deps").result()
    assert kernel.ok(":doc Vec::len").result()
    assert kernel.run(":quit").reply["ename"] == "Quit"
    assert kernel.run(":no_such").reply["status"] == "error"
    assert kernel.ok("numbers.len()").result() == "3"


def test_lines_for_the_shell_print_as_they_run(kernel):
    ran = kernel.ok("!echo one; sleep 1; echo two\n!pwd >&2")
    texts = [(at, content["text"]) for at, kind, content in ran.said if kind == "stream"]
    assert texts[0][1] == "one\n" and texts[1][1] == "two\n" and texts[1][0] - texts[0][0] > 0.5
    assert ran.text("stderr").startswith("/")
    ran = kernel.run("!exit 3")
    assert (ran.reply["ename"], ran.reply["evalue"]) == ("Shell", "`exit 3` ended with exit status: 3")


def test_an_interrupt_ends_a_line_for_the_shell_and_nothing_else(kernel):
    begin = time.monotonic()
    timer = threading.Timer(1, kernel.manager.interrupt_kernel)
    timer.start()
    ran = kernel.run("!sleep 30", timeout=40)
    assert ran.reply["status"] == "error" and ran.reply["ename"] == "Interrupted"
    assert time.monotonic() - begin < 10
    assert kernel.ok("(numbers.len(), candlewick::interrupt::requested())").result() == "(3, false)"


def test_clear_begins_anew_and_the_prelude_works(kernel):
    kernel.ok("let gone = 1;")
    kernel.ok(":clear")
    assert kernel.ok(":vars").result() == "no variables yet\n"
    assert kernel.ok("let x = Tensor::zeros(3, DType::U8, &Device::Cpu)?;") and "3 U8" in kernel.ok(":vars").result()
