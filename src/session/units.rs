//! The graph of what cargo would compile, and what of it is compiled already.
//!
//! A unit is a crate with its features and its profile. It is compiled anew where it, or anything that it depends on,
//! is another one than before; so each has a digest of itself and of all below it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// One thing that cargo would compile or run.
#[derive(Clone, Debug)]
struct Unit {
    name: String,
    version: String,
    /// For the machine that compiles: a macro, a build script, or what these need.
    host: bool,
    features: BTreeSet<String>,
    /// What it is, its dependencies left out.
    own: String,
    below: Vec<usize>,
    digest: u64,
}

/// All that cargo would compile.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    units: Vec<Unit>,
}

/// What a build would compile that an earlier one did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Crates that the prelude is built on, and the prelude: compiled before, and to be compiled anew.
    pub anew: BTreeSet<String>,
    /// Why they are: crates of them with the features that are turned on, or with another version.
    pub causes: BTreeMap<String, String>,
    /// Crates that come with what was added.
    pub added: BTreeSet<String>,
}

const CELLS: &str = "ctx";
const PRELUDE: &str = "candlewick-prelude";

impl Graph {
    /// The graph as `cargo build --unit-graph` writes it.
    pub fn read(json: &[u8]) -> Option<Graph> {
        let graph: Value = serde_json::from_slice(json).ok()?;
        let mut units: Vec<Unit> = graph["units"].as_array()?.iter().map(unit).collect::<Option<_>>()?;
        let mut known = vec![None; units.len()];
        for at in 0..units.len() {
            units[at].digest = digest(&units, at, &mut known);
        }
        Some(Graph { units })
    }

    /// What this graph has that `before` had not.
    pub fn beside(&self, before: &Graph) -> Plan {
        let there: HashSet<u64> = before.units.iter().map(|unit| unit.digest).collect();
        let same: HashSet<&str> = before.units.iter().map(|unit| unit.own.as_str()).collect();
        let to_do = |unit: &Unit| !there.contains(&unit.digest) && unit.name != CELLS;
        let below = self.below_prelude();
        let mut plan = Plan::default();
        for (at, unit) in self.units.iter().enumerate().filter(|(_, unit)| to_do(unit)) {
            if !below.contains(&at) {
                plan.added.insert(unit.name.clone());
                continue;
            }
            plan.anew.insert(unit.name.clone());
            if !same.contains(unit.own.as_str()) {
                let cause = plan.causes.entry(unit.name.clone()).or_default();
                let change = change(unit, before);
                if cause.is_empty() {
                    *cause = change;
                }
            }
        }
        plan
    }

    /// The units of the prelude and of all that it depends on.
    fn below_prelude(&self) -> HashSet<usize> {
        let mut found = HashSet::new();
        let mut look: Vec<usize> = (0..self.units.len()).filter(|&at| self.units[at].name == PRELUDE).collect();
        while let Some(at) = look.pop() {
            if found.insert(at) {
                look.extend(&self.units[at].below);
            }
        }
        found
    }
}

impl Plan {
    /// How long the crates took when they were compiled before, one after the other, as the build folder `target`
    /// tells; crates that were not, as long as a crate took on average.
    pub fn takes(&self, target: &Path) -> f64 {
        let seconds = durations(target);
        let mean = seconds.values().sum::<f64>() / seconds.len().max(1) as f64;
        self.anew.iter().chain(&self.added).map(|name| seconds.get(name).copied().unwrap_or(mean)).sum()
    }
}

fn unit(value: &Value) -> Option<Unit> {
    let id = value["pkg_id"].as_str()?;
    let (place, tail) = id.rsplit_once('#')?;
    let (name, version) = match tail.rsplit_once('@') {
        Some(both) => both,
        None => (place.trim_end_matches('/').rsplit('/').next()?, tail),
    };
    let features = value["features"].as_array()?.iter().filter_map(|feature| Some(feature.as_str()?.to_owned()));
    let list =
        |key: &str| value["dependencies"].as_array()?.iter().map(|edge| edge[key].as_u64()).collect::<Option<Vec<_>>>();
    let own = [id, &value["target"]["kind"].to_string(), &value["target"]["name"].to_string()].join(" ")
        + &[&value["profile"], &value["platform"], &value["mode"], &value["features"]].map(Value::to_string).join(" ");
    Some(Unit {
        name: name.to_owned(),
        version: version.to_owned(),
        host: value["platform"].is_null(),
        features: features.collect(),
        own,
        below: list("index")?.into_iter().map(|at| at as usize).collect(),
        digest: 0,
    })
}

/// The digest of a unit and of all below it.
fn digest(units: &[Unit], at: usize, known: &mut Vec<Option<u64>>) -> u64 {
    if let Some(digest) = known[at] {
        return digest;
    }
    let mut below: Vec<u64> = units[at].below.iter().map(|&below| digest(units, below, known)).collect();
    below.sort_unstable();
    let parts = below.iter().map(|digest| digest.to_string());
    let text = std::iter::once(units[at].own.clone()).chain(parts).collect::<Vec<_>>().join(" ");
    // FNV-1a: the same in every process.
    let digest =
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    known[at] = Some(digest);
    digest
}

/// What is other about a unit than before.
fn change(unit: &Unit, before: &Graph) -> String {
    let alike: Vec<&Unit> = before.units.iter().filter(|old| old.name == unit.name && old.host == unit.host).collect();
    if let Some(old) = alike.iter().find(|old| old.version == unit.version) {
        let on: Vec<&str> = unit.features.difference(&old.features).map(String::as_str).collect();
        return match on.as_slice() {
            [] => "other settings".to_owned(),
            on => format!("with {}", on.join(", ")),
        };
    }
    match alike.first() {
        Some(old) => format!("{} in place of {}", unit.version, old.version),
        None => "which was not needed before".to_owned(),
    }
}

/// How long each crate took to compile in this build folder, in seconds, by its name: cargo touches one file of a
/// unit's when it begins, and writes another one when it has ended.
fn durations(target: &Path) -> HashMap<String, f64> {
    let mut seconds = HashMap::new();
    let folders = std::fs::read_dir(target)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|entry| [entry.path().join(".fingerprint"), entry.path().join("debug/.fingerprint")]);
    for entry in folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        let name = entry.file_name().to_string_lossy().rsplit_once('-').map(|(name, _)| name.to_owned());
        if let (Some(name), Some(took)) = (name, took(&entry.path())) {
            *seconds.entry(name).or_insert(0.0) += took.as_secs_f64();
        }
    }
    seconds
}

fn took(folder: &Path) -> Option<Duration> {
    let written = |path: &Path| path.metadata().ok()?.modified().ok();
    let begun: SystemTime = written(&folder.join("invoked.timestamp"))?;
    let ended = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let ended = ended.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    ended.filter_map(|path| written(&path)).max()?.duration_since(begun).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A graph of units: name and version, whether for the host, features, and what it depends on.
    pub fn graph(units: &[(&str, bool, &[&str], &[usize])]) -> Graph {
        let units: Vec<Value> = units
            .iter()
            .map(|(id, host, features, below)| {
                let below: Vec<Value> = below.iter().map(|at| json!({"index": at, "extern_crate_name": "x"})).collect();
                let platform = if *host { Value::Null } else { json!("x86_64") };
                let id =
                    if id.contains('@') { format!("registry+x#{id}") } else { format!("path+file:///w/{id}#0.1.0") };
                json!({"pkg_id": id, "target": {"kind": ["lib"], "name": "x"}, "profile": {"opt_level": "3"},
                       "platform": platform, "mode": "build", "features": features, "dependencies": below})
            })
            .collect();
        Graph::read(json!({ "units": units }).to_string().as_bytes()).unwrap()
    }

    fn before() -> Graph {
        graph(&[
            ("ctx", false, &[], &[1]),
            ("candlewick-prelude", false, &[], &[2]),
            ("candle-core@0.11.1", false, &[], &[3, 4]),
            ("syn@2.0.1", true, &["derive"], &[]),
            ("serde@1.0.1", false, &["std"], &[]),
        ])
    }

    #[test]
    fn what_is_added_beside_leaves_the_rest_alone() {
        let mut units: Vec<(&str, bool, &[&str], &[usize])> = vec![
            ("ctx", false, &[], &[1, 5]),
            ("candlewick-prelude", false, &[], &[2]),
            ("candle-core@0.11.1", false, &[], &[3, 4]),
            ("syn@2.0.1", true, &["derive"], &[]),
            ("serde@1.0.1", false, &["std"], &[]),
            ("regex@1.0.0", false, &[], &[4]),
        ];
        let plan = graph(&units).beside(&before());
        assert!(plan.anew.is_empty() && plan.causes.is_empty());
        assert_eq!(plan.added, BTreeSet::from(["regex".to_owned()]));
        units.reverse();
        assert_eq!(before().beside(&before()), Plan::default());
    }

    #[test]
    fn a_feature_a_version_and_a_need_are_told_with_all_that_hangs_on_them() {
        let with = |syn: &'static str, features: &'static [&'static str], serde: &'static str| {
            graph(&[
                ("ctx", false, &[], &[1]),
                ("candlewick-prelude", false, &[], &[2]),
                ("candle-core@0.11.1", false, &[], &[3, 4]),
                (syn, true, features, &[]),
                (serde, false, &["std"], &[]),
            ])
            .beside(&before())
        };
        let plan = with("syn@2.0.1", &["derive", "full"], "serde@1.0.1");
        assert_eq!(
            plan.anew.iter().map(String::as_str).collect::<Vec<_>>(),
            ["candle-core", "candlewick-prelude", "syn"]
        );
        assert_eq!(plan.causes, BTreeMap::from([("syn".to_owned(), "with full".to_owned())]));
        let plan = with("syn@2.0.1", &["derive"], "serde@1.0.9");
        assert_eq!(plan.causes, BTreeMap::from([("serde".to_owned(), "1.0.9 in place of 1.0.1".to_owned())]));
        let plan = with("new@1.0.0", &[], "serde@1.0.1");
        assert_eq!(plan.causes, BTreeMap::from([("new".to_owned(), "which was not needed before".to_owned())]));
    }

    #[test]
    fn a_macro_for_the_host_is_not_the_same_crate_for_the_target() {
        let after = graph(&[
            ("ctx", false, &[], &[1, 5]),
            ("candlewick-prelude", false, &[], &[2]),
            ("candle-core@0.11.1", false, &[], &[3, 4]),
            ("syn@2.0.1", true, &["derive"], &[]),
            ("serde@1.0.1", false, &["std"], &[]),
            ("syn@2.0.1", false, &["derive", "full"], &[]),
        ]);
        let plan = after.beside(&before());
        assert!(plan.anew.is_empty(), "{plan:?}");
        assert_eq!(plan.added, BTreeSet::from(["syn".to_owned()]));
    }

    #[test]
    fn times_are_those_of_the_build_folder_and_its_mean_for_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        for (name, seconds) in [("candle-core-1a", 60), ("serde-2b", 20)] {
            let unit = folder.path().join("x86_64/debug/.fingerprint").join(name);
            std::fs::create_dir_all(&unit).unwrap();
            let begun = SystemTime::now() - Duration::from_secs(500);
            for (file, at) in [("invoked.timestamp", begun), ("lib-x.json", begun + Duration::from_secs(seconds))] {
                std::fs::write(unit.join(file), "").unwrap();
                std::fs::File::options().write(true).open(unit.join(file)).unwrap().set_modified(at).unwrap();
            }
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let plan = Plan { anew: names(&["candle-core"]), added: names(&["regex"]), ..Plan::default() };
        assert_eq!(plan.takes(folder.path()).round(), 100.0);
        assert_eq!(Plan::default().takes(Path::new("/nowhere")), 0.0);
    }
}
