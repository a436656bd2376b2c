//! Asks cargo what the cells' crate can name, and gathers the sources of it.

use super::pack::{Crate, Pack};
use super::trim::trim;
use super::world::World;
use anyhow::{Context, Result};
use ra_ap_base_db::{CrateBuilderId, CrateGraphBuilder, CrateOrigin};
use ra_ap_cfg::CfgAtom;
use ra_ap_ide::Edition;
use ra_ap_ide_db::FxHashMap;
use ra_ap_paths::{AbsPathBuf, Utf8PathBuf};
use ra_ap_project_model::{CargoConfig, ProjectManifest, ProjectWorkspace, RustLibSource};
use ra_ap_vfs::FileId;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Set for cargo where the analysis asks: it wants all that there is.
pub const WHOLE_VARIABLE: &str = "CANDLEWICK_WHOLE_GRAPH";

/// Crates behind the prelude that cells can name, or whose types come out of what cells name.
const NAMEABLE: [&str; 11] = [
    "candlewick_prelude",
    "candlewick_wire",
    "candle_core",
    "candle_nn",
    "half",
    "image",
    "num_traits",
    "plotters",
    "plotters_backend",
    "rayon",
    "safetensors",
];
/// Crates of the standard library that types need; collections stand on the last two.
const STANDARD: [&str; 5] = ["core", "alloc", "std", "hashbrown", "cfg_if"];
/// Parts of the standard library that are larger than all else together: the processors' own operations.
const LEFT_OUT: [&str; 3] = ["/stdarch/", "/portable-simd/", "/backtrace/"];

/// Describes what the package in `folder` can name. With `known`, crates that it holds are taken from there, the
/// standard library's among them.
///
/// # Errors
/// cargo fails: no network for a crate, a manifest that it does not take.
pub fn describe(folder: &Path, known: Option<&Pack>) -> Result<Pack> {
    let path = |path: &Path| -> Result<AbsPathBuf> {
        let path = Utf8PathBuf::try_from(path.to_owned()).context("the folder's name is not UTF-8")?;
        AbsPathBuf::try_from(path).map_err(|path| anyhow::anyhow!("{path} is not absolute"))
    };
    let manifest = ProjectManifest::from_manifest_file(path(&folder.join("Cargo.toml"))?)?;
    let extra_env = FxHashMap::from_iter([(WHOLE_VARIABLE.to_owned(), Some("1".to_owned()))]);
    let sysroot = known.is_none().then_some(RustLibSource::Discover);
    let config = CargoConfig { sysroot, extra_env, ..CargoConfig::default() };
    let workspace = ProjectWorkspace::load(manifest, &config, &|_| {})?;
    let mut roots: Vec<String> = Vec::new();
    let mut number = |root: &ra_ap_paths::AbsPath| {
        let root = root.to_string();
        let at = roots.iter().position(|known| *known == root).unwrap_or(roots.len());
        if at == roots.len() {
            roots.push(root);
        }
        Some(FileId::from_raw(at as u32))
    };
    let (graph, _) = workspace.to_crate_graph(&mut number, &FxHashMap::default());
    let mut pack = Pack {
        toolchain: workspace.toolchain.as_ref().map(ToString::to_string),
        layout: workspace.target.as_ref().ok().map(|target| target.data_layout.to_string()),
        ..Pack::default()
    };
    let mut walk = Walk { graph: &graph, roots: &roots, numbers: HashMap::new(), crates: Vec::new() };
    let cells = graph
        .iter()
        .find(|id| matches!(graph[*id].basic.origin, CrateOrigin::Local { .. }) && name(&graph, *id) == "ctx");
    walk.visit(cells.context("cargo does not know the cells' crate")?, false);
    pack.crates = walk.crates;
    if let Some(known) = known {
        add_standard(&mut pack, known);
    }
    for krate in &mut pack.crates {
        let same = known.and_then(|known| known.crates.iter().find(|other| other.root == krate.root));
        krate.files = match same {
            Some(same) => same.files.clone(),
            None => sources(krate),
        };
    }
    if known.is_none() {
        keep_modules(&mut pack);
    }
    Ok(pack)
}

/// Lets go of the files that no module of the crates lies in: other systems', tests and examples.
fn keep_modules(pack: &mut Pack) {
    let world = World::new(pack.clone());
    let modules = world.modules();
    for krate in &mut pack.crates {
        let included: Vec<String> = krate.files.iter().flat_map(|(_, text)| included(text)).collect();
        krate.files.retain(|(path, _)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            modules.contains(path.as_str()) || included.iter().any(|file| file == name)
        });
    }
}

/// The names of the files that a source includes where they stand.
fn included(text: &str) -> impl Iterator<Item = String> + '_ {
    let calls = text.split("include!(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    calls.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned())
}

/// Adds the standard library of another pack, and lets all crates name it.
fn add_standard(pack: &mut Pack, known: &Pack) {
    let standard: Vec<usize> = (0..known.crates.len()).filter(|&at| known.crates[at].standard).collect();
    let first = pack.crates.len();
    let number = |old: usize| standard.iter().position(|&at| at == old).map(|at| first + at);
    for &old in &standard {
        let mut krate = known.crates[old].clone();
        krate.deps = krate.deps.iter().filter_map(|(name, to)| Some((name.clone(), number(*to)?))).collect();
        pack.crates.push(krate);
    }
    for name in ["core", "alloc", "std"] {
        let Some(at) = (first..pack.crates.len()).find(|&at| pack.crates[at].name == name) else { continue };
        pack.crates[..first].iter_mut().for_each(|krate| krate.deps.push((name.to_owned(), at)));
    }
    pack.toolchain.clone_from(&known.toolchain);
    pack.layout.clone_from(&known.layout);
}

fn name(graph: &CrateGraphBuilder, id: CrateBuilderId) -> String {
    graph[id].extra.display_name.as_ref().map(|name| name.crate_name().to_string()).unwrap_or_default()
}

/// A walk from the cells' crate to all that it can name.
struct Walk<'a> {
    graph: &'a CrateGraphBuilder,
    roots: &'a [String],
    numbers: HashMap<CrateBuilderId, usize>,
    crates: Vec<Crate>,
}

impl Walk<'_> {
    /// Adds a crate with what it names, `behind` the prelude only what cells can name; gives its number.
    fn visit(&mut self, id: CrateBuilderId, behind: bool) -> usize {
        if let Some(&number) = self.numbers.get(&id) {
            return number;
        }
        let number = self.crates.len();
        self.numbers.insert(id, number);
        let builder = &self.graph[id];
        let standard = matches!(builder.basic.origin, CrateOrigin::Lang(_));
        let name = name(self.graph, id);
        let cfg = builder.cfg_options.get_cfg_keys().flat_map(|key| {
            let values = builder.cfg_options.get_cfg_values(key.as_str()).map(|value| Some(value.to_string()));
            // A name may hold alone and with values: `target_has_atomic`.
            let alone = builder.cfg_options.check_atom(&CfgAtom::Flag(key.clone())).then_some(None);
            alone.into_iter().chain(values).map(|value| (key.to_string(), value)).collect::<Vec<_>>()
        });
        // A key comes once for each of its values.
        let mut cfg: Vec<(String, Option<String>)> = cfg.collect();
        cfg.sort();
        cfg.dedup();
        self.crates.push(Crate {
            root: self.roots[builder.basic.root_file_id.index() as usize].clone(),
            edition: builder.basic.edition.to_string(),
            version: builder.extra.version.clone(),
            cfg,
            env: builder.env.clone().into(),
            standard,
            macros: builder.basic.is_proc_macro,
            name: name.clone(),
            ..Crate::default()
        });
        let behind = behind || name == "candlewick_prelude";
        let mut deps = Vec::new();
        for dep in &builder.basic.dependencies {
            let wanted = wanted(self.graph, dep.crate_id, behind, standard);
            if wanted {
                deps.push((dep.name.to_string(), self.visit(dep.crate_id, behind)));
            }
        }
        self.crates[number].deps = deps;
        number
    }
}

fn wanted(graph: &CrateGraphBuilder, id: CrateBuilderId, behind: bool, of_standard: bool) -> bool {
    let name = name(graph, id);
    let standard = matches!(graph[id].basic.origin, CrateOrigin::Lang(_));
    match standard || of_standard {
        true => STANDARD.contains(&name.as_str()),
        false => !behind || NAMEABLE.contains(&name.as_str()),
    }
}

/// The trimmed sources of a crate: all that lies beside and below its first file, but tests.
fn sources(krate: &Crate) -> Vec<(String, String)> {
    if krate.macros || krate.name == "ctx" {
        return Vec::new();
    }
    let edition = krate.edition.parse().unwrap_or(Edition::CURRENT);
    let mut files = Vec::new();
    if let Some(folder) = Path::new(&krate.root).parent() {
        gather(folder, edition, &mut files);
    }
    files.sort();
    files
}

fn gather(folder: &Path, edition: Edition, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(text) = path.to_str() else { continue };
        if path.is_dir() {
            let name = entry.file_name();
            let is_test = ["tests", "benches", "examples", "target"].iter().any(|other| name == *other);
            if !is_test && !LEFT_OUT.iter().any(|part| text.contains(part)) {
                gather(&path, edition, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && let Ok(source) = fs::read_to_string(&path)
        {
            files.push((text.to_owned(), trim(&source, edition)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_comes_from_the_pack_that_is_known() {
        let krate = |name: &str, standard: bool, deps: &[(&str, usize)]| Crate {
            name: name.to_owned(),
            standard,
            deps: deps.iter().map(|(name, to)| ((*name).to_owned(), *to)).collect(),
            ..Crate::default()
        };
        let known = Pack {
            crates: vec![
                krate("ctx", false, &[("std", 2)]),
                krate("core", true, &[]),
                krate("std", true, &[("core", 1)]),
            ],
            toolchain: Some("1.95.0".to_owned()),
            ..Pack::default()
        };
        let mut pack =
            Pack { crates: vec![krate("ctx", false, &[("regex", 1)]), krate("regex", false, &[])], ..Pack::default() };
        add_standard(&mut pack, &known);
        let deps: Vec<_> = pack.crates.iter().map(|krate| (krate.name.as_str(), krate.deps.clone())).collect();
        let named =
            |names: &[(&str, usize)]| names.iter().map(|(name, to)| ((*name).to_owned(), *to)).collect::<Vec<_>>();
        assert_eq!(deps[0], ("ctx", named(&[("regex", 1), ("core", 2), ("std", 3)])));
        assert_eq!(deps[1], ("regex", named(&[("core", 2), ("std", 3)])));
        assert_eq!(deps[3], ("std", named(&[("core", 2)])));
        assert_eq!(pack.toolchain.as_deref(), Some("1.95.0"));
    }
}
