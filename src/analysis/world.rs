//! rust-analyzer's database with the crates that cells can name and the cell's own file.

use super::pack::{Crate, Pack};
use super::program::Program;
use ra_ap_base_db::target::{Arch, TargetData};
use ra_ap_base_db::{
    CrateDisplayName, CrateGraphBuilder, CrateName, CrateOrigin, CrateWorkspaceData, DependencyBuilder, Env,
    LangCrateOrigin, SourceRoot,
};
use ra_ap_cfg::CfgOptions;
use ra_ap_hir::{ChangeWithProcMacros, Symbol};
use ra_ap_ide::{AnalysisHost, Edition};
use ra_ap_paths::AbsPathBuf;
use ra_ap_vfs::file_set::FileSet;
use ra_ap_vfs::{FileId, VfsPath};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use triomphe::Arc;

/// The cell's own file: it lies nowhere.
const CELL: FileId = FileId::from_raw(0);
const CELL_PATH: &str = "/candlewick/cell.rs";

/// What the analysis knows.
pub struct World {
    pub(super) host: AnalysisHost,
    numbers: HashMap<String, FileId>,
    digests: HashMap<FileId, u64>,
    hasher: RandomState,
    /// The program that the cell's file holds.
    pub(super) text: String,
}

impl World {
    /// A world with the crates of a pack.
    pub fn new(pack: Pack) -> World {
        let mut world = World {
            host: AnalysisHost::new(None),
            numbers: HashMap::new(),
            digests: HashMap::new(),
            hasher: RandomState::new(),
            text: String::new(),
        };
        world.load(pack);
        world
    }

    /// The file of the cell.
    pub fn cell(&self) -> FileId {
        CELL
    }

    /// Takes the crates of a pack in place of those that there are. What did not change is not read again.
    pub fn load(&mut self, pack: Pack) {
        let mut change = ChangeWithProcMacros::default();
        let mut own = FileSet::default();
        own.insert(CELL, VfsPath::new_real_path(CELL_PATH.to_owned()));
        let mut roots = vec![SourceRoot::new_local(own)];
        change.change_file(CELL, Some(self.text.clone()));
        let first_files: Vec<FileId> = pack.crates.iter().map(|krate| self.number(&krate.root)).collect();
        let graph = graph(&pack, &first_files);
        let mut placed = HashSet::new();
        for krate in pack.crates.into_iter().filter(|krate| !is_cells(krate)) {
            let mut files = FileSet::default();
            for (path, text) in krate.files {
                let number = self.number(&path);
                if placed.insert(number) {
                    files.insert(number, VfsPath::new_real_path(path));
                    let digest = self.hasher.hash_one(&text);
                    if self.digests.insert(number, digest) != Some(digest) {
                        change.change_file(number, Some(text));
                    }
                }
            }
            roots.push(SourceRoot::new_library(files));
        }
        // A crate's first file may be missing on the disk, and must be known all the same.
        let missing: Vec<FileId> = first_files.into_iter().filter(|number| placed.insert(*number)).collect();
        let mut files = FileSet::default();
        for number in missing {
            files.insert(number, VfsPath::new_real_path(format!("/candlewick/missing/{}.rs", number.index())));
            change.change_file(number, Some(String::new()));
        }
        roots.push(SourceRoot::new_library(files));
        change.set_roots(roots);
        change.set_crate_graph(graph);
        self.host.apply_change(change);
    }

    fn number(&mut self, path: &str) -> FileId {
        let next = FileId::from_raw(self.numbers.len() as u32 + 1);
        *self.numbers.entry(path.to_owned()).or_insert(next)
    }

    /// Reads what a cell needs, before one waits for it.
    pub fn read_ahead(&mut self, cell: &str) {
        let program = Program::new(&super::Context::default(), cell);
        self.show(&program);
        super::types::bound(self, &program);
    }

    /// Makes the program the cell's file.
    pub fn show(&mut self, program: &Program) {
        self.text.clone_from(&program.text);
        let mut change = ChangeWithProcMacros::default();
        change.change_file(CELL, Some(self.text.clone()));
        self.host.apply_change(change);
    }
}

fn is_cells(krate: &Crate) -> bool {
    krate.name == "ctx"
}

/// How the crates of the pack hang together.
fn graph(pack: &Pack, first_files: &[FileId]) -> CrateGraphBuilder {
    let target = match &pack.layout {
        Some(layout) => Ok(TargetData { arch: Arch::Other, data_layout: layout.as_str().into() }),
        None => Err("unknown".into()),
    };
    let toolchain = pack.toolchain.as_ref().and_then(|version| version.parse().ok());
    let shared = Arc::new(CrateWorkspaceData { target, toolchain });
    let folder = Arc::new(AbsPathBuf::assert_utf8("/candlewick".into()));
    let mut graph = CrateGraphBuilder::default();
    let mut ids = Vec::new();
    for (krate, &first) in pack.crates.iter().zip(first_files) {
        let mut cfg = CfgOptions::default();
        for (key, value) in &krate.cfg {
            match value {
                Some(value) => cfg.insert_key_value(Symbol::intern(key), Symbol::intern(value)),
                None => cfg.insert_atom(Symbol::intern(key)),
            }
        }
        let name = Symbol::intern(&krate.name);
        let origin = match () {
            () if is_cells(krate) => CrateOrigin::Local { repo: None, name: Some(name) },
            () if krate.standard => CrateOrigin::Lang(LangCrateOrigin::from(krate.name.as_str())),
            () => CrateOrigin::Library { repo: None, name },
        };
        ids.push(graph.add_crate_root(
            if is_cells(krate) { CELL } else { first },
            krate.edition.parse().unwrap_or(Edition::CURRENT),
            Some(CrateDisplayName::from_canonical_name(&krate.name)),
            krate.version.clone(),
            cfg,
            None,
            krate.env.iter().cloned().collect::<Env>(),
            origin,
            Vec::new(),
            krate.macros,
            Arc::clone(&folder),
            Arc::clone(&shared),
        ));
    }
    for (from, krate) in ids.iter().zip(&pack.crates) {
        for (name, to) in &krate.deps {
            let standard = pack.crates[*to].standard;
            let Ok(crate_name) = CrateName::new(name) else { continue };
            let in_scope = !standard || name != "alloc";
            let _ = graph.add_dep(*from, DependencyBuilder::with_prelude(crate_name, ids[*to], in_scope, standard));
        }
    }
    graph
}
