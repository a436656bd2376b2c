//! The program that evcxr makes of a cell, led to what the prelude has compiled already.
//!
//! Lines stay where they are: evcxr knows by their numbers which code is the user's.

use super::unused;
use std::path::Path;

/// How evcxr makes its own error of what a `?` meets, and prints it.
const FAILS: &str = "fn from(error: T) -> Self {";
const PRINTS: &str = "eprintln!(\"{}\", error);";
/// The prelude tells the error, with the place of the `?`.
const FAILS_AT: &str = "#[track_caller] fn from(error: T) -> Self {";
const TELLS: &str = "::candlewick_prelude::cell::failed(&error);";

/// How evcxr begins and ends the variable store that it puts into each cell.
const STORE: &str = "\nmod evcxr_internal_runtime {\n";
const STORE_END: &str = "\npub fn create_variable_store()";
/// How evcxr is told that a cell panicked, at the only two places where evcxr itself writes so.
const PANICKED: &str = "    println!(\"EVCXR_PANIC_NOTIFICATION\");\n";
const AFTER: [&str; 2] = ["  Err(_) => {\n", "}).is_err() {\n"];
/// The same by the prelude, in a way that no text of a cell's looks like.
const PRELUDES_PANICKED: &str = "    ::candlewick_prelude::cell::panicked();\n";

/// The prelude's, which has the same names.
const PRELUDES_STORE: &str = "\nuse candlewick_prelude::cell as evcxr_internal_runtime;\n";

/// Rewrites the program in this file, where it is one that knows the prelude.
pub fn lead_to_prelude(file: &Path) {
    if let Ok(text) = std::fs::read_to_string(file)
        && let Some(led) = led(&text)
    {
        let _ = std::fs::write(file, led);
    }
}

fn led(text: &str) -> Option<String> {
    if !text.contains("candlewick_prelude") {
        return None;
    }
    let mut text = text.to_owned();
    if let Some(range) = store(&text) {
        let lines = text[range.clone()].matches('\n').count() - PRELUDES_STORE.matches('\n').count();
        text.replace_range(range, &format!("{PRELUDES_STORE}{}", "\n".repeat(lines)));
    }
    if let Some(at) = text.rfind(PANICKED)
        && AFTER.iter().any(|before| text[..at].ends_with(before))
    {
        text.replace_range(at..at + PANICKED.len(), PRELUDES_PANICKED);
    }
    // After the user's items, which may well hold the same words.
    if let Some(start) = text.rfind("struct EvcxrUserCodeError {}") {
        for (old, new) in [(FAILS, FAILS_AT), (PRINTS, TELLS)] {
            if let Some(at) = text[start..].find(old) {
                text.replace_range(start + at..start + at + old.len(), new);
            }
        }
    }
    Some(unused::leave(&text))
}

/// Where evcxr's store stands, the newlines around it included.
fn store(text: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(STORE)?;
    let last = start + text[start..].find(STORE_END)?;
    // The function's closing brace, then the module's.
    let end = last + text[last..].find("\n}\n}\n")? + "\n}\n}\n".len();
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: &str = "use candlewick_prelude::prelude::*;\nstruct EvcxrUserCodeError {}\nimpl<T> From<T> for X {\n\
                        fn from(error: T) -> Self {\neprintln!(\"{}\", error);\nX {}\n}\n}\n\
                        mod evcxr_internal_runtime {\npub struct VariableStore;\n\n\
                        pub fn create_variable_store() -> *mut VariableStore {\n    x\n}\n}\nfn run() {\nvec![1]\n}\n";

    #[test]
    fn lines_stay_where_they_are() {
        let led = led(CELL).unwrap();
        assert!(!led.contains("struct VariableStore"));
        assert!(led.contains("use candlewick_prelude::cell as evcxr_internal_runtime;"));
        assert!(
            led.contains(
                "\n#[track_caller] fn from(error: T) -> Self {\n::candlewick_prelude::cell::failed(&error);\n"
            )
        );
        let line = |text: &str, what: &str| text.lines().position(|line| line.contains(what)).unwrap();
        for what in ["fn run()", "vec![1]", "fn from"] {
            assert_eq!(line(&led, what), line(CELL, what), "{what}\n{led}");
        }
    }

    #[test]
    fn a_panic_is_told_by_the_prelude_and_text_stays_text() {
        let print = "println!(\"EVCXR_PANIC_NOTIFICATION\");";
        for (before, after) in
            [("match x {\n  Ok(_) => {}\n  Err(_) => {\n", "}}\n"), ("if f(||{\n1\n}).is_err() {\n", "}\n")]
        {
            let own = format!("use candlewick_prelude::prelude::*;\nfn f() {{\n    {print}\n}}\n");
            let program = format!("{own}{before}    {print}\n{after}store();\n");
            let led = led(&program).unwrap();
            let expected = format!("{own}{before}    ::candlewick_prelude::cell::panicked();\n{after}store();\n");
            assert_eq!(led, expected);
            assert_eq!(super::led(&own).unwrap(), own);
        }
    }

    #[test]
    fn a_program_without_the_prelude_is_left_alone() {
        assert_eq!(led(&CELL.replace("candlewick_prelude", "other")), None);
        assert_eq!(led("use candlewick_prelude::prelude::*;\nfn run() {}\n").unwrap().lines().count(), 2);
    }
}
