//! The session for real: evcxr, the warm template, the runtime child. One session runs all cases in turn.
//!
//! Needs an installed template; without one (`CANDLEWICK_HOME` unset or empty) it says so and skips.
//! Has a `main` of its own: the runtime child is this very program, which must call the session's hook.

#[path = "common/skip.rs"]
mod skip;

use candlewick::screen::{Display, Question, Recorder, Said, Screen, StreamName};
use candlewick::session::{CellError, Options, Session, Why, hook};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Case = (&'static str, fn(&Arc<Session>));

const CASES: &[Case] = &[
    ("a tensor is made and shown", tensor),
    ("nothing is compiled but the cell", nothing_compiles),
    ("text and displays keep their order", order),
    ("text without a newline arrives before the cell ends", text_without_newline),
    ("a cell asks and is answered", question),
    ("several displays, an update, a clear", displays),
    ("content of the evcxr convention is shown in its place", evcxr_convention),
    ("a question mark's error is told and variables stay", question_mark),
    ("a panic is told at the user's line and variables stay", panic),
    ("a compile error has carets at the user's code", compile_error),
    ("a thread's panic does not fail the cell", thread_panic),
    ("variables and completions", variables_and_completions),
    ("an interrupt of a compiling cell leaves the runtime alone", interrupt_compiler),
    ("an interrupted prelude loop keeps what it has", interrupt_prelude),
    ("the next cell is not interrupted", after_interrupt),
    ("a loop that ignores the interrupt is ended and the loss told", interrupt_busy_loop),
    ("an abort is told with what was lost, and the session goes on", abort),
    ("what a cell printed before it exits is kept", exit),
    ("garbage on the display channel is text", garbage),
    ("random bytes and damaged frames end neither the cell nor the session", noise),
];

fn main() {
    hook();
    if skip::skips(CASES.len()) {
        return;
    }
    let session = Arc::new(Session::start(Options::default()).expect("the session starts"));
    session.wait_ready().expect("the session becomes ready");
    let mut failed = 0;
    for (name, case) in CASES {
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&session)));
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        failed += usize::from(outcome.is_err());
        println!("test {name} … {word} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    println!("{} passed, {failed} failed", CASES.len() - failed);
    drop(session);
    candlewick::session::clean_up();
    std::process::exit(i32::from(failed > 0));
}

fn run(session: &Session, code: &str) -> (Result<(), CellError>, Recorder) {
    let mut screen = Recorder::default();
    let result = session.execute(code, &mut screen).map(|_| ());
    (result, screen)
}

fn ok(session: &Session, code: &str) -> Recorder {
    let (result, screen) = run(session, code);
    if let Err(error) = result {
        panic!("{code}: {error}\n{}", error.traceback.join("\n"));
    }
    screen
}

fn fails(session: &Session, code: &str, why: Why) -> (CellError, Recorder) {
    let (result, screen) = run(session, code);
    let error = result.expect_err(code);
    assert_eq!(error.why, why, "{error}");
    (error, screen)
}

/// Runs a cell and interrupts it `after` it began; tells how it ended and how long after the interrupt.
fn interrupted(session: &Arc<Session>, code: &str, after: Duration) -> (Result<(), CellError>, Duration) {
    let other = Arc::clone(session);
    let start = Instant::now();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(after);
        other.interrupt();
    });
    let (result, _) = run(session, code);
    let took = start.elapsed().saturating_sub(after);
    thread.join().unwrap();
    (result, took)
}

/// Interrupts the session at the first text that a cell prints.
struct Interrupter {
    session: Arc<Session>,
    at: Option<Instant>,
}

impl Screen for Interrupter {
    fn say(&mut self, said: Said) {
        if let Said::Stream { .. } = said {
            self.at.get_or_insert_with(Instant::now);
            self.session.interrupt();
        }
    }
}

/// Runs a cell that prints and goes on, and interrupts it when it has printed.
fn interrupted_running(session: &Arc<Session>, code: &str) -> (Result<(), CellError>, Duration) {
    let mut screen = Interrupter { session: Arc::clone(session), at: None };
    let result = session.execute(&format!("println!(\"going\"); {code}"), &mut screen).map(|_| ());
    (result, screen.at.expect("the cell ran").elapsed())
}

fn tensor(session: &Arc<Session>) {
    ok(session, "let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;");
    assert_eq!(ok(session, "t.dims()").result_text(), Some("[4, 4]"));
    ok(session, "let kept = vec![1, 2, 3]; fn twice(x: i32) -> i32 { 2 * x }");
    assert_eq!(ok(session, "twice(kept[2])").result_text(), Some("6"));
}

fn nothing_compiles(session: &Arc<Session>) {
    let screen = ok(session, "let nothing = t.sum_all()?;");
    let compiled: Vec<&Said> = screen.said.iter().filter(|said| matches!(said, Said::Progress(_))).collect();
    assert!(compiled.is_empty(), "{compiled:?}");
}

fn order(session: &Arc<Session>) {
    let code = "for i in 0..20 { print!(\"<{i}\"); show::display(&show::Bundle::new().text(format!(\"d{i}\"))); println!(\">\"); }";
    let screen = ok(session, code);
    let mut told = String::new();
    for said in &screen.said {
        match said {
            Said::Stream { name: StreamName::Stdout, text } => told.push_str(text),
            Said::Display(Display { data, .. }) => told.push_str(data["text/plain"].as_str().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    let expected: String = (0..20).map(|i| format!("<{i}d{i}>\n")).collect();
    assert_eq!(told, expected);
}

/// Notes when text comes.
struct Clock {
    start: Instant,
    texts: Vec<(Duration, String)>,
}

impl Screen for Clock {
    fn say(&mut self, said: Said) {
        if let Said::Stream { text, .. } = said {
            self.texts.push((self.start.elapsed(), text));
        }
    }
}

fn text_without_newline(session: &Arc<Session>) {
    let mut clock = Clock { start: Instant::now(), texts: Vec::new() };
    let code = "print!(\"first\");\n\
                std::thread::sleep(std::time::Duration::from_millis(800)); print!(\"last\");";
    session.execute(code, &mut clock).unwrap();
    let end = clock.start.elapsed();
    let texts: Vec<&str> = clock.texts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["first", "last"]);
    assert!(
        end - clock.texts[0].0 >= Duration::from_millis(700),
        "the text came {:?} before {end:?}",
        clock.texts[0].0
    );
}

/// Answers every question.
struct Answerer(Recorder, Vec<Question>);

impl Screen for Answerer {
    fn say(&mut self, said: Said) {
        self.0.say(said);
    }
    fn input(&mut self, question: Question) -> Option<String> {
        self.1.push(question);
        Some(format!("answer {}", self.1.len()))
    }
}

fn question(session: &Arc<Session>) {
    let mut screen = Answerer(Recorder::default(), Vec::new());
    let code = "println!(\"hello\"); let a = show::ask(\"Name? \"); let b = show::ask_password(\"Secret:\"); format!(\"{a}, {b}\")";
    session.execute(code, &mut screen).unwrap();
    let asked: Vec<(&str, bool)> =
        screen.1.iter().map(|question| (question.prompt.as_str(), question.password)).collect();
    assert_eq!(asked, [("Name? ", false), ("Secret:", true)]);
    assert!(screen.0.result_text().unwrap().contains("answer 1, answer 2"), "{:?}", screen.0.said);
}

fn displays(session: &Arc<Session>) {
    let code = "let mut live = show::Live::new();\nfor i in 0..3 { live.update(|| show::Bundle::new().text(format!(\"u{i}\"))); \
                std::thread::sleep(std::time::Duration::from_millis(300)); }\n\
                live.finish(&show::Bundle::new().text(\"end\")); show::clear(true);";
    let said = ok(session, code).said;
    let shown: Vec<&Display> =
        said.iter().filter_map(|s| if let Said::Display(d) = s { Some(d) } else { None }).collect();
    let updates: Vec<&Display> =
        said.iter().filter_map(|s| if let Said::Update(d) = s { Some(d) } else { None }).collect();
    assert_eq!(shown.len(), 1, "{said:?}");
    assert!(!updates.is_empty() && updates.iter().all(|update| update.display_id == shown[0].display_id));
    assert!(shown[0].display_id.is_some());
    assert_eq!(updates.last().unwrap().data["text/plain"], "end");
    assert_eq!(said.last(), Some(&Said::Clear { wait: true }));
}

fn evcxr_convention(session: &Arc<Session>) {
    let block = |html: &str| format!("println!(\"EVCXR_BEGIN_CONTENT text/html\\n{html}\\nEVCXR_END_CONTENT\");");
    let screen = ok(session, &format!("{}println!(\"between\");{}", block("<b>1</b>"), block("<b>2</b>")));
    let html = |display: &Display| display.data["text/html"].as_str().unwrap().to_owned();
    match screen.said.as_slice() {
        [Said::Display(first), Said::Stream { text, .. }, Said::Result(second)] => {
            assert_eq!((html(first), text.as_str(), html(second)), ("<b>1</b>".into(), "between\n", "<b>2</b>".into()));
        }
        other => panic!("{other:?}"),
    }
}

fn question_mark(session: &Arc<Session>) {
    let (error, screen) =
        fails(session, "println!(\"before\"); let n: i32 = \"x\".parse()?; println!(\"after\");", Why::Error);
    assert!(error.value.contains("invalid digit"), "{error}");
    assert_eq!(screen.text(StreamName::Stdout), "before\n");
    let (error, _) =
        fails(session, "let m = t.matmul(&Tensor::zeros((3, 3), DType::F32, &Device::Cpu)?)?;", Why::Error);
    assert!(error.value.contains("[4, 4]") && error.value.contains("[3, 3]"), "{error}");
    assert!(!error.value.contains("backtrace") && error.value.lines().count() < 5, "{error}");
    assert_eq!(ok(session, "kept.len()").result_text(), Some("3"));
}

fn panic(session: &Arc<Session>) {
    let (error, _) = fails(session, "let nine = 9;\nlet gone = kept[nine];", Why::Panic);
    assert!(error.value.contains("the len is 3 but the index is 9"), "{error}");
    let traceback = error.traceback.join("\n");
    assert!(traceback.contains("2 |") && traceback.contains("kept[nine]"), "{traceback}");
    assert_eq!(ok(session, "t.dims()[0]").result_text(), Some("4"));
}

fn compile_error(session: &Arc<Session>) {
    let (error, _) = fails(session, "let a = 1;\nlet b: i32 = \"no\";", Why::Compile);
    assert_eq!(error.name, "E0308");
    let bare =
        error.traceback.join("\n").replace("\u{1b}[1;31m", "").replace("\u{1b}[1;34m", "").replace("\u{1b}[0m", "");
    assert!(bare.contains("2 | let b: i32 = \"no\";\n  |              ^^^^ expected `i32`, found `&str`"), "{bare}");
    assert!(fails(session, "does_not_exist(1)", Why::Compile).0.value.contains("does_not_exist"));
}

fn thread_panic(session: &Arc<Session>) {
    let screen =
        ok(session, "let joined = std::thread::spawn(|| -> i32 { panic!(\"inner\") }).join().is_err(); joined");
    assert!(screen.text(StreamName::Stderr).contains("inner"), "{:?}", screen.said);
    assert_eq!(screen.result_text(), Some("true"));
}

fn variables_and_completions(session: &Arc<Session>) {
    let variables = session.variables();
    let t = variables.iter().find(|variable| variable.name == "t").expect("t is there");
    assert_eq!((t.shape.as_str(), t.bytes), ("4×4 F32", Some(64)));
    let kind =
        |name: &str| variables.iter().find(|variable| variable.name == name).map(|variable| variable.kind.clone());
    assert!(kind("t").is_some_and(|kind| kind.ends_with("Tensor")), "{variables:?}");
    assert_eq!(kind("kept").as_deref(), Some("Vec<i32>"));
    let code = "let é = t.matm";
    let completions = session.complete(code, code.len());
    assert!(completions.candidates.iter().any(|candidate| candidate.text.starts_with("matmul")), "{completions:?}");
    assert_eq!(&code[completions.start..completions.end], "matm");
}

fn interrupt_compiler(session: &Arc<Session>) {
    let before = session.runtime_id().unwrap();
    // Many distinct functions keep the compiler busy for seconds.
    let functions: String =
        (0..3000).map(|i| format!("let _ = format!(\"{i}{{:?}}\", vec![Some({i}u32); {i}]);\n")).collect();
    let (result, took) = interrupted(session, &format!("{{\n{functions}}}"), Duration::from_millis(1500));
    assert_eq!(result.unwrap_err().why, Why::Interrupted);
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(session.runtime_id().unwrap(), before);
    assert_eq!(ok(session, "kept[0]").result_text(), Some("1"));
}

fn interrupt_prelude(session: &Arc<Session>) {
    let code = "let mut steps = 0u64; while !candlewick::interrupt::requested() { steps += 1; \
                std::thread::sleep(std::time::Duration::from_millis(5)); }";
    let (result, took) = interrupted_running(session, code);
    assert_eq!(result.unwrap_err().why, Why::Interrupted);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let steps: u64 = ok(session, "steps").result_text().unwrap().parse().unwrap();
    // None where the interrupt came before the first.
    assert!(steps < 400, "a variable of the interrupted cell is kept: {steps}");
}

fn after_interrupt(session: &Arc<Session>) {
    assert_eq!(ok(session, "candlewick::interrupt::requested()").result_text(), Some("false"));
}

fn interrupt_busy_loop(session: &Arc<Session>) {
    let code = "let mut x = 0u64; std::iter::repeat(1).for_each(|one| x = x.wrapping_add(std::hint::black_box(one)));";
    let (result, took) = interrupted_running(session, code);
    let error = result.unwrap_err();
    assert_eq!(error.why, Why::Interrupted);
    assert!(error.value.contains("kept") && error.value.contains("lost"), "{error}");
    assert!(took < Duration::from_secs(12), "{took:?}");
    ok(session, "let t = Tensor::zeros((2, 2), DType::F32, &Device::Cpu)?; let kept = vec![7];");
}

fn abort(session: &Arc<Session>) {
    let (error, screen) = fails(session, "println!(\"last words\"); std::process::abort();", Why::RuntimeDied);
    assert!(error.value.contains("SIGABRT") && error.value.contains("kept") && error.value.contains('t'), "{error}");
    assert_eq!(screen.text(StreamName::Stdout), "last words\n");
    assert_eq!(
        ok(session, "let t = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?; t.dims()").result_text(),
        Some("[2, 3]")
    );
    assert_eq!(ok(session, "twice(4)").result_text(), Some("8"));
}

fn exit(session: &Arc<Session>) {
    let (error, screen) = fails(session, "println!(\"bye\"); std::process::exit(3);", Why::RuntimeDied);
    assert!(error.value.contains("exit status: 3"), "{error}");
    assert_eq!(screen.text(StreamName::Stdout), "bye\n");
    assert_eq!(ok(session, "1 + 1").result_text(), Some("2"));
}

fn garbage(session: &Arc<Session>) {
    let code = "{ use std::io::Write; let mut out = std::io::stdout().lock();\n\
                for line in [&b\"\\x1ecandlewick:guess {}\\n\"[..], b\"\\x1ecandlewick:\\n\", b\"\\xff\\xfe\\n\", b\"EVCXR_\\n\", b\"EVCXR_BEGIN_CONTENT\\n\"] \
                { out.write_all(line)?; } out.flush()?; }";
    let text = ok(session, code).text(StreamName::Stdout);
    assert_eq!(text, "\u{1e}candlewick:guess {}\n\u{1e}candlewick:\n\u{fffd}\u{fffd}\nEVCXR_\nEVCXR_BEGIN_CONTENT\n");
    assert_eq!(ok(session, "2 + 2").result_text(), Some("4"));
}

/// What the child prints at random, the channel's own cookie included. `CANDLEWICK_FUZZ_ROUNDS` makes it longer.
fn noise(session: &Arc<Session>) {
    let rounds = std::env::var("CANDLEWICK_FUZZ_ROUNDS").unwrap_or_else(|_| "3000".to_owned());
    let code = r##"{
        use std::io::Write;
        let channel = std::env::var("CANDLEWICK_CHANNEL")?;
        let cookie = channel.rsplit(';').next().unwrap_or_default().to_owned();
        let mut state = 88_172_645_463_325_252u64;
        let mut next = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state as usize };
        let frames = [
            r#"{"type":"stream","name":"stdout","text":"x"}"#, r#"{"type":"clear","wait":true}"#,
            r#"{"type":"display","data":{"text/plain":"x"},"display_id":"d"}"#,
            r#"{"type":"update","data":{"text/plain":"x"},"display_id":"nobody"}"#,
            r#"{"type":"result","data":{"image/png":"no picture"}}"#, r#"{"type":"progress","label":"x","done":9,"total":0}"#,
            r#"{"type":"panic","message":"x","location":["f",0,0]}"#, r#"{"type":"failed","text":"x"}"#,
            r#"{"type":"comm","id":"c","act":{"open":"t"}}"#, r#"{"type":"comm","id":"never","act":"message"}"#,
            r#"{"type":"handled","number":77}"#, r#"{"type":"pong","number":77}"#, r#"{"type":"described","variables":[]}"#,
        ];
        for _ in 0..ROUNDS {
            let mut line: Vec<u8> = Vec::new();
            match next() % 4 {
                0 => { let count = next() % 200; for _ in 0..count { line.push(next() as u8); } }
                1 => line.extend_from_slice([&b"EVCXR_"[..], b"EVCXR_BEGIN_CONTENT text/html\n", b"EVCXR_END_CONTENT\n", b"\x1ecandlewick:", b"EVCXR_ERROR_OCCURRED\n"][next() % 5]),
                _ => {
                    line.extend_from_slice(format!("\x1ecandlewick:{cookie} {}\n", frames[next() % frames.len()]).as_bytes());
                    let at = next() % line.len();
                    match next() % 4 { 0 => line[at] = next() as u8, 1 => line.truncate(at), 2 => line.insert(at, next() as u8), _ => {} }
                }
            }
            if next() % 2 == 0 { std::io::stdout().write_all(&line)?; } else { std::io::stderr().write_all(&line)?; }
        }
        std::io::stdout().flush()?;
    }"##;
    // A forged mark of an error may fail the cell; it may not end the session.
    let (result, screen) = run(session, &code.replace("ROUNDS", &rounds));
    if let Err(error) = result {
        assert_eq!(error.why, Why::Error, "{error}");
    }
    assert!(!screen.said.is_empty());
    assert_eq!(ok(session, "2 + 3").result_text(), Some("5"));
    assert_eq!(ok(session, "println!(\"heard\");").text(StreamName::Stdout), "heard\n");
}
