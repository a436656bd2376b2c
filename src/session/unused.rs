//! Leaves in their store the variables that a cell does not name.
//!
//! evcxr takes every variable out of its store at the beginning of a cell and puts it back at the end, which is compiled
//! in each cell, a function a type. What a cell does not name can stay where it is: it costs nothing then, however many
//! variables there are, and a panic does not lose it. So can what the cell binds anew before it reads it: should the
//! cell fail, the older value is still there. Of small values that it reads first (`let x = x.relu()?`) a copy stays, and what it
//! only lends (`let x = f(&x)?`) is put back.

use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxNode};

pub const TAKES: &str = " = evcxr_variable_store.take_variable::<";
pub const PUTS: &str = "evcxr_variable_store.put_variable::<";
/// Around a line that would have taken a variable which the cell binds anew.
const LEFT: (&str, &str) = ("/* left: ", " */");
/// Types whose values cost nothing to copy.
const SMALL: [&str; 18] = [
    "Tensor",
    "bool",
    "char",
    "f32",
    "f64",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "isize",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "usize",
    "&'static str",
];

/// The program without the lines that move variables which nothing else in it names, or which it binds anew. Lines stay
/// where they are.
pub fn leave(program: &str) -> String {
    let lines: Vec<ProgramLine> = program.split_inclusive('\n').map(ProgramLine::of).collect();
    let others: String = lines.iter().filter(|line| line.variable.is_none()).map(|line| line.text).collect();
    let taken = lines.iter().filter(|line| line.text.starts_with("let ")).filter_map(|line| line.variable);
    let taken: Vec<&str> = taken.filter(|variable| names(&others, variable)).collect();
    let anew = bound_anew(program, &taken);
    let mut kept = String::with_capacity(program.len());
    let mut back = String::new();
    let last = lines.iter().rposition(|line| line.text.trim_end() == "evcxr_variable_store");
    for (at, line) in lines.iter().enumerate() {
        let Some(variable) = line.variable else {
            if Some(at) == last {
                kept.push_str(&back);
            }
            kept.push_str(line.text);
            continue;
        };
        match anew.iter().find(|anew| anew.name == variable) {
            _ if !names(&others, variable) => kept.push('\n'),
            Some(anew) if line.text.starts_with("let ") => kept.push_str(&left(line.text.trim_end(), anew, &mut back)),
            Some(anew) if anew.reads == Reads::Not && !line.text.starts_with(PUTS) => kept.push('\n'),
            _ => kept.push_str(line.text),
        }
    }
    kept
}

/// What becomes of the line that takes a variable which is bound anew; `back` is told what is to be put back at the end.
fn left(line: &str, anew: &Anew, back: &mut String) -> String {
    let (before, after) = LEFT;
    let Some(Taken { pattern, kind, name }) = Taken::of(line) else { return format!("{line}\n") };
    if anew.reads == Reads::Not {
        return format!("{before}{line}{after}\n");
    }
    if SMALL.contains(&kind) {
        return format!(
            "{before}{line}{after} let {pattern} = {{ let kept{TAKES}{kind}>(stringify!({name})); \
             {PUTS}{kind}>(stringify!({name}), ::std::clone::Clone::clone(&kept)); kept }};\n"
        );
    }
    if anew.reads == Reads::Lends {
        back.push_str(&format!("evcxr_variable_store.put_back::<{kind}>(stringify!({name}), {name}); "));
        return format!("{before}{line}{after} {line}\n");
    }
    format!("{line}\n")
}

/// A variable that the cell binds and stores though there is one of its name.
struct Anew {
    name: String,
    reads: Reads,
}

/// What becomes of the older one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// Nothing.
    Not,
    /// It is lent, and is there afterwards.
    Lends,
    /// It may be used up.
    Otherwise,
}

/// Those of the variables that the program stores anew.
fn bound_anew(program: &str, taken: &[&str]) -> Vec<Anew> {
    if taken.is_empty() {
        return Vec::new();
    }
    let tree = SourceFile::parse(program, Edition::Edition2024).syntax_node();
    let mut anew = Vec::new();
    for list in tree.descendants().filter_map(ast::StmtList::cast) {
        let statements: Vec<SyntaxNode> = list.statements().map(|statement| statement.syntax().clone()).collect();
        let texts: Vec<String> = statements.iter().map(|statement| statement.text().to_string()).collect();
        if !texts.iter().any(|text| text.starts_with(PUTS)) {
            continue;
        }
        for &name in taken {
            let of_it = format!("(stringify!({name})");
            let stores = |text: &String| text.starts_with(PUTS) && text.contains(&of_it);
            let takes = |text: &String| text.contains(TAKES) && text.contains(&of_it);
            if !texts.iter().any(stores) || texts.iter().any(takes) {
                continue;
            }
            let mut reads = Reads::Not;
            for (statement, text) in statements.iter().zip(&texts).filter(|(_, text)| names(text, name)) {
                let rest = without_pattern(statement, text, name);
                let read = rest.as_deref().unwrap_or(text);
                reads = match reads {
                    _ if !names(read, name) => reads,
                    Reads::Otherwise => reads,
                    _ if only_lends(read, name) => Reads::Lends,
                    _ => Reads::Otherwise,
                };
                if rest.is_some() {
                    break;
                }
            }
            anew.push(Anew { name: name.to_owned(), reads });
        }
    }
    anew
}

/// What stands around the pattern, if the statement is a `let` that binds the name.
fn without_pattern(statement: &SyntaxNode, text: &str, name: &str) -> Option<String> {
    let pattern = ast::LetStmt::cast(statement.clone()).and_then(|statement| statement.pat())?;
    let within = pattern.syntax().text_range() - statement.text_range().start();
    let bound = pattern.syntax().descendants().filter_map(ast::IdentPat::cast).filter_map(|own| own.name());
    let once = bound.filter(|own| own.text() == name).count() == 1;
    once.then(|| format!("{} {}", &text[..usize::from(within.start())], &text[usize::from(within.end())..]))
}

/// Whether the text does no more with the variable than to lend it: `&x`, `x[…]`.
fn only_lends(text: &str, name: &str) -> bool {
    if names(text, "move") {
        return false;
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name.trim_start_matches("r#")).all(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        if before.ends_with(word) || after.starts_with(word) {
            return true;
        }
        let lent = before.ends_with('&') || before.trim_end().ends_with("&mut");
        let alone = !after.trim_start().starts_with(['.', '(', '?']);
        !before.ends_with(['.', ':']) && (after.starts_with('[') || (lent && alone))
    })
}

/// Code that binds again what a program that failed has left in the store: those of its variables of which `lost` is
/// true.
pub fn restoring(program: &str, lost: impl Fn(&str) -> bool) -> String {
    let (before, after) = LEFT;
    let lines = program.lines().filter_map(|line| line.strip_prefix(before)?.split(after).next());
    let taken = lines.filter_map(Taken::of).filter(|taken| lost(taken.name));
    taken.map(|Taken { pattern, kind, name }| binding(pattern, kind, name)).collect()
}

/// Code that takes a variable out of the store; in braces, so that the line is not one of evcxr's own.
pub fn binding(pattern: &str, kind: &str, name: &str) -> String {
    format!("let {pattern}: {kind} = {{ let kept{TAKES}{kind}>(stringify!({name})); kept }};\n")
}

/// What evcxr's line says that takes a variable.
struct Taken<'a> {
    /// With its `mut`.
    pattern: &'a str,
    kind: &'a str,
    name: &'a str,
}

impl Taken<'_> {
    fn of(line: &str) -> Option<Taken<'_>> {
        let (pattern, rest) = line.strip_prefix("let ")?.split_once(TAKES)?;
        let (kind, end) = rest.rsplit_once(">(stringify!(")?;
        Some(Taken { pattern, kind, name: end.split(')').next()? })
    }
}

struct ProgramLine<'a> {
    text: &'a str,
    /// The variable that the line moves, and nothing else.
    variable: Option<&'a str>,
}

impl<'a> ProgramLine<'a> {
    fn of(text: &'a str) -> ProgramLine<'a> {
        let line = text.trim_end();
        let moves = (line.starts_with("let ") && line.contains(TAKES))
            || line.starts_with("vars_ok &= evcxr_variable_store.check_variable::<")
            || line.starts_with(PUTS);
        let variable = line.rfind("(stringify!(").filter(|_| moves).and_then(|at| {
            let rest = &line[at + "(stringify!(".len()..];
            rest.find(')').map(|end| &rest[..end])
        });
        ProgramLine { text, variable }
    }
}

/// Whether the text names the variable anywhere, be it in a string (`"{x}"`) or a comment.
pub fn names(text: &str, variable: &str) -> bool {
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

    /// As evcxr writes a cell that stores `v` anew.
    fn rebinding(kind: &str, body: &str) -> String {
        format!(
            "fn run() {{\n{{let mut vars_ok = true;\n\
             vars_ok &= evcxr_variable_store.check_variable::<{kind}>(stringify!(v));\n\
             if !vars_ok {{return evcxr_variable_store;}}}}\n\
             let mut v = evcxr_variable_store.take_variable::<{kind}>(stringify!(v));\n\
             let _ = (|| -> Result<(), E> {{\n{body}\n\
             evcxr_variable_store.put_variable::<String>(stringify!(v), v);\nOk(())}})();\nevcxr_variable_store\n}}\n"
        )
    }

    #[test]
    fn what_is_bound_anew_before_it_is_read_stays_in_the_store() {
        for body in [
            "let v = f()?;",
            "let w = 1; let mut v: String = f()?; v.push('a');",
            "let (a, v) = f()?;",
            "let [_, ref v @ ..] = f()?;",
        ] {
            let program = rebinding("Vec<i32>", body);
            let kept = leave(&program);
            assert_eq!(kept.lines().count(), program.lines().count());
            assert!(!kept.contains("check_variable::<"), "{kept}");
            assert!(!kept.lines().any(|line| line.starts_with("let mut v =")), "{kept}");
            assert!(kept.contains("put_variable::<String>(stringify!(v)"), "{kept}");
            assert_eq!(
                restoring(&kept, |name| name == "v"),
                "let mut v: Vec<i32> = { let kept = evcxr_variable_store.take_variable::<Vec<i32>>(stringify!(v)); kept };\n"
            );
            assert_eq!(restoring(&kept, |_| false), "");
        }
    }

    #[test]
    fn of_what_is_read_first_a_copy_stays_where_it_is_small() {
        for body in [
            "let v = f(v)?;",
            "let v = f(&v.into_iter())?;",
            "v.push(1); let v = f()?;",
            "let w = g(\"{v}\"); let v = f()?;",
            "{ let v = 1; } let v = v.len();",
            "let Some(v) = f() else { panic!(\"{v:?}\") };",
            "let v: [u8; v.len()] = f()?;",
        ] {
            let program = rebinding("Vec<i32>", body);
            assert_eq!(leave(&program), program, "{body}");
            let kept = leave(&rebinding("Tensor", body));
            assert!(kept.contains("*/ let mut v = { let kept = ev") && kept.contains("check_variable"), "{kept}");
            assert!(restoring(&kept, |_| true).starts_with("let mut v: Tensor = {"), "{kept}");
        }
    }

    #[test]
    fn what_is_lent_is_put_back() {
        for body in ["let v = v[10];", "let w = &v; let v = f(&v, &mut v)?;", "g(&v); let (v, _) = (v[0] + v[1], 1);"] {
            let program = rebinding("Vec<i32>", body);
            let kept = leave(&program);
            assert_eq!(kept.lines().count(), program.lines().count());
            assert!(kept.contains("*/ let mut v = evcxr_variable_store.take"), "{kept}");
            assert!(
                kept.contains("\nevcxr_variable_store.put_back::<Vec<i32>>(stringify!(v), v); evcxr_variable_store\n}"),
                "{kept}"
            );
            assert!(restoring(&kept, |_| true).starts_with("let mut v: Vec<i32> = {"), "{kept}");
        }
        for body in
            ["let v = v.len();", "let v = f(move || v[0])?;", "let v = f(&v, v)?;", "let w = a.v[0]; let v = 1;"]
        {
            let program = rebinding("Vec<i32>", body);
            assert_eq!(leave(&program), program, "{body}");
        }
    }

    #[test]
    fn what_the_cell_keeps_is_not_bound_anew() {
        let program = PROGRAM.replace("BODY", "v.push(1); text.len();");
        assert_eq!(leave(&program), program);
    }
}
