//! An `impl` that is run again takes the place of the one before it.
//!
//! evcxr keeps an item under its name until one of the same name comes, and one without a name for ever, unless it
//! stands behind a named one: then it goes with that. So each `impl` gets a named marker before it. The marker's name
//! says what the `impl` is about; to name it again replaces what stood behind it.

use super::super::edits::Edits;
use super::syntax::{Parsed, digest, normal, range};
use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, SyntaxNode, SyntaxToken};
use std::collections::HashMap;
use std::fmt::Write;

/// How the markers' names begin.
pub const MARKER: &str = "CANDLEWICK_BLOCK_";

/// An `impl`, or a block of foreign functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is about: `impl Shape for Square`, `impl Square`.
    head: String,
    /// The type that it belongs to.
    of_type: String,
    /// The trait, without its path; a type has one `impl` of it.
    of_trait: Option<String>,
    /// Its functions, types and constants: names, and texts for those that are to stay when others go.
    members: Vec<(String, String)>,
    /// What stands before its members: attributes, `impl … {`.
    before: String,
    /// The name that evcxr knows it by.
    marker: String,
}

/// The blocks that evcxr holds.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    held: Vec<Block>,
    /// The types that were defined in a cell together with blocks of theirs: these go when the type is defined anew.
    together: HashMap<String, Vec<String>>,
}

impl Blocks {
    /// Puts a marker before each block of a cell, and what is needed to let go of blocks that these replace; the blocks
    /// that evcxr will hold then.
    pub fn edit(&self, parsed: &Parsed, edits: &mut Edits) -> Blocks {
        let mut after = self.clone();
        let new: Vec<(&SyntaxNode, Block)> =
            parsed.nodes.iter().filter_map(|node| Some((node, Block::of(node)?))).collect();
        let mut letting_go = String::new();
        for (node, name) in parsed.nodes.iter().filter_map(|node| Some((node, type_name(node)?))) {
            let markers = after.together.remove(&name).unwrap_or_default();
            let derived = derived(node);
            let gone = |block: &Block| {
                let is_derived = block.of_trait.as_ref().is_some_and(|of| derived.contains(of));
                markers.contains(&block.marker) || (is_derived && block.of_type == name)
            };
            for block in after.held.iter().filter(|block| gone(block)) {
                if !new.iter().any(|(_, own)| own.marker == block.marker) {
                    letting_go.push_str(&marker_item(&block.marker));
                }
            }
            after.held.retain(|block| !gone(block));
            let own = new.iter().filter(|(_, block)| block.of_type == name);
            let own: Vec<String> = own.map(|(_, block)| block.marker.clone()).collect();
            if !own.is_empty() {
                after.together.insert(name, own);
            }
        }
        for (_, block) in &new {
            after.held.retain(|held| held.marker != block.marker);
            for held in &mut after.held {
                if let Some(rest) = held.without(block) {
                    let _ = write!(letting_go, "{}{}", marker_item(&held.marker), rest);
                }
            }
            after.held.retain(|held| held.of_trait.is_some() || !held.members.is_empty());
        }
        if let (Some(first), false) = (parsed.nodes.first(), letting_go.is_empty()) {
            edits.insert(range(first).start, letting_go);
        }
        for (node, block) in new {
            edits.insert(range(node).start, marker_item(&block.marker));
            after.held.push(block);
        }
        after
    }
}

fn marker_item(marker: &str) -> String {
    format!("const {marker}: () = (); ")
}

impl Block {
    fn of(node: &SyntaxNode) -> Option<Block> {
        let (list, head, of_type, of_trait) = if let Some(item) = ast::Impl::cast(node.clone()) {
            let of_type = name_of_type(&item.self_ty()?);
            let list = item.assoc_item_list()?.syntax().clone();
            // Two ways to name the same trait are one here.
            let head = before(node, &list).replace("std :: ", "").replace("core :: ", "");
            (list, head, of_type, item.trait_().map(|of| name_of_type(&of)))
        } else {
            let item = ast::ExternBlock::cast(node.clone())?;
            (item.extern_item_list()?.syntax().clone(), "extern".to_owned(), String::new(), None)
        };
        let name = |node: &SyntaxNode| node.children().find_map(ast::Name::cast).map(|name| name.text().to_string());
        let members: Vec<(String, String)> = list
            .children()
            .filter(|child| !ast::Attr::can_cast(child.kind()))
            .map(|child| (name(&child).unwrap_or_default(), child.text().to_string()))
            .collect();
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let key = if of_trait.is_some() { head.clone() } else { format!("{head} {}", names.join(" ")) };
        let opening = list.text_range().start() - node.text_range().start();
        let before = node.text().to_string()[..usize::from(opening) + 1].to_owned();
        let marker = format!("{MARKER}{:016x}", digest(&key));
        Some(Block { head, of_type, of_trait, members, before, marker })
    }

    /// Where `new` defines some of this block's members anew: takes them away, and gives the text of what is left.
    fn without(&mut self, new: &Block) -> Option<String> {
        if self.of_trait.is_some() || new.of_trait.is_some() || self.head != new.head {
            return None;
        }
        let count = self.members.len();
        self.members.retain(|(name, _)| !new.members.iter().any(|(other, _)| other == name));
        if self.members.len() == count {
            return None;
        }
        if self.members.is_empty() {
            return Some(String::new());
        }
        let members: Vec<&str> = self.members.iter().map(|(_, text)| text.as_str()).collect();
        Some(format!("{}\n{}\n}}\n", self.before, members.join("\n")))
    }
}

/// What stands before the members, attributes and comments aside.
fn before(node: &SyntaxNode, list: &SyntaxNode) -> String {
    let is_head = |token: &SyntaxToken| {
        !token.kind().is_trivia()
            && token.text_range().start() < list.text_range().start()
            && !token.parent_ancestors().any(|parent| ast::Attr::can_cast(parent.kind()))
    };
    let tokens = node.descendants_with_tokens().filter_map(|element| element.into_token()).filter(is_head);
    tokens.map(|token| token.text().to_owned()).collect::<Vec<_>>().join(" ")
}

/// `Point` of `&mut geometry::Point<T>`.
fn name_of_type(kind: &ast::Type) -> String {
    let names = kind.syntax().descendants().filter_map(ast::PathType::cast);
    let first = names.filter_map(|path| path.path()?.segment()?.name_ref()).next();
    first.map_or_else(|| normal(kind.syntax()), |name| name.text().to_string())
}

/// The traits that a type derives.
fn derived(node: &SyntaxNode) -> Vec<String> {
    let attributes = node.children().filter(|child| ast::Attr::can_cast(child.kind()));
    let derives = attributes.map(|attribute| attribute.text().to_string()).filter(|text| text.contains("derive"));
    let words =
        |text: String| text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect::<Vec<_>>();
    derives.flat_map(words).collect()
}

/// The name of a struct, an enum or a union.
pub fn type_name(node: &SyntaxNode) -> Option<String> {
    let name = match ast::Adt::cast(node.clone())? {
        ast::Adt::Struct(item) => item.name(),
        ast::Adt::Enum(item) => item.name(),
        ast::Adt::Union(item) => item.name(),
    };
    Some(name?.text().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The markers become numbers, in the order in which they were first seen.
    fn edited(cells: &[&str]) -> Vec<String> {
        let (mut blocks, mut seen) = (Blocks::default(), Vec::<String>::new());
        let mut texts = Vec::new();
        for cell in cells {
            let mut edits = Edits::default();
            let parsed = Parsed::of(cell);
            assert!(!parsed.broken, "{cell}");
            blocks = blocks.edit(&parsed, &mut edits);
            let mut text = edits.apply(cell).text;
            assert!(!Parsed::of(&text).broken, "{text}");
            while let Some(at) = text.find(MARKER) {
                let marker = text[at..at + MARKER.len() + 16].to_owned();
                let number = seen.iter().position(|other| *other == marker).unwrap_or_else(|| {
                    seen.push(marker.clone());
                    seen.len() - 1
                });
                text = text.replace(&format!("const {marker}: () = (); "), &format!("<{number}>"));
            }
            texts.push(text);
        }
        texts
    }

    #[test]
    fn an_impl_run_again_has_the_same_marker() {
        let cells = [
            "impl Shape for Square { fn area(&self) -> f32 { 1.0 } }",
            "impl Shape  for Square { }",
            "impl std::fmt::Display for A {}",
            "impl fmt::Display for A {}",
        ];
        assert_eq!(
            edited(&cells),
            [
                "<0>impl Shape for Square { fn area(&self) -> f32 { 1.0 } }",
                "<0>impl Shape  for Square { }",
                "<1>impl std::fmt::Display for A {}",
                "<1>impl fmt::Display for A {}"
            ]
        );
    }

    #[test]
    fn different_impls_stay_beside_each_other() {
        let cells =
            ["impl A { fn a() {} }", "impl A { fn b() {} }", "impl A { fn a() { 2; } }", "impl B { fn a() {} }"];
        assert_eq!(
            edited(&cells),
            [
                "<0>impl A { fn a() {} }",
                "<1>impl A { fn b() {} }",
                "<0>impl A { fn a() { 2; } }",
                "<2>impl B { fn a() {} }"
            ]
        );
        let generic = ["impl P<f32> { fn a() {} }", "impl P<f64> { fn a() {} }", "impl<T> From<T> for P {}"];
        assert!(edited(&generic).iter().zip(0..).all(|(text, number)| text.starts_with(&format!("<{number}>"))));
    }

    #[test]
    fn a_member_that_is_defined_anew_replaces_the_old_one_alone() {
        let cells = [
            "impl A { fn a() {} fn b() { 1; } }",
            "impl A { fn b() { 2; } fn c() {} }",
            "impl A { fn a() {} fn c() {} }",
        ];
        let texts = edited(&cells);
        assert_eq!(texts[1], "<0>impl A {\nfn a() {}\n}\n<1>impl A { fn b() { 2; } fn c() {} }");
        assert_eq!(texts[2], "<0><1>impl A {\nfn b() { 2; }\n}\n<2>impl A { fn a() {} fn c() {} }");
    }

    #[test]
    fn what_was_defined_with_a_type_goes_with_it() {
        let cells = [
            "struct A; impl Debug for A {} impl A { fn a() {} }",
            "impl Display for A {}",
            "#[derive(Debug)] struct A; impl A { fn a() {} }",
            "struct A;",
        ];
        assert_eq!(
            edited(&cells),
            [
                "struct A; <0>impl Debug for A {} <1>impl A { fn a() {} }",
                "<2>impl Display for A {}",
                "<0>#[derive(Debug)] struct A; <1>impl A { fn a() {} }",
                "<1>struct A;"
            ]
        );
        let apart = ["struct B;", "impl fmt::Debug for B {}", "#[derive(Clone, Debug)] struct B;"];
        assert_eq!(edited(&apart)[2], "<0>#[derive(Clone, Debug)] struct B;");
    }

    #[test]
    fn foreign_functions_are_blocks_too() {
        let cells =
            ["unsafe extern \"C\" { fn abs(x: i32) -> i32; }", "unsafe extern \"C\" { fn abs(x: i32) -> i32; }"];
        let texts = edited(&cells);
        assert!(texts.iter().all(|text| text.starts_with("<0>unsafe extern")), "{texts:?}");
    }
}
