//! Numbers of things in words.

/// So many of a thing: `1 picture`, `3 pictures`, `2 classes`, `0 copies`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let (before, last) = thing.split_at(thing.len() - thing.chars().next_back().map_or(0, char::len_utf8));
    match last {
        _ if number == 1 => format!("1 {thing}"),
        "s" | "x" => format!("{number} {thing}es"),
        "h" if before.ends_with("tc") || before.ends_with('s') => format!("{number} {thing}es"),
        "y" if !before.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {before}ies"),
        _ => format!("{number} {thing}s"),
    }
}

/// So many of a thing, and what they do: `1 picture is`, `3 pictures are`.
pub(crate) fn does(number: usize, thing: &str, one: &str, many: &str) -> String {
    format!("{} {}", count(number, thing), if number == 1 { one } else { many })
}

/// A share of so many things; of nothing there is none.
pub(crate) fn share_of(share: f64, things: usize) -> String {
    if things == 0 { "–".to_owned() } else { format!("{share:.3}") }
}

/// So many bytes: `1.5 kB`.
pub(crate) fn bytes(count: impl Into<u128>) -> String {
    let (bytes, units) = (count.into(), ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]);
    let power = bytes.checked_ilog(1000).unwrap_or(0) as usize;
    match units.get(power) {
        Some(unit) => format!("{} {unit}", (bytes as f64 / 1000f64.powi(power as i32) * 10.0).round() / 10.0),
        None => "more than 1000 EB".to_owned(),
    }
}

/// A number with its thousands apart: `1,234,567` with a comma as the mark.
pub(crate) fn thousands(number: u64, mark: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!([bytes(0u64), bytes(999u64), bytes(1500u64)], ["0 bytes", "999 bytes", "1.5 kB"]);
    }

    #[test]
    fn one_of_a_thing_is_no_plural() {
        for (number, thing, expected) in [
            (1, "picture", "1 picture"),
            (0, "picture", "0 pictures"),
            (2, "class", "2 classes"),
            (1, "class", "1 class"),
            (3, "box", "3 boxes"),
            (2, "batch", "2 batches"),
            (2, "epoch", "2 epochs"),
            (2, "copy", "2 copies"),
            (2, "key", "2 keys"),
            (1, "copy", "1 copy"),
        ] {
            assert_eq!(count(number, thing), expected);
        }
        assert_eq!(does(1, "picture", "is", "are"), "1 picture is");
        assert_eq!(does(2, "picture", "is", "are"), "2 pictures are");
    }
}
