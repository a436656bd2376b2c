"""The installed kernel with real clients and real cells: live output, interrupts, errors, restart, shutdown."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LEARNER = """
let data = datasets::vehicles().per_class(40).write()?.split(0.2, 42)?.size(32).batch(16);
let mut learner = Learner::vision(Arch::default().untrained(), &data)?;
"""


def plain(lines):
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


def notebook(*cells):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata.kernelspec = {"name": "candlewick", "display_name": "Rust (candlewick)"}
    return made


def test_text_arrives_while_the_cell_runs(kernel):
    ran = kernel.ok(
        'print!("first"); std::io::Write::flush(&mut std::io::stdout())?;\n'
        'std::thread::sleep(std::time::Duration::from_millis(1500)); println!(" second");'
    )
    streams = [(at, content["text"]) for at, kind, content in ran.said if kind == "stream"]
    assert ran.text() == "first second\n"
    assert streams[0][1] == "first"
    assert ran.took - streams[0][0] > 1.0


def test_a_display_is_updated_in_place_while_the_cell_runs(kernel):
    ran = kernel.ok(
        """
        let mut live = show::Live::new().every(std::time::Duration::ZERO);
        for step in 0..3 {
            live.update(|| show::Bundle::new().text(format!("step {step}")));
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        """
    )
    (first,) = ran.of("display_data")
    updates = ran.of("update_display_data")
    assert first["data"]["text/plain"] == "step 0"
    assert [update["data"]["text/plain"] for update in updates] == ["step 1", "step 2"]
    assert {update["transient"]["display_id"] for update in updates} == {first["transient"]["display_id"]}
    shown = [at for at, kind, _ in ran.said if kind.endswith("display_data")]
    assert shown[1] - shown[0] > 0.3 and shown[2] - shown[1] > 0.3


def test_text_and_displays_keep_their_order(kernel):
    ran = kernel.ok('print!("a"); display(&show::Bundle::new().text("b")); print!("c"); eprint!("d");')
    said = [content.get("text") or content["data"]["text/plain"] for _, kind, content in ran.said if kind in ("stream", "display_data")]
    # standard error is a pipe of its own: it may come a moment before or after what was printed beside it
    assert [text for text in said if text != "d"] == ["a", "b", "c"] and said.index("d") > said.index("b")


def test_errors_have_name_value_and_the_users_line(kernel):
    ran = kernel.run('let text: i32 = "no number";')
    assert ran.reply["status"] == "error" and ran.reply["ename"] == "E0308"
    assert "mismatched types" in ran.reply["evalue"]
    assert 'let text: i32 = "no number";' in plain(ran.reply["traceback"])
    assert "^^^^^^^^^^^" in plain(ran.reply["traceback"])
    assert [kind for _, kind, _ in ran.said if kind == "error"] == ["error"]

    ran = kernel.run('let numbers = vec![1];\nlet index = numbers.len() + 1;\nnumbers[index]')
    assert ran.reply["status"] == "error" and "index out of bounds" in ran.reply["evalue"]
    assert "numbers[index]" in plain(ran.reply["traceback"])

    ran = kernel.run('"x".parse::<i32>()?')
    assert ran.reply["status"] == "error" and "invalid digit" in ran.reply["evalue"]


def test_variables_survive_errors(kernel):
    kernel.ok("let kept = String::from(\"kept\");")
    kernel.run("undefined_name")
    kernel.run('"x".parse::<i32>()?')
    assert kernel.ok("kept").result() == '"kept"'


def test_silent_and_user_expressions(kernel):
    kernel.ok("let six = 6;")
    ran = kernel.run("let seven = six + 1;", user_expressions={"product": "six * seven", "wrong": "six + \"\""})
    results = ran.reply["user_expressions"]
    assert results["product"]["data"]["text/plain"] == "42"
    assert results["wrong"]["status"] == "error" and results["wrong"]["ename"] == "E0277"
    before = ran.reply["execution_count"]
    ran = kernel.run('println!("unheard");', silent=True)
    assert ran.reply["status"] == "ok" and ran.said[0][1] == "status" and len(ran.said) == 2
    assert kernel.ok("six").reply["execution_count"] == before + 1


def test_queued_cells_are_aborted_after_an_error(kernel):
    client = kernel.client
    first = client.execute('std::thread::sleep(std::time::Duration::from_millis(500)); "x".parse::<i32>()?;')
    second = client.execute('println!("never");')
    replies = {}
    while len(replies) < 2:
        reply = client.get_shell_msg(timeout=30)
        replies[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    assert replies == {first: "error", second: "aborted"}
    while True:
        message = client.get_iopub_msg(timeout=5)
        assert message["msg_type"] != "stream"
        if message["parent_header"].get("msg_id") == second and message["content"].get("execution_state") == "idle":
            break


def test_an_interrupt_during_a_fit_keeps_the_learner(kernel):
    kernel.ok(LEARNER, timeout=120)
    asked = []

    def interrupt():
        asked.append(time.monotonic())
        kernel.manager.interrupt_kernel()

    def on_output(message):
        if message["msg_type"] == "display_data" and not timer.is_alive() and not asked:
            timer.start()

    timer = threading.Timer(2, interrupt)
    begin = time.monotonic()
    ran = kernel.run("learner.fit(100, 1e-3)?;", on_output=on_output, timeout=120)
    assert asked, "the fit showed nothing, or ended by itself"
    assert begin + ran.took - asked[0] < 2
    # The cell ends with what it has; whether that is an error is a matter of taste, the loss of variables is not.
    batches = int(kernel.ok("learner.history().batches.len()").result())
    assert batches > 0
    kernel.ok("learner.fit(1, 1e-3)?;", timeout=120)
    assert int(kernel.ok("learner.history().batches.len()").result()) > batches
    assert kernel.ok("learner.history().batches.iter().all(|batch| batch.loss.is_finite())").result() == "true"


def test_an_interrupt_during_compilation_keeps_the_runtime(kernel):
    kernel.ok("let kept = std::process::id();")
    before = kernel.ok("kept").result()
    # A thousand generic functions keep the compiler busy for some seconds.
    many = "\n".join(
        f"fn f{n}<T: std::fmt::Debug + Clone>(x: T) -> String {{ format!(\"{{:?}}\", vec![x.clone(); {n}]) }}" for n in range(1000)
    )
    calls = "\n".join(f"f{n}({n}u64); f{n}({n}i32); f{n}(\"{n}\"); f{n}('c'); f{n}(Some({n}f64));" for n in range(1000))
    timer = threading.Timer(2, kernel.manager.interrupt_kernel)
    timer.start()
    ran = kernel.run(many + "\n" + calls, timeout=120)
    assert ran.reply["status"] == "error" and ran.reply["ename"] == "Interrupted", ran.reply
    assert ran.took < 5
    assert kernel.ok("kept").result() == before
    assert kernel.ok("std::process::id() == kept").result() == "true"


def when_it_says(word, act):
    """An on_output that acts once, in another thread, when the cell prints a word."""
    done = []

    def on_output(message):
        if message["msg_type"] == "stream" and word in message["content"]["text"] and not done:
            done.append(time.monotonic())
            threading.Timer(0.2, act).start()

    return on_output


def test_a_second_interrupt_ends_what_does_not_hear_and_the_loss_is_told(kernel):
    kernel.ok("let precious = 1;")
    first = when_it_says("running", kernel.manager.interrupt_kernel)
    second = when_it_says("Interrupt again", kernel.manager.interrupt_kernel)

    def on_output(message):
        first(message)
        second(message)

    ran = kernel.run('println!("running"); std::iter::repeat(1).for_each(|_| std::hint::spin_loop());', timeout=60, on_output=on_output)
    assert ran.reply["ename"] == "Interrupted"
    assert "precious" in plain(ran.reply["traceback"])
    said = [content for _, kind, content in ran.said if kind == "stream"]
    assert [content["name"] for content in said] == ["stdout", "stderr"]
    assert "interrupt::check()?" in said[1]["text"]
    assert kernel.ok("6 * 7").result() == "42"


def test_sigint_interrupts_too(kernel):
    kernel.ok("let kept = 1;")
    signals = when_it_says("running", lambda: os.kill(kernel.manager.provisioner.pid, signal.SIGINT))
    ran = kernel.run(
        """
        println!("running");
        while !candlewick::interrupt::requested() { std::thread::sleep(std::time::Duration::from_millis(5)); }
        """,
        on_output=signals,
    )
    (at,) = [at for at, kind, _ in ran.said if kind == "stream"]
    assert ran.took - at < 2
    assert kernel.ok("kept").result() == "1"


def test_a_cell_that_aborts_the_process_is_told_and_the_kernel_lives(kernel):
    ran = kernel.run("std::process::abort()")
    assert ran.reply["status"] == "error" and ran.reply["ename"] == "RuntimeDied"
    assert kernel.ok("Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?.dims().to_vec()").result() == "[2, 3]"


def test_completion_and_inspection_know_variables(kernel):
    kernel.ok("let candle_and_wick = 1;")
    reply = kernel.client.complete("candle_and_", reply=True, timeout=30)["content"]
    assert "candle_and_wick" in reply["matches"] and (reply["cursor_start"], reply["cursor_end"]) == (0, 11)
    # 🦀 is one code point, though four bytes and two UTF-16 units.
    reply = kernel.client.complete('"🦀"; candle_and_', reply=True, timeout=30)["content"]
    assert "candle_and_wick" in reply["matches"] and (reply["cursor_start"], reply["cursor_end"]) == (5, 16)
    reply = kernel.client.inspect("candle_and_wick", 5, reply=True, timeout=30)["content"]
    assert reply["found"] and "i32" in reply["data"]["text/plain"] and "text/html" in reply["data"]


def test_a_restart_forgets_variables_and_keeps_the_history(kernel):
    kernel.ok("let before_the_restart = 1;")
    begin = time.monotonic()
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert time.monotonic() - begin < 10
    assert kernel.run("before_the_restart", timeout=120).reply["ename"] == "E0425"
    assert kernel.ok("Tensor::zeros(3, DType::F32, &Device::Cpu)?.dims().to_vec()").result() == "[3]"
    reply = kernel.client.history(hist_access_type="search", pattern="let before_the_restart*", n=1, reply=True, timeout=10)
    assert [entry[2] for entry in reply["content"]["history"]] == ["let before_the_restart = 1;"]


def test_shutdown_is_quick_and_leaves_no_process():
    from conftest import Kernel

    kernel = Kernel()
    runtime = int(kernel.ok("std::process::id()").result())
    begin = time.monotonic()
    kernel.stop()
    assert time.monotonic() - begin < 3
    time.sleep(0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(runtime, 0)


def test_a_kernel_whose_parent_and_terminal_are_gone_ends():
    # The pipe of its standard error ends with the process that started it, as a closed terminal does.
    program = """if True:
        import subprocess, sys, time
        from jupyter_client.manager import KernelManager
        manager = KernelManager(kernel_name="candlewick")
        manager.start_kernel(stderr=subprocess.PIPE)
        print(manager.provisioner.pid, flush=True)
        time.sleep(1000)
    """
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(starter.stdout.readline())
    time.sleep(3)
    starter.kill()
    starter.wait()
    limit = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < limit, "the kernel lives on"
        time.sleep(0.2)


def test_nbclient_runs_a_notebook_and_keeps_the_last_update():
    made = notebook(
        "let mut live = show::Live::new().every(std::time::Duration::ZERO);",
        'for step in 0..5 { live.update(|| show::Bundle::new().text(format!("step {step}"))); }',
        "let answer = 6 * 7;",
        "answer",
    )
    NotebookClient(made, kernel_name="candlewick", timeout=120).execute()
    nbformat.validate(made)
    assert made.cells[1].outputs[0]["data"]["text/plain"] == "step 4"
    assert made.cells[3].outputs[0]["data"]["text/plain"] == "42"
    assert [cell.execution_count for cell in made.cells] == [1, 2, 3, 4]


def test_nbclient_stops_at_an_error():
    made = notebook("let a = 1;", "undefined_name", 'println!("never");')
    with pytest.raises(CellExecutionError) as error:
        NotebookClient(made, kernel_name="candlewick", timeout=120).execute()
    assert error.value.ename == "E0425"
    assert made.cells[1].outputs[0]["output_type"] == "error" and not made.cells[2].outputs
