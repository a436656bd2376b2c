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

/// Runs these cells, all of which may fail; returns each one's outputs as text, errors as their tracebacks.
fn outputs_of(folder: &Path, cells: &[&str], arguments: &[&str]) -> Vec<String> {
    let path = folder.join("n.ipynb");
    notebook(&path, cells);
    let mut json = read(&path);
    for cell in json["cells"].as_array_mut().unwrap() {
        cell["metadata"]["tags"] = json!(["raises-exception"]);
    }
    std::fs::write(&path, json.to_string()).unwrap();
    let output = command(folder, &[&["n.ipynb"][..], arguments].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = |value: &Value| match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<String>(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let shown = |output: &Value| match output["output_type"].as_str().unwrap() {
        "stream" => text(&output["text"]),
        "error" => {
            let lines: Vec<&str> = output["traceback"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            format!("{}: {}\n", output["ename"].as_str().unwrap(), lines.join("\n"))
        }
        _ => text(&output["data"]["text/plain"]) + &text(&output["data"]["text/html"]),
    };
    let cells = read(&path)["cells"].as_array().unwrap().clone();
    cells.iter().map(|cell| cell["outputs"].as_array().unwrap().iter().map(shown).collect()).collect()
}

fn check_cells(arguments: &[&str], cases: &[(&str, &[&str])]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("sub/deep er")).unwrap();
    let cells: Vec<&str> = cases.iter().map(|(code, _)| *code).collect();
    for ((code, expected), shown) in cases.iter().zip(outputs_of(folder.path(), &cells, arguments)) {
        let plain = candlewick::document::terminal::without_escapes(&shown);
        for part in *expected {
            assert!(plain.contains(part), "{code}\n--- wants {part:?}, shows\n{plain}");
        }
        assert!(!expected.is_empty() || plain.is_empty(), "{code}\n--- shows\n{plain}");
    }
}

#[test]
fn what_hands_used_to_ipython_type_is_done_or_answered() {
    if !installed() {
        return;
    }
    check_cells(
        &[],
        &[
            ("let a = 41; let done = false; let rate = Some(0.5);", &[]),
            // The folder, for cells and for the shell.
            ("%cd sub", &["/sub\n"]),
            ("std::env::current_dir()?.ends_with(\"sub\")", &["true"]),
            ("%cd \"deep er\"\n%pwd\n!pwd", &["/sub/deep er\n/", "/sub/deep er\n"]),
            ("!cd ..", &["/sub\n"]),
            ("%cd -", &["deep er"]),
            ("%cd absent", &["Folder", "cannot enter", "absent"]),
            ("std::env::set_current_dir(\"..\")?;\n%ls", &["deep er\n"]),
            ("%ls -d .", &[".\n"]),
            // The environment.
            ("%env CANDLE=wick", &["CANDLE=wick\n"]),
            ("%env OTHER two words\n%set_env THIRD 3", &["OTHER=two words\n", "THIRD=3"]),
            ("std::env::var(\"CANDLE\")? + &std::env::var(\"OTHER\")?", &["\"wicktwo words\""]),
            ("!echo $CANDLE-$THIRD", &["wick-3\n"]),
            ("%env CANDLE", &["wick"]),
            ("%env NOT_SET_AT_ALL", &["`NOT_SET_AT_ALL` is not set"]),
            ("%env", &["CANDLE=wick\n", "PATH="]),
            ("std::env::current_dir()?.ends_with(\"sub\")", &["true"]),
            // Times.
            ("%%time\nlet b = a + 1;\nb", &["42", "took ", " to compile, ", " to run\n"]),
            ("%time let c = b;", &["took "]),
            ("%timeit a + b + c", &[" a run, ", "mean ± deviation of "]),
            ("%%timeit -n 10 -r 2\nlet mut v = vec![a; 100];\nv.push(b);\nv.len()", &["of 2 rounds of 10 runs"]),
            ("%timeit -n 2 -r 1 undefined_name", &["E0425", "undefined_name"]),
            // The shell, before, between and after Rust.
            ("!echo one\n!echo two >&2", &["one\n", "two\n"]),
            ("let d = 1;\n!echo between\nd + 1", &["between\n2"]),
            ("d\n!echo after", &["1", "after\n"]),
            ("!echo before\nlet e: i32 = \"x\";", &["before\n", "E0308", "2 | let e"]),
            ("!false\nlet never = 1;", &["`false` ended with exit status: 1"]),
            ("never", &["E0425"]),
            ("!done", &["true"]),
            ("%%bash\nfor i in 1 2; do\n  echo line $i\ndone", &["line 1\nline 2\n"]),
            ("%%sh\nexit 4", &["exit status: 4"]),
            ("%%writefile notes.txt\nfirst\n", &["wrote ", "notes.txt"]),
            ("%%writefile -a notes.txt\nsecond\n", &["notes.txt"]),
            ("%cat notes.txt", &["first\nsecond\n"]),
            ("%%html\n<b>bold</b>", &["<b>bold</b>"]),
            ("%%writefile file.rs\nfn main() {\n    println!(\"from a file\");\n}\n", &["file.rs"]),
            ("%run file.rs", &["from a file\n"]),
            ("%run absent.rs", &["cannot run"]),
            ("%run script.py", &["!python3 script.py"]),
            // Questions about items, and Rust's own operator.
            ("?Tensor::zeros", &["zeros"]),
            ("Tensor?", &["Tensor"]),
            ("Vec??", &["Vec"]),
            ("a?", &["a"]),
            ("?nothing_of_this_name", &["nothing is known of `nothing_of_this_name`"]),
            ("help", &["learner.fit"]),
            ("help()", &["%timeit"]),
            // Variables and history.
            ("%who", &["rate", "Option<f64>"]),
            ("%whos", &["done", "bool"]),
            ("%history", &["let a = 41;", "%cd sub\n"]),
            ("%hist -n", &["// [2]\n%cd sub\n"]),
            // What needs nothing, and what is said otherwise.
            ("%matplotlib inline\na", &["figures are drawn", "41"]),
            ("%load_ext autoreload\n%autoreload 2", &["there are no extensions", "compiled again"]),
            ("%pip install numpy", &["`:dep NAME = \"VERSION\"`"]),
            ("%conda install x", &["`:dep NAME"]),
            ("%nonsense", &["there is no `%nonsense`", "%timeit"]),
            ("%%nonsense\nlet x = 1;", &["there is no `%%nonsense`"]),
            ("%%python\nprint(1)", &["!python3"]),
            ("quit", &["Quit", "kernel"]),
            ("exit()", &["Quit"]),
            (":exit", &["Quit"]),
            ("print(a)", &["`println!(\"{a:?}\");` prints a line"]),
            ("import numpy as np", &["`:help` lists them"]),
            ("def f(x):\n    return x", &["a function is `fn name("]),
            ("ls -l", &["`!ls -l` is a line for the shell"]),
            ("%reset", &["all variables and items are forgotten"]),
            ("a", &["E0425"]),
            ("%pwd", &["/sub"]),
            ("!echo $CANDLE", &["wick"]),
            ("std::env::current_dir()?.ends_with(\"sub\")", &["true"]),
        ],
    );
}

#[test]
fn names_that_cells_make_are_no_commands() {
    if !installed() {
        return;
    }
    check_cells(
        &[],
        &[
            ("let quit = 7; fn exit() -> i32 { 8 } let help = 9;", &[]),
            ("quit", &["7"]),
            ("exit()", &["8"]),
            ("help", &["9"]),
            ("let good: Result<i32, std::fmt::Error> = Ok(5); let some = Some(6);", &[]),
            ("good?", &["5"]),
            ("let ls = true; let bits = 1u8;", &[]),
            ("!ls", &["false"]),
            ("!bits", &["254"]),
            ("let ok = 3\n    != 4;\nok", &["true"]),
            ("let seven = 10\n    % 3;\nseven", &["1"]),
            ("let s = \"\n!ls\n%pwd\n\";\ns.len()", &["10"]),
        ],
    );
}

#[test]
fn huge_values_are_cut_and_say_so() {
    if !installed() {
        return;
    }
    check_cells(
        &[],
        &[
            ("vec![0f64; 1_000_000]", &["[0.0, 0.0, ", "[4,990,004 of 5,000,000 characters left out; `println!"]),
            ("\"word \".repeat(1_000_000)", &["\"word word ", " of 5,000,002 characters left out"]),
            (
                "#[derive(Debug)]\nstruct Own { values: Vec<Option<u8>> }\nOwn { values: vec![Some(7); 100_000] }",
                &["Own { values: [Some(7), ", " characters left out"],
            ),
            (
                "(0..100_000).map(|n| (n, n)).collect::<std::collections::BTreeMap<i32, i32>>()",
                &["{0: 0, 1: 1, ", " left out"],
            ),
            ("println!(\"{:?}\", vec![1u8; 20_000])", &["1, 1]\n"]),
            ("vec![1, 2, 3]", &["[1, 2, 3]"]),
        ],
    );
}

#[test]
fn a_line_of_fifty_megabytes_and_unfinished_escapes_are_kept() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ipynb");
    notebook(
        &path,
        &[
            "for _ in 0..50 { print!(\"{}\", \"x\".repeat(1 << 20)); }",
            "print!(\"\\x1b]0;title without an end\\nkept\\n\");",
            "print!(\"half \\x1b[3\");",
            "println!(\"after \\x1b[31mred\\x1b[0m\");",
        ],
    );
    let output = command(folder.path(), &["n.ipynb"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let cells = read(&path)["cells"].clone();
    assert_eq!(cells[0]["outputs"][0]["text"][0].as_str().unwrap().len(), 50 << 20);
    assert_eq!(cells[1]["outputs"][0]["text"], json!(["0;title without an end\n", "kept\n"]));
    assert_eq!(cells[2]["outputs"][0]["text"], json!(["half "]));
    assert_eq!(cells[3]["outputs"][0]["text"], json!(["after \u{1b}[31mred\u{1b}[0m\n"]));
    // The largest of all programs that this one has waited for, in kilobytes; the analysis of cells has its share.
    // SAFETY: the structure is plain data, which the call fills.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut used);
        used
    };
    println!("peak {} MB", used.ru_maxrss / 1024);
    assert!(used.ru_maxrss < 2_000_000, "{} MB", used.ru_maxrss / 1024);
}

#[test]
fn parameters_keep_the_type_of_their_defaults() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ipynb");
    let defaults = "let rate = 1e-3;\nlet deep = 0.1f32;\nlet n = 3usize;\nlet seed: u64 = 42;\nlet name = \"x\";\nlet on = true;\nlet low = -1;\nlet odd = 0.5;";
    let told = "println!(\"{}\", std::any::type_name_of_val(&(rate, deep, n, seed, name, on, low, odd)));\nprintln!(\"{rate:?} {deep:?} {n} {seed} {name} {on} {low} {odd}\");";
    notebook(&path, &[defaults, told]);
    let mut json = read(&path);
    json["cells"][0]["metadata"]["tags"] = json!(["parameters"]);
    std::fs::write(&path, json.to_string()).unwrap();
    let given = ["rate=1", "deep=2", "n=5", "seed=18446744073709551615", "name=7", "on=False", "low=-8", "odd=nan"];
    let arguments: Vec<&str> =
        ["n.ipynb", "-o", "out.ipynb"].into_iter().chain(given.iter().flat_map(|given| ["-p", *given])).collect();
    let output = command(folder.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let cells = read(&folder.path().join("out.ipynb"))["cells"].clone();
    let text = cells[2]["outputs"][0]["text"].clone();
    assert_eq!(
        text,
        json!(["(f64, f32, usize, u64, &str, bool, i32, f64)\n", "1.0 2.0 5 18446744073709551615 7 false -8 NaN\n"])
    );
    for (given, reason) in
        [("type=3", "word of Rust's own"), ("n=abc", "no whole number (usize)"), ("a b=1", "can name a variable")]
    {
        let output = command(folder.path(), &["n.ipynb", "-p", given]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(reason) && !said(&output).contains("[1/"), "{}", said(&output));
    }
}

#[test]
fn the_program_may_be_replaced_while_it_runs() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("candlewick");
    std::fs::copy(env!("CARGO_BIN_EXE_candlewick"), &program).unwrap();
    let path = folder.path().join("n.ipynb");
    notebook(&path, &["std::fs::remove_file(\"candlewick\")?;\nstd::process::abort();", "let n = 40;", "n + 2"]);
    let mut notebook = read(&path);
    notebook["cells"][0]["metadata"] = json!({ "tags": ["raises-exception"] });
    std::fs::write(&path, notebook.to_string()).unwrap();
    let mut command = Command::new(&program);
    command.args(["run", "n.ipynb"]).current_dir(folder.path()).stdin(Stdio::null()).env_remove("LD_LIBRARY_PATH");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let cells = read(&path)["cells"].clone();
    assert!(!program.exists() && cells[0]["outputs"][0]["output_type"] == "error", "{cells}");
    assert_eq!(cells[2]["outputs"][0]["data"]["text/plain"], json!(["42"]), "{cells}");
}

/// cargo names itself to whatever it starts, and rust-analyzer would ask it past the session; settings for other
/// builds would have all of candle compiled anew, which takes minutes.
#[test]
fn the_users_settings_of_cargo_change_no_session() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ipynb");
    notebook(&path, &["let n = 42;", ":opt 1\nlet m = n;", "println!(\"{n} {}\", std::env::var(\"CARGO\")?);"]);
    let mut command = command(folder.path(), &["n.ipynb", "--timeout", "60"]);
    command.env("CARGO", "/nowhere/cargo").env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "2");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(read(&path)["cells"][2]["outputs"][0]["text"], json!(["42 /nowhere/cargo\n"]));
}
