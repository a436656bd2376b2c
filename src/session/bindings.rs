//! What a cell's `let`s bind, read from its text: for those who give a notebook other values.

use ra_ap_syntax::ast::{self, HasModuleItem, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

/// One `let` or `const` of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// What stands before the name: `let`, `let mut`, `const`.
    pub keyword: String,
    /// The name.
    pub name: String,
    /// The type, where it is written.
    pub kind: Option<String>,
    /// The value as it is written; empty where there is none.
    pub value: String,
}

/// The values that a cell binds to names at its top level, in order.
pub fn bindings(code: &str) -> Vec<Binding> {
    const BEFORE: &str = "fn cell() {\n";
    let parse = SourceFile::parse(&format!("{BEFORE}{code}\n}}\n"), Edition::Edition2024);
    let function = parse.tree().items().find_map(|item| match item {
        ast::Item::Fn(function) => function.body()?.stmt_list(),
        _ => None,
    });
    let Some(body) = function else { return Vec::new() };
    let mut found = Vec::new();
    for statement in body.statements() {
        match statement {
            ast::Stmt::LetStmt(statement) => {
                let kind = statement.ty().map(|kind| kind.syntax().text().to_string());
                if let Some(pattern) = statement.pat() {
                    of_pattern(&pattern, kind, statement.initializer(), &mut found);
                }
            }
            ast::Stmt::Item(ast::Item::Const(item)) => {
                let Some(name) = item.name() else { continue };
                found.push(Binding {
                    keyword: "const".to_owned(),
                    name: name.text().to_string(),
                    kind: item.ty().map(|kind| kind.syntax().text().to_string()),
                    value: item.body().map(|value| value.syntax().text().to_string()).unwrap_or_default(),
                });
            }
            _ => {}
        }
    }
    found
}

fn of_pattern(pattern: &ast::Pat, kind: Option<String>, value: Option<ast::Expr>, found: &mut Vec<Binding>) {
    match pattern {
        ast::Pat::IdentPat(name) => {
            let keyword = if name.mut_token().is_some() { "let mut" } else { "let" }.to_owned();
            let Some(name) = name.name() else { return };
            let value = value.map(|value| value.syntax().text().to_string()).unwrap_or_default();
            found.push(Binding { keyword, name: name.text().to_string(), kind, value });
        }
        ast::Pat::TuplePat(parts) => {
            let values: Vec<Option<ast::Expr>> = match value {
                Some(ast::Expr::TupleExpr(values)) => values.fields().map(Some).collect(),
                _ => Vec::new(),
            };
            for (index, part) in parts.fields().enumerate() {
                of_pattern(&part, None, values.get(index).cloned().flatten(), found);
            }
        }
        _ => {}
    }
}

/// Whether a text is one whole expression.
pub fn is_expression(text: &str) -> bool {
    let parse = SourceFile::parse(&format!("const X: () = {text};"), Edition::Edition2024);
    parse.errors().is_empty() && parse.tree().items().count() == 1 && !text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> Vec<String> {
        let text = |binding: Binding| {
            let kind = binding.kind.map(|kind| format!(": {kind}")).unwrap_or_default();
            format!("{} {}{kind} = {}", binding.keyword, binding.name, binding.value)
        };
        bindings(code).into_iter().map(text).collect()
    }

    #[test]
    fn lets_and_constants_are_found() {
        for (code, expected) in [
            ("let epochs = 3;", &["let epochs = 3"][..]),
            ("let rate: f32 = 1e-3; // why\nlet mut n = 2usize;", &["let rate: f32 = 1e-3", "let mut n = 2usize"]),
            ("const SIDE: usize = 64;", &["const SIDE: usize = 64"]),
            ("let (a, mut b) = (1, -2.5);", &["let a = 1", "let mut b = -2.5"]),
            ("let later;\nlater = 1;", &["let later = "]),
            ("if true { let inner = 1; }\nfn f() { let other = 1; }", &[]),
            ("let broken = ;;;", &["let broken = "]),
            ("", &[]),
        ] {
            assert_eq!(found(code), expected, "{code}");
        }
    }

    #[test]
    fn expressions_are_told_from_other_text() {
        for text in ["3", "vec![1, 2]", "Some(3)", "std::time::Duration::from_secs(1)", "-1.5", "&[1]"] {
            assert!(is_expression(text), "{text}");
        }
        for text in ["abc def", "", "1; fn f() {}", "let x = 1", ")"] {
            assert!(!is_expression(text), "{text}");
        }
    }
}
