//! Adapters in PEFT's folders: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use serde_json::{Map, Value, json};

use super::adapter::{AdapterPlan, named};
use crate::layers::Lora;
use crate::params::{NamedTensors, read_tensors, read_whole, write_tensors, write_whole};
use crate::{Error, Result};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// What PEFT wrote before it wrote safetensors.
const OLDER: &str = "adapter_model.bin";
/// What PEFT puts before every name.
const PREFIX: &str = "base_model.model.";
/// Where our own files say what the head tells apart.
const CLASSES: &str = "classes";

/// Options of PEFT that change what an adapter is, and that there is nothing like here: a file that uses one is refused.
const OTHERS: [&str; 15] = [
    "use_dora",
    "use_qalora",
    "lora_bias",
    "fan_in_fan_out",
    "rank_pattern",
    "alpha_pattern",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
];

/// An adapter as a folder holds it, under the folder's names.
#[derive(Debug)]
pub struct AdapterFile {
    /// Where it lies.
    pub origin: String,
    /// How it is.
    pub lora: Lora,
    /// The layers, and their matrices A and B.
    pub layers: Vec<(String, Tensor, Tensor)>,
    /// What was trained whole beside them: the head.
    pub rest: NamedTensors,
    /// What the head tells apart, where the file says so.
    pub classes: Option<Vec<String>>,
}

impl AdapterFile {
    /// Reads a folder that PEFT or [`write_adapter`] wrote.
    ///
    /// # Errors
    /// When a file is missing or damaged, is of another method than LoRA, or uses an option that there is nothing like here.
    pub fn read(path: &Path) -> Result<AdapterFile> {
        // the file within the folder means the folder
        let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        let origin = folder.display().to_string();
        let config = folder.join(CONFIG);
        if !config.is_file() {
            let there = if folder.is_dir() { "it is no adapter's folder" } else { "there is no such folder" };
            return Err(Error::new(format!("{origin} holds no `{CONFIG}`: {there}")).remedy(
                "name the folder that `learner.save_adapter(path)?` or PEFT's `model.save_pretrained(path)` wrote; a file of `learner.save` is \
                 for `learner.load(path)?`",
            ));
        }
        let config: Value = serde_json::from_slice(&read_whole(&config)?)
            .map_err(|error| Error::new(format!("{} is no JSON", config.display())).caused_by(error))?;
        let lora = options(&config, &origin)?;
        let tensors = [TENSORS, OLDER].map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
        let Some(tensors) = tensors else {
            return Err(Error::new(format!("{origin} holds no `{TENSORS}`")).remedy("copy the folder again, whole"));
        };
        let (tensors, metadata) = read_tensors(&read_whole(&tensors)?, &tensors.display().to_string())?;
        let classes = metadata.get(CLASSES).and_then(|names| serde_json::from_str(names).ok());
        let (mut down, mut up, mut rest) = (HashMap::new(), HashMap::new(), Vec::new());
        for (name, tensor) in tensors {
            let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
            // of one adapter PEFT leaves its name out; others do not
            match (name.split_once("lora_A."), name.split_once("lora_B.")) {
                (Some((layer, _)), _) => drop(down.insert(layer.trim_end_matches('.').to_owned(), tensor)),
                (_, Some((layer, _))) => drop(up.insert(layer.trim_end_matches('.').to_owned(), tensor)),
                _ if name.contains("original_module.") => {}
                _ => rest.push((name.replace("modules_to_save.default.", ""), tensor)),
            }
        }
        let mut layers = Vec::with_capacity(down.len());
        for (layer, a) in down {
            let b = up.remove(&layer).ok_or_else(|| lacks(&origin, &layer, "B"))?;
            layers.push((layer, a, b));
        }
        if let Some(layer) = up.keys().next() {
            return Err(lacks(&origin, layer, "A"));
        }
        if layers.is_empty() {
            return Err(Error::new(format!("{origin} holds no matrix of an adapter (`….lora_A.weight`)"))
                .remedy("save it again: `learner.save_adapter(path)?`"));
        }
        layers.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(AdapterFile { origin, lora, layers, rest, classes })
    }
}

fn lacks(origin: &str, layer: &str, matrix: &str) -> Error {
    Error::new(format!("{origin} lacks the matrix {matrix} beside `{layer}`")).remedy("copy the folder again, whole")
}

/// How a configuration says that the adapter is.
fn options(config: &Value, origin: &str) -> Result<Lora> {
    let refuse = |what: String| {
        Error::new(format!("{origin}: {what}")).remedy(
            "train or save it without that option; or merge it there, `model.merge_and_unload()`, and start from the whole weights",
        )
    };
    let kind = config["peft_type"].as_str().unwrap_or("nothing");
    if kind != "LORA" {
        return Err(refuse(format!("`peft_type` is {kind}; LORA is what can be read")));
    }
    let is_off = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(all) => all.is_empty(),
        Value::Array(all) => all.is_empty(),
        _ => false,
    };
    if let Some(option) = OTHERS.iter().find(|option| !is_off(&config[**option])) {
        return Err(refuse(format!("`{option}` is {}; there is nothing like it here", config[*option])));
    }
    if let Some(bias) = config["bias"].as_str().filter(|bias| *bias != "none") {
        return Err(refuse(format!(
            "`bias` is {bias}: biases of the base were trained too; `none` is what can be read"
        )));
    }
    // these begin from another base, which is not in the file
    let first = config["init_lora_weights"].as_str().unwrap_or_default().to_lowercase();
    if ["pissa", "olora", "corda", "loftq", "mica"].iter().any(|kind| first.starts_with(kind)) {
        return Err(refuse(format!("`init_lora_weights` is {first}, which changes the base's weights at the start")));
    }
    let number = |name: &str| {
        config[name].as_f64().ok_or_else(|| refuse(format!("`{name}` is {}; expected a number", config[name])))
    };
    let targets: Vec<&str> =
        config["target_modules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let dropout = config["lora_dropout"].as_f64().unwrap_or(0.0);
    let lora =
        Lora::rank(number("r")?.max(0.0) as usize).alpha(number("lora_alpha")?).dropout(dropout).targets(&targets);
    let lora = if config["use_rslora"] == Value::Bool(true) { lora.rslora() } else { lora };
    lora.check().map_err(|error| Error::new(format!("{origin}: its options make no sense")).caused_by(error))?;
    Ok(lora)
}

/// An adapter to be written: its plan, its values by their names here, and its head.
pub struct AdapterToWrite<'a> {
    /// Its name, how it is, and beside which layers.
    pub plan: &'a AdapterPlan,
    /// A's and B's values by their names here.
    pub matrices: &'a [(String, Tensor)],
    /// What stands before the layers' names in the file.
    pub start: &'a str,
    /// The head's values, by the names that the file is to have.
    pub head: &'a [(String, Tensor)],
    /// The head's parts, by the same names.
    pub head_parts: &'a [String],
    /// What the head tells apart.
    pub classes: &'a [String],
}

/// Writes an adapter as PEFT does, into a folder that is made where there is none.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn write_adapter(folder: &Path, adapter: &AdapterToWrite) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::new(format!("the folder {} cannot be made", folder.display()))
            .caused_by(error)
            .remedy("name a folder that there is none of yet, or one that holds an adapter: `learner.save_adapter(\"reviews_lora\")?`")
    })?;
    let plan = adapter.plan;
    let mut tensors = Vec::new();
    for layer in &plan.layers {
        for (own, matrix) in [(plan.down(layer), "lora_A.weight"), (plan.up(layer), "lora_B.weight")] {
            let value = adapter.matrices.iter().find(|(name, _)| *name == own).map(|(_, value)| value.clone());
            let value = value.ok_or_else(|| Error::new(format!("the adapter's `{own}` is missing")))?;
            tensors.push((format!("{PREFIX}{}{}", adapter.start, named(layer, matrix)), value));
        }
    }
    tensors.extend(adapter.head.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone())));
    let classes = json!(adapter.classes).to_string();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned()), (CLASSES.to_owned(), classes)]);
    let config = serde_json::to_string_pretty(&config(plan, adapter.head_parts)).unwrap_or_default();
    let place = |name: &str| -> PathBuf { folder.join(name) };
    write_tensors(&place(TENSORS), &tensors, metadata)?;
    write_whole(&place(CONFIG), format!("{config}\n").as_bytes())
}

/// What PEFT writes of its options; those that are off are left to its defaults.
fn config(plan: &AdapterPlan, head_parts: &[String]) -> Value {
    let alpha = plan.lora.strength();
    let alpha = if alpha.fract() == 0.0 { json!(alpha as i64) } else { json!(alpha) };
    let mut all = Map::new();
    for (name, value) in [
        ("peft_type", json!("LORA")),
        ("task_type", Value::Null),
        ("base_model_name_or_path", Value::Null),
        ("inference_mode", json!(true)),
        ("r", json!(plan.lora.directions())),
        ("lora_alpha", alpha),
        ("lora_dropout", json!(plan.lora.share_dropped())),
        ("use_rslora", json!(plan.lora.is_rslora())),
        ("use_dora", json!(false)),
        ("bias", json!("none")),
        ("fan_in_fan_out", json!(false)),
        ("init_lora_weights", json!(true)),
        ("target_modules", json!(plan.layers)),
        ("modules_to_save", json!(head_parts)),
        ("rank_pattern", json!({})),
        ("alpha_pattern", json!({})),
    ] {
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}
