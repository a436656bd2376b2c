//! Loops that a person writes hear the interrupt: at each turn they ask the prelude whether the user wants them to stop.
//!
//! A loop that is a statement of the cell's own is left, and then the cell, which keeps what it has bound so far (see
//! `session/keep/`). Loops in blocks of the cell's leave it where they are; those in functions and closures unwind it, as a
//! panic does.
//!
//! Left alone are cells that name `interrupt` (they see to it themselves), and loops where nothing may unwind or be called.

use super::super::edits::Edits;
use super::super::keep::{GOES_ON, STOPPED};
use super::syntax::{Parsed, is_apart, range};
use ra_ap_syntax::ast::{self, HasLoopBody};
use ra_ap_syntax::{AstNode, Direction, SyntaxKind, SyntaxNode};

/// What unwinds the cell.
const HEARS: &str = " ::candlewick_prelude::cell::hear();";
/// The name of a loop that has none.
const LABEL: &str = "'stopped";

/// Lets the loops of a cell hear.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    if parsed.nodes.iter().any(names_interrupt) {
        return;
    }
    for node in &parsed.nodes {
        let own = own_loop(node);
        for inner in node.descendants().filter(is_loop) {
            let Some(start) = body_start(&inner).filter(|_| inner.ancestors().all(|outer| may_unwind(&outer))) else {
                continue;
            };
            let Some(own) = own.as_ref().filter(|own| reaches(&inner, own)) else {
                let is_cells = !is_apart(node) && reaches(&inner, node);
                edits.insert(start, if is_cells { format!(" {GOES_ON}") } else { HEARS.to_owned() });
                continue;
            };
            let label = label(own).unwrap_or_else(|| LABEL.to_owned());
            let endless = own.kind() == SyntaxKind::LOOP_EXPR;
            if inner == *own {
                if self::label(own).is_none() {
                    edits.insert(range(own).start, format!("{LABEL}: "));
                }
                if endless {
                    edits.insert(start, format!(" {GOES_ON}"));
                    continue;
                }
                edits.insert(range(node).end, format!(" {GOES_ON}"));
            }
            let word = if endless { "continue" } else { "break" };
            edits.insert(start, format!(" if {STOPPED} {{ {word} {label}; }}"));
        }
    }
}

fn names_interrupt(node: &SyntaxNode) -> bool {
    let mut tokens = node.descendants_with_tokens().filter_map(|element| element.into_token());
    tokens.any(|token| token.kind() == SyntaxKind::IDENT && token.text() == "interrupt")
}

fn is_loop(node: &SyntaxNode) -> bool {
    matches!(node.kind(), SyntaxKind::FOR_EXPR | SyntaxKind::WHILE_EXPR | SyntaxKind::LOOP_EXPR)
}

/// The loop that a statement of the cell is, or that gives a `let` its value.
fn own_loop(node: &SyntaxNode) -> Option<SyntaxNode> {
    let expression = match ast::ExprStmt::cast(node.clone()) {
        Some(statement) => statement.expr()?.syntax().clone(),
        None => match ast::LetStmt::cast(node.clone()) {
            Some(statement) => statement.initializer()?.syntax().clone(),
            None => node.clone(),
        },
    };
    let has_attributes = expression.children().any(|child| ast::Attr::can_cast(child.kind()));
    (is_loop(&expression) && !has_attributes).then_some(expression)
}

/// The place behind the opening brace of a loop's body.
fn body_start(node: &SyntaxNode) -> Option<usize> {
    let body = match node.kind() {
        SyntaxKind::FOR_EXPR => ast::ForExpr::cast(node.clone())?.loop_body(),
        SyntaxKind::WHILE_EXPR => ast::WhileExpr::cast(node.clone())?.loop_body(),
        _ => ast::LoopExpr::cast(node.clone())?.loop_body(),
    };
    let list = body?.stmt_list()?;
    let has_attributes = list.syntax().children().any(|child| ast::Attr::can_cast(child.kind()));
    (list.l_curly_token().is_some() && !has_attributes).then(|| range(list.syntax()).start + 1)
}

fn label(own: &SyntaxNode) -> Option<String> {
    let label = own.children().find_map(ast::Label::cast)?;
    Some(label.lifetime()?.syntax().text().to_string())
}

/// Whether code in `inner` may leave `own`.
fn reaches(inner: &SyntaxNode, own: &SyntaxNode) -> bool {
    let is_own = |node: &SyntaxNode| node == own;
    inner.ancestors().any(|node| is_own(&node))
        && inner.ancestors().take_while(|node| !is_own(node)).all(|node| !is_apart(&node))
}

fn may_unwind(outer: &SyntaxNode) -> bool {
    if let Some(function) = ast::Fn::cast(outer.clone()) {
        return function.const_token().is_none() && function.abi().is_none();
    }
    // The length in `[0; 3]`.
    let mut before = outer.siblings_with_tokens(Direction::Prev).skip(1);
    let is_length = outer.parent().is_some_and(|parent| parent.kind() == SyntaxKind::ARRAY_EXPR)
        && before.any(|sibling| sibling.kind() == SyntaxKind::SEMICOLON);
    let constant = ast::BlockExpr::cast(outer.clone()).is_some_and(|block| block.const_token().is_some());
    !constant
        && !is_length
        && !matches!(
            outer.kind(),
            SyntaxKind::CONST
                | SyntaxKind::STATIC
                | SyntaxKind::CONST_ARG
                | SyntaxKind::ARRAY_TYPE
                | SyntaxKind::VARIANT
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(code: &str) -> String {
        let mut edits = Edits::default();
        edit(&Parsed::of(code), &mut edits);
        let text = edits.apply(code).text;
        assert!(!Parsed::of(&text).broken, "{text}");
        text.replace(HEARS, "§").replace(&format!(" {GOES_ON}"), "¶").replace(STOPPED, "?")
    }

    #[test]
    fn loops_elsewhere_unwind() {
        for (code, expected) in [
            (
                "fn f() { for a in b { for c in a { print!(\"{c}\"); } } }",
                "fn f() { for a in b {§ for c in a {§ print!(\"{c}\"); } } }",
            ),
            ("impl A { fn f(&self) { loop { self.g() } } }", "impl A { fn f(&self) { loop {§ self.g() } } }"),
            ("v.iter().for_each(|x| loop { f(x) });", "v.iter().for_each(|x| loop {§ f(x) });"),
        ] {
            assert_eq!(edited(code), expected);
        }
    }

    #[test]
    fn the_cells_own_loops_are_left() {
        for (code, expected) in [
            ("for i in 0..3 { f(i); }", "'stopped: for i in 0..3 { if ? { break 'stopped; } f(i); }¶"),
            ("for _ in 0..3 { y = (y + x)?; }", "'stopped: for _ in 0..3 { if ? { break 'stopped; } y = (y + x)?; }¶"),
            ("for i in 0..3 { f(i); };\n1", "'stopped: for i in 0..3 { if ? { break 'stopped; } f(i); };¶\n1"),
            (
                "while let Some(x) = v.pop() { s += x }",
                "'stopped: while let Some(x) = v.pop() { if ? { break 'stopped; } s += x }¶",
            ),
            (
                "'a: for i in b { for j in c { f(i); break 'a } }",
                "'a: for i in b { if ? { break 'a; } for j in c { if ? { break 'a; } f(i); break 'a } }¶",
            ),
            ("loop {}", "'stopped: loop {¶}"),
            (
                "let n = 'a: loop { while g() {} break 'a 1 };",
                "let n = 'a: loop {¶ while g() { if ? { continue 'a; }} break 'a 1 };",
            ),
            (
                "for i in b { spawn(|| loop { f() }); }",
                "'stopped: for i in b { if ? { break 'stopped; } spawn(|| loop {§ f() }); }¶",
            ),
            (
                "for i in b { fn g() { loop { f() } } g(); }",
                "'stopped: for i in b { if ? { break 'stopped; } fn g() { loop {§ f() } } g(); }¶",
            ),
        ] {
            assert_eq!(edited(code), expected);
        }
    }

    #[test]
    fn loops_in_blocks_leave_the_cell() {
        for (code, expected) in [
            ("if a { while f() {} }", "if a { while f() {¶} }"),
            ("let n = 1 + loop { break f() };", "let n = 1 + loop {¶ break f() };"),
            (
                "match a { _ => for b in c { g(|| loop { f() }) } }",
                "match a { _ => for b in c {¶ g(|| loop {§ f() }) } }",
            ),
            ("async { loop { f() } };", "async { loop {§ f() } };"),
        ] {
            assert_eq!(edited(code), expected);
        }
    }

    #[test]
    fn some_are_left_alone() {
        for code in [
            "const fn f() -> u8 { loop { return g() } }",
            "const N: u8 = loop { break g() };",
            "static S: u8 = { while f() {} 1 };",
            "extern \"C\" fn f() { loop { g() } }",
            "let a = [0u8; { loop { break f() } }];",
            "let a = const { loop { break f() } };",
            "while !interrupt::requested() { step(); }",
            "for i in 0..3 { f(); }\nif interrupt::requested() { stop() }",
            "macro_rules! m { () => { loop { f() } } }",
            "for i in 0..3 { #![allow(unused)] f(); }",
            "1 + 1",
        ] {
            assert_eq!(edited(code), code);
        }
    }
}
