//! Errors on a notebook's ground.
//!
//! JupyterLab shows errors on light red, or on dark red in its dark theme, and its colours are the same in both themes:
//! none of them can be read on both grounds. What can is the text's own colour, bold where it matters. Carets and
//! dashes are told apart by their shape.

/// The lines with every colour taken out and what is bold left in.
pub fn for_notebooks(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| without_colours(line)).collect()
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        let (codes, rest) = part.split_at(end);
        if !rest.starts_with('m') {
            text.push_str("\u{1b}[");
            text.push_str(part);
            continue;
        }
        let is_colour =
            |code: &&str| code.parse().is_ok_and(|code: u8| (30..=37).contains(&code) || (90..=97).contains(&code));
        // Colours by number are the user's own business.
        let by_number = codes.split(';').any(|code| code == "38" || code == "48");
        let left: Vec<&str> = codes.split(';').filter(|code| by_number || !is_colour(code)).collect();
        if !left.is_empty() {
            text.push_str(&format!("\u{1b}[{}m", left.join(";")));
        }
        text.push_str(&rest[1..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How bright a colour is, as the guidelines for contrast count it.
    fn brightness(colour: [f64; 3]) -> f64 {
        let part = |value: f64| {
            let value = value / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(colour[0]) + 0.7152 * part(colour[1]) + 0.0722 * part(colour[2])
    }

    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let (a, b) = (brightness(a), brightness(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn over(colour: [f64; 3], opacity: f64, ground: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|part| colour[part] * opacity + ground[part] * (1.0 - opacity))
    }

    /// JupyterLab's grounds of errors in its light and dark themes, and the colours of text there.
    fn grounds() -> [([f64; 3], [f64; 3]); 2] {
        let light = [255.0, 221.0, 221.0];
        let dark = over([244.0, 67.0, 54.0], 0.28, [33.0, 33.0, 33.0]);
        [(light, over([0.0; 3], 0.87, light)), (dark, [255.0; 3])]
    }

    #[test]
    fn the_texts_own_colour_can_be_read_on_both_grounds() {
        for (ground, text) in grounds() {
            assert!(contrast(ground, text) >= 4.5);
        }
    }

    #[test]
    fn no_colour_of_jupyterlabs_can_be_read_on_both_grounds() {
        let colours: [u32; 16] = [
            0x3e424d, 0xe75c58, 0x00a250, 0xddb62b, 0x208ffb, 0xd160c4, 0x60c6c8, 0xc5c1b4, 0x282c36, 0xb22b31,
            0x007427, 0xb27d12, 0x0065ca, 0xa03196, 0x258f8f, 0xa1a6b2,
        ];
        for colour in colours {
            let parts = [16, 8, 0].map(|shift| f64::from(colour >> shift & 0xff));
            assert!(grounds().iter().any(|(ground, _)| contrast(*ground, parts) < 4.5), "{colour:06x}");
        }
    }

    #[test]
    fn colours_go_and_what_is_bold_stays() {
        let lines =
            ["\u{1b}[1;31merror\u{1b}[0m\u{1b}[1m: x\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m \u{1b}[38;5;9mown\u{1b}[2K"];
        let shown = for_notebooks(&lines.map(str::to_owned));
        assert_eq!(shown[0], "\u{1b}[1merror\u{1b}[0m\u{1b}[1m: x\u{1b}[0m");
        assert_eq!(shown[1], "red\u{1b}[0m \u{1b}[38;5;9mown\u{1b}[2K");
    }
}
