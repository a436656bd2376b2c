//! Circles of files: files that import each other, be it through others.
//!
//! A path is followed to the file in which its last name is defined: through modules, and through what a `mod.rs` hands on
//! from its children. Handing on is no import; and what a folder's own file defines belongs to all that lies in the folder, as
//! `super` has it.

use super::Source;
use ra_ap_syntax::ast::{self, HasName, HasVisibility};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxNode};
use std::collections::{BTreeMap, BTreeSet};

/// A file of a crate: where it stands among the modules, and what it says.
struct File {
    path: String,
    module: Vec<String>,
    is_folder: bool,
    /// The modules that it declares.
    children: BTreeSet<String>,
    /// The names that it hands on, and where they come from.
    hands_on: Vec<(Option<String>, Vec<String>)>,
    /// The paths that it names.
    names: Vec<Vec<String>>,
}

/// The circles of the crate whose sources lie below `root`, each as its files and the names that tie them.
pub fn circles(sources: &[Source], root: &str) -> Vec<String> {
    let files: Vec<File> = sources.iter().filter_map(|source| File::read(source, root)).collect();
    let arrows: Vec<BTreeMap<usize, BTreeSet<String>>> = (0..files.len()).map(|at| arrows(&files, at)).collect();
    let mut reached: Vec<BTreeSet<usize>> = Vec::new();
    for start in 0..files.len() {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(at) = open.pop() {
            open.extend(arrows[at].keys().filter(|to| seen.insert(**to)));
        }
        reached.push(seen);
    }
    let mut told = Vec::new();
    let mut done = BTreeSet::new();
    for start in 0..files.len() {
        let circle: Vec<usize> =
            (0..files.len()).filter(|to| reached[start].contains(to) && reached[*to].contains(&start)).collect();
        if circle.is_empty() || !done.insert(circle.clone()) {
            continue;
        }
        let ties = circle.iter().flat_map(|from| {
            let within = arrows[*from].iter().filter(|(to, _)| circle.contains(to));
            within.map(|(to, names)| {
                let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                format!("\n  {} -> {}: {names}", files[*from].path, files[*to].path)
            })
        });
        told.push(format!("a circle of {} files:{}", circle.len(), ties.collect::<String>()));
    }
    told
}

impl File {
    fn read(source: &Source, root: &str) -> Option<File> {
        let below = source.path.strip_prefix(root)?.strip_suffix(".rs")?;
        let mut module: Vec<String> = below.split('/').map(str::to_owned).collect();
        let is_folder = matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main"));
        if is_folder {
            module.pop();
        }
        if module.iter().any(|part| part == "tests") {
            return None;
        }
        let tree = SourceFile::parse(&source.text, Edition::Edition2024).syntax_node();
        let mut file = File {
            path: source.path.clone(),
            module,
            is_folder,
            children: BTreeSet::new(),
            hands_on: Vec::new(),
            names: Vec::new(),
        };
        file.children = tree
            .children()
            .filter_map(ast::Module::cast)
            .filter_map(|own| Some(own.name()?.text().to_string()))
            .collect();
        for node in tree.descendants().filter(|node| !is_of_tests(node)) {
            if let Some(own) = ast::Use::cast(node.clone()) {
                file.read_use(&own);
            } else if let Some(path) = ast::Path::cast(node.clone())
                && node.parent().is_none_or(|parent| !matches!(parent.kind(), SyntaxKind::PATH | SyntaxKind::USE_TREE))
                && node.ancestors().all(|outer| outer.kind() != SyntaxKind::USE)
            {
                file.note(&segments(&path));
            }
        }
        Some(file)
    }

    fn read_use(&mut self, own: &ast::Use) {
        let mut found = Vec::new();
        if let Some(tree) = own.use_tree() {
            flatten(&tree, &[], &mut found);
        }
        for (name, path) in found {
            let Some(path) = self.absolute(&path) else { continue };
            if own.visibility().is_some() {
                self.hands_on.push((name, path.clone()));
            }
            // What comes from below a folder's own file and goes on to others is no import.
            if !(own.visibility().is_some() && path.starts_with(&self.module)) {
                self.names.push(path);
            }
        }
    }

    fn note(&mut self, path: &[String]) {
        if matches!(path.first().map(String::as_str), Some("crate" | "super" | "self"))
            || path.len() > 1 && self.children.contains(&path[0])
        {
            self.names.extend(self.absolute(path));
        }
    }

    /// The path from the crate's root; `None` where it is another crate's.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut from = self.module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => (from, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    from.pop()?;
                    rest = &rest[1..];
                }
            }
            name if self.children.contains(name) => {}
            _ => return None,
        }
        from.extend(rest.iter().cloned());
        Some(from)
    }
}

/// Whether a node is compiled for tests alone.
fn is_of_tests(node: &SyntaxNode) -> bool {
    node.ancestors().any(|outer| {
        outer.children().filter_map(ast::Attr::cast).any(|attribute| attribute.syntax().text() == "#[cfg(test)]")
    })
}

fn segments(path: &ast::Path) -> Vec<String> {
    path.segments().filter_map(|segment| Some(segment.name_ref()?.text().to_string())).collect()
}

/// The names of a `use`, each with its path; without a name all that there is.
fn flatten(tree: &ast::UseTree, before: &[String], found: &mut Vec<(Option<String>, Vec<String>)>) {
    let mut path = before.to_vec();
    path.extend(tree.path().iter().flat_map(segments));
    if let Some(list) = tree.use_tree_list() {
        list.use_trees().for_each(|tree| flatten(&tree, &path, found));
    } else if tree.star_token().is_some() {
        found.push((None, path));
    } else {
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let renamed = tree.rename().and_then(|rename| Some(rename.name()?.text().to_string()));
        found.push((renamed.or_else(|| path.last().cloned()), path));
    }
}

/// The files that a file takes names from, and which.
fn arrows(files: &[File], from: usize) -> BTreeMap<usize, BTreeSet<String>> {
    let mut arrows: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for path in &files[from].names {
        if let Some((to, name)) = defined(files, path, 0)
            && to != from
            && !(files[from].module.len() > files[to].module.len() && files[from].module.starts_with(&files[to].module))
        {
            arrows.entry(to).or_default().insert(name);
        }
    }
    arrows
}

/// The file that defines what a path leads to.
fn defined(files: &[File], path: &[String], depth: usize) -> Option<(usize, String)> {
    let mut at = files.iter().position(|file| file.module.is_empty())?;
    for (number, name) in path.iter().enumerate() {
        let here = &files[at];
        if here.children.contains(name)
            && let Some(child) = files.iter().position(|file| file.module == path[..=number])
        {
            at = child;
            continue;
        }
        let named = here.hands_on.iter().find(|(own, _)| own.as_ref() == Some(name));
        if let Some((_, target)) = named
            && depth < 8
        {
            let target: Vec<String> = target.iter().chain(&path[number + 1..]).cloned().collect();
            return defined(files, &target, depth + 1).or(Some((at, name.clone())));
        }
        return Some((at, name.clone()));
    }
    // A module as such: its names are seen where they are used.
    let is_leaf = !files[at].is_folder;
    is_leaf.then(|| (at, path.last().cloned().unwrap_or_default()))
}
