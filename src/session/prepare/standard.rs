//! `extern crate alloc;`: the standard library's crates, which evcxr would look for on crates.io.

use super::super::edits::Edits;
use super::syntax::{Parsed, range};
use ra_ap_syntax::AstNode;
use ra_ap_syntax::ast;

/// Where cells have these crates without being asked.
const CRATES: [(&str, &str); 3] =
    [("std", "::std"), ("core", "::core"), ("alloc", "::candlewick_prelude::cell::alloc")];

/// Makes imports of them.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    for node in &parsed.nodes {
        let Some(item) = ast::ExternCrate::cast(node.clone()) else { continue };
        let name = item.name_ref().map(|name| name.text().to_string()).unwrap_or_default();
        let Some((_, path)) = CRATES.iter().find(|(known, _)| *known == name) else { continue };
        let renamed = item.rename().map(|rename| rename.syntax().text().to_string());
        let text = match renamed {
            Some(renamed) => format!("use {path} {renamed};"),
            None if name == "alloc" => format!("use {path};"),
            // they are there
            None => String::new(),
        };
        edits.replace(range(node), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_are_there_are_imported() {
        for (code, expected) in [
            ("extern crate alloc;", "use ::candlewick_prelude::cell::alloc;"),
            ("extern crate std as mystd;\nlet a = 1;", "use ::std as mystd;\nlet a = 1;"),
            ("extern crate core;", ""),
            ("extern crate alloc as _;", "use ::candlewick_prelude::cell::alloc as _;"),
            ("extern crate serde_json;", "extern crate serde_json;"),
        ] {
            let mut edits = Edits::default();
            edit(&Parsed::of(code), &mut edits);
            assert_eq!(edits.apply(code).text, expected);
        }
    }
}
