//! Text: how it becomes tokens.
//!
//! - `tokens`: a tokenizer, and what it makes of texts.

mod tokens;

pub use tokens::{Tokenized, Tokens};
