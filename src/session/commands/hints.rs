//! What hands used to Python type, and how Rust says it: a line below the compiler's own words.

use crate::session::{CellError, Why};

/// Adds to the error of a cell that did not compile what Rust has for the Python in it.
pub fn with_hints(code: &str, mut error: CellError) -> CellError {
    if error.why == Why::Compile {
        let hints = hints(code);
        error.traceback.extend(hints.into_iter().map(|hint| format!("\u{1b}[1mhelp\u{1b}[0m: {hint}")));
    }
    error
}

/// Python's packages for what the prelude has.
const PRELOADED: [&str; 12] = [
    "torch",
    "torchvision",
    "tensorflow",
    "keras",
    "fastai",
    "ultralytics",
    "timm",
    "numpy",
    "matplotlib",
    "seaborn",
    "PIL",
    "transformers",
];

/// Programs whose bare names people type at a prompt.
const PROGRAMS: [&str; 16] = [
    "ls", "ll", "cat", "cp", "mv", "mkdir", "rm", "git", "cargo", "python", "python3", "echo", "grep", "which", "wget",
    "curl",
];

fn hints(code: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in code.lines().map(str::trim) {
        for hint in of_line(line) {
            if !found.contains(&hint) {
                found.push(hint);
            }
        }
    }
    found.truncate(3);
    found
}

fn of_line(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let line = line.split("//").next().unwrap_or(line).trim_end();
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let mut say = |hint: String| found.push(hint);
    match first {
        "import" | "from" if is_name_start(rest) && (first == "import" || rest.contains(" import")) => {
            let name = rest.split([' ', '.', ',']).next().unwrap_or(rest);
            say(if PRELOADED.contains(&name) {
                "tensors, layers, pictures, plots and `Learner` are there without an import; `:help` lists them"
                    .to_owned()
            } else {
                format!("`use {name}::…;` brings names into scope, and `:dep {name}` on a line before adds a crate")
            });
        }
        "def" => say("a function is `fn name(x: f64) -> f64 { … }`".to_owned()),
        "elif" => say("`elif` is `else if` in Rust, and blocks stand in braces".to_owned()),
        "pip" | "conda" => say("`:dep NAME = \"VERSION\"` adds a crate".to_owned()),
        "cd" | "pwd" | "who" | "whos" => say(format!("`%{line}` asks the session")),
        _ if PROGRAMS.contains(&first) && !rest.starts_with(['=', '.', '(']) => {
            say(format!("`!{line}` is a line for the shell"));
        }
        _ => {}
    }
    if line.starts_with('#') && !line.starts_with("#[") && !line.starts_with("#!") {
        say("a comment begins with `//`".to_owned());
    }
    if line.ends_with(':') && ["if", "for", "while", "else:", "else", "class"].contains(&first) {
        say("blocks stand in braces: `for x in &v { … }`, `if a { … } else { … }`".to_owned());
    }
    if let Some(arguments) = call(line, "print") {
        say(format!("`{}` prints a line", printed(arguments)));
    } else if let Some(text) = f_string(line) {
        say(format!("`format!({text})` is the text with its values"));
    }
    if let Some(argument) = call(line, "len").filter(|argument| !argument.is_empty()) {
        say(format!("`{argument}.len()` is how many there are"));
    }
    if call(line, "range").is_some() {
        say("`0..n` are the numbers from 0 to below n".to_owned());
    }
    for (word, rust) in [("True", "true"), ("False", "false"), ("and", "&&"), ("or", "||"), ("not", "!")] {
        if has_word(line, word) {
            say(format!("`{word}` is `{rust}` in Rust"));
        }
    }
    found
}

/// How Rust prints what Python's `print` is given.
fn printed(arguments: &str) -> String {
    let arguments: Vec<&str> = split(arguments).into_iter().filter(|argument| !is_keyword(argument)).collect();
    let is_text = |argument: &str| argument.len() > 1 && argument.starts_with('"') && argument.ends_with('"');
    if let [format, _, ..] = arguments[..]
        && is_text(format)
        && format.contains('{')
    {
        return format!("println!({});", arguments.join(", "));
    }
    let mut values = String::new();
    let parts = arguments.iter().map(|argument| match argument.strip_prefix('f').filter(|text| is_text(text)) {
        Some(text) => text[1..text.len() - 1].to_owned(),
        None if is_text(argument) => argument[1..argument.len() - 1].to_owned(),
        None if argument.chars().all(|c| c.is_alphanumeric() || c == '_') && is_name_start(argument) => {
            format!("{{{argument}:?}}")
        }
        None => {
            values.push_str(", ");
            values.push_str(argument);
            "{:?}".to_owned()
        }
    });
    match parts.collect::<Vec<_>>().join(" ") {
        nothing if nothing.is_empty() => "println!();".to_owned(),
        text => format!("println!(\"{text}\"{values});"),
    }
}

/// Whether an argument is given by its name: `end=""`.
fn is_keyword(argument: &str) -> bool {
    let name = argument.split_once('=').filter(|(_, value)| !value.starts_with('=')).map(|(name, _)| name.trim());
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

/// The arguments of a call, divided at the commas that stand in no brackets and no text.
fn split(arguments: &str) -> Vec<&str> {
    let (mut depth, mut in_text, mut from) = (0, false, 0);
    let mut parts = Vec::new();
    for (at, c) in arguments.char_indices() {
        match c {
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                parts.push(arguments[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The text of the first f-string in the line, with its quotes.
fn f_string(line: &str) -> Option<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let at = line
        .match_indices("f\"")
        .map(|(at, _)| at)
        .find(|at| !line[..*at].ends_with(is_word) && line[..*at].matches('"').count().is_multiple_of(2))?;
    let text = &line[at + 1..];
    let end = text[1..].find('"')?;
    Some(&text[..end + 2])
}

fn is_name_start(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The arguments of a call of this function in the line.
fn call<'a>(line: &'a str, function: &str) -> Option<&'a str> {
    let head = format!("{function}(");
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '!' | ':');
    let at = line.match_indices(&head).map(|(at, _)| at).find(|at| !line[..*at].ends_with(is_word))?;
    let arguments = &line[at + head.len()..];
    let mut depth = 1;
    let end = arguments.find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    Some(arguments[..end].trim())
}

/// Whether the word stands in the line outside of strings.
fn has_word(line: &str, word: &str) -> bool {
    let mut outside = line.split('"').step_by(2);
    outside.any(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_is_told_in_rust() {
        for (code, hint) in [
            ("print(x)", "`println!(\"{x:?}\");`"),
            ("print(\"hello\")", "`println!(\"hello\");`"),
            ("print()", "`println!();`"),
            ("print(v.iter().sum())", "`println!(\"{:?}\", v.iter().sum());`"),
            ("print(\"{}\", 3)", "`println!(\"{}\", 3);`"),
            ("print(\"n is\", n, end=\"\")", "`println!(\"n is {n:?}\");`"),
            ("print(\"a, b\", f(1, 2))", "`println!(\"a, b {:?}\", f(1, 2));`"),
            ("print(f\"{n} of {m}\")", "`println!(\"{n} of {m}\");`"),
            ("let s = f\"{n}\";", "`format!(\"{n}\")`"),
            ("import numpy as np", "`Learner` are there"),
            ("import torch.nn as nn", "`:help` lists them"),
            ("import requests", "`:dep requests`"),
            ("from sklearn.model_selection import train", "`use sklearn::…;`"),
            ("def f(x):\n    return x", "`fn name("),
            ("for i in range(3):\n    pass", "`0..n`"),
            ("if a and not b:", "`&&`"),
            ("# a comment", "begins with `//`"),
            ("len(v)", "`v.len()`"),
            ("let a = True;", "`true`"),
            ("ls -l", "`!ls -l`"),
            ("pip install numpy", "`:dep NAME"),
            ("cd ..", "`%cd ..`"),
        ] {
            let found = hints(code);
            assert!(found.iter().any(|found| found.contains(hint)), "{code}: {found:?}");
        }
    }

    #[test]
    fn rust_gets_no_hints() {
        for code in [
            "println!(\"True and not False\"); // or print(x)",
            "let x: i32 = \"a\";",
            "self.print(x)",
            "#[derive(Debug)]\nstruct A;",
            "from(1)",
            "v.len()",
            "let ls = 1;",
            "ls.push(2)",
        ] {
            assert!(hints(code).is_empty(), "{code}: {:?}", hints(code));
        }
    }

    #[test]
    fn other_errors_are_left_alone() {
        let error = CellError { why: Why::Panic, name: "Panic".into(), value: "x".into(), traceback: Vec::new() };
        assert!(with_hints("print(x)", error.clone()).traceback.is_empty());
        assert_eq!(with_hints("print(x)", CellError { why: Why::Compile, ..error }).traceback.len(), 1);
    }
}
