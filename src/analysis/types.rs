//! The types of the variables that a cell binds.

use super::program::{CellProgram, FUNCTION};
use super::world::World;
use ra_ap_hir::{DisplayTarget, FindPathConfig, HirDisplay, ModuleDef, Semantics, Type, attach_db};
use ra_ap_ide::{Edition, RootDatabase};
use ra_ap_syntax::ast::{self, AstNode, HasModuleItem, HasName};
use ra_ap_syntax::{SourceFile, SyntaxKind};

/// What is known of a variable's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It can be written so.
    Named(String),
    /// It is a closure that takes and gives this, such as `(i32) -> i32`.
    Closure(String),
    /// It cannot be written, but reads so: an `impl Trait`, an `async` block, something private.
    Unnameable(String),
    /// Not all of it is known; what is not is `_`.
    Partly(String),
    /// Nothing is known.
    Nothing,
}

/// A variable that a statement of the cell binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its name.
    pub name: String,
    /// Whether the cell says `mut`.
    pub mutable: bool,
    /// Where the statement that binds it ends, in the cell.
    pub end: usize,
    /// Where the pattern ends that is nothing but this variable, where no type is written behind it.
    pub pattern_end: Option<usize>,
    /// Its type.
    pub known: Known,
}

/// The variables that the program's cell binds, in order; without those whose type is written.
pub fn bound(world: &World, program: &CellProgram) -> Vec<Bound> {
    let db = world.host.raw_database();
    let sema = Semantics::new(db);
    let file = sema.parse(ra_ap_base_db::EditionedFileId::new(db, world.cell(), Edition::CURRENT));
    attach_db(db, || {
        let mut found = Vec::new();
        let cell = file.items().find_map(|item| match item {
            ast::Item::Fn(function) if function.name().is_some_and(|name| name.text() == FUNCTION) => Some(function),
            _ => None,
        });
        let Some(cell) = cell else { return found };
        let Some(module) = sema.scope(cell.syntax()).map(|scope| scope.module()) else { return found };
        let target = module.krate(db).to_display_target(db);
        for statement in cell.body().into_iter().flat_map(|body| body.statements().collect::<Vec<_>>()) {
            let ast::Stmt::LetStmt(binding) = statement else { continue };
            let Some(pattern) = binding.pat() else { continue };
            let end = |node: &ra_ap_syntax::SyntaxNode| program.offset(node.text_range().end().into());
            let Some(statement_end) = end(binding.syntax()) else { continue };
            let alone = matches!(&pattern, ast::Pat::IdentPat(alone) if alone.pat().is_none());
            if alone && binding.ty().is_some_and(|ty| is_whole(&ty)) {
                continue;
            }
            for variable in pattern.syntax().descendants().filter_map(ast::IdentPat::cast) {
                let Some(name) = variable.name() else { continue };
                if is_constant(&sema, &variable) {
                    continue;
                }
                let kind = sema.type_of_binding_in_pat(&variable);
                found.push(Bound {
                    name: name.text().to_string(),
                    mutable: variable.mut_token().is_some(),
                    end: statement_end,
                    pattern_end: if alone && binding.ty().is_none() { end(pattern.syntax()) } else { None },
                    known: kind.map_or(Known::Nothing, |kind| known(&kind, db, module, target)),
                });
            }
        }
        found
    })
}

/// Whether the name in the pattern is a constant or a unit struct, which binds nothing.
fn is_constant(sema: &Semantics<'_, RootDatabase>, variable: &ast::IdentPat) -> bool {
    sema.resolve_bind_pat_to_const(variable).is_some()
}

fn is_whole(written: &ast::Type) -> bool {
    !written
        .syntax()
        .descendants()
        .any(|node| matches!(node.kind(), SyntaxKind::INFER_TYPE | SyntaxKind::IMPL_TRAIT_TYPE))
}

fn known(kind: &Type<'_>, db: &RootDatabase, module: ra_ap_hir::Module, target: DisplayTarget) -> Known {
    if kind.is_closure() {
        let text = kind.display(db, target).to_string();
        let signature = text.find('(').map_or("(…) -> …", |at| &text[at..]);
        return Known::Closure(signature.replace("{unknown}", "_"));
    }
    if kind.is_never() {
        return Known::Named("()".to_owned());
    }
    if kind.is_unknown() {
        return Known::Nothing;
    }
    let read = || kind.display(db, target).to_string().replace("{unknown}", "_");
    let text = kind.display_source_code(db, module.into(), true);
    match text.map(|text| with_paths(text, kind, db, module)) {
        Ok(text) if is_nameable(&text) => Known::Named(text),
        _ if kind.contains_unknown() => Known::Partly(read()),
        Ok(text) => Known::Unnameable(text),
        Err(_) => Known::Unnameable(read()),
    }
}

/// The type with the paths of the traits in its `dyn`, which are written by their names alone, in scope or not.
fn with_paths(text: String, kind: &Type<'_>, db: &RootDatabase, module: ra_ap_hir::Module) -> String {
    if !text.contains("dyn ") {
        return text;
    }
    let config =
        FindPathConfig { prefer_no_std: false, prefer_prelude: false, prefer_absolute: false, allow_unstable: true };
    let mut paths = Vec::new();
    kind.walk(db, |part| {
        if let Some(own) = part.as_dyn_trait()
            && let Some(path) = module.find_path(db, ModuleDef::from(own), config)
        {
            paths.push((own.name(db).as_str().to_owned(), path.display(db, Edition::CURRENT).to_string()));
        }
    });
    let (before, after) = ("const _: ", " = x;");
    let parsed = SourceFile::parse(&format!("{before}{text}{after}"), Edition::CURRENT).syntax_node();
    let mut out = parsed.text().to_string();
    let bounds = parsed.descendants().filter_map(ast::DynTraitType::cast).filter_map(|own| own.type_bound_list());
    let mut names: Vec<ast::NameRef> = bounds
        .flat_map(|list| list.bounds().collect::<Vec<_>>())
        .filter_map(|bound| match bound.ty()? {
            ast::Type::PathType(own) => own.path().filter(|path| path.qualifier().is_none())?.segment()?.name_ref(),
            _ => None,
        })
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.syntax().text_range().start()));
    for name in names {
        if let Some((_, path)) = paths.iter().find(|(own, _)| *own == name.text()) {
            let range = name.syntax().text_range();
            out.replace_range(usize::from(range.start())..usize::from(range.end()), path);
        }
    }
    out[before.len()..out.len() - after.len()].to_owned()
}

/// Whether a type can be written so for a variable.
fn is_nameable(text: &str) -> bool {
    let parsed = SourceFile::parse(&format!("const _: {text} = x;"), Edition::CURRENT);
    let odd = [SyntaxKind::ERROR, SyntaxKind::INFER_TYPE, SyntaxKind::IMPL_TRAIT_TYPE, SyntaxKind::UNDERSCORE_EXPR];
    parsed.errors().is_empty() && !parsed.syntax_node().descendants().any(|node| odd.contains(&node.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written() {
        for (text, can) in
            [("Vec<String>", true), ("[i32; 3]", true), ("[i32; _]", false), ("impl Fn()", false), ("Vec<_>", false)]
        {
            assert_eq!(is_nameable(text), can, "{text}");
        }
    }
}
