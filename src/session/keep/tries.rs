//! Where an error, a panic or an interrupt ends the cell.
//!
//! A statement that may end the cell runs in a closure, whose error or panic is seen before it goes on: first what is bound
//! is put into the store. Where a `?` is all that may end a statement, it becomes the `match` that it is short for; and so
//! does each `?` of a statement that leaves the cell in other ways too. A `return` puts it there as well, and tells evcxr of an
//! error even where it is none, since evcxr would take for bound what the cell had not come to. Not every cell compiles so:
//! the shim then has what is simpler compiled.

use super::bound::{self, Own, Puts};
use super::stops::LEAVES;
use super::{GOES_ON, piece};
use crate::session::edits::Edits;
use crate::session::prepare::syntax::is_apart;
use crate::session::unused::PUTS;
use ra_ap_syntax::ast::{self, BinaryOp, HasArgList, HasName};
use ra_ap_syntax::{AstNode, Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken, T};

/// Whether this is a whole number that may become too small: a literal, or how many there are of something.
fn is_count(expression: ast::Expr) -> bool {
    match expression {
        ast::Expr::Literal(literal) => matches!(literal.kind(), ast::LiteralKind::IntNumber(_)),
        ast::Expr::MethodCallExpr(call) => {
            call.name_ref().is_some_and(|name| ["len", "count", "ndim", "rank"].contains(&name.text()))
        }
        _ => false,
    }
}

/// Methods that panic where there is no such value or place, or that may, and macros.
const PANIC: [&str; 34] = [
    "sleep",
    "sum",
    "product",
    "pow",
    "remove",
    "swap_remove",
    "swap",
    "split_at",
    "split_at_mut",
    "split_off",
    "drain",
    "chunks",
    "chunks_exact",
    "windows",
    "step_by",
    "copy_from_slice",
    "clone_from_slice",
    "rotate_left",
    "rotate_right",
    "borrow",
    "borrow_mut",
    "from_secs_f32",
    "from_secs_f64",
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

/// How careful a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Nothing is kept; only that a cell returns is told.
    Returns,
    /// What is bound is kept at each `?` and `return`.
    Matches,
    /// And where something panics.
    Closures,
}

/// The program that keeps what it has where it ends early.
pub fn at_errors(program: &str, care: Care) -> String {
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let known = Defined::of(&tree);
    let mut edits = Edits::default();
    for own in bound::own(&tree) {
        for at in (0..own.statements.len()).filter(|&at| !own.text(at).starts_with(PUTS)) {
            returns(&own, at, care, &mut edits);
            if care != Care::Returns {
                keep(&own, at, &known, care == Care::Closures, &mut edits);
            }
        }
    }
    edits.apply(program).text
}

/// Has each `return` of a statement say what is bound by then, and that it is no end as any other.
fn returns(own: &Own, at: usize, care: Care, edits: &mut Edits) {
    let statement = &own.statements[at];
    let leaves = statement.descendants().filter(|node| reaches(node, statement)).filter_map(ast::ReturnExpr::cast);
    // Those of a loop that is stopped are ours.
    let is_users = |value: &ast::Expr| !value.syntax().text().to_string().starts_with(LEAVES);
    for value in leaves.filter_map(|one| one.expr()).filter(is_users) {
        let puts = if care == Care::Returns { Puts::default() } else { own.puts(at, true) };
        let Puts { code, names } = puts;
        let before = "{ let __end: ::std::result::Result<(), EvcxrUserCodeError> = ";
        let after = format!(
            "; {code}::candlewick_prelude::cell::left(&[{names}]); \
             __end.and_then(|()| Err(EvcxrUserCodeError::from(::candlewick_prelude::cell::Returned))) }}"
        );
        edits.insert(start(value.syntax()), piece(before, ""));
        edits.insert(end(value.syntax()), piece(&after, ""));
    }
}

/// Has a statement of the cell keep what is bound by then.
fn keep(own: &Own, at: usize, known: &Defined, closures: bool, edits: &mut Edits) {
    let statement = &own.statements[at];
    let Some(whole) = value(statement) else { return };
    let ends = Ends::of(&whole, known);
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

/// What cells have defined that may end a cell which calls it.
struct Defined {
    functions: Vec<String>,
    /// Macros, and what a call of theirs does.
    macros: Vec<(String, Ends)>,
}

impl Defined {
    fn of(tree: &SyntaxNode) -> Defined {
        let functions = tree.descendants().filter_map(ast::Fn::cast).filter_map(|own| own.name());
        let functions = functions.map(|name| name.text().to_string()).collect();
        let mut known = Defined { functions, macros: Vec::new() };
        for own in tree.descendants().filter_map(ast::MacroRules::cast) {
            let (Some(name), Some(rules)) = (own.name(), own.token_tree()) else { continue };
            let mut ends = Ends::default();
            let tokens = rules.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
            tokens.for_each(|token| ends.hear(&token, &known));
            // A `?` that says how often a part repeats is taken for an error's: that does no harm.
            known.macros.push((name.text().to_string(), ends));
        }
        known
    }

    fn calls(&self, name: &str) -> bool {
        self.functions.iter().any(|own| own == name)
    }
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
    fn of(whole: &SyntaxNode, known: &Defined) -> Ends {
        let mut ends = Ends::default();
        for element in whole.descendants_with_tokens() {
            let node = match &element {
                NodeOrToken::Node(node) => node.clone(),
                NodeOrToken::Token(token) => match token.parent() {
                    Some(parent) if parent.kind() == SyntaxKind::TOKEN_TREE => parent,
                    _ => continue,
                },
            };
            if reaches(&node, whole) {
                match &element {
                    NodeOrToken::Node(node) => ends.see(node, whole, known),
                    NodeOrToken::Token(token) => ends.hear(token, known),
                }
            } else if is_called_here(&node, whole) {
                // What it returns is its own; its panics are not.
                let mut own = Ends::default();
                match &element {
                    NodeOrToken::Node(node) => own.see(node, whole, known),
                    NodeOrToken::Token(token) => own.hear(token, known),
                }
                ends.panics |= own.panics;
            }
        }
        ends
    }

    /// Takes note of a word in the brackets of a macro.
    fn hear(&mut self, token: &SyntaxToken, known: &Defined) {
        let before = || token.prev_sibling_or_token().filter(|before| !before.kind().is_trivia());
        match token.kind() {
            T![?] => self.tries_in_macro = true,
            T![return] | T![break] | T![continue] | T![await] => self.otherwise = true,
            T![/] | T![%] => self.panics = true,
            T!['['] => {
                let before = token.parent().and_then(|tree| tree.prev_sibling_or_token());
                let is_value = |kind| matches!(kind, SyntaxKind::IDENT | SyntaxKind::TOKEN_TREE);
                self.panics |= before.is_some_and(|before| is_value(before.kind()));
            }
            T![!] => {
                let name = before().and_then(NodeOrToken::into_token);
                self.calls_macro(name.as_ref().map_or("", |name| name.text()), known);
            }
            SyntaxKind::IDENT => self.panics |= PANIC.contains(&token.text()) || known.calls(token.text()),
            _ => {}
        }
    }

    fn calls_macro(&mut self, name: &str, known: &Defined) {
        // Of several of one name the last one is meant.
        if let Some((_, ends)) = known.macros.iter().rev().find(|(own, _)| own == name) {
            self.tries_in_macro |= ends.tries_in_macro;
            self.otherwise |= ends.otherwise;
            self.panics |= ends.panics;
        }
    }

    fn see(&mut self, node: &SyntaxNode, whole: &SyntaxNode, known: &Defined) {
        match node.kind() {
            SyntaxKind::TRY_EXPR if node.text() == GOES_ON.trim_end_matches(';') => self.otherwise = true,
            SyntaxKind::TRY_EXPR => self.tries.push(node.clone()),
            SyntaxKind::RETURN_EXPR | SyntaxKind::AWAIT_EXPR => self.otherwise = true,
            SyntaxKind::BREAK_EXPR | SyntaxKind::CONTINUE_EXPR => self.otherwise |= !stays(node, whole),
            SyntaxKind::INDEX_EXPR => self.panics = true,
            SyntaxKind::CALL_EXPR => self.panics |= calls_own(node, known),
            _ => {}
        }
        if let Some(call) = ast::MethodCallExpr::cast(node.clone())
            && let Some(name) = call.name_ref()
        {
            // A tensor's `sum` is over something, and panics at nothing.
            let of_tensor = ["sum", "product"].contains(&name.text())
                && call.arg_list().is_some_and(|list| list.args().next().is_some());
            self.panics |= PANIC.contains(&name.text()) && !of_tensor || known.calls(name.text()) || hears(node);
        } else if let Some(call) = ast::MacroCall::cast(node.clone())
            && let Some(name) = call.path().and_then(|path| path.segment()?.name_ref())
        {
            self.panics |= PANIC.contains(&name.text());
            self.calls_macro(name.text(), known);
        } else if let Some(both) = ast::BinExpr::cast(node.clone())
            && let Some(BinaryOp::ArithOp(of) | BinaryOp::Assignment { op: Some(of) }) = both.op_kind()
        {
            let divides = matches!(of, ast::ArithOp::Div | ast::ArithOp::Rem);
            let counts =
                matches!(of, ast::ArithOp::Sub) && [both.lhs(), both.rhs()].into_iter().flatten().any(is_count);
            self.panics |= divides || counts;
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

/// Whether it is part of a closure that is handed to a call, and so may run there: what is in functions and in `async`
/// blocks does not.
fn is_called_here(inner: &SyntaxNode, whole: &SyntaxNode) -> bool {
    let between = inner.ancestors().take_while(|node| node != whole);
    between.chain([whole.clone()]).filter(is_apart).all(|apart| {
        let arguments = apart.parent().filter(|parent| parent.kind() == SyntaxKind::ARG_LIST);
        apart.kind() == SyntaxKind::CLOSURE_EXPR && arguments.is_some()
    })
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
fn calls_own(node: &SyntaxNode, known: &Defined) -> bool {
    let Some(call) = ast::CallExpr::cast(node.clone()) else { return false };
    match call.expr() {
        Some(ast::Expr::PathExpr(callee)) => {
            let text = callee.syntax().text().to_string();
            let last = text.rsplit("::").next().unwrap_or_default();
            let is_bare = last == text && last != "drop" && last.starts_with(|c: char| c.is_lowercase());
            is_bare || known.calls(last) || PANIC.contains(&last) || hears(node)
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
    use super::super::{STOPPED, without};
    use super::*;

    const HEARS: &str = "::candlewick_prelude::cell::hear();";

    /// The cell's code as it is compiled, made short: `{…}` stands around what runs in a closure, `(…)` around what is matched,
    /// `<…>` around what is returned.
    fn kept(body: &str, closures: bool) -> Option<String> {
        let care = if closures { Care::Closures } else { Care::Matches };
        let program = program(&body.replace('§', HEARS), &[("a", "Vec<i32>"), ("b", "u8")]);
        let kept = at_errors(&program, care);
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
            let text = text.replace("&[]);", "&[, ]);");
            let names = text.split("left(&[").nth(1).map(|rest| rest.split(", ]").next().unwrap().replace('"', ""));
            let of_closure = text.contains("guarded") || text.contains("resume_unwind");
            let sign = match names {
                None if text.contains("__end: ") => "<".to_owned(),
                Some(names) if text.contains("__end.") => format!(">{names}"),
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
            ("let a = f(); c.map(|x| 1 / x).sum();", "let a = f(); {c.map(|x| 1 / x).sum()}a;"),
            ("let a = f(); println!(\"{}\", a[9]);", "let a = f(); {println!(\"{}\", a[9])}a;"),
            ("let a = f(); println!(\"{}\", 1 % x);", "let a = f(); {println!(\"{}\", 1 % x)}a;"),
            ("let a = f(); a.swap(0, 9);", "let a = f(); {a.swap(0, 9)}a;"),
            (
                "let a = f(); std::time::Duration::from_secs_f64(x);",
                "let a = f(); {std::time::Duration::from_secs_f64(x)}a;",
            ),
        ] {
            assert_eq!(kept(body, true).as_deref(), Some(expected), "{body}");
        }
        // With another way out there are the question marks alone.
        for (body, expected) in [
            ("let a = f(); if g()? { return Ok(()); }", "let a = f(); if (g())?a { return <Ok(())>a; }"),
            ("let a = f(); let Ok(b) = g else { return h() };", "let a = f(); let Ok(b) = g else { return <h()>a };"),
            ("let a = f(); x.g(v[1]).await?;", "let a = f(); (x.g(v[1]).await)?a;"),
        ] {
            assert_eq!(kept(body, true).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn macros_of_ones_own_are_looked_into() {
        let of = "macro_rules! t { ($e:expr) => { f($e)? } } macro_rules! u { () => { return } } ";
        for (body, expected) in [
            ("let a = f(); let b = t!(1);", "let a = f(); let b = {t!(1)}a;"),
            ("let a = f(); println!(\"{}\", t!(1));", "let a = f(); {println!(\"{}\", t!(1))}a;"),
        ] {
            assert_eq!(kept(&format!("{of}{body}"), true), Some(format!("{of}{expected}")), "{body}");
        }
        assert_eq!(kept(&format!("{of}let a = f(); u!();"), true), None);
    }

    #[test]
    fn what_is_simplest_tells_of_returns_alone() {
        let program = program("let a = f()?; if a { return Ok(()); }", &[("a", "bool")]);
        let kept = at_errors(&program, Care::Returns);
        assert!(kept.contains("left(&[]);") && kept.contains("cell::Returned") && !kept.contains("match ("), "{kept}");
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
            &format!("let a = f(); if {STOPPED} {{ return {LEAVES}&[]); }}"),
            "let a = f(); let g = |x| x.unwrap();",
        ] {
            assert_eq!(kept(body, true), None, "{body}");
        }
        assert_eq!(at_errors("fn run() { f()?; }", Care::Closures), "fn run() { f()?; }");
    }
}
