//! How long one run of some code takes, by running it again and again: what `%timeit` calls.

use super::print;
use crate::interrupt;
use std::error::Error;
use std::time::{Duration, Instant};

/// A round lasts about so long.
const ROUND: Duration = Duration::from_millis(200);

/// Runs `run` again and again and prints how long one run takes: the mean of the rounds, and the fastest one.
///
/// A round is `count` runs, or as many as take a fifth of a second where that is 0; there are seven `rounds` where that
/// is 0, fewer for code that takes seconds. An interrupt ends it.
///
/// # Errors
/// The first error of `run`.
pub fn timeit(
    count: u64,
    rounds: u64,
    run: &mut dyn FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut time = |count: u64| -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..count {
            run()?;
        }
        Ok(start.elapsed())
    };
    let mut count = count;
    let mut first = None;
    if count == 0 {
        count = 1;
        loop {
            let took = time(count)?;
            if took >= ROUND || interrupt::requested() {
                first = Some(took);
                break;
            }
            // Ten times as many at most: the first runs may be slow.
            let wanted = ROUND.as_secs_f64() / took.as_secs_f64().max(1e-9) * count as f64;
            count = (wanted.ceil() as u64).clamp(count + 1, count * 10);
        }
    }
    let rounds = match (rounds, first) {
        (0, Some(took)) => (3.0 / took.as_secs_f64().max(1e-9)).clamp(1.0, 7.0) as usize,
        (0, None) => 7,
        (rounds, _) => rounds.min(10_000) as usize,
    };
    let mut each: Vec<f64> = first.iter().map(|took| took.as_secs_f64() / count as f64).collect();
    while each.len() < rounds && !interrupt::requested() {
        each.push(time(count)?.as_secs_f64() / count as f64);
    }
    print(&told(&each, count));
    Ok(())
}

/// What is said of the seconds of one run, round by round.
fn told(each: &[f64], count: u64) -> String {
    let mean = each.iter().sum::<f64>() / each.len().max(1) as f64;
    let spread = (each.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / each.len().max(1) as f64).sqrt();
    let best = each.iter().copied().fold(f64::INFINITY, f64::min);
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} ± {} a run, {} at best (mean ± deviation of {} of {})\n",
        in_words(mean),
        in_words(spread),
        in_words(if best.is_finite() { best } else { 0.0 }),
        plural(each.len() as u64, "round"),
        plural(count, "run"),
    )
}

fn in_words(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    match value {
        v if v >= 100.0 => format!("{v:.0} {unit}"),
        v if v >= 10.0 => format!("{v:.1} {unit}"),
        v => format!("{v:.2} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_with_their_units() {
        assert_eq!(
            told(&[2e-6, 4e-6], 1000),
            "3.00 µs ± 1.00 µs a run, 2.00 µs at best (mean ± deviation of 2 rounds of 1000 runs)\n"
        );
        assert_eq!(told(&[0.25], 1), "250 ms ± 0.00 ns a run, 250 ms at best (mean ± deviation of 1 round of 1 run)\n");
        assert_eq!(
            (in_words(12.345), in_words(0.01234), in_words(99e-9)),
            ("12.3 s".into(), "12.3 ms".into(), "99.0 ns".into())
        );
    }

    #[test]
    fn so_many_runs_and_the_first_error() {
        let mut runs = 0;
        timeit(3, 4, &mut || {
            runs += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(runs, 12);
        assert_eq!(timeit(0, 0, &mut || Err("no".into())).unwrap_err().to_string(), "no");
    }
}
