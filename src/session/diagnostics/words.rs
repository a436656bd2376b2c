//! The compiler's words without the names of what stands around a cell.

/// Names that are no user's; text that still holds one when all is replaced is left out.
const OURS: [&str; 8] = [
    "evcxr",
    "Evcxr",
    "cell_value",
    "CANDLEWICK_BLOCK",
    "run_user_code",
    "candlewick_prelude::cell",
    "EVCXR",
    "vars_ok",
];

/// The text as the user may see it.
pub fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for (ours, theirs) in [
        ("`evcxr_variable_store`", "the end of the cell"),
        ("::candlewick_prelude::cell::", ""),
        ("candlewick_prelude::cell::", ""),
        ("ctx::", ""),
        ("std::result::Result<(), EvcxrUserCodeError>", "Result"),
        ("Result<(), EvcxrUserCodeError>", "Result"),
        ("`EvcxrUserCodeError`", "an error that can be shown"),
        ("EvcxrUserCodeError", "an error that can be shown"),
        // a session has no Cargo.toml of the user's
        ("use `cargo add ", "add it above the code: `:dep "),
        ("` to add it to your `Cargo.toml`", " = \"*\"`"),
    ] {
        text = text.replace(ours, theirs);
    }
    without_blocks(&without_wrapper(&without_wrapper(&text, "Kept<"), "KeptLocal<"))
}

/// `candlewick_prelude::data::box_files::<impl Boxes>::drop`, where a method stands in the prelude's files, is `Boxes::drop`.
fn without_blocks(text: &str) -> String {
    const BLOCK: &str = "::<impl ";
    let mut text = text.to_owned();
    while let Some(at) = text.find(BLOCK) {
        let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let start = text[..at]
            .rfind(|c: char| !is_path(c))
            .map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
        let Some(end) = text[at..].find(">::").map(|end| at + end) else { break };
        let kept = text[at + BLOCK.len()..end].rsplit("::").next().unwrap_or_default().to_owned();
        text.replace_range(start..end + 1, &kept);
    }
    text
}

/// `Kept<X>` is an `X` to the user.
fn without_wrapper(text: &str, wrapper: &str) -> String {
    let mut text = text.to_owned();
    while let Some(at) = text.find(wrapper) {
        let mut depth = 0;
        let inner = at + wrapper.len();
        let closing = text[inner..].char_indices().find(|(_, c)| {
            depth += i32::from(*c == '<') - i32::from(*c == '>');
            depth < 0
        });
        match closing {
            Some((end, _)) => {
                let kept = text[inner..inner + end].to_owned();
                text.replace_range(at..=inner + end, &kept);
            }
            None => text.replace_range(at..inner, ""),
        }
    }
    text
}

/// The names in their marks: "`a`, `b` and `c`".
pub fn list(names: &[String]) -> Option<String> {
    let (last, first) = names.split_last()?;
    let first: Vec<String> = first.iter().map(|name| format!("`{name}`")).collect();
    Some(match first.as_slice() {
        [] => format!("`{last}`"),
        first => format!("{} and `{last}`", first.join(", ")),
    })
}

/// Whether the text names what is none of the user's business.
pub fn is_ours(text: &str) -> bool {
    OURS.iter().any(|name| text.contains(name))
}

/// A label without what the title says already.
pub fn label(text: &str, title: &str) -> String {
    // What is private is no offer.
    let text = plain(text).replace("private field, not a method", "there is no such method");
    if text.strip_prefix("error: ") == Some(title) || is_ours(&text) { String::new() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_crate_is_added_as_cells_do() {
        let theirs = "if you wanted to use a crate named `serde_json`, use `cargo add serde_json` to add it to your `Cargo.toml`";
        let ours = "if you wanted to use a crate named `serde_json`, add it above the code: `:dep serde_json = \"*\"`";
        assert_eq!(plain(theirs), ours);
    }

    #[test]
    fn names_of_the_surroundings_are_not_shown() {
        assert_eq!(plain("expected `;`, found `evcxr_variable_store`"), "expected `;`, found the end of the cell");
        assert_eq!(
            plain("expected `ctx::Foo`, found `Kept<Mutex<Vec<i32>>>`"),
            "expected `Foo`, found `Mutex<Vec<i32>>`"
        );
        assert_eq!(plain("use `.ok_or(...)?` for `Result<(), EvcxrUserCodeError>`"), "use `.ok_or(...)?` for `Result`");
        assert!(is_ours("required by `cell_value`") && !is_ours("a cell's value"));
    }

    #[test]
    fn methods_are_their_types() {
        let theirs = "`candlewick_prelude::data::box_files::<impl Boxes>::drop` and candlewick_prelude::data::a::<impl candlewick_prelude::data::Boxes>::only";
        assert_eq!(plain(theirs), "`Boxes::drop` and Boxes::only");
        assert_eq!(plain("a::<impl Fn(i32)"), "a::<impl Fn(i32)");
    }

    #[test]
    fn names_are_listed() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let lists = [0, 1, 2, 3].map(|count| list(&names[..count]));
        assert_eq!(
            lists,
            [None, Some("`a`"), Some("`a` and `b`"), Some("`a`, `b` and `c`")].map(|it| it.map(str::to_owned))
        );
    }

    #[test]
    fn labels_say_nothing_twice() {
        assert_eq!(label("error: expected `;`, found x", "expected `;`, found x"), "");
        assert_eq!(label("not found in this scope", "cannot find value `x`"), "not found in this scope");
        assert_eq!(label("private field, not a method", "x"), "there is no such method");
        assert_eq!(label("in `run_user_code_3`", "x"), "");
    }
}
