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

#[cfg(test)]
mod tests {
    use super::*;

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
