//! Where a cell's commands end and its Rust begins.

/// The byte at which the Rust of a cell begins: behind lines that are commands, for the shell, comments or blank.
pub fn rust_begins(code: &str) -> usize {
    let mut at = 0;
    let mut after_commands = 0;
    for line in code.split_inclusive('\n') {
        let text = line.trim();
        let is_command =
            (text.starts_with(':') && !text.starts_with("::")) || (text.starts_with('!') && !text.starts_with("!="));
        if !is_command && !text.is_empty() && !text.starts_with("//") {
            break;
        }
        at += line.len();
        if is_command {
            after_commands = at;
        }
    }
    after_commands
}

/// The cell with its commands made blank: every place stays where it was.
pub fn without_commands(code: &str) -> String {
    let begin = rust_begins(code);
    let blank = code[..begin].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    blank.collect::<String>() + &code[begin..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_first() {
        for (code, begin) in [
            (":dep rand = \"0.9\"\nlet x = 1;", 18),
            ("// a note\n:vars", 15),
            ("// a note\nlet x = 1;", 0),
            ("!ls\n\n:vars\n1", 11),
            ("::std::mem::drop(1);", 0),
            ("let a = 1;\n:vars", 0),
            ("", 0),
        ] {
            assert_eq!(rust_begins(code), begin, "{code}");
        }
    }

    #[test]
    fn places_stay() {
        assert_eq!(without_commands(":dep größe\nlet x"), "            \nlet x");
        assert_eq!(without_commands("x"), "x");
    }
}
