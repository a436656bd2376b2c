//! Leaves in their store the variables that a cell does not name.
//!
//! evcxr takes every variable out of its store at the beginning of a cell and puts it back at the end, which is compiled
//! in each cell, a function a type. What a cell does not name can stay where it is: it costs nothing then, however many
//! variables there are, and a panic does not lose it.

/// The program without the lines that move variables which nothing else in it names. Lines stay where they are.
pub fn leave(program: &str) -> String {
    let lines: Vec<Line> = program.split_inclusive('\n').map(Line::of).collect();
    let others: String = lines.iter().filter(|line| line.variable.is_none()).map(|line| line.text).collect();
    let mut kept = String::with_capacity(program.len());
    for line in &lines {
        match line.variable {
            Some(variable) if !names(&others, variable) => kept.push('\n'),
            _ => kept.push_str(line.text),
        }
    }
    kept
}

struct Line<'a> {
    text: &'a str,
    /// The variable that the line moves, and nothing else.
    variable: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(text: &'a str) -> Line<'a> {
        let line = text.trim_end();
        let moves = (line.starts_with("let ") && line.contains(" = evcxr_variable_store.take_variable::<"))
            || line.starts_with("vars_ok &= evcxr_variable_store.check_variable::<")
            || line.starts_with("evcxr_variable_store.put_variable::<");
        let variable = line.rfind("(stringify!(").filter(|_| moves).and_then(|at| {
            let rest = &line[at + "(stringify!(".len()..];
            rest.find(')').map(|end| &rest[..end])
        });
        Line { text, variable }
    }
}

/// Whether the text names the variable anywhere, be it in a string (`"{x}"`) or a comment.
fn names(text: &str, variable: &str) -> bool {
    let bare = variable.trim_start_matches("r#");
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(bare).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(word) && !text[at + bare.len()..].chars().next().is_some_and(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "fn run() {\n{let mut vars_ok = true;\n\
        vars_ok &= evcxr_variable_store.check_variable::<Vec<i32>>(stringify!(v));\n\
        vars_ok &= evcxr_variable_store.check_variable::<String>(stringify!(text));\n\
        if !vars_ok {return evcxr_variable_store;}}\n\
        let mut v = evcxr_variable_store.take_variable::<Vec<i32>>(stringify!(v));\n\
        let text = evcxr_variable_store.take_variable::<String>(stringify!(text));\n\
        BODY\n\
        evcxr_variable_store.put_variable::<Vec<i32>>(stringify!(v), v);\n\
        evcxr_variable_store.put_variable::<String>(stringify!(text), text);\nevcxr_variable_store\n}\n";

    fn left(body: &str) -> Vec<&'static str> {
        let program = PROGRAM.replace("BODY", body);
        let kept = leave(&program);
        assert_eq!(kept.lines().count(), program.lines().count());
        let moved = |name: &str| kept.contains(&format!("stringify!({name})"));
        ["v", "text"].into_iter().filter(|name| !moved(name)).collect()
    }

    #[test]
    fn what_nothing_names_stays_in_the_store() {
        assert_eq!(left("1 + 1;"), ["v", "text"]);
        assert_eq!(left("v.push(1);"), ["text"]);
        assert_eq!(left("println!(\"{text} {}\", v.len());"), Vec::<&str>::new());
    }

    #[test]
    fn names_are_whole_words() {
        assert_eq!(left("let vv = my_v.v2 + context;"), ["v", "text"]);
        assert_eq!(left("let x = a.v;"), ["text"]);
        assert_eq!(left("f(\"{v:?}\"); // text"), Vec::<&str>::new());
    }
}
