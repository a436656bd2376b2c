//! Comms, message by message, against a stand-in for the engine: panes, widgets, bytes, busy and idle.

mod frontend;

use candlewick::screen::{CommAct, Said};
use frontend::fake::{buffers, comm};
use frontend::{Frontend, PATIENCE};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Runs a cell whose outputs the test asserts; returns its id.
fn begin(f: &Frontend, code: &str) -> String {
    let id = f.shell.send("execute_request", json!({"code": code}));
    f.busy(&id);
    assert_eq!(f.published("execute_input", &id).content["code"], code);
    id
}

fn end(f: &Frontend, id: &str) {
    f.shell.reply("execute_reply", id);
    f.idle(id);
}

fn open_comms(f: &Frontend) -> Value {
    f.ask("comm_info_request", json!({}))["comms"].clone()
}

#[test]
fn variable_panes_are_told_at_once_when_they_ask_and_after_cells() {
    let f = Frontend::start();
    let rows = json!({"comm_id": "c1", "data": {"variables": [
        {"name": "t", "type": "Tensor", "shape": "2×2 F32", "bytes": 16},
    ]}});
    let id = f.shell.send("comm_open", json!({"comm_id": "c1", "target_name": "candlewick.variables"}));
    f.busy(&id);
    assert_eq!(f.published("comm_msg", &id).content, rows);
    f.idle(&id);
    let id = f.shell.send("comm_msg", json!({"comm_id": "c1", "data": {}}));
    f.busy(&id);
    assert_eq!(f.published("comm_msg", &id).content, rows);
    f.idle(&id);
    let known = json!({"c1": {"target_name": "candlewick.variables"}});
    assert_eq!(open_comms(&f), known);
    assert_eq!(f.ask("comm_info_request", json!({"target_name": "candlewick.variables"}))["comms"], known);
    assert_eq!(f.ask("comm_info_request", json!({"target_name": "other"}))["comms"], json!({}));

    let id = begin(&f, "out x");
    f.stream(&id, "stdout", "x\n");
    assert_eq!(f.published("comm_msg", &id).content, rows);
    end(&f, &id);

    let id = f.shell.send("comm_close", json!({"comm_id": "c1"}));
    f.busy(&id);
    f.idle(&id);
    assert_eq!(f.ask("comm_info_request", json!({})), json!({"status": "ok", "comms": {}}));
    f.end();
}

#[test]
fn a_target_that_nobody_serves_is_closed_at_once() {
    let f = Frontend::start();
    let id = f.shell.send("comm_open", json!({"comm_id": "c0", "target_name": "absent", "data": {}}));
    f.busy(&id);
    let closed = f.published("comm_close", &id).content;
    assert_eq!(closed, json!({"comm_id": "c0", "data": {"reason": "no comm target `absent`"}}));
    f.idle(&id);
    // A message to a comm that is not open is no error.
    let id = f.shell.send("comm_msg", json!({"comm_id": "c0", "data": {}}));
    f.busy(&id);
    f.idle(&id);
    assert!(f.engine.heard.lock().unwrap().is_empty());
    assert_eq!(open_comms(&f), json!({}));
    f.end();
}

#[test]
fn a_cell_opens_a_comm_speaks_and_closes_it() {
    let f = Frontend::start();
    let id = begin(&f, "comm_open w1 jupyter.widget\ncomm_send w1 hello\nout after");
    let opened = f.published("comm_open", &id);
    assert_eq!(opened.content, json!({"comm_id": "w1", "target_name": "jupyter.widget", "data": {"state": {}}}));
    assert_eq!(opened.metadata, json!({"version": "2.1.0"}));
    assert_eq!(opened.buffers, buffers());
    assert!(opened.topic[0].ends_with(".comm_open"), "{:?}", opened.topic);
    let said = f.published("comm_msg", &id);
    assert_eq!(said.content, json!({"comm_id": "w1", "data": {"said": "hello"}}));
    assert_eq!(said.buffers, buffers());
    f.stream(&id, "stdout", "after\n");
    end(&f, &id);
    assert_eq!(open_comms(&f), json!({"w1": {"target_name": "jupyter.widget"}}));
    let id = begin(&f, "comm_close w1");
    assert_eq!(f.published("comm_close", &id).content, json!({"comm_id": "w1", "data": {}}));
    end(&f, &id);
    assert_eq!(open_comms(&f), json!({}));
    f.end();
}

#[test]
fn comms_work_in_a_silent_cell() {
    let f = Frontend::start();
    let id = f.shell.send("execute_request", json!({"code": "comm_open w1 t\nout unheard", "silent": true}));
    f.busy(&id);
    assert_eq!(f.published("comm_open", &id).content["comm_id"], "w1");
    f.shell.reply("execute_reply", &id);
    f.idle(&id);
    f.end();
}

#[test]
fn what_a_frontend_says_reaches_the_callback_with_its_bytes_and_is_answered() {
    let f = Frontend::start();
    let id = begin(&f, "comm_open w1 jupyter.widget");
    f.published("comm_open", &id);
    end(&f, &id);
    let content = json!({"comm_id": "w1", "data": {"echo": true, "method": "custom"}});
    let id = f.shell.send_buffers("comm_msg", content.clone(), buffers());
    f.busy(&id);
    f.stream(&id, "stdout", "clicked\n");
    let echoed = f.published("comm_msg", &id);
    assert_eq!((&echoed.content, &echoed.buffers), (&content, &buffers()));
    f.idle(&id);
    let (_, heard) = f.engine.heard.lock().unwrap().pop().unwrap();
    assert_eq!((heard.id.as_str(), &heard.act, &heard.buffers), ("w1", &CommAct::Message, &buffers()));

    let id = f.shell.send("comm_close", json!({"comm_id": "w1", "data": {}}));
    f.busy(&id);
    f.idle(&id);
    assert_eq!(f.engine.heard.lock().unwrap().pop().unwrap().1.act, CommAct::Close);
    assert_eq!(open_comms(&f), json!({}));
    f.end();
}

#[test]
fn a_callback_runs_while_a_cell_runs_and_the_kernel_stays_busy() {
    let f = Frontend::start();
    let cell = begin(&f, "comm_open w1 t\ngate");
    f.published("comm_open", &cell);
    f.engine.wait_at_gate();
    let id = f.shell.send("comm_msg", json!({"comm_id": "w1", "data": {"echo": 1}}));
    f.busy(&id);
    f.stream(&id, "stdout", "clicked\n");
    f.published("comm_msg", &id);
    f.idle(&id);
    // Frontends show one state for all: they must not think that the cell has ended.
    f.busy(&cell);
    f.engine.open.store(true, Ordering::SeqCst);
    end(&f, &cell);
    f.end();
}

#[test]
fn a_callback_that_takes_its_time_keeps_the_kernel_busy_and_can_be_interrupted() {
    let f = Frontend::start();
    let id = begin(&f, "comm_open w1 t");
    f.published("comm_open", &id);
    end(&f, &id);
    let slow = f.shell.send("comm_msg", json!({"comm_id": "w1", "data": {"hold": 1}}));
    f.busy(&slow);
    let limit = Instant::now() + PATIENCE;
    while f.engine.heard.lock().unwrap().is_empty() {
        assert!(Instant::now() < limit, "the message is not handed on");
    }
    // What comes next waits for it; what is said meanwhile is said by the callback that runs.
    let next = f.shell.send("comm_msg", json!({"comm_id": "w1", "data": {"hold": 2}}));
    f.busy(&next);
    f.engine.between(|screen| screen.say(Said::err("still\n")));
    f.stream(&slow, "stderr", "still\n");
    let interrupt = f.control.send("interrupt_request", json!({}));
    f.busy(&interrupt);
    f.control.reply("interrupt_reply", &interrupt);
    f.idle(&interrupt);
    assert!(f.engine.is_interrupted());
    let heard = std::mem::take(&mut *f.engine.heard.lock().unwrap());
    for ((number, _), id) in heard.into_iter().zip([&slow, &next]) {
        f.engine.between(|screen| screen.say(Said::Handled { number }));
        f.idle(id);
    }
    f.end();
}

#[test]
fn what_threads_say_between_cells_answers_the_last_cell() {
    let f = Frontend::start();
    let id = begin(&f, "out x");
    f.stream(&id, "stdout", "x\n");
    end(&f, &id);
    f.engine.between(|screen| {
        screen.say(Said::out("later\n"));
        screen.say(Said::Comm(comm("w9", CommAct::Open("t".to_owned()), json!({}))));
    });
    f.stream(&id, "stdout", "later\n");
    f.published("comm_open", &id);
    f.end();
}

#[test]
fn the_comms_of_a_process_that_is_gone_are_closed() {
    let f = Frontend::start();
    let id = begin(&f, "comm_open w1 t");
    f.published("comm_open", &id);
    end(&f, &id);
    let waits = f.shell.send("comm_msg", json!({"comm_id": "w1", "data": {"hold": 1}}));
    f.busy(&waits);
    let limit = Instant::now() + PATIENCE;
    while f.engine.heard.lock().unwrap().is_empty() {
        assert!(Instant::now() < limit, "the message is not handed on");
    }
    let id = begin(&f, "gone");
    assert_eq!(f.published("comm_close", &id).content, json!({"comm_id": "w1", "data": {}}));
    f.idle(&waits);
    f.busy(&id);
    end(&f, &id);
    assert_eq!(open_comms(&f), json!({}));
    f.end();
}
