//! Writes the types of a cell's variables into it, so that evcxr finds them there.

use super::edits::Edits;
use super::lifetimes::for_ever;
use crate::analysis::{Bound, Known};

/// The type of what never comes, which has no name in stable Rust (`JoinHandle<!>`).
pub const NEVER: &str = "::candlewick_prelude::cell::Never";

/// Adds the types that are known: behind a pattern that is one variable, else by binding the variable once more.
pub fn add_types(bound: &[Bound], edits: &mut Edits) {
    for (at, variable) in bound.iter().enumerate() {
        let Known::Named(kind) = &variable.known else { continue };
        // What the cell binds anew may borrow from the cell: it does not leave it.
        let is_left = bound[at + 1..].iter().all(|later| later.name != variable.name);
        let kind = if is_left { for_ever(kind) } else { kind.clone() }.replace('!', NEVER);
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
            variable("n", 0, Some(0), named("JoinHandle<!>")),
            variable("t", 13, Some(5), named("Tensor")),
            variable("a", 31, None, named("i32")),
            variable("b", 31, None, named("Vec<&str>")),
        ];
        let mut edits = Edits::default();
        add_types(&bound[..1], &mut edits);
        assert_eq!(edits.apply("").text, ": JoinHandle<::candlewick_prelude::cell::Never>");
        bound.remove(0);
        bound[1].mutable = true;
        let mut edits = Edits::default();
        add_types(&bound, &mut edits);
        let text = "let t: Tensor = f()?; let (a, b) = g(); let mut a: i32 = a; let b: Vec<&'static str> = b;";
        assert_eq!(edits.apply(code).text, text);
        bound.push(variable("b", 37, Some(37), named("&str")));
        let mut edits = Edits::default();
        add_types(&bound[2..], &mut edits);
        let text = "let t = f()?; let (a, b) = g(); let b: Vec<&str> = b; let b: &'static str";
        assert_eq!(edits.apply("let t = f()?; let (a, b) = g(); let b").text, text);
    }
}
