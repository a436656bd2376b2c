//! Text that is cut where it is too long to be looked at, without ever being whole in memory.

use crate::interrupt;
use crate::words::thousands;
use std::cell::Cell;
use std::fmt::{self, Arguments, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So many characters of a value are shown.
const SHOWN: usize = 10_000;

/// So many more are counted; what goes on after that is told to stop.
const COUNTED: usize = 16 << 20;

thread_local! {
    /// Whether a value is told to stop writing: a panic that comes of it is none of the user's.
    static STOPPED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread's panic comes of a value that was told to stop.
pub(super) fn was_stopped() -> bool {
    STOPPED.get()
}

/// What a value writes, cut, with a note of how much was left out.
pub(super) fn cut(text: Arguments<'_>) -> String {
    let mut taken = Taken { text: String::new(), room: SHOWN, left_out: 0, stopped: false };
    let written = catch_unwind(AssertUnwindSafe(|| taken.write_fmt(text)));
    STOPPED.set(false);
    match written {
        Ok(Ok(())) => {}
        _ if taken.stopped => {}
        // Not `to_string`, which panics over it.
        Ok(Err(_)) => taken.text += " … (its `fmt` returned an error here)",
        Err(panic) => std::panic::resume_unwind(panic),
    }
    taken.told()
}

struct Taken {
    text: String,
    /// Characters that may still be taken.
    room: usize,
    left_out: usize,
    stopped: bool,
}

impl Write for Taken {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.char_indices().nth(self.room).map_or(text.len(), |(at, _)| at);
        if end > 0 {
            self.text.push_str(&text[..end]);
            self.room -= text[..end].chars().count();
        }
        if end < text.len() {
            self.left_out += text[end..].chars().count();
            if self.left_out > COUNTED || interrupt::requested() {
                self.stopped = true;
                STOPPED.set(true);
                return Err(fmt::Error);
            }
        }
        Ok(())
    }
}

impl Taken {
    fn told(mut self) -> String {
        if self.left_out == 0 {
            return self.text;
        }
        // Not within an element, where one ends nearby.
        let near = self.text.len().saturating_sub(100);
        if let Some(at) = self.text.rfind(", ").map(|at| at + 2).filter(|at| *at > near) {
            self.left_out += self.text[at..].chars().count();
            self.text.truncate(at);
        }
        let total = self.text.chars().count() + self.left_out;
        let left_out = match self.stopped {
            true => format!("more than {} characters", grouped(self.left_out)),
            false => format!("{} of {} characters", grouped(self.left_out), grouped(total)),
        };
        format!("{}…\n[{left_out} left out; `println!(\"{{v:?}}\")` writes all of a `v`]", self.text)
    }
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    thousands(number as u64, ',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Debug;

    #[derive(Debug)]
    struct Nested {
        name: String,
        values: Vec<Vec<f64>>,
    }

    /// Writes for ever, as long as it is let.
    struct Endless;

    impl Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("again and again ")?;
            }
        }
    }

    /// Takes it for granted that writing works.
    struct Careless;

    impl Debug for Careless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("again and again ").unwrap();
            }
        }
    }

    /// Fails by itself.
    struct Failing;

    impl Debug for Failing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("begun")?;
            Err(fmt::Error)
        }
    }

    #[test]
    fn huge_values_of_any_kind_are_cut() {
        let zeros = vec![0f64; 1_000_000];
        let text = cut(format_args!("{zeros:?}"));
        assert!(text.starts_with("[0.0, 0.0, ") && text.len() < 11_000, "{}", text.len());
        let note = text.lines().next_back().unwrap_or_default();
        assert_eq!(note, "[4,990,004 of 5,000,000 characters left out; `println!(\"{v:?}\")` writes all of a `v`]");
        assert!(text.lines().next().unwrap_or_default().ends_with("0.0, …"));
        let map: HashMap<u32, String> = (0..100_000).map(|n| (n, format!("word {n}"))).collect();
        let tree: BTreeMap<u32, Option<u32>> = (0..100_000).map(|n| (n, Some(n))).collect();
        let nested = Nested { name: "n".to_owned(), values: vec![vec![0.5; 1000]; 1000] };
        assert!(nested.name.len() < nested.values.len());
        let word = "größe".repeat(100_000);
        for text in [
            cut(format_args!("{map:?}")),
            cut(format_args!("{tree:?}")),
            cut(format_args!("{nested:?}")),
            cut(format_args!("{nested:#?}")),
            cut(format_args!("{word:?}")),
            cut(format_args!("{:?}", "a\n\"".repeat(100_000))),
            cut(format_args!("{:?}", [[7u8; 300]; 300])),
        ] {
            assert!(text.chars().count() < 10_200 && text.contains(" characters left out; "), "{text}");
        }
    }

    #[test]
    fn what_is_short_stays_whole() {
        for length in [0, 1, SHOWN - 2] {
            let word = "ö".repeat(length);
            assert_eq!(cut(format_args!("{word:?}")), format!("{word:?}"));
        }
        let longer = cut(format_args!("{:?}", "x".repeat(SHOWN - 1)));
        assert!(
            longer.ends_with("[1 of 10,001 characters left out; `println!(\"{v:?}\")` writes all of a `v`]"),
            "{longer}"
        );
    }

    #[test]
    fn values_that_never_end_or_fail_are_told() {
        for text in [cut(format_args!("{Endless:?}")), cut(format_args!("{Careless:?}"))] {
            assert!(text.starts_with("again and again ") && text.contains("more than 16,777,"), "{text}");
            assert!(!was_stopped());
        }
        assert_eq!(cut(format_args!("{Failing:?}")), "begun … (its `fmt` returned an error here)");
        assert!(std::panic::catch_unwind(|| cut(format_args!("{:?}", Own))).is_err());
    }

    /// Panics for a reason of its own.
    struct Own;

    impl Debug for Own {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("my own")
        }
    }
}
