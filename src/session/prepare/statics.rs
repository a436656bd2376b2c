//! Statics whose value lives on from cell to cell.
//!
//! Each cell is a library of its own that holds all items of the cells before it, and so a new copy of each static.
//! Where a static's value can change, the copies are led to one value that the prelude keeps.

use super::super::edits::Edits;
use super::syntax::{self, Parsed, digest, normal, range};
use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxNode};
use std::collections::HashSet;
use std::ops::Range;

/// Types whose value may change though it is shared.
const CHANGING: [&str; 14] = [
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "Once",
    "OnceCell",
    "Condvar",
    "Barrier",
    "Lazy",
    "Cell",
    "RefCell",
    "UnsafeCell",
    "DashMap",
    "ArcSwap",
];

/// Where the prelude keeps such values.
const ROOM: &str = "::candlewick_prelude::cell";

/// Leads the statics of a cell to values that are kept. `changing` names the user's own types whose value may change;
/// `notes` is told what cannot be kept.
pub fn edit(parsed: &Parsed, changing: &HashSet<String>, edits: &mut Edits, notes: &mut Vec<String>) {
    for node in &parsed.nodes {
        if let Some(item) = ast::Static::cast(node.clone()) {
            of_static(&item, changing, edits, notes);
        } else if let Some(call) = macro_call(node) {
            of_macro(node, &call, edits);
        }
    }
}

/// The names of the cell's own types whose value may change.
pub fn changing_types(parsed: &Parsed, known: &HashSet<String>) -> HashSet<String> {
    let mut found = HashSet::new();
    for node in &parsed.nodes {
        let (Some(name), Some(fields)) = (
            ast::Struct::cast(node.clone()).and_then(|item| item.name()),
            node.children().find(|child| ast::FieldList::can_cast(child.kind())),
        ) else {
            continue;
        };
        if changes(&fields, &found) || changes(&fields, known) {
            found.insert(name.text().to_string());
        }
    }
    found
}

fn changes(node: &SyntaxNode, own: &HashSet<String>) -> bool {
    node.descendants().filter_map(ast::NameRef::cast).any(|name| {
        let name = name.text().to_string();
        CHANGING.contains(&name.as_str()) || name.starts_with("Atomic") || own.contains(&name)
    })
}

fn of_static(item: &ast::Static, changing: &HashSet<String>, edits: &mut Edits, notes: &mut Vec<String>) {
    let (Some(name), Some(kind), Some(value)) = (item.name(), item.ty(), item.body()) else { return };
    if item.mut_token().is_some() {
        notes.push(format!(
            "`static mut {name}` begins anew in each cell, since every cell is compiled for itself.\n  → what is to last \
             goes into a variable (`let mut {}: {} = {};`), or into a static that need not be `mut`: an atomic or a \
             `Mutex` is kept from cell to cell",
            name.text().to_lowercase(),
            kind.syntax().text(),
            value.syntax().text()
        ));
        return;
    }
    if !changes(kind.syntax(), changing) {
        return;
    }
    let stamp = digest(&format!("{} = {}", normal(kind.syntax()), normal(value.syntax())));
    let (kind, value) = (range(kind.syntax()), range(value.syntax()));
    edits.insert(kind.start, format!("{ROOM}::Kept<"));
    edits.insert(kind.end, ">");
    edits.insert(value.start, format!("{ROOM}::Kept::new(\"{name}\", {stamp}, || const {{ "));
    edits.insert(value.end, " })");
}

fn macro_call(node: &SyntaxNode) -> Option<ast::MacroCall> {
    let expression = ast::ExprStmt::cast(node.clone()).and_then(|statement| Some(statement.expr()?.syntax().clone()));
    let node = expression.unwrap_or_else(|| node.clone());
    match ast::MacroExpr::cast(node.clone()) {
        Some(call) => call.macro_call(),
        None => ast::MacroCall::cast(node),
    }
}

/// Whether a statement is a macro that only declares statics.
pub fn declares(node: &SyntaxNode) -> bool {
    let name = macro_call(node).and_then(|call| Some(call.path()?.segment()?.syntax().text().to_string()));
    name.is_some_and(|name| name == "thread_local" || name == "lazy_static")
}

/// `thread_local!` and `lazy_static!`: what they declare is seen by later cells, and kept.
fn of_macro(node: &SyntaxNode, call: &ast::MacroCall, edits: &mut Edits) {
    let name = call.path().and_then(|path| path.segment()).map(|segment| segment.syntax().text().to_string());
    let Some(tokens) = call.token_tree() else { return };
    let of_thread = match name.as_deref() {
        Some("thread_local") => true,
        Some("lazy_static") => false,
        _ => return,
    };
    let inner = range(tokens.syntax());
    let inner = inner.start + 1..inner.end.saturating_sub(1);
    let text = tokens.syntax().text().to_string();
    let Some(text) = text.get(1..text.len().saturating_sub(1)) else { return };
    // `static ref` is no Rust outside of the macro.
    let (text, references) = without_ref(text);
    let mut source = text.clone();
    if !source.trim_end().ends_with(';') {
        source.push(';');
    }
    let parse = SourceFile::parse(&source, Edition::Edition2024);
    let statics: Option<Vec<ast::Static>> = parse.syntax_node().children().map(ast::Static::cast).collect();
    let Some(statics) = statics.filter(|statics| !statics.is_empty() && parse.errors().is_empty()) else { return };
    let outer = range(node);
    // Without the macro around it each static is an item of its own.
    edits.replace(outer.start..inner.start, "");
    edits.replace(inner.end..outer.end, if text.trim_end().ends_with(';') { "" } else { ";" });
    for reference in references {
        edits.replace(inner.start + reference.start..inner.start + reference.end, "");
    }
    let kind_name = if of_thread { "KeptLocal" } else { "Kept" };
    for item in statics {
        let (Some(name), Some(kind), Some(value)) = (item.name(), item.ty(), item.body()) else { continue };
        let stamp = digest(&format!("{} = {}", normal(kind.syntax()), normal(value.syntax())));
        let place = |node: &SyntaxNode| {
            let range = node.text_range();
            inner.start + usize::from(range.start())..inner.start + usize::from(range.end())
        };
        let (kind, value) = (place(kind.syntax()), place(value.syntax()));
        edits.insert(kind.start, format!("{ROOM}::{kind_name}<"));
        edits.insert(kind.end, ">");
        edits.insert(value.start, format!("{ROOM}::{kind_name}::new(\"{name}\", {stamp}, || "));
        edits.insert(value.end, ")");
    }
}

/// The text with each `ref` after `static` made blank, and where those stood.
fn without_ref(text: &str) -> (String, Vec<Range<usize>>) {
    let parse = SourceFile::parse(text, Edition::Edition2024);
    let mut found = Vec::new();
    let mut before = String::new();
    for token in parse.syntax_node().descendants_with_tokens().filter_map(|element| element.into_token()) {
        if token.kind().is_trivia() {
            continue;
        }
        if before == "static" && token.text() == "ref" {
            found.push(usize::from(token.text_range().start())..usize::from(token.text_range().end()));
        }
        before = token.text().to_owned();
    }
    let mut text = text.to_owned();
    for range in &found {
        text.replace_range(range.clone(), "   ");
    }
    (text, found)
}

/// The user's macro calls that stand as statements: the macro's name, and the names that it is called with. What items
/// they make is seen by their own cell alone.
pub fn calls(parsed: &Parsed) -> Vec<(String, Vec<String>)> {
    let call = |node: &SyntaxNode| {
        let call = macro_call(node)?;
        let name = call.path()?.segment()?.syntax().text().to_string();
        let tokens = call.token_tree()?.syntax().descendants_with_tokens().filter_map(|element| element.into_token());
        let names = tokens.filter(|token| token.kind() == syntax::NAME).map(|token| token.text().to_owned()).collect();
        Some((name, names))
    };
    parsed.nodes.iter().filter_map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(code: &str) -> (String, Vec<String>) {
        let (mut edits, mut notes) = (Edits::default(), Vec::new());
        let parsed = Parsed::of(code);
        let known = HashSet::from(["Known".to_owned()]);
        let changing = changing_types(&parsed, &known).union(&known).cloned().collect();
        edit(&parsed, &changing, &mut edits, &mut notes);
        let text = edits.apply(code).text.replace("::candlewick_prelude::cell::", "§");
        assert!(!Parsed::of(&text.replace('§', "p::")).broken, "{text}");
        let mut without_stamps = String::new();
        for part in text.split_inclusive("\", ") {
            without_stamps.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        (without_stamps, notes)
    }

    #[test]
    fn a_static_that_changes_is_kept() {
        let check = |code: &str, expected: &str| assert_eq!(edited(code).0, expected);
        check(
            "static HITS: AtomicUsize = AtomicUsize::new(0);",
            "static HITS: §Kept<AtomicUsize> = §Kept::new(\"HITS\", , || const { AtomicUsize::new(0) });",
        );
        check(
            "pub static M: std::sync::Mutex<Vec<i32>> = Mutex::new(vec![]);",
            "pub static M: §Kept<std::sync::Mutex<Vec<i32>>> = §Kept::new(\"M\", , || const { Mutex::new(vec![]) });",
        );
        check(
            "static K: Known = Known::new();",
            "static K: §Kept<Known> = §Kept::new(\"K\", , || const { Known::new() });",
        );
        check(
            "struct Own { n: AtomicU8 }\nstatic K: Own = Own::new();",
            "struct Own { n: AtomicU8 }\nstatic K: §Kept<Own> = §Kept::new(\"K\", , || const { Own::new() });",
        );
        for plain in ["static A: &str = \"a\";", "static B: [i32; 2] = [1, 2];", "static P: Point = Point { x: 1 };"] {
            check(plain, plain);
        }
        check("fn f() { static N: AtomicU8 = AtomicU8::new(0); }", "fn f() { static N: AtomicU8 = AtomicU8::new(0); }");
    }

    #[test]
    fn statics_of_macros_are_items() {
        let check = |code: &str, expected: &str| assert_eq!(edited(code).0, expected);
        check(
            "thread_local! { static D: Cell<i32> = Cell::new(1); }",
            " static D: §KeptLocal<Cell<i32>> = §KeptLocal::new(\"D\", , || Cell::new(1)); ",
        );
        check(
            "std::thread_local!(pub static D: Cell<i32> = const { Cell::new(1) });\nD.get()",
            "pub static D: §KeptLocal<Cell<i32>> = §KeptLocal::new(\"D\", , || const { Cell::new(1) });\nD.get()",
        );
        check(
            "lazy_static! { static ref A: Vec<i32> = vec![1]; static ref B: i32 = 2; }",
            " static  A: §Kept<Vec<i32>> = §Kept::new(\"A\", , || vec![1]); static  B: §Kept<i32> = §Kept::new(\"B\", , || 2); ",
        );
        check("println!(\"static\");", "println!(\"static\");");
        check("vec![1]", "vec![1]");
    }

    #[test]
    fn a_static_that_cannot_be_kept_is_told_with_what_to_write() {
        let (text, notes) = edited("static mut COUNT: u32 = 0;");
        assert_eq!(text, "static mut COUNT: u32 = 0;");
        assert!(notes[0].contains("`static mut COUNT`") && notes[0].contains("`let mut count: u32 = 0;`"), "{notes:?}");
    }

    #[test]
    fn calls_of_macros_are_known_by_their_names() {
        let parsed = Parsed::of("make!(Foo, 3); let x = vec![Bar]; other! { Baz }");
        assert_eq!(
            calls(&parsed),
            [("make".to_owned(), vec!["Foo".to_owned()]), ("other".to_owned(), vec!["Baz".to_owned()])]
        );
    }
}
