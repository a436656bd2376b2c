//! What the compiler says of the prelude's most used verbs where an argument is of a wrong type: words of our own.

use std::path::PathBuf;
use std::process::Command;

/// The prelude as it was built last, beside this test.
fn prelude() -> PathBuf {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let built = std::fs::read_dir(&deps).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let ours = built.filter(|path| name(path).starts_with("libcandlewick_prelude") && name(path).ends_with(".rlib"));
    ours.max_by_key(|path| path.metadata().and_then(|about| about.modified()).ok()).expect("cargo built the prelude")
}

/// What the compiler says of code that has learner and data at hand.
fn says(code: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("cell.rs");
    let code = format!(
        "use candlewick_prelude::prelude::*;\npub struct Own;\n\
         pub fn cell(mut learner: Learner, data: ImageFolder) -> Result<()> {{\n{code};\nOk(())\n}}\n"
    );
    std::fs::write(&source, code).unwrap();
    let library = prelude();
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--color=never", "--cap-lints=allow"])
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .arg("--extern")
        .arg(format!("candlewick_prelude={}", library.display()))
        .arg("-o")
        .arg(folder.path().join("cell.rmeta"))
        .arg(&source)
        .output()
        .expect("the compiler that built this test");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_types_are_told_in_our_own_words() {
    for (code, message, label, note) in [
        (
            "Learner::vision(\"resnet18\", &data)?",
            "`&str` is no architecture to start from",
            "expected an architecture, such as `Arch::ResNet18`",
            "a name becomes an architecture by `Arch::named(\"resnet18\")?`",
        ),
        (
            "Learner::vision(Arch::default(), &\"photos\")?",
            "`&str` is no data that a learner can train on",
            "expected a data set, such as `ImageFolder`, `TextTable` or `TensorData`",
            "let data = ImageFolder::open(\"photos\")?.split(0.2, 42)?;",
        ),
        (
            "learner.fit(1, \"fast\")?",
            "`&str` is no learning rate",
            "expected a number or a range of numbers, such as `1e-3` or `1e-5..1e-3`",
            "one number is the rate of all layers: `learner.fit(3, 1e-3)?`",
        ),
        (
            "learner.fit_one_cycle(4, 1..2)?",
            "is no learning rate",
            "expected a number or a range of numbers",
            "a range is spread over them, low in the first ones",
        ),
        (
            "learner.predict(7)?",
            "is no picture",
            "expected the path of a picture file, a picture, or a text",
            "a path is text or a `PathBuf`: `learner.predict(\"new.jpg\")?`",
        ),
        (
            "display(&Own)",
            "`Own` does not know how it looks",
            "expected a figure, a picture, a table, a tensor or the like",
            "a type of your own is shown as its `impl Show` says",
        ),
    ] {
        let said = says(code);
        assert!(said.starts_with("error[E0277]: ") && said.contains(message), "{code}\n{said}");
        assert!(said.contains(label) && said.contains(note), "{code}\n{said}");
        assert!(!said.contains("\nwarning: malformed") && !said.contains("the trait bound"), "{code}\n{said}");
    }
}

#[test]
fn what_is_right_compiles() {
    let said = says(
        "Learner::vision(Arch::default(), &data)?; Learner::vision(Arch::Small.untrained().cut(1), &data)?;
         learner.fit(1, 1)?; learner.fit(1, 1e-3)?; learner.fit_one_cycle(4, 1e-5..=1e-3)?; let n = 2usize;
         learner.fit(n, n)?; learner.fit(1, Rate::from(1))?; learner.predict(\"a.png\")?; display(&data)",
    );
    assert!(said.is_empty(), "{said}");
}
