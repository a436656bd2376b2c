//! rust-analyzer's database with the crates that cells can name and the cell's own file.

use super::pack::{Crate, Pack};
use super::program::CellProgram;
use ra_ap_base_db::EditionedFileId;
use ra_ap_base_db::target::{Arch, TargetData};
use ra_ap_base_db::{
    CrateDisplayName, CrateGraphBuilder, CrateName, CrateOrigin, CrateWorkspaceData, DependencyBuilder, Env,
    LangCrateOrigin, SourceRoot,
};
use ra_ap_cfg::CfgOptions;
use ra_ap_hir::db::file_item_tree;
use ra_ap_hir::{ChangeWithProcMacros, Symbol};
use ra_ap_ide::{AnalysisHost, Edition, RootDatabase};
use ra_ap_paths::AbsPathBuf;
use ra_ap_vfs::file_set::FileSet;
use ra_ap_vfs::{FileId, VfsPath};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use triomphe::Arc;

/// The cell's own file: it lies nowhere.
const CELL: FileId = FileId::from_raw(0);
const CELL_PATH: &str = "/candlewick/cell.rs";

/// The crates whose items are found by their bare names.
const NAMED: [&str; 3] = ["candlewick_prelude", "candle_core", "candle_nn"];

/// What the analysis knows.
pub struct World {
    pub(super) host: AnalysisHost,
    numbers: HashMap<String, FileId>,
    /// The files of each crate, by its first one.
    files: HashMap<FileId, Vec<FileId>>,
    /// The first files of the crates whose items are found by their bare names, in the order in which they are searched.
    named: Vec<FileId>,
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
            files: HashMap::new(),
            named: Vec::new(),
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
        self.files.clear();
        let named = |name: &&str| pack.crates.iter().find(|krate| krate.name == **name).map(|krate| krate.root.clone());
        let named: Vec<String> = NAMED.iter().filter_map(named).collect();
        self.named = named.iter().map(|root| self.number(root)).collect();
        for krate in pack.crates.into_iter().filter(|krate| !is_cells(krate)) {
            let mut files = FileSet::default();
            let numbers = krate.files.iter().map(|(path, _)| self.number(path)).collect();
            let first = self.number(&krate.root);
            self.files.insert(first, numbers);
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

    /// The sources of the crates whose items are found by their bare names.
    pub(super) fn named_files(&self) -> impl Iterator<Item = FileId> {
        self.named.iter().filter_map(|first| self.files.get(first)).flatten().copied()
    }

    fn number(&mut self, path: &str) -> FileId {
        let next = FileId::from_raw(self.numbers.len() as u32 + 1);
        *self.numbers.entry(path.to_owned()).or_insert(next)
    }

    /// Asks what cells need, before one waits for it; a second thread reads the files of those crates that the first
    /// will come to last.
    pub fn read_ahead(&mut self, cell: &str, ask: impl FnOnce(&World, &CellProgram)) {
        let program = CellProgram::new(&super::Context::default(), cell);
        self.show(&program);
        let enough = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let db = self.host.raw_database().clone();
            let (files, stop) = (&self.files, &enough);
            let _ = std::thread::Builder::new()
                .name(super::THREAD.into())
                .stack_size(64 << 20)
                .spawn_scoped(scope, move || drop(catch_unwind(AssertUnwindSafe(|| items(&db, files, stop)))));
            // The other thread must hear that it is enough, whatever happens here.
            let read = catch_unwind(AssertUnwindSafe(|| ask(self, &program)));
            enough.store(true, Ordering::Relaxed);
            drop(read);
        });
    }

    /// The files that the crates' modules lie in.
    pub fn modules(&self) -> HashSet<&str> {
        let db = self.host.raw_database();
        let modules = ra_ap_hir::Crate::all(db).into_iter().flat_map(|krate| krate.modules(db));
        let files = modules.map(|module| module.definition_source_file_id(db).original_file_respecting_includes(db));
        let files: HashSet<FileId> = files.map(|file| file.file_id(db)).collect();
        self.numbers.iter().filter(|(_, number)| files.contains(number)).map(|(path, _)| path.as_str()).collect()
    }

    /// Makes the program the cell's file.
    pub fn show(&mut self, program: &CellProgram) {
        self.text.clone_from(&program.text);
        let mut change = ChangeWithProcMacros::default();
        change.change_file(CELL, Some(self.text.clone()));
        self.host.apply_change(change);
    }
}

/// Makes the lists of the items of each file: the standard library's first crate last, and from its end, for it is where
/// the other thread begins.
fn items(db: &RootDatabase, files: &HashMap<FileId, Vec<FileId>>, stop: &AtomicBool) {
    let mut crates = ra_ap_base_db::all_crates(db).to_vec();
    let first = crates.len().min(1);
    crates.rotate_left(first);
    for (at, krate) in crates.iter().enumerate() {
        let root = krate.root_file_id(db);
        let mut files = files.get(&root.file_id(db)).cloned().unwrap_or_default();
        if at + 1 == crates.len() {
            files.reverse();
        }
        for file in files {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let file = EditionedFileId::new(db, file, root.edition(db));
            let _ = file_item_tree(db, file.into(), *krate);
        }
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
