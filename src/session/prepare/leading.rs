//! How a cell begins: the commands and comments that stand before its first line of Rust.

use super::super::edits::Edits;
use std::ops::Range;

/// The beginning of a cell.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leading {
    /// The commands (`:dep …`, `!ls`), in order, without what stands before them in their lines.
    pub commands: Vec<Range<usize>>,
    /// What stands before the last command and is none: comments and indentation.
    before_commands: Vec<Range<usize>>,
    /// Where the Rust begins.
    pub rust: usize,
}

impl Leading {
    /// Reads how a cell begins, as the user wrote it.
    pub fn of(code: &str) -> Leading {
        Leading::read(code, true)
    }

    /// Reads how a part of a cell begins from which lines for the shell are taken out: what begins with `!` negates.
    pub fn of_rust(code: &str) -> Leading {
        Leading::read(code, false)
    }

    fn read(code: &str, with_shell: bool) -> Leading {
        let mut leading = Leading::default();
        // What will be in the way if a command follows.
        let mut skipped = Vec::new();
        let mut at = 0;
        while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
            let line_end = at + rest.find('\n').unwrap_or(rest.len());
            let next_line = (line_end + 1).min(code.len());
            let begins = |text: &str| rest.starts_with(text);
            let end = if begins("//") {
                line_end
            } else if begins("/*") {
                match comment_length(rest) {
                    Some(length) => at + length,
                    None => break,
                }
            } else if rest.starts_with(char::is_whitespace) {
                at + rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
            } else if is_command(rest, with_shell) {
                leading.before_commands.append(&mut skipped);
                leading.commands.push(at..line_end);
                leading.rust = next_line;
                at = next_line;
                continue;
            } else {
                break;
            };
            skipped.push(at..end);
            at = end;
        }
        leading
    }

    /// The commands and the lines of Rust of `code`, trimmed, without the comments before them and without empty ones.
    pub fn lines(code: &str) -> Vec<&str> {
        let leading = Leading::of(code);
        let rest = &code[leading.rust..];
        let commands = leading.commands.iter().map(|range| code[range.clone()].trim());
        let only_comments = Leading::of(&format!("{rest}\n:")).commands.len() == 1;
        let rust = if only_comments { "" } else { rest };
        commands.chain(rust.lines().map(str::trim).filter(|line| !line.is_empty())).collect()
    }

    /// Lets evcxr see the commands, and take no Rust for one.
    pub fn edit(&self, code: &str, edits: &mut Edits) {
        for range in &self.before_commands {
            let lines = code[range.clone()].matches('\n').count();
            edits.replace(range.clone(), "\n".repeat(lines));
        }
        let first = first_word(code, self.rust);
        if code[first..].starts_with([':', '!']) {
            edits.insert(first, "/**/");
        }
    }

    /// The commands alone, all else made blank; every place stays.
    pub fn commands_only(&self, code: &str) -> String {
        let mut text: String = code.chars().map(blank).collect();
        for range in &self.commands {
            text.replace_range(range.clone(), &code[range.clone()]);
        }
        text
    }

    /// The code with the commands made blank; every place stays.
    pub fn rust_only(&self, code: &str) -> String {
        code[..self.rust].chars().map(blank).chain([code[self.rust..].to_owned()]).collect()
    }
}

/// As many bytes of space, or the end of the line.
fn blank(c: char) -> String {
    if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) }
}

/// Whether a line of evcxr's commands, or of the shell's where there are such, begins here.
fn is_command(rest: &str, with_shell: bool) -> bool {
    let mut characters = rest.chars();
    match (characters.next(), characters.next()) {
        (Some(':'), next) => next.is_none_or(|c| c != ':'),
        (Some('!'), next) => with_shell && next.is_none_or(|c| c != '='),
        _ => false,
    }
}

/// Where the first thing stands that is neither white space nor a comment.
fn first_word(code: &str, mut at: usize) -> usize {
    loop {
        let rest = &code[at..];
        at += if rest.starts_with(char::is_whitespace) {
            rest.len() - rest.trim_start().len()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = rest.starts_with("/*").then(|| comment_length(rest)).flatten() {
            length
        } else {
            return at;
        };
    }
}

/// Where evcxr begins to read Rust, after the commands: it leaves out empty lines and those that are comments.
pub fn evcxrs_rust(code: &str) -> usize {
    let mut at = Leading::of_rust(code).rust;
    for line in code[at..].split_inclusive('\n') {
        if !line.starts_with("//") && !line.trim().is_empty() {
            break;
        }
        at += line.len();
    }
    at
}

/// How long the comment is that begins here, if it ends.
fn comment_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_lines_for_the_shell_an_exclamation_mark_negates() {
        assert_eq!(Leading::of_rust("!done").rust, 0);
        let mut edits = Edits::default();
        Leading::of_rust("!done").edit("!done", &mut edits);
        assert_eq!(edits.apply("!done").text, "/**/!done");
        assert_eq!(evcxrs_rust("/**/!done"), 0);
        assert_eq!(Leading::of_rust(":dep a\n!b").rust, 7);
    }

    fn edited(code: &str) -> String {
        let mut edits = Edits::default();
        Leading::of(code).edit(code, &mut edits);
        edits.apply(code).text
    }

    #[test]
    fn comments_before_a_command_are_taken_away() {
        for (code, expected) in [
            ("/* note */ :dep rand", ":dep rand"),
            ("/* two\nlines */\n:vars", "\n\n:vars"),
            ("  // indented\n:vars", "\n:vars"),
            ("\t:vars", ":vars"),
            ("/* a /* b */ c */ /* d */:vars\nlet x = 1;", ":vars\nlet x = 1;"),
            ("// first\n!ls\n // second\n:dep a\n// third\nlet x = 1;", "\n!ls\n\n:dep a\n// third\nlet x = 1;"),
            ("/* only */\nlet x = 1;", "/* only */\nlet x = 1;"),
            ("/* never closed\n:vars", "/* never closed\n:vars"),
            ("let x = 1;\n// later\n:vars", "let x = 1;\n// later\n:vars"),
        ] {
            assert_eq!(edited(code), expected, "{code:?}");
        }
    }

    #[test]
    fn rust_that_looks_like_a_command_is_rust() {
        for (code, expected) in [
            ("::std::mem::drop(1);", "/**/::std::mem::drop(1);"),
            ("  ::std::mem::drop(1);", "  /**/::std::mem::drop(1);"),
            (":dep a\n::std::mem::drop(1);", ":dep a\n/**/::std::mem::drop(1);"),
            ("!= 4", "/**/!= 4"),
            ("// why\n::f()", "// why\n::f()"),
        ] {
            let expected = expected.replace("// why\n::f()", "// why\n/**/::f()");
            assert_eq!(edited(code), expected, "{code:?}");
        }
    }

    #[test]
    fn lines_are_seen_through_comments() {
        assert_eq!(Leading::lines("/* all */ :vars // no more"), [":vars // no more"]);
        assert_eq!(Leading::lines("// a\n  :vars\n/* b */\n"), [":vars"]);
        assert_eq!(Leading::lines("!ls\n\n! pwd"), ["!ls", "! pwd"]);
        assert_eq!(Leading::lines(":vars\nlet x = 1;"), [":vars", "let x = 1;"]);
        assert_eq!(Leading::lines("let s = \"\n:quit\n\";"), ["let s = \"", ":quit", "\";"]);
        assert!(Leading::lines("/* nothing */").is_empty());
    }

    #[test]
    fn the_rust_keeps_its_places() {
        let code = ":dep größe\n let x = 1;";
        let rust = Leading::of(code).rust_only(code);
        assert_eq!(rust.find("let"), code.find("let"));
        assert_eq!(rust.trim(), "let x = 1;");
    }
}
