//! An encoder as a folder that Hugging Face's libraries and this one read.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::{BertConfig, BertKind, BertLayout, Pooling};
use crate::data::Tokens;
use crate::params::write_tensors;
use crate::{Error, Result};

/// The table that BERT has and DistilBERT has not.
const TYPES: &str = "embeddings.token_type_embeddings.weight";

impl BertLayout {
    /// Writes `config.json`, `model.safetensors`, `tokenizer.json`, and what sentence-transformers wants beside, into a folder, which is made
    /// where it is not there.
    pub(crate) fn write(&self, folder: &Path, tensors: Vec<(String, Tensor)>, tokens: &Tokens) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::new(format!("the encoder cannot be written to `{}`", folder.display())).caused_by(error)
        };
        std::fs::create_dir_all(folder.join("1_Pooling")).map_err(failed)?;
        let put = |name: &str, value: &Value| std::fs::write(folder.join(name), format!("{value:#}\n")).map_err(failed);
        put("config.json", &self.config.written())?;
        std::fs::write(folder.join("tokenizer.json"), tokens.written()?).map_err(failed)?;
        put("tokenizer_config.json", &tokenizer_config(tokens))?;
        let part = |index: usize, path: &str, kind: &str| {
            let kind = format!("sentence_transformers.models.{kind}");
            json!({ "idx": index, "name": index.to_string(), "path": path, "type": kind })
        };
        put("modules.json", &json!([part(0, "", "Transformer"), part(1, "1_Pooling", "Pooling")]))?;
        put("sentence_bert_config.json", &json!({ "max_seq_length": tokens.max_tokens(), "do_lower_case": false }))?;
        let mean = self.pooling == Pooling::Mean;
        put(
            "1_Pooling/config.json",
            &json!({
                "word_embedding_dimension": self.config.hidden_size,
                "pooling_mode_cls_token": !mean,
                "pooling_mode_mean_tokens": mean,
            }),
        )?;
        let mut tensors = tensors;
        if self.config.kind == BertKind::DistilBert {
            let none = Tensor::zeros((1, self.config.hidden_size), DType::F32, &Device::Cpu)?;
            tensors.push((TYPES.to_owned(), none));
        }
        write_tensors(
            &folder.join("model.safetensors"),
            &tensors,
            HashMap::from([("format".to_owned(), "pt".to_owned())]),
        )
    }
}

/// Which tokens stand for padding, a beginning and the like: without that transformers pads no batch.
fn tokenizer_config(tokens: &Tokens) -> Value {
    let mut config = json!({ "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": tokens.max_tokens() });
    let all = tokens.all();
    for (role, names) in [
        ("unk_token", ["[UNK]", "<unk>"]),
        ("pad_token", ["[PAD]", "<pad>"]),
        ("cls_token", ["[CLS]", "<s>"]),
        ("sep_token", ["[SEP]", "</s>"]),
        ("mask_token", ["[MASK]", "<mask>"]),
    ] {
        if let Some(name) = names.iter().find(|name| all.contains_key(**name)) {
            config[role] = json!(name);
        }
    }
    config
}

impl BertConfig {
    /// As Hugging Face writes it. DistilBERT, whose parameters have BERT's names here, is a BERT of one type of token.
    fn written(&self) -> Value {
        let (kind, class) = match self.kind {
            BertKind::Roberta => ("roberta", "RobertaModel"),
            BertKind::Bert | BertKind::DistilBert => ("bert", "BertModel"),
        };
        json!({
            "model_type": kind,
            "architectures": [class],
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "type_vocab_size": self.type_vocab_size.max(1),
            "pad_token_id": self.pad_token_id,
            "layer_norm_eps": self.layer_norm_eps,
            "hidden_act": self.hidden_act,
            "hidden_dropout_prob": self.hidden_dropout_prob,
            "attention_probs_dropout_prob": self.attention_probs_dropout_prob,
            "initializer_range": self.initializer_range,
            "position_embedding_type": "absolute",
        })
    }
}
