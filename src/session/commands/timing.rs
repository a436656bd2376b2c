//! How long code takes: `%time` once, `%timeit` again and again.

use super::refused;
use crate::screen::{Said, Screen};
use crate::session::{CellError, Session};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often `%timeit` runs its code, where the user says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rounds {
    /// Runs in a round; as many as take a moment where 0.
    count: u64,
    /// Rounds.
    rounds: u64,
}

impl Session {
    /// Runs code and says how long it took.
    pub(super) fn time(&self, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        if code.trim().is_empty() {
            return Err(refused("Magic", "`%time CODE` runs the code and says how long it took"));
        }
        let start = Instant::now();
        self.state.ran.store(0, Ordering::SeqCst);
        self.perform(code, screen)?;
        let all = start.elapsed();
        let ran = Duration::from_micros(self.state.ran.load(Ordering::SeqCst)).min(all);
        screen.say(Said::out(told(all, ran)));
        Ok(())
    }

    /// `%timeit`: runs an expression again and again and says how long one run takes. `code` ends with the argument.
    pub(super) fn timeit(&self, argument: &str, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let (rounds, length) = options(argument).ok_or_else(usage)?;
        let at = code.len() - argument.len();
        let code = format!("{}{}{}", &code[..at], " ".repeat(length), &code[at + length..]);
        self.again_and_again(&rounds, &code, screen)
    }

    /// `%%timeit`: the same for all that stands below.
    pub(super) fn timeit_cell(&self, argument: &str, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        match options(argument) {
            Some((rounds, length)) if length == argument.len() => self.again_and_again(&rounds, code, screen),
            _ => Err(usage()),
        }
    }

    fn again_and_again(&self, rounds: &Rounds, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        if code.trim().is_empty() {
            return Err(usage());
        }
        self.evaluate(&around(rounds, code), screen)
    }
}

fn usage() -> CellError {
    refused("Magic", "`%timeit CODE` runs the code again and again; `-n 100 -r 5` before it say how often")
}

/// A cell that runs code again and again. The user's lines stay whole, so that an error shows them.
fn around(Rounds { count, rounds }: &Rounds, code: &str) -> String {
    let code = code.trim_end().trim_end_matches(';');
    let (lines, code) = code.split_at(code.len() - code.trim_start_matches('\n').len());
    let lines = lines.strip_prefix('\n').unwrap_or_default();
    format!(
        "{lines}{{ ::candlewick_prelude::show::timeit({count}, {rounds}, &mut || {{ ::std::hint::black_box({{\n\
         {code}\n}}); Ok(()) }})?; }};"
    )
}

/// The options before the code of `%timeit`, and how many bytes they take.
fn options(argument: &str) -> Option<(Rounds, usize)> {
    let mut found = Rounds::default();
    let mut rest = argument;
    while let Some(option) = rest.strip_prefix('-') {
        let name = option.chars().next().filter(|name| "nrqoptc".contains(*name))?;
        let after = &option[1..];
        if matches!(name, 'n' | 'r' | 'p') {
            let after = after.trim_start();
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number: u64 = after[..digits].parse().ok()?;
            match name {
                'n' => found.count = number,
                'r' => found.rounds = number,
                _ => {}
            }
            rest = after[digits..].trim_start();
        } else {
            rest = after.trim_start();
        }
    }
    Some((found, argument.len() - rest.len()))
}

/// What is said of a time; the part that is not the code's own is the compiler's.
fn told(all: Duration, ran: Duration) -> String {
    let compiled = all.saturating_sub(ran);
    format!("took {}: {} to compile, {} to run\n", in_words(all), in_words(compiled), in_words(ran))
}

fn in_words(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 60.0 => format!("{} min {:.0} s", seconds as u64 / 60, seconds % 60.0),
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 1e-3 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} µs", seconds * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_unit() {
        let told = |all, ran| told(Duration::from_micros(all), Duration::from_micros(ran));
        assert_eq!(told(1_240_000, 1_030_000), "took 1.24 s: 210.0 ms to compile, 1.03 s to run\n");
        assert_eq!(told(200_000, 12), "took 200.0 ms: 200.0 ms to compile, 12 µs to run\n");
        assert_eq!(told(125_000_000, 125_000_000), "took 2 min 5 s: 0 µs to compile, 2 min 5 s to run\n");
    }

    #[test]
    fn timed_code_stays_on_its_line() {
        let rounds = Rounds { count: 3, rounds: 0 };
        let line = |code: &str, what: &str| around(&rounds, code).lines().position(|line| line == what);
        assert_eq!(line("\n\nlet a = 1;\na + 1\n", "a + 1"), Some(3));
        assert_eq!(line("\n        x + 1;", "        x + 1"), Some(1));
        assert_eq!(line("        x + 1", "        x + 1"), Some(1));
        assert!(around(&rounds, "x").contains("timeit(3, 0, &mut"));
    }

    #[test]
    fn timeit_knows_how_often() {
        for (argument, expected) in [
            ("x + 1", Some((0, 0, 0))),
            ("-n 100 -r 5 x", Some((100, 5, 12))),
            ("-n100 x", Some((100, 0, 6))),
            ("-o -q x", Some((0, 0, 6))),
            ("-n x", None),
            ("-x", None),
            ("", Some((0, 0, 0))),
        ] {
            let found = options(argument).map(|(rounds, length)| (rounds.count, rounds.rounds, length));
            assert_eq!(found, expected, "{argument}");
        }
    }
}
