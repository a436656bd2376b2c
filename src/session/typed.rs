//! Writes the types of a cell's variables into it, so that evcxr finds them there.

use super::edits::Edits;
use crate::analysis::{Bound, Known};

/// Adds the types that are known: behind a pattern that is one variable, else by binding the variable once more.
pub fn add_types(bound: &[Bound], edits: &mut Edits) {
    for variable in bound {
        let Known::Named(kind) = &variable.known else { continue };
        match variable.pattern_end {
            Some(end) => edits.insert(end, format!(": {kind}")),
            None => {
                let word = if variable.mutable { "mut " } else { "" };
                let name = &variable.name;
                edits.insert(variable.end, format!(" let {word}{name}: {kind} = {name};"));
            }
        }
    }
}

/// Why a variable cannot be kept for later cells, with what to write instead; `None` where all can.
pub fn cannot_be_kept(bound: &[Bound]) -> Option<String> {
    bound.iter().find_map(|variable| {
        let name = &variable.name;
        Some(match &variable.known {
            Known::Named(_) => return None,
            Known::Closure(signature) => closure(name, signature),
            Known::Unnameable(kind) => unnameable(name, kind),
            Known::Partly(kind) => format!(
                "the type of `{name}` is `{kind}`: this cell does not say what stands for `_`\n  \
                 → write it, such as `let {name}: {} = …;`, or use `{name}` in the same cell",
                kind.replacen('_', "f32", 1).replace('_', "…")
            ),
            Known::Nothing => {
                format!("the type of `{name}` could not be found out\n  → write it: `let {name}: … = …;`")
            }
        })
    })
}

fn closure(name: &str, signature: &str) -> String {
    format!(
        "`{name}` is a closure, whose type has no name, so that later cells could not find it\n  \
         → if it uses no variables, write `let {name}: fn{signature} = …;`, or a function: `fn {name}{signature} {{ … }}`\n  \
         → if it does, `let {name}: Box<dyn Fn{signature}> = Box::new(…);`\n  \
         → for this cell alone, put all in braces: `{{ let {name} = …; … }}`"
    )
}

fn unnameable(name: &str, kind: &str) -> String {
    let item = kind.find("Iterator<Item = ").map(|at| {
        let rest = &kind[at + "Iterator<Item = ".len()..];
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0
        });
        rest[..end.unwrap_or(rest.len())].trim()
    });
    let short: String = kind.chars().take(120).collect();
    let iterator = item.is_some() || ["iter::", "Iter<", "Map<", "Filter<"].iter().any(|part| kind.contains(part));
    match (iterator, kind.contains("Future")) {
        (true, _) => format!(
            "`{name}` is an iterator whose type has no name (`{short}`), so that later cells could not find it\n  \
             → collect it: `let {name}: Vec<_> = ….collect();`\n  \
             → or box it: `let {name}: Box<dyn Iterator<Item = {}>> = Box::new(…);`\n  \
             → for this cell alone, put all in braces: `{{ let {name} = …; … }}`",
            item.unwrap_or("…")
        ),
        (_, true) => format!(
            "`{name}` is a future whose type has no name (`{short}`), so that later cells could not find it\n  \
             → await it: `let {name} = ….await;`\n  \
             → for this cell alone, put all in braces: `{{ let {name} = …; … }}`"
        ),
        _ => format!(
            "the type of `{name}`, `{short}`, has no name that can be written here, so that later cells could not find it\n  \
             → put it behind a trait: `let {name}: Box<dyn TheTrait> = Box::new(…);`\n  \
             → for this cell alone, put all in braces: `{{ let {name} = …; … }}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, end: usize, pattern_end: Option<usize>, known: Known) -> Bound {
        Bound { name: name.into(), mutable: false, end, pattern_end, known }
    }

    #[test]
    fn types_are_written_where_the_variable_is_bound() {
        let code = "let t = f()?; let (a, b) = g();";
        let named = |text: &str| Known::Named(text.into());
        let mut bound = vec![
            variable("t", 13, Some(5), named("Tensor")),
            variable("a", 31, None, named("i32")),
            variable("b", 31, None, named("Vec<u8>")),
        ];
        bound[1].mutable = true;
        let mut edits = Edits::default();
        add_types(&bound, &mut edits);
        let text = "let t: Tensor = f()?; let (a, b) = g(); let mut a: i32 = a; let b: Vec<u8> = b;";
        assert_eq!(edits.apply(code).text, text);
        assert_eq!(cannot_be_kept(&bound), None);
    }

    #[test]
    fn what_cannot_be_kept_is_told_with_what_to_write() {
        let said = |known: Known| cannot_be_kept(&[variable("v", 0, None, known)]).unwrap();
        assert!(said(Known::Partly("Vec<_>".into())).contains("`let v: Vec<f32> = …;`"));
        assert!(said(Known::Closure("(i32) -> i32".into())).contains("let v: fn(i32) -> i32"));
        assert!(said(Known::Unnameable("impl Iterator<Item = Vec<u8>>".into())).contains("Iterator<Item = Vec<u8>>>"));
        assert!(said(Known::Unnameable("std::iter::Map<X, impl FnMut(i32) -> i32>".into())).contains("collect it"));
        assert!(said(Known::Unnameable("impl Future<Output = i32>".into())).contains(".await"));
        assert!(said(Known::Unnameable("private::Thing".into())).contains("braces"));
        assert!(said(Known::Nothing).contains("let v: …"));
    }
}
