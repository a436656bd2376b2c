//! Library sources without what a cell's types and completions do not need: bodies of functions and tests.

use ra_ap_syntax::ast::{self, AstNode, HasAttrs};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode, TextRange};
use std::ops::Range;

/// Bodies of constant functions up to this length stay: lengths of arrays are computed with them.
const CONSTANT: usize = 160;

/// The text with empty bodies, and without tests. Lines stay where they are not inside of what goes.
pub fn trim(text: &str, edition: Edition) -> String {
    let file = SourceFile::parse(text, edition).tree();
    let mut gone: Vec<(Range<usize>, &str)> = Vec::new();
    visit(file.syntax(), &mut gone);
    gone.sort_by_key(|(range, _)| range.start);
    let mut trimmed = String::with_capacity(text.len());
    let mut from = 0;
    for (range, instead) in gone {
        if range.start >= from {
            trimmed.push_str(&text[from..range.start]);
            trimmed.push_str(instead);
            from = range.end;
        }
    }
    trimmed + &text[from..]
}

fn bytes(range: TextRange) -> Range<usize> {
    range.start().into()..range.end().into()
}

fn visit(node: &SyntaxNode, gone: &mut Vec<(Range<usize>, &'static str)>) {
    for child in node.children() {
        if is_test(&child) {
            gone.push((bytes(child.text_range()), ""));
        } else if let Some(function) = ast::Fn::cast(child.clone()) {
            function_body(&function, gone);
        } else if child.kind() == SyntaxKind::TOKEN_TREE {
            if child.parent().is_some_and(|parent| parent.kind() == SyntaxKind::MACRO_RULES) {
                bodies_in_tokens(&child, gone);
            }
        } else {
            visit(&child, gone);
        }
    }
}

fn is_test(node: &SyntaxNode) -> bool {
    let Some(item) = ast::Item::cast(node.clone()) else { return false };
    item.attrs().any(|attr| {
        let text: String = attr.syntax().text().to_string().chars().filter(|c| !c.is_whitespace()).collect();
        text == "#[cfg(test)]" || text == "#[test]" || text == "#[bench]"
    })
}

fn function_body(function: &ast::Fn, gone: &mut Vec<(Range<usize>, &'static str)>) {
    let Some(body) = function.body() else { return };
    let range = bytes(body.syntax().text_range());
    if function.const_token().is_some() && range.len() <= CONSTANT {
        return;
    }
    gone.push((range, "{}"));
}

/// Bodies of functions that a macro writes: of what follows `fn`, the first group in braces.
fn bodies_in_tokens(tree: &SyntaxNode, gone: &mut Vec<(Range<usize>, &'static str)>) {
    let mut in_signature = false;
    for element in tree.children_with_tokens() {
        match element {
            ra_ap_syntax::NodeOrToken::Token(token) => match token.kind() {
                SyntaxKind::FN_KW => in_signature = true,
                SyntaxKind::SEMICOLON => in_signature = false,
                _ => {}
            },
            ra_ap_syntax::NodeOrToken::Node(inner) => {
                let in_braces = inner.first_token().is_some_and(|token| token.kind() == SyntaxKind::L_CURLY);
                if in_signature && in_braces {
                    let range = bytes(inner.text_range());
                    // What a macro repeats in a signature it may also count in the body.
                    if range.len() > 2 && !inner.text().to_string().contains("$(") {
                        gone.push((range, "{}"));
                    }
                    in_signature = false;
                } else {
                    bodies_in_tokens(&inner, gone);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(trim(text, Edition::CURRENT), expected);
    }

    #[test]
    fn bodies_go_and_signatures_stay() {
        check("/// Doc.\npub fn f(x: u8) -> u8 { x + 1 }\n", "/// Doc.\npub fn f(x: u8) -> u8 {}\n");
        check(
            "impl A { fn g(&self) -> [u8; 3] { fn h() {} [1; 3] } const N: usize = 2; }",
            "impl A { fn g(&self) -> [u8; 3] {} const N: usize = 2; }",
        );
        check("trait T { fn a(); fn b() { 1 } }", "trait T { fn a(); fn b() {} }");
    }

    #[test]
    fn short_constant_functions_stay() {
        check("const fn n() -> usize { 2 * 3 }", "const fn n() -> usize { 2 * 3 }");
    }

    #[test]
    fn tests_go() {
        check(
            "struct A;\n#[cfg(test)]\nmod tests { fn x() {} }\n#[cfg(not(test))]\nfn y() {}",
            "struct A;\n\n#[cfg(not(test))]\nfn y() {}",
        );
    }

    #[test]
    fn bodies_that_macros_write_go() {
        check(
            "macro_rules! m { ($t:ty) => { impl $t { pub const fn f(self) -> u8 { self as u8 } fn g(); } } }",
            "macro_rules! m { ($t:ty) => { impl $t { pub const fn f(self) -> u8 {} fn g(); } } }",
        );
        let counted = "macro_rules! m { ($($x:ident),*) => { fn f() { $($x();)* } } }";
        check(counted, counted);
    }
}
