//! Terminal colours as HTML: text with SGR escapes to spans that follow the page's light or dark palette.

use super::escape;
use crate::document::terminal::last_escape_length;
use std::fmt::Write;

#[derive(Clone, Debug, Default, PartialEq)]
struct Style {
    bold: bool,
    dim: bool,
    italic: bool,
    under: bool,
    inverse: bool,
    fore: Option<String>,
    back: Option<String>,
}

/// The text as HTML; escapes that are no colours are left out.
pub fn to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let mut style = Style::default();
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.find('\u{1b}').unwrap_or(rest.len());
        style.write(&rest[..plain], &mut html);
        rest = &rest[plain..];
        if rest.is_empty() {
            break;
        }
        let length = last_escape_length(rest);
        if let Some(codes) = rest[..length].strip_prefix("\u{1b}[").and_then(|codes| codes.strip_suffix('m')) {
            style.apply(codes);
        }
        rest = &rest[length..];
    }
    html
}

impl Style {
    /// Applies the parameters of one "select graphic rendition" (ECMA-48, 8.3.117).
    fn apply(&mut self, codes: &str) {
        let mut codes = codes.split([';', ':']).map(|code| code.parse::<u16>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Style::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.under = true,
                7 => self.inverse = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.under = false,
                27 => self.inverse = false,
                30..=37 => self.fore = Some(palette(code - 30)),
                38 => self.fore = colour(&mut codes),
                39 => self.fore = None,
                40..=47 => self.back = Some(palette(code - 40)),
                48 => self.back = colour(&mut codes),
                49 => self.back = None,
                90..=97 => self.fore = Some(palette(code - 90 + 8)),
                100..=107 => self.back = Some(palette(code - 100 + 8)),
                _ => {}
            }
        }
    }

    fn write(&self, text: &str, html: &mut String) {
        if text.is_empty() {
            return;
        }
        if *self == Style::default() {
            html.push_str(&escape(text));
            return;
        }
        let flags = [(self.bold, "bold"), (self.dim, "dim"), (self.italic, "italic"), (self.under, "under")];
        let classes: Vec<&str> = flags.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
        let (mut fore, mut back) = (self.fore.clone(), self.back.clone());
        if self.inverse {
            (fore, back) =
                (back.or_else(|| Some("var(--ground)".to_owned())), fore.or_else(|| Some("var(--text)".to_owned())));
        }
        html.push_str("<span");
        if !classes.is_empty() {
            let _ = write!(html, " class=\"{}\"", classes.join(" "));
        }
        let parts = [("color", fore), ("background", back)];
        let css: Vec<String> =
            parts.into_iter().filter_map(|(name, value)| Some(format!("{name}:{}", value?))).collect();
        if !css.is_empty() {
            let _ = write!(html, " style=\"{}\"", css.join(";"));
        }
        let _ = write!(html, ">{}</span>", escape(text));
    }
}

fn palette(index: u16) -> String {
    format!("var(--c{index})")
}

/// `5;n` (256 colours) or `2;r;g;b`.
fn colour(codes: &mut impl Iterator<Item = u16>) -> Option<String> {
    match codes.next()? {
        5 => Some(match codes.next()? {
            index @ 0..=15 => palette(index),
            cube @ 16..=231 => {
                // xterm's 6×6×6 cube: 0, 95, 135, 175, 215, 255.
                let level = |digit: u16| if digit == 0 { 0 } else { 55 + 40 * digit };
                let cube = cube - 16;
                format!("rgb({},{},{})", level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            grey => {
                let level = 8 + 10 * (grey.min(255) - 232);
                format!("rgb({level},{level},{level})")
            }
        }),
        2 => Some(format!("rgb({},{},{})", codes.next()?.min(255), codes.next()?.min(255), codes.next()?.min(255))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Colours of the 256-colour cube: `xterm`'s 256colres.h.
    #[test]
    fn colours_become_spans() {
        for (text, html) in [
            ("plain <b> & \"q\"", "plain &lt;b&gt; &amp; &quot;q&quot;"),
            ("\u{1b}[31mred\u{1b}[0m!", "<span style=\"color:var(--c1)\">red</span>!"),
            ("\u{1b}[1;92mok", "<span class=\"bold\" style=\"color:var(--c10)\">ok</span>"),
            ("\u{1b}[38;5;196mx\u{1b}[39my", "<span style=\"color:rgb(255,0,0)\">x</span>y"),
            ("\u{1b}[38;5;244mx", "<span style=\"color:rgb(128,128,128)\">x</span>"),
            ("\u{1b}[48;2;1;2;3mx", "<span style=\"background:rgb(1,2,3)\">x</span>"),
            ("\u{1b}[7mx\u{1b}[27m", "<span style=\"color:var(--ground);background:var(--text)\">x</span>"),
            ("\u{1b}[mx\u{1b}[2Ky", "xy"),
            ("cut\u{1b}[3", "cut"),
            ("\u{1b}]0;no end", "0;no end"),
            ("\u{1b}[31\nkept", "\nkept"),
        ] {
            assert_eq!(to_html(text), html, "{text:?}");
        }
    }
}
