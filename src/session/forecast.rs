//! How long a build will take still: from the crates that it began, and what they weigh.

use std::time::{Duration, Instant};

/// Crates that take longer than most, in units of what most take.
const HEAVY: &[(&str, u32)] = &[
    ("candle-core", 80),
    ("candlewick-prelude", 40),
    ("image", 16),
    ("candle-nn", 12),
    ("pulp", 10),
    ("tokenizers", 10),
    ("regex-automata", 8),
    ("syn", 8),
    ("moxcms", 8),
    ("rustls", 7),
    ("gemm-f32", 6),
    ("pxfm", 6),
    ("ureq", 6),
    ("regex-syntax", 5),
    ("serde_derive", 4),
    ("zerocopy", 4),
];

/// What one crate weighs.
pub fn weight(name: &str) -> u32 {
    HEAVY.iter().find(|(heavy, _)| *heavy == name).map_or(1, |(_, weight)| *weight)
}

/// A build that runs.
pub struct Forecast {
    total: u32,
    count: usize,
    begun: u32,
    seen: usize,
    /// The weight of the crates that began last and may run still.
    running: Vec<u32>,
    since: Instant,
}

impl Forecast {
    /// A build of these crates; of an unknown number where there are none.
    pub fn new(crates: Vec<String>) -> Forecast {
        let total = crates.iter().map(|name| weight(name)).sum();
        Forecast { total, count: crates.len(), begun: 0, seen: 0, running: Vec::new(), since: Instant::now() }
    }

    /// A crate begins; the line that says so.
    pub fn hear(&mut self, name: &str) -> String {
        self.seen += 1;
        self.begun += weight(name);
        self.running.push(weight(name));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if self.running.len() > cores {
            self.running.remove(0);
        }
        if self.seen > self.count {
            return format!("compiling {name} ({})", self.seen);
        }
        let ended = self.begun - self.running.iter().sum::<u32>();
        format!("compiling {name} ({} of {}{})", self.seen, self.count, left(self.since.elapsed(), ended, self.total))
    }
}

/// How long it will take still, where enough has ended to say so.
fn left(passed: Duration, ended: u32, total: u32) -> String {
    if ended * 20 < total || passed < Duration::from_secs(10) {
        return String::new();
    }
    let left = passed.as_secs_f64() * f64::from(total.saturating_sub(ended)) / f64::from(ended);
    format!(", {} left", about(left))
}

/// A time as one says it: `about 40 s`, `about 6 minutes`.
pub fn about(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("about {:.0} s", (seconds / 10.0).ceil().max(1.0) * 10.0),
        seconds => format!("about {:.0} minutes", (seconds / 60.0).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_what_the_part_that_ended_took() {
        let minute = Duration::from_secs(60);
        assert_eq!(left(minute, 1, 100), "");
        assert_eq!(left(Duration::from_secs(3), 50, 100), "");
        assert_eq!(left(minute, 25, 100), ", about 3 minutes left");
        assert_eq!(left(minute, 75, 100), ", about 20 s left");
        assert_eq!(
            (about(3.0), about(61.0), about(95.0)),
            ("about 10 s".into(), "about 70 s".into(), "about 2 minutes".into())
        );
    }

    #[test]
    fn a_build_is_counted_and_an_unknown_one_has_no_end() {
        let mut known = Forecast::new(vec!["serde".to_owned(), "candle-core".to_owned()]);
        assert_eq!(known.total, 81);
        assert_eq!(known.hear("serde"), "compiling serde (1 of 2)");
        assert_eq!(known.hear("candle-core"), "compiling candle-core (2 of 2)");
        assert_eq!(known.hear("surprise"), "compiling surprise (3)");
        assert_eq!(Forecast::new(Vec::new()).hear("wire"), "compiling wire (1)");
    }
}
