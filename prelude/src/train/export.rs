//! A learner's network as an ONNX file, with what a program has to know to use it.

use std::path::Path;

use candle_core::Device;
use serde_json::{Value, json};

use super::learner::Learner;
use crate::data::{Input, ResizeMethod, Spec, Target, field};
use crate::params::write_whole;
use crate::paths;
use crate::{Error, Result, show};

/// What is done to a picture before it goes in, as the prelude does it.
const PREPARE: &str = "turn as its EXIF orientation says; lay transparency onto white; resize bilinearly with antialiasing (Pillow's BILINEAR) as \
                       `resize` says; divide by 255; subtract `mean` and divide by `std`, channel by channel";

/// What is done to texts before they go in.
const TEXTS: &str = "cut into tokens with `tokenizer`, which cuts at `max_tokens`, the special ones among them, and pads the shorter texts of a batch at the \
                     end with `pad_token_id`; `attention_mask` is 1 where there is a token, 0 where there is padding; `token_type_ids`, where \
                     the network takes them, are 0 for the first text and 1 for the second";

/// The version of the keys that a file has.
const FORMAT: &str = "candlewick onnx 1";

impl Learner {
    /// Writes the network that predicts, in evaluation mode, as an ONNX file (operators of version 17), which onnxruntime and many others run.
    ///
    /// It takes `image` (N, 3, size, size) of f32, or `input` (N, …) where no pictures go in, with any N, prepared as the file's metadata say; of
    /// texts, as Hugging Face calls them, `input_ids`, `attention_mask` and, where the encoder has types, `token_type_ids` (N, T) of i64 with any T.
    /// It gives what the network says, such as `logits` (N, classes): **softmax and sigmoid are not applied**. A detector's boxes are not
    /// decoded. Where a moving average of the weights is kept, it is the average that is written.
    ///
    /// The metadata (`metadata_props`) have these keys, lists and maps as JSON:
    ///
    /// | key | what it says |
    /// |---|---|
    /// | `format`, `candlewick_version` | `candlewick onnx 1`, and who wrote it |
    /// | `network`, `task` | `resnet18`, `classify` |
    /// | `names` | the classes, labels or numbers, in the order of the outputs |
    /// | `outputs` | for each output its shape, what it means, and what is still to be done with it |
    /// | `thresholds` | of several labels: what each label's probability has to reach |
    /// | `size` | the side of the square picture |
    /// | `resize` | how it becomes one: `crop` (the middle square), `stretch`, `pad` (the whole on grey 114, in the middle), `pad_end` (at the upper left) |
    /// | `prepare` | all steps from the file of a picture to the input, in words |
    /// | `channels`, `layout` | `RGB`, `NCHW` |
    /// | `mean`, `std` | of values from 0 to 1: (value − mean) / std a channel |
    /// | `max_tokens`, `pad_token_id` | of texts: the most tokens, and the number that pads |
    /// | `tokenizer` | of texts: the whole `tokenizer.json`, which `tokenizers.Tokenizer.from_str` reads |
    ///
    /// A network of one's own is written if it is made of layers ([`Network::layer`](crate::models::Network::layer)) that say how
    /// ([`Layer::export`](crate::layers::Layer::export)).
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # fn cell(learner: Learner) -> Result<()> {
    /// learner.export_onnx("model.onnx")?;
    /// // in Python: onnxruntime.InferenceSession("model.onnx").run(["logits"], {"image": x})
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the path does not end with `.onnx`, a layer cannot be written as ONNX, weights are no numbers, there are more than 2 GB of them, or the file cannot be written; one that
    /// was there before is then as it was.
    pub fn export_onnx(&self, path: impl AsRef<Path>) -> Result<()> {
        self.export_at(&paths::expanded(path.as_ref()))
    }

    fn export_at(&self, path: &Path) -> Result<()> {
        if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
            return Err(Error::new(format!("`{}` does not end with .onnx", path.display())).remedy(
                "name a file such as `model.onnx`; `learner.save(\"model.safetensors\")?` keeps what `learner.load` reads again",
            ));
        }
        let mut model = self.judged().to_onnx(&self.spec.input)?;
        let outputs: serde_json::Map<String, Value> = model
            .outputs
            .iter()
            .map(|(name, value)| {
                (name.to_owned(), Value::String(format!("(N, {}): {}", shape(value.dims()), meaning(name, &self.spec))))
            })
            .collect();
        let mut say = |key: &str, value: String| model.metadata.push((key.to_owned(), value));
        say("format", FORMAT.to_owned());
        say("candlewick_version", env!("CARGO_PKG_VERSION").to_owned());
        say("network", self.network.name().to_owned());
        say("task", self.task.name().to_owned());
        say("names", json!(self.classes()).to_string());
        say("outputs", Value::Object(outputs).to_string());
        if let Input::Picture(transform) = self.spec.input {
            let resize = match transform.resize {
                ResizeMethod::Crop => "crop",
                ResizeMethod::Stretch => "stretch",
                ResizeMethod::Pad => "pad",
                ResizeMethod::PadEnd => "pad_end",
            };
            say("size", transform.size.to_string());
            say("resize", resize.to_owned());
            say("prepare", PREPARE.to_owned());
            say("channels", "RGB".to_owned());
            say("layout", "NCHW".to_owned());
            say("mean", format!("{:?}", transform.normalize.mean));
            say("std", format!("{:?}", transform.normalize.std));
        }
        let buffers = self.judged().params().buffers();
        if let Some(kept) = buffers.iter().find(|buffer| buffer.name().ends_with("threshold")) {
            say("thresholds", json!(kept.value().to_device(&Device::Cpu)?.to_vec1::<f32>()?).to_string());
        }
        if let Some(tokens) = self.spec.tokens() {
            say("max_tokens", tokens.max_tokens().to_string());
            say("pad_token_id", tokens.pad().to_string());
            say("prepare", TEXTS.to_owned());
            say("tokenizer", tokens.written()?);
        }
        write_whole(path, &model.bytes()?)?;
        let into = model.inputs.iter().map(|value| value.name()).collect::<Vec<_>>().join(", ");
        let outputs: Vec<&str> = model.outputs.iter().map(|(name, _)| name).collect();
        show::written(
            path,
            &format!("{} for {}, {into} → {}", self.network.name(), self.task.name(), outputs.join(", ")),
        );
        Ok(())
    }
}

fn shape(dims: &[usize]) -> String {
    let one = |dim: &usize| if *dim == 0 { "T".to_owned() } else { dim.to_string() };
    dims.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What an output means, and what is still to be done with it.
fn meaning(name: &str, spec: &Spec) -> &'static str {
    match (name, &spec.target) {
        (field::LOGITS, Target::Class(_)) => {
            "a number a class; softmax is not applied, its result is the probabilities"
        }
        (field::LOGITS, Target::Classes(_)) => {
            "a number a label; sigmoid is not applied, its result is each label's probability"
        }
        (field::NUMBERS, _) => "the numbers, as they are",
        (field::BOX, _) => "centre x, centre y, width and height in shares of the side of the network's square",
        (field::YOLOX, _) => {
            "a column a cell, row by row, of strides 8, then 16, then 32: dx, dy, log w, log h, whether something is there, a number a class. Not \
             decoded: centre = (column + dx, row + dy) * stride, size = exp(log w, log h) * stride, in pixels of the square; score = \
             sigmoid(there) * sigmoid(class); overlapping boxes are not suppressed"
        }
        (field::YOLOV8, _) => {
            "a column a cell, row by row, of strides 8, then 16, then 32: 16 numbers for each of left, top, right and bottom, then a number a class. \
             Not decoded: each distance is the mean of 0 to 15 under softmax of its 16, times the stride, in pixels from the cell's centre \
             ((column + 0.5, row + 0.5) * stride); score = sigmoid(class); overlapping boxes are not suppressed"
        }
        _ => "as the network says it",
    }
}
