//! Texts with their tokens in colour.

use super::options::TextTable;
use super::tokens::Tokenized;
use crate::data::Part;
use crate::params::name_seed;
use crate::show::{Bundle, Show, columns, escape};
use crate::{Result, limits};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Grounds of words in turn, which a colour-blind person can tell apart (Okabe and Ito's blue and orange, pale), on light and on dark pages.
const GROUNDS: [&str; 2] = ["rgba(0,114,178,.25)", "rgba(230,159,0,.32)"];
/// The same in a terminal.
const GROUNDS_ANSI: [u8; 2] = [153, 223];

/// Texts with their tokens in colour, and what is true of each; a cell that ends with it shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct TextBatch {
    rows: Vec<ShownText>,
    /// Which tokens these are.
    note: String,
}

/// A text of them.
#[derive(Clone, Debug, PartialEq)]
struct ShownText {
    truth: String,
    tokens: Vec<ShownToken>,
    cut: usize,
}

/// A token as it is shown.
#[derive(Clone, Debug, PartialEq)]
struct ShownToken {
    text: String,
    kind: TokenKind,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum TokenKind {
    /// It stands for a beginning or an end.
    Special,
    /// It begins a word.
    Word,
    /// It goes on with one.
    Piece,
    /// No token is known for it.
    Unknown,
}

impl TextTable {
    /// Some training texts with their tokens in colour, and what is true of each: words in two colours in turn, the pieces of a word parted by a thin
    /// line, tokens that stand for a beginning or an end in grey, unknown words in a frame, and how much of a long text is cut off.
    ///
    /// # Errors
    /// When the count is none, an option makes no sense, or the columns are not found.
    pub fn show_batch(&self, count: usize) -> Result<TextBatch> {
        limits::allow(
            (1..=1000).contains(&count),
            "the count of `data.show_batch`",
            &count,
            "1 to 1000 texts",
            "six are usual: `data.show_batch(6)?`",
        )?;
        crate::data::Data::check(self)?;
        let examples = self.ready()?;
        let mut ids = self.ids(Part::Train);
        ids.shuffle(&mut ChaCha8Rng::seed_from_u64(name_seed(self.0.seed, "order of epoch 0")));
        ids.truncate(count);
        let tokens = self.tokens();
        let texts: Vec<_> = ids.iter().map(|id| examples.text(*id)).collect();
        let found = tokens.encode(&texts)?;
        let row = |(at, own): (usize, &Tokenized)| ShownText {
            truth: examples.truth_words(ids[at]),
            tokens: shown(own, texts[at], tokens.unknown()),
            cut: own.cut,
        };
        let note = match self.has_tokens() {
            true => format!("tokens of the network, a vocabulary of {}", tokens.vocabulary()),
            false => "the table's own words, until a learner has said its network's tokens".to_owned(),
        };
        Ok(TextBatch { rows: found.iter().enumerate().map(row).collect(), note })
    }
}

/// The tokens of a text as they are shown: with its own letters.
fn shown(own: &Tokenized, (first, second): (&str, Option<&str>), unknown: Option<&str>) -> Vec<ShownToken> {
    // of bytes a word begins with a space
    let spaced = own.pieces.iter().any(|piece| piece.starts_with(['Ġ', '▁']));
    let mut found: Vec<ShownToken> = Vec::with_capacity(own.ids.len());
    let mut before = None;
    for (at, piece) in own.pieces.iter().enumerate() {
        let (from, to) = own.spans[at];
        let text = if own.types[at] == 1 { second.unwrap_or(first) } else { first };
        let cut = text.get(from..to).unwrap_or_default();
        let kind = match piece {
            _ if from == to => TokenKind::Special,
            piece if unknown == Some(piece.as_str()) => TokenKind::Unknown,
            piece if piece.starts_with("##") => TokenKind::Piece,
            piece
                if spaced
                    && before == Some(from)
                    && !piece.starts_with(['Ġ', '▁'])
                    && cut.chars().all(char::is_alphanumeric) =>
            {
                TokenKind::Piece
            }
            _ => TokenKind::Word,
        };
        let text = if kind == TokenKind::Special { piece.clone() } else { cut.trim().to_owned() };
        // bytes of one character are no letters
        let text = if text.is_empty() { piece.clone() } else { text };
        before = Some(to);
        found.push(ShownToken { text, kind });
    }
    found
}

impl TextBatch {
    /// As HTML; the page's own colours stay.
    pub fn html(&self) -> String {
        let mut html = String::from("<div style=\"line-height:1.9\">");
        for row in &self.rows {
            html += &format!("<div style=\"margin:6px 0\"><b>{}</b>&ensp;", escape(&row.truth));
            let mut word = 0;
            for token in &row.tokens {
                word += usize::from(token.kind != TokenKind::Piece);
                let ground = GROUNDS[word % 2];
                let text = escape(&token.text);
                html += &match token.kind {
                    TokenKind::Special => format!(" <span style=\"opacity:.6;font-size:85%\">{text}</span>"),
                    TokenKind::Word => {
                        format!(" <span style=\"background:{ground};padding:1px 2px;border-radius:2px\">{text}</span>")
                    }
                    TokenKind::Piece => format!(
                        "<span style=\"background:{ground};padding:1px 2px;border-left:1px solid currentColor\">{text}</span>"
                    ),
                    TokenKind::Unknown => format!(
                        " <span title=\"unknown\" style=\"outline:1px dashed currentColor;padding:1px 2px\">{text}</span>"
                    ),
                };
            }
            if row.cut > 0 {
                html += &format!(" <span style=\"opacity:.75\">✂ {} more cut off</span>", row.cut);
            }
            html += "</div>";
        }
        html + &format!("<div style=\"opacity:.75;font-size:90%\">{}</div></div>", escape(&self.note))
    }

    /// As text: a line each, pieces of a word joined by `·`, unknown words in `‹ ›`; with colours for terminals where `colours` says so.
    pub fn text(&self, colours: bool) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let mut line = if colours {
                format!("\u{1b}[1m{}\u{1b}[0m ", plain(&row.truth))
            } else {
                format!("{}: ", plain(&row.truth))
            };
            let mut word = 0;
            for (at, token) in row.tokens.iter().enumerate() {
                word += usize::from(token.kind != TokenKind::Piece);
                let ground = GROUNDS_ANSI[word % 2];
                let text = match token.kind {
                    TokenKind::Unknown => format!("‹{}›", plain(&token.text)),
                    TokenKind::Piece => format!("·{}", plain(&token.text)),
                    _ => plain(&token.text),
                };
                if token.kind != TokenKind::Piece && at > 0 {
                    line.push(' ');
                }
                line += &match (colours, token.kind) {
                    (false, _) => text,
                    (true, TokenKind::Special) => format!("\u{1b}[2m{text}\u{1b}[0m"),
                    (true, TokenKind::Unknown) => format!("\u{1b}[4m{text}\u{1b}[0m"),
                    (true, _) => format!("\u{1b}[30;48;5;{ground}m{text}\u{1b}[0m"),
                };
            }
            if row.cut > 0 {
                line += &format!(" ✂ {} more cut off", row.cut);
            }
            out += &line;
            out.push('\n');
        }
        out + &self.note + "\n"
    }
}

/// Text that cannot steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Show for TextBatch {
    fn bundle(&self) -> Bundle {
        // a terminal has columns
        Bundle::new().text(self.text(columns().is_some())).html(self.html())
    }
}
