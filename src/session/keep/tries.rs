//! Where an error, a panic or an interrupt ends the cell.
//!
//! A statement that may end the cell runs in a closure, whose error or panic is seen before it goes on: first what is bound
//! is put into the store. Where a `?` is all that may end a statement, it becomes the `match` that it is short for; and so
//! does each `?` of a statement that leaves the cell in other ways too. Not every cell compiles so: the shim then has
//! what is simpler compiled.

use super::bound::{self, Own};
use super::{GOES_ON, piece};
use crate::session::edits::Edits;
use crate::session::prepare::syntax::is_apart;
use crate::session::unused::PUTS;
use ra_ap_syntax::ast::{self, BinaryOp, HasName};
use ra_ap_syntax::{AstNode, Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, T};

/// Methods that panic where there is no value, and macros that may.
const PANIC: [&str; 11] = [
    "unwrap",
    "expect",
    "unwrap_err",
    "expect_err",
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "todo",
    "unimplemented",
    "unreachable",
];

/// The program that keeps what it has at errors, with closures or without.
pub fn at_errors(program: &str, closures: bool) -> String {
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let functions = tree.descendants().filter_map(ast::Fn::cast).filter_map(|own| own.name());
    let functions: Vec<String> = functions.map(|name| name.text().to_string()).collect();
    let mut edits = Edits::default();
    for own in bound::own(&tree) {
        for at in 0..own.statements.len() {
            keep(&own, at, &functions, closures, &mut edits);
        }
    }
    edits.apply(program).text
}

/// Has a statement of the cell keep what is bound by then.
fn keep(own: &Own, at: usize, functions: &[String], closures: bool, edits: &mut Edits) {
    let statement = &own.statements[at];
    let Some(whole) = value(statement).filter(|_| !own.text(at).starts_with(PUTS)) else { return };
    let ends = Ends::of(&whole, functions);
    let in_closure = closures && !ends.otherwise && ends.needs_closure(&whole);
    if !in_closure && ends.tries.is_empty() {
        return;
    }
    let puts = own.puts(at, !in_closure);
    if puts.names.is_empty() {
        return;
    }
    let leaving = format!("{}::candlewick_prelude::cell::left(&[{}]);", puts.code, puts.names);
    if in_closure {
        let has_end = statement.last_token().is_some_and(|token| token.kind() == T![;]);
        closure(&whole, ends.tries(), &leaving, has_end, edits);
    } else {
        matches(ends.tries, &leaving, edits);
    }
}

/// Has the expression run in a closure.
fn closure(whole: &SyntaxNode, tries: bool, leaving: &str, has_end: bool, edits: &mut Edits) {
    let (kind, open, close) =
        if tries { (" -> ::std::result::Result<_, EvcxrUserCodeError> {", "Ok(", ") }") } else { ("", "(", ")") };
    let before = format!("(match ::candlewick_prelude::cell::guarded(||{kind} {open}");
    let ok = if tries {
        format!("Ok(Ok(__ok)) => __ok, Ok(Err(__error)) => {{ {leaving} return Err(__error); }}")
    } else {
        "Ok(__ok) => __ok,".to_owned()
    };
    let end = if has_end { "" } else { ";" };
    let after =
        format!("{close}) {{ {ok} Err(__panic) => {{ {leaving} ::std::panic::resume_unwind(__panic) }} }}){end}");
    edits.insert(start(whole), piece(&before, ""));
    edits.insert(self::end(whole), piece(&after, ""));
}

/// Makes a `match` of each `?`.
fn matches(mut tries: Vec<SyntaxNode>, leaving: &str, edits: &mut Edits) {
    // What lies around another begins first.
    tries.sort_by_key(|one| std::cmp::Reverse(one.text_range().len()));
    for one in &tries {
        edits.insert(start(one), piece("(match (", ""));
    }
    for one in &tries {
        let arms = format!(
            ") {{ Ok(__ok) => __ok, Err(__error) => {{ let __error = EvcxrUserCodeError::from(__error); {leaving} return Err(__error); }} }})"
        );
        edits.replace(end(one) - 1..end(one), piece(&arms, "?"));
    }
}

/// The expression that a statement consists of, or gives its variables their values with.
fn value(statement: &SyntaxNode) -> Option<SyntaxNode> {
    let value = match ast::LetStmt::cast(statement.clone()) {
        Some(binding) => binding.initializer()?,
        None => match ast::ExprStmt::cast(statement.clone()) {
            Some(statement) => statement.expr()?,
            None => ast::Expr::cast(statement.clone())?,
        },
    };
    Some(value.syntax().clone())
}

fn start(node: &SyntaxNode) -> usize {
    node.text_range().start().into()
}

fn end(node: &SyntaxNode) -> usize {
    node.text_range().end().into()
}

/// How an expression may end the cell.
#[derive(Default)]
struct Ends {
    /// By these `?`.
    tries: Vec<SyntaxNode>,
    /// By a `?` in the brackets of a macro.
    tries_in_macro: bool,
    /// By a panic, or by an interrupt in what it calls.
    panics: bool,
    /// Or it leaves the cell, or one of its loops, in another way.
    otherwise: bool,
}

impl Ends {
    fn of(whole: &SyntaxNode, functions: &[String]) -> Ends {
        let mut ends = Ends::default();
        for element in whole.descendants_with_tokens() {
            match element {
                NodeOrToken::Node(node) if reaches(&node, whole) => ends.see(&node, whole, functions),
                NodeOrToken::Token(token) if token.parent().is_some_and(|parent| reaches(&parent, whole)) => {
                    if token.parent().is_none_or(|parent| parent.kind() != SyntaxKind::TOKEN_TREE) {
                        continue;
                    }
                    match token.kind() {
                        T![?] => ends.tries_in_macro = true,
                        T![return] | T![break] | T![continue] | T![await] => ends.otherwise = true,
                        SyntaxKind::IDENT => {
                            ends.panics |= PANIC.contains(&token.text()) || is(functions, token.text())
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        ends
    }

    fn see(&mut self, node: &SyntaxNode, whole: &SyntaxNode, functions: &[String]) {
        match node.kind() {
            SyntaxKind::TRY_EXPR if node.text() == GOES_ON.trim_end_matches(';') => self.otherwise = true,
            SyntaxKind::TRY_EXPR => self.tries.push(node.clone()),
            SyntaxKind::RETURN_EXPR | SyntaxKind::AWAIT_EXPR => self.otherwise = true,
            SyntaxKind::BREAK_EXPR | SyntaxKind::CONTINUE_EXPR => self.otherwise |= !stays(node, whole),
            SyntaxKind::INDEX_EXPR => self.panics = true,
            SyntaxKind::CALL_EXPR => self.panics |= calls_own(node, functions),
            _ => {}
        }
        if let Some(call) = ast::MethodCallExpr::cast(node.clone())
            && let Some(name) = call.name_ref()
        {
            self.panics |= PANIC.contains(&name.text()) || is(functions, name.text()) || hears(node);
        } else if let Some(call) = ast::MacroCall::cast(node.clone())
            && let Some(name) = call.path().and_then(|path| path.segment()?.name_ref())
        {
            self.panics |= PANIC.contains(&name.text());
        } else if let Some(both) = ast::BinExpr::cast(node.clone())
            && let Some(BinaryOp::ArithOp(of) | BinaryOp::Assignment { op: Some(of) }) = both.op_kind()
        {
            self.panics |= matches!(of, ast::ArithOp::Div | ast::ArithOp::Rem);
        }
    }

    fn tries(&self) -> bool {
        self.tries_in_macro || !self.tries.is_empty()
    }

    /// Whether a `match` for its `?` is not enough.
    fn needs_closure(&self, whole: &SyntaxNode) -> bool {
        self.panics || self.tries_in_macro || self.tries.iter().any(|one| one != whole)
    }
}

fn is(functions: &[String], name: &str) -> bool {
    functions.iter().any(|own| own == name)
}

/// Whether code in `inner` may leave the function that `outer` is part of.
fn reaches(inner: &SyntaxNode, outer: &SyntaxNode) -> bool {
    let between = inner.ancestors().skip(1).take_while(|node| inner != outer && node != outer);
    between.chain([outer.clone()]).all(|node| !is_apart(&node))
}

/// Whether a `break` or `continue` is about a loop within `whole`.
fn stays(node: &SyntaxNode, whole: &SyntaxNode) -> bool {
    let label = node.children_with_tokens().find_map(|child| match child {
        NodeOrToken::Node(child) if child.kind() == SyntaxKind::LIFETIME => Some(child.text().to_string()),
        _ => None,
    });
    let is_target = |outer: &SyntaxNode| {
        let is_loop = matches!(outer.kind(), SyntaxKind::FOR_EXPR | SyntaxKind::WHILE_EXPR | SyntaxKind::LOOP_EXPR);
        match &label {
            None => is_loop,
            Some(label) => outer
                .children()
                .filter_map(ast::Label::cast)
                .any(|own| own.lifetime().is_some_and(|own| own.syntax().text() == label.as_str())),
        }
    };
    node.ancestors()
        .skip(1)
        .take_while(|outer| whole.text_range().contains_range(outer.text_range()))
        .any(|outer| is_target(&outer))
}

/// Whether it is the call of a function that a cell may have defined, or of a closure.
fn calls_own(node: &SyntaxNode, functions: &[String]) -> bool {
    let Some(call) = ast::CallExpr::cast(node.clone()) else { return false };
    match call.expr() {
        Some(ast::Expr::PathExpr(callee)) => {
            let text = callee.syntax().text().to_string();
            let last = text.rsplit("::").next().unwrap_or_default();
            let is_bare = last == text && last != "drop" && last.starts_with(|c: char| c.is_lowercase());
            is_bare || is(functions, last) || hears(node)
        }
        _ => true,
    }
}

/// Whether a closure among the arguments hears interrupts.
fn hears(call: &SyntaxNode) -> bool {
    let arguments = call.children().find_map(ast::ArgList::cast);
    arguments.is_some_and(|list| list.syntax().text().to_string().contains("::candlewick_prelude::cell::hear();"))
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::program;
    use super::super::without;
    use super::*;

    const HEARS: &str = "::candlewick_prelude::cell::hear();";

    /// The cell's code as it is compiled, made short: `{…}` stands around what runs in a closure, `(…)` around what is matched.
    fn kept(body: &str, closures: bool) -> Option<String> {
        let program = program(&body.replace('§', HEARS), &[("a", "Vec<i32>"), ("b", "u8")]);
        let kept = at_errors(&program, closures);
        if kept == program {
            return None;
        }
        assert_eq!(without(&kept).0, program);
        let tree = SourceFile::parse(&kept, Edition::Edition2024);
        assert!(tree.errors().is_empty(), "{kept}");
        let code = kept.split("EvcxrUserCodeError> {\n").nth(1).unwrap();
        let mut short = code.split("\nevcxr_variable_store").next().unwrap().replace(HEARS, "§");
        while let Some(at) = short.find("/*[*/") {
            let end = at + short[at..].find("]*/").unwrap() + 3;
            let text = &short[at..end];
            let names = text.split("left(&[").nth(1).map(|rest| rest.split(", ]").next().unwrap().replace('"', ""));
            let of_closure = text.contains("guarded") || text.contains("resume_unwind");
            let sign = match names {
                None if of_closure => "{".to_owned(),
                None => "(".to_owned(),
                Some(names) if of_closure => format!("}}{names}"),
                Some(names) => format!(")?{names}"),
            };
            short.replace_range(at..end, &sign);
        }
        Some(short)
    }

    #[test]
    fn a_question_mark_keeps_what_is_bound() {
        for (body, expected) in [
            ("let a = f()?; let b = x.g()?;", "let a = f()?; let b = (x.g())?a;"),
            ("let a = f(); X::g(h()?)?;", "let a = f(); (X::g((h())?a))?a;"),
            ("let a = f(); x.y()?.z()?;", "let a = f(); ((x.y())?a.z())?a;"),
            ("let a = f(); for i in c { x.g(i)?; }", "let a = f(); for i in c { (x.g(i))?a; }"),
            ("let a; a = f(); x.g()?;", "let a; a = f(); (x.g())?a;"),
        ] {
            assert_eq!(kept(body, false).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn what_may_end_in_several_ways_runs_in_a_closure() {
        for (body, expected) in [
            ("let a = X::f()?; let b = x.g()?;", "let a = X::f()?; let b = (x.g())?a;"),
            ("let a = f(); X::g(h()?)?;", "let a = f(); {X::g(h()?)?}a;"),
            ("let a = f(); for i in c { g(i)?; }", "let a = f(); {for i in c { g(i)?; }}a"),
            ("let a = f(); println!(\"{}\", x.g()?);", "let a = f(); {println!(\"{}\", x.g()?)}a;"),
            ("let a = f(); go();", "let a = f(); {go()}a;"),
            ("let a = f(); c.for_each(|x| loop {§ }).d();", "let a = f(); {c.for_each(|x| loop {§ }).d()}a;"),
            ("let a = f(); let b = v[9] / x;", "let a = f(); let b = {v[9] / x}a;"),
            ("let a = f(); assert!(a.is_empty());", "let a = f(); {assert!(a.is_empty())}a;"),
            (
                "let a = f(); 'x: loop { for i in 0.. { g(i)?; break 'x } }",
                "let a = f(); {'x: loop { for i in 0.. { g(i)?; break 'x } }}a",
            ),
            ("let a = f(); { let a = 1; g(a)?; }", "let a = f(); {{ let a = 1; g(a)?; }}a"),
        ] {
            assert_eq!(kept(body, true).as_deref(), Some(expected), "{body}");
        }
        // With another way out there are the question marks alone.
        for (body, expected) in [
            ("let a = f(); if g()? { return Ok(()); }", "let a = f(); if (g())?a { return Ok(()); }"),
            ("let a = f(); x.g(v[1]).await?;", "let a = f(); (x.g(v[1]).await)?a;"),
        ] {
            assert_eq!(kept(body, true).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn the_rest_is_left_alone() {
        for body in [
            "f()?; let a = g();",
            "let a = f(); let b = || -> Result<u8, E> { g()? };",
            "let a = f(); fn h() -> Option<u8> { g()? }",
            "let a = f(); X::g(&a + 1);",
            "let a = f(); async { g()?; };",
            "let a = f(); let w = X::g(&a); x.h()?; drop(w);",
            &format!("let a = f(); {GOES_ON}"),
            "let a = f(); c.map(|x| x.unwrap());",
        ] {
            assert_eq!(kept(body, true), None, "{body}");
        }
        assert_eq!(at_errors("fn run() { f()?; }", true), "fn run() { f()?; }");
    }
}
