//! Loops that a person writes hear the interrupt: at each turn they ask the prelude whether the user wants them to stop.
//!
//! A loop that is a statement of the cell's own is left, and then the cell, which keeps what it has bound so far (see
//! `session/keep/`). Loops in blocks of the cell's leave it where they are; those in functions and closures unwind it, as a
//! panic does. So do functions that call themselves, at each call.
//!
//! A training that is interrupted gives what it has; where the cell would go on behind it, in a block or a loop too, it is left there.
//!
//! Left alone are cells that name `interrupt` (they see to it themselves), and loops where nothing may unwind or be called.

use super::super::edits::Edits;
use super::super::keep::{GOES_ON, STOPPED};
use super::syntax::{Parsed, is_apart, is_loop, names_interrupt, range};
use ra_ap_syntax::ast::{self, HasLoopBody, HasName};
use ra_ap_syntax::{AstNode, Direction, SyntaxKind, SyntaxNode};

/// What unwinds the cell.
const HEARS: &str = " ::candlewick_prelude::cell::hear();";
/// The learner's verbs that give what they have when they are interrupted.
const FITS: [&str; 3] = ["fit", "fit_one_cycle", "fine_tune"];
/// The name of a loop that has none.
const LABEL: &str = "'stopped";

/// Lets the loops of a cell hear.
pub fn edit(parsed: &Parsed, edits: &mut Edits) {
    if parsed.nodes.iter().any(names_interrupt) {
        return;
    }
    for (at, node) in parsed.nodes.iter().enumerate() {
        let own = own_loop(node);
        if at + 1 < parsed.nodes.len() && own.is_none() && !is_apart(node) && fits(node) {
            edits.insert(range(node).end, format!(" {GOES_ON}"));
        }
        for inner in node.descendants().filter(|inner| inner != node && trains(inner) && reaches(inner, node)) {
            let label = own.as_ref().filter(|own| reaches(&inner, own)).map(|own| {
                let word = if own.kind() == SyntaxKind::LOOP_EXPR { "continue" } else { "break" };
                format!(" if {STOPPED} {{ {word} {}; }}", label(own).unwrap_or_else(|| LABEL.to_owned()))
            });
            edits.insert(range(&inner).end, label.unwrap_or_else(|| format!(" {GOES_ON}")));
        }
        for inner in node.descendants().filter_map(ast::Fn::cast).filter(calls_itself) {
            if let Some(start) =
                inside(inner.body()).filter(|_| inner.syntax().ancestors().all(|outer| may_unwind(&outer)))
            {
                edits.insert(start, HEARS.to_owned());
            }
        }
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

/// Whether this is a statement of an inner block that trains and behind which something stands.
fn trains(node: &SyntaxNode) -> bool {
    let is_statement = ast::ExprStmt::can_cast(node.kind()) || ast::LetStmt::can_cast(node.kind());
    let goes_on = || node.next_sibling().is_some();
    // the innermost statement that trains: those around it are no end of their own
    let inner = || node.descendants().skip(1).any(|inner| ast::StmtList::can_cast(inner.kind()) && fits(&inner));
    is_statement && goes_on() && fits(node) && !inner()
}

/// Whether a statement of the cell trains, itself and not in a closure or a function of its own.
fn fits(node: &SyntaxNode) -> bool {
    let is_fit = |call: ast::MethodCallExpr| call.name_ref().is_some_and(|name| FITS.contains(&name.text()));
    let mut calls = node.descendants().filter(|call| reaches(call, node));
    calls.any(|call| ast::MethodCallExpr::cast(call).is_some_and(is_fit))
}

/// Whether a function names itself in a call.
fn calls_itself(function: &ast::Fn) -> bool {
    let Some(own) = function.name() else { return false };
    let is_own = |name: Option<ast::NameRef>| name.is_some_and(|name| name.text() == own.text());
    let Some(body) = function.body() else { return false };
    body.syntax().descendants().any(|node| match ast::MethodCallExpr::cast(node.clone()) {
        Some(call) => is_own(call.name_ref()),
        None => ast::CallExpr::cast(node).is_some_and(|call| match call.expr() {
            Some(ast::Expr::PathExpr(callee)) => is_own(callee.path().and_then(|path| path.segment()?.name_ref())),
            _ => false,
        }),
    })
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
    inside(body)
}

/// The place behind the opening brace of a block.
fn inside(body: Option<ast::BlockExpr>) -> Option<usize> {
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
            ("fn f(n: u64) -> u64 { f(n - 1) }", "fn f(n: u64) -> u64 {§ f(n - 1) }"),
            ("impl A { fn f(&self) { self.b.f(); A::g() } }", "impl A { fn f(&self) {§ self.b.f(); A::g() } }"),
            ("const fn f(n: u64) -> u64 { f(n - 1) }", "const fn f(n: u64) -> u64 { f(n - 1) }"),
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
    fn a_training_that_is_stopped_leaves_the_cell() {
        for (code, expected) in [
            ("learner.fit(3, 1e-3)?;\nlearner.save(p)?;", "learner.fit(3, 1e-3)?;¶\nlearner.save(p)?;"),
            ("let r = l.freeze().fine_tune(4)?; r", "let r = l.freeze().fine_tune(4)?;¶ r"),
            ("if a { l.fit_one_cycle(1, 1e-3)?; }\n1", "if a { l.fit_one_cycle(1, 1e-3)?; }¶\n1"),
            (
                "for r in rates { l.fit(1, r)?; }\n1",
                "'stopped: for r in rates { if ? { break 'stopped; } l.fit(1, r)?; }¶\n1",
            ),
            (
                "for r in rates { l.fit(1, r)?; l.save(p)?; }",
                "'stopped: for r in rates { if ? { break 'stopped; } l.fit(1, r)?; if ? { break 'stopped; } l.save(p)?; }¶",
            ),
            ("{ l.fit(1, r)?; l.save(p)?; }", "{ l.fit(1, r)?;¶ l.save(p)?; }"),
            ("if a { let r = l.fit(1, r)?; l.save(p)?; }", "if a { let r = l.fit(1, r)?;¶ l.save(p)?; }"),
            (
                "loop { l.fit(1, r)?; if done() { break } }",
                "'stopped: loop {¶ l.fit(1, r)?; if ? { continue 'stopped; } if done() { break } }",
            ),
            ("let f = || { l.fit(1, r)?; l.save(p) };", "let f = || { l.fit(1, r)?; l.save(p) };"),
            ("learner.fit(3, 1e-3)?;", "learner.fit(3, 1e-3)?;"),
            (
                "let f = |l: &mut Learner| l.fit(3, 1e-3); f(&mut l)?;",
                "let f = |l: &mut Learner| l.fit(3, 1e-3); f(&mut l)?;",
            ),
            ("fn f() { l.fit(3, 1e-3); }\n1", "fn f() { l.fit(3, 1e-3); }\n1"),
            ("l.fit(1, 1.0)?; interrupt::check()?;", "l.fit(1, 1.0)?; interrupt::check()?;"),
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
