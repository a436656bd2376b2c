//! Encoders of text beside transformers' own (`../reference/bert.py`).

use std::collections::HashMap;

use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{BertConfig, BertLayout, HeadMaker, Network, Pooling};
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;
use candlewick_prelude::{Error, Result, ops};

use super::common::{close, four, largest, numbers, values};

const KINDS: [&str; 4] = ["bert", "gelu_new", "distilbert", "roberta"];

struct Reference {
    kind: &'static str,
    saved: HashMap<String, Tensor>,
    config: BertConfig,
}

impl Reference {
    fn of(kind: &'static str) -> Result<Reference> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let saved = safetensors::load(format!("{folder}/bert.safetensors"), &Device::Cpu)?;
        let configs: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(format!("{folder}/bert.json"))?)
            .map_err(|error| Error::new("bert.json").caused_by(error))?;
        Ok(Reference { kind, saved, config: BertConfig::from_json(&configs[kind].to_string())? })
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        let name = format!("{}/{name}", self.kind);
        self.saved.get(&name).ok_or_else(|| Error::new(name))
    }

    fn batch(&self) -> Result<Fields> {
        let field = |name: &str| -> Result<Tensor> { Ok(self.get(name)?.to_dtype(DType::U32)?) };
        Ok(Fields::of(field::IDS, field("ids")?).with(field::TYPES, field("types")?).with(field::MASK, field("mask")?))
    }

    /// The published names of parameters that have a gradient.
    fn names(&self) -> Vec<String> {
        let prefix = format!("{}/grad/", self.kind);
        let mut names: Vec<String> =
            self.saved.keys().filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned)).collect();
        names.sort();
        names
    }

    fn weights(&self) -> Result<Vec<(String, Tensor)>> {
        let dims = shapes(&self.config);
        let mut tensors = Vec::new();
        for name in self.names().iter().filter(|name| !name.starts_with("head.")) {
            let dims = dims(name);
            let value = values(name, &dims)?.to_dtype(DType::F64)?;
            tensors.push((name.clone(), if dims.len() > 1 { (value * 0.5)? } else { value }));
        }
        Ok(tensors)
    }

    fn network(&self, pooling: Pooling) -> Result<Network> {
        let params = ParamSet::of(DType::F64, &Device::Cpu, 0);
        let network = Network::bert(params, BertLayout::new(self.config.clone(), pooling), HeadMaker::classes(2))?;
        network.load_body(&self.weights()?, self.kind)?;
        for (name, dims) in [("head.linear.weight", &[2, 16][..]), ("head.linear.bias", &[2])] {
            network.params().get(name).expect("the head").set(&values(name, dims)?)?;
        }
        Ok(network)
    }
}

/// The shape of a parameter by its published name.
fn shapes(config: &BertConfig) -> impl Fn(&str) -> Vec<usize> {
    let (width, between) = (config.hidden_size, config.intermediate_size);
    let (tokens, places, types) = (config.vocab_size, config.max_position_embeddings, config.type_vocab_size);
    move |name: &str| {
        let out = if name.contains("intermediate.dense") || name.contains("lin1") { between } else { width };
        let back = name.contains("lin2") || (name.contains(".output.dense") && !name.contains("attention"));
        match name {
            _ if name.contains("word_embeddings") => vec![tokens, width],
            _ if name.contains("position_embeddings") => vec![places, width],
            _ if name.contains("token_type_embeddings") => vec![types, width],
            _ if name.contains("LayerNorm") || name.contains("layer_norm") => vec![width],
            _ if name.ends_with("bias") => vec![out],
            _ if back => vec![width, between],
            _ => vec![out, width],
        }
    }
}

/// What a parameter of this published name is called here.
fn own(name: &str) -> String {
    let encoder = ["distilbert.", "roberta.", "bert."].iter().find_map(|before| name.strip_prefix(before));
    let mut name = encoder.unwrap_or(name).to_owned();
    for (from, to) in [
        ("transformer.layer", "encoder.layer"),
        ("attention.q_lin", "attention.self.query"),
        ("attention.k_lin", "attention.self.key"),
        ("attention.v_lin", "attention.self.value"),
        ("attention.out_lin", "attention.output.dense"),
        ("sa_layer_norm", "attention.output.LayerNorm"),
        ("ffn.lin1", "intermediate.dense"),
        ("ffn.lin2", "output.dense"),
        ("output_layer_norm", "output.LayerNorm"),
        ("pre_classifier", "pooler.dense"),
        ("classifier.dense", "pooler.dense"),
    ] {
        name = name.replace(from, to);
    }
    name
}

fn same(what: &str, found: &Tensor, expected: &Tensor) -> Result<()> {
    let expected = numbers(expected)?;
    close(what, &numbers(found)?, &expected, largest(&expected), 1e-6);
    Ok(())
}

#[test]
fn rows_of_tokens_and_of_texts_are_transformers() -> Result<()> {
    for kind in KINDS {
        let reference = Reference::of(kind)?;
        for (pooling, name) in [(Pooling::Mean, "mean"), (Pooling::Cls, "cls"), (Pooling::Pooler, "pooler")] {
            let network = reference.network(pooling)?;
            let batch = reference.batch()?;
            let pooled = network.features_from(0, &batch, &Pass::eval())?;
            assert_eq!(pooled.names().collect::<Vec<_>>(), ["features"]);
            assert_eq!(pooled.get(field::FEATURES)?.dims(), [3, 16]);
            same(&format!("{kind}: {name}"), pooled.get(field::FEATURES)?, reference.get(name)?)?;
            // the same in two halves, by way of rows of tokens
            let half = network.stem(2, &batch)?;
            assert_eq!(
                (half.get(field::FEATURES)?.dims(), half.get(field::LENGTHS)?.dims()),
                (&[13, 16][..], &[3][..])
            );
            let joined = network.features_from(2, &half, &Pass::eval())?;
            same(&format!("{kind}: {name} by halves"), joined.get(field::FEATURES)?, reference.get(name)?)?;
        }
    }
    Ok(())
}

#[test]
fn loss_gradients_and_a_step_of_adamw_are_transformers() -> Result<()> {
    for kind in KINDS {
        let reference = Reference::of(kind)?;
        let network = reference.network(Pooling::Pooler)?;
        let pass = Pass::train_without_noise();
        let said = network.rest(0, &reference.batch()?, &pass)?;
        let truth = Tensor::new(&[1u32, 0, 1], &Device::Cpu)?;
        let loss = ops::cross_entropy(said.get(field::LOGITS)?, &truth, &ops::CrossEntropy::default())?;
        same(&format!("{kind}: loss"), &loss.reshape(1)?, reference.get("loss")?)?;
        let grads = ops::backward(&loss)?;
        Optimizer::adamw().decay_all().step(&network.params().trainable(), &grads, |_| 1e-3, None)?;
        let mut seen = 0;
        for name in reference.names() {
            let param = network.params().get(&own(&name)).unwrap_or_else(|| panic!("{kind}: {name}"));
            let expected = numbers(reference.get(&format!("grad/{name}"))?)?;
            let grad = numbers(grads.get(param.var()).unwrap_or_else(|| panic!("{kind}: {name} has no gradient")))?;
            // what softmax takes out again, such as a bias of the keys, has a gradient of noise
            let scale = expected[4].max(1e-9);
            close(&format!("{kind}: {name}"), &four(&grad), &expected[..4], scale, 1e-6);
            assert!((largest(&grad) - expected[4]).abs() < 1e-6 * scale, "{kind}: {name}");
            // of a gradient of noise the first step of Adam has nothing but the sign
            if expected[4] > 1e-9 {
                let after = numbers(reference.get(&format!("adamw/{name}"))?)?;
                close(&format!("{kind}: {name} after a step"), &four(&numbers(&param.value())?), &after, 1.0, 1e-6);
            }
            seen += 1;
        }
        assert_eq!(seen, network.params().params().len(), "{kind}: every parameter is compared");
    }
    Ok(())
}
