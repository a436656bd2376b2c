//! What may be written at a place of a cell.

use super::familiar;
use super::program::CellProgram;
use super::world::World;
use ra_ap_hir::PrefixKind;
use ra_ap_ide::{
    CompletionConfig, CompletionFieldsToResolve, CompletionItem, CompletionItemKind, FilePosition, RaFixtureConfig,
};
use ra_ap_ide_db::SymbolKind;
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::Range;

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What to put in place of the range.
    pub text: String,
    /// The name with what it takes and gives.
    pub label: String,
    /// Jupyter's word for what it is: `function`, `instance`, `class`, `module`.
    pub kind: &'static str,
}

/// The ways to go on at a place, the likeliest first, and the part of the cell that each replaces.
pub fn complete(world: &World, program: &CellProgram, cursor: usize) -> Option<(Range<usize>, Vec<Suggestion>)> {
    let offset = u32::try_from(program.position(cursor)?).ok()?.into();
    let position = FilePosition { file_id: world.cell(), offset };
    let items = world.host.analysis().completions(&config(), position, None).ok()??;
    let typed = |item: &CompletionItem| &world.text[item.source_range];
    let mut fitting: Vec<&CompletionItem> = items
        .iter()
        .filter(|item| is_of_use(item) && item.source_range.contains_inclusive(offset))
        .filter(|item| item.lookup().starts_with(&typed(item)[..usize::from(offset - item.source_range.start())]))
        .collect();
    // What every type has is there for who knows its name, and hides a type's own from who looks around.
    fitting.retain(|item| !(is_of_every_type(item) && typed(item).is_empty()));
    // Of several ranges the one that most agree on.
    let range = fitting
        .iter()
        .map(|item| item.source_range)
        .max_by_key(|range| (fitting.iter().filter(|item| item.source_range == *range).count(), range.len()))?;
    fitting.retain(|item| item.source_range == range);
    let of_a_path = world.text[..usize::from(range.start())].ends_with("::");
    fitting.sort_by_key(|item| {
        let likely = (
            !is_wanted(item),
            is_of_a_trait(item),
            is_everywhere(item),
            !is_expected(item),
            familiarity(item, of_a_path),
        );
        (likely, Reverse(item.relevance.score()), item.lookup().to_owned())
    });
    let mut seen = HashSet::new();
    let suggestions = fitting.into_iter().filter(|item| seen.insert(text(item))).map(|item| Suggestion {
        text: text(item),
        label: label(item),
        kind: kind(item.kind),
    });
    let start = program.offset(range.start().into())?;
    let suggestions: Vec<Suggestion> = suggestions.collect();
    Some((start..cursor.max(start), suggestions))
}

fn config() -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: false,
        enable_self_on_the_fly: false,
        enable_auto_iter: false,
        enable_auto_await: false,
        enable_private_editable: false,
        enable_term_search: false,
        term_search_fuel: 0,
        full_function_signatures: true,
        callable: None,
        add_colons_to_module: false,
        add_semicolon_to_unit: false,
        snippet_cap: None,
        insert_use: InsertUseConfig {
            granularity: ImportGranularity::Item,
            enforce_granularity: false,
            prefix_kind: PrefixKind::ByCrate,
            group: false,
            skip_glob_imports: false,
        },
        prefer_no_std: false,
        prefer_prelude: true,
        prefer_absolute: false,
        snippets: Vec::new(),
        limit: None,
        fields_to_resolve: CompletionFieldsToResolve::empty(),
        exclude_flyimport: Vec::new(),
        exclude_traits: &[],
        ra_fixture: RaFixtureConfig { disable_ra_fixture: true, ..RaFixtureConfig::default() },
    }
}

/// What the code around a cell is made of.
const OURS: [&str; 5] = ["cell_value", "evcxr_display", "candlewick_cell", "CandlewickError", "shown"];

fn is_of_use(item: &CompletionItem) -> bool {
    let name = item.lookup();
    let is_word = matches!(
        item.kind,
        CompletionItemKind::Keyword
            | CompletionItemKind::Snippet
            | CompletionItemKind::Expression
            | CompletionItemKind::UnresolvedReference
    );
    !is_word && !name.starts_with("evcxr_") && !name.starts_with("CANDLEWICK_") && !OURS.contains(&name)
}

/// Whether its type is known to be the one that is wanted at the place.
fn is_expected(item: &CompletionItem) -> bool {
    format!("{:?}", item.relevance.type_match) == "Some(Exact)"
}

/// Variants that are in every scope fit nearly everywhere.
fn is_everywhere(item: &CompletionItem) -> bool {
    ["None", "Some", "Ok", "Err"].contains(&text(item).as_str())
}

/// Methods that people look for come first, and functions behind a type.
fn familiarity(item: &CompletionItem, of_a_path: bool) -> usize {
    match item.kind {
        CompletionItemKind::SymbolKind(SymbolKind::Method) => familiar::rank(item.lookup()),
        CompletionItemKind::SymbolKind(SymbolKind::Function) if of_a_path => familiar::rank(item.lookup()),
        _ => 0,
    }
}

/// Methods that traits of the standard library give to every type, or to every one that can be copied.
const EVERYWHERE: [&str; 9] =
    ["borrow", "borrow_mut", "clone_from", "clone_into", "into", "try_into", "try_from", "from", "type_id"];

/// Whether it is one of those, by way of such a trait.
fn is_of_every_type(item: &CompletionItem) -> bool {
    is_of_a_trait(item) && EVERYWHERE.contains(&item.lookup())
}

/// Methods of traits come after a type's own.
fn is_of_a_trait(item: &CompletionItem) -> bool {
    item.relevance.trait_.is_some() && matches!(item.kind, CompletionItemKind::SymbolKind(SymbolKind::Method))
}

fn inserted(item: &CompletionItem) -> &str {
    item.text_edit.iter().next().map(|edit| edit.insert.as_str()).unwrap_or_default()
}

/// Whether it is a function, a type or a constant that the trait of the `impl` around it wants.
fn is_wanted(item: &CompletionItem) -> bool {
    let text = inserted(item).trim_start();
    ["fn ", "async fn ", "unsafe fn ", "type ", "const "].iter().any(|word| text.starts_with(word))
        && matches!(item.kind, CompletionItemKind::SymbolKind(_))
}

/// The name alone: arguments are the user's to write.
fn text(item: &CompletionItem) -> String {
    let inserted = inserted(item);
    // What a trait wants of its `impl` is offered with all of its signature; the body is the user's to write.
    if is_wanted(item) {
        return inserted.split(['{', ';', '=', '\n']).next().unwrap_or_default().trim().to_owned();
    }
    let end = inserted.find(['(', '$', ' ', '{', ';']).unwrap_or(inserted.len());
    match inserted[..end].trim_end_matches("::") {
        "" => item.lookup().to_owned(),
        name => name.to_owned(),
    }
}

fn label(item: &CompletionItem) -> String {
    let left = item.label.detail_left.as_deref().unwrap_or_default();
    let name = item.label.primary.trim_end_matches("(…)").trim_end_matches("()");
    match &item.detail {
        // A function's detail is all of its signature.
        Some(detail) if detail.contains("fn(") || detail.contains("fn (") => {
            let from = detail.find('(').unwrap_or(0);
            format!("{name}{}{left}", &detail[from..])
        }
        Some(detail) if !detail.contains('\n') => format!("{name}{left}: {detail}"),
        _ => format!("{name}{left}"),
    }
}

fn kind(kind: CompletionItemKind) -> &'static str {
    use SymbolKind as S;
    match kind {
        CompletionItemKind::SymbolKind(
            S::Function
            | S::Method
            | S::Macro
            | S::ProcMacro
            | S::Derive
            | S::DeriveHelper
            | S::Attribute
            | S::BuiltinAttr,
        ) => "function",
        CompletionItemKind::SymbolKind(
            S::Struct | S::Enum | S::Union | S::Trait | S::TypeAlias | S::TypeParam | S::SelfType,
        )
        | CompletionItemKind::BuiltinType => "class",
        CompletionItemKind::SymbolKind(S::Module | S::CrateRoot | S::ToolModule) => "module",
        _ => "instance",
    }
}
