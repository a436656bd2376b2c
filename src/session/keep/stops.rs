//! Where an interrupted loop leaves its cell. Behind each loop of a cell stands [`GOES_ON`], which ends the cell as a `?`
//! does where the user asked it to stop.

use super::{bound, piece};
use crate::session::edits::Edits;
use ra_ap_syntax::{Edition, SourceFile};

/// Goes on with the cell, or leaves it.
pub const GOES_ON: &str = "::candlewick_prelude::cell::go_on()?;";
/// What leaves it then.
pub const LEAVES: &str = "::candlewick_prelude::cell::leave(";
/// Whether the cell is to be left.
pub const STOPPED: &str = "::candlewick_prelude::cell::stopped()";

/// The program that keeps what it has where an interrupt leaves it.
pub fn at_stops(program: &str) -> String {
    if !program.contains(GOES_ON) {
        return program.to_owned();
    }
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let mut edits = Edits::default();
    for own in bound::own(&tree) {
        for (at, statement) in own.statements.iter().enumerate() {
            let start = usize::from(statement.text_range().start());
            for (within, _) in own.text(at).match_indices(GOES_ON) {
                let puts = own.puts(at, true);
                let leaves = format!(
                    "if {STOPPED} {{ {}return {LEAVES}&[{}]).map_err(::std::convert::Into::into); }}",
                    puts.code, puts.names
                );
                edits.replace(start + within..start + within + GOES_ON.len(), piece(&leaves, GOES_ON));
            }
        }
    }
    edits.apply(program).text
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::program;
    use super::super::without;
    use super::*;

    /// The names that are kept at the first place where the cell is left.
    fn kept(body: &str) -> String {
        let body = body.replace('¶', GOES_ON);
        let program = program(&body, &[("a", "Vec<i32>"), ("b", "u8")]);
        let kept = at_stops(&program);
        assert_eq!(kept.lines().count(), program.lines().count());
        assert_eq!(without(&kept).0, program);
        let tree = SourceFile::parse(&kept, Edition::Edition2024);
        assert!(tree.errors().is_empty(), "{kept}");
        let (_, rest) = kept.split_once("::leave(&[").expect("it is left");
        rest.split(']').next().unwrap().trim_end_matches(", ").to_owned()
    }

    #[test]
    fn a_loop_leaves_with_what_is_bound() {
        assert_eq!(kept("let mut a = vec![1]; for i in c { a.push(i); }¶ let b = 1;"), "\"a\"");
        assert_eq!(kept("let (a, b) = f(); let a: Vec<i32> = a; loop {¶ f() }"), "\"a\", \"b\"");
        assert_eq!(kept("for i in c { f() }¶ let (a, b) = f();"), "");
        assert_eq!(kept("let a = f(); let w = g(); for i in w { f() }¶ let b = 1;"), "\"a\"");
        assert_eq!(kept("let a = f(); if c { for a in d {¶ f() } }"), "");
    }

    #[test]
    fn a_loop_in_a_loop_is_replaced_once() {
        let body = "let a = vec![1]; loop {¶ f(é) }\nfor i in c { g() }\n¶ let b = 1;".replace('¶', GOES_ON);
        let kept = at_stops(&program(&body, &[("a", "Vec<i32>"), ("b", "u8")]));
        assert_eq!((kept.matches("::leave(&[").count(), without(&kept).1.len()), (2, 2));
        assert_eq!(at_stops("fn run() {}"), "fn run() {}");
    }
}
