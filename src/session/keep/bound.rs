//! What a cell has bound at one of its places, and how it comes into the store from there.

use super::super::unused::{PUTS, binding, names};
use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxNode};

/// The statements of the cell in the program: evcxr has them in a closure, or a block of their own.
pub struct Own {
    pub statements: Vec<SyntaxNode>,
    texts: Vec<String>,
    /// The variables that are bound: by which statement, and whether it gives them values.
    bound: Vec<(usize, String, bool)>,
}

/// Each list of statements that is the cell's own.
pub fn own(tree: &SyntaxNode) -> Vec<Own> {
    let lists = tree.descendants().filter_map(ast::StmtList::cast).filter(is_cells_own);
    let own = |list: ast::StmtList| {
        let statements: Vec<SyntaxNode> = list.syntax().children().collect();
        let texts = statements.iter().map(|statement| statement.text().to_string()).collect();
        let bound = (0..)
            .zip(&statements)
            .flat_map(|(at, node)| bound(node).into_iter().map(move |(name, set)| (at, name, set)));
        let bound = bound.collect();
        Own { statements, texts, bound }
    };
    lists.map(own).collect()
}

fn is_cells_own(list: &ast::StmtList) -> bool {
    let Some(block) = list.syntax().parent().and_then(ast::BlockExpr::cast) else { return false };
    let ends = |text: String| text.contains("EvcxrUserCodeError");
    if block.async_token().is_some() {
        return list.tail_expr().is_some_and(|tail| ends(tail.syntax().text().to_string()));
    }
    let closure = block.syntax().parent().and_then(ast::ClosureExpr::cast);
    closure.and_then(|closure| closure.ret_type()).is_some_and(|kind| ends(kind.syntax().text().to_string()))
}

/// What can be put into the store at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Puts {
    /// The code that does it.
    pub code: String,
    /// The variables, as texts with commas.
    pub names: String,
}

impl Own {
    /// The text of a statement.
    pub fn text(&self, at: usize) -> &str {
        &self.texts[at]
    }

    /// What is sure to be bound where this statement runs, and not lent to what comes after it; `within` it, others may have
    /// the same names.
    pub fn puts(&self, at: usize, within: bool) -> Puts {
        let Own { statements, texts, bound } = self;
        let mut puts = Puts::default();
        let stores: Vec<(&str, &String)> =
            texts.iter().filter(|text| text.starts_with(PUTS)).filter_map(|text| Some((stored(text)?, text))).collect();
        let is_stored = |name: &str| stores.iter().any(|(stored, _)| *stored == name);
        // What is used up later may borrow until then from what would be stored.
        let used_later = |name: &str| texts[at + 1..].iter().any(|text| !text.starts_with(PUTS) && names(text, name));
        if bound.iter().any(|(place, name, _)| *place < at && !is_stored(name) && used_later(name)) {
            return puts;
        }
        let others = statements[at].descendants().filter(|_| within).filter_map(ast::IdentPat::cast);
        let others: Vec<String> = others.filter_map(|own| Some(own.name()?.text().to_string())).collect();
        let is_set_by_then = |name: &str| {
            let assigns =
                |text: &String| text.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with("= "));
            texts[..at].iter().any(assigns)
        };
        for (name, text) in stores {
            let mut own = bound.iter().filter(|(_, own, _)| own == name).peekable();
            let is_sure =
                own.peek().is_some() && own.all(|(place, _, set)| *place < at && (*set || is_set_by_then(name)));
            if is_sure && !others.iter().any(|other| other == name) {
                puts.code.push_str(text.trim_end_matches(';'));
                puts.code.push_str("; ");
                puts.names.push_str(&format!("\"{name}\", "));
            }
        }
        puts
    }
}

/// The variable that a line stores.
fn stored(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once("(stringify!(")?;
    rest.split(')').next()
}

/// The variables that a `let` binds, and whether it gives them values.
fn bound(node: &SyntaxNode) -> Vec<(String, bool)> {
    let Some(statement) = ast::LetStmt::cast(node.clone()) else { return Vec::new() };
    let set = statement.initializer().is_some();
    let names = statement
        .pat()
        .into_iter()
        .flat_map(|pattern| pattern.syntax().descendants().filter_map(ast::IdentPat::cast).collect::<Vec<_>>());
    names.filter_map(|name| Some((name.name()?.text().to_string(), set))).collect()
}

/// Code that binds again what a cell that was left has put into the store.
pub fn restoring(program: &str, kept: &[String]) -> String {
    let mut code = String::new();
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let mutable = |name: &str| {
        let mut patterns = tree.descendants().filter_map(ast::IdentPat::cast);
        patterns.any(|own| own.mut_token().is_some() && own.name().is_some_and(|own| own.text() == name))
    };
    for line in program.lines().filter(|line| line.starts_with(PUTS)) {
        let kind = line[PUTS.len()..].rsplit_once(">(stringify!(").map(|(kind, _)| kind);
        let (Some(kind), Some(name)) = (kind, stored(line)) else { continue };
        if kept.iter().any(|kept| kept == name) {
            let word = if mutable(name) { "mut " } else { "" };
            code.push_str(&binding(&format!("{word}{name}"), kind, name));
        }
    }
    code
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A program as evcxr makes it of the cell `body`, which has variables of these names and types.
    pub fn program(body: &str, stores: &[(&str, &str)]) -> String {
        let stores: String =
            stores.iter().map(|(name, kind)| format!("{PUTS}{kind}>(stringify!({name}), {name});\n")).collect();
        format!(
            "fn run() {{\nlet old = evcxr_variable_store.take_variable::<u8>(stringify!(old));\nlet _ = (|| -> Result<(), EvcxrUserCodeError> {{\n{body}\n{stores}Ok(())}})();\n{PUTS}u8>(stringify!(old), old);\n}}\n"
        )
    }

    fn puts(body: &str, at: usize) -> String {
        let program = program(body, &[("a", "Vec<i32>"), ("b", "u8")]);
        let tree = SourceFile::parse(&program, Edition::Edition2024).syntax_node();
        let own = own(&tree);
        assert_eq!(own.len(), 1);
        own[0].puts(at, true).names.trim_end_matches(", ").to_owned()
    }

    #[test]
    fn what_is_bound_before_is_put() {
        assert_eq!(puts("let (a, b) = f(); let a: Vec<i32> = a; g()?; h();", 2), "\"a\", \"b\"");
        assert_eq!(puts("let a = vec![1]; let b = g()?;", 1), "\"a\"");
        assert_eq!(puts("let a = f()?;", 0), "");
    }

    #[test]
    fn what_is_not_sure_to_be_there_is_not() {
        assert_eq!(puts("let a; let b = 1; g()?; a = f();", 2), "\"b\"", "it has no value yet");
        assert_eq!(puts("let a = 'x'; let b = 1; g()?; let a = f();", 2), "\"b\"", "of another type");
        assert_eq!(puts("let a = f(); let w = g(&a); h()?; drop(w);", 2), "", "it is lent");
        assert_eq!(puts("let a = f(); let w = g(&a); h(w)?; i();", 2), "\"a\"");
        assert_eq!(puts("let a = f(); let b = 1; for a in c { g(a)?; }", 2), "\"b\"", "another within");
    }

    #[test]
    fn what_was_kept_is_bound_again() {
        let program = program("let mut a = vec![1]; let b = 1; f()?;", &[("a", "Vec<i32>"), ("b", "u8")]);
        assert_eq!(
            restoring(&program, &["a".to_owned()]),
            "let mut a: Vec<i32> = { let kept = evcxr_variable_store.take_variable::<Vec<i32>>(stringify!(a)); kept };\n"
        );
        assert_eq!(restoring(&program, &[]), "");
    }
}
