//! Where an interrupted loop leaves its cell, with what the cell has bound so far.
//!
//! Behind each loop of a cell stands [`GOES_ON`], which ends the cell as a `?` does where the user asked it to stop.
//! What the cell has bound by then would be dropped; so the program that is compiled puts it into the store first, and
//! tells the session which variables these are.

use super::unused::{PUTS, binding, names};
use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxNode};
use std::borrow::Cow;
use std::ops::Range;

/// Goes on with the cell, or leaves it.
pub const GOES_ON: &str = "::candlewick_prelude::cell::go_on()?;";
/// Whether the cell is to be left.
pub const STOPPED: &str = "::candlewick_prelude::cell::stopped()";

/// How the code begins, and ends, that stands in the program instead.
const LEAVES: (&str, &str) =
    ("return ::candlewick_prelude::cell::leave(&[", "]).map_err(::std::convert::Into::into); }");

/// The program that keeps what it has where it is left. Lines stay where they are.
pub fn keep(program: &str) -> String {
    let mut kept = program.to_owned();
    if !program.contains(GOES_ON) {
        return kept;
    }
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let mut places = Vec::new();
    for list in tree.descendants().filter_map(ast::StmtList::cast) {
        let statements: Vec<SyntaxNode> = list.syntax().children().collect();
        let texts: Vec<String> = statements.iter().map(|statement| statement.text().to_string()).collect();
        if !is_cells_own(&list) {
            continue;
        }
        for (at, text) in texts.iter().enumerate().filter(|(_, text)| text.contains(GOES_ON)) {
            let puts = puts(&statements, &texts, at);
            let start = usize::from(statements[at].text_range().start());
            places.extend(text.match_indices(GOES_ON).map(|(within, _)| (start + within, puts.clone())));
        }
    }
    places.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    for (at, (puts, names)) in places {
        let (before, after) = LEAVES;
        kept.replace_range(at..at + GOES_ON.len(), &format!("if {STOPPED} {{ {puts}{before}{names}{after}"));
    }
    kept
}

/// Whether these are the statements of the cell: evcxr has them in a closure, or a block of their own.
fn is_cells_own(list: &ast::StmtList) -> bool {
    let Some(block) = list.syntax().parent().and_then(ast::BlockExpr::cast) else { return false };
    let ends = |text: String| text.contains("EvcxrUserCodeError");
    if block.async_token().is_some() {
        return list.tail_expr().is_some_and(|tail| ends(tail.syntax().text().to_string()));
    }
    let closure = block.syntax().parent().and_then(ast::ClosureExpr::cast);
    closure.and_then(|closure| closure.ret_type()).is_some_and(|kind| ends(kind.syntax().text().to_string()))
}

/// A part of a line, in characters from 1, that is another one as the cell's own code has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    line: usize,
    columns: Range<usize>,
    length: usize,
}

/// The program as it was before [`keep`], and what of its lines was otherwise.
pub fn without(program: &str) -> (Cow<'_, str>, Vec<Shift>) {
    let (before, after) = LEAVES;
    if !program.contains(before) {
        return (Cow::Borrowed(program), Vec::new());
    }
    let (mut lines, mut shifts) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(program.split('\n')) {
        let mut text = String::new();
        let mut rest = line;
        while let Some((start, end)) = rest.find(before).and_then(|at| {
            let start = rest[..at].rfind(&format!("if {STOPPED} {{ "))?;
            Some((start, at + rest[at..].find(after)? + after.len()))
        }) {
            let from = line[..line.len() - rest.len() + start].chars().count() + 1;
            let to = from + rest[start..end].chars().count();
            shifts.push(Shift { line: number, columns: from..to, length: GOES_ON.chars().count() });
            text.push_str(&rest[..start]);
            text.push_str(GOES_ON);
            rest = &rest[end..];
        }
        text.push_str(rest);
        lines.push(text);
    }
    (Cow::Owned(lines.join("\n")), shifts)
}

/// The column that this one was in the program before.
pub fn unshifted(shifts: &[Shift], line: usize, column: usize) -> usize {
    let mut back = 0;
    for shift in shifts.iter().filter(|shift| shift.line == line) {
        if column >= shift.columns.end {
            back += shift.columns.len() - shift.length;
        } else if column > shift.columns.start {
            return shift.columns.start - back;
        }
    }
    column - back
}

/// The code that stores what is bound before this statement, and the names.
fn puts(statements: &[SyntaxNode], texts: &[String], at: usize) -> (String, String) {
    let (mut code, mut list) = (String::new(), String::new());
    let stores: Vec<(&str, &String)> =
        texts.iter().filter(|text| text.starts_with(PUTS)).filter_map(|text| Some((stored(text)?, text))).collect();
    let bound: Vec<(usize, String, bool)> = statements
        .iter()
        .enumerate()
        .flat_map(|(at, node)| bound(node).into_iter().map(move |(name, set)| (at, name, set)))
        .collect();
    let is_stored = |name: &str| stores.iter().any(|(stored, _)| *stored == name);
    // What is used up later may borrow until then from what would be stored.
    let used_later = |name: &str| texts[at + 1..].iter().any(|text| !text.starts_with(PUTS) && names(text, name));
    if bound.iter().any(|(place, name, _)| *place < at && !is_stored(name) && used_later(name)) {
        return (code, list);
    }
    for (name, text) in stores {
        let mut own = bound.iter().filter(|(_, own, _)| own == name).peekable();
        if own.peek().is_some() && own.all(|(place, _, set)| *place < at && *set) {
            code.push_str(text.trim_end_matches(';'));
            code.push_str("; ");
            list.push_str(&format!("\"{name}\", "));
        }
    }
    (code, list)
}

/// The variable that a line stores.
fn stored(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once("(stringify!(")?;
    rest.split(')').next()
}

/// The variables that a `let` binds, and whether it gives them values.
fn bound(node: &SyntaxNode) -> Vec<(String, bool)> {
    let Some(statement) = ast::LetStmt::cast(node.clone()) else { return Vec::new() };
    let set = statement.initializer().is_some();
    let names = statement
        .pat()
        .into_iter()
        .flat_map(|pattern| pattern.syntax().descendants().filter_map(ast::IdentPat::cast).collect::<Vec<_>>());
    names.filter_map(|name| Some((name.name()?.text().to_string(), set))).collect()
}

/// Code that binds again what a cell that was left has put into the store.
pub fn restoring(program: &str, kept: &[String]) -> String {
    let mut code = String::new();
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let mutable = |name: &str| {
        let mut patterns = tree.descendants().filter_map(ast::IdentPat::cast);
        patterns.any(|own| own.mut_token().is_some() && own.name().is_some_and(|own| own.text() == name))
    };
    for line in program.lines().filter(|line| line.starts_with(PUTS)) {
        let kind = line[PUTS.len()..].rsplit_once(">(stringify!(").map(|(kind, _)| kind);
        let (Some(kind), Some(name)) = (kind, stored(line)) else { continue };
        if kept.iter().any(|kept| kept == name) {
            let word = if mutable(name) { "mut " } else { "" };
            code.push_str(&binding(&format!("{word}{name}"), kind, name));
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(body: &str, stores: &[(&str, &str)]) -> String {
        let stores: String =
            stores.iter().map(|(name, kind)| format!("{PUTS}{kind}>(stringify!({name}), {name});\n")).collect();
        format!(
            "fn run() {{\nlet old = evcxr_variable_store.take_variable::<u8>(stringify!(old));\nlet _ = (|| -> Result<(), EvcxrUserCodeError> {{\n{body}\n{stores}Ok(())}})();\n{PUTS}u8>(stringify!(old), old);\n}}\n"
        )
    }

    /// The names that are kept at the first place where the cell is left.
    fn kept(body: &str, stores: &[(&str, &str)]) -> String {
        let body = body.replace('¶', GOES_ON);
        let program = program(&body, stores);
        let kept = keep(&program);
        assert_eq!(kept.lines().count(), program.lines().count());
        let tree = SourceFile::parse(&kept, Edition::Edition2024);
        assert!(tree.errors().is_empty(), "{kept}");
        let (_, rest) = kept.split_once("::leave(&[").expect("it is left");
        rest.split(']').next().unwrap().trim_end_matches(", ").to_owned()
    }

    #[test]
    fn what_is_bound_before_is_kept() {
        let stores = [("a", "Vec<i32>"), ("b", "u8")];
        assert_eq!(kept("let mut a = vec![1]; for i in c { a.push(i); }¶ let b = 1;", &stores), "\"a\"");
        assert_eq!(kept("let (a, b) = f(); let a: Vec<i32> = a; loop {¶ f() }", &stores), "\"a\", \"b\"");
        assert_eq!(kept("for i in c { f() }¶ let (a, b) = f();", &stores), "");
    }

    #[test]
    fn what_is_not_sure_to_be_there_is_not() {
        let stores = [("a", "Vec<i32>"), ("b", "u8")];
        assert_eq!(kept("let a; let b = 1; for i in c { f() }¶ a = f();", &stores), "\"b\"", "it has no value yet");
        assert_eq!(
            kept("let a = 'x'; let b = 1; for i in c { f() }¶ let a = f();", &stores),
            "\"b\"",
            "of another type"
        );
        assert_eq!(kept("let a = f(); let w = g(&a); for i in c { f() }¶ drop(w);", &stores), "", "it is lent");
        assert_eq!(kept("let a = f(); let w = g(); for i in w { f() }¶ let b = 1;", &stores), "\"a\"");
    }

    #[test]
    fn a_loop_in_a_loop_is_replaced_once_and_can_be_put_back() {
        let body = "let a = vec![1]; loop {¶ f(é) }\nfor i in c { g() }\n¶ let b = 1;".replace('¶', GOES_ON);
        let program = program(&body, &[("a", "Vec<i32>"), ("b", "u8")]);
        let kept = keep(&program);
        assert_eq!(kept.matches("::leave(&[").count(), 2);
        let (back, shifts) = without(&kept);
        assert_eq!((back.as_ref(), shifts.len()), (program.as_str(), 2));
        let column = |text: &str, line: usize| {
            let found = text.lines().nth(line - 1).unwrap().find("f(é)").unwrap();
            text.lines().nth(line - 1).unwrap()[..found].chars().count() + 1
        };
        let line = 1 + program.lines().position(|line| line.contains("f(é)")).unwrap();
        assert_eq!(unshifted(&shifts, line, column(&kept, line)), column(&program, line));
        assert_eq!(unshifted(&shifts, line, 3), 3);
        assert_eq!(unshifted(&shifts, line + 9, 70), 70);
        assert_eq!(without("fn run() {}"), (Cow::Borrowed("fn run() {}"), Vec::new()));
        // A cell that binds nothing is left too.
        assert!(keep(&self::program(&GOES_ON.replace('¶', GOES_ON), &[])).contains("::leave(&[])"));
    }

    #[test]
    fn what_was_kept_is_bound_again() {
        let program = program("let mut a = vec![1]; let b = 1; for i in c { f() }¶", &[("a", "Vec<i32>"), ("b", "u8")]);
        assert_eq!(
            restoring(&program, &["a".to_owned()]),
            "let mut a: Vec<i32> = { let kept = evcxr_variable_store.take_variable::<Vec<i32>>(stringify!(a)); kept };\n"
        );
        assert_eq!(restoring(&program, &[]), "");
        assert_eq!(keep("fn run() {}"), "fn run() {}");
    }
}
