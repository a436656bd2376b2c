//! Whether a piece of code could be run as it stands, by rust-analyzer's parser.

use super::Completeness;
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, T};

const BEFORE: &str = "fn cell() {\n";

/// Whether `code` could be run as it stands.
pub fn completeness(code: &str) -> Completeness {
    // evcxr's commands and shell lines are complete by themselves.
    let rust: String =
        code.lines().map(|line| if is_command(line) { "\n".into() } else { format!("{line}\n") }).collect();
    if rust.trim().is_empty() {
        return Completeness::Complete;
    }
    let parse = SourceFile::parse(&format!("{BEFORE}{rust}\n}}\n"), Edition::Edition2024);
    let errors = parse.errors();
    if errors.is_empty() {
        return Completeness::Complete;
    }
    match open_delimiters(&rust) {
        Delimiters::Mismatched => Completeness::Invalid,
        Delimiters::Unterminated => Completeness::Incomplete { indent: String::new() },
        Delimiters::Open(depth) if depth > 0 => Completeness::Incomplete { indent: "    ".repeat(depth) },
        // Delimiters match, so only an error at the very end can be mended by going on.
        Delimiters::Open(_) => {
            let end = BEFORE.len() + rust.trim_end().len();
            match errors.iter().all(|error| usize::from(error.range().start()) >= end) {
                true => Completeness::Incomplete { indent: "    ".to_owned() },
                false => Completeness::Invalid,
            }
        }
    }
}

fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with(':') && !line.starts_with("::")) || line.starts_with('!')
}

enum Delimiters {
    /// So many are open.
    Open(usize),
    /// A closing one has no opening one.
    Mismatched,
    /// A string or a comment has no end.
    Unterminated,
}

fn open_delimiters(code: &str) -> Delimiters {
    // A file's tokens are the same whatever the parser makes of them.
    let parse = SourceFile::parse(code, Edition::Edition2024);
    let mut open = Vec::new();
    let mut end = Delimiters::Open(0);
    for element in parse.syntax_node().descendants_with_tokens() {
        let NodeOrToken::Token(token) = element else { continue };
        let closing = match token.kind() {
            T!['('] => Some(T![')']),
            T!['['] => Some(T![']']),
            T!['{'] => Some(T!['}']),
            kind @ (T![')'] | T![']'] | T!['}']) => {
                if open.pop() != Some(kind) {
                    return Delimiters::Mismatched;
                }
                None
            }
            SyntaxKind::STRING | SyntaxKind::BYTE_STRING | SyntaxKind::C_STRING | SyntaxKind::COMMENT => {
                if unterminated(token.text(), token.kind()) {
                    end = Delimiters::Unterminated;
                }
                None
            }
            _ => None,
        };
        open.extend(closing);
    }
    match end {
        Delimiters::Unterminated => end,
        _ => Delimiters::Open(open.len()),
    }
}

fn unterminated(text: &str, kind: SyntaxKind) -> bool {
    if kind == SyntaxKind::COMMENT {
        return text.starts_with("/*") && text.matches("/*").count() > text.matches("*/").count();
    }
    let text = text.trim_start_matches(['b', 'c']);
    if let Some(raw) = text.strip_prefix('r') {
        let hashes: String = raw.chars().take_while(|&c| c == '#').collect();
        let body = &raw[hashes.len()..];
        return body.len() < 2 || !body.ends_with(&format!("\"{hashes}"));
    }
    let body = text.strip_prefix('"').unwrap_or(text);
    let mut escaped = false;
    let mut closed = false;
    for c in body.chars() {
        closed = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    !closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &str) {
        let found = match completeness(code) {
            Completeness::Complete => "complete".to_owned(),
            Completeness::Incomplete { indent } => format!("incomplete {}", indent.len()),
            Completeness::Invalid => "invalid".to_owned(),
        };
        assert_eq!(found, expected, "{code:?}");
    }

    #[test]
    fn complete_code() {
        for code in
            ["", "1 + 1", "let x = 5;", "x", "use std::fmt;\nlet a = 1;", ":vars", ":dep serde = \"1\"\nlet x = 1;"]
        {
            check(code, "complete");
        }
        check("fn f() -> i32 {\n    1\n}\nf()", "complete");
        check("let s = \"a { b\"; // (", "complete");
        check("!ls -l (", "complete");
        check("let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;", "complete");
    }

    #[test]
    fn code_that_wants_more() {
        check("fn f() {", "incomplete 4");
        check("for i in 0..3 {\n  if i > 1 {", "incomplete 8");
        check("foo(1,", "incomplete 4");
        check("let x =", "incomplete 4");
        check("1 +", "incomplete 4");
        check("let s = \"abc", "incomplete 0");
        check("/* a", "incomplete 0");
        check("let s = r#\"abc\"", "incomplete 0");
    }

    #[test]
    fn code_that_nothing_can_mend() {
        check("fn f() }", "invalid");
        check("(1]", "invalid");
        check("let = = 3; x", "invalid");
    }
}
