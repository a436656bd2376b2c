//! The Jupyter protocol, message by message, against a stand-in for the engine.

mod frontend;

use frontend::{Frontend, PATIENCE, connection};
use jupyter_protocol::connection_info::Transport;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What an execute_reply holds besides what a test looks at.
fn ok_reply(count: u32) -> Value {
    json!({"status": "ok", "execution_count": count, "user_expressions": {}, "payload": []})
}

#[test]
fn a_cell_is_busy_input_output_reply_idle() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "out hello\nerr alas\nvalue 42"}));
    f.busy(&id);
    f.input(&id, "out hello\nerr alas\nvalue 42", 1);
    f.stream(&id, "stdout", "hello\n");
    f.stream(&id, "stderr", "alas\n");
    // `transient` must be an object: nbclient fails on null.
    let result = f.published("execute_result", &id);
    assert_eq!(
        result.content,
        json!({"data": {"text/plain": "42"}, "metadata": {}, "transient": {}, "execution_count": 1})
    );
    assert!(result.topic[0].ends_with(".execute_result"), "{:?}", result.topic);
    assert_eq!(f.shell.reply("execute_reply", &id), ok_reply(1));
    f.idle(&id);
    f.end();
}

#[test]
fn text_and_displays_keep_their_order() {
    let f = Frontend::start();
    let id =
        f.shell.send("execute_request", json!({"code": "write a\nwrite b\\r\ndisplay d\nwrite c\nerr e\nwrite f"}));
    f.busy(&id);
    f.input(&id, "write a\nwrite b\\r\ndisplay d\nwrite c\nerr e\nwrite f", 1);
    f.stream(&id, "stdout", "ab\r");
    let content = f.published("display_data", &id).content;
    assert_eq!(content, json!({"data": {"text/plain": "d"}, "metadata": {}, "transient": {}}));
    f.stream(&id, "stdout", "c");
    f.stream(&id, "stderr", "e\n");
    f.stream(&id, "stdout", "f");
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    f.end();
}

#[test]
fn text_arrives_while_the_cell_runs() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "write no newline\ngate"}));
    f.busy(&id);
    f.input(&id, "write no newline\ngate", 1);
    f.stream(&id, "stdout", "no newline");
    f.engine.open.store(true, Ordering::SeqCst);
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    f.end();
}

#[test]
fn much_text_comes_in_few_messages() {
    let f = Frontend::start();
    let code = "out line\n".repeat(5000);
    let id = f.shell.send("execute_request", json!({"code": code}));
    f.busy(&id);
    f.input(&id, &code, 1);
    let (mut messages, mut text) = (0, String::new());
    while text.len() < 25_000 {
        text.push_str(f.published("stream", &id).content["text"].as_str().unwrap());
        messages += 1;
    }
    assert_eq!(text, "line\n".repeat(5000));
    assert!(messages < 100, "{messages} messages");
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    f.end();
}

#[test]
fn displays_are_updated_and_cleared_by_id_across_cells() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "show curve one\nclear wait\nupdate curve two"}));
    f.busy(&id);
    f.input(&id, "show curve one\nclear wait\nupdate curve two", 1);
    let shown =
        |text: &str| json!({"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "curve"}});
    assert_eq!(f.published("display_data", &id).content, shown("one"));
    assert_eq!(f.published("clear_output", &id).content, json!({"wait": true}));
    assert_eq!(f.published("update_display_data", &id).content, shown("two"));
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    let id = f.shell.send("execute_request", json!({"code": "update curve three"}));
    f.busy(&id);
    f.input(&id, "update curve three", 2);
    assert_eq!(f.published("update_display_data", &id).content, shown("three"));
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    f.end();
}

#[test]
fn an_error_is_one_message_and_an_error_reply() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "fail E0308 mismatched types"}));
    f.busy(&id);
    f.input(&id, "fail E0308 mismatched types", 1);
    let error = json!({"ename": "E0308", "evalue": "mismatched types", "traceback": ["E0308: mismatched types"]});
    assert_eq!(f.published("error", &id).content, error);
    let mut expected = ok_reply(1);
    expected["status"] = "error".into();
    for field in ["ename", "evalue", "traceback"] {
        expected[field] = error[field].clone();
    }
    assert_eq!(f.shell.reply("execute_reply", &id), expected);
    f.idle(&id);
    f.end();
}

#[test]
fn a_panic_of_the_engine_is_an_error_and_the_kernel_lives() {
    let f = Frontend::start();
    let reply = f.run_quietly("panic oh");
    assert_eq!((reply["status"].as_str(), reply["ename"].as_str()), (Some("error"), Some("InternalError")));
    assert_eq!(reply["evalue"], "candlewick itself panicked: oh");
    assert_eq!(f.run_quietly("out still here")["status"], "ok");
    f.end();
}

#[test]
fn a_silent_cell_says_nothing_and_does_not_count() {
    let f = Frontend::start();
    let code = "out hello\nvalue 1\nshow a b\nclear";
    let reply = f.ask("execute_request", json!({"code": code, "silent": true, "user_expressions": {"x": "value 7"}}));
    assert_eq!(reply["user_expressions"]["x"]["data"]["text/plain"], "7");
    let reply = f.ask("execute_request", json!({"code": "fail E1 x", "silent": true}));
    assert_eq!((reply["status"].as_str(), reply["execution_count"].as_u64()), (Some("error"), Some(1)));
    assert_eq!(f.run_quietly("out a")["execution_count"], 1);
    f.end();
}

#[test]
fn a_cell_that_is_not_stored_does_not_count() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "value 1", "store_history": false}));
    f.busy(&id);
    f.input(&id, "value 1", 1);
    assert_eq!(f.published("execute_result", &id).content["execution_count"], 1);
    assert_eq!(f.shell.reply("execute_reply", &id), ok_reply(1));
    f.idle(&id);
    assert_eq!(f.run_quietly("out a")["execution_count"], 1);
    assert_eq!(f.run_quietly("out b")["execution_count"], 2);
    assert_eq!(f.run_quietly("fail E c")["execution_count"], 3);
    assert_eq!(f.run_quietly("out d")["execution_count"], 4);
    f.end();
}

#[test]
fn user_expressions_are_values_or_errors() {
    let f = Frontend::start();
    let expressions = json!({"good": "out noise\nvalue 6", "none": "out noise", "bad": "fail E1 no"});
    let id = f.shell.send("execute_request", json!({"code": "out x", "user_expressions": expressions}));
    f.busy(&id);
    f.input(&id, "out x", 1);
    f.stream(&id, "stdout", "x\n");
    let results = f.shell.reply("execute_reply", &id)["user_expressions"].clone();
    assert_eq!(results["good"], json!({"status": "ok", "data": {"text/plain": "6"}, "metadata": {}}));
    assert_eq!(results["none"], json!({"status": "ok", "data": {}, "metadata": {}}));
    assert_eq!(results["bad"], json!({"status": "error", "ename": "E1", "evalue": "no", "traceback": ["E1: no"]}));
    f.idle(&id);
    f.end();
}

#[test]
fn an_error_aborts_the_cells_that_wait() {
    let f = Frontend::start();
    let failing = f.shell.send("execute_request", json!({"code": "gate\nfail E1 no"}));
    f.engine.wait_at_gate();
    let waiting = f.shell.send("execute_request", json!({"code": "out never"}));
    let question = f.shell.send("kernel_info_request", json!({}));
    // Until the kernel's reader has queued both.
    std::thread::sleep(Duration::from_millis(100));
    f.engine.open.store(true, Ordering::SeqCst);
    f.busy(&failing);
    f.input(&failing, "gate\nfail E1 no", 1);
    f.published("error", &failing);
    assert_eq!(f.shell.reply("execute_reply", &failing)["status"], "error");
    f.idle(&failing);
    f.busy(&waiting);
    assert_eq!(f.shell.reply("execute_reply", &waiting)["status"], "aborted");
    f.idle(&waiting);
    f.busy(&question);
    f.shell.reply("kernel_info_reply", &question);
    f.idle(&question);
    assert_eq!(f.run_quietly("out alive")["execution_count"], 2);
    f.end();
}

#[test]
fn without_stop_on_error_the_cells_that_wait_run() {
    let f = Frontend::start();
    let failing = f.shell.send("execute_request", json!({"code": "gate\nfail E1 no", "stop_on_error": false}));
    f.engine.wait_at_gate();
    let waiting = f.shell.send("execute_request", json!({"code": "out runs"}));
    f.engine.open.store(true, Ordering::SeqCst);
    f.busy(&failing);
    f.input(&failing, "gate\nfail E1 no", 1);
    f.published("error", &failing);
    assert_eq!(f.shell.reply("execute_reply", &failing)["status"], "error");
    f.idle(&failing);
    f.busy(&waiting);
    f.input(&waiting, "out runs", 2);
    f.stream(&waiting, "stdout", "runs\n");
    assert_eq!(f.shell.reply("execute_reply", &waiting), ok_reply(2));
    f.idle(&waiting);
    f.end();
}

#[test]
fn an_interrupt_ends_the_running_cell_and_only_that() {
    let f = Frontend::start();
    // Nothing runs: nothing happens to the next cell.
    let id = f.control.send("interrupt_request", json!({}));
    f.busy(&id);
    assert_eq!(f.control.reply("interrupt_reply", &id), json!({"status": "ok"}));
    f.idle(&id);
    assert_eq!(f.run_quietly("out a")["status"], "ok");

    let cell = f.shell.send("execute_request", json!({"code": "gate"}));
    f.busy(&cell);
    f.input(&cell, "gate", 2);
    f.engine.wait_at_gate();
    let asked = Instant::now();
    f.control.send("interrupt_request", json!({}));
    let reply = f.shell.reply("execute_reply", &cell);
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!((reply["status"].as_str(), reply["ename"].as_str()), (Some("error"), Some("Interrupted")));
    let mut seen: Vec<String> = (0..4).map(|_| f.iopub.recv_timeout(PATIENCE).unwrap().kind).collect();
    seen.sort();
    assert_eq!(seen, ["error", "status", "status", "status"]);
    assert_eq!(f.control.inbox.recv_timeout(PATIENCE).unwrap().kind, "interrupt_reply");
    assert_eq!(f.run_quietly("out a")["status"], "ok");
    f.end();
}

#[test]
fn a_cell_asks_the_frontend_that_runs_it() {
    let f = Frontend::start();
    for (code, password) in [("ask name?", false), ("secret name?", true)] {
        let id = f.shell.send("execute_request", json!({"code": code}));
        f.busy(&id);
        f.published("execute_input", &id);
        let question = f.stdin.reply("input_request", &id);
        assert_eq!(question, json!({"prompt": "name?", "password": password}));
        f.stdin.send("input_reply", json!({"value": "Ada"}));
        f.stream(&id, "stdout", "Some(\"Ada\")\n");
        f.shell.reply("execute_reply", &id);
        f.idle(&id);
    }
    f.end();
}

#[test]
fn nobody_is_asked_where_the_frontend_forbids_it_or_interrupts() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "ask name?", "allow_stdin": false}));
    f.busy(&id);
    f.published("execute_input", &id);
    f.stream(&id, "stdout", "None\n");
    f.shell.reply("execute_reply", &id);
    f.idle(&id);

    let id = f.shell.send("execute_request", json!({"code": "ask name?"}));
    f.busy(&id);
    f.published("execute_input", &id);
    f.stdin.reply("input_request", &id);
    let interrupt = f.control.send("interrupt_request", json!({}));
    f.control.reply("interrupt_reply", &interrupt);
    f.shell.reply("execute_reply", &id);
    let kinds: Vec<_> = (0..4).map(|_| f.iopub.recv_timeout(PATIENCE).unwrap().kind).collect();
    assert!(kinds.contains(&"stream".to_owned()), "{kinds:?}");
    f.end();
}

#[test]
fn kernel_info_is_answered_on_shell_and_control() {
    let f = Frontend::start();
    let info = f.ask("kernel_info_request", json!({}));
    assert_eq!(info["protocol_version"], "5.5");
    assert_eq!(info["language_info"]["name"], "rust");
    assert_eq!(info["language_info"]["file_extension"], ".rs");
    assert_eq!((&info["debugger"], &info["supported_features"]), (&json!(false), &json!([])));
    let id = f.control.send("kernel_info_request", json!({}));
    f.busy(&id);
    assert_eq!(f.control.reply("kernel_info_reply", &id), info);
    f.idle(&id);
    f.end();
}

#[test]
fn completion_counts_code_points() {
    let f = Frontend::start();
    let reply = f.ask("complete_request", json!({"code": "🦀é fi x", "cursor_pos": 5}));
    assert_eq!(reply["matches"], json!(["fit", "first"]));
    assert_eq!((&reply["cursor_start"], &reply["cursor_end"]), (&json!(3), &json!(5)));
    let types = json!([
        {"text": "fit", "type": "function", "start": 3, "end": 5, "signature": "fit(epochs, rate)"},
        {"text": "first", "type": "instance", "start": 3, "end": 5},
    ]);
    assert_eq!(reply["metadata"]["_jupyter_types_experimental"], types);
    let reply = f.ask("complete_request", json!({"code": "", "cursor_pos": 99}));
    assert_eq!((&reply["status"], &reply["matches"]), (&json!("ok"), &json!([])));
    f.end();
}

#[test]
fn inspection_is_plain_markdown_and_html() {
    let f = Frontend::start();
    let reply = f.ask("inspect_request", json!({"code": "🦀 fit", "cursor_pos": 2, "detail_level": 0}));
    assert_eq!((&reply["status"], &reply["found"]), (&json!("ok"), &json!(true)));
    assert_eq!(reply["data"]["text/plain"], "the word fit");
    assert_eq!(reply["data"]["text/html"], "<p>the word <strong>fit</strong> of Vec&lt;T&gt;</p>\n");
    let reply = f.ask("inspect_request", json!({"code": "a<b", "cursor_pos": 3}));
    assert_eq!(reply["data"], json!({"text/plain": "a<b", "text/html": "<pre>a&lt;b</pre>"}));
    let reply = f.ask("inspect_request", json!({"code": "nothing", "cursor_pos": 3}));
    assert_eq!(reply, json!({"status": "ok", "found": false, "data": {}, "metadata": {}}));
    f.end();
}

#[test]
fn a_question_mark_opens_the_pager() {
    let f = Frontend::start();
    let reply = f.run_quietly(" ?fit\n");
    assert_eq!((&reply["status"], &reply["payload"][0]["source"]), (&json!("ok"), &json!("page")));
    assert_eq!(reply["payload"][0]["data"]["text/plain"], "the word fit");
    assert_eq!(f.run_quietly("?nothing")["ename"], "NotFound");
    f.end();
}

#[test]
fn completeness_has_three_answers() {
    let f = Frontend::start();
    let ask = |code: &str| f.ask("is_complete_request", json!({"code": code}));
    assert_eq!(ask("let x = 1;"), json!({"status": "complete", "indent": ""}));
    assert_eq!(ask("open {"), json!({"status": "incomplete", "indent": "    "}));
    assert_eq!(ask("}")["status"], "invalid");
    f.end();
}

#[test]
fn the_history_holds_what_was_stored() {
    let f = Frontend::start();
    f.run_quietly("value 1");
    f.run_quietly("fail E1 x");
    f.ask("execute_request", json!({"code": "out silent", "silent": true}));
    let ask = |content: Value| f.ask("history_request", content)["history"].clone();
    let all = ask(json!({"hist_access_type": "tail", "n": 10, "output": true, "raw": true}));
    assert_eq!(all, json!([[1, 1, ["value 1", "1"]], [1, 2, ["fail E1 x", null]]]));
    let range =
        json!({"hist_access_type": "range", "session": 0, "start": 2, "stop": null, "output": false, "raw": true});
    assert_eq!(ask(range), json!([[1, 2, "fail E1 x"]]));
    assert_eq!(ask(json!({"hist_access_type": "search", "pattern": "val*"})), json!([[1, 1, "value 1"]]));
    f.end();
}

#[test]
fn debug_requests_are_answered_as_unsupported() {
    let f = Frontend::start();
    let id =
        f.control.send("debug_request", json!({"type": "request", "seq": 7, "command": "debugInfo", "arguments": {}}));
    f.busy(&id);
    let reply = f.control.reply("debug_reply", &id);
    assert_eq!((&reply["success"], &reply["request_seq"]), (&json!(false), &json!(7)));
    assert_eq!(reply["command"], "debugInfo");
    f.idle(&id);
    f.end();
}

#[test]
fn what_compiles_is_one_line_after_half_a_second() {
    let f = Frontend::start();
    for said_before in [false, true] {
        let before = if said_before { "out before\n" } else { "" };
        let code = "compiling a\ncompiling b\nsleep 550\ncompiling c\nsleep 150\ncompiling d\nsleep 150\ncompiling d\nprogress halfway\nout done";
        let id = f.shell.send("execute_request", json!({"code": format!("{before}{code}")}));
        f.busy(&id);
        f.published("execute_input", &id);
        if said_before {
            f.stream(&id, "stdout", "before\n");
        }
        let shown = f.published("display_data", &id).content;
        assert_eq!(shown["data"]["text/plain"], "compiling c");
        let updated = f.published("update_display_data", &id).content;
        assert_eq!(updated["data"]["text/plain"], "compiling d");
        assert_eq!(updated["transient"], shown["transient"]);
        let updated = f.published("update_display_data", &id).content;
        assert_eq!(updated["data"]["text/plain"], "halfway ━━━━━━━━━━────────── 1/2");
        // Where there is nothing else to lose, the line leaves no trace.
        match said_before {
            true => assert_eq!(f.published("update_display_data", &id).content["data"]["text/plain"], ""),
            false => assert_eq!(f.published("clear_output", &id).content, json!({"wait": false})),
        }
        f.stream(&id, "stdout", "done\n");
        f.shell.reply("execute_reply", &id);
        f.idle(&id);
    }
    f.end();
}

#[test]
fn work_that_ends_blanks_its_line_for_the_next() {
    let f = Frontend::start();
    let work = |name: &str| format!("progress {name}\nsleep 550\nprogress {name}\nfinished {name}\n");
    let code = format!("out before\n{}{}out between\n{}", work("reading"), work("measuring"), work("last"));
    let id = f.shell.send("execute_request", json!({"code": code}));
    f.busy(&id);
    f.published("execute_input", &id);
    f.stream(&id, "stdout", "before\n");
    let text = |kind: &str| {
        let content = f.published(kind, &id).content;
        (content["data"]["text/plain"].as_str().unwrap_or_default().to_owned(), content["transient"].clone())
    };
    let (shown, first) = text("display_data");
    assert_eq!(shown, "reading ━━━━━━━━━━────────── 1/2");
    assert_eq!(text("update_display_data"), (String::new(), first.clone()));
    // Nothing else stands below it: the line is used again.
    assert_eq!(text("update_display_data"), ("measuring ━━━━━━━━━━────────── 1/2".to_owned(), first.clone()));
    assert_eq!(text("update_display_data"), (String::new(), first.clone()));
    f.stream(&id, "stdout", "between\n");
    let (shown, second) = text("display_data");
    assert!(shown.starts_with("last ") && second != first, "{shown}");
    assert_eq!(text("update_display_data"), (String::new(), second));
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    f.end();
}

#[test]
fn shutdown_while_a_cell_runs_ends_the_cell_first() {
    let mut f = Frontend::start();
    let cell = f.shell.send("execute_request", json!({"code": "gate"}));
    f.engine.wait_at_gate();
    f.shell.send("execute_request", json!({"code": "out never"}));
    let id = f.control.send("shutdown_request", json!({"restart": true}));
    assert_eq!(f.control.reply("shutdown_reply", &id), json!({"restart": true, "status": "ok"}));
    assert_eq!(f.shell.reply("execute_reply", &cell)["ename"], "Interrupted");
    f.wait_for_end();
    assert!(f.iopub.try_iter().all(|message| message.kind != "stream"), "a queued cell ran");
}

#[test]
fn tcp_works_as_ipc_does_and_the_heart_beats() {
    let folder = tempfile::tempdir().unwrap();
    let listeners: Vec<_> = (0..5).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(listeners);
    let f = Frontend::start_on(connection(Transport::TCP, "127.0.0.1".to_owned(), ports.try_into().unwrap()), folder);
    f.runtime.block_on(async {
        let mut heart = jupyter_zmq_client::create_client_heartbeat_connection(&f.connection).await.unwrap();
        for _ in 0..3 {
            tokio::time::timeout(PATIENCE, heart.single_heartbeat()).await.unwrap().unwrap();
        }
    });
    assert_eq!(f.run_quietly("out x")["status"], "ok");
    f.end();
}
