//! How a text's tokens become one row.

use serde::{Deserialize, Serialize};

/// How a text's tokens become one row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pooling {
    /// The mean of all of its tokens, as most of sentence-transformers' encoders are trained.
    Mean,
    /// The first token, which stands for the text.
    Cls,
    /// The first token through one more matrix: with tanh for BERT (`pooler`) and RoBERTa (`classifier.dense`), with ReLU for DistilBERT
    /// (`pre_classifier`): what Hugging Face's classifiers do.
    Pooler,
}
