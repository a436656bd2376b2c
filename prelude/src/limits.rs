//! What options may be: one way to refuse a value that makes no sense, and the memory that pictures may take.
//!
//! A method that takes an option gives its owner back and cannot fail, so the value is kept as it was given, and every
//! verb that uses it checks it first. Giving the option again puts it right.

use crate::words::bytes as in_words;
use crate::{Error, Result};
use std::fmt::Display;

/// The most bytes that the pictures of one batch may take.
const MOST: u128 = 4_000_000_000;
/// The bytes of one pixel: three numbers of four bytes.
const PIXEL: u128 = 12;

/// Refuses `given` for an option unless it is `fine`; `expected` says what is, with its unit, `remedy` what to write.
pub(crate) fn allow(fine: bool, option: &str, given: &dyn Display, expected: &str, remedy: &str) -> Result<()> {
    if fine {
        return Ok(());
    }
    Err(Error::new(format!("{option} is {given}; expected {expected}")).remedy(remedy))
}

/// Refuses a count of things that is 0.
pub(crate) fn some(option: &str, given: usize, things: &str, remedy: &str) -> Result<()> {
    allow(given > 0, option, &given, &format!("1 or more {things}"), remedy)
}

/// Refuses a share to hold out that leaves one side empty.
pub(crate) fn held_out(fraction: f64, what: &str) -> Result<()> {
    let remedy = format!("0.2 holds a fifth of the {what} out for the last test: `.hold_out(0.2, 42)?`");
    let fine = fraction > 0.0 && fraction < 1.0;
    allow(fine, "the share of `hold_out`", &fraction, "a number between 0 and 1", &remedy)
}

/// Refuses a share of the pictures for validation that leaves one side empty by itself.
pub(crate) fn split(fraction: f64) -> Result<()> {
    split_of(fraction, "pictures")
}

/// The same of other things.
pub(crate) fn split_of(fraction: f64, what: &str) -> Result<()> {
    let remedy = format!("0.2 keeps a fifth of the {what} for validation: `.split(0.2, 42)?`");
    allow(fraction > 0.0 && fraction < 1.0, "the share of `split`", &fraction, "a number between 0 and 1", &remedy)
}

/// Refuses to show no picture, or more than a figure holds.
pub(crate) fn shown(verb: &str, count: usize) -> Result<()> {
    shown_as(verb, "(9)", count)
}

/// The same for a verb whose usual arguments are these.
pub(crate) fn shown_as(verb: &str, usual: &str, count: usize) -> Result<()> {
    let (option, remedy) = (format!("the count of `{verb}`"), format!("nine are usual: `{verb}{usual}?`"));
    allow((1..=1000).contains(&count), &option, &count, "1 to 1000", &remedy)
}

/// Refuses square pictures of `side` pixels where so many at once take more memory than is sane.
pub(crate) fn room(pictures: usize, side: usize) -> Result<()> {
    some("`size`", side, "pixels", "the side of the pictures that the network sees: `.size(64)`")?;
    let (many, pixels) = (pictures.max(1) as u128, (side as u128).saturating_mul(side as u128));
    let bytes = pixels.saturating_mul(PIXEL).saturating_mul(many);
    if bytes <= MOST {
        return Ok(());
    }
    let (smaller, fewer) = ((MOST / PIXEL / many).isqrt(), MOST / PIXEL / pixels);
    let mut remedy = format!("choose a smaller size, at most {smaller} for so many pictures: `.size({smaller})`");
    if fewer > 0 {
        remedy += &format!("; or fewer pictures at once, at most {fewer} of this size: `.batch({fewer})`");
    }
    let what = format!("`size` is {side}: {many} pictures of {side} × {side} pixels at once take {}", in_words(bytes));
    Err(Error::new(format!("{what}; expected at most {}", in_words(MOST))).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_the_value_and_the_range_are_named() {
        let says = some("`batch`", 0, "pictures", "write `.batch(32)`").unwrap_err().to_string();
        assert_eq!(says, "`batch` is 0; expected 1 or more pictures\n  → write `.batch(32)`");
        let says = split(f64::NAN).unwrap_err().to_string();
        assert!(says.starts_with("the share of `split` is NaN; expected a number between 0 and 1\n  → 0.2"), "{says}");
        for count in [0, 1001] {
            let says = shown("show_batch", count).unwrap_err().to_string();
            assert!(says.contains(&format!("`show_batch` is {count}; expected 1 to 1000")), "{says}");
        }
    }

    #[test]
    fn pictures_that_fill_the_memory_are_refused_with_their_bytes() {
        assert!(room(32, 224).is_ok() && room(4096, 224).is_ok() && room(1, 18_257).is_ok());
        let says = room(32, 1_000_000).unwrap_err().to_string();
        assert!(says.contains("32 pictures of 1000000 × 1000000 pixels at once take 384 TB; expected at most 4 GB"));
        assert!(says.ends_with("at most 3227 for so many pictures: `.size(3227)`") && room(32, 3227).is_ok(), "{says}");
        let says = room(100_000, 224).unwrap_err().to_string();
        assert!(says.contains("take 60.2 GB") && says.contains("`.batch(6643)`") && room(6643, 224).is_ok(), "{says}");
        let says = room(usize::MAX, usize::MAX).unwrap_err().to_string();
        assert!(says.contains("take more than 1000 EB"), "{says}");
        assert!(room(1, 0).unwrap_err().to_string().contains("`size` is 0; expected 1 or more pixels"));
    }
}
