//! What a folder of a published encoder holds: config, weights, tokenizer, and how sentence-transformers pools.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{BertConfig, BertKind, Pooling};
use crate::data::Tokens;
use crate::models::Trained;
use crate::{Error, Result};

/// The files that weights stand in, the first one that is there.
pub(super) const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// The files that tokens are made by, the first one that is there.
pub(super) const TOKENS: [&str; 2] = ["tokenizer.json", "vocab.txt"];
/// What else is read where it is there.
pub(super) const BESIDE: [&str; 4] =
    ["tokenizer_config.json", "sentence_bert_config.json", "modules.json", "1_Pooling/config.json"];

/// The most tokens of a text where no file says how many.
const TOKENS_AT_MOST: usize = 512;

/// What was read.
pub(super) struct Folder {
    pub config: BertConfig,
    pub trained: Trained,
    pub tokens: Tokens,
    /// How a text becomes a row, where the folder says so.
    pub pooling: Option<Pooling>,
}

impl Folder {
    /// Reads a folder, or the folder around a file of weights.
    pub fn read(path: &Path) -> Result<Folder> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_file() && !["safetensors", "bin", "pt", "pth", "json", "txt"].contains(&ending.as_str()) {
            return Err(Error::new(format!("`{}` is no encoder of text", path.display())).remedy(
                "name the folder in which its `config.json`, its weights and its tokenizer lie: `Bert::open(\"folder\")?`; a table is read by `TextTable::open`",
            ));
        }
        let (folder, weights) = match (path.is_dir(), path.parent()) {
            (true, _) => (inner(path), None),
            (false, Some(parent)) if path.is_file() => (parent.to_owned(), Some(path.to_owned())),
            _ => {
                let here = crate::paths::here();
                return Err(Error::new(format!("no encoder could be read from {}: it is not there", path.display()))
                    .remedy(format!(
                        "check the path; cells run in `{here}`, or give it in full; an encoder on the Hugging Face hub is `Bert::hub(\"{}\")?`",
                        path.display()
                    )));
            }
        };
        let weights = match weights {
            Some(weights) => weights,
            None => one_of(&folder, &WEIGHTS)?,
        };
        let config = one_of(&folder, &["config.json"])?;
        let config = BertConfig::from_json(&text(&config)?)
            .map_err(|error| Error::new(format!("`{}` cannot be used", config.display())).caused_by(error))?;
        let tokens = tokens(&folder, most_tokens(&folder, &config))?;
        let all = tokens.all();
        if config.kind == BertKind::Roberta && all.contains_key("[CLS]") && !all.contains_key("<s>") {
            let what = format!(
                "the config of {} says RoBERTa, whose texts begin with `<s>`; the tokenizer beside it begins them with `[CLS]`, as BERT's do",
                folder.display()
            );
            return Err(Error::new(what).remedy("take the config and the tokenizer that came with the weights"));
        }
        let pooling = pooling(path, &folder)?;
        Ok(Folder { tokens, pooling, trained: Trained::open(&weights)?, config })
    }
}

/// Where the encoder itself lies: sentence-transformers' older folders have one of their own for it.
fn inner(folder: &Path) -> PathBuf {
    let own = folder.join("0_Transformer");
    if !folder.join("config.json").is_file() && own.join("config.json").is_file() { own } else { folder.to_owned() }
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(format!("`{}` cannot be read", path.display())).caused_by(error))
}

/// The first of these files that is there.
fn one_of(folder: &Path, names: &[&str]) -> Result<PathBuf> {
    if let Some(found) = names.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Ok(found);
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut there: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    there.sort();
    let parts = there.iter().any(|name| name.ends_with(".index.json"));
    let there = if there.is_empty() { "nothing".to_owned() } else { there.join(", ") };
    let wanted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let what = format!("{} has no {}; it has {there}", folder.display(), wanted.join(" and no "));
    Err(Error::new(what).remedy(match parts {
        true => "weights in several files are not read: save them as one, with `safetensors.torch.save_file` of the whole".to_owned(),
        false => format!(
            "an encoder's folder holds `config.json`, `{}` (or `{}`) and `{}` (or `{}`), as Hugging Face's `save_pretrained` writes it",
            WEIGHTS[0], WEIGHTS[1], TOKENS[0], TOKENS[1]
        ),
    }))
}

/// A file's JSON, where there is such a file.
fn json(path: &Path) -> Result<Option<Value>> {
    if !path.is_file() {
        return Ok(None);
    }
    let value = serde_json::from_str(&text(path)?);
    value.map(Some).map_err(|error| Error::new(format!("`{}` cannot be read", path.display())).caused_by(error))
}

fn tokens(folder: &Path, most: usize) -> Result<Tokens> {
    let path = one_of(folder, &TOKENS)?;
    if path.ends_with(TOKENS[0]) {
        return Tokens::open(&path, most);
    }
    let said = json(&folder.join("tokenizer_config.json"))?;
    let lower = said.and_then(|said| said.get("do_lower_case")?.as_bool()).unwrap_or(true);
    Tokens::from_vocab(&text(&path)?, lower, most)
        .map_err(|error| Error::new(format!("`{}` cannot be used", path.display())).caused_by(error))
}

/// What the folder says of the most tokens, within what the encoder has places for.
fn most_tokens(folder: &Path, config: &BertConfig) -> usize {
    let number = |file: &str, key: &str| json(&folder.join(file)).ok()??.get(key)?.as_u64();
    let said = number("sentence_bert_config.json", "max_seq_length");
    let said = said.or_else(|| number("tokenizer_config.json", "model_max_length"));
    let said = said.and_then(|said| usize::try_from(said).ok()).filter(|said| *said > 0);
    said.unwrap_or(TOKENS_AT_MOST).min(config.max_tokens())
}

/// How sentence-transformers makes a row of a text, where the folder says so; what is not known here is refused.
fn pooling(path: &Path, folder: &Path) -> Result<Option<Pooling>> {
    let (outer, own) = (path.join("1_Pooling/config.json"), folder.join("1_Pooling/config.json"));
    let file = if outer.is_file() { outer } else { own };
    let Some(said) = json(&file)? else { return Ok(None) };
    let on: Vec<String> = said
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(key, _)| key.trim_start_matches("pooling_mode_").to_owned())
        .collect();
    let mode = said.get("pooling_mode").and_then(Value::as_str).map(str::to_owned);
    match on.first().or(mode.as_ref()).map(String::as_str) {
        Some("mean_tokens" | "mean") if on.len() < 2 => Ok(Some(Pooling::Mean)),
        Some("cls_token" | "cls") if on.len() < 2 => Ok(Some(Pooling::Cls)),
        None => Ok(None),
        _ => {
            let what = format!("`{}` pools by {}, which is not known here", file.display(), on.join(" and "));
            Err(Error::new(what).remedy("known are the mean of the tokens and the first token; choose another encoder"))
        }
    }
}
