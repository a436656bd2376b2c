//! A cell that sleeps hears the interrupt: its calls of the standard library's `sleep` lead to one that looks for it.
//!
//! The cell is left behind such a call; in a loop of its own the next turn sees to that. In functions and closures the call
//! unwinds, as loops there do. A cell that names `interrupt` sees to it itself.

use super::super::edits::Edits;
use super::super::keep::GOES_ON;
use super::syntax::{Parsed, is_apart, is_loop, names_interrupt, range};
use ra_ap_syntax::ast;
use ra_ap_syntax::{AstNode, SyntaxNode};

/// Ends early when the user interrupts.
const NAPS: &str = "::candlewick_prelude::cell::nap";
/// Unwinds then.
const SLEEPS: &str = "::candlewick_prelude::cell::sleep";

/// Leads a cell's calls of `std::thread::sleep` to ours.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    if parsed.nodes.iter().any(names_interrupt) {
        return;
    }
    for node in &parsed.nodes {
        for call in node.descendants().filter_map(ast::CallExpr::cast) {
            let Some(ast::Expr::PathExpr(callee)) = call.expr() else { continue };
            let path: String = callee.syntax().text().to_string().split_whitespace().collect();
            if !matches!(path.trim_start_matches("::"), "std::thread::sleep" | "thread::sleep") {
                continue;
            }
            let around = || {
                call.syntax()
                    .ancestors()
                    .take_while(|outer| outer != node)
                    .chain([node.clone()])
                    .collect::<Vec<SyntaxNode>>()
            };
            if around().iter().any(is_apart) {
                edits.replace(range(callee.syntax()), SLEEPS.to_owned());
            } else if around().iter().any(is_loop) {
                edits.replace(range(callee.syntax()), NAPS.to_owned());
            } else {
                edits.replace(range(callee.syntax()), format!("{{ {NAPS}"));
                edits.insert(range(call.syntax()).end, format!("; {GOES_ON} }}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(code: &str) -> String {
        let mut edits = Edits::default();
        edit(&Parsed::of(code), &mut edits);
        edits.apply(code).text.replace(SLEEPS, "!").replace(NAPS, "?").replace(GOES_ON, "¶")
    }

    #[test]
    fn calls_of_the_standard_librarys_sleep_are_led() {
        for (code, expected) in [
            ("std::thread::sleep(d);", "{ ?(d); ¶ };"),
            ("let a = 1; if a > 0 { std::thread::sleep(d) }", "let a = 1; if a > 0 { { ?(d); ¶ } }"),
            ("for i in 0..3 { ::std::thread::sleep(d); f(i) }", "for i in 0..3 { ?(d); f(i) }"),
            ("fn f() { ::std::thread::sleep(d) }", "fn f() { !(d) }"),
            ("for i in 0..3 { thread::spawn(|| thread::sleep(d)); }", "for i in 0..3 { thread::spawn(|| !(d)); }"),
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
