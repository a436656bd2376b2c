//! Colours Rust as it is typed, with the terminal's own sixteen colours, so that it suits its light or dark ground.

use std::sync::LazyLock;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};
use syntect::util::LinesWithEndings;

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// A TextMate scope and its "select graphic rendition"; the first that matches counts.
const COLOURS: &[(&str, &str)] = &[
    ("comment", "90"),
    ("string", "32"),
    ("constant.character", "32"),
    ("constant", "33"),
    ("support.macro", "36"),
    ("entity.name.macro", "36"),
    ("storage.modifier.lifetime", "33"),
    ("keyword.operator", "39"),
    ("keyword", "35"),
    ("storage", "35"),
    ("variable.language", "35"),
    ("entity.name.function", "34"),
    ("support.function", "34"),
    ("entity.name", "36"),
    ("support.type", "36"),
];

static RULES: LazyLock<Vec<(Scope, &str)>> =
    LazyLock::new(|| COLOURS.iter().filter_map(|(scope, colour)| Some((Scope::new(scope).ok()?, *colour))).collect());

/// Loads the syntax in the background, so that the first key does not wait for it.
pub fn warm() {
    std::thread::spawn(|| LazyLock::force(&SYNTAXES));
}

/// The code with colours; every character of it stays.
pub fn rust(code: &str) -> String {
    if code.starts_with(':') {
        let end = code.find(char::is_whitespace).unwrap_or(code.len());
        return format!("\u{1b}[36m{}\u{1b}[0m{}", &code[..end], &code[end..]);
    }
    let Some(syntax) = SYNTAXES.find_syntax_by_token("rs") else { return code.to_owned() };
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    let mut out = String::with_capacity(code.len() * 2);
    for line in LinesWithEndings::from(code) {
        let Ok(changes) = state.parse_line(line, &SYNTAXES) else { return code.to_owned() };
        let mut last = 0;
        for (at, change) in changes {
            coloured(&line[last..at], &stack, &mut out);
            last = at;
            if stack.apply(&change).is_err() {
                return code.to_owned();
            }
        }
        coloured(&line[last..], &stack, &mut out);
    }
    out
}

fn coloured(text: &str, stack: &ScopeStack, out: &mut String) {
    let rule = |scope: &Scope| RULES.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
    let colour = stack.scopes.iter().rev().find_map(rule).filter(|(_, colour)| *colour != "39");
    match colour {
        Some((_, colour)) if !text.trim().is_empty() => {
            // A colour ends before its line does: the editor puts its own things at a line's start.
            let (text, end) = text.strip_suffix('\n').map_or((text, ""), |text| (text, "\n"));
            out.push_str(&format!("\u{1b}[{colour}m{text}\u{1b}[0m{end}"));
        }
        _ => out.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::terminal::without_escapes;

    #[test]
    fn every_character_stays() {
        for code in ["", "let x = \"a\nb\"; // c\n\nfn f<'a>(x: &'a str) {}", ":dep serde", "漢 = '字'", "\"unfinished"]
        {
            assert_eq!(without_escapes(&rust(code)), code);
        }
    }

    #[test]
    fn kinds_have_their_colours() {
        let line = rust("let n = 42; // why\nprintln!(\"hi\");");
        for part in ["\u{1b}[35mlet\u{1b}[0m", "\u{1b}[33m42\u{1b}[0m", "\u{1b}[36mprintln!\u{1b}[0m"] {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        assert!(line.contains("\u{1b}[90m") && line.contains("\u{1b}[32m"), "{line:?}");
    }
}
