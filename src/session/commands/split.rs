//! Takes a cell apart: Rust, lines for the shell, and magics as IPython has them.

use crate::session::Completeness;
use crate::session::completeness::of_rust;
use std::ops::Range;

/// A part of a cell, in the order in which it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Rust and evcxr's commands: these bytes of the cell.
    Rust(Range<usize>),
    /// A line that began with `!`, without it.
    Shell(&'a str),
    /// A line that began with `%`, without it, and where its second word begins in the cell.
    Magic {
        /// The magic's name.
        name: &'a str,
        /// What follows it.
        argument: &'a str,
        /// The byte at which the argument begins.
        at: usize,
    },
    /// A first line that began with `%%`, without it, and all that follows it.
    Whole {
        /// The magic's name.
        name: &'a str,
        /// What follows it on its line.
        argument: &'a str,
        /// The byte at which the next line begins.
        body: usize,
    },
}

/// The parts of a cell. `negates` tells of a word, and of whether it stands alone or with a method or an index, whether
/// `!word` is rather Rust's negation of a variable than a line for the shell.
pub fn split<'a>(code: &'a str, negates: &dyn Fn(&str, bool) -> bool) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let mut from = 0;
    let mut rust = false;
    let mut at = 0;
    for whole in code.split_inclusive('\n') {
        let start = at;
        at += whole.len();
        // Rust may well go on with an indented `!=`; a command after Rust stands at the line's beginning.
        let line = if rust { whole.trim_end() } else { whole.trim() };
        let Some(step) = command(line, whole, start, rust) else {
            rust |= !(line.is_empty() || line.starts_with("//") || is_evcxrs(line));
            continue;
        };
        let before = &code[from..start];
        if let Step::Shell(line) = step
            && is_negation(line, before, negates)
        {
            rust = true;
            continue;
        }
        if rust && of_rust(&without_commands(before)) != Completeness::Complete {
            continue;
        }
        if let Step::Whole { name, argument, .. } = step
            && steps.is_empty()
            && !rust
        {
            return vec![Step::Whole { name, argument, body: at }];
        }
        if has_code(before) {
            steps.push(Step::Rust(from..start));
        }
        steps.push(step);
        (from, rust) = (at, false);
    }
    if has_code(&code[from..]) {
        steps.push(Step::Rust(from..code.len()));
    }
    steps
}

/// Whether a line is one of evcxr's commands, if no Rust stands before it.
fn is_evcxrs(line: &str) -> bool {
    line.starts_with(':') && !line.starts_with("::")
}

/// Whether there is anything to run.
fn has_code(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with("//"))
}

/// The step that a line is, if it is no Rust. After Rust, a line counts as a magic if there is one of its name.
fn command<'a>(line: &'a str, whole: &str, start: usize, after_rust: bool) -> Option<Step<'a>> {
    let indent = if after_rust { 0 } else { whole.len() - whole.trim_start().len() };
    if let Some(rest) = line.strip_prefix('!') {
        return (!rest.starts_with('=')).then(|| Step::Shell(rest.trim_start_matches('!').trim()));
    }
    let rest = line.strip_prefix('%')?;
    let (whole_cell, rest) = rest.strip_prefix('%').map_or((false, rest), |rest| (true, rest));
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (name, tail) = rest.split_at(length);
    if !name.starts_with(char::is_alphabetic) || (after_rust && !super::magics::is_known(name)) {
        return None;
    }
    let argument = tail.trim();
    if whole_cell {
        return Some(Step::Whole { name, argument, body: 0 });
    }
    let at = start + indent + 1 + length + (tail.len() - tail.trim_start().len());
    Some(Step::Magic { name, argument, at })
}

/// Whether `!word …` negates a value that this cell or an earlier one has made, or what a call gives.
fn is_negation(line: &str, before: &str, negates: &dyn Fn(&str, bool) -> bool) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let end = line.find(|c| !is_word(c)).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    if word.is_empty() {
        // After Rust it is `!(a && b)`, otherwise a subshell.
        return line.starts_with('(') && has_code(before);
    }
    let is_call = rest.starts_with('(') || rest.starts_with("::");
    let goes_on = is_call || rest.starts_with(['.', '[']);
    let code = before.lines().filter(|line| !line.trim_start().starts_with("//"));
    let is_made = || code.flat_map(|line| line.split(|c| !is_word(c))).any(|made| made == word);
    rest.starts_with("!(") || (is_call && has_code(before)) || is_made() || negates(word, !goes_on)
}

/// Code whose leading lines are blank where they are evcxr's commands.
pub fn without_commands(code: &str) -> String {
    let mut rust = false;
    let blank = |line: &str| {
        let trimmed = line.trim();
        let command = !rust && is_evcxrs(trimmed);
        rust |= !(command || trimmed.is_empty() || trimmed.starts_with("//"));
        if command { "\n".to_owned() } else { format!("{line}\n") }
    };
    code.lines().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(code: &str) -> String {
        let show = |step: &Step<'_>| match step {
            Step::Rust(range) => format!("rust({})", code[range.clone()].trim().replace('\n', "/")),
            Step::Shell(line) => format!("shell({line})"),
            Step::Magic { name, argument, at } => {
                assert!(code[*at..].starts_with(argument), "{code:?}");
                format!("magic({name} {argument})")
            }
            Step::Whole { name, argument, body } => format!("whole({name} {argument}|{})", &code[*body..]),
        };
        split(code, &|word, _| word == "flag").iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_for_the_shell_stand_before_between_and_after_rust() {
        for (code, expected) in [
            ("!ls -l\n\n! pwd", "shell(ls -l) shell(pwd)"),
            ("  !ls", "shell(ls)"),
            ("!!date", "shell(date)"),
            ("!ls\nlet x = 1;", "shell(ls) rust(let x = 1;)"),
            ("let x = 1;\n!ls\nx", "rust(let x = 1;) shell(ls) rust(x)"),
            ("// first\n!ls\n// last", "shell(ls)"),
            (":dep rand\n!ls\nlet x = 1;", "rust(:dep rand) shell(ls) rust(let x = 1;)"),
            ("fn f() {\n    1;\n}\n!echo $HOME", "rust(fn f() {/    1;/}) shell(echo $HOME)"),
        ] {
            assert_eq!(parts(code), expected, "{code:?}");
        }
    }

    #[test]
    fn rust_stays_rust() {
        for code in [
            "let ok = 3\n    != 4;",
            "let ok = 3\n!= 4;",
            "let s = \"\n!ls\n%pwd\n\";",
            "/*\n!ls\n*/\n1",
            "let done = true;\n!done",
            "let done = vec![true];\n!done[0]",
            "!flag",
            "let x = 1;\n!matches!(x, 1)",
            "let x = vec![1];\n!(x.is_empty())",
            "let a = 7\n% 3;",
            "let a = 7; let b = 2;\na\n%b",
            "fn f() {\n!ls\n}",
            "let x\n: i32 = 1;",
        ] {
            assert_eq!(split(code, &|word, _| word == "flag"), [Step::Rust(0..code.len())], "{code:?}");
        }
    }

    #[test]
    fn magics_have_a_name_and_an_argument() {
        for (code, expected) in [
            ("%pwd", "magic(pwd )"),
            (" %cd  a b ", "magic(cd a b)"),
            ("%matplotlib inline\nlet x = 1;", "magic(matplotlib inline) rust(let x = 1;)"),
            ("let x = 1;\n%timeit x + 1", "rust(let x = 1;) magic(timeit x + 1)"),
            ("%nonsense", "magic(nonsense )"),
            ("%%time\nlet x = 1;\nx", "whole(time |let x = 1;\nx)"),
            ("// why\n%%bash -e\nls\n", "whole(bash -e|ls\n)"),
            ("", ""),
        ] {
            assert_eq!(parts(code), expected, "{code:?}");
        }
    }
}
