//! Text: how it becomes tokens.
//!
//! - `tokens`: a tokenizer, and what it makes of texts; `long` is what it does with long ones, `token_rows` the tokens of many.
//! - `vocabulary`: BERT's `vocab.txt` as a tokenizer, and one made of a table's own words.

mod long;
mod token_rows;
mod tokens;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use tokens::{Tokenized, Tokens};
