//! Text: how it becomes tokens, and tables of it.
//!
//! - `tokens`: a tokenizer, and what it makes of texts; `long` is what it does with long ones, `token_rows` the tokens of many.
//! - `vocabulary`: BERT's `vocab.txt` as a tokenizer, and one made of a table's own words.
//! - `options`: the table of texts, and what a person says of it. `encoding` makes letters of bytes, `cells` reads tables, `columns` finds which
//!   column is which, `examples` what is true of each text, `room` says how much memory it takes, `choosing` leaves classes out.
//! - `parting`: who trains and who measures; `twins` finds texts that are equal or nearly so.
//! - `feeding`: batches of texts of about one length; `text_summary` is what a person wants to know, `text_batch` what a person looks at.

mod cells;
mod choosing;
mod columns;
mod encoding;
mod examples;
mod feeding;
mod long;
mod options;
mod parting;
mod room;
mod text_batch;
mod text_summary;
mod token_rows;
mod tokens;
mod twins;
mod vocabulary;

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

pub use options::TextTable;
pub use text_batch::TextBatch;
pub use text_summary::TextSummary;
pub use tokens::{Tokenized, Tokens};
