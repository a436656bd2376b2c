//! What a cell leaves to the next lives for ever: types of variables say so.

/// The type with `'static` wherever it leaves a lifetime out; in a function's signature (`fn(&str) -> &str`) they are
/// the call's.
pub fn for_ever(kind: &str) -> String {
    let mut text = String::with_capacity(kind.len());
    let mut rest = kind;
    // How many brackets of a function's arguments are open, and, behind them, of the angled ones of what it returns.
    let (mut call, mut returned) = (0usize, None);
    while let Some(c) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let free = call == 0 && returned.is_none();
        if free && c == '&' && !rest[1..].trim_start().starts_with('\'') {
            text.push_str("&'static ");
            rest = rest[1..].trim_start();
            continue;
        }
        if free && rest.starts_with("'_") && !rest[2..].starts_with(is_word) {
            text.push_str("'static");
            rest = &rest[2..];
            continue;
        }
        let mut take = if word > 0 { word } else { c.len_utf8() };
        if rest.starts_with("->") {
            take = 2;
        } else if c == '('
            && (call > 0 || ["fn", "Fn", "FnMut", "FnOnce"].iter().any(|name| ends_with_word(&text, name)))
        {
            call += 1;
        } else if c == ')' && call > 0 {
            call -= 1;
            if call == 0 && rest[1..].trim_start().starts_with("->") {
                returned = Some(0usize);
            }
        } else if let Some(depth) = returned {
            returned = match c {
                '<' => Some(depth + 1),
                '>' | ',' | ')' if depth == 0 => None,
                '>' => Some(depth - 1),
                _ => Some(depth),
            };
        }
        text.push_str(&rest[..take]);
        rest = &rest[take..];
    }
    text
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let before = text.trim_end().strip_suffix(word);
    before.is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_live_for_ever() {
        for (kind, expected) in [
            ("&str", "&'static str"),
            ("Option<(&str, &mut [u8])>", "Option<(&'static str, &'static mut [u8])>"),
            ("&'static str", "&'static str"),
            ("VarBuilderArgs<'_, Box<dyn SimpleBackend>>", "VarBuilderArgs<'static, Box<dyn SimpleBackend>>"),
            ("fn(&i32) -> &i32", "fn(&i32) -> &i32"),
            ("(fn(&i32) -> Option<&i32>, &str)", "(fn(&i32) -> Option<&i32>, &'static str)"),
            ("Box<dyn Fn(&str, (u8, &u8)) -> usize>", "Box<dyn Fn(&str, (u8, &u8)) -> usize>"),
            ("HashMap<&str, fn(&u8)>", "HashMap<&'static str, fn(&u8)>"),
            ("Vec<i32>", "Vec<i32>"),
            ("&&str", "&'static &'static str"),
        ] {
            assert_eq!(for_ever(kind), expected, "{kind}");
        }
    }
}
