//! The expression that a cell ends with, as a statement that shows its value.
//!
//! Left to itself, evcxr guards that expression with another way to show it, builds a second time for that, and cannot
//! tell errors within it from errors of its own.

use super::super::edits::Edits;
use super::statics;
use super::syntax::{Parsed, bare_range};
use ra_ap_syntax::{AstNode, T, ast};

/// What shows a value of any type: see the prelude's `CellValue`.
pub const SHOW: &str = ").cell_value().shown().evcxr_display();";

/// Makes the last expression a statement.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    let Some(tail) = parsed.tail().filter(|tail| !statics::declares(tail)) else { return };
    let range = bare_range(tail);
    // A macro with braces may expand to statements.
    let in_braces = ast::MacroExpr::cast(tail.clone()).is_some_and(|call| {
        let tokens = call.macro_call().and_then(|call| call.token_tree());
        tokens.and_then(|tokens| tokens.syntax().first_token()).is_some_and(|token| token.kind() == T!['{'])
    });
    edits.insert(range.start, if in_braces { "({ " } else { "(" });
    edits.insert(range.end, if in_braces { format!(" }}{SHOW}") } else { SHOW.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(code: &str) -> String {
        let mut edits = Edits::default();
        edit(&Parsed::of(code), &mut edits);
        edits.apply(code).text.replace(SHOW, ")§")
    }

    #[test]
    fn the_last_expression_is_shown() {
        for (code, expected) in [
            ("1 + 1", "(1 + 1)§"),
            ("let a = 1;\na // why", "let a = 1;\n(a)§ // why"),
            ("let a = 1;", "let a = 1;"),
            ("f();", "f();"),
            ("panic!(\"x\")", "(panic!(\"x\"))§"),
            ("loop {}", "(loop {})§"),
            ("for i in 0..3 { f(i); } /* all */", "(for i in 0..3 { f(i); })§ /* all */"),
            ("if a { 1 } else { 2 }", "(if a { 1 } else { 2 })§"),
            ("return", "(return)§"),
            ("fn f() {}", "fn f() {}"),
            ("json! {1}", "({ json! {1} })§"),
            ("#[allow(unused)] { 1 }", "#[allow(unused)] ({ 1 })§"),
            ("a = 5", "(a = 5)§"),
            ("f(); 'a: loop { break 'a 1 }", "f(); ('a: loop { break 'a 1 })§"),
            ("|x: i32| x", "(|x: i32| x)§"),
            ("", ""),
        ] {
            assert_eq!(edited(code), expected, "{code}");
            assert!(Parsed::of(&edited(code).replace(")§", SHOW)).tail().is_none(), "{code}");
        }
    }
}
