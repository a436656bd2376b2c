//! What evcxr is given for a cell: the user's code with a few changes, after each of which every place is findable.
//!
//! - `leading`: commands behind comments, and Rust that looks like a command.
//! - `tail`: the last expression becomes a statement that shows its value.
//! - `statics`: values that are to last from cell to cell.
//! - `globs`: imports of all that a module has; `standard`: crates of the standard library that are named as others are.
//! - `loops`: loops hear the interrupt.
//! - `impls`: what is run again replaces what it was before.
//! - `syntax`: the cell as the parser sees it.

mod globs;
mod impls;
pub mod leading;
mod loops;
mod sleep;
mod standard;
mod statics;
pub mod syntax;
mod tail;

use super::edits::{Edited, Edits};
use super::typed;
use crate::analysis::{Bound, Known};
use leading::Leading;
use ra_ap_syntax::ast::{self, HasAttrs, HasName};
use ra_ap_syntax::{AstNode, SyntaxNode};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use syntax::Parsed;

/// What the cells so far have left with evcxr, as far as the next cell's changes depend on it.
#[derive(Clone, Debug, Default)]
pub struct Held {
    blocks: impls::Blocks,
    /// The user's types whose value may change though it is shared.
    changing: HashSet<String>,
    /// How the user's types are defined.
    types: HashMap<String, String>,
    /// Whether a cell has awaited.
    awaits: bool,
}

/// A cell that is ready for evcxr.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// The new text.
    pub edited: Edited,
    /// What the user should know, though the cell runs.
    pub notes: Vec<String>,
    /// What evcxr will hold when the cell has run.
    pub held: Held,
    /// Whether it ends the process that runs cells, by a command.
    pub restarts: bool,
    /// Types that the cells before define otherwise.
    pub redefines: Vec<String>,
    /// The parts into which evcxr divides the new text.
    pub parts: Vec<Part>,
    /// The variables that the cell binds.
    pub binds: Vec<String>,
    /// The types of variables that cannot be written, or that borrow from the cell, as they read.
    pub unnameable: Vec<(String, String)>,
    /// Calls of macros as statements: the macro, and the names that it is called with.
    pub calls: Vec<(String, Vec<String>)>,
}

/// A statement or an item of a cell's new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it stands.
    pub range: Range<usize>,
    /// Whether it is an item, which later cells hold too.
    pub is_item: bool,
}

/// Prepares a cell, whose variables are `bound`; `None` where it does not parse.
pub fn prepare(code: &str, held: &Held, bound: &[Bound]) -> Option<Prepared> {
    let leading = Leading::of_rust(code);
    let parsed = Parsed::of(&leading.rust_only(code));
    if parsed.broken {
        return None;
    }
    let has = |command: &str| leading.commands.iter().any(|range| code[range.clone()].trim() == command);
    let (clears, restarts) = (has(":clear"), has(":clear") || has(":restart"));
    let held = if clears { &Held::default() } else { held };
    let (mut edits, mut notes) = (Edits::default(), Vec::new());
    leading.edit(code, &mut edits);
    typed::add_types(bound, &mut edits);
    let mut changing = held.changing.clone();
    changing.extend(statics::changing_types(&parsed, &held.changing));
    let blocks = held.blocks.edit(&parsed, &mut edits);
    // Without the prelude there is nothing to lead to.
    if !clears {
        statics::edit(&parsed, &changing, &mut edits, &mut notes);
        sleep::edit(&parsed, &mut edits);
        tail::edit(&parsed, &mut edits);
        globs::edit(&parsed, &mut edits);
        standard::edit(&parsed, &mut edits);
        loops::edit(&parsed, &mut edits);
    }
    let awaits = parsed.nodes.iter().any(syntax::awaits);
    if awaits && !held.awaits && !code.contains(":dep tokio") {
        notes.push(
            "the first `.await` of a session compiles tokio, which runs what is awaited: this takes about ten seconds"
                .to_owned(),
        );
    }
    parsed.nodes.iter().for_each(|node| export_macro(node, &mut edits));
    let edited = edits.apply(code);
    let parts = parts(&edited.text);
    let mut types = held.types.clone();
    let mut redefines = Vec::new();
    for node in &parsed.nodes {
        if let Some(name) = impls::type_name(node) {
            let text = syntax::normal(node);
            if types.insert(name.clone(), text.clone()).is_some_and(|old| old != text) {
                redefines.push(name);
            }
        }
    }
    let held = Held { blocks, changing, types, awaits: awaits || held.awaits };
    let binds = parsed.nodes.iter().flat_map(bound_names).collect();
    let lends = |name: &str| initial(code, name).is_some_and(|start| start.starts_with('&'));
    let unnameable = bound.iter().filter_map(|variable| match &variable.known {
        Known::Unnameable(kind) => Some((variable.name.clone(), kind.clone())),
        Known::Named(kind) if kind.starts_with('&') && lends(&variable.name) => {
            Some((variable.name.clone(), kind.clone()))
        }
        _ => None,
    });
    let (unnameable, calls) = (unnameable.collect(), statics::calls(&parsed));
    Some(Prepared { edited, notes, held, restarts, redefines, parts, binds, unnameable, calls })
}

/// Prepares a cell of which the parser does not make sense, but the compiler may.
pub fn barely(code: &str, held: &Held) -> Prepared {
    let mut edits = Edits::default();
    Leading::of_rust(code).edit(code, &mut edits);
    let edited = edits.apply(code);
    let parts = parts(&edited.text);
    Prepared { edited, parts, held: held.clone(), ..Prepared::default() }
}

fn parts(text: &str) -> Vec<Part> {
    let from = leading::evcxrs_rust(text);
    let rust = &text[from..];
    let parsed = Parsed::of(rust);
    let part = |(node, range): (&SyntaxNode, Range<usize>)| Part {
        range: from + range.start..from + range.end,
        is_item: ast::Item::can_cast(node.kind()),
    };
    parsed.parts(rust).into_iter().map(part).collect()
}

/// evcxr keeps items in no order, but `macro_rules!` is only seen by what comes after it, unless it is exported.
fn export_macro(node: &SyntaxNode, edits: &mut Edits) {
    let Some(item) = ast::MacroRules::cast(node.clone()) else { return };
    if !item.attrs().any(|attribute| attribute.syntax().text().to_string().contains("macro_export")) {
        edits.insert(syntax::bare_range(node).start, "#[macro_export] ");
    }
}

/// The names that a `let` binds.
fn bound(node: &SyntaxNode) -> impl Iterator<Item = ast::Name> {
    let pattern = ast::LetStmt::cast(node.clone()).and_then(|statement| statement.pat());
    let names = pattern.into_iter().flat_map(|pattern| pattern.syntax().descendants().filter_map(ast::IdentPat::cast));
    names.filter_map(|name| name.name())
}

fn bound_names(node: &SyntaxNode) -> Vec<String> {
    bound(node).map(|name| name.text().to_string()).collect()
}

/// The last `let` of a cell that binds this variable, and where the name stands.
fn last_let(code: &str, name: &str) -> Option<(SyntaxNode, Range<usize>)> {
    let parsed = Parsed::of(&Leading::of_rust(code).rust_only(code));
    let place = |node: &SyntaxNode| bound(node).find(|own| own.text() == name).map(|own| syntax::range(own.syntax()));
    parsed.nodes.iter().rev().find_map(|node| Some((node.clone(), place(node)?)))
}

/// Where a cell binds this variable.
pub fn binding(code: &str, name: &str) -> Option<Range<usize>> {
    last_let(code, name).map(|(_, range)| range)
}

/// What a cell binds this variable to.
pub fn initial(code: &str, name: &str) -> Option<String> {
    let (node, _) = last_let(code, name)?;
    Some(ast::LetStmt::cast(node)?.initializer()?.syntax().text().to_string())
}

/// The variables of the `let` around this place.
pub fn bound_around(code: &str, at: usize) -> Vec<String> {
    let parsed = Parsed::of(&Leading::of_rust(code).rust_only(code));
    let node = parsed.nodes.iter().find(|node| syntax::range(node).contains(&at));
    node.map(bound_names).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_prepared_for_evcxr() {
        let code = "/* note */ :dep rand = \"0.9\"\nlet (a, b) = (1, 2);\nmake!(Foo);\nmacro_rules! m { () => {} }\na + b // sum";
        let prepared = prepare(code, &Held::default(), &[]).unwrap();
        let expected = ":dep rand = \"0.9\"\nlet (a, b) = (1, 2);\nmake!(Foo);\n#[macro_export] macro_rules! m { () => {} }\n\
                        (a + b).cell_value().shown().evcxr_display(); // sum";
        assert_eq!(prepared.edited.text, expected);
        let parts: Vec<(&str, bool)> =
            prepared.parts.iter().map(|part| (prepared.edited.text[part.range.clone()].trim(), part.is_item)).collect();
        let items: Vec<bool> = parts.iter().map(|(_, is_item)| *is_item).collect();
        assert_eq!(items, [false, false, true, false], "{parts:?}");
        assert_eq!(parts[0].0, "let (a, b) = (1, 2);");
        assert_eq!(prepared.binds, ["a", "b"]);
        assert_eq!(prepared.calls, [("make".to_owned(), vec!["Foo".to_owned()])]);
        let sum = prepared.edited.text.rfind("b)").unwrap();
        assert_eq!(&code[prepared.edited.original(sum)..], "b // sum");
    }

    #[test]
    fn a_type_that_is_another_one_now_is_known() {
        let first = prepare("struct A { a: i32 } enum B { C }", &Held::default(), &[]).unwrap();
        assert!(first.redefines.is_empty());
        let second = prepare("struct A {\n    a: i32 } // same\nenum B { C, D }", &first.held, &[]).unwrap();
        assert_eq!(second.redefines, ["B"]);
    }

    #[test]
    fn bindings_are_found() {
        let code = ":vars\nlet a = 1; let (b, mut a) = (2, f(3));";
        assert_eq!(binding(code, "a"), Some(code.rfind("a)").unwrap()..code.rfind(") =").unwrap()));
        assert_eq!(initial(code, "b").as_deref(), Some("(2, f(3))"));
        assert_eq!(binding(code, "c"), None);
        assert_eq!(bound_around(code, code.find('1').unwrap()), ["a"]);
        assert_eq!(bound_around(code, code.find('2').unwrap()), ["b", "a"]);
        assert!(bound_around(code, 0).is_empty());
    }

    #[test]
    fn the_last_expression_may_sleep() {
        let text = prepare("std::thread::sleep(d)", &Held::default(), &[]).unwrap().edited.text;
        assert!(
            text.starts_with("({ ::candlewick") && text.contains("(d); ") && text.contains(" }).cell_value()"),
            "{text}"
        );
    }

    #[test]
    fn what_does_not_parse_is_not_prepared() {
        assert!(prepare("let type = 3;", &Held::default(), &[]).is_none());
        assert_eq!(barely("  // x\n:vars\nlet type = 3;", &Held::default()).edited.text, "\n:vars\nlet type = 3;");
    }

    #[test]
    fn nothing_of_the_prelude_is_used_after_a_clear() {
        let text = |code: &str| prepare(code, &Held::default(), &[]).unwrap().edited.text;
        assert_eq!(text(":clear\n1 + 1"), ":clear\n1 + 1");
        assert!(text(":vars\n1 + 1").contains("cell_value"));
    }
}
