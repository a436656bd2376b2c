//! Crates that cells add, in a real session: what needs no rebuild, what is wrong, what would cost the variables.
//! And homes that are reached, or were built, otherwise.
//!
//! Needs an installed template; without one it says so and skips. The crates are made here, so that no network is needed.

use candlewick::home::Home;
use candlewick::screen::{Recorder, Said, Screen, StreamName};
use candlewick::session::{CellError, Options, Session, Why, hook};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

type Case = (&'static str, fn(&Arc<Session>, &Path));

const CASES: &[Case] = &[
    ("a crate that needs no rebuild is added with its progress", plain),
    ("what is wrong with a dependency is one error, and the session stays as it was", wrong),
    ("a crate that does not compile poisons nothing", broken),
    ("an interrupted build leaves everything as it was", interrupted),
    ("code that fails leaves its crates behind and nothing else", code_that_fails),
    ("a rebuild of the prelude is asked about, and can be interrupted", asked),
    ("a confirmed rebuild tells what goes, and the session goes on", rebuilt),
];

/// Set for a child of this program: starts a session, and tells what it was told meanwhile.
const CHILD: &str = "CANDLEWICK_TEST_STARTS";

fn main() {
    hook();
    if std::env::var_os(CHILD).is_some() {
        return start_once();
    }
    let listing = std::env::args().any(|argument| argument == "--list");
    let home = Home::find().ok().filter(|home| home.template().join("candlewick-template.json").is_file());
    let Some(home) = home.filter(|_| !listing) else {
        if !listing {
            println!("skipped: no warm template; run ./install.sh or set CANDLEWICK_HOME");
        }
        println!("0 passed, 0 failed, {} skipped", CASES.len() + 2);
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    crates(folder.path());
    let session = Arc::new(Session::start(Options::default()).expect("the session starts"));
    session.wait_ready().expect("the session becomes ready");
    let mut failed = 0;
    for (name, case) in CASES {
        failed += report(name, || case(&session, folder.path()));
    }
    drop(session);
    failed +=
        report("a home that is reached by another path starts from its template", || by_a_link(&home, folder.path()));
    failed += report("a template of another folder is built anew, and that is told", || moved(&home));
    println!("{} passed, {failed} failed", CASES.len() + 2 - failed);
    candlewick::session::clean_up();
    std::process::exit(i32::from(failed > 0));
}

fn report(name: &str, case: impl FnOnce()) -> usize {
    let start = Instant::now();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(case));
    let word = if outcome.is_ok() { "ok" } else { "FAILED" };
    println!("test {name} … {word} ({:.1} s)", start.elapsed().as_secs_f64());
    usize::from(outcome.is_err())
}

/// The crates that the cells add.
fn crates(folder: &Path) {
    let packages = [
        ("quiet", "", "pub fn answer() -> u32 { 42 }"),
        ("second", "", "pub fn answer() -> u32 { 43 }"),
        ("third", "", "pub fn answer() -> u32 { 44 }"),
        ("broken", "", "pub fn answer() -> u32 { \"no number\" }"),
        ("slow", "", "pub fn answer() -> u32 { 45 }"),
        // What the prelude draws text with, and candle has no use for.
        ("loud", "ab_glyph = { version = \"0.2\", features = [\"libm\"] }", "pub fn answer() -> u32 { 46 }"),
    ];
    for (name, dependencies, code) in packages {
        let package = folder.join(name);
        std::fs::create_dir_all(package.join("src")).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}\n"
        );
        std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(package.join("src/lib.rs"), code).unwrap();
    }
    // Its build script takes longer than anybody waits here.
    let script = "fn main() { std::thread::sleep(std::time::Duration::from_secs(600)); }";
    std::fs::write(folder.join("slow/build.rs"), script).unwrap();
    let program = folder.join("program/src");
    std::fs::create_dir_all(&program).unwrap();
    std::fs::write(program.join("main.rs"), "fn main() {}").unwrap();
    std::fs::write(folder.join("program/Cargo.toml"), "[package]\nname = \"program\"\nversion = \"1.0.0\"\n").unwrap();
}

fn dependency(folder: &Path, name: &str) -> String {
    format!(":dep {name} = {{ path = {:?} }}", folder.join(name))
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

fn fails(session: &Session, code: &str) -> CellError {
    run(session, code).0.expect_err(code)
}

fn progress(screen: &Recorder) -> Vec<String> {
    let labels = screen.said.iter().filter_map(|said| match said {
        Said::Progress(progress) => Some(progress.label.clone()),
        _ => None,
    });
    labels.collect()
}

fn plain(session: &Arc<Session>, folder: &Path) {
    ok(session, "let kept = vec![1, 2, 3]; fn twice(x: i32) -> i32 { 2 * x }");
    let before = session.runtime_id();
    let screen = ok(session, &format!("{}\nquiet::answer()", dependency(folder, "quiet")));
    assert_eq!(screen.result_text(), Some("42"));
    let told = progress(&screen);
    assert!(told.iter().any(|label| label == "compiling quiet (1 of 1)"), "{told:?}");
    assert!(!told.iter().any(|label| label.contains("prelude") || label.contains("candle-")), "{told:?}");
    assert_eq!(ok(session, &format!("{}\nkept.len()", dependency(folder, "quiet"))).result_text(), Some("3"));
    assert_eq!(session.runtime_id(), before);
}

fn wrong(session: &Arc<Session>, folder: &Path) {
    let quiet = format!("path = {:?}", folder.join("second"));
    let nowhere = folder.join("nowhere");
    let program = dependency(folder, "program");
    for (code, word) in [
        (":dep regex 1".to_owned(), "names no crate"),
        (":dep regex@1".to_owned(), "names no crate"),
        (":dep second = 1".to_owned(), "not as cargo wants it"),
        (format!(":dep second = {{ {quiet}"), "not as cargo wants it"),
        (format!(":dep second = {{ {quiet}, features = [\"nope\"] }}"), "no feature `nope`"),
        (format!(":dep second = {{ {quiet}, feature = [\"nope\"] }}"), "`feature` says nothing"),
        (format!(":dep second = {{ {quiet}, version = \"abc\" }}"), "`abc` is no version"),
        (format!(":dep second = {{ path = {nowhere:?} }}"), "no crate in"),
        (":dep ./nowhere".to_owned(), "no crate in"),
        (program, "a program without a library"),
    ] {
        let error = fails(session, &format!("{code}\nlet never = 1;"));
        assert_eq!((error.why, error.name.as_str()), (Why::Compile, "Dependency"), "{code}: {error}");
        assert!(error.value.contains(word), "{code}: {error}");
        assert!(error.value.lines().count() == 1 && error.traceback.len() < 8, "{code}: {:?}", error.traceback);
        assert!(!format!("{:?}", error.traceback).contains("ctx"), "{code}: {:?}", error.traceback);
    }
    // With a network there is no such crate, and without one it cannot be fetched.
    let error = fails(session, ":dep no-such-crate-xyz = \"1\"");
    assert!(
        error.value.contains("there is no crate `no-such-crate-xyz`") || error.value.contains("cannot be fetched"),
        "{error}"
    );
    assert_eq!(ok(session, "kept.len() as u32 + quiet::answer()").result_text(), Some("45"));
    assert!(fails(session, "never").value.contains("never"));
}

fn broken(session: &Arc<Session>, folder: &Path) {
    let error = fails(session, &format!("{}\nbroken::answer()", dependency(folder, "broken")));
    assert_eq!(error.name, "Dependency", "{error}");
    assert!(error.value.contains("`broken` does not compile"), "{error}");
    assert_eq!(ok(session, "kept[0] as u32 + quiet::answer()").result_text(), Some("43"));
    assert!(progress(&ok(session, "let more = kept.clone();")).is_empty());
    assert_eq!(ok(session, &format!("{}\nsecond::answer()", dependency(folder, "second"))).result_text(), Some("43"));
}

/// Interrupts the session at the first progress whose label has this word.
struct Interrupter {
    session: Arc<Session>,
    word: &'static str,
    said: Sender<String>,
}

impl Screen for Interrupter {
    fn say(&mut self, said: Said) {
        match said {
            Said::Stream { text, .. } => drop(self.said.send(text)),
            Said::Progress(progress) if progress.label.contains(self.word) => self.session.interrupt(),
            _ => {}
        }
    }
}

/// Runs a cell, interrupts it when `word` is compiled, and returns how it ended with what it said.
fn interrupt_at(session: &Arc<Session>, code: &str, word: &'static str) -> (CellError, String) {
    let (said, heard) = channel();
    let mut screen = Interrupter { session: Arc::clone(session), word, said };
    let error = session.execute(code, &mut screen).expect_err(code);
    drop(screen);
    (error, heard.into_iter().collect())
}

fn interrupted(session: &Arc<Session>, folder: &Path) {
    let before = session.runtime_id();
    let begun = Instant::now();
    let (error, _) =
        interrupt_at(session, &format!("{}\nslow::answer()", dependency(folder, "slow")), "compiling slow");
    assert_eq!(error.why, Why::Interrupted, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(120));
    assert_eq!(session.runtime_id(), before);
    assert_eq!(ok(session, "kept[1] as u32 + quiet::answer()").result_text(), Some("44"));
    assert!(!fails(session, "slow::answer()").value.is_empty());
}

fn code_that_fails(session: &Arc<Session>, folder: &Path) {
    let error = fails(session, &format!("{}\nlet wrong: u32 = \"no\";", dependency(folder, "third")));
    assert_eq!((error.why, error.name.as_str()), (Why::Compile, "E0308"), "{error}");
    assert_eq!(ok(session, &format!("{}\nthird::answer()", dependency(folder, "third"))).result_text(), Some("44"));
    assert_eq!(ok(session, "kept.len()").result_text(), Some("3"));
}

fn asked(session: &Arc<Session>, folder: &Path) {
    let before = session.runtime_id();
    let cell = format!("{}\nloud::answer()", dependency(folder, "loud"));
    let error = fails(session, &cell);
    assert_eq!((error.why, error.name.as_str()), (Why::Compile, "Rebuild"), "{error}");
    for word in ["`loud`", "ab_glyph with libm", "compiled anew", "about", "lost: kept"] {
        assert!(error.value.contains(word), "{word}: {error}");
    }
    assert!(error.traceback.join("\n").contains("run the cell once more"), "{:?}", error.traceback);
    assert_eq!(ok(session, "kept.len()").result_text(), Some("3"));
    // A cell with other crates in between is no answer to the question.
    assert_eq!(fails(session, &dependency(folder, "broken")).name, "Dependency");
    assert_eq!(fails(session, &cell).name, "Rebuild");
    let (error, said) = interrupt_at(session, &cell, "compiling");
    assert_eq!(error.why, Why::Interrupted, "{error}");
    assert!(said.contains("gone: kept") && said.contains("an interrupt stops it"), "{said}");
    assert_eq!(session.runtime_id(), before);
    assert_eq!(ok(session, "kept.len() as u32 + second::answer()").result_text(), Some("46"));
    let screen = ok(session, "let t = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?; t.dims()");
    assert_eq!((screen.result_text(), progress(&screen).len()), (Some("[2, 3]"), 0));
}

fn rebuilt(session: &Arc<Session>, folder: &Path) {
    let before = session.runtime_id();
    let cell = format!("{}\nloud::answer()", dependency(folder, "loud"));
    assert_eq!(fails(session, &cell).name, "Rebuild");
    let screen = ok(session, &cell);
    assert_eq!(screen.result_text(), Some("46"));
    assert!(screen.text(StreamName::Stdout).contains("gone: kept"), "{:?}", screen.said);
    assert!(progress(&screen).iter().any(|label| label.contains("candlewick-prelude")), "{:?}", progress(&screen));
    assert_ne!(session.runtime_id(), before);
    assert!(session.variables().is_empty(), "{:?}", session.variables());
    assert!(fails(session, "kept").value.contains("kept"));
    assert_eq!(ok(session, "twice(4) as u32 + second::answer() + loud::answer()").result_text(), Some("97"));
    let screen =
        ok(session, "let t = Tensor::ones((2, 2), DType::F32, &Device::Cpu)?; t.sum_all()?.to_scalar::<f32>()?");
    assert_eq!((screen.result_text(), progress(&screen).len()), (Some("4.0"), 0));
    assert_eq!(session.variables()[0].shape, "2×2 F32");
    // Nothing of it is left after `:clear`, and the prelude is the template's again.
    ok(session, ":clear");
    let screen = ok(session, "Tensor::ones(3, DType::F32, &Device::Cpu)?.dims1()?");
    assert_eq!((screen.result_text(), progress(&screen).len()), (Some("3"), 0));
}

/// What a child of this program does: a session from start to the first cell.
fn start_once() {
    let session = Session::start(Options::default()).expect("the session starts");
    let (result, screen) = run(&session, "1 + 1");
    for label in progress(&screen) {
        println!("told: {label}");
    }
    match result {
        Ok(()) => println!("value: {}", screen.result_text().unwrap_or_default()),
        Err(error) => println!("error: {error}"),
    }
    drop(session);
    candlewick::session::clean_up();
}

fn starts(home: &Path) -> String {
    let child =
        Command::new(std::env::current_exe().unwrap()).env("CANDLEWICK_HOME", home).env(CHILD, "1").output().unwrap();
    String::from_utf8_lossy(&child.stdout).into_owned()
}

fn by_a_link(home: &Home, folder: &Path) {
    let stamp = home.template().join("candlewick-template.json");
    let written = stamp.metadata().unwrap().modified().unwrap();
    let link = folder.join("link");
    std::os::unix::fs::symlink(home.root.parent().unwrap(), &link).unwrap();
    let name = PathBuf::from(home.root.file_name().unwrap());
    for path in [link.join(&name), home.root.join("sessions/..").join("../").join(&name), home.root.join("")] {
        assert_eq!(starts(&path), "value: 2\n", "{}", path.display());
    }
    assert_eq!(stamp.metadata().unwrap().modified().unwrap(), written);
}

fn moved(home: &Home) {
    let stamp = home.template().join("candlewick-template.json");
    let text = std::fs::read_to_string(&stamp).unwrap();
    let here = serde_json::to_string(&home.root).unwrap();
    assert!(text.contains(&here), "{text}");
    std::fs::write(&stamp, text.replace(&here, "\"/where/it/was\"")).unwrap();
    let told = starts(&home.root);
    assert!(told.contains("told: the template was built in /where/it/was") && told.contains("built anew"), "{told}");
    assert!(told.ends_with("value: 2\n"), "{told}");
    assert!(std::fs::read_to_string(&stamp).unwrap().contains(&here));
    assert_eq!(starts(&home.root), "value: 2\n");
}
