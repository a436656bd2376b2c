//! How published checkpoints name what is here: Hugging Face's names of each kind, with what wrappers put before them.

use std::collections::HashSet;

use candle_core::Tensor;

use super::{BertKind, Pooling};
use crate::params::{NamedTensors, is_under};

/// What may stand before the names: the encoder's place in a network with a head, in sentence-transformers', in one that wraps it.
const WRAPPERS: [&str; 8] =
    ["bert.", "distilbert.", "roberta.", "model.", "module.", "0.auto_model.", "auto_model.", "_orig_mod."];

/// What belongs to the work that a checkpoint was trained for, and not to the encoder.
const HEADS: [&str; 10] = [
    "cls",
    "lm_head",
    "vocab_transform",
    "vocab_layer_norm",
    "vocab_projector",
    "classifier",
    "qa_outputs",
    "pre_classifier",
    "pooler",
    "embeddings.position_ids",
];

/// A checkpoint's tensors under the names that they have here.
pub(super) struct Adopted {
    /// Those of the encoder.
    pub tensors: NamedTensors,
    /// The names of those that belong to what the checkpoint was trained for.
    pub heads: Vec<String>,
}

/// Takes the tensors over; those of a head are told apart from the rest.
pub(super) fn adopt(kind: BertKind, pooling: Pooling, tensors: &[(String, Tensor)]) -> Adopted {
    let bare: Vec<(String, &Tensor)> = tensors.iter().map(|(name, tensor)| (unwrapped(name), tensor)).collect();
    let pooler = pooler_of(kind, |wanted| bare.iter().any(|(name, _)| is_under(name, wanted)));
    let (mut adopted, mut seen) = (Adopted { tensors: Vec::new(), heads: Vec::new() }, HashSet::new());
    for (name, tensor) in bare {
        let name = match name.strip_prefix(pooler) {
            Some(rest) if rest.starts_with('.') && pooling == Pooling::Pooler => format!("pooler.dense{rest}"),
            _ if HEADS.iter().any(|head| is_under(&name, head)) => {
                adopted.heads.push(name);
                continue;
            }
            _ => renamed(&name),
        };
        if seen.insert(name.clone()) {
            adopted.tensors.push((name, tensor.clone()));
        }
    }
    adopted
}

/// The matrix on the first token: what the kind's classifiers have, else the one that it was trained with.
fn pooler_of(kind: BertKind, has: impl Fn(&str) -> bool) -> &'static str {
    match kind {
        BertKind::DistilBert if has("pre_classifier") => "pre_classifier",
        BertKind::Roberta if has("classifier.dense") => "classifier.dense",
        _ => "pooler.dense",
    }
}

/// A name without what wrappers have put before it, in any order.
pub(super) fn unwrapped(name: &str) -> String {
    let mut bare = name;
    while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| bare.strip_prefix(wrapper)) {
        bare = rest;
    }
    bare.to_owned()
}

/// DistilBERT's names, and those that TensorFlow's checkpoints came with, as BERT's.
fn renamed(name: &str) -> String {
    let mut name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias");
    if let Some(rest) = name.strip_prefix("transformer.layer.") {
        let Some((number, part)) = rest.split_once('.') else { return name };
        let Some((module, kind)) = part.rsplit_once('.') else { return name };
        let module = match module {
            "attention.q_lin" => "attention.self.query",
            "attention.k_lin" => "attention.self.key",
            "attention.v_lin" => "attention.self.value",
            "attention.out_lin" => "attention.output.dense",
            "sa_layer_norm" => "attention.output.LayerNorm",
            "ffn.lin1" => "intermediate.dense",
            "ffn.lin2" => "output.dense",
            "output_layer_norm" => "output.LayerNorm",
            other => other,
        };
        name = format!("encoder.layer.{number}.{module}.{kind}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn names(kind: BertKind, pooling: Pooling, names: &[&str]) -> (Vec<String>, Vec<String>) {
        let one = Tensor::new(1f32, &Device::Cpu).expect("a number");
        let tensors: NamedTensors = names.iter().map(|name| ((*name).to_owned(), one.clone())).collect();
        let adopted = adopt(kind, pooling, &tensors);
        (adopted.tensors.into_iter().map(|(name, _)| name).collect(), adopted.heads)
    }

    #[test]
    fn wrappers_and_old_names_are_told() {
        for before in ["", "bert.", "model.", "0.auto_model.", "model.0.auto_model.", "module.bert."] {
            let file = format!("{before}encoder.layer.0.output.LayerNorm.gamma");
            let (found, _) = names(BertKind::Bert, Pooling::Mean, &[&file]);
            assert_eq!(found, ["encoder.layer.0.output.LayerNorm.weight"], "{before}");
        }
        let (found, _) = names(BertKind::DistilBert, Pooling::Mean, &["distilbert.transformer.layer.11.ffn.lin2.bias"]);
        assert_eq!(found, ["encoder.layer.11.output.dense.bias"]);
    }

    #[test]
    fn heads_are_told_apart_and_poolers_are_taken_where_they_are_used() {
        let file =
            ["bert.pooler.dense.weight", "cls.predictions.bias", "classifier.weight", "bert.embeddings.position_ids"];
        let (found, heads) = names(BertKind::Bert, Pooling::Pooler, &file);
        assert_eq!(found, ["pooler.dense.weight"]);
        assert_eq!(heads, ["cls.predictions.bias", "classifier.weight", "embeddings.position_ids"]);
        assert!(names(BertKind::Bert, Pooling::Mean, &file).0.is_empty());
        let file = ["classifier.dense.weight", "classifier.out_proj.weight", "roberta.pooler.dense.weight"];
        let (found, heads) = names(BertKind::Roberta, Pooling::Pooler, &file);
        assert_eq!((found.len(), found[0].as_str(), heads.len()), (1, "pooler.dense.weight", 2));
        let file = ["pre_classifier.bias", "distilbert.embeddings.LayerNorm.bias"];
        let (found, _) = names(BertKind::DistilBert, Pooling::Pooler, &file);
        assert_eq!(found, ["pooler.dense.bias", "embeddings.LayerNorm.bias"]);
    }
}
