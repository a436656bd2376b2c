//! `candlewick run` as a person starts it: exit codes, what is written, limits in time, Ctrl-C.
//!
//! Needs an installed template; without one it says so and passes.

use candlewick::home::Home;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn installed() -> bool {
    let installed = Home::find().is_ok_and(|home| home.template().join("candlewick-template.json").is_file());
    if !installed {
        println!("skipped: no warm template; run ./install.sh or set CANDLEWICK_HOME");
    }
    installed
}

fn notebook(path: &Path, cells: &[&str]) {
    let cell = |source: &&str| json!({ "cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": null });
    let cells: Vec<Value> = cells.iter().map(cell).collect();
    let json = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
    std::fs::write(path, json.to_string()).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_candlewick"));
    command.arg("run").args(arguments).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // `cargo test` names its own build folder, whose prelude is not the installed one.
    command.env_remove("LD_LIBRARY_PATH");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_notebook_runs_and_its_page_is_written() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    notebook(
        &folder.path().join("n.ipynb"),
        &[
            "let name = std::env::var(\"WHO\")?;\nprintln!(\"hello {name}\");",
            "plot::Figure::new(image::RgbaImage::new(8, 8), 8, 8, \"a figure\")",
            "let mut live = show::Live::new();\nlive.finish(&show::Bundle::new().text(\"first\"));\nlive.finish(&show::Bundle::new().text(\"second\"));",
            "let n: i32 = \"no\";",
            "1",
        ],
    );
    let arguments = ["n.ipynb", "-o", "out.ipynb", "--html", "out.html", "--set", "WHO=world"];
    let output = command(folder.path(), &arguments).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("[1/5] let name = std::env::var") && said.contains("error[E0308]"), "{said}");
    assert!(
        said.contains("cell 4 failed") && said.contains("wrote out.ipynb") && said.contains("wrote out.html"),
        "{said}"
    );
    assert!(!said.contains(['\u{1b}', '\r']), "{said:?}");
    let cells = read(&folder.path().join("out.ipynb"))["cells"].clone();
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["hello world\n"]));
    assert!(cells[1]["outputs"][0]["data"]["image/png"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert_eq!(cells[2]["outputs"].as_array().unwrap().len(), 1, "{}", cells[2]["outputs"]);
    assert_eq!(cells[2]["outputs"][0]["data"]["text/plain"], json!(["second"]));
    assert_eq!(cells[3]["outputs"][0]["ename"], "E0308");
    assert_eq!((&cells[4]["outputs"], &cells[4]["execution_count"]), (&json!([]), &Value::Null));
    let page = std::fs::read_to_string(folder.path().join("out.html")).unwrap();
    assert!(page.contains("src=\"data:image/png;base64,iVBORw0KGgo") && page.contains("hello world"));
    assert_eq!(read(&folder.path().join("n.ipynb"))["cells"][0]["outputs"], json!([]), "the input stays as it was");
}

const LISTENS: &str = "let mut k = 0;\nprintln!(\"begun\");\nwhile !candlewick::interrupt::requested() { k += 1; std::thread::sleep(std::time::Duration::from_millis(5)); }";

#[test]
fn a_cell_past_its_time_fails_in_place() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ipynb");
    notebook(&path, &[LISTENS, "1"]);
    // Long enough for a cold first cell, which the limit counts like any other.
    let output = command(folder.path(), &["n.ipynb", "--timeout", "45"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let cells = read(&path)["cells"].clone();
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["begun\n"]), "{cells}");
    assert_eq!(cells[0]["outputs"][1]["ename"], "Timeout", "{cells}");
}

#[test]
fn ctrl_c_writes_what_ran() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ipynb");
    notebook(&path, &["println!(\"ran\");", LISTENS, "1"]);
    let mut child = command(folder.path(), &["n.ipynb"]).spawn().unwrap();
    // The first cell's line on standard error says that the second one runs.
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut err, &mut line).unwrap();
    assert!(line.starts_with("[1/3]"), "{line}");
    std::thread::sleep(Duration::from_secs(8));
    // SAFETY: a signal to the child that was just started.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    let start = Instant::now();
    let status = child.wait().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(status.code(), Some(130));
    let cells = read(&path)["cells"].clone();
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["ran\n"]), "{cells}");
    assert_eq!(cells[1]["execution_count"], 2, "{cells}");
    assert_eq!(cells[2]["execution_count"], Value::Null, "{cells}");
}
