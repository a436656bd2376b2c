//! A tokenizer, and what it makes of texts.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::data::{Fields, field};
use crate::{Error, Result};

/// How texts become tokens: a tokenizer of the crate `tokenizers`, and the most tokens that a text may have.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Tokens {
    tokenizer: Arc<Tokenizer>,
    json: Arc<str>,
    max_tokens: usize,
    pad: u32,
}

/// How it stands in a file.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    tokenizer: String,
    max_tokens: usize,
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
        let mut tokenizer =
            Tokenizer::from_str(json).map_err(|error| Error::new(format!("not a tokenizer: {error}")))?;
        let pad = tokenizer.get_padding().map(|padding| padding.pad_id);
        let pad =
            pad.or_else(|| tokenizer.token_to_id("[PAD]")).or_else(|| tokenizer.token_to_id("<pad>")).unwrap_or(0);
        // batches are padded and texts are cut here, not there
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| Error::new(error.to_string()))?;
        Ok(Tokens { tokenizer: Arc::new(tokenizer), json: json.into(), max_tokens, pad })
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

    /// How many tokens there are in the vocabulary, added ones included.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The number of the token that fills up a batch.
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// All tokens and their numbers.
    pub fn all(&self) -> HashMap<String, u32> {
        self.tokenizer.get_vocab(true)
    }

    /// The text of its `tokenizer.json`.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Texts, or pairs of texts, as tokens, worked out in parallel; what is longer than the limit is cut at its end.
    ///
    /// # Errors
    /// When the tokenizer cannot read one.
    pub fn encode(&self, _texts: &[(&str, Option<&str>)]) -> Result<Vec<Tokenized>> {
        Err(Error::new("texts are not cut into tokens yet"))
    }

    /// Rows of tokens as the fields `ids`, `types` and `mask`, padded to the longest.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn fields(&self, rows: &[&Tokenized]) -> Result<Fields> {
        let long = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let table = |of: &dyn Fn(&Tokenized) -> Vec<u32>, rest: u32| -> Result<Tensor> {
            let mut values = Vec::with_capacity(rows.len() * long);
            for row in rows {
                let own = of(row);
                let missing = long - own.len();
                values.extend(own);
                values.extend(std::iter::repeat_n(rest, missing));
            }
            Ok(Tensor::from_vec(values, (rows.len(), long), &Device::Cpu)?)
        };
        Ok(Fields::of(field::IDS, table(&|row| row.ids.clone(), self.pad)?)
            .with(field::TYPES, table(&|row| row.types.clone(), 0)?)
            .with(field::MASK, table(&|row| vec![1; row.ids.len()], 0)?))
    }
}

impl PartialEq for Tokens {
    fn eq(&self, other: &Tokens) -> bool {
        self.max_tokens == other.max_tokens && self.json == other.json
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens: a vocabulary of {}, up to {} a text", self.vocabulary(), self.max_tokens)
    }
}

impl From<Tokens> for Written {
    fn from(tokens: Tokens) -> Written {
        Written { tokenizer: tokens.json.to_string(), max_tokens: tokens.max_tokens }
    }
}

impl TryFrom<Written> for Tokens {
    type Error = Error;

    fn try_from(written: Written) -> Result<Tokens> {
        Tokens::from_json(&written.tokenizer, written.max_tokens)
    }
}
