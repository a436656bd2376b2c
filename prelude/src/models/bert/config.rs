//! What a `config.json` says of an encoder.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::layers::Activation;
use crate::{Error, Result};

/// The kinds of encoder in the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BertKind {
    /// Devlin et al. 2018; MiniLM and most of sentence-transformers' encoders have its shape too.
    Bert,
    /// No types of tokens. Sanh et al. 2019.
    DistilBert,
    /// Places are counted from the padding's number on. Liu et al. 2019.
    Roberta,
}

impl BertKind {
    /// What Hugging Face calls it.
    pub fn name(self) -> &'static str {
        match self {
            BertKind::Bert => "bert",
            BertKind::DistilBert => "distilbert",
            BertKind::Roberta => "roberta",
        }
    }
}

/// The sizes of an encoder, under Hugging Face's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// The kind.
    pub kind: BertKind,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Numbers a token.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of attention; they divide the numbers a token.
    pub num_attention_heads: usize,
    /// Numbers a token between the two matrices behind the attention.
    pub intermediate_size: usize,
    /// Rows of the table of places; RoBERTa leaves the first ones unused.
    pub max_position_embeddings: usize,
    /// Kinds of token, such as first and second text; 0 where the encoder knows none.
    pub type_vocab_size: usize,
    /// The number of the token that is padding.
    pub pad_token_id: usize,
    /// What LayerNorm adds to the variance.
    pub layer_norm_eps: f64,
    /// The activation between the two matrices: `gelu`, `gelu_new`, `relu`, `silu`, …
    pub hidden_act: String,
    /// In training, the share of numbers that are dropped behind embeddings and matrices.
    pub hidden_dropout_prob: f64,
    /// In training, the share of a softmax's numbers that are dropped.
    pub attention_probs_dropout_prob: f64,
    /// The spread of the first values.
    pub initializer_range: f64,
}

impl BertConfig {
    /// BERT's own proportions at this size: four times as many numbers between the matrices, 512 places, two types, dropout 0.1.
    pub fn new(
        vocab_size: usize,
        hidden_size: usize,
        num_hidden_layers: usize,
        num_attention_heads: usize,
    ) -> BertConfig {
        BertConfig {
            kind: BertKind::Bert,
            vocab_size,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            intermediate_size: 4 * hidden_size,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            pad_token_id: 0,
            layer_norm_eps: 1e-12,
            hidden_act: "gelu".to_owned(),
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            initializer_range: 0.02,
        }
    }

    /// A tiny one for a vocabulary of its own: three layers of 128 numbers a token, four heads, 128 places. With 6,000 tokens it has 1.4 million
    /// parameters.
    pub fn tiny(vocab_size: usize) -> BertConfig {
        let whole = BertConfig::new(vocab_size, 128, 3, 4);
        BertConfig { max_position_embeddings: 128, type_vocab_size: 2, ..whole }
    }

    /// Of the text of a Hugging Face `config.json`.
    ///
    /// ```
    /// use candlewick_prelude::models::{BertConfig, BertKind};
    /// let json = r#"{"model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6,
    ///     "num_attention_heads": 12, "intermediate_size": 1536, "max_position_embeddings": 512, "type_vocab_size": 2}"#;
    /// let config = BertConfig::from_json(json)?;
    /// assert_eq!((config.kind, config.hidden_size), (BertKind::Bert, 384));
    /// let lies = BertConfig::from_json(&json.replace("12", "7")).unwrap_err().to_string();
    /// assert!(lies.contains("7 heads do not divide 384 numbers a token"));
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it is no JSON, of another kind of network, without a size that it takes, or says what cannot be built.
    pub fn from_json(json: &str) -> Result<BertConfig> {
        let value: Value = serde_json::from_str(json).map_err(|error| Error::new("not a config").caused_by(error))?;
        let keys = Keys(&value);
        let kind = keys.kind()?;
        let config = match kind {
            BertKind::DistilBert => BertConfig {
                kind,
                type_vocab_size: 0,
                layer_norm_eps: 1e-12,
                hidden_size: keys.size("dim")?,
                num_hidden_layers: keys.size("n_layers")?,
                num_attention_heads: keys.size("n_heads")?,
                intermediate_size: keys.size("hidden_dim")?,
                hidden_act: keys.word("activation", "gelu")?,
                hidden_dropout_prob: keys.number("dropout", 0.1)?,
                attention_probs_dropout_prob: keys.number("attention_dropout", 0.1)?,
                vocab_size: keys.size("vocab_size")?,
                max_position_embeddings: keys.size("max_position_embeddings")?,
                pad_token_id: keys.whole("pad_token_id", 0)?,
                initializer_range: keys.number("initializer_range", 0.02)?,
            },
            BertKind::Bert | BertKind::Roberta => {
                let pad = if kind == BertKind::Roberta { 1 } else { 0 };
                BertConfig {
                    kind,
                    type_vocab_size: keys.whole("type_vocab_size", 2)?,
                    layer_norm_eps: keys.number("layer_norm_eps", 1e-12)?,
                    hidden_size: keys.size("hidden_size")?,
                    num_hidden_layers: keys.size("num_hidden_layers")?,
                    num_attention_heads: keys.size("num_attention_heads")?,
                    intermediate_size: keys.size("intermediate_size")?,
                    hidden_act: keys.word("hidden_act", "gelu")?,
                    hidden_dropout_prob: keys.number("hidden_dropout_prob", 0.1)?,
                    attention_probs_dropout_prob: keys.number("attention_probs_dropout_prob", 0.1)?,
                    vocab_size: keys.size("vocab_size")?,
                    max_position_embeddings: keys.size("max_position_embeddings")?,
                    pad_token_id: keys.whole("pad_token_id", pad)?,
                    initializer_range: keys.number("initializer_range", 0.02)?,
                }
            }
        };
        let places = keys.word("position_embedding_type", "absolute")?;
        if places != "absolute" {
            return Err(Error::new(format!("`position_embedding_type` is `{places}`; only `absolute` is known here"))
                .remedy("choose an encoder whose places are looked up in a table, such as MiniLM, BERT or RoBERTa"));
        }
        if keys.0.get("is_decoder").and_then(Value::as_bool) == Some(true) {
            return Err(Error::new("`is_decoder` is true: that is a network that writes text, and no encoder"));
        }
        config.check()?;
        Ok(config)
    }

    /// Refuses what cannot be built.
    ///
    /// # Errors
    /// When a size is 0, heads do not divide the numbers a token, a share is none, or the activation is not known.
    pub fn check(&self) -> Result<()> {
        for (key, size) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            if size == 0 {
                return Err(Error::new(format!("the config's `{key}` is 0; expected 1 or more")));
            }
        }
        let (heads, width) = (self.num_attention_heads, self.hidden_size);
        if !width.is_multiple_of(heads) {
            return Err(Error::new(format!("the config's {heads} heads do not divide {width} numbers a token"))
                .remedy("`num_attention_heads` has to divide `hidden_size`: is it the config of these weights?"));
        }
        for (key, share) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::new(format!("the config's `{key}` is {share}; expected at least 0 and below 1")));
            }
        }
        if !(0.0..=0.01).contains(&self.layer_norm_eps) {
            let eps = self.layer_norm_eps;
            return Err(Error::new(format!("the config's `layer_norm_eps` is {eps}; expected 0 to 0.01"))
                .remedy("1e-12 is usual for BERT, 1e-5 for RoBERTa"));
        }
        if self.max_tokens() == 0 {
            let (places, pad) = (self.max_position_embeddings, self.pad_token_id);
            return Err(Error::new(format!(
                "the config's {places} places are all before the first token's: RoBERTa counts them from {} on",
                pad + 1
            )));
        }
        self.activation().map(|_| ())
    }

    /// The activation between the two matrices.
    ///
    /// # Errors
    /// When it is not known here.
    pub fn activation(&self) -> Result<Activation> {
        match self.hidden_act.as_str() {
            "gelu" | "gelu_python" => Ok(Activation::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
            "relu" => Ok(Activation::Relu),
            "silu" | "swish" => Ok(Activation::Silu),
            other => Err(Error::new(format!("the config's `hidden_act` is `{other}`, which is not known here"))
                .remedy("known are `gelu`, `gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`, `relu`, `silu` and `swish`")),
        }
    }

    /// The most tokens that a text may have, those included that stand for its beginning and its end.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_place())
    }

    /// The row of the table of places that the first token has.
    pub(super) fn first_place(&self) -> usize {
        if self.kind == BertKind::Roberta { self.pad_token_id + 1 } else { 0 }
    }
}

/// What a config says, by its keys.
struct Keys<'a>(&'a Value);

impl Keys<'_> {
    fn kind(&self) -> Result<BertKind> {
        let known = "known are `bert`, `distilbert` and `roberta` (with `xlm-roberta` and `camembert`)";
        match self.0.get("model_type").and_then(Value::as_str) {
            Some("bert") => Ok(BertKind::Bert),
            Some("distilbert") => Ok(BertKind::DistilBert),
            Some("roberta" | "xlm-roberta" | "camembert") => Ok(BertKind::Roberta),
            Some(other) => {
                Err(Error::new(format!("the config is of a `{other}`, which is not known here")).remedy(known))
            }
            // as the first ones were written
            None if self.0.get("hidden_size").is_some() && self.0.get("type_vocab_size").is_some() => {
                Ok(BertKind::Bert)
            }
            None => Err(Error::new("the config does not say what it is of: it has no `model_type`").remedy(known)),
        }
    }

    fn whole(&self, key: &str, usual: usize) -> Result<usize> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(usual),
            Some(value) => value.as_u64().and_then(|value| usize::try_from(value).ok()).ok_or_else(|| {
                Error::new(format!("the config's `{key}` is {value}; expected a whole number, 0 or above"))
            }),
        }
    }

    /// A size that has to be there.
    fn size(&self, key: &str) -> Result<usize> {
        if self.0.get(key).is_none() {
            return Err(Error::new(format!("the config has no `{key}`"))
                .remedy("is it the `config.json` of the encoder itself, as Hugging Face wrote it?"));
        }
        self.whole(key, 0)
    }

    fn number(&self, key: &str, usual: f64) -> Result<f64> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(usual),
            Some(value) => {
                value.as_f64().ok_or_else(|| Error::new(format!("the config's `{key}` is {value}; expected a number")))
            }
        }
    }

    fn word(&self, key: &str, usual: &str) -> Result<String> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(usual.to_owned()),
            Some(Value::String(word)) => Ok(word.clone()),
            Some(value) => Err(Error::new(format!("the config's `{key}` is {value}; expected a word"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = r#"{"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 20, "max_position_embeddings": 12, "type_vocab_size": 2, "hidden_act": "gelu"}"#;

    #[test]
    fn what_cannot_be_built_is_refused_by_name() -> Result<()> {
        assert_eq!(BertConfig::from_json(FINE)?.num_hidden_layers, 2);
        for (from, to, text) in [
            ("\"num_attention_heads\": 4", "\"num_attention_heads\": 5", "5 heads do not divide 16 numbers a token"),
            ("\"hidden_size\": 16", "\"hidden_size\": 0", "`hidden_size` is 0; expected 1 or more"),
            ("\"hidden_size\": 16", "\"hidden_size\": -1", "`hidden_size` is -1; expected a whole number"),
            ("\"hidden_size\": 16,", "", "the config has no `hidden_size`"),
            ("\"gelu\"", "\"gelu_9\"", "`hidden_act` is `gelu_9`, which is not known here"),
            ("\"gelu\"", "3", "`hidden_act` is 3; expected a word"),
            ("\"gelu\"", "\"gelu\", \"position_embedding_type\": \"relative_key\"", "`relative_key`; only `absolute`"),
            ("\"gelu\"", "\"gelu\", \"is_decoder\": true", "that is a network that writes text"),
            ("\"gelu\"", "\"gelu\", \"hidden_dropout_prob\": 1.0", "`hidden_dropout_prob` is 1; expected at least 0"),
            ("\"bert\"", "\"gpt2\"", "of a `gpt2`, which is not known here"),
            ("\"bert\"", "\"roberta\", \"pad_token_id\": 11", "RoBERTa counts them from 12 on"),
            ("{", "[", "not a config"),
        ] {
            let says = BertConfig::from_json(&FINE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(says.contains(text), "{text}: {says}");
        }
        Ok(())
    }

    #[test]
    fn distilberts_keys_are_its_own() -> Result<()> {
        let json = r#"{"model_type": "distilbert", "vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 20,
            "max_position_embeddings": 12, "dropout": 0.3, "attention_dropout": 0.2, "activation": "relu"}"#;
        let config = BertConfig::from_json(json)?;
        assert_eq!((config.type_vocab_size, config.max_tokens(), config.hidden_dropout_prob), (0, 12, 0.3));
        assert_eq!((config.activation()?, config.attention_probs_dropout_prob), (Activation::Relu, 0.2));
        Ok(())
    }
}
