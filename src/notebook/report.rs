//! Says on standard error how far a run is: a line a cell, and on a terminal a live line below.

use super::Outcome;
use crate::document::terminal::without_escapes;
use crate::screen::{Progress, in_words};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The lines about one run.
#[derive(Debug)]
pub struct RunReport<W: Write> {
    to: W,
    live: bool,
    colours: bool,
    total: usize,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    number: usize,
    line: String,
    since: Instant,
    progress: Option<Progress>,
}

/// The report, also after a thread panicked while it held it: a half-written line does no harm.
pub fn lock<W: Write>(report: &Mutex<RunReport<W>>) -> MutexGuard<'_, RunReport<W>> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The widest first line of a cell that is shown.
const WIDEST: usize = 56;

impl<W: Write> RunReport<W> {
    /// A report to `to`; `live` where a line can be drawn over, `colours` where escapes are understood.
    pub fn new(to: W, live: bool, colours: bool) -> RunReport<W> {
        RunReport { to, live, colours, total: 0, running: None }
    }

    /// How many cells there are to run.
    pub fn total(&mut self, total: usize) {
        self.total = total;
    }

    /// Something that the next line takes the place of, on a terminal alone.
    pub fn say(&mut self, what: &str) {
        if self.live {
            self.write(&format!("\r\u{1b}[K{what} …"));
        }
    }

    /// Something that the user should know; it stays.
    pub fn note(&mut self, what: &str) {
        let over = if self.live { "\r\u{1b}[K" } else { "" };
        self.write(&format!("{over}note: {what}\n"));
    }

    /// A cell begins.
    pub fn begin(&mut self, number: usize, code: &str) {
        let line = first_line(code);
        self.running = Some(Running { number, line, since: Instant::now(), progress: None });
        self.tick();
    }

    /// The running cell says how far it is.
    pub fn progress(&mut self, progress: Progress) {
        if let Some(running) = &mut self.running {
            running.progress = Some(progress);
        }
        self.tick();
    }

    /// Time went by.
    pub fn tick(&mut self) {
        if let (true, Some(running)) = (self.live, &self.running) {
            let tail = running.progress.as_ref().map(bar).unwrap_or_default();
            let line = format!("\r\u{1b}[K{}  {tail}", self.line(running));
            self.write(&line);
        }
    }

    /// The running cell ended; with the name of an error, early.
    pub fn end(&mut self, error: Option<&str>) {
        let Some(running) = self.running.take() else { return };
        let over = if self.live { "\r\u{1b}[K" } else { "" };
        let outcome = error.map(|name| format!("  {}", self.red(name))).unwrap_or_default();
        let line = format!("{over}{}{outcome}\n", self.line(&running));
        self.write(&line);
    }

    /// The run ended and wrote these files.
    pub fn ended(&mut self, ended: &Outcome, written: &[PathBuf]) {
        let mut text = String::new();
        match ended {
            Outcome::Done => {}
            Outcome::Failed { number, error } => {
                for line in &error.traceback {
                    text += &format!("{}\n", if self.colours { line.clone() } else { without_escapes(line) });
                }
                if error.traceback.is_empty() {
                    text += &format!("{error}\n");
                }
                text += &format!("{} ({})\n", self.red(&format!("cell {number} failed")), error.name);
            }
            Outcome::Stopped { number } => {
                text += &format!("{} at cell {number} of {}\n", self.red("interrupted"), self.total);
            }
        }
        for file in written {
            text += &format!("wrote {}\n", file.display());
        }
        self.write(&text);
    }

    fn line(&self, running: &Running) -> String {
        let width = self.total.to_string().len();
        let seconds = running.since.elapsed().as_secs_f64();
        let Running { number, line, .. } = running;
        format!("[{number:>width$}/{}] {line:<WIDEST$} {seconds:>7.1} s", self.total)
    }

    fn red(&self, text: &str) -> String {
        if self.colours { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A report that cannot be written (a closed pipe) is no reason to end a run.
    fn write(&mut self, text: &str) {
        let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
    }
}

/// The first line that is neither empty nor a comment, cut where it is too wide.
fn first_line(code: &str) -> String {
    let mut lines = code.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.clone().find(|line| !line.starts_with("//")).or_else(|| lines.next()).unwrap_or_default();
    if line.chars().count() <= WIDEST {
        return line.to_owned();
    }
    line.chars().take(WIDEST - 1).chain(['…']).collect()
}

fn bar(progress: &Progress) -> String {
    in_words(progress, 12, "·")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_named_by_its_first_line_of_code() {
        assert_eq!(first_line("\n// a comment\n  let x = 1;\nx"), "let x = 1;");
        assert_eq!(first_line("// only a comment"), "// only a comment");
        assert_eq!(first_line(""), "");
        let wide = first_line(&"ä".repeat(80));
        assert_eq!((wide.chars().count(), wide.chars().last()), (WIDEST, Some('…')));
    }

    #[test]
    fn a_bar_is_full_at_the_end_and_never_past_it() {
        let bar_of = |done, total| bar(&Progress { label: "epoch 1 of 2".to_owned(), done, total });
        assert_eq!(bar_of(0, 4), "epoch 1 of 2 ············ 0/4");
        assert_eq!(bar_of(2, 4), "epoch 1 of 2 ━━━━━━······ 2/4");
        assert_eq!(bar_of(9, 4), "epoch 1 of 2 ━━━━━━━━━━━━ 9/4");
        assert_eq!(bar_of(9, 0), "epoch 1 of 2");
    }

    #[test]
    fn no_escapes_reach_a_file() {
        let mut report = RunReport::new(Vec::new(), false, false);
        report.total(1);
        report.say("starting");
        report.begin(1, "x");
        report.progress(Progress { label: "l".to_owned(), done: 1, total: 2 });
        report.end(Some("E0425"));
        let text = String::from_utf8(report.to).unwrap();
        assert!(text.starts_with("[1/1] x ") && text.ends_with("s  E0425\n"), "{text:?}");
        assert!(!text.contains(['\u{1b}', '\r']));
    }
}
