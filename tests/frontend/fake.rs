//! A stand-in for the engine: a cell is a list of commands, a line each.

use candlewick::engine::Engine;
use candlewick::screen::{Comm, CommAct, Display, Progress, Question, Said, Screen};
use candlewick::session::{Candidate, CellError, Completeness, Completions, Done, Inspection, Variable, Why};
use serde_json::{Map, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The stand-in.
#[derive(Default)]
pub struct Fake {
    interrupted: AtomicBool,
    shut_down: AtomicBool,
    /// How many cells wait in `gate`.
    pub at_gate: AtomicUsize,
    /// Lets `gate` pass.
    pub open: AtomicBool,
    /// What frontends said over comms, with its number.
    pub heard: Mutex<Vec<(u64, Comm)>>,
    between: Mutex<Option<Box<dyn Screen + Send>>>,
}

impl Fake {
    pub fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::SeqCst)
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Waits until a cell stands in `gate`.
    pub fn wait_at_gate(&self) {
        let limit = Instant::now() + super::PATIENCE;
        while self.at_gate.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < limit, "no cell came to the gate");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Says something as a callback or a thread does, outside of any cell.
    pub fn between(&self, say: impl FnOnce(&mut dyn Screen)) {
        say(self.between.lock().unwrap().as_deref_mut().expect("the kernel listens"));
    }

    fn gate(&self) -> Result<(), CellError> {
        self.at_gate.fetch_add(1, Ordering::SeqCst);
        let passed = loop {
            if self.interrupted.load(Ordering::SeqCst) {
                break Err(error(Why::Interrupted, "Interrupted", "by the user"));
            }
            if self.open.load(Ordering::SeqCst) {
                break Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        self.at_gate.fetch_sub(1, Ordering::SeqCst);
        passed
    }
}

/// An error whose traceback is its value.
pub fn error(why: Why, name: &str, value: &str) -> CellError {
    CellError { why, name: name.to_owned(), value: value.to_owned(), traceback: vec![format!("{name}: {value}")] }
}

/// What is said over a comm, with bytes of every kind.
pub fn comm(id: &str, act: CommAct, data: serde_json::Value) -> Comm {
    let data = data.as_object().cloned().unwrap_or_default();
    let metadata = Map::from_iter([("version".to_owned(), json!("2.1.0"))]);
    Comm { id: id.to_owned(), act, data, metadata, buffers: buffers() }
}

/// All bytes that there are, none, and zeros.
pub fn buffers() -> Vec<Vec<u8>> {
    vec![(0..=255).collect(), vec![], vec![0; 3]]
}

fn text(text: &str, display_id: Option<&str>) -> Display {
    let data = Map::from_iter([("text/plain".to_owned(), json!(text))]);
    Display { data, metadata: Map::new(), display_id: display_id.map(str::to_owned) }
}

impl Engine for Fake {
    fn execute(&self, code: &str, screen: &mut dyn Screen) -> Result<Done, CellError> {
        self.interrupted.store(false, Ordering::SeqCst);
        for line in code.lines() {
            let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
            match command {
                "out" => screen.say(Said::out(format!("{rest}\n"))),
                "write" => screen.say(Said::out(rest.replace("\\r", "\r"))),
                "err" => screen.say(Said::err(format!("{rest}\n"))),
                "value" => screen.say(Said::Result(text(rest, None))),
                "display" => screen.say(Said::Display(text(rest, None))),
                "show" => screen.say(Said::Display(text(second, Some(first)))),
                "update" => screen.say(Said::Update(text(second, Some(first)))),
                "clear" => screen.say(Said::Clear { wait: rest == "wait" }),
                "compiling" => {
                    screen.say(Said::Progress(Progress { label: format!("compiling {rest}"), done: 0, total: 0 }));
                }
                "finished" => screen.say(Said::progress(rest, 2, 2)),
                "progress" => screen.say(Said::Progress(Progress { label: rest.to_owned(), done: 1, total: 2 })),
                "ask" | "secret" => {
                    let question = Question { prompt: rest.to_owned(), password: command == "secret" };
                    let answer = screen.input(question);
                    screen.say(Said::out(format!("{answer:?}\n")));
                }
                "comm_open" => {
                    screen.say(Said::Comm(comm(first, CommAct::Open(second.to_owned()), json!({"state": {}}))))
                }
                "comm_send" => screen.say(Said::Comm(comm(first, CommAct::Message, json!({"said": second})))),
                "comm_close" => screen.say(Said::Comm(comm(first, CommAct::Close, json!({})))),
                "gone" => screen.say(Said::Gone),
                "sleep" => std::thread::sleep(Duration::from_millis(rest.parse().unwrap())),
                "gate" => self.gate()?,
                "fail" => return Err(error(Why::Error, first, second)),
                "panic" => panic!("{rest}"),
                _ => return Err(error(Why::Compile, "E0425", line)),
            }
        }
        Ok(Done::default())
    }

    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
    }

    /// Completes the word before the cursor to three candidates.
    fn complete(&self, code: &str, cursor: usize) -> Completions {
        let start = code[..cursor].rfind(' ').map_or(0, |space| space + 1);
        let candidate = |text: &str, label: &str, kind: &str| Candidate {
            text: text.to_owned(),
            label: label.to_owned(),
            kind: kind.to_owned(),
        };
        if code.is_empty() {
            return Completions::default();
        }
        let candidates =
            vec![candidate("fit", "fit(epochs, rate)", "function"), candidate("first", "first", "instance")];
        Completions { start, end: cursor, candidates }
    }

    fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        let start = code[..cursor].rfind(' ').map_or(0, |space| space + 1);
        let word = code[start..].split(' ').next().filter(|word| !word.is_empty() && *word != "nothing")?;
        if word == "a<b" {
            return Some(Inspection { plain: word.to_owned(), markdown: word.to_owned() });
        }
        Some(Inspection { plain: format!("the word {word}"), markdown: format!("the word **{word}** of Vec<T>") })
    }

    fn variables(&self) -> Vec<Variable> {
        let (name, kind, shape) = ("t".to_owned(), "Tensor".to_owned(), "2×2 F32".to_owned());
        vec![Variable { name, kind, shape, bytes: Some(16) }]
    }

    /// Answers what asks for an echo, with the bytes that came; the target `absent` has nobody.
    fn comm(&self, number: u64, comm: Comm) -> bool {
        if comm.act == CommAct::Open("absent".to_owned()) {
            return false;
        }
        self.heard.lock().unwrap().push((number, comm.clone()));
        if comm.data.get("hold").is_none() {
            self.between(|screen| {
                if comm.data.get("echo").is_some() {
                    screen.say(Said::out("clicked\n"));
                    screen.say(Said::Comm(comm));
                }
                screen.say(Said::Handled { number });
            });
        }
        true
    }

    fn listen(&self, screen: Box<dyn Screen + Send>) {
        *self.between.lock().unwrap() = Some(screen);
    }

    fn completeness(&self, code: &str) -> Completeness {
        match code {
            "open {" => Completeness::Incomplete { indent: "    ".to_owned() },
            "}" => Completeness::Invalid,
            _ => Completeness::Complete,
        }
    }

    fn shutdown(&self) {
        self.shut_down.store(true, Ordering::SeqCst);
    }
}
