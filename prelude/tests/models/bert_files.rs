//! Encoders of text in folders: what is read, what is taken over, what is refused.

use std::path::Path;

use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Arch, Bert, HeadMaker, Network, Pooling, Trained};
use candlewick_prelude::params::{ParamSet, write_tensors};
use candlewick_prelude::{Error, Result};

use super::common::{close, largest, numbers};

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn config() -> Result<String> {
    let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(fixture("bert.json"))?)
        .map_err(|error| Error::new("bert.json").caused_by(error))?;
    Ok(all["bert"].to_string())
}

/// A tokenizer of so many whole words.
fn tokenizer(words: usize) -> String {
    let word = |at: usize| match at {
        0 => "\"[PAD]\": 0".to_owned(),
        1 => "\"[UNK]\": 1".to_owned(),
        2 => "\"[CLS]\": 2".to_owned(),
        _ => format!("\"w{at}\": {at}"),
    };
    let vocab: Vec<String> = (0..words).map(word).collect();
    format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": {{"type": "Whitespace"}},
        "post_processor": null, "decoder": null, "model": {{"type": "WordLevel", "vocab": {{{}}}, "unk_token": "[UNK]"}}}}"#,
        vocab.join(", ")
    )
}

/// A folder as Hugging Face writes it, with transformers' own `pytorch_model.bin`.
fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(fixture("bert_model.bin"), folder.path().join("pytorch_model.bin"))?;
    std::fs::write(folder.path().join("config.json"), config()?)?;
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer(31))?;
    Ok(folder)
}

fn network(bert: &Bert) -> Result<Network> {
    Ok(bert.network(ParamSet::of(DType::F64, &Device::Cpu, 0), HeadMaker::classes(2))?.0)
}

fn rows(network: &Network) -> Result<Vec<f64>> {
    let saved = safetensors::load(fixture("bert.safetensors"), &Device::Cpu)?;
    let field = |name: &str| -> Result<Tensor> { Ok(saved[&format!("bert/{name}")].to_dtype(DType::U32)?) };
    let batch =
        Fields::of(field::IDS, field("ids")?).with(field::TYPES, field("types")?).with(field::MASK, field("mask")?);
    numbers(network.features_from(0, &batch, &Pass::eval())?.get(field::FEATURES)?)
}

fn are(what: &str, found: &[f64], name: &str) -> Result<()> {
    let saved = safetensors::load(fixture("bert.safetensors"), &Device::Cpu)?;
    let expected = numbers(&saved[&format!("bert/{name}")])?;
    close(what, found, &expected, largest(&expected), 1e-5);
    Ok(())
}

#[test]
fn a_folder_is_read_whatever_stands_before_the_names() -> Result<()> {
    let folder = folder()?;
    let bert = Bert::open(folder.path())?;
    assert_eq!((bert.layout().pooling, bert.tokens().max_tokens()), (Pooling::Pooler, 12));
    let net = network(&bert)?;
    assert_eq!(net.parts(), ["embeddings", "encoder.layer.0", "encoder.layer.1", "pooler", "head"]);
    assert_eq!((net.backbone_parts(), net.name()), (4, "bert"));
    are("a .bin", &rows(&net)?, "pooler")?;
    let tensors = Trained::open(&folder.path().join("pytorch_model.bin"))?.tensors;
    for before in ["", "model.", "0.auto_model.", "model.0.auto_model."] {
        let rename = |name: &str| match name.strip_prefix("bert.") {
            Some(bare) => format!("{before}{bare}").replace("LayerNorm.weight", "LayerNorm.gamma"),
            None => name.to_owned(),
        };
        let named: Vec<(String, Tensor)> =
            tensors.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect();
        let file = folder.path().join("model.safetensors");
        write_tensors(&file, &named, Default::default())?;
        // a file stands for its folder
        are(before, &rows(&network(&Bert::open(&file)?)?)?, "pooler")?;
    }
    Ok(())
}

#[test]
fn a_network_is_copied_and_gets_a_new_head() -> Result<()> {
    let folder = folder()?;
    let net = network(&Bert::open(folder.path())?)?;
    are("a copy", &rows(&net.copy()?)?, "pooler")?;
    let other = net.with_head(HeadMaker::classes(5), 3)?;
    are("a new head", &rows(&other)?, "pooler")?;
    assert_eq!(other.params().get("head.linear.weight").expect("the head").var().dims(), [5, 16]);
    assert_eq!(other.bert_layout(), net.bert_layout());
    Ok(())
}

#[test]
fn pooling_is_the_folders_and_a_new_pooler_is_the_heads() -> Result<()> {
    let folder = folder()?;
    std::fs::create_dir(folder.path().join("1_Pooling"))?;
    let says = |json: &str| std::fs::write(folder.path().join("1_Pooling/config.json"), json);
    says(r#"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#)?;
    let bert = Bert::open(folder.path())?;
    assert_eq!(bert.layout().pooling, Pooling::Mean);
    let net = network(&bert)?;
    assert_eq!(net.parts(), ["embeddings", "encoder.layer.0", "encoder.layer.1", "head"]);
    are("mean", &rows(&net)?, "mean")?;
    are("first", &rows(&network(&bert.clone().pooling(Pooling::Cls))?)?, "cls")?;
    says(r#"{"pooling_mode_cls_token": false, "pooling_mode_max_tokens": true}"#)?;
    let refused = Bert::open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("pools by max_tokens, which is not known here"), "{refused}");
    std::fs::remove_dir_all(folder.path().join("1_Pooling"))?;
    let mut tensors = Trained::open(&folder.path().join("pytorch_model.bin"))?.tensors;
    tensors.retain(|(name, _)| !name.contains("pooler"));
    write_tensors(&folder.path().join("model.safetensors"), &tensors, Default::default())?;
    let (net, report) = Bert::open(folder.path())?.network(ParamSet::new(0), HeadMaker::classes(2))?;
    let report = report.expect("trained weights");
    assert_eq!(report.new, ["pooler.dense.weight", "pooler.dense.bias"]);
    assert!(report.ignored.contains(&"classifier.weight".to_owned()), "{report}");
    assert_eq!(net.backbone_parts(), 3, "what is new does not freeze with the backbone");
    assert_eq!(net.copy()?.backbone_parts(), 3);
    Ok(())
}

#[test]
fn a_config_that_lies_is_refused_with_both_numbers() -> Result<()> {
    let folder = folder()?;
    let fine = config()?;
    for (from, to, texts) in [
        ("\"hidden_size\":16", "\"hidden_size\":32", ["`hidden_size` 32", "rows of 16"]),
        ("\"num_hidden_layers\":2", "\"num_hidden_layers\":12", ["`num_hidden_layers` 12", "layers: 2"]),
        ("\"vocab_size\":31", "\"vocab_size\":30", ["`vocab_size` 30", "embeddings of tokens: 31"]),
        (
            "\"max_position_embeddings\":12",
            "\"max_position_embeddings\":512",
            ["512", "rows of `position_embeddings`: 12"],
        ),
        (
            "\"type_vocab_size\":2",
            "\"type_vocab_size\":1",
            ["`type_vocab_size` 1", "rows of `token_type_embeddings`: 2"],
        ),
        (
            "\"intermediate_size\":24",
            "\"intermediate_size\":64",
            ["`intermediate_size` 64", "between the two matrices: 24"],
        ),
        ("\"num_attention_heads\":4", "\"num_attention_heads\":5", ["5 heads", "16 numbers a token"]),
        ("\"layer_norm_eps\":1e-12", "\"layer_norm_eps\":5.0", ["`layer_norm_eps` is 5", "1e-12 is usual"]),
        ("\"model_type\":\"bert\"", "\"model_type\":\"roberta\"", ["says RoBERTa", "begins them with `[CLS]`"]),
        ("\"gelu\"", "\"gelu_new_2\"", ["`hidden_act` is `gelu_new_2`", "known are `gelu`"]),
    ] {
        assert!(fine.contains(from), "{from}");
        std::fs::write(folder.path().join("config.json"), fine.replacen(from, to, 1))?;
        let says = Bert::open(folder.path()).unwrap_err().to_string();
        assert!(texts.iter().all(|text| says.contains(text)), "{to}: {says}");
    }
    Ok(())
}

#[test]
fn what_is_missing_or_of_something_else_is_named() -> Result<()> {
    let says = |path: &Path| Bert::open(path).unwrap_err().to_string();
    let whole = folder()?;
    let folder = whole.path();
    std::fs::write(folder.join("tokenizer.json"), tokenizer(64))?;
    assert!(says(folder).contains("the tokenizer knows 64 tokens, and the encoder has embeddings of 31"));
    std::fs::write(folder.join("tokenizer.json"), "{}")?;
    assert!(says(folder).contains("tokenizer.json` cannot be read: not a tokenizer"));
    std::fs::remove_file(folder.join("tokenizer.json"))?;
    let text = says(folder);
    assert!(
        text.contains("has no `tokenizer.json` and no `vocab.txt`; it has config.json, pytorch_model.bin"),
        "{text}"
    );
    std::fs::write(folder.join("tokenizer.json"), tokenizer(31))?;
    std::fs::write(folder.join("model.safetensors.index.json"), "{}")?;
    std::fs::remove_file(folder.join("pytorch_model.bin"))?;
    assert!(says(folder).contains("weights in several files are not read"));
    std::fs::remove_file(folder.join("config.json"))?;
    assert!(says(&folder.join("nowhere")).contains("nowhere: it is not there"));
    // a body of pictures for texts, and the reverse
    let net = Network::new(Arch::ResNet18, HeadMaker::classes(2), &Device::Cpu, 0)?;
    let file = folder.join("model.safetensors");
    write_tensors(&file, &net.params().snapshot()?, Default::default())?;
    std::fs::write(folder.join("config.json"), config()?)?;
    let text = says(folder);
    assert!(text.contains("no encoder of text") && text.contains("resnet18"), "{text}");
    let texts = Trained::open(Path::new(&fixture("bert_model.bin")))?.tensors;
    let text = net.load_body(&texts, "bert_model.bin").unwrap_err().to_string();
    assert!(text.contains("a text model of the BERT kind") && text.contains("Learner::text"), "{text}");
    Ok(())
}

#[test]
fn batches_and_options_that_make_no_sense_are_refused() -> Result<()> {
    let folder = folder()?;
    let bert = Bert::open(folder.path())?;
    let net = network(&bert)?;
    let ids = |ids: &[u32]| Tensor::new(ids, &Device::Cpu)?.unsqueeze(0);
    let run = |batch: Fields| net.features_from(0, &batch, &Pass::eval()).unwrap_err().to_string();
    let text = run(Fields::of(field::IDS, ids(&[2, 31, 3])?));
    assert!(text.contains("token number 31; this encoder knows 31 tokens"), "{text}");
    let text = run(Fields::of(field::IDS, ids(&[2; 13])?));
    assert!(text.contains("13 tokens; this encoder knows 12 places") && text.contains("`.max_tokens(12)`"), "{text}");
    let text = run(Fields::of(field::IDS, ids(&[2, 4, 3])?).with(field::MASK, ids(&[0, 1, 1])?));
    assert!(text.contains("padding before or between tokens"), "{text}");
    let text = run(Fields::of(field::IDS, ids(&[2, 4, 3])?).with(field::TYPES, ids(&[0, 2, 1])?));
    assert!(text.contains("of type 2; this encoder knows 2 types"), "{text}");
    let text = run(Fields::of(field::IDS, ids(&[2, 4, 3])?).with(field::MASK, ids(&[1, 1])?));
    assert!(text.contains("the field `mask` is [1, 2], and `ids` is [1, 3]"), "{text}");
    let refused = |bert: Bert| network(&bert).unwrap_err().to_string();
    for most in [2, 13] {
        let text = refused(bert.clone().max_tokens(most));
        assert!(text.contains(&format!("`max_tokens` is {most}; expected 3 to 12")), "{text}");
    }
    assert!(refused(bert.clone().dropout(1.0)).contains("`hidden_dropout_prob` is 1; expected at least 0 and below 1"));
    let (_, report) = bert.untrained().network(ParamSet::new(0), HeadMaker::classes(2))?;
    assert!(report.is_none());
    Ok(())
}
