//! `use candle_core::*;`: the names in it that the prelude has too.
//!
//! Two imports of all that a module has are equals, so that a name that both bring is neither. What the user imports is
//! meant: such names are imported once more, by name.

use super::super::edits::Edits;
use super::syntax::{Parsed, range};
use ra_ap_syntax::AstNode;
use ra_ap_syntax::ast;

/// Modules that people import as a whole, and what they share with the prelude.
const SHARED: [(&str, &[&str]); 8] = [
    ("std::fmt", &["Result", "Error"]),
    ("core::fmt", &["Result", "Error"]),
    ("std::io", &["Result", "Error"]),
    ("std::thread", &["Result"]),
    ("candle_core", &["Result", "Error"]),
    ("candlewick::candle_core", &["Result", "Error"]),
    ("candle_core::error", &["Result", "Error"]),
    ("anyhow", &["Result", "Error"]),
];

/// Puts the imports by name behind those of all names.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    for node in &parsed.nodes {
        let Some(tree) = ast::Use::cast(node.clone()).and_then(|item| item.use_tree()) else { continue };
        let mut modules = Vec::new();
        collect(&tree, "", &mut modules);
        for module in modules {
            let shared = SHARED.iter().find(|(known, _)| *known == module.trim_start_matches("::"));
            for name in shared.map_or(&[][..], |(_, names)| names) {
                edits.insert(range(node).end, format!(" use {module}::{name};"));
            }
        }
    }
}

/// The modules that are imported as a whole.
fn collect(tree: &ast::UseTree, before: &str, modules: &mut Vec<String>) {
    let own = tree.path().map(|path| path.syntax().text().to_string()).unwrap_or_default();
    let path = if before.is_empty() || own.is_empty() { format!("{before}{own}") } else { format!("{before}::{own}") };
    if tree.star_token().is_some() {
        modules.push(path.clone());
    }
    for inner in tree.use_tree_list().into_iter().flat_map(|list| list.use_trees()) {
        collect(&inner, &path, modules);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_names_are_imported_by_name() {
        for (code, expected) in [
            ("use std::fmt::*;", "use std::fmt::*; use std::fmt::Result; use std::fmt::Error;"),
            ("use std::{cell::*, thread::*};", "use std::{cell::*, thread::*}; use std::thread::Result;"),
            ("use ::anyhow::*;", "use ::anyhow::*; use ::anyhow::Result; use ::anyhow::Error;"),
            ("use std::fmt::{self, Write};", "use std::fmt::{self, Write};"),
            ("use std::collections::*;", "use std::collections::*;"),
        ] {
            let mut edits = Edits::default();
            edit(&Parsed::of(code), &mut edits);
            assert_eq!(edits.apply(code).text, expected);
        }
    }
}
