//! Where an error, a panic or an interrupt ends the cell: at a `?`, and at calls that may panic or that hear interrupts.
//!
//! A `?` becomes the `match` that it is short for, with what is bound put into the store where there is an error. A call
//! runs in a closure whose panic is caught, and goes on once the variables are safe. Not every cell compiles so (a value
//! may be lent until the end of its statement): the shim compiles the plain program then.

use super::bound;
use super::{GOES_ON, piece};
use crate::session::prepare::syntax::is_apart;
use crate::session::unused::names;
use ra_ap_syntax::ast::{self, HasArgList, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxNode, T};

/// What a function, closure or block calls that hears interrupts.
const HEARS: &str = "::candlewick_prelude::cell::hear();";
/// Methods that panic where there is no value.
const PANIC: [&str; 4] = ["unwrap", "expect", "unwrap_err", "expect_err"];

/// The program that keeps what it has at errors; `None` where that is as it was.
pub fn at_errors(program: &str) -> Option<String> {
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let hearing = hearing(&tree);
    let mut places: Vec<(usize, usize, String)> = Vec::new();
    for own in bound::own(&tree) {
        for (at, statement) in own.statements.iter().enumerate() {
            let mut tries = tries(statement);
            let mut calls = calls(statement, &hearing);
            if tries.is_empty() && calls.is_empty() {
                continue;
            }
            let puts = own.puts(at);
            if puts.names.is_empty() {
                continue;
            }
            let leaving = format!("{}::candlewick_prelude::cell::left(&[{}]);", puts.code, puts.names);
            // What lies around another begins first, and ends after it.
            tries.sort_by_key(|one| std::cmp::Reverse(one.text_range().len()));
            calls.sort_by_key(|one| one.text_range().len());
            for one in &tries {
                places.push((start(one), 0, piece("(match (", "")));
            }
            for one in calls.iter().rev() {
                places.push((start(one), 0, piece("(match ::candlewick_prelude::cell::guarded(|| (", "")));
            }
            for one in &calls {
                let arms = format!(
                    ")) {{ Ok(__ok) => __ok, Err(__panic) => {{ {leaving} ::std::panic::resume_unwind(__panic) }} }})"
                );
                places.push((end(one), 0, piece(&arms, "")));
            }
            for one in &tries {
                let arms = format!(
                    ") {{ Ok(__ok) => __ok, Err(__error) => {{ let __error = EvcxrUserCodeError::from(__error); {leaving} return Err(__error); }} }})"
                );
                places.push((end(one) - 1, 1, piece(&arms, "?")));
            }
        }
    }
    if places.is_empty() {
        return None;
    }
    places.sort_by_key(|(at, ..)| *at);
    let mut kept = program.to_owned();
    for (at, length, text) in places.iter().rev() {
        kept.replace_range(*at..at + length, text);
    }
    Some(kept)
}

fn start(node: &SyntaxNode) -> usize {
    node.text_range().start().into()
}

fn end(node: &SyntaxNode) -> usize {
    node.text_range().end().into()
}

/// Whether code in `inner` may leave the function that `statement` is part of.
fn reaches(inner: &SyntaxNode, statement: &SyntaxNode) -> bool {
    let between = inner.ancestors().skip(1).take_while(|node| inner != statement && node != statement);
    between.chain([statement.clone()]).all(|node| !is_apart(&node))
}

/// The `?` of a statement that leave the cell.
fn tries(statement: &SyntaxNode) -> Vec<SyntaxNode> {
    let tries = statement.descendants().filter(|node| node.kind() == SyntaxKind::TRY_EXPR);
    let ours = GOES_ON.trim_end_matches(';');
    tries.filter(|one| reaches(one, statement) && one.text() != ours).collect()
}

/// The calls of a statement that are to be guarded, none within another.
fn calls(statement: &SyntaxNode, hearing: &[String]) -> Vec<SyntaxNode> {
    let mut found: Vec<SyntaxNode> = Vec::new();
    for node in statement.descendants() {
        let is_inside = found.iter().any(|outer| outer.text_range().contains_range(node.text_range()));
        if is_inside || !may_end(&node, hearing) || !reaches(&node, statement) {
            continue;
        }
        if !leaves(&node) {
            found.push(node);
        }
    }
    found
}

/// Whether a call may panic, or be interrupted.
fn may_end(node: &SyntaxNode, hearing: &[String]) -> bool {
    let heard = |name: &str| hearing.iter().any(|own| own == name);
    let hears = |list: Option<ast::ArgList>| list.is_some_and(|list| list.syntax().text().to_string().contains(HEARS));
    if let Some(call) = ast::CallExpr::cast(node.clone()) {
        let Some(ast::Expr::PathExpr(callee)) = call.expr() else { return hears(call.arg_list()) };
        let name = callee.path().and_then(|path| path.segment()?.name_ref()).map(|name| name.text().to_string());
        return name.is_some_and(|name| heard(&name)) || hears(call.arg_list());
    }
    let Some(call) = ast::MethodCallExpr::cast(node.clone()) else { return false };
    let name = call.name_ref().map(|name| name.text().to_string()).unwrap_or_default();
    let receiver = || call.receiver().is_some_and(|receiver| may_end(receiver.syntax(), hearing));
    heard(&name) || PANIC.contains(&name.as_str()) || hears(call.arg_list()) || receiver()
}

/// Whether something within would leave more than the call.
fn leaves(call: &SyntaxNode) -> bool {
    call.descendants_with_tokens().any(|element| match element {
        ra_ap_syntax::NodeOrToken::Node(node) => {
            let is_way_out = matches!(
                node.kind(),
                SyntaxKind::TRY_EXPR
                    | SyntaxKind::RETURN_EXPR
                    | SyntaxKind::BREAK_EXPR
                    | SyntaxKind::CONTINUE_EXPR
                    | SyntaxKind::AWAIT_EXPR
            );
            is_way_out && reaches(&node, call)
        }
        // In the brackets of a macro.
        ra_ap_syntax::NodeOrToken::Token(token) => {
            let in_macro = token.parent().is_some_and(|parent| parent.kind() == SyntaxKind::TOKEN_TREE);
            in_macro && matches!(token.kind(), T![?] | T![return] | T![break] | T![continue] | T![await])
        }
    })
}

/// The names of functions and closures that hear interrupts, or call others that do.
fn hearing(tree: &SyntaxNode) -> Vec<String> {
    if !tree.text().to_string().contains(HEARS) {
        return Vec::new();
    }
    let functions = tree.descendants().filter_map(ast::Fn::cast);
    let mut bodies: Vec<(String, String)> = functions
        .filter_map(|own| Some((own.name()?.text().to_string(), own.body()?.syntax().text().to_string())))
        .filter(|(_, body)| !body.contains("EvcxrUserCodeError"))
        .collect();
    for list in bound::own(tree) {
        for statement in list.statements.into_iter().filter_map(ast::LetStmt::cast) {
            if let (Some(ast::Pat::IdentPat(name)), Some(ast::Expr::ClosureExpr(closure))) =
                (statement.pat(), statement.initializer())
                && let Some(name) = name.name()
            {
                bodies.push((name.text().to_string(), closure.syntax().text().to_string()));
            }
        }
    }
    let mut found: Vec<String> = Vec::new();
    loop {
        let (new, rest): (Vec<_>, Vec<_>) = bodies
            .into_iter()
            .partition(|(_, body)| body.contains(HEARS) || found.iter().any(|found| names(body, found)));
        bodies = rest;
        if new.is_empty() {
            return found;
        }
        found.extend(new.into_iter().map(|(name, _)| name));
    }
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::program;
    use super::super::without;
    use super::*;

    /// The cell's code as it is compiled, made short.
    fn kept(body: &str) -> Option<String> {
        let program = program(&body.replace('§', HEARS), &[("a", "Vec<i32>"), ("b", "u8")]);
        let kept = at_errors(&program)?;
        assert_eq!(without(&kept).0, program);
        let tree = SourceFile::parse(&kept, Edition::Edition2024);
        assert!(tree.errors().is_empty(), "{kept}");
        let code =
            kept.split("EvcxrUserCodeError> {\n").nth(1).unwrap().split("\nevcxr_variable_store").next().unwrap();
        let mut short = code.replace(HEARS, "§").replace("::candlewick_prelude::cell::", "");
        for (from, to) in
            [("/*[*/", ""), ("/*|]*/", ""), ("/*|?]*/", ""), ("Ok(__ok) => __ok, ", ""), (" guarded(|| (", " ")]
        {
            short = short.replace(from, to);
        }
        while let Some(at) = short.find("evcxr_variable_store.put") {
            let end = at + short[at..].find("; ").unwrap() + 2;
            short.replace_range(at..end, "");
        }
        let error = "Err(__error) => { let __error = EvcxrUserCodeError::from(__error); left(&[";
        short = short.replace(error, "?[").replace("Err(__panic) => { left(&[", "![");
        Some(
            short
                .replace(", ]); return Err(__error); } })", "]")
                .replace(", ]); ::std::panic::resume_unwind(__panic) } })", "]"),
        )
    }

    #[test]
    fn a_question_mark_keeps_what_is_bound() {
        for (body, expected) in [
            ("let a = f()?; let b = g()?;", "let a = f()?; let b = (match (g()) { ?[\"a\"];"),
            ("let a = f(); g(h()?)?;", "let a = f(); (match (g((match (h()) { ?[\"a\"])) { ?[\"a\"];"),
            ("let a = f(); x.y()?.z()?;", "let a = f(); (match ((match (x.y()) { ?[\"a\"].z()) { ?[\"a\"];"),
            ("let a = f(); for i in c { g(i)?; }", "let a = f(); for i in c { (match (g(i)) { ?[\"a\"]; }"),
        ] {
            assert_eq!(kept(body).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn a_call_that_may_end_is_guarded() {
        let function = "fn go() { loop {§ } } fn more() { go() }";
        for (body, expected) in [
            ("let a = f(); go();", "let a = f(); (match go())) { ![\"a\"];"),
            ("let a = f(); x.more(1)?;", "let a = f(); (match ((match x.more(1))) { ![\"a\"]) { ?[\"a\"];"),
            (
                "let a = f(); c.for_each(|x| loop {§ }).d();",
                "let a = f(); (match c.for_each(|x| loop {§ }).d())) { ![\"a\"];",
            ),
            (
                "let a = f(); let step = || loop {§ }; step();",
                "let a = f(); let step = || loop {§ }; (match step())) { ![\"a\"];",
            ),
            ("let a = f(); let b = x.unwrap() + 1;", "let a = f(); let b = (match x.unwrap())) { ![\"a\"] + 1;"),
        ] {
            let found = kept(&format!("{function} {body}")).unwrap();
            assert_eq!(found, format!("{function} {expected}"), "{body}");
        }
    }

    #[test]
    fn the_rest_is_left_alone() {
        for body in [
            "f()?; let a = g();",
            "let a = f(); let b = || -> Result<u8, E> { g()? };",
            "let a = f(); fn h() -> Option<u8> { g()? }",
            "let a = f(); g();",
            "let a = f(); async { g()?; };",
            "let a = f(); let w = g(&a); h()?; drop(w);",
            &format!("let a = f(); {GOES_ON}"),
            "let a = f(); c.map(|x| x.unwrap());",
        ] {
            assert_eq!(kept(body), None, "{body}");
        }
        assert_eq!(at_errors("fn run() { f()?; }"), None);
    }
}
