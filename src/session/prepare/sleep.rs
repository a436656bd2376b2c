//! A cell that sleeps hears the interrupt: its calls of the standard library's `sleep` lead to one that looks for it.
//!
//! A cell that names `interrupt` sees to it itself.

use super::super::edits::Edits;
use super::syntax::{Parsed, names_interrupt, range};
use ra_ap_syntax::AstNode;
use ra_ap_syntax::ast;

const OURS: &str = "::candlewick_prelude::cell::sleep";

/// Leads a cell's calls of `std::thread::sleep` to ours.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    if parsed.nodes.iter().any(names_interrupt) {
        return;
    }
    for call in parsed.nodes.iter().flat_map(|node| node.descendants()).filter_map(ast::CallExpr::cast) {
        let Some(ast::Expr::PathExpr(callee)) = call.expr() else { continue };
        let path: String = callee.syntax().text().to_string().split_whitespace().collect();
        if matches!(path.trim_start_matches("::"), "std::thread::sleep" | "thread::sleep") {
            edits.replace(range(callee.syntax()), OURS.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(code: &str) -> String {
        let mut edits = Edits::default();
        edit(&Parsed::of(code), &mut edits);
        edits.apply(code).text.replace(OURS, "¶")
    }

    #[test]
    fn calls_of_the_standard_librarys_sleep_are_led() {
        for (code, expected) in [
            ("std::thread::sleep(d);", "¶(d);"),
            ("fn f() { ::std::thread::sleep(d) }", "fn f() { ¶(d) }"),
            ("thread::spawn(|| thread::sleep(d));", "thread::spawn(|| ¶(d));"),
        ] {
            assert_eq!(edited(code), expected);
        }
        for code in [
            "tokio::time::sleep(d).await;",
            "sleep(d);",
            "let f = std::thread::sleep;",
            "thread::sleep(d); interrupt::check()?;",
        ] {
            assert_eq!(edited(code), code);
        }
    }
}
