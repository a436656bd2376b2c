//! Encoders of text of the BERT family: BERT itself and what has its shape (MiniLM, sentence-transformers'), DistilBERT, RoBERTa.
//!
//! The parts are `embeddings`, `encoder.layer.0` and so on, and where a text is told by its first token through one more matrix, `pooler`; the
//! parameters have the names of Hugging Face's BERT, whatever kind it is. Between the parts the tokens of a batch lie one after another without
//! padding (`features`, a row a token, and `lengths`), so that no work is spent on it; the last part gives a row a text.
//!
//! - `config`: what a `config.json` says, and what of it cannot be built; `layout`: that, and how a text becomes one row; `pooling`: that way.
//! - `embeddings`, `layer`, `pooler`: the parts; `body`: all of them, one after another.
//! - `names`: other names that published checkpoints use; `fit`: whether weights are those of a config.
//! - `folder`: what a folder of a published encoder holds; `start`: what a person starts from.

mod body;
mod config;
mod embeddings;
mod fit;
mod folder;
mod layer;
mod layout;
mod names;
mod pooler;
mod pooling;
mod start;
mod tiny;
mod write;

pub use config::{BertConfig, BertKind};
pub use layout::BertLayout;
pub use pooling::Pooling;
pub use start::{AsEncoder, Bert};
