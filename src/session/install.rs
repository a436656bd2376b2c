//! Builds the warm template: the prelude compiled once, the way evcxr will look for it.

use super::environment::{self, RECORD_VARIABLE};
use super::forecast::Forecast;
use super::place::BuildPlace;
use super::recipe;
use super::shim::KEPT_LOCK;
use super::template::{self, STAMP, Size, Stamp};
use super::{CellError, Options, Session, compiler, diagnostics};
use crate::home::{Home, private_folder};
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Build settings for all that cells link against. cargo finds them from every folder below candlewick's.
///
/// What a cell may run is fully optimised, without the checks that a cell's own code keeps. Macros and build scripts run
/// for a moment only; so does what [`COLD`] and [`IDLE`] name.
const CARGO_SETTINGS: &str = "# Written by candlewick's install.\n\
[profile.dev]\nopt-level = 3\ndebug-assertions = false\noverflow-checks = false\n\n\
[profile.dev.build-override]\nopt-level = 0\n\n\
[profile.dev.package.ctx]\nopt-level = 2\ndebug-assertions = true\noverflow-checks = true\n";

/// Crates behind the prelude whose speed nobody notices: downloads, colour profiles, file formats that are seldom met,
/// products of complex numbers, the tokenizers that candle brings along.
const COLD: &[&str] = &[
    "aho-corasick",
    "candlewick-wire",
    "compact_str",
    "cookie",
    "cookie_store",
    "csv",
    "csv-core",
    "fancy-regex",
    "fontdb",
    "gif",
    "hf-hub",
    "http",
    "httparse",
    "image-webp",
    "jpeg-decoder",
    "nom",
    "regex-automata",
    "regex-syntax",
    "ring",
    "rustls",
    "rustls-pki-types",
    "rustls-webpki",
    "tokenizers",
    "ttf-parser",
    "typed-path",
    "ureq",
    "ureq-proto",
    "webpki-roots",
    "zip",
];

/// Crates behind the prelude of which nearly nothing is called.
const IDLE: &[&str] = &[
    "console",
    "daachorse",
    "derive_builder",
    "esaxx-rs",
    "gemm-c32",
    "gemm-c64",
    "indicatif",
    "moxcms",
    "pxfm",
    "spm_precompiled",
    "weezl",
];

/// The text of cargo's settings for sessions.
fn cargo_settings() -> String {
    let at = |level: u8, names: &[&str]| -> String {
        names.iter().map(|name| format!("\n[profile.dev.package.{name}]\nopt-level = {level}\n")).collect()
    };
    format!("{CARGO_SETTINGS}{}{}", at(1, COLD), at(0, IDLE))
}

/// Copies the prelude's sources from a checkout, file by file where they differ, so that cargo sees what changed.
///
/// # Errors
/// `source` is no checkout of candlewick, or candlewick's folder cannot be written.
pub fn copy_sources(source: &Path, home: &Home) -> io::Result<()> {
    let root = home.sources();
    for package in ["prelude", "wire"] {
        let from = source.join(package);
        if !from.join("Cargo.toml").is_file() {
            let message =
                format!("{} holds no `{package}/Cargo.toml`; run it in a checkout of candlewick", source.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let mut wanted = vec![PathBuf::from("Cargo.toml")];
        for folder in ["src", "fonts", "weights"] {
            list(&from, Path::new(folder), &mut wanted)?;
        }
        for file in &wanted {
            copy_if_different(&fs::read(from.join(file))?, &root.join(package).join(file))?;
        }
        let mut there = Vec::new();
        list(&root.join(package), Path::new(""), &mut there)?;
        for file in there.iter().filter(|file| !wanted.contains(file)) {
            fs::remove_file(root.join(package).join(file))?;
        }
    }
    // The packages inherit their lints from a workspace.
    let manifest = "[workspace]\nmembers = [\"prelude\", \"wire\"]\nresolver = \"3\"\n\n[workspace.lints]\n";
    copy_if_different(manifest.as_bytes(), &root.join("Cargo.toml"))?;
    copy_if_different(&fs::read(source.join("Cargo.lock"))?, &root.join("Cargo.lock"))?;
    copy_if_different(cargo_settings().as_bytes(), &home.root.join(".cargo/config.toml"))
}

fn list(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => list(root, &path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

fn copy_if_different(content: &[u8], to: &Path) -> io::Result<()> {
    if fs::read(to).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, content)
}

/// What a template built now would be built from.
///
/// # Errors
/// No sources were copied, or there is no rustc.
pub fn wanted_stamp(home: &Home, features: &[String]) -> io::Result<Stamp> {
    let mut files = Vec::new();
    list(&home.sources(), Path::new(""), &mut files)?;
    files.sort();
    if files.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the prelude's sources are not installed"));
    }
    let mut digest = DefaultHasher::new();
    for file in &files {
        file.hash(&mut digest);
        fs::read(home.sources().join(file))?.hash(&mut digest);
    }
    cargo_settings().hash(&mut digest);
    let rustc = compiler::version().ok_or_else(|| io::Error::other("`rustc -vV` does not run"))?;
    let mut features = features.to_vec();
    features.sort();
    Ok(Stamp {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rustc,
        sources: format!("{:016x}", digest.finish()),
        features,
        home: home.root.clone(),
        cargo_home: environment::cargo_home().unwrap_or_default(),
        compiler: String::new(),
        size: Size::default(),
    })
}

/// Whether the installed template is what a build would give now.
pub fn is_current(home: &Home, features: &[String]) -> bool {
    let (Ok(wanted), Some(there)) = (wanted_stamp(home, features), template::stamp(home)) else { return false };
    there.fits(&wanted) && Size::of(&home.template()).is_ok_and(|size| size == there.size)
}

/// The features of the installed template.
pub fn installed_features(home: &Home) -> Vec<String> {
    template::features(home)
}

/// Builds the template if it is not current; true where it was built. `say` hears how far it is.
///
/// # Errors
/// No rustc, no network for the first build, a full disk, or a feature that does not build here.
pub fn build_template(home: &Home, features: &[String], say: &mut dyn FnMut(&str)) -> Result<bool, CellError> {
    let broken = |error: io::Error| diagnostics::session(format!("the template cannot be built: {error}"));
    let mut stamp = wanted_stamp(home, features).map_err(broken)?;
    let one_at_a_time = alone(home, say).map_err(broken)?;
    if is_current(home, features) {
        // A build that was ended just before its end has left none.
        if !home.answers().is_dir() {
            drop(one_at_a_time);
            rehearse(say)?;
        }
        return Ok(false);
    }
    let making = home.new_template();
    // What cargo said before may not hold for this build.
    for stale in [&making, &home.answers()] {
        let _ = fs::remove_dir_all(stale);
    }
    fs::create_dir_all(&making).map_err(broken)?;
    // What the old template compiled is used again where the same compiler would do the same.
    let old = template::stamp(home).filter(|old| old.rustc == stamp.rustc && old.features == stamp.features);
    let whole = old.filter(|old| Size::of(&home.template()).is_ok_and(|size| size == old.size));
    if whole.is_some() {
        template::copy(&home.template(), &making, false).map_err(broken)?;
        let _ = fs::remove_file(making.join(STAMP));
        recipe::forget(&making);
    }
    for name in ["Cargo.lock", KEPT_LOCK] {
        fs::copy(home.sources().join("Cargo.lock"), making.join(name)).map_err(broken)?;
    }
    private_folder(&home.sessions()).map_err(broken)?;
    let mut forecast = Forecast::new(if whole.is_some() { Vec::new() } else { crates_to_build(home, &stamp.features) });
    let session = Session::start_in(Options::default(), BuildPlace::Template(making.clone(), stamp.features.clone()))?;
    session.await_build(&mut |name| say(&forecast.hear(name)))?;
    say("the sources are read for the analysis");
    let described = crate::analysis::describe(&making, None).map_err(io::Error::other);
    described.and_then(|mut pack| pack.write(&making.join(template::PACK))).map_err(broken)?;
    drop(session);
    remove_cells(&making.join("target")).map_err(broken)?;
    // Known for certain only now that a session has asked for the compiler.
    stamp.compiler = compiler::mark().unwrap_or_default();
    stamp.size = Size::of(&making).map_err(broken)?;
    let text = serde_json::to_string_pretty(&stamp).expect("a stamp always serialises");
    fs::write(making.join(STAMP), text).map_err(broken)?;
    // SAFETY: asks the system to write out what was built, so that no loss of power leaves half of it.
    unsafe { libc::sync() };
    let _ = fs::remove_dir_all(home.template());
    fs::rename(&making, home.template()).map_err(broken)?;
    drop(one_at_a_time);
    rehearse(say)?;
    Ok(true)
}

/// Waits until no other process builds the template; the lock is held while the file is.
fn alone(home: &Home, say: &mut dyn FnMut(&str)) -> io::Result<fs::File> {
    let file = fs::File::create(home.root.join("template.lock"))?;
    if file.try_lock().is_err() {
        say("another candlewick builds the template; waiting for it");
        file.lock()?;
    }
    Ok(file)
}

/// The crates that a build from nothing compiles, in no order; none where cargo does not say.
fn crates_to_build(home: &Home, features: &[String]) -> Vec<String> {
    let mut cargo = Command::new(std::env::var_os(environment::CARGO_VARIABLE).unwrap_or_else(|| "cargo".into()));
    environment::restore_environment(&mut cargo);
    cargo.current_dir(home.sources()).args(["tree", "-p", "candlewick-prelude", "-e", "normal,build"]);
    cargo.args(["--prefix", "none", "--no-dedupe", "--format", "{p}", "--features", &features.join(",")]);
    // cargo takes what only the host needs out of the lock, which the stamp has seen whole.
    let lock = home.sources().join("Cargo.lock");
    let whole = fs::read(&lock);
    let output = cargo.output();
    if let Ok(whole) = whole {
        let _ = copy_if_different(&whole, &lock);
    }
    let Ok(output) = output else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let packages: BTreeSet<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    packages.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// Starts a session as a user will, and keeps what cargo says meanwhile.
fn rehearse(say: &mut dyn FnMut(&str)) -> Result<(), CellError> {
    // SAFETY: the installer reads the environment on this thread only, and through std.
    let record = |value: &str| unsafe { std::env::set_var(RECORD_VARIABLE, value) };
    record("1");
    say("the first session starts, for practice");
    let started = Session::start(Options::default()).and_then(|session| session.wait_ready());
    // SAFETY: as above.
    unsafe { std::env::remove_var(RECORD_VARIABLE) };
    started
}

/// Removes what the cells of the build itself left.
fn remove_cells(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        let of_cell = name.starts_with("ctx-") || name.starts_with("libctx") || name.starts_with("libcode_");
        if of_cell || name == "incremental" {
            match is_folder {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        } else if is_folder {
            remove_cells(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_copied_where_they_differ_and_removed_where_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (checkout, home) = (folder.path().join("checkout"), Home { root: folder.path().join("home") });
        for file in ["prelude/Cargo.toml", "prelude/src/lib.rs", "prelude/src/a/b.rs", "wire/Cargo.toml", "Cargo.lock"]
        {
            copy_if_different(file.as_bytes(), &checkout.join(file)).unwrap();
        }
        copy_sources(&checkout, &home).unwrap();
        let lib = home.sources().join("prelude/src/lib.rs");
        let time = fs::metadata(&lib).unwrap().modified().unwrap();
        let before = wanted_stamp(&home, &[]).unwrap();
        fs::remove_file(checkout.join("prelude/src/a/b.rs")).unwrap();
        copy_sources(&checkout, &home).unwrap();
        assert_eq!(fs::metadata(&lib).unwrap().modified().unwrap(), time);
        assert!(!home.sources().join("prelude/src/a/b.rs").exists());
        assert_ne!(wanted_stamp(&home, &[]).unwrap(), before);
        assert!(!is_current(&home, &[]));
    }

    #[test]
    fn what_is_no_checkout_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = copy_sources(folder.path(), &Home { root: folder.path().join("home") }).unwrap_err();
        assert!(error.to_string().contains("prelude/Cargo.toml"));
    }
}
