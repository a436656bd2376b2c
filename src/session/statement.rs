//! The statement of a cell that stands at a place.

use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, T};

/// A statement, and whether a block, a loop or a function is around it.
#[derive(Debug, PartialEq)]
pub struct Statement {
    /// Its text on one line, without the mark at its end.
    pub text: String,
    pub nested: bool,
}

/// Verbs of the prelude that change what they take and may fail.
const MAY_FAIL: [&str; 8] = ["split", "hold_out", "only", "drop", "rename", "merge", "add_classes", "encoding"];

impl Statement {
    /// What keeps what a method of a variable gives, where the statement binds nothing, under the same name.
    pub fn bound_again(&self, name: &str) -> Option<String> {
        let call = self.text.as_str();
        let method = call.strip_prefix(name)?.trim_start().strip_prefix('.')?;
        let method = method.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        // a field's method takes the field
        if !method.starts_with(['(', ':']) || call.contains(" = ") {
            return None;
        }
        let verb = last_verb(call)?;
        let tried = if MAY_FAIL.contains(&verb) && !call.ends_with('?') { "?" } else { "" };
        let closed = call.ends_with(')') || call.ends_with('?');
        closed.then(|| match self.nested {
            false => format!("`let {name} = {call}{tried};`"),
            true => format!(
                "`let {name} = {call}{tried};` within the block, or the block's own value (`let {name} = if … {{ {call}{tried} }} else {{ … }};`)"
            ),
        })
    }

    /// The name under which the statement binds what a method of a variable gives.
    pub fn bound_as(&self, name: &str) -> Option<&str> {
        let (left, right) = self.text.strip_prefix("let ")?.split_once('=')?;
        let other = left.trim().trim_start_matches("mut ").split(':').next()?.trim();
        let calls = right.trim().strip_prefix(name)?.trim_start().starts_with('.');
        let is_name = !other.is_empty() && other.chars().all(|c| c.is_alphanumeric() || c == '_');
        (calls && is_name && !self.nested && ![name, "_"].contains(&other)).then_some(other)
    }
}

/// The verb that a chain of calls ends with.
fn last_verb(call: &str) -> Option<&str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut depth, mut verb) = (0usize, None);
    for (at, c) in call.char_indices() {
        match c {
            '(' | '[' | '{' => {
                if depth == 0 {
                    let head = call[..at].trim_end();
                    verb = Some(&head[head.trim_end_matches(word).len()..]);
                }
                depth += 1;
            }
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    verb
}

/// The innermost statement around a byte of a cell.
pub fn statement_at(code: &str, at: usize) -> Statement {
    // A file's tokens are the same whatever the parser makes of them.
    let parse = SourceFile::parse(code, Edition::Edition2024);
    let tokens = parse.syntax_node().descendants_with_tokens().filter_map(|element| element.into_token());
    // where the statement begins in each block that is open, and how many brackets are open in it
    let mut open = vec![(0, 0usize)];
    let (mut end, mut inside) = (code.len(), None);
    for token in tokens {
        let (start, stop) = (usize::from(token.text_range().start()), usize::from(token.text_range().end()));
        if inside.is_none() && start >= at {
            inside = open.last().map(|(from, brackets)| (*from, open.len(), *brackets));
        }
        let blocks = open.len();
        match token.kind() {
            T!['('] | T!['['] => open.last_mut().into_iter().for_each(|(_, brackets)| *brackets += 1),
            T![')'] | T![']'] => {
                open.last_mut().into_iter().for_each(|(_, brackets)| *brackets = brackets.saturating_sub(1));
            }
            T!['{'] => open.push((stop, 0)),
            T!['}'] if blocks > 1 => {
                open.pop();
                // a block that is all of a statement ends it
                if let Some((from, 0)) = open.last().copied() {
                    let head = code[from..start].trim_start();
                    let ends = ["if ", "for ", "while ", "loop", "match ", "fn ", "impl ", "{", "unsafe"];
                    if ends.iter().any(|word| head.starts_with(word)) {
                        open.last_mut().into_iter().for_each(|(from, _)| *from = stop);
                    }
                }
                if inside.is_some_and(|(_, depth, _)| open.len() < depth) {
                    end = start;
                    break;
                }
            }
            T![;] if open.last().is_some_and(|(_, brackets)| *brackets == 0) => {
                if inside.is_some_and(|(_, depth, _)| depth == blocks) {
                    end = start;
                    break;
                }
                open.last_mut().into_iter().for_each(|(from, _)| *from = stop);
            }
            SyntaxKind::COMMENT if open.last().is_some_and(|(from, _)| code[*from..start].trim().is_empty()) => {
                open.last_mut().into_iter().for_each(|(from, _)| *from = stop);
            }
            _ => {}
        }
    }
    let (from, depth, _) = inside.unwrap_or((open.last().map_or(0, |(from, _)| *from), open.len(), 0));
    let mut text = String::new();
    for line in code.get(from..end.max(from)).unwrap_or_default().lines().map(str::trim) {
        let joined = line.starts_with(['.', ')', ']', '?']) || text.ends_with(['(', '[']) || text.is_empty();
        text.push_str(if joined { "" } else { " " });
        text.push_str(line);
    }
    Statement { text, nested: depth > 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_found_with_what_is_around_it() {
        for (code, word, text, nested) in [
            ("data.size(64);", "data", "data.size(64)", false),
            ("let a = 1; data.size(64); other.size(32);", "other", "other.size(32)", false),
            ("data\n    .size(64)\n    .batch(8);\nlet x = 1;", "data", "data.size(64).batch(8)", false),
            ("data.only(\n    &[\"a;b\"],\n)?;", "data", "data.only(&[\"a;b\"],)?", false),
            ("if true {\n    data.size(64);\n}", "data", "data.size(64)", true),
            ("for i in 0..3 { data.size(i) }", "data", "data.size(i)", true),
            ("fn f() { 1 }\ndata.size(64);", "data", "data.size(64)", false),
            ("// data; first\ndata.size(64)", "data.", "data.size(64)", false),
            ("let s = \"}\"; data.size(1);", "data", "data.size(1)", false),
            ("let c = |x: i32| { x + 1 };\ndata.size(c(2));", "data", "data.size(c(2))", false),
        ] {
            let at = code.find(word).unwrap();
            assert_eq!(statement_at(code, at), Statement { text: text.to_owned(), nested }, "{code}");
        }
    }

    #[test]
    fn what_a_method_gives_is_bound_again() {
        for (line, name, bound) in [
            ("data.size(32);", "data", Some("`let data = data.size(32);`")),
            ("data.size(32)", "data", Some("`let data = data.size(32);`")),
            ("d.len(); d.split(0.2, 1)?;", "d.s", Some("`let d = d.split(0.2, 1)?;`")),
            ("d.batch(8)\n  .split(0.2, 1);", "d", Some("`let d = d.batch(8).split(0.2, 1)?;`")),
            ("d.rename(&[(\"a;b\", \"c\")])?;", "d", Some("`let d = d.rename(&[(\"a;b\", \"c\")])?;`")),
            (
                "if x { d.size(1); }",
                "d",
                Some(
                    "`let d = d.size(1);` within the block, or the block's own value (`let d = if … { d.size(1) } else { … };`)",
                ),
            ),
            ("let e = d.size(32);", "d", None),
            ("d.0.size(64);", "d", None),
            ("take(d);", "d", None),
            ("drop(d);", "d)", None),
            ("other.size(1);", "her", None),
        ] {
            let statement = statement_at(line, line.find(name).unwrap());
            let name = &name[..1 + name[1..].find(|c: char| !c.is_alphabetic()).unwrap_or(name.len() - 1)];
            assert_eq!(statement.bound_again(name).as_deref(), bound, "{line}");
        }
        let bound = |code: &str| statement_at(code, 4).bound_as("data").map(str::to_owned);
        assert_eq!(bound("let small: X = data.size(32);").as_deref(), Some("small"));
        assert_eq!(bound("let _ = data.size(32);"), None);
        assert_eq!((bound("let data = data.size(32);"), bound("let a = f(data);")), (None, None));
    }
}
