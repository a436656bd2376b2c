//! The process that runs cells, for real: what cells read and print, how they are interrupted, and how they end it.

#[path = "common/live.rs"]
mod live;
#[path = "session_child/loops.rs"]
mod loops;

use candlewick::document::Notebook;
use candlewick::home::Home;
use candlewick::notebook::Outcome;
use candlewick::notebook::report::RunReport;
use candlewick::notebook::runner::{self, Limits};
use candlewick::screen::{Question, Recorder, Said, Screen, StreamName};
use candlewick::session::{Session, Why};
use live::{Case, fails, interrupt, ok, run, value};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CASES: &[Case] = &[
    ("a cell that reads standard input is at its end at once", input_is_empty),
    ("a child that reads standard input is at its end at once", childs_input_is_empty),
    ("a question is still asked and answered", question),
    ("text that looks like evcxr's lines is text", marks_are_text),
    ("such text by a child, by a thread and in parts is text", marks_by_others_are_text),
    ("a display that never ends swallows nothing", unclosed_display),
    ("text like a mark does not hide how a cell failed", marks_and_failures),
    ("a variable of a type defined anew is told as lost", changed_type),
    ("a loop ends where it checks for the interrupt", interrupt_check),
    ("a loop that asks keeps what it has", interrupt_requested),
    ("functions of candle's kind check too", interrupt_in_functions),
    ("plain loops hear, and keep what they have", loops::plain),
    ("loops compile as they are written", loops::compile),
    ("code that does not hear is spoken of, and keeps its variables", interrupt_unheard),
    ("a second interrupt ends what does not hear, and names the loss", interrupt_twice),
    ("an impatient second interrupt loses nothing", interrupt_impatient),
    ("a program that a cell waits for ends, and the variables stay", interrupt_programs),
    ("a program that ignores the interrupt ends too", interrupt_stubborn_programs),
    ("a program of an earlier cell is interrupted", interrupt_earlier_program),
    ("a loop of programs is left", interrupt_loop_of_programs),
    ("what has to end ends", end_for_sure),
    ("a time limit names what was lost", time_limit),
    ("a cell that runs this program leaves the session alone", nested),
    ("what a session writes is the user's alone", private),
    ("each end of the process is told in a line", deaths),
    ("a library that cannot be loaded loses nothing", not_loaded),
];

fn main() {
    live::run_all(CASES);
}

/// A variable that must outlive a case, and the process that holds it.
fn precious(session: &Session) -> u32 {
    ok(session, "let precious = vec![1, 2, 3];");
    session.runtime_id().unwrap()
}

fn still_precious(session: &Session, before: u32) {
    assert_eq!(value(session, "precious.len()"), "3");
    assert_eq!(session.runtime_id(), Some(before));
}

fn input_is_empty(session: &Arc<Session>) {
    for (code, expected) in [
        ("let mut s = String::new(); let n = std::io::stdin().read_line(&mut s)?; (n, s)", "(0, \"\")"),
        ("std::io::read_to_string(std::io::stdin())?", "\"\""),
        ("std::io::stdin().lines().count()", "0"),
        ("{ use std::io::BufRead; let lines = std::io::stdin().lock().lines(); lines.count() }", "0"),
        ("{ use std::io::Read; let bytes = std::io::stdin().bytes(); bytes.count() }", "0"),
        ("std::thread::spawn(|| std::io::stdin().read_line(&mut String::new()).unwrap()).join().unwrap()", "0"),
        ("std::fs::read(\"/dev/stdin\")?.len()", "0"),
    ] {
        assert_eq!(value(session, code), expected, "{code}");
    }
}

fn childs_input_is_empty(session: &Arc<Session>) {
    for (code, expected) in [
        ("std::process::Command::new(\"cat\").status()?.code()", "Some(0)"),
        (
            "String::from_utf8(std::process::Command::new(\"wc\").arg(\"-c\").output()?.stdout)?.trim().to_owned()",
            "\"0\"",
        ),
        ("std::process::Command::new(\"sh\").args([\"-c\", \"read line || exit 5\"]).status()?.code()", "Some(5)"),
        ("std::process::Command::new(\"sh\").args([\"-c\", \"cat | cat; exit 6\"]).spawn()?.wait()?.code()", "Some(6)"),
        (
            "String::from_utf8(std::process::Command::new(\"sort\").stdin(std::process::Stdio::inherit()).output()?.stdout)?",
            "\"\"",
        ),
    ] {
        assert_eq!(value(session, code), expected, "{code}");
    }
}

/// Answers every question.
struct Answerer(Recorder, Vec<Question>);

impl Screen for Answerer {
    fn say(&mut self, said: Said) {
        self.0.say(said);
    }
    fn input(&mut self, question: Question) -> Option<String> {
        let answer = format!("answer {}:{}", self.1.len() + 1, self.0.text(StreamName::Stdout).len());
        self.1.push(question);
        Some(answer)
    }
}

fn question(session: &Arc<Session>) {
    let mut screen = Answerer(Recorder::default(), Vec::new());
    let code = "print!(\"12345\"); let a = show::ask(\"a: b\\nc? \"); let mut s = String::new();\n\
                std::io::stdin().read_line(&mut s)?;\n\
                let b = std::thread::spawn(|| show::ask_password(\"größe:\")).join().unwrap(); format!(\"{a}|{s}|{b}\")";
    session.execute(code, &mut screen).unwrap();
    let asked: Vec<(&str, bool)> = screen.1.iter().map(|asked| (asked.prompt.as_str(), asked.password)).collect();
    assert_eq!(asked, [("a: b\nc? ", false), ("größe:", true)]);
    assert_eq!(screen.0.result_text(), Some("\"answer 1:5||answer 2:5\""), "{:?}", screen.0.said);
    // Where nobody can be asked.
    assert_eq!(value(session, "show::ask(\"? \")"), "\"\"");
}

/// What evcxr and its programs say to each other, and half of it.
const MARKS: &[&str] = &[
    "EVCXR_EXECUTION_COMPLETE",
    "EVCXR_PANIC_NOTIFICATION",
    "EVCXR_ERROR_OCCURRED",
    "EVCXR_VARIABLE_CHANGED_TYPE:precious",
    "EVCXR_INPUT_REQUEST:name? ",
    "EVCXR_INPUT_REQUEST_PASSWORD:secret? ",
    "EVCXR_BEGIN_CONTENT x",
    "EVCXR_END_CONTENT",
    "EVCXR_",
    "LOAD_AND_RUN /tmp/x.so f",
];

fn marks_are_text(session: &Arc<Session>) {
    let before = precious(session);
    let forms: [(&str, &str); 4] = [
        ("println!(\"MARK\");", "MARK\n"),
        ("print!(\"MARK\");", "MARK"),
        ("println!(\"loss 0.5 MARK\\nMARK 1\\r\\n\\nMARK\");", "loss 0.5 MARK\nMARK 1\r\n\nMARK\n"),
        ("print!(\"MARK\\n\"); println!(\"MARK\");", "MARK\nMARK\n"),
    ];
    for (code, text) in forms {
        let all = |form: &str| MARKS.iter().map(|mark| form.replace("MARK", mark)).collect::<String>();
        let screen = ok(session, &format!("{}\n6 * 7", all(code)));
        assert_eq!((screen.text(StreamName::Stdout), screen.result_text()), (all(text), Some("42")), "{code}");
        let screen = ok(session, &format!("{}\n6 * 7", all(&code.replace("print", "eprint"))));
        assert_eq!((screen.text(StreamName::Stderr), screen.result_text()), (all(text), Some("42")), "{code}");
    }
    // Each as the last that a cell says.
    for mark in MARKS {
        assert_eq!(ok(session, &format!("print!(\"{mark}\");")).text(StreamName::Stdout), *mark);
    }
    still_precious(session, before);
}

fn marks_by_others_are_text(session: &Arc<Session>) {
    let before = precious(session);
    let expected: String = MARKS.iter().map(|mark| format!("{mark}\n")).collect();
    for code in [
        "for mark in MARKS { std::process::Command::new(\"printf\").arg(format!(\"{mark}\\\\n\")).status()?; }",
        "for mark in MARKS { std::thread::spawn(move || println!(\"{mark}\")).join().unwrap(); }",
        "{ use std::io::Write; for mark in MARKS { let (a, b) = mark.split_at(mark.len() / 2); print!(\"{a}\"); std::io::stdout().flush()?;\n\
         std::thread::sleep(std::time::Duration::from_millis(60)); println!(\"{b}\"); } }",
        "{ use std::io::Write; for mark in MARKS { for byte in format!(\"{mark}\\n\").bytes() { std::io::stdout().write_all(&[byte])?; std::io::stdout().flush()?; } } }",
    ] {
        let screen = ok(session, &format!("{}\n6 * 7", code.replace("MARKS", &format!("{MARKS:?}"))));
        assert_eq!((screen.text(StreamName::Stdout), screen.result_text()), (expected.clone(), Some("42")), "{code}");
    }
    still_precious(session, before);
}

fn unclosed_display(session: &Arc<Session>) {
    let before = precious(session);
    for begun in
        ["EVCXR_BEGIN_CONTENT text/html\\n<b>x", "EVCXR_BEGIN_CONTENT text/plain\\n", "EVCXR_BEGIN_CONTENT image/png"]
    {
        let screen = ok(session, &format!("println!(\"{begun}\"); display(&7); 6 * 7"));
        assert_eq!(screen.text(StreamName::Stdout), format!("{}\n", begun.replace("\\n", "\n")), "{:?}", screen.said);
        assert_eq!(screen.result_text(), Some("42"));
        assert!(screen.said.iter().any(|said| matches!(said, Said::Display(_))), "{:?}", screen.said);
        let screen = ok(session, "println!(\"next\"); precious[1]");
        assert_eq!((screen.text(StreamName::Stdout), screen.result_text()), ("next\n".to_owned(), Some("2")));
    }
    // One that is whole is a display still, by whoever prints it.
    let code = "std::process::Command::new(\"printf\").arg(\"EVCXR_BEGIN_CONTENT text/html\\\\n<b>1</b>\\\\nEVCXR_END_CONTENT\\\\n\").status()?; println!(\"then\");";
    let said = ok(session, code).said;
    assert!(matches!(&said[0], Said::Display(display) if display.data["text/html"] == "<b>1</b>"), "{said:?}");
    still_precious(session, before);
}

fn marks_and_failures(session: &Arc<Session>) {
    let before = precious(session);
    for mark in [
        "EVCXR_EXECUTION_COMPLETE",
        "EVCXR_PANIC_NOTIFICATION",
        "EVCXR_BEGIN_CONTENT text/html",
        "EVCXR_ERROR_OCCURRED",
    ] {
        let (error, screen) = fails(session, &format!("println!(\"{mark}\"); \"x\".parse::<i32>()?;"), Why::Error);
        assert!(error.value.contains("invalid digit"), "{error}");
        assert_eq!(screen.text(StreamName::Stdout), format!("{mark}\n"));
        let (error, screen) = fails(session, &format!("print!(\"{mark}\"); panic!(\"for a reason\");"), Why::Panic);
        assert_eq!(error.value, "for a reason");
        assert_eq!(screen.text(StreamName::Stdout), mark);
    }
    still_precious(session, before);
}

fn changed_type(session: &Arc<Session>) {
    let before = precious(session);
    ok(session, "#[derive(Debug)] struct Shape { a: i32 } let shape = Shape { a: 1 };");
    let (result, screen) = run(session, "#[derive(Debug)] struct Shape { b: f32 }");
    let told = format!("{result:?}{}", screen.text(StreamName::Stderr));
    assert!(told.contains("shape") || run(session, "shape").0.is_err(), "{told}");
    assert!(!screen.text(StreamName::Stdout).contains("EVCXR"), "{:?}", screen.said);
    still_precious(session, before);
}

fn interrupt_check(session: &Arc<Session>) {
    let before = precious(session);
    for code in [
        "let mut steps = 0; loop { interrupt::check()?; steps += 1; std::thread::sleep(std::time::Duration::from_millis(5)); }",
        "for step in 0.. { let x = Tensor::randn(0f32, 1f32, (64, 64), &Device::Cpu)?.matmul(&Tensor::ones((64, 64), DType::F32, &Device::Cpu)?)?; interrupt::check()?; }",
        "loop { let stopped = std::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(5)); interrupt::check().is_err() }).join().unwrap(); if stopped { interrupt::check()?; } }",
    ] {
        let ended = interrupt(session, code, &[], Session::interrupt);
        assert!(
            ended.error.value.contains("kept") && ended.took < Duration::from_secs(20),
            "{} {:?}",
            ended.error,
            ended.took
        );
        assert!(ended.error.value.contains("all variables"), "{}", ended.error);
        still_precious(session, before);
        assert_eq!(value(session, "interrupt::requested()"), "false");
    }
}

fn interrupt_requested(session: &Arc<Session>) {
    let before = precious(session);
    let code = "let mut steps = 0u64; while !interrupt::requested() { steps += 1; std::thread::sleep(std::time::Duration::from_millis(5)); }";
    let ended = interrupt(session, code, &[], Session::interrupt);
    assert!(ended.error.value.contains("all variables are kept") && ended.took < Duration::from_secs(20));
    assert_ne!(value(session, "steps"), "");
    still_precious(session, before);
}

fn interrupt_in_functions(session: &Arc<Session>) {
    let before = precious(session);
    ok(
        session,
        "fn train(steps: usize) -> candle_core::Result<usize> { for _ in 0..steps { interrupt::check()?; std::thread::sleep(std::time::Duration::from_millis(5)); } Ok(steps) }\n\
         fn boxed() -> Result<(), Box<dyn std::error::Error>> { loop { interrupt::check()?; std::thread::sleep(std::time::Duration::from_millis(5)); } }",
    );
    for code in [
        "train(1_000_000)?;",
        "boxed()?;",
        "let result: Result<usize, String> = train(1_000_000).map_err(|error| error.to_string());",
    ] {
        let ended = interrupt(session, code, &[], Session::interrupt);
        assert!(ended.took < Duration::from_secs(20), "{code}: {:?}", ended.took);
        still_precious(session, before);
    }
    assert_eq!(value(session, "result"), "Err(\"interrupted\")");
}

/// Candle's operations in a closure that is called again and again, which hears nothing, for seconds.
fn deaf(seconds: u64) -> String {
    format!(
        "let mut x = Tensor::randn(0f32, 1f32, (32, 32), &Device::Cpu)?; let mut rounds = 0u64;\n\
         let end = std::time::Instant::now() + std::time::Duration::from_secs({seconds});\n\
         std::iter::from_fn(|| (std::time::Instant::now() < end).then_some(())).try_for_each(|_| {{ x = x.matmul(&x)?.tanh()?; rounds += 1; candle_core::Result::Ok(()) }})?;"
    )
}

/// Never ends, and hears nothing.
const SPINS: &str = "std::iter::repeat(1).for_each(|_| std::hint::spin_loop());";

fn interrupt_unheard(session: &Arc<Session>) {
    let before = precious(session);
    let ended = interrupt(session, &deaf(4), &[], Session::interrupt);
    for word in ["not heard", "interrupt::check()?", "interrupt::requested()", "Interrupt again"] {
        assert!(ended.err.contains(word), "{:?}", ended.err);
    }
    assert_eq!(ended.err.matches("Interrupt again").count(), 1, "told once: {:?}", ended.err);
    assert!(ended.error.value.contains("all variables are kept"), "{}", ended.error);
    still_precious(session, before);
    assert_eq!(value(session, "rounds > 0"), "true", "its own variables are kept too");
    // Five seconds and more are no reason to lose anything.
    interrupt(session, &deaf(9), &[], Session::interrupt);
    still_precious(session, before);
    assert!(help_names_it());
}

fn help_names_it() -> bool {
    let help = candlewick::session::help_text();
    help.contains("interrupt::check()?") && help.contains("interrupt::requested()")
}

fn interrupt_twice(session: &Arc<Session>) {
    for code in [
        SPINS,
        "let nap = std::thread::sleep; nap(std::time::Duration::from_secs(600));",
        "let child = std::process::Command::new(\"sleep\").arg(\"600\").spawn()?; std::iter::repeat(1).for_each(|_| std::hint::spin_loop());",
    ] {
        let before = precious(session);
        let ended = interrupt(session, code, &["Interrupt again"], Session::interrupt);
        assert!(ended.error.value.contains("lost: ") && ended.error.value.contains("precious"), "{}", ended.error);
        for own in ["child", "nap"].into_iter().filter(|own| code.contains(&format!("let {own} "))) {
            assert!(ended.error.value.contains(own), "{}", ended.error);
            let (after, _) = run(session, own);
            assert!(after.unwrap_err().value.contains("was lost when the process"), "{own}");
        }
        assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
        assert_ne!(session.runtime_id(), Some(before));
        assert_eq!(value(session, "1 + 1"), "2");
    }
}

fn interrupt_impatient(session: &Arc<Session>) {
    let before = precious(session);
    let twice = |session: &Session| {
        for _ in 0..5 {
            session.interrupt();
        }
    };
    let ended = interrupt(session, &deaf(4), &[], twice);
    assert!(ended.error.value.contains("kept"), "{}", ended.error);
    still_precious(session, before);
}

fn interrupt_programs(session: &Arc<Session>) {
    let before = precious(session);
    for code in [
        "let status = std::process::Command::new(\"sleep\").arg(\"600\").status()?;",
        "let status = std::process::Command::new(\"sleep\").arg(\"600\").output()?.status;",
        "let status = std::process::Command::new(\"sh\").args([\"-c\", \"sleep 600 | cat\"]).status()?;",
        "let status = { use std::os::unix::process::CommandExt; std::process::Command::new(\"sleep\").arg(\"600\").process_group(0).status()? };",
        "let status = std::thread::spawn(|| std::process::Command::new(\"sleep\").arg(\"600\").status().unwrap()).join().unwrap();",
    ] {
        let ended = interrupt(session, code, &[], Session::interrupt);
        assert!(ended.error.value.contains("all variables are kept"), "{code}: {}", ended.error);
        assert!(ended.took < Duration::from_secs(30), "{code}: {:?}", ended.took);
        assert_eq!(value(session, "status.success()"), "false", "{code}");
        still_precious(session, before);
    }
}

fn interrupt_stubborn_programs(session: &Arc<Session>) {
    let before = precious(session);
    for script in [
        "trap '' INT; sleep 600",
        "trap '' INT TERM; while true; do sleep 600; done",
        "trap 'echo caught' INT; while true; do sleep 600; done",
        "trap '' INT; (trap '' INT TERM HUP; sleep 600) & sleep 600",
    ] {
        let code = format!("let status = std::process::Command::new(\"sh\").arg(\"-c\").arg(\"{script}\").status()?;");
        let ended = interrupt(session, &code, &[], Session::interrupt);
        assert!(ended.error.value.contains("all variables are kept"), "{script}: {}", ended.error);
        assert!(ended.took < Duration::from_secs(40), "{script}: {:?}", ended.took);
        still_precious(session, before);
    }
}

fn interrupt_earlier_program(session: &Arc<Session>) {
    let before = precious(session);
    ok(session, "let mut child = std::process::Command::new(\"sleep\").arg(\"600\").spawn()?;");
    let ended = interrupt(session, "let status = child.wait()?;", &[], Session::interrupt);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
    assert_eq!(value(session, "status.success()"), "false");
    // One that ignores it ends with the second interrupt, and the cell with it.
    ok(
        session,
        "let mut child = std::process::Command::new(\"sh\").args([\"-c\", \"trap '' INT; sleep 600\"]).spawn()?; std::thread::sleep(std::time::Duration::from_millis(300));",
    );
    let ended = interrupt(session, "let status = child.wait()?;", &["Interrupt again"], Session::interrupt);
    assert!(ended.error.value.contains("all variables are kept"), "{}", ended.error);
    still_precious(session, before);
}

fn interrupt_loop_of_programs(session: &Arc<Session>) {
    let before = precious(session);
    let code =
        "let mut ran = 0; for _ in 0..5 { std::process::Command::new(\"sleep\").arg(\"600\").status()?; ran += 1; }";
    let ended = interrupt(session, code, &[], Session::interrupt);
    assert!(ended.took < Duration::from_secs(40), "{:?}", ended.took);
    // none, where the interrupt comes before the first program
    assert_eq!(value(session, "ran <= 1"), "true", "the first program ended, and its loop after it");
    still_precious(session, before);
}

fn end_for_sure(session: &Arc<Session>) {
    let before = precious(session);
    let ended = interrupt(session, SPINS, &[], Session::end_cell);
    assert!(ended.error.value.contains("lost: ") && ended.error.value.contains("precious"), "{}", ended.error);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
    assert!(!ended.err.contains("Interrupt again"), "{:?}", ended.err);
    assert_ne!(session.runtime_id(), Some(before));
    // What hears it loses nothing.
    let before = precious(session);
    interrupt(session, "while !interrupt::requested() { std::thread::yield_now(); }", &[], Session::end_cell);
    still_precious(session, before);
}

fn time_limit(session: &Arc<Session>) {
    for (source, lost) in [(SPINS, true), ("loop { std::hint::spin_loop(); }", false)] {
        let cells = ["let precious = vec![1, 2, 3];", source, "1"].map(|source| {
            serde_json::json!({ "cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": null })
        });
        let book = serde_json::json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
        let mut book = Notebook::parse(book.to_string().as_bytes()).unwrap();
        let report = Mutex::new(RunReport::new(std::io::sink(), false, false));
        let limits = Limits { timeout: Some(Duration::from_secs(8)), stop: &|| false };
        let Outcome::Failed { number: 2, error } = runner::run(&mut book, session.as_ref(), &limits, &report) else {
            panic!("the second cell has no end")
        };
        assert_eq!(error.name, "Timeout");
        assert_eq!(error.value.contains("lost: ") && error.value.contains("precious"), lost, "{error}");
        assert!(error.value.contains("--timeout") && error.traceback.join("\n").contains(&error.value), "{error}");
        assert_eq!(value(session, "2 + 2"), "4");
    }
}

fn nested(session: &Arc<Session>) {
    let before = precious(session);
    let program = std::env::current_exe().unwrap();
    let code = format!(
        "let output = std::process::Command::new({program:?}).arg(\"--list\").output()?; String::from_utf8(output.stdout)?"
    );
    assert!(value(session, &code).contains("0 passed, 0 failed"));
    still_precious(session, before);
}

fn private(_session: &Arc<Session>) {
    let own = |folder: &Path, prefix: &str| {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let own: Vec<_> = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).collect();
        assert!(!own.is_empty(), "{}", folder.display());
        for entry in own {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", entry.path().display());
        }
    };
    own(&Home::find().unwrap().sessions(), &format!("{}-", std::process::id()));
    own(&std::env::temp_dir(), &format!("candlewick-{}-", std::process::id()));
}

/// How a cell may end its process, and what is said of it.
const DEATHS: &[(&str, &str)] = &[
    (
        "fn deep(n: u64) -> u64 { let a = std::hint::black_box([n; 64]); deep(n + 1) + a[3] } deep(1)",
        "overflowed the stack, by a recursion",
    ),
    (
        "fn wide(n: u64) -> u64 { let a = std::hint::black_box([n; 20_000]); wide(n + 1) + a[3] } wide(1)",
        "overflowed the stack, by a recursion",
    ),
    (
        "struct Node(Option<Box<Node>>); let mut list = Node(None); for _ in 0..1_000_000 { list = Node(Some(Box::new(list))); } drop(list);",
        "overflowed the stack, by a recursion",
    ),
    (
        "fn deep(n: u64) -> u64 { let a = std::hint::black_box([n; 64]); deep(n + 1) + a[3] } std::thread::spawn(|| deep(1)).join().unwrap()",
        "recursion of a thread overflowed its stack",
    ),
    ("let x = unsafe { std::hint::black_box(std::ptr::null::<i32>()).read_volatile() };", "pointer"),
    (
        "unsafe { std::hint::black_box(0x10_0000 as *mut u8).write_volatile(1) };",
        "invalid pointer (segmentation fault)",
    ),
    (
        "std::thread::spawn(|| unsafe { std::hint::black_box(0x10_0000 as *mut u8).write_volatile(1) }).join();",
        "invalid pointer (segmentation fault)",
    ),
    ("unsafe { std::mem::transmute::<usize, extern \"C\" fn()>(std::hint::black_box(64))() };", "invalid pointer"),
    ("std::process::abort();", "aborted its process (SIGABRT)"),
    ("std::thread::spawn(|| std::process::abort()).join();", "aborted its process (SIGABRT)"),
    ("extern \"C\" fn f() { panic!(\"in C\") } f();", "panicked where nothing can unwind"),
    (
        "struct Bad; impl Drop for Bad { fn drop(&mut self) { panic!(\"twice\") } } fn twice() { let bad = Bad; panic!(\"once\"); } twice();",
        "panicked where nothing can unwind",
    ),
    (
        "std::alloc::handle_alloc_error(std::alloc::Layout::from_size_align(1 << 40, 8)?);",
        "1099511627776 bytes of memory",
    ),
    ("std::process::exit(3);", "ended its process (exit status: 3)"),
    ("std::process::exit(0);", "ended its process (exit status: 0)"),
    ("std::thread::spawn(|| std::process::exit(4)).join();", "ended its process (exit status: 4)"),
    (
        "std::process::Command::new(\"kill\").arg(\"-9\").arg(std::process::id().to_string()).status()?; loop {}",
        "was killed (signal: 9)",
    ),
    (
        "std::process::Command::new(\"kill\").arg(std::process::id().to_string()).status()?; loop {}",
        "signal: 15 (SIGTERM)",
    ),
];

fn deaths(session: &Arc<Session>) {
    let mut deaths = DEATHS.to_vec();
    if cfg!(target_arch = "x86_64") {
        deaths.push(("unsafe { std::arch::asm!(\"ud2\") };", "illegal instruction"));
        deaths.push(("unsafe { std::arch::asm!(\"int3\") };", "breakpoint"));
        deaths.push((
            "unsafe { std::arch::asm!(\"xor edx, edx\", \"mov eax, 1\", \"xor ecx, ecx\", \"div ecx\", out(\"eax\") _, out(\"ecx\") _, out(\"edx\") _) };",
            "the processor refuses",
        ));
    }
    for (code, expected) in deaths {
        precious(session);
        let (error, screen) = fails(session, &format!("print!(\"last words\");\n{code}"), Why::RuntimeDied);
        assert!(error.value.contains(expected), "{code}: {error}");
        assert!(error.value.contains("lost: ") && error.value.contains("precious"), "{code}: {error}");
        assert!(!error.value.contains('\n') && error.traceback.len() <= 2, "{:?}", error.traceback);
        let told = format!("{}{}", screen.text(StreamName::Stderr), error.traceback.join("\n"));
        // The standard library says how to get one where memory is short.
        let told = told.replace("environment variable to display a backtrace", "");
        assert!(!told.to_lowercase().contains("stack backtrace") && !told.contains("candlewick::"), "{code}: {told}");
        // Where the system ends the process from outside, or a thread has no stack left to speak with, nothing of it runs
        // any more.
        let is_silent = ["of a thread", "signal: 9", "signal: 15"].iter().any(|silent| expected.contains(silent));
        let last = screen.text(StreamName::Stdout);
        assert!(last == "last words" || is_silent && last.is_empty(), "{code}: {last:?}");
    }
    assert_eq!(value(session, "Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?.dims().to_vec()"), "[2, 3]");
}

fn not_loaded(session: &Arc<Session>) {
    let before = precious(session);
    let (result, _) = run(session, "unsafe extern \"C\" { fn nowhere_at_all(); } unsafe { nowhere_at_all() };");
    let error = result.unwrap_err();
    // Some linkers find it before the loader does.
    if error.why != Why::Compile {
        assert_eq!(error.why, Why::Panic, "{error}");
        assert!(error.value.contains("cannot be loaded") && error.value.contains("nowhere_at_all"), "{error}");
    }
    still_precious(session, before);
}
