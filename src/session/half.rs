//! Cells that end where more has to come: in a dot, an operator, a `let` without a value.

use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxToken, T};
use std::ops::Range;

/// The last word of a cell that cannot be its end, and what is missing behind it.
pub(super) struct Half {
    /// The word.
    pub range: Range<usize>,
    /// What the cell ends in, as a sentence.
    pub message: String,
    /// What is missing.
    pub missing: &'static str,
}

/// Operators with something on both sides.
const BINARY: [SyntaxKind; 28] = [
    T![+],
    T![-],
    T![*],
    T![/],
    T![%],
    T![^],
    T![&],
    T![|],
    T![&&],
    T![||],
    T![=],
    T![==],
    T![!=],
    T![<],
    T![>],
    T![<=],
    T![>=],
    T![+=],
    T![-=],
    T![*=],
    T![/=],
    T![%=],
    T![^=],
    T![&=],
    T![|=],
    T![<<],
    T![>>],
    T![!],
];

/// How a cell that does not parse ends, where its end is what is wrong with it.
pub(super) fn half(rust: &str) -> Option<Half> {
    // A file's tokens are the same whatever the parser makes of them.
    let file = SourceFile::parse(rust, Edition::Edition2024).syntax_node();
    let mut words: Vec<SyntaxToken> = Vec::new();
    for token in file.descendants_with_tokens().filter_map(|element| element.into_token()) {
        if !token.kind().is_trivia() {
            words.push(token);
        }
    }
    let last = words.last()?;
    let before = words.len().checked_sub(2).and_then(|at| words.get(at));
    let range = usize::from(last.text_range().start())..usize::from(last.text_range().end());
    let ends = |what: String, missing| {
        Some(Half { range: range.clone(), message: format!("the cell ends in {what}"), missing })
    };
    let text = last.text();
    match last.kind() {
        // the beginning of a range
        T![.] if before.is_some_and(|token| token.kind() == T![.] && touches(token, last)) => None,
        T![.] => ends("a dot".to_owned(), "a method or a field is missing behind it"),
        T![::] => ends("`::`".to_owned(), "a name is missing behind it"),
        // two colons that the lexer does not join
        T![:] if before.is_some_and(|token| token.kind() == T![:] && touches(token, last)) => {
            let range = usize::from(before?.text_range().start())..range.end;
            Some(Half { range, message: "the cell ends in `::`".to_owned(), missing: "a name is missing behind it" })
        }
        T![:] => ends("a colon".to_owned(), "a type is missing behind it"),
        T![,] => ends("a comma".to_owned(), "more is missing behind it, or the comma is one too many"),
        T![=>] | T![->] => ends(format!("`{text}`"), "what it leads to is missing behind it"),
        T![=] if !before.is_some_and(|token| BINARY.contains(&token.kind()) && touches(token, last)) => {
            ends("`=`".to_owned(), "a value is missing behind it")
        }
        kind if BINARY.contains(&kind) => {
            // operators of two characters are two words
            let first = before.filter(|token| BINARY.contains(&token.kind()) && touches(token, last));
            let start = first.map_or(range.start, |token| usize::from(token.text_range().start()));
            let missing = "what it is applied to is missing behind it";
            Some(Half {
                range: start..range.end,
                message: format!("the cell ends in `{}`", &rust[start..range.end]),
                missing,
            })
        }
        T![let] => ends("`let`".to_owned(), "a name and a value are missing behind it"),
        T![as] => ends("`as`".to_owned(), "a type is missing behind it"),
        T![fn]
        | T![struct]
        | T![enum]
        | T![impl]
        | T![trait]
        | T![mod]
        | T![use]
        | T![const]
        | T![static]
        | T![mut]
        | T![type] => ends(format!("`{text}`"), "a name is missing behind it"),
        T![if] | T![while] | T![match] | T![for] | T![in] | T![else] | T![loop] | T![ref] | T![pub] | T![unsafe] => {
            ends(format!("`{text}`"), "what belongs to it is missing behind it")
        }
        // `let x` alone parses; behind it a block is missing
        _ => None,
    }
}

fn touches(one: &SyntaxToken, other: &SyntaxToken) -> bool {
    one.text_range().end() == other.text_range().start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_ends_in_is_said() {
        for (code, word, message) in [
            ("learner.card()?.", ".", "a dot"),
            ("foo. // why\n\n", ".", "a dot"),
            ("foo::", "::", "`::`"),
            ("a +", "+", "`+`"),
            ("a &&", "&&", "`&&`"),
            ("a ==", "==", "`==`"),
            ("x +=", "+=", "`+=`"),
            ("let x =", "=", "`=`"),
            ("let", "let", "`let`"),
            ("let x:", ":", "a colon"),
            ("x as", "as", "`as`"),
            ("f(1),", ",", "a comma"),
            ("if a { 1 } else", "else", "`else`"),
            ("fn", "fn", "`fn`"),
        ] {
            let half = half(code).unwrap_or_else(|| panic!("{code} is half a cell"));
            assert_eq!(
                (&code[half.range.clone()], half.message.as_str()),
                (word, format!("the cell ends in {message}").as_str())
            );
        }
        for code in ["", "foo()", "let x = 1;", "x?", "// a +", "\"a.\"", "1.."] {
            assert!(half(code).is_none(), "{code}");
        }
    }
}
