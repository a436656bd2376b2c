//! The notebook runner with a stand-in for the session: what it runs, what it writes, how it fails.

use candlewick::document::{self, Notebook};
use candlewick::engine::Engine;
use candlewick::notebook::Outcome;
use candlewick::notebook::report::RunReport;
use candlewick::notebook::runner::{self, Limits};
use candlewick::notebook::{self, RunOptions, html};
use candlewick::screen::{Display, Progress, Said, Screen};
use candlewick::session::{CellError, Done, Why};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Understands a few words in the place of Rust.
#[derive(Default)]
struct Fake {
    ran: Mutex<Vec<String>>,
    interrupted: AtomicBool,
}

fn error(why: Why, name: &str, value: &str) -> CellError {
    let traceback = vec![format!("\u{1b}[31m{name}\u{1b}[0m: {value}")];
    CellError { why, name: name.to_owned(), value: value.to_owned(), traceback }
}

fn text(text: &str, id: Option<&str>) -> Display {
    let mut display = Display { display_id: id.map(str::to_owned), ..Display::default() };
    display.data.insert("text/plain".to_owned(), text.into());
    display
}

impl Engine for Fake {
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError> {
        self.ran.lock().unwrap().push(code.to_owned());
        self.interrupted.store(false, Ordering::SeqCst);
        for line in code.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("print", what) => screen.say(Said::out(what.replace("\\r", "\r"))),
                ("warn", what) => screen.say(Said::err(what)),
                ("show", what) => screen.say(Said::Display(text(what, None))),
                ("named", what) => screen.say(Said::Display(text(what, Some("id")))),
                ("update", what) => screen.say(Said::Update(text(what, Some("id")))),
                ("value", what) => screen.say(Said::Result(text(what, None))),
                ("progress", what) => {
                    screen.say(Said::Progress(Progress { label: what.to_owned(), done: 1, total: 2 }));
                }
                ("fail", what) => return Err(error(Why::Error, "Error", what)),
                ("wait", returns) => {
                    let start = Instant::now();
                    while !self.interrupted.load(Ordering::SeqCst) {
                        assert!(start.elapsed() < Duration::from_secs(20), "nobody interrupted the cell");
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    if returns != "ok" {
                        return Err(error(Why::Interrupted, "Interrupted", "the cell was interrupted"));
                    }
                }
                (other, _) => panic!("the stand-in does not know {other:?}"),
            }
        }
        Ok(Done::default())
    }

    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
    }
}

fn code(source: &str) -> Value {
    json!({ "cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": null })
}

fn tagged(source: &str, tag: &str) -> Value {
    let mut cell = code(source);
    cell["metadata"]["tags"] = json!([tag]);
    cell
}

fn book(cells: Vec<Value>) -> Notebook {
    let json = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 2 });
    let mut notebook = Notebook::parse(json.to_string().as_bytes()).unwrap();
    notebook.upgrade();
    notebook
}

struct Ran {
    notebook: Notebook,
    ended: Outcome,
    ran: Vec<String>,
}

fn run_with(cells: Vec<Value>, timeout: Option<Duration>, stop: &(dyn Fn() -> bool + Sync)) -> Ran {
    let mut notebook = book(cells);
    let fake = Fake::default();
    let report = Mutex::new(RunReport::new(std::io::sink(), true, true));
    let ended = runner::run(&mut notebook, &fake, &Limits { timeout, stop }, &report);
    Ran { notebook, ended, ran: fake.ran.into_inner().unwrap() }
}

fn run(cells: Vec<Value>) -> Ran {
    run_with(cells, None, &|| false)
}

#[test]
fn outputs_come_back_as_nbformat_writes_them() {
    let cells = vec![
        json!({ "cell_type": "markdown", "metadata": {}, "source": ["# Title"] }),
        code("print 10 %\\r\nprint 20 %\nwarn careful\nnamed old\nvalue 42"),
        code("  \n"),
        code("update new\nprogress halfway"),
    ];
    let Ran { notebook, ended, ran } = run(cells);
    assert!(matches!(ended, Outcome::Done), "{ended:?}");
    assert_eq!(ran.len(), 2, "an empty cell does not run");
    let cells = notebook.cells();
    assert_eq!(
        cells[1]["outputs"],
        json!([
            { "output_type": "stream", "name": "stdout", "text": ["20 %"] },
            { "output_type": "stream", "name": "stderr", "text": ["careful"] },
            { "output_type": "display_data", "data": { "text/plain": ["new"] }, "metadata": {} },
            { "output_type": "execute_result", "execution_count": 1, "data": { "text/plain": ["42"] }, "metadata": {} },
        ])
    );
    let counts: Vec<&Value> = cells[1..].iter().map(|cell| &cell["execution_count"]).collect();
    assert_eq!(counts, [&json!(1), &Value::Null, &json!(2)]);
    assert_eq!(notebook.title().as_deref(), Some("Title"));
}

#[test]
fn a_failing_cell_ends_the_run_and_what_ran_stays() {
    let mut stale = code("print never");
    stale["outputs"] = json!([{ "output_type": "stream", "name": "stdout", "text": "of last week" }]);
    stale["execution_count"] = json!(9);
    let Ran { notebook, ended, ran } = run(vec![code("print kept"), code("print so far\nfail no such folder"), stale]);
    let Outcome::Failed { number: 2, error } = ended else { panic!("{ended:?}") };
    assert_eq!(error.value, "no such folder");
    assert_eq!(ran.len(), 2);
    let cells = notebook.cells();
    assert_eq!(cells[0]["outputs"][0]["text"], json!(["kept"]));
    let failed = json!({
        "output_type": "error", "ename": "Error", "evalue": "no such folder",
        "traceback": ["Error\u{1b}[0m: no such folder"],
    });
    assert_eq!(cells[1]["outputs"][1], failed);
    assert_eq!((&cells[2]["outputs"], &cells[2]["execution_count"]), (&json!([]), &Value::Null));
}

#[test]
fn tags_are_those_of_jupyters_own_runner() {
    let Ran { notebook, ended, ran } = run(vec![
        tagged("print 1", "parameters"),
        tagged("fail on purpose", "raises-exception"),
        tagged("fail never", "skip-execution"),
        code("print after"),
    ]);
    assert!(matches!(ended, Outcome::Done), "{ended:?}");
    assert_eq!(ran, ["print 1", "fail on purpose", "print after"]);
    assert_eq!(notebook.cells()[1]["outputs"][0]["evalue"], "on purpose");
}

#[test]
fn a_cell_past_its_time_is_interrupted_and_fails() {
    for cell in ["print begun\nwait", "print begun\nwait ok"] {
        let Ran { notebook, ended, .. } =
            run_with(vec![code(cell), code("print never")], Some(Duration::from_millis(150)), &|| false);
        let Outcome::Failed { number: 1, error } = ended else { panic!("{ended:?}") };
        assert_eq!(error.name, "Timeout");
        assert!(error.value.contains("0.15 s") && error.value.contains("--timeout"), "{}", error.value);
        let outputs = &notebook.cells()[0]["outputs"];
        assert_eq!((&outputs[0]["text"], &outputs[1]["ename"]), (&json!(["begun"]), &json!("Timeout")));
    }
}

#[test]
fn the_user_ends_a_run_and_what_ran_stays() {
    for (cell, number) in [("print begun\nwait", 2), ("print begun\nwait ok", 3)] {
        let start = Instant::now();
        let stop = move || start.elapsed() > Duration::from_millis(200);
        let Ran { notebook, ended, ran } =
            run_with(vec![code("print first"), code(cell), code("print never")], None, &stop);
        assert!(matches!(ended, Outcome::Stopped { number: n } if n == number), "{ended:?}");
        assert_eq!(ran.len(), 2);
        assert_eq!(notebook.cells()[1]["outputs"][0]["text"], json!(["begun"]));
    }
}

#[test]
fn nothing_of_a_document_is_lost() {
    let original = json!({
        "cells": [
            { "cell_type": "code", "id": "a-valid_id", "metadata": { "jupyter": { "source_hidden": true }, "x": [1, 2.5] },
              "source": ["print 1\n", "print 2"], "outputs": [], "execution_count": 3, "unknown": { "deep": null } },
            { "cell_type": "raw", "id": "b", "metadata": {}, "source": "raw", "attachments": { "a.png": {} } },
        ],
        "metadata": { "kernelspec": { "name": "other", "display_name": "Other", "language": "rust" }, "mine": "é\u{1f980}" },
        "nbformat": 4, "nbformat_minor": 6, "extra": 12345678901234567u64,
    });
    let mut notebook = Notebook::parse(original.to_string().as_bytes()).unwrap();
    notebook.upgrade();
    let report = Mutex::new(RunReport::new(std::io::sink(), false, false));
    runner::run(&mut notebook, &Fake::default(), &Limits { timeout: None, stop: &|| false }, &report);
    let mut after: Value = serde_json::from_slice(&notebook.to_bytes()).unwrap();
    let mut expected = original;
    expected["cells"][0]["outputs"] = json!([{ "output_type": "stream", "name": "stdout", "text": ["12"] }]);
    expected["cells"][0]["execution_count"] = json!(1);
    let info = after["metadata"].as_object_mut().unwrap().remove("language_info").unwrap();
    assert_eq!(info["name"], "rust");
    assert_eq!(after, expected);
}

#[test]
fn ids_are_made_valid_and_different() {
    let mut cells = vec![code("print 1"), code("print 2"), code("print 3"), code("print 4")];
    cells[0]["id"] = json!("same");
    cells[1]["id"] = json!("same");
    cells[2]["id"] = json!("not valid!");
    let notebook = book(cells);
    let ids: Vec<&str> = notebook.cells().iter().map(|cell| cell["id"].as_str().unwrap()).collect();
    assert_eq!(ids[0], "same");
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 4, "{ids:?}");
    assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')), "{ids:?}");
}

#[test]
fn a_page_holds_everything_and_loads_nothing() {
    let cells = vec![
        json!({ "cell_type": "markdown", "metadata": {}, "source": "# Cars & trucks\n\n![far](http://example.org/x.png)" }),
        code("print \u{1b}[32mgreen\u{1b}[0m <tag>\nshow a figure"),
        tagged("fail \u{1b}[1mloudly", "raises-exception"),
    ];
    let Ran { notebook, .. } = run(cells);
    let page = html::page(&notebook, &notebook.title().unwrap(), Path::new("")).html;
    for part in [
        "<title>Cars &amp; trucks</title>",
        "<h1>Cars &amp; trucks</h1>",
        "<span style=\"color:var(--c2)\">green</span> &lt;tag&gt;",
        "<pre>a figure</pre>",
        "class=\"output error\"",
        "prefers-color-scheme: dark",
        "default-src 'none'",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    assert!(!page.contains("<script") && !page.contains("src=\"http") && !page.contains("<link"));
}

fn refused(options: &RunOptions) -> String {
    let error = notebook::prepare(options).unwrap_err();
    format!("{error:#}")
}

fn written(folder: &Path, name: &str, content: &str) -> RunOptions {
    std::fs::write(folder.join(name), content).unwrap();
    RunOptions { input: folder.join(name), ..RunOptions::default() }
}

#[test]
fn a_mark_of_the_bytes_order_and_sources_of_both_kinds_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = r##"{ "cells": [
        { "cell_type": "code", "metadata": {}, "source": ["1\n", "2"], "outputs": [], "execution_count": null },
        { "cell_type": "code", "metadata": {}, "source": "1\n2" }, { "cell_type": "markdown", "source": [] } ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5 }"##;
    for mark in ["", "\u{feff}"] {
        let prepared = notebook::prepare(&written(folder.path(), "n.ipynb", &format!("{mark}{text}"))).unwrap();
        let sources: Vec<String> = prepared.notebook.cells().iter().map(document::source).collect();
        assert_eq!(sources, ["1\n2", "1\n2", ""]);
    }
}

#[test]
fn parameters_that_cannot_be_are_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let cells =
        json!([tagged("let epochs = 3;\nlet rate = 1e-3;\nlet seed = 42u64;\nlet name = \"x\";", "parameters")]);
    let text = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 }).to_string();
    let options = written(folder.path(), "n.ipynb", &text);
    let given = |pairs: &[(&str, &str)]| {
        let parameters = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RunOptions { parameters, ..options.clone() }
    };
    for (pairs, reason) in [
        (&[("type", "3")][..], "`type` is a word of Rust's own"),
        (&[("fn", "1")], "`fn` is a word of Rust's own"),
        (&[("2nd", "1")], "can name a variable"),
        (&[("my rate", "1")], "can name a variable"),
        (&[("rate", "1"), ("rate", "2")], "rate is given twice"),
        (&[("epochs", "abc")], "`abc` is no whole number (i32)"),
        (&[("epochs", "2.5")], "--parameter epochs=2.5"),
        (&[("rate", "fast")], "write it as 0.5"),
        (&[("seed", "-1")], "a u64 is from 0 on"),
    ] {
        let message = refused(&given(pairs));
        assert!(message.contains(reason), "{pairs:?}: {message}");
    }
    let prepared = notebook::prepare(&given(&[("rate", "1"), ("seed", "18446744073709551615"), ("nme", "y")])).unwrap();
    let source = document::source(&prepared.notebook.cells()[1]);
    assert_eq!(source, "let rate = 1.0;\nlet seed = 18446744073709551615u64;\nlet nme = String::from(\"y\");");
    assert!(prepared.notes[0].contains("no `nme`, only epochs, rate, seed, name"), "{:?}", prepared.notes);
}

const EMPTY: &str = r#"{ "cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5 }"#;

#[test]
fn what_is_no_notebook_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let python =
        r#"{ "cells": [], "metadata": { "kernelspec": { "name": "python3", "language": "python" } }, "nbformat": 4 }"#;
    for (content, reason) in [
        ("{ \"cells\": [\n  oops ] }", "no JSON: line 2, column 3"),
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("{ \"cells\": [],\n \"metadata\": {\n", "ends in the middle"),
        ("{ \"cells\": [{\"cell_type\": \"code\", \"sour", "fetch it again"),
        ("{ \"cells\": [],\n\"x\": NaN }", "line 2, column 6: JSON has no `NaN`"),
        ("{ \"cells\": [{\"a\": [1, -Infinity]}] }", "JSON has no `-Infinity`"),
        ("{ \"NaN\": \"NaN\", \"x\": Infinity }", "put `null`"),
        ("<!DOCTYPE html>\n<html></html>", "it is a web page"),
        ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n", "merge conflict, which begins at line 1"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("import numpy as np\n", "no JSON: line 1, column 1"),
        ("\"text\"", "no notebook"),
        (
            "{ \"nbformat\": 4, \"cells\": [{ \"cell_type\": \"code\", \"source\": [1] }] }",
            "its cell 1 has no `source`",
        ),
        ("{ \"nbformat\": 4, \"cells\": [{ \"cell_type\": \"code\", \"source\": null }] }", "\"source\": \"\""),
        ("{ \"nbformat\": 4, \"cells\": {} }", "no list `cells`"),
        ("[1, 2]", "no notebook"),
        ("{ \"a\": 1 }", "no notebook: it has no number `nbformat`"),
        ("{ \"nbformat\": 4 }", "no list `cells`"),
        ("{ \"nbformat\": 3, \"worksheets\": [] }", "nbformat 3"),
        ("{ \"nbformat\": 5, \"cells\": [] }", "nbformat 5"),
        ("{ \"nbformat\": 4, \"cells\": [{ \"cell_type\": \"code\" }] }", "its cell 1 has no `source`"),
        ("{ \"nbformat\": 4, \"cells\": [7] }", "its cell 1 is no cell"),
        (python, "a notebook for python"),
    ] {
        let message = refused(&written(folder.path(), "n.ipynb", content));
        assert!(message.contains(reason) && message.contains("n.ipynb"), "{content:?}: {message}");
    }
    for (bytes, reason) in [
        (&b"PK\x03\x04zip"[..], "zip archive"),
        (b"\x1f\x8b\x08gz", "gunzip"),
        (b"\xff\xfe{\0}\0", "UTF-16"),
        (b"{ \"cells\": [],\n \"x\": \"gr\xf6\xdfe\" }", "no UTF-8 from line 2"),
    ] {
        std::fs::write(folder.path().join("n.ipynb"), bytes).unwrap();
        let message = refused(&RunOptions { input: folder.path().join("n.ipynb"), ..RunOptions::default() });
        assert!(message.contains(reason), "{bytes:?}: {message}");
    }
    let options = RunOptions { input: folder.path().join("absent.ipynb"), ..RunOptions::default() };
    assert!(refused(&options).contains("absent.ipynb"));
    let options = RunOptions { input: folder.path().to_owned(), ..RunOptions::default() };
    assert!(refused(&options).contains("is a folder"));
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let good = written(folder.path(), "n.ipynb", EMPTY);
    assert!(notebook::prepare(&good).is_ok());
    let to = |output: PathBuf| RunOptions { output: Some(output), ..good.clone() };
    let message = refused(&to(folder.path().join("absent/out.ipynb")));
    assert!(message.contains("absent does not exist"), "{message}");
    assert!(refused(&to(folder.path().to_owned())).contains("it is a folder"));
    let html = RunOptions { html: Some(folder.path().join("absent/out.html")), ..good.clone() };
    assert!(refused(&html).contains("out.html"));
    // `/proc` takes no files from anybody, root included.
    if cfg!(target_os = "linux") {
        assert!(refused(&to("/proc/out.ipynb".into())).contains("cannot write into the folder /proc"));
    }
    let set = RunOptions { set: vec![(String::new(), "1".to_owned())], ..good };
    assert!(refused(&set).contains("NAME=VALUE"));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "the check leaves nothing behind");
}

#[test]
fn a_notebook_is_written_whole_with_the_old_files_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ipynb");
    let notebook = book(vec![code("print 1")]);
    notebook.write(&path).unwrap();
    let again = Notebook::read(&path).unwrap();
    assert_eq!(again, notebook);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\n \"cells\": [\n"), "one space a level, as Jupyter");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.ipynb");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        notebook.write(&link).unwrap();
        assert!(link.is_symlink(), "a link stays a link");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
    assert!(document::write_whole(&folder.path().join("absent/n.ipynb"), b"").is_err());
}
