//! A monkey at the keyboard: completions, inspections, half-typed cells, interrupts and restarts at random over real
//! cells. No session may end, and no variable may be gone but by what says so.
//!
//! Needs an installed template, and skips without one. `CANDLEWICK_MONKEY_SECONDS` says how long (a minute where it is
//! unset); a number as the argument is the seed of an earlier run that is to come again.

#[path = "common/skip.rs"]
mod skip;

#[path = "session_errors/candle.rs"]
mod candle;

use candlewick::screen::Recorder;
use candlewick::session::{CellError, Options, Session, Why, hook};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the tables of `candle.rs` are made of.
enum Step {
    Runs(&'static str),
    Gives(&'static str, &'static str),
    Says(&'static str, &'static str),
}

type Case = (&'static str, &'static [Step]);

/// Cells of every day beside those of the notebooks, of candle and of the prelude's documentation.
const OWN: &[&str] = &[
    "let v = vec![1, 2, 3];\nv.iter().map(|n| n * 2).collect::<Vec<_>>()",
    "fn double(n: u64) -> u64 {\n    2 * n\n}\ndouble(21)",
    "struct Point { x: f64, y: f64 }\nimpl Point { fn norm(&self) -> f64 { self.x.hypot(self.y) } }",
    "let m = std::collections::HashMap::from([(\"a\", 1)]);\nfor (k, n) in &m { println!(\"{k} {n}\"); }",
    "for i in 0..3 {\n    for j in 0..i {\n        print!(\"{i}{j} \");\n    }\n}",
    "let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;\nt.matmul(&t)?.sum_all()?.to_scalar::<f32>()?",
    "match v.first() { Some(n) if *n > 1 => \"large\", _ => \"small\" }",
    ":vars",
    "// a note\n:help",
    "!echo shell",
    "let text = r#\"a \"raw\" one\"#; text.len()",
    "std::thread::sleep(std::time::Duration::from_millis(300));",
    "panic!(\"on purpose\")",
    "\"x\".parse::<u8>()?;",
    "let mut s = String::new(); std::io::stdin().read_line(&mut s)?",
];

/// Numbers that come again with the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// The cells of the notebooks, the examples of candle, and those in the prelude's documentation.
fn cells() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cells: Vec<String> = OWN.iter().map(|cell| (*cell).to_owned()).collect();
    for entry in std::fs::read_dir(root.join("notebooks")).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let Ok(notebook) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        for cell in notebook["cells"].as_array().into_iter().flatten().filter(|cell| cell["cell_type"] == "code") {
            let source = &cell["source"];
            let lines = source.as_array().map(|lines| lines.iter().filter_map(|line| line.as_str()).collect());
            cells.extend(lines.or(source.as_str().map(str::to_owned)));
        }
    }
    for (_, steps) in candle::CASES {
        cells.extend(steps.iter().map(|step| match step {
            Step::Runs(code) => (*code).to_owned(),
            Step::Gives(code, value) | Step::Says(code, value) => format!("{code} // {value}"),
        }));
    }
    let mut folders = vec![root.join("prelude/src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                cells.extend(examples(&std::fs::read_to_string(path).unwrap_or_default()));
            }
        }
    }
    cells
}

/// The examples in a file's documentation.
fn examples(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut example: Option<String> = None;
    for line in source.lines().map(str::trim) {
        let Some(text) = line.strip_prefix("///").or(line.strip_prefix("//!")) else { continue };
        match &mut example {
            _ if text.trim_start().starts_with("```") => match example.take() {
                Some(done) => found.push(done),
                None => example = Some(String::new()),
            },
            Some(so_far) => {
                so_far.push_str(text.trim_start().trim_start_matches("# "));
                so_far.push('\n');
            }
            None => {}
        }
    }
    found
}

fn boundary(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// Runs a cell, and interrupts it should it go on for longer than this.
fn run(session: &Arc<Session>, code: &str, longest: Duration) -> Result<(), CellError> {
    let (done, over) = std::sync::mpsc::channel::<()>();
    let other = Arc::clone(session);
    let watch = std::thread::spawn(move || {
        let mut wait = longest;
        // A second interrupt ends what did not hear the first.
        while over.recv_timeout(wait).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout) {
            other.interrupt();
            wait = Duration::from_secs(3);
        }
    });
    let result = session.execute(code, &mut Recorder::default()).map(|_| ());
    drop(done);
    watch.join().unwrap();
    result
}

fn main() {
    hook();
    if skip::skips(1) {
        return;
    }
    // Cells of notebooks write files.
    let folder = std::env::temp_dir().join(format!("candlewick-monkey-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::env::set_current_dir(&folder).unwrap();
    let given = std::env::args().skip(1).find_map(|argument| argument.parse::<u64>().ok());
    let seed = given.unwrap_or(std::process::id().into()).max(1);
    let seconds = std::env::var("CANDLEWICK_MONKEY_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    println!("seed {seed}, {seconds} s");
    let outcome = std::panic::catch_unwind(|| play(seed, Duration::from_secs(seconds)));
    let _ = std::fs::remove_dir_all(&folder);
    candlewick::session::clean_up();
    match &outcome {
        Ok(counts) => println!("{counts}\n1 passed, 0 failed"),
        Err(_) => println!("0 passed, 1 failed"),
    }
    std::process::exit(i32::from(outcome.is_err()));
}

fn start() -> Arc<Session> {
    let session = Arc::new(Session::start(Options::default()).expect("the session starts"));
    session.wait_ready().expect("the session becomes ready");
    anchor(&session);
    session
}

/// Binds a variable that must stay.
fn anchor(session: &Arc<Session>) {
    let made = run(session, "let anchor_of_the_monkey = vec![40, 2];", Duration::from_secs(120));
    made.expect("a variable is bound");
}

/// The variable is there with its value.
fn holds(session: &Arc<Session>) -> bool {
    let mut screen = Recorder::default();
    let code = "anchor_of_the_monkey.iter().sum::<i32>()";
    session.execute(code, &mut screen).is_ok() && screen.result_text() == Some("42")
}

fn play(seed: u64, long: Duration) -> String {
    let mut dice = Dice(seed);
    let cells = cells();
    assert!(cells.len() > 100, "the cells were not found");
    let begin = Instant::now();
    let mut session = start();
    let (mut completed, mut inspected, mut ran, mut interrupted, mut restarted, mut lost) = (0, 0, 0, 0, 0, 0);
    while begin.elapsed() < long {
        let cell = &cells[dice.below(cells.len())];
        let cut = boundary(cell, dice.below(cell.len() + 1));
        match dice.below(100) {
            0..45 => {
                // With what stands behind the cursor, or as far as it was typed.
                let code = if dice.below(2) == 0 { cell.as_str() } else { &cell[..cut] };
                let found = session.complete(code, cut);
                assert!(found.start <= found.end && found.end <= code.len(), "{code:?} at {cut}");
                completed += 1;
            }
            45..80 => {
                session.inspect(cell, cut);
                inspected += 1;
            }
            80..99 => {
                let code = if dice.below(3) == 0 { cell.as_str() } else { &cell[..cut] };
                if code.contains(":quit") || code.trim_start().starts_with(":clear") {
                    continue;
                }
                let longest = [50, 400, 3000][dice.below(3)];
                let result = run(&session, code, Duration::from_millis(longest));
                ran += 1;
                let Err(error) = result else { continue };
                interrupted += usize::from(error.why == Why::Interrupted);
                assert!(error.why != Why::Session, "the session ended at {code:?}: {error}");
                let said = format!("{}\n{}", error.value, error.traceback.join("\n"));
                if said.contains("anchor_of_the_monkey") {
                    // It says that it is lost.
                    lost += 1;
                    anchor(&session);
                }
            }
            _ => {
                drop(session);
                session = start();
                restarted += 1;
            }
        }
        if dice.below(12) == 0 {
            assert!(holds(&session), "the variable is gone without a word, after {cell:?} cut at {cut}");
        }
    }
    assert!(holds(&session), "the variable is gone without a word");
    format!(
        "{completed} completions, {inspected} inspections, {ran} cells ({interrupted} interrupted), {restarted} restarts, \
         {lost} losses that were told"
    )
}
