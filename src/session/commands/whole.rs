//! Whether a cell, its commands and all, could be run as it stands.

use super::split::{Step, split, without_commands};
use crate::session::Completeness;
use crate::session::completeness::of_rust;

/// Whether `code` could be run as it stands.
pub fn completeness(code: &str) -> Completeness {
    let steps = split(code, &|_, _| false);
    if let [Step::Whole { name, body, .. }] = steps[..] {
        return whole_cell(name, &code[body..]);
    }
    // Commands are complete by themselves; where they stand, the Rust has blank lines.
    let mut rust = String::new();
    let mut to = 0;
    for step in &steps {
        if let Step::Rust(range) = step {
            rust += &"\n".repeat(code[to..range.start].matches('\n').count());
            rust += &without_commands(&code[range.clone()]);
            to = range.end;
        }
    }
    of_rust(&rust)
}

/// Whether a cell that begins with `%%name` is whole: what is no Rust ends with an empty line.
fn whole_cell(name: &str, body: &str) -> Completeness {
    match name {
        "time" | "timeit" | "rust" if !body.trim().is_empty() => completeness(body),
        _ if !body.trim().is_empty() && body.rsplit('\n').next().is_some_and(|line| line.trim().is_empty()) => {
            Completeness::Complete
        }
        _ => Completeness::Incomplete { indent: String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &str) {
        let found = match completeness(code) {
            Completeness::Complete => "complete".to_owned(),
            Completeness::Incomplete { indent } => format!("incomplete {}", indent.len()),
            Completeness::Invalid => "invalid".to_owned(),
        };
        assert_eq!(found, expected, "{code:?}");
    }

    #[test]
    fn complete_code() {
        for code in
            ["", "1 + 1", "let x = 5;", "x", "use std::fmt;\nlet a = 1;", ":vars", ":dep serde = \"1\"\nlet x = 1;"]
        {
            check(code, "complete");
        }
        check("fn f() -> i32 {\n    1\n}\nf()", "complete");
        check("let s = \"a { b\"; // (", "complete");
        check("!ls -l (", "complete");
        check("let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;", "complete");
    }

    #[test]
    fn code_that_wants_more() {
        check("fn f() {", "incomplete 4");
        check("for i in 0..3 {\n  if i > 1 {", "incomplete 8");
        check("foo(1,", "incomplete 4");
        check("let x =", "incomplete 4");
        check("1 +", "incomplete 4");
        check("let s = \"abc", "incomplete 0");
        check("/* a", "incomplete 0");
        check("let s = r#\"abc\"", "incomplete 0");
    }

    #[test]
    fn a_line_that_begins_with_an_operator_is_no_command() {
        for code in ["let ok = 3\n    != 4;", "let ok = 3\n!= 4;", "let a = 7\n    % 3;", "let a = 7\n%3;"] {
            check(code, "complete");
        }
        check("let ok = 3\n    != 4", "incomplete 4");
        check("let ok = a\n    && !b;", "complete");
        check("let ok = f(\n!b\n);", "complete");
        check("let x\n    : i32 = 3;", "complete");
        check("fn f() {\n!ls\n", "incomplete 4");
    }

    #[test]
    fn lines_for_the_shell_and_magics() {
        for code in ["%pwd", "%cd ..", "!ls\nlet x = 1;", "let x = 1;\n!ls", "%matplotlib inline\nlet x = 1;"] {
            check(code, "complete");
        }
        check("!ls\nfn f() {", "incomplete 4");
        check("%%time", "incomplete 0");
        check("%%time\nlet x = 1;", "complete");
        check("%%time\nfor i in 0..3 {", "incomplete 4");
        check("%%bash\nls", "incomplete 0");
        check("%%bash\nls\n", "complete");
        check("%%writefile a.txt\none\n\ntwo", "incomplete 0");
    }

    #[test]
    fn code_that_nothing_can_mend() {
        check("fn f() }", "invalid");
        check("(1]", "invalid");
        check("let = = 3; x", "invalid");
    }
}
