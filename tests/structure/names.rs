//! Names of types that stand twice in one crate: a word that means two things.

use super::Source;
use ra_ap_syntax::ast::{self, HasAttrs, HasModuleItem, HasName};
use ra_ap_syntax::{Edition, SourceFile};
use std::collections::BTreeMap;

/// Each type's name that files below `root` define more than once, with the files. Tests are left out, and so is what a
/// function keeps to itself.
pub fn twice(sources: &[Source], root: &str) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.starts_with(root) && !is_test(&source.path)) {
        let file = SourceFile::parse(&source.text, Edition::CURRENT).tree();
        let mut found = Vec::new();
        types(file.items(), &mut found);
        found.into_iter().for_each(|name| places.entry(name).or_default().push(&source.path));
    }
    let twice = places.into_iter().filter(|(_, files)| files.len() > 1);
    twice.map(|(name, files)| format!("`{name}` is defined in {}", files.join(", "))).collect()
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn types(items: impl Iterator<Item = ast::Item>, found: &mut Vec<String>) {
    for item in items {
        let name = match &item {
            ast::Item::Struct(item) => item.name(),
            ast::Item::Enum(item) => item.name(),
            ast::Item::Union(item) => item.name(),
            ast::Item::Trait(item) => item.name(),
            ast::Item::TypeAlias(item) => item.name(),
            ast::Item::Module(module) => {
                let is_test = module.attrs().any(|attribute| attribute.to_string().contains("test"));
                if let Some(list) = module.item_list().filter(|_| !is_test) {
                    types(list.items(), found);
                }
                None
            }
            _ => None,
        };
        found.extend(name.map(|name| name.to_string()));
    }
}
