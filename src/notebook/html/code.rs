//! Code as HTML with classes, and the two style sheets, light and dark, that colour them.

use super::escape;
use std::sync::LazyLock;
use syntect::highlighting::ThemeSet;
use syntect::html::{ClassStyle, ClassedHTMLGenerator, css_for_theme_with_class_style};
use syntect::parsing::SyntaxSet;
use syntect::util::LinesWithEndings;

const STYLE: ClassStyle = ClassStyle::SpacedPrefixed { prefix: "s-" };

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// The code, escaped, its tokens in spans; as plain text where the language is unknown.
pub fn to_html(code: &str, language: &str) -> String {
    let Some(syntax) = SYNTAXES.find_syntax_by_token(language) else { return escape(code) };
    let mut generator = ClassedHTMLGenerator::new_with_class_style(syntax, &SYNTAXES, STYLE);
    // The parser's rules end at a line's end; a last line without one gets it, and loses it again.
    let ended = format!("{code}\n");
    for line in LinesWithEndings::from(&ended) {
        if generator.parse_html_for_line_which_includes_newline(line).is_err() {
            return escape(code);
        }
    }
    generator.finalize().trim_end_matches('\n').to_owned()
}

/// The style sheets for the tokens.
pub fn css() -> String {
    let themes = ThemeSet::load_defaults().themes;
    let sheet = |scheme: &str, theme: &str| {
        let css = themes.get(theme).and_then(|theme| css_for_theme_with_class_style(theme, STYLE).ok());
        format!("@media (prefers-color-scheme: {scheme}) {{\n{}}}\n", css.unwrap_or_default())
    };
    // Each in its own query: a rule that only one of them has must not show in the other.
    sheet("light", "InspiredGitHub") + &sheet("dark", "base16-ocean.dark")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_is_coloured_and_the_unknown_is_left_plain() {
        let html = to_html("let x = \"<a>\"; // why", "rust");
        assert!(html.contains("&lt;a&gt;") && html.contains("s-comment") && html.contains("s-storage"), "{html}");
        assert_eq!(to_html("1 < 2", "no such language"), "1 &lt; 2");
    }

    #[test]
    fn both_sheets_have_rules() {
        let css = css();
        assert!(css.matches(".s-comment").count() >= 2, "{css}");
    }
}
