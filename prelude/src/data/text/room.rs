//! How much memory a table takes, said before it is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::words::{bytes as in_words, thousands};
use crate::{Error, Result, show};

/// Tables of fewer rows are read without a word.
const MANY: u64 = 200_000;
/// So many bytes are looked at for the length of a line.
const LOOKED_AT: usize = 1 << 16;
/// What a row takes beside its text: where its cells end, its line, its number, its class, and how many tokens it has.
const PER_ROW: u64 = 64;

/// Says how much memory a large table will take.
///
/// # Errors
/// When this machine has not that much left.
pub(super) fn say(path: &Path, shown: &str) -> Result<()> {
    let Some((bytes, rows)) = size(path) else { return Ok(()) };
    if rows < MANY {
        return Ok(());
    }
    let (stay, while_read) = needed(bytes, rows);
    show::note(&format!(
        "`{shown}` has about {} rows, {} in all: it takes about {} of memory while it is read and {} afterwards; its tokens take 4 bytes each",
        in_thousands(rows),
        in_words(u128::from(bytes)),
        in_words(u128::from(while_read)),
        in_words(u128::from(stay))
    ));
    match free() {
        Some(free) if while_read > free => Err(Error::new(format!(
            "`{shown}` needs about {} of memory, and {} are free",
            in_words(u128::from(while_read)),
            in_words(u128::from(free))
        ))
        .remedy("read a part of it: `head -n 100000 big.csv > part.csv`")),
        _ => Ok(()),
    }
}

/// The bytes that a table takes once it is read, and while it is.
fn needed(bytes: u64, rows: u64) -> (u64, u64) {
    let stay = bytes + rows * PER_ROW;
    (stay, stay + 2 * bytes)
}

/// The bytes of a file, and about how many lines it has.
fn size(path: &Path) -> Option<(u64, u64)> {
    let bytes = std::fs::metadata(path).ok()?.len();
    let mut begin = Vec::new();
    File::open(path).ok()?.take(LOOKED_AT as u64).read_to_end(&mut begin).ok()?;
    let lines = begin.iter().filter(|byte| **byte == b'\n').count().max(1) as u64;
    Some((bytes, bytes.saturating_mul(lines) / (begin.len() as u64).max(1)))
}

/// The bytes that this machine has left, where it says so.
fn free() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A number to two digits, with thousands apart: `1,000,000`.
fn in_thousands(number: u64) -> String {
    let step = 10u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    thousands((number + step / 2) / step * step, ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_known_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.csv");
        std::fs::write(&path, "a fine film,1\n".repeat(300_000)).unwrap();
        let (bytes, rows) = size(&path).unwrap();
        assert_eq!(bytes, 4_200_000);
        assert!((290_000..310_000).contains(&rows), "{rows}");
        assert_eq!([in_thousands(1_004_321), in_thousands(7), in_thousands(245_600)], ["1,000,000", "7", "250,000"]);
        assert!(say(&path, "big.csv").is_ok() && free().is_none_or(|free| free > 0));
    }
}
