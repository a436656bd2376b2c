//! What a process really prints, by who listens: each test starts this program again as the cell's process.

use candlewick_prelude::show::{self, Bundle, Live};
use candlewick_wire::{CHANNEL_VARIABLE, Display, Message, Said, parse_frame};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// What the child does; nothing unless it is told to by the environment.
#[test]
fn child() {
    let Ok(task) = std::env::var("SHOW_CHILD") else { return };
    match task.as_str() {
        "displays" => {
            show::init();
            print!("before ");
            show::display(&Bundle::new().text("one").html("<b>one</b>"));
            println!("between");
            let mut live = Live::new().every(Duration::from_millis(20));
            for step in 0..200 {
                live.update(|| Bundle::new().text(format!("step {step}")));
                std::thread::sleep(Duration::from_millis(1));
            }
            live.finish(&Bundle::new().text("last"));
            show::note("by the way");
            show::clear(true);
            show::result(&42);
        }
        "panic" => {
            show::init();
            let _ = std::panic::catch_unwind(|| panic!("lost {}", 7));
        }
        "closed" => {
            // SAFETY: closing this process's own standard output, as a vanished frontend does
            unsafe { libc::close(1) };
            show::init();
            show::display(&Bundle::new().text("nobody hears"));
            show::print("nothing");
            show::progress("counting", 1, 2);
            Live::new().finish(&Bundle::new().text("still"));
            std::process::exit(17);
        }
        other => panic!("unknown task {other}"),
    }
}

fn run(task: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this test's own path"));
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    command.env_remove(CHANNEL_VARIABLE).env_remove("EVCXR_IS_RUNTIME").env("SHOW_CHILD", task);
    command.envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().expect("the child runs")
}

/// The child's messages and, between them, its text.
fn listen(output: &Output) -> (Vec<Message>, String) {
    let (mut messages, mut text) = (Vec::new(), String::new());
    for line in String::from_utf8_lossy(&output.stdout).split_inclusive('\n') {
        // a frame may follow text that has no newline
        let start = line.find('\u{1e}').unwrap_or(line.len());
        text += &line[..start];
        if start < line.len() {
            let message = parse_frame("k7", line[start..].trim_end_matches('\n').as_bytes()).expect("a frame");
            text += &format!("[{}]", messages.len());
            messages.push(message);
        }
    }
    (messages, text)
}

#[test]
fn a_session_hears_all_in_order() {
    let output = run("displays", &[(CHANNEL_VARIABLE, "/nowhere;k7")]);
    assert!(output.status.success());
    let (messages, text) = listen(&output);
    let Message::Hello { flush, ended, comm, answer } = &messages[0] else { panic!("{messages:?}") };
    assert!(*flush != 0 && *ended != 0 && flush != ended && *comm != 0 && comm != answer);
    let Message::Said(Said::Display(Display { data, display_id: None, .. })) = &messages[1] else {
        panic!("{messages:?}")
    };
    assert_eq!((data["text/plain"].as_str(), data["text/html"].as_str()), (Some("one"), Some("<b>one</b>")));
    assert!(text.contains("before [1]between\n[2]"), "{text}");
    let Message::Said(Said::Display(Display { display_id: Some(id), data, .. })) = &messages[2] else {
        panic!("{messages:?}")
    };
    assert_eq!(data["text/plain"], "step 0");
    let updates: Vec<&str> = messages[3..]
        .iter()
        .map_while(|message| match message {
            Message::Said(Said::Update(Display { display_id, data, .. })) if display_id.as_ref() == Some(id) => {
                data["text/plain"].as_str()
            }
            _ => None,
        })
        .collect();
    // 200 steps of at least 1 ms, at most one update in 20 ms, and the last one always
    assert!((4..=120).contains(&updates.len()), "{}", updates.len());
    assert_eq!(updates.last(), Some(&"last"));
    let rest = &messages[3 + updates.len()..];
    let note = Message::from(Said::err("by the way\n"));
    assert_eq!(rest[..2], [note, Message::from(Said::Clear { wait: true })]);
    let Message::Said(Said::Result(Display { data, .. })) = &rest[2] else { panic!("{rest:?}") };
    assert_eq!(data["text/plain"], "42");
}

#[test]
fn a_session_hears_of_a_panic_and_standard_error_stays_quiet() {
    let output = run("panic", &[(CHANNEL_VARIABLE, "/nowhere;k7")]);
    let (messages, _) = listen(&output);
    let Message::Panic { message, location: Some((file, ..)) } = &messages[1] else { panic!("{messages:?}") };
    assert!(message == "lost 7" && file.ends_with("show.rs"), "{messages:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[test]
fn stock_evcxr_gets_blocks_and_a_live_figure_once() {
    let output = run("displays", &[("EVCXR_IS_RUNTIME", "1")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains('\u{1e}'));
    let blocks: Vec<&str> = text.lines().filter(|line| line.contains("EVCXR_BEGIN_CONTENT")).collect();
    assert_eq!(blocks.len(), 4, "{text}");
    assert!(text.contains("EVCXR_BEGIN_CONTENT text/plain\nlast\nEVCXR_END_CONTENT\n") && !text.contains("step"));
}

#[test]
fn a_plain_program_prints_text() {
    let output = run("displays", &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("before one\nbetween\nlast\n42\n"), "{text}");
    assert!(!text.contains("EVCXR") && !text.contains("step"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("by the way"));
}

#[test]
fn a_closed_output_is_no_panic() {
    for environment in [&[(CHANNEL_VARIABLE, "/nowhere;k7")][..], &[("EVCXR_IS_RUNTIME", "1")], &[]] {
        let output = run("closed", environment);
        assert_eq!(output.status.code(), Some(17), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
