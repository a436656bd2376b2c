//! A cell as rust-analyzer's parser sees it, in evcxr's own way: as the body of a function.

use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxNode, ast};
use std::hash::Hasher;
use std::ops::Range;

const BEFORE: &str = "fn f(){";

/// The kind of a token that is a name.
pub const NAME: SyntaxKind = SyntaxKind::IDENT;

/// The statements and items of a cell.
pub struct Parsed {
    /// In order; the last one may be an expression without a semicolon.
    pub nodes: Vec<SyntaxNode>,
    /// Whether something does not parse.
    pub broken: bool,
}

impl Parsed {
    /// Parses Rust; places in it are those of `rust`.
    pub fn of(rust: &str) -> Parsed {
        let parse = SourceFile::parse(&format!("{BEFORE}{rust}\n}}"), Edition::Edition2024);
        let mut items = parse.syntax_node().children();
        let list = items.next().and_then(ast::Fn::cast).and_then(|function| function.body()?.stmt_list());
        let nodes = list.map(|list| list.syntax().children().collect()).unwrap_or_default();
        // A bracket too many ends the function early.
        Parsed { nodes, broken: !parse.errors().is_empty() || items.next().is_some() }
    }

    /// The expression that the cell ends with.
    pub fn tail(&self) -> Option<&SyntaxNode> {
        self.nodes.last().filter(|node| ast::Expr::can_cast(node.kind()))
    }

    /// The parts into which evcxr divides `rust`: each statement with what follows it.
    pub fn parts<'a>(&'a self, rust: &str) -> Vec<(&'a SyntaxNode, Range<usize>)> {
        let starts = self.nodes.iter().skip(1).map(|node| range(node).start).chain([rust.len()]);
        let mut from = 0;
        let part = |(node, end): (&'a SyntaxNode, usize)| {
            let part = from..end.min(rust.len());
            from = part.end;
            (node, part)
        };
        self.nodes.iter().zip(starts).map(part).filter(|(_, part)| !part.is_empty()).collect()
    }
}

/// Whether what is in it is code for itself.
pub fn is_apart(node: &SyntaxNode) -> bool {
    node.kind() == SyntaxKind::CLOSURE_EXPR
        || ast::Item::can_cast(node.kind()) && !ast::MacroCall::can_cast(node.kind())
        || ast::BlockExpr::cast(node.clone()).is_some_and(|block| block.async_token().is_some())
}

/// Whether it is a loop.
pub fn is_loop(node: &SyntaxNode) -> bool {
    matches!(node.kind(), SyntaxKind::FOR_EXPR | SyntaxKind::WHILE_EXPR | SyntaxKind::LOOP_EXPR)
}

/// Whether the cell sees to interrupts itself.
pub fn names_interrupt(node: &SyntaxNode) -> bool {
    let mut tokens = node.descendants_with_tokens().filter_map(|element| element.into_token());
    tokens.any(|token| token.kind() == SyntaxKind::IDENT && token.text() == "interrupt")
}

/// Whether a statement of the cell awaits something itself.
pub fn awaits(statement: &SyntaxNode) -> bool {
    let is_own = |node: &SyntaxNode| {
        let outer = node.ancestors().take_while(|outer| outer != statement).chain([statement.clone()]);
        node.kind() == SyntaxKind::AWAIT_EXPR && outer.into_iter().all(|outer| !is_apart(&outer))
    };
    statement.descendants().any(|node| is_own(&node))
}

/// Where a node stands in the cell.
pub fn range(node: &SyntaxNode) -> Range<usize> {
    let range = node.text_range();
    usize::from(range.start()) - BEFORE.len()..usize::from(range.end()) - BEFORE.len()
}

/// Where a node stands without the comments and attributes that belong to it.
pub fn bare_range(node: &SyntaxNode) -> Range<usize> {
    let mut bare = range(node);
    let is_before = |kind| matches!(kind, SyntaxKind::ATTR | SyntaxKind::COMMENT | SyntaxKind::WHITESPACE);
    if let Some(first) = node.children_with_tokens().find(|child| !is_before(child.kind())) {
        bare.start = usize::from(first.text_range().start()) - BEFORE.len();
    }
    bare
}

/// The node's tokens but comments and white space, with one space between them: equal for code that is written alike.
pub fn normal(node: &SyntaxNode) -> String {
    let tokens = node.descendants_with_tokens().filter_map(|element| element.into_token());
    let words: Vec<String> =
        tokens.filter(|token| !token.kind().is_trivia()).map(|token| token.text().to_owned()).collect();
    words.join(" ")
}

/// A number for a text, the same in every process.
pub fn digest(text: &str) -> u64 {
    let mut digest = std::hash::DefaultHasher::new();
    digest.write(text.as_bytes());
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_evcxrs() {
        let rust = "// a\nlet mut a = 10; if a == b {f();}\n fn g() {}\n a + 1 // b\n";
        let parsed = Parsed::of(rust);
        let parts: Vec<&str> = parsed.parts(rust).into_iter().map(|(_, part)| &rust[part]).collect();
        assert_eq!(parts, ["// a\nlet mut a = 10; ", "if a == b {f();}\n ", "fn g() {}\n ", "a + 1 // b\n"]);
        assert_eq!(range(parsed.tail().unwrap()), rust.find("a + 1").unwrap()..rust.find(" // b").unwrap());
        assert!(!parsed.broken);
        assert!(Parsed::of("").nodes.is_empty());
    }

    #[test]
    fn what_does_not_parse_is_known() {
        for code in ["let type = 3;", "let = 3;", "let a = std::", "f() }", "(1]", "x x", "} fn a() {"] {
            assert!(Parsed::of(code).broken, "{code}");
        }
        for code in ["let a = 1", "let a: i32;", "1..", "#![allow(x)] 1", "'a: loop { break 'a }", "async { x.await }"]
        {
            assert_eq!(Parsed::of(code).broken, code == "let a = 1", "{code}");
        }
    }

    #[test]
    fn attributes_and_comments_are_left_out() {
        let rust = "/// Doc\n#[test] // c\nfn f() {}";
        let parsed = Parsed::of(rust);
        assert_eq!(bare_range(&parsed.nodes[0]).start, rust.find("fn").unwrap());
        assert_eq!(normal(&Parsed::of("impl  A /* x */ {\n}").nodes[0]), "impl A { }");
    }
}
