//! Whether Rust could be run as it stands, by rust-analyzer's parser.

use super::Completeness;
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, T};

const BEFORE: &str = "fn cell() {\n";

/// Whether code without any commands could be run as it stands.
pub(super) fn of_rust(rust: &str) -> Completeness {
    if rust.trim().is_empty() {
        return Completeness::Complete;
    }
    let parse = SourceFile::parse(&format!("{BEFORE}{rust}\n}}\n"), Edition::Edition2024);
    let errors = parse.errors();
    if errors.is_empty() {
        return Completeness::Complete;
    }
    match open_delimiters(rust) {
        Delimiters::Mismatched => Completeness::Invalid,
        Delimiters::Unterminated => Completeness::Incomplete { indent: String::new() },
        Delimiters::Open(depth) if depth > 0 => Completeness::Incomplete { indent: "    ".repeat(depth) },
        // Delimiters match, so only an error at the very end can be mended by going on.
        Delimiters::Open(_) => {
            let end = BEFORE.len() + said(rust);
            match errors.iter().all(|error| usize::from(error.range().start()) >= end) {
                true => Completeness::Incomplete { indent: "    ".to_owned() },
                false => Completeness::Invalid,
            }
        }
    }
}

/// Whether all that is wrong is that something is missing behind the end: `x.`, `1 +`, `let a =`.
pub fn is_half(rust: &str) -> bool {
    matches!(of_rust(rust), Completeness::Incomplete { .. }) && matches!(open_delimiters(rust), Delimiters::Open(0))
}

/// Where the last word ends; comments behind it say nothing.
fn said(rust: &str) -> usize {
    let file = SourceFile::parse(rust, Edition::Edition2024).syntax_node();
    let words = file.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let ends = words.filter(|word| !word.kind().is_trivia()).map(|word| usize::from(word.text_range().end()));
    ends.max().unwrap_or(rust.trim_end().len())
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
