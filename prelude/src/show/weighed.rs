//! A text whose words weigh something, in colour.

use super::{Bundle, escape};

/// From this share of the heaviest word on, a word's weight is written beside it where there is no colour.
const TOLD: f64 = 0.2;
/// What speaks for something, and what against it: orange and blue of Okabe and Ito's palette, told apart by colour-blind people.
const FOR: &str = "230,159,0";
const AGAINST: &str = "0,114,178";

/// A text of words, each with a weight from -1 to 1, and what stands between them; a line of note below. Weights above 0 are orange, below 0 blue and
/// underlined.
pub fn weighed_text(words: &[(&str, f64)], gaps: &[String], note: &str) -> Bundle {
    let (mut html, mut text) = (String::from("<div style=\"line-height:1.9;max-width:60em\">"), String::new());
    for (at, (word, weight)) in words.iter().enumerate() {
        let gap = gaps.get(at).map_or("", String::as_str);
        html += &escape(gap);
        text += gap;
        let colour = if *weight < 0.0 { AGAINST } else { FOR };
        let line = if *weight < -TOLD { ";border-bottom:2px solid rgb(0,114,178)" } else { "" };
        let strength = weight.abs().min(1.0) * 0.75;
        html += &format!(
            "<span title=\"{weight:+.2}\" style=\"background:rgba({colour},{strength:.2}){line};border-radius:3px;padding:1px 2px\">{}</span>",
            escape(word)
        );
        text += word;
        if weight.abs() >= TOLD {
            text += &format!("[{weight:+.2}]");
        }
    }
    let last = gaps.get(words.len()).map_or("", String::as_str);
    html += &format!("{}</div><div style=\"margin-top:4px\">{}</div>", escape(last), escape(note));
    text += &format!("{last}\n{note}");
    Bundle::new().text(text).html(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_weights() {
        let gaps = ["", " ", "", ""].map(str::to_owned);
        let bundle = weighed_text(&[("not", 1.0), ("<bad>", -0.5), (".", 0.01)], &gaps, "pos 90 %");
        assert_eq!(bundle.as_text(), Some("not[+1.00] <bad>[-0.50].\npos 90 %"));
        let html = bundle.as_html().unwrap();
        assert!(html.contains("rgba(230,159,0,0.75)") && html.contains("rgba(0,114,178,0.38)"), "{html}");
        assert!(html.contains("&lt;bad&gt;") && !html.contains("<bad>"), "{html}");
    }
}
