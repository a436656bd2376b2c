//! Library sources without what a cell's types and completions do not need: bodies of functions, tests, attributes that
//! speak to the compiler alone, and of what macros document all but the first paragraph (a dozen types have it each).

use ra_ap_syntax::ast::{self, AstNode, HasAttrs};
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, TextRange};
use std::ops::Range;

/// Bodies of constant functions up to this length stay: lengths of arrays are computed with them.
const CONSTANT: usize = 160;

/// Attributes that change neither what there is nor what is said of it.
const IDLE: [&str; 14] = [
    "allow",
    "cold",
    "expect",
    "inline",
    "must_use",
    "rustc_const_stable",
    "rustc_const_unstable",
    "rustc_diagnostic_item",
    "rustc_inherit_overflow_checks",
    "rustc_on_unimplemented",
    "rustc_promotable",
    "stable",
    "track_caller",
    "warn",
];

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
            function.attrs().for_each(|attribute| idle(&attribute, gone));
            function_body(&function, gone);
        } else if child.kind() == SyntaxKind::TOKEN_TREE {
            if child.parent().is_some_and(|parent| parent.kind() == SyntaxKind::MACRO_RULES) {
                bodies_in_tokens(&child, gone);
                words_in_rules(&child, gone);
            }
        } else if let Some(attribute) = ast::Attr::cast(child.clone()) {
            idle(&attribute, gone);
        } else {
            visit(&child, gone);
        }
    }
}

fn idle(attribute: &ast::Attr, gone: &mut Vec<(Range<usize>, &'static str)>) {
    if attribute.path().is_some_and(|path| IDLE.contains(&path.syntax().text().to_string().as_str())) {
        gone.push((bytes(attribute.syntax().text_range()), ""));
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
            NodeOrToken::Token(token) => match token.kind() {
                SyntaxKind::FN_KW => in_signature = true,
                SyntaxKind::SEMICOLON => in_signature = false,
                _ => {}
            },
            NodeOrToken::Node(inner) => {
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

/// Attributes and documentation of what a macro's rules write; what they take stays, for it must match.
fn words_in_rules(rules: &SyntaxNode, gone: &mut Vec<(Range<usize>, &'static str)>) {
    let mut arrow = false;
    for element in rules.children_with_tokens() {
        match element {
            NodeOrToken::Token(token) => arrow |= matches!(token.kind(), SyntaxKind::FAT_ARROW | SyntaxKind::R_ANGLE),
            NodeOrToken::Node(written) => {
                if std::mem::take(&mut arrow) {
                    words_in_tokens(&written, false, gone);
                }
            }
        }
    }
}

/// `repeated` tells whether the tokens are what a macro repeats, and must not lose what it counts.
fn words_in_tokens(tree: &SyntaxNode, repeated: bool, gone: &mut Vec<(Range<usize>, &'static str)>) {
    let mut told = false;
    let mut before = None;
    for element in tree.children_with_tokens() {
        match &element {
            NodeOrToken::Token(token) => match token.kind() {
                SyntaxKind::WHITESPACE | SyntaxKind::POUND => {}
                SyntaxKind::COMMENT => {
                    told |= token.text().trim_end() == "///";
                    if told || !token.text().starts_with("//") {
                        gone.push((bytes(token.text_range()), ""));
                    }
                }
                _ => told = false,
            },
            NodeOrToken::Node(inner) if before == Some(SyntaxKind::POUND) => {
                let text = inner.text().to_string();
                let name = text.trim_start_matches('[').split(|c: char| !c.is_alphanumeric() && c != '_').next();
                let idle = name.is_some_and(|name| IDLE.contains(&name) || (told && text.starts_with("[doc =")));
                if idle && !(repeated && text.contains('$')) {
                    let pound = usize::from(inner.text_range().start()) - 1;
                    gone.push((pound..inner.text_range().end().into(), ""));
                }
            }
            NodeOrToken::Node(inner) => {
                told = false;
                // What another macro is called with must match its rules.
                if before != Some(SyntaxKind::BANG) {
                    words_in_tokens(inner, before == Some(SyntaxKind::DOLLAR), gone);
                }
            }
        }
        if element.kind() != SyntaxKind::WHITESPACE {
            before = Some(element.kind());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_compiler_go() {
        check("#[inline]\n#[must_use = \"x\"]\n#[deprecated]\nfn f() {}", "\n\n#[deprecated]\nfn f() {}");
    }

    #[test]
    fn macros_say_of_what_they_write_one_paragraph() {
        check(
            "macro_rules! m { (#[inline] $t:ty) => { /// Adds.\n///\n/// # Examples\n#[doc = stringify!($t)]\n#[inline]\n#[doc(hidden)]\npub fn f() {} /// Next.\nfn g() {} } }",
            "macro_rules! m { (#[inline] $t:ty) => { /// Adds.\n\n\n\n\n#[doc(hidden)]\npub fn f() {} /// Next.\nfn g() {} } }",
        );
        let counted = "macro_rules! m { ($($d:expr)*) => { $(#[must_use = $d])* fn f() {} } }";
        check(counted, counted);
        let called = "macro_rules! m { () => { n!(#[inline], f); n! { #[inline] fn f() {} } } }";
        check(called, called);
    }

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
