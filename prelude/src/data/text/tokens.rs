//! A tokenizer, and what it makes of texts.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokenizers::{Encoding, PaddingParams, PostProcessor, Tokenizer, TruncationDirection, TruncationParams};

use super::long;
use super::token_rows::TokenRows;
use super::vocabulary;
use crate::data::{Fields, field};
use crate::sealed::Sealed;
use crate::show::Steps;
use crate::{Error, Result, limits};

/// So many texts at once are a piece of work for a thread.
const CHUNK: usize = 256;

/// How texts become tokens: a tokenizer of the crate `tokenizers`, and the most tokens that a text may have.
///
/// ```
/// use candlewick_prelude::data::Tokens;
/// let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nfine\nfilm\n##s\n";
/// let tokens = Tokens::from_vocab(vocabulary, true, 128)?;
/// let found = tokens.encode(&[("Fine films", None)])?;
/// assert_eq!(found[0].pieces, ["[CLS]", "fine", "film", "##s", "[SEP]"]);
/// assert_eq!(tokens.decode(&found[0].ids)?, "fine films");
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "WrittenTokens", into = "WrittenTokens")]
pub struct Tokens {
    tokenizer: Arc<Sealed<Tokenizer>>,
    json: Arc<str>,
    max_tokens: usize,
    pad: u32,
    /// Whether it is the beginning of a text that is cut off.
    cuts_left: bool,
    /// Whether the tokens of a text's beginning are the beginning of the text's tokens.
    reads_on: bool,
    /// Whether it is pairs of texts that are read, where somebody has learned from either.
    pairs: Option<bool>,
}

/// How it stands in a file.
#[derive(Clone, Serialize, Deserialize)]
struct WrittenTokens {
    tokenizer: String,
    max_tokens: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pairs: Option<bool>,
}

/// A text, or a pair of texts, as tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokenized {
    /// The tokens' numbers, with those that stand for the beginning and the end.
    pub ids: Vec<u32>,
    /// Of each token, 1 where it is of the second text.
    pub types: Vec<u32>,
    /// Each token as it is written.
    pub pieces: Vec<String>,
    /// Of each token, where its bytes are in its text; an empty range for one that is added.
    pub spans: Vec<(usize, usize)>,
    /// How many tokens were cut off, because there were too many.
    pub cut: usize,
}

impl Tokens {
    /// Of the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// When it is no tokenizer.
    pub fn from_json(json: &str, max_tokens: usize) -> Result<Tokens> {
        if json.trim().is_empty() {
            return Err(Error::new("the tokenizer is empty").remedy("get the file `tokenizer.json` again"));
        }
        let mut tokenizer = Tokenizer::from_str(json).map_err(|error| {
            Error::new(format!("not a tokenizer: {error}"))
                .remedy("`tokenizer.json` lies beside the network's weights; of a `vocab.txt`: `Tokens::from_vocab(&text, true, 128)?`")
        })?;
        let pad = tokenizer.get_padding().map(|padding| padding.pad_id);
        let pad =
            pad.or_else(|| tokenizer.token_to_id("[PAD]")).or_else(|| tokenizer.token_to_id("<pad>")).unwrap_or(0);
        let cuts_left = tokenizer.get_truncation().is_some_and(|own| own.direction == TruncationDirection::Left);
        // batches are padded and texts are cut here, not there
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| Error::new(error.to_string()))?;
        let reads_on = long::reads_on(&tokenizer) && !cuts_left;
        Ok(Tokens {
            tokenizer: Arc::new(tokenizer.into()),
            json: json.into(),
            max_tokens,
            pad,
            cuts_left,
            reads_on,
            pairs: None,
        })
    }

    /// Of the text of a `vocab.txt`, a token a line: what Hugging Face's `BertTokenizer` does with it. `lower_case` for the vocabularies called
    /// uncased, which know no accents either.
    ///
    /// # Errors
    /// When `[UNK]`, `[CLS]`, `[SEP]` or `[PAD]` is missing.
    pub fn from_vocab(vocab: &str, lower_case: bool, max_tokens: usize) -> Result<Tokens> {
        Tokens::from_json(&vocabulary::bert_json(vocab, lower_case)?, max_tokens)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it cannot be read, or is no tokenizer.
    pub fn open(path: &Path, max_tokens: usize) -> Result<Tokens> {
        let shown = path.display();
        let json = std::fs::read_to_string(path)
            .map_err(|error| Error::new(format!("`{shown}` cannot be read")).caused_by(error))?;
        Tokens::from_json(&json, max_tokens)
            .map_err(|error| Error::new(format!("`{shown}` cannot be read")).caused_by(error))
    }

    /// The most tokens of a text, those included that stand for its beginning and its end.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The same with another limit.
    pub fn with_max(&self, max_tokens: usize) -> Tokens {
        Tokens { max_tokens, ..self.clone() }
    }

    /// The same for pairs of texts, or for single ones.
    pub(crate) fn for_pairs(&self, pairs: bool) -> Tokens {
        Tokens { pairs: Some(pairs), ..self.clone() }
    }

    /// Whether pairs of texts were learned from, or single ones; `None` where nothing was.
    pub(crate) fn pairs(&self) -> Option<bool> {
        self.pairs
    }

    /// How many tokens there are in the vocabulary, added ones included.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The number of the token that fills up a batch.
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// The token for what the vocabulary does not have.
    pub(super) fn unknown(&self) -> Option<&'static str> {
        ["[UNK]", "<unk>"].into_iter().find(|token| self.tokenizer.token_to_id(token).is_some())
    }

    /// All tokens and their numbers.
    pub fn all(&self) -> HashMap<String, u32> {
        self.tokenizer.get_vocab(true)
    }

    /// The text of its `tokenizer.json`.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The same for others to read: it cuts where this one does, and pads to the longest text of a batch, whatever the file that it was read from said.
    ///
    /// # Errors
    /// When the tokenizer cannot be written.
    pub fn written(&self) -> Result<String> {
        let failed = |error: tokenizers::Error| Error::new(format!("the tokenizer cannot be written: {error}"));
        let mut tokenizer = Tokenizer::from_str(&self.json).map_err(failed)?;
        let direction = if self.cuts_left { TruncationDirection::Left } else { TruncationDirection::Right };
        let cut = TruncationParams { max_length: self.max_tokens, direction, ..TruncationParams::default() };
        let pad_token = self.tokenizer.id_to_token(self.pad).unwrap_or_else(|| "[PAD]".to_owned());
        tokenizer.with_padding(Some(PaddingParams { pad_id: self.pad, pad_token, ..PaddingParams::default() }));
        tokenizer.with_truncation(Some(cut)).map_err(failed)?;
        tokenizer.to_string(false).map_err(failed)
    }

    /// The text of these tokens, without those that stand for its beginning and its end; as far as the tokenizer keeps it, without capitals and
    /// accents, say.
    ///
    /// # Errors
    /// When the tokenizer cannot write them.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids, true).map_err(|error| Error::new(format!("tokens could not be decoded: {error}")))
    }

    /// Texts, or pairs of texts, as tokens, worked out in parallel. What is longer than the limit is cut at its end, of a pair first the longer
    /// text, as Hugging Face's `longest_first`. Of a very long text only as much is read as may matter; `cut` is a guess then.
    ///
    /// # Errors
    /// When the tokenizer cannot read one, the limit leaves no room for a token, or the user interrupts.
    pub fn encode(&self, texts: &[(&str, Option<&str>)]) -> Result<Vec<Tokenized>> {
        self.check(texts.iter().any(|(_, second)| second.is_some()))?;
        let steps = Steps::new("cutting texts into tokens", texts.len());
        let one = |text: &(&str, Option<&str>)| {
            steps.step()?;
            let (encoding, kept, cut) = self.one(*text, true)?;
            let of = |values: &[u32]| kept.iter().map(|at| values[*at]).collect();
            Ok(Tokenized {
                ids: of(encoding.get_ids()),
                types: of(encoding.get_type_ids()),
                pieces: kept.iter().map(|at| encoding.get_tokens()[*at].clone()).collect(),
                spans: kept.iter().map(|at| encoding.get_offsets()[*at]).collect(),
                cut,
            })
        };
        texts.par_iter().map(one).collect()
    }

    /// The same without the pieces, in little memory; `count` texts, of which the function gives each.
    ///
    /// # Errors
    /// As [`encode`](Tokens::encode).
    pub(super) fn rows<'a>(
        &self,
        count: usize,
        text: &(dyn Fn(usize) -> (&'a str, Option<&'a str>) + Sync),
    ) -> Result<TokenRows> {
        self.check(count > 0 && text(0).1.is_some())?;
        let steps = Steps::new("cutting texts into tokens", count);
        let chunk = |number: usize| -> Result<TokenRows> {
            let (from, to) = (number * CHUNK, count.min((number + 1) * CHUNK));
            steps.advance(to - from)?;
            let mut rows = TokenRows::default();
            for at in from..to {
                let (encoding, kept, cut) = self.one(text(at), false)?;
                rows.push(encoding.get_ids(), encoding.get_type_ids(), &kept, cut);
            }
            Ok(rows)
        };
        let chunks: Vec<TokenRows> = (0..count.div_ceil(CHUNK)).into_par_iter().map(chunk).collect::<Result<_>>()?;
        Ok(TokenRows::joined(chunks))
    }

    /// Refuses a limit that leaves no room for a token.
    fn check(&self, pair: bool) -> Result<()> {
        let added = self.tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(pair));
        let expected = format!("{} or more: {added} stand for beginnings and ends", added + 1 + usize::from(pair));
        let fine = self.max_tokens > added + usize::from(pair);
        limits::allow(
            fine,
            "the most tokens of a text",
            &self.max_tokens,
            &expected,
            "128 are usual: `.max_tokens(128)`",
        )
    }

    /// A text or a pair: all its tokens, which of them are kept, and how many are not.
    fn one(&self, (first, second): (&str, Option<&str>), spans: bool) -> Result<(Encoding, Vec<usize>, usize)> {
        let mut bytes = long::beginning(self.max_tokens);
        loop {
            // which of a pair is longer is known once both are read
            let read = if self.reads_on && second.is_none() { long::head(first, bytes) } else { first.len() };
            let input = match second {
                Some(second) => tokenizers::EncodeInput::from((first, second)),
                None => tokenizers::EncodeInput::from(&first[..read]),
            };
            let encoding = match spans {
                true => self.tokenizer.encode(input, true),
                false => self.tokenizer.encode_fast(input, true),
            };
            let encoding =
                encoding.map_err(|error| Error::new(format!("a text could not be cut into tokens: {error}")))?;
            let (kept, cut) = self.kept(&encoding);
            // of a text that was not read to its end, more tokens have to be there than are kept
            if read < first.len() && cut == 0 {
                bytes = bytes.saturating_mul(4);
                continue;
            }
            let guess = (first.len() - read) as f64 * encoding.len() as f64 / read.max(1) as f64;
            return Ok((encoding, kept, cut + guess.round() as usize));
        }
    }

    /// The places of the tokens that are kept, and how many are not.
    fn kept(&self, encoding: &Encoding) -> (Vec<usize>, usize) {
        let all = encoding.len();
        if all <= self.max_tokens {
            return ((0..all).collect(), 0);
        }
        let of = encoding.get_sequence_ids();
        let lengths = [0, 1].map(|text| of.iter().filter(|of| **of == Some(text)).count());
        let room = self.max_tokens.saturating_sub(all - lengths[0] - lengths[1]);
        let keep = long::longest_first(lengths, room);
        let mut seen = [0, 0];
        let is_kept = |at: &usize| {
            let Some(text) = of[*at] else { return true };
            seen[text] += 1;
            match self.cuts_left {
                true => seen[text] > lengths[text] - keep[text],
                false => seen[text] <= keep[text],
            }
        };
        let kept: Vec<usize> = (0..all).filter(is_kept).collect();
        let cut = all - kept.len();
        (kept, cut)
    }

    /// Rows of tokens as the fields `ids`, `types` and `mask`, padded to the longest.
    ///
    /// # Shapes
    /// Three times (rows, longest).
    ///
    /// # Errors
    /// When there is no memory.
    pub fn fields(&self, rows: &[&Tokenized]) -> Result<Fields> {
        let rows: Vec<(&[u32], &[u32])> = rows.iter().map(|row| (&row.ids[..], &row.types[..])).collect();
        self.padded(&rows)
    }

    /// The same of tokens and of which text each is; where that is not said, all are of the first.
    pub(super) fn padded(&self, rows: &[(&[u32], &[u32])]) -> Result<Fields> {
        let (n, long) = (rows.len(), rows.iter().map(|(ids, _)| ids.len()).max().unwrap_or(0));
        let (mut ids, mut types, mut mask) = (vec![self.pad; n * long], vec![0u32; n * long], vec![0u32; n * long]);
        for (at, (own, of)) in rows.iter().enumerate() {
            let from = at * long;
            ids[from..from + own.len()].copy_from_slice(own);
            types[from..from + of.len()].copy_from_slice(of);
            mask[from..from + own.len()].fill(1);
        }
        let table = |values: Vec<u32>| Tensor::from_vec(values, (n, long), &Device::Cpu);
        Ok(Fields::of(field::IDS, table(ids)?).with(field::TYPES, table(types)?).with(field::MASK, table(mask)?))
    }
}

impl PartialEq for Tokens {
    fn eq(&self, other: &Tokens) -> bool {
        self.max_tokens == other.max_tokens && (Arc::ptr_eq(&self.json, &other.json) || self.json == other.json)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens: a vocabulary of {}, up to {} a text", self.vocabulary(), self.max_tokens)
    }
}

impl From<Tokens> for WrittenTokens {
    fn from(tokens: Tokens) -> WrittenTokens {
        WrittenTokens { tokenizer: tokens.json.to_string(), max_tokens: tokens.max_tokens, pairs: tokens.pairs }
    }
}

impl TryFrom<WrittenTokens> for Tokens {
    type Error = Error;

    fn try_from(written: WrittenTokens) -> Result<Tokens> {
        Ok(Tokens { pairs: written.pairs, ..Tokens::from_json(&written.tokenizer, written.max_tokens)? })
    }
}
