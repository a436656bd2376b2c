//! The program that the analysis reads for a cell: what earlier cells left, and the cell as the body of a function.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode};
use std::collections::HashSet;
use std::ops::Range;

/// The function whose body the cell's statements are.
pub const FUNCTION: &str = "candlewick_cell";
/// What a `?` of the cell turns errors into.
const ERROR: &str = "struct CandlewickError;\n\
    impl<T: ::std::fmt::Display> ::std::convert::From<T> for CandlewickError { fn from(_: T) -> Self { CandlewickError } }\n";

/// What earlier cells left: the items that they defined and the variables that they bound.
#[derive(Clone, Debug, Default)]
pub struct Context {
    items: Vec<Item>,
    /// Each variable's name and type.
    pub variables: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Item {
    names: Vec<String>,
    text: String,
    /// What it is written for, if it is an `impl`.
    block: Option<Impl>,
}

/// An `impl`: its trait and type as they are written, and what it defines, with each one's place in the text.
#[derive(Clone, Debug)]
struct Impl {
    head: String,
    is_of_trait: bool,
    defines: Vec<(String, Range<usize>)>,
}

impl Impl {
    fn of(node: &SyntaxNode) -> Option<Impl> {
        let own = ast::Impl::cast(node.clone())?;
        let bare = |kind: ast::Type| kind.syntax().text().to_string().split_whitespace().collect::<String>();
        let of_trait = own.trait_().map(bare);
        let head = format!("{} for {}", of_trait.as_deref().unwrap_or_default(), bare(own.self_ty()?));
        let start = node.text_range().start();
        let items = own.assoc_item_list().into_iter().flat_map(|list| list.assoc_items().collect::<Vec<_>>());
        let defines = items.filter_map(|item| {
            let range = item.syntax().text_range() - start;
            let name = item.syntax().children().find_map(ast::Name::cast)?;
            Some((name.text().to_string(), range.start().into()..range.end().into()))
        });
        Some(Impl { head, is_of_trait: of_trait.is_some(), defines: defines.collect() })
    }
}

impl Context {
    /// Takes the items from the program that was compiled for the last cell, which holds those of all cells.
    pub fn take_items(&mut self, compiled: &str) {
        let file = SourceFile::parse(compiled, Edition::CURRENT).tree();
        let items = file.syntax().children().filter(|node| ast::Item::can_cast(node.kind()));
        self.items = items.filter(|item| !is_generated(item)).map(Item::new).collect();
    }
}

impl Item {
    fn new(node: SyntaxNode) -> Item {
        Item { names: names(&node), text: node.text().to_string(), block: Impl::of(&node) }
    }

    /// What is left of it beside blocks of a cell, which replace what they define again; nothing where all is replaced.
    fn beside(&self, blocks: &[Impl]) -> Option<String> {
        let Some(own) = &self.block else { return Some(self.text.clone()) };
        let mut text = self.text.clone();
        for (name, range) in own.defines.iter().rev() {
            let mut alike = blocks.iter().filter(|block| block.head == own.head);
            if own.is_of_trait && alike.clone().next().is_some() {
                return None;
            }
            if alike.any(|block| block.defines.iter().any(|(other, _)| other == name)) {
                text.replace_range(range.clone(), "");
            }
        }
        Some(text)
    }
}

/// Whether evcxr or the session wrote this item, around the user's.
fn is_generated(item: &SyntaxNode) -> bool {
    let text = item.text().to_string();
    let head: String = text.chars().take(200).collect();
    ["run_user_code_", "EvcxrUserCodeError", "evcxr_internal_runtime"].iter().any(|name| head.contains(name))
}

/// The names that an item brings into scope.
fn names(item: &SyntaxNode) -> Vec<String> {
    if let Some(import) = ast::Use::cast(item.clone()) {
        let trees = import.syntax().descendants().filter_map(ast::UseTree::cast);
        return trees.filter(|tree| tree.use_tree_list().is_none()).filter_map(|tree| leaf(&tree)).collect();
    }
    let name = match ast::Item::cast(item.clone()) {
        Some(ast::Item::Const(it)) => it.name(),
        Some(ast::Item::Enum(it)) => it.name(),
        Some(ast::Item::Fn(it)) => it.name(),
        Some(ast::Item::MacroRules(it)) => it.name(),
        Some(ast::Item::Module(it)) => it.name(),
        Some(ast::Item::Static(it)) => it.name(),
        Some(ast::Item::Struct(it)) => it.name(),
        Some(ast::Item::Trait(it)) => it.name(),
        Some(ast::Item::TypeAlias(it)) => it.name(),
        Some(ast::Item::Union(it)) => it.name(),
        _ => None,
    };
    name.map(|name| name.text().to_string()).into_iter().collect()
}

/// The name that one path of a `use` brings into scope; none for `*` and `_`.
fn leaf(tree: &ast::UseTree) -> Option<String> {
    if let Some(rename) = tree.rename() {
        return Some(rename.name()?.text().to_string());
    }
    if tree.star_token().is_some() {
        return None;
    }
    Some(tree.path()?.segment()?.name_ref()?.text().to_string())
}

/// A program and where the cell's parts stand in it.
#[derive(Debug)]
pub struct CellProgram {
    /// The source text.
    pub text: String,
    /// Where a part begins, and which part of the cell it is.
    parts: Vec<(usize, Range<usize>)>,
}

impl CellProgram {
    /// The program for `code`, whose lines for commands are blank already.
    pub fn new(context: &Context, code: &str) -> CellProgram {
        let segments = segments(code);
        let defined: HashSet<String> = segments.iter().flat_map(|segment| segment.names.iter().cloned()).collect();
        let blocks: Vec<Impl> = segments.iter().filter_map(|segment| segment.block.clone()).collect();
        let mut program = CellProgram { text: "#![allow(warnings)]\n".to_owned(), parts: Vec::new() };
        for item in &context.items {
            if !item.names.iter().any(|name| defined.contains(name))
                && let Some(text) = item.beside(&blocks)
            {
                program.add(&text);
            }
        }
        program.text.push_str(ERROR);
        for segment in segments.iter().filter(|segment| segment.is_item) {
            program.add_part(code, segment.range.clone());
        }
        program.text.push_str(&format!("async fn {FUNCTION}("));
        for (name, kind) in &context.variables {
            program.text.push_str(&format!("mut {name}: {kind}, "));
        }
        program.add(") -> ::std::result::Result<(), CandlewickError> {");
        for segment in segments.iter().filter(|segment| !segment.is_item) {
            program.add_part(code, segment.range.clone());
        }
        program.add("}");
        program
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn add_part(&mut self, code: &str, range: Range<usize>) {
        self.parts.push((self.text.len(), range.clone()));
        self.add(&code[range]);
    }

    /// Where the cell's byte at `offset` stands in the program.
    pub fn position(&self, offset: usize) -> Option<usize> {
        // At the border of two parts the earlier one is meant, whose end is being written.
        let (at, range) = self.parts.iter().find(|(_, range)| range.start <= offset && offset <= range.end)?;
        Some(at + offset - range.start)
    }

    /// The cell's byte that stands at `position` of the program.
    pub fn offset(&self, position: usize) -> Option<usize> {
        let inside = |(at, range): &&(usize, Range<usize>)| *at <= position && position <= at + range.len();
        let (at, range) = self.parts.iter().find(inside)?;
        Some(range.start + position - at)
    }
}

/// The beginning of a cell, with all brackets closed that it leaves open.
pub fn closed(beginning: &str) -> String {
    let file = SourceFile::parse(beginning, Edition::CURRENT).tree();
    let mut open = Vec::new();
    for token in file.syntax().descendants_with_tokens().filter_map(|element| element.into_token()) {
        match token.kind() {
            SyntaxKind::L_PAREN => open.push(')'),
            SyntaxKind::L_BRACK => open.push(']'),
            SyntaxKind::L_CURLY => open.push('}'),
            SyntaxKind::R_PAREN | SyntaxKind::R_BRACK | SyntaxKind::R_CURLY => drop(open.pop()),
            _ => {}
        }
    }
    beginning.chars().chain(open.into_iter().rev()).collect()
}

/// A statement or item of a cell with the space behind it.
struct Segment {
    range: Range<usize>,
    is_item: bool,
    names: Vec<String>,
    block: Option<Impl>,
}

fn segments(code: &str) -> Vec<Segment> {
    const BEFORE: &str = "fn f(){";
    let file = SourceFile::parse(&format!("{BEFORE}{code}\n}}"), Edition::CURRENT).tree();
    let function = file.syntax().children().next().and_then(ast::Fn::cast);
    let list = function.and_then(|function| function.body()).and_then(|body| body.stmt_list());
    let nodes: Vec<SyntaxNode> = list.map(|list| list.syntax().children().collect()).unwrap_or_default();
    let place =
        |node: &SyntaxNode| (usize::from(node.text_range().start()).saturating_sub(BEFORE.len())).min(code.len());
    let mut found = Vec::new();
    let mut from = 0;
    for (index, node) in nodes.iter().enumerate() {
        let to = nodes.get(index + 1).map_or(code.len(), place);
        let is_item = ast::Item::can_cast(node.kind()) && node.kind() != SyntaxKind::MACRO_CALL;
        if from < to {
            let names = if is_item { names(node) } else { Vec::new() };
            found.push(Segment { range: from..to, is_item, names, block: Impl::of(node) });
        }
        from = to;
    }
    if from < code.len() || found.is_empty() {
        found.push(Segment { range: from..code.len(), is_item: false, names: Vec::new(), block: None });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPILED: &str = "#![allow(unused_imports, unused_mut, dead_code)]\nuse candlewick_prelude::prelude::*;\n\
        use std::fmt;\nstruct Point { x: i32 }\nimpl Point { fn new() -> Point { Point { x: 1 } } }\nfn twice(x: i32) -> i32 { 2 * x }\n\
        struct EvcxrUserCodeError {}\nimpl<T: std::fmt::Display> From<T> for EvcxrUserCodeError { fn from(error: T) -> Self { Self {} } }\n\
        use candlewick_prelude::cell as evcxr_internal_runtime;\n#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_3(x: *mut u8) -> *mut u8 {\nlet a = 1;\nx}\n";

    fn context() -> Context {
        let mut context = Context { variables: vec![("t".into(), "Vec<i32>".into())], ..Context::default() };
        context.take_items(COMPILED);
        context
    }

    #[test]
    fn what_earlier_cells_left_is_there_without_what_was_generated() {
        let program = CellProgram::new(&context(), "let u = t.len();");
        for part in ["use std::fmt;", "struct Point", "impl Point", "fn twice", "mut t: Vec<i32>, "] {
            assert!(program.text.contains(part), "{part}: {}", program.text);
        }
        for part in ["Evcxr", "evcxr", "run_user_code", "let a = 1"] {
            assert!(!program.text.contains(part), "{part}: {}", program.text);
        }
        assert_eq!(program.text.matches("struct CandlewickError").count(), 1);
    }

    #[test]
    fn a_new_item_takes_the_place_of_an_old_one() {
        let code = "use other::fmt; fn twice(x: f32) -> f32 { 2.0 * x }";
        let text = CellProgram::new(&context(), code).text;
        assert!(!text.contains("use std::fmt") && !text.contains("i32) -> i32"), "{text}");
        assert!(text.contains("use other::fmt") && text.contains("x: f32"), "{text}");
        let text = CellProgram::new(&context(), "use a::{b::{self, twice}, c as Point};").text;
        assert!(
            !text.contains("fn twice") && !text.contains("struct Point") && text.contains("use std::fmt"),
            "{text}"
        );
    }

    #[test]
    fn places_go_there_and_back() {
        let code = "let a = 1; // x\nfn f() { a }\nlet größe = f();\ngröße.";
        let program = CellProgram::new(&context(), code);
        for (offset, _) in code.char_indices().chain([(code.len(), ' ')]) {
            let position = program.position(offset).unwrap();
            assert_eq!(program.offset(position), Some(offset), "{offset}");
        }
        assert_eq!(program.offset(0), None);
        let items = program.text.find("fn f()").unwrap();
        assert!(items < program.text.find(FUNCTION).unwrap());
    }

    #[test]
    fn what_is_open_is_closed() {
        assert_eq!(closed("println!(\"{}\", v[t.ra"), "println!(\"{}\", v[t.ra])");
        assert_eq!(closed("if a { f(1)"), "if a { f(1)}");
        assert_eq!(closed("\"(\" + ')'"), "\"(\" + ')'");
    }

    #[test]
    fn half_cells_have_places_too() {
        for code in ["", " ", "let a = ", "fn f(n: u64) -> u64 { ", "a.b(", "}", "struct A { x:", "match x {", "\"abc"]
        {
            let program = CellProgram::new(&Context::default(), code);
            assert!(program.position(code.len()).is_some(), "{code}: {}", program.text);
        }
    }
}
