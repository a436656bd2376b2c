//! Whether weights are those of a config: each size is compared by name.

use candle_core::Tensor;

use super::names::{Adopted, adopt};
use super::{BertConfig, BertKind, BertLayout};
use crate::models::lookalike;
use crate::params::{LoadReport, ParamSet, is_under};
use crate::{Error, Result};

/// Refuses a config that says another size than the weights have; the error names both.
///
/// # Errors
/// The refusal.
pub(super) fn check(config: &BertConfig, tensors: &[(String, Tensor)], origin: &str) -> Result<()> {
    let dims = |name: &str| tensors.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor.dims().to_vec());
    let refuse = |key: &str, said: usize, what: &str, found: usize| {
        Err(Error::new(format!("the config says `{key}` {said}; the weights of {origin} have {what} {found}"))
            .remedy("take the `config.json` that came with the weights"))
    };
    let row = |table: &str| dims(&format!("embeddings.{table}.weight"));
    let Some([tokens, width]) =
        row("word_embeddings").as_deref().map(|dims| [dims[0], dims.get(1).copied().unwrap_or(0)])
    else {
        if let Some(kind) = lookalike::kind(tensors).filter(|kind| kind != lookalike::TEXT) {
            return Err(lookalike::no_text(&kind, origin));
        }
        let some: Vec<String> = tensors.iter().take(3).map(|(name, _)| format!("`{name}`")).collect();
        let some = if some.is_empty() { "no tensors".to_owned() } else { some.join(", ") };
        return Err(Error::new(format!(
            "{origin} holds no encoder of text: it has no `embeddings.word_embeddings.weight`"
        ))
        .remedy(format!("it has {some}, …: choose a file of BERT, DistilBERT, MiniLM or RoBERTa")));
    };
    let [size, heads] = match config.kind {
        BertKind::DistilBert => ["dim", "n_layers"],
        BertKind::Bert | BertKind::Roberta => ["hidden_size", "num_hidden_layers"],
    };
    if width != config.hidden_size {
        return refuse(size, config.hidden_size, "rows of", width);
    }
    if tokens != config.vocab_size {
        return refuse("vocab_size", config.vocab_size, "embeddings of tokens:", tokens);
    }
    let number = |name: &String| name.strip_prefix("encoder.layer.")?.split('.').next()?.parse::<usize>().ok();
    let layers = tensors.iter().filter_map(|(name, _)| number(name)).max().map_or(0, |last| last + 1);
    if layers != config.num_hidden_layers {
        return refuse(heads, config.num_hidden_layers, "layers:", layers);
    }
    for (table, key, said) in [
        ("position_embeddings", "max_position_embeddings", config.max_position_embeddings),
        ("token_type_embeddings", "type_vocab_size", config.type_vocab_size),
    ] {
        if let Some(found) = row(table).map(|dims| dims[0]).filter(|found| *found != said) {
            return refuse(key, said, &format!("rows of `{table}`:"), found);
        }
    }
    let between = dims("encoder.layer.0.intermediate.dense.weight").map(|dims| dims[0]);
    if let Some(found) = between.filter(|found| *found != config.intermediate_size) {
        let key = if config.kind == BertKind::DistilBert { "hidden_dim" } else { "intermediate_size" };
        return refuse(key, config.intermediate_size, "rows between the two matrices:", found);
    }
    Ok(())
}

/// Whether the matrix of the layout's pooler is among these tensors.
pub(super) fn has_pooler(layout: &BertLayout, tensors: &[(String, Tensor)]) -> bool {
    let Adopted { tensors, .. } = adopt(layout.config.kind, super::Pooling::Pooler, tensors);
    tensors.iter().any(|(name, _)| name == "pooler.dense.weight")
}

impl BertLayout {
    /// Takes an encoder's weights over by name, published names included, where `wanted` accepts them.
    pub(in crate::models) fn load(
        &self,
        params: &ParamSet,
        tensors: &[(String, Tensor)],
        origin: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<LoadReport> {
        let Adopted { mut tensors, heads } = adopt(self.config.kind, self.pooling, tensors);
        check(&self.config, &tensors, origin)?;
        // what a learner wrote has its own head under the name that it has here
        tensors.retain(|(name, _)| !is_under(name, "head") || wanted(name));
        let mut report = params.load_where(&tensors, wanted)?;
        let may_lack = |name: &str| is_under(name, "head") || (self.new_pooler && is_under(name, "pooler"));
        let lacking: Vec<&String> = report.new.iter().filter(|name| !may_lack(name)).collect();
        if let Some(wrong) = report.wrong_shape.iter().find(|wrong| !is_under(&wrong.name, "head")) {
            let what = format!("{origin} does not fit this encoder: `{}` is {:?} here", wrong.name, wrong.expected);
            return Err(Error::new(format!("{what}, {:?} in the file", wrong.found))
                .remedy("take the `config.json` that came with the weights"));
        }
        if let Some(first) = lacking.first() {
            let (count, all) = (lacking.len(), report.loaded.len() + lacking.len());
            let what = format!("{origin} lacks {count} of the encoder's {all} parameters, such as `{first}`");
            return Err(Error::new(what).remedy("it may be cut off, or of another kind than the config says"));
        }
        report.ignored.extend(heads);
        Ok(report)
    }
}
