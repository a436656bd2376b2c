//! Files of annotations as text, and the numbers in it.

use super::fault::{Fault, FaultKind, Spot};
use std::io::Read;
use std::path::Path;

/// The most bytes of a file about one picture.
pub(super) const SMALL: u64 = 64 << 20;
/// The most bytes of a file about many.
pub(super) const LARGE: u64 = 8 << 30;

/// The text of a file without a byte-order mark, or what is wrong with it.
pub(super) fn read(path: &Path, most: u64) -> Result<String, Fault> {
    let faulty = |kind: FaultKind, what: String| Fault::new(kind, path, Spot::Whole, what);
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(faulty(FaultKind::NotParseable, format!("the file cannot be read: {error}"))
            .remedy("check that you may read it"));
    }
    if bytes.len() as u64 > most {
        return Err(faulty(FaultKind::NotParseable, format!("the file is larger than {} MB", most >> 20)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        }),
        Err(error) => {
            let bytes = error.as_bytes();
            if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                return Err(faulty(FaultKind::NotUtf8, "it is UTF-16, not UTF-8".to_owned()));
            }
            let good = error.utf8_error().valid_up_to();
            let line = 1 + bytes[..good].iter().filter(|byte| **byte == b'\n').count();
            Err(Fault::new(FaultKind::NotUtf8, path, Spot::Line(line), "a character here is no UTF-8"))
        }
    }
}

/// What a text says as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// This one.
    Plain(f64),
    /// This one, with a comma before its decimals.
    Comma(f64),
    /// None, or none that is finite.
    Not,
}

/// Reads a number; one comma stands for a point.
pub(super) fn number(text: &str) -> Number {
    let text = text.trim();
    // What Rust reads as a number and nobody writes as a coordinate: `inf`, `nan`.
    let parsed = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    if let Some(number) = parsed(text) {
        return Number::Plain(number);
    }
    let commas = text.matches(',').count();
    match parsed(&text.replace(',', ".")) {
        Some(number) if commas == 1 => Number::Comma(number),
        _ => Number::Not,
    }
}

/// Whether a text means yes: `1`, `true`, `True`, `1.0`. `None` where it says neither.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" => Some(true),
        "0" | "0.0" | "false" | "no" | "" => Some(false),
        // Open Images writes -1 where nobody looked.
        "-1" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_points_and_commas() {
        assert_eq!(number(" 12.5 "), Number::Plain(12.5));
        assert_eq!(number("12,5"), Number::Comma(12.5));
        for text in ["", "x", "1,2,3", "nan", "inf", "1e999", "-"] {
            assert_eq!(number(text), Number::Not, "{text}");
        }
    }

    #[test]
    fn text_that_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            super::read(&file, 100).map_err(|fault| (fault.kind, fault.spot, fault.what))
        };
        assert_eq!(read("\u{feff}text".as_bytes()).unwrap(), "text");
        assert_eq!(read(b"a\nb\xe9\n").unwrap_err().1, Spot::Line(2));
        assert!(read(b"\xff\xfea\0").unwrap_err().2.contains("UTF-16"));
        assert_eq!(read(&[b'a'; 101]).unwrap_err().0, FaultKind::NotParseable);
    }
}
