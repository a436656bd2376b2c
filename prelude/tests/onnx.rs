//! Networks as ONNX files: what stands in them, and files for `tests/reference/onnx_export.py`, which runs onnxruntime over them.
//!
//! Where `CANDLEWICK_ONNX` names a folder, each network is left there with an input and its answers.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use candlewick_prelude::Result;
use candlewick_prelude::data::{Fields, Input, Normalize, TensorData, TextTable, Tokens, field};
use candlewick_prelude::layers::{
    Activation, Attention, DropPath, Dropout, GlobalAvgPool, Layer, LayerNorm, Linear, MaxPool2d, Pass, Sequential,
};
use candlewick_prelude::layers::{BatchNorm2d, Conv2d, SqueezeExcite};
use candlewick_prelude::models::{Arch, Bert, BertConfig, BertKind, Detector, HeadMaker, Network, Pooling};
use candlewick_prelude::onnx::{OnnxGraph, OnnxModel, OnnxValue};
use candlewick_prelude::params::{ParamSet, write_tensors, write_whole};
use candlewick_prelude::train::{Classify, Learner};
use onnx_rs::ast::Dimension;

/// Where files are left for onnxruntime.
fn folder() -> Option<PathBuf> {
    std::env::var_os("CANDLEWICK_ONNX").map(PathBuf::from)
}

/// Numbers that look random, from -1 to 1.
fn noise(shape: &[usize], seed: u32) -> Result<Tensor> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Statistics and scales as a network has them that was trained, and answers that are not near to zero.
fn as_if_trained(network: &Network) -> Result<()> {
    for (at, buffer) in network.params().buffers().iter().enumerate() {
        let noise = noise(buffer.value().dims(), at as u32)?;
        buffer.set(&if buffer.name().ends_with("var") {
            noise.affine(0.3, 1.0)?
        } else {
            noise.affine(0.2, 0.0)?
        })?;
    }
    for (at, param) in network.params().params().iter().enumerate().filter(|(_, param)| param.value().rank() == 1) {
        let spread = noise(param.value().dims(), 1000 + at as u32)?.affine(0.1, 0.0)?;
        param.set(&(param.value() + spread)?)?;
    }
    Ok(())
}

/// Reads the file again, checks it against the network, and leaves it for onnxruntime.
fn check(name: &str, network: &Network, input: &Input) -> Result<Vec<String>> {
    let model = network.to_onnx(input)?;
    let bytes = model.bytes()?;
    let x = noise(&[&[2][..], &input.shape()].concat(), 7)?;
    let said = network.rest(0, &Fields::of(input.field(), x.clone()), &Pass::eval())?;
    let parsed = onnx_rs::parse(&bytes).expect("it is whole");
    let graph = parsed.graph.expect("there is one");
    assert_eq!(graph.input.len(), 1);
    assert_eq!(graph.input[0].name, input.field());
    let outputs: Vec<&str> = graph.output.iter().map(|value| value.name).collect();
    assert_eq!(outputs, said.names().collect::<Vec<_>>(), "{name}");
    for (output, (_, own)) in graph.output.iter().zip(said.iter()) {
        let dims = output.tensor_shape().expect("a shape").dim.len();
        assert_eq!(dims, own.rank(), "{name}");
    }
    // every parameter that the network has stands in the file, but for those that ViT adds up
    let missing: Vec<String> = network
        .params()
        .params()
        .iter()
        .filter(|param| graph.get_initializer(param.name()).is_none())
        .map(|param| param.name().to_owned())
        .collect();
    if let Some(folder) = folder() {
        write_whole(&folder.join(format!("{name}.onnx")), &bytes)?;
        let answers = said.iter().map(|(name, value)| (format!("out.{name}"), value.clone()));
        let all: Vec<(String, Tensor)> = std::iter::once((format!("in.{}", input.field()), x)).chain(answers).collect();
        write_tensors(&folder.join(format!("{name}.safetensors")), &all, Default::default())?;
    }
    Ok(missing)
}

fn picture(side: usize) -> Input {
    Input::Picture(Detector::YoloxNano.transform(side))
}

#[test]
fn every_architecture_is_written() -> Result<()> {
    // the VGGs are half a gigabyte each, and of the same layers
    let large = [Arch::Vgg11, Arch::Vgg16, Arch::Vgg16Bn];
    for arch in Arch::ALL.into_iter().filter(|arch| folder().is_some() || !large.contains(arch)) {
        let network = Network::new(arch, HeadMaker::classes(5), &Device::Cpu, 3)?;
        as_if_trained(&network)?;
        let missing = check(arch.name(), &network, &picture(64))?;
        let vit = [Arch::VitTiny, Arch::VitSmall].contains(&arch);
        assert_eq!(missing.len(), if vit { 2 } else { 0 }, "{arch}: {missing:?}");
    }
    let network = Network::new(Arch::VitTiny, HeadMaker::numbers(2), &Device::Cpu, 3)?;
    check("vit_tiny_224", &network, &picture(224))?;
    for (name, arch) in [("localize_small", Arch::Small), ("localize_vit", Arch::VitTiny)] {
        let network = Network::new(arch, HeadMaker::class_and_box(3), &Device::Cpu, 3)?;
        as_if_trained(&network)?;
        check(name, &network, &picture(96))?;
    }
    Ok(())
}

#[test]
fn every_detector_is_written() -> Result<()> {
    for detector in Detector::ALL {
        let network = Network::detecting(ParamSet::on(&Device::Cpu, 3), detector, 4)?;
        as_if_trained(&network)?;
        assert_eq!(check(detector.name(), &network, &picture(96))?, Vec::<String>::new());
    }
    Ok(())
}

/// Of texts whole numbers go in, of any length, padded; what comes out is what the network says of texts without padding.
#[test]
fn every_encoder_of_text_is_written() -> Result<()> {
    let tiny = Bert::tiny()?;
    let tokens = tiny.tokens().with_max(40);
    let vocab = tokens.vocabulary();
    let small = |kind: BertKind, types: usize, hidden_act: &str| BertConfig {
        kind,
        type_vocab_size: types,
        hidden_act: hidden_act.to_owned(),
        initializer_range: 0.2,
        ..BertConfig::new(vocab, 24, 2, 3)
    };
    // a vocabulary that pads with 0 does so in RoBERTa too
    let kinds = [
        ("bert", small(BertKind::Bert, 2, "gelu"), Pooling::Pooler),
        ("bert_mean", small(BertKind::Bert, 2, "gelu_new"), Pooling::Mean),
        ("distilbert", small(BertKind::DistilBert, 0, "gelu"), Pooling::Cls),
        ("roberta", small(BertKind::Roberta, 1, "relu"), Pooling::Pooler),
    ];
    let texts = [("a film that I liked, from beginning to end", None), ("bad", Some("worse"))];
    let rows = tokens.encode(&texts)?;
    let fields = tokens.fields(&rows.iter().collect::<Vec<_>>())?;
    for (name, config, pooling) in kinds {
        let encoder = Bert::of(config, tokens.clone(), None)?.pooling(pooling);
        let (network, _) = encoder.network(ParamSet::on(&Device::Cpu, 3), HeadMaker::classes(3))?;
        as_if_trained(&network)?;
        let said = network.rest(0, &fields, &Pass::eval())?;
        let bytes = network.to_onnx(&Input::Text(tokens.clone()))?.bytes()?;
        let parsed = onnx_rs::parse(&bytes).expect("it is whole");
        let graph = parsed.graph.expect("there is one");
        let names: Vec<&str> = graph.input.iter().map(|value| value.name).collect();
        let own = [("ids", "input_ids"), ("mask", "attention_mask"), ("types", "token_type_ids")];
        let wanted = if name.starts_with("bert") { &own[..] } else { &own[..2] };
        assert_eq!(names, wanted.iter().map(|(_, name)| *name).collect::<Vec<_>>(), "{name}");
        let dims = &graph.input[0].tensor_shape().expect("a shape").dim;
        assert_eq!((&dims[0].value, &dims[1].value), (&Dimension::Param("N"), &Dimension::Param("T")));
        for param in network.params().params() {
            assert!(graph.get_initializer(param.name()).is_some(), "{name}: {}", param.name());
        }
        if let Some(folder) = folder() {
            write_whole(&folder.join(format!("{name}.onnx")), &bytes)?;
            let mut all = vec![("out.logits".to_owned(), said.get("logits")?.clone())];
            for (field, name) in wanted {
                all.push((format!("in.{name}"), fields.get(field)?.clone()));
            }
            write_tensors(&folder.join(format!("{name}.safetensors")), &all, Default::default())?;
        }
    }
    // what a learner writes has its tokenizer with it
    let data = TextTable::from_texts(&[("good", "pos"), ("bad", "neg"), ("fine", "pos"), ("dull", "neg")])?;
    let learner = Learner::text(tiny, &data)?;
    let place = tempfile::tempdir()?;
    let path = folder().unwrap_or_else(|| place.path().to_owned()).join("reviews.onnx");
    learner.export_onnx(&path)?;
    let bytes = std::fs::read(&path)?;
    let model = onnx_rs::parse(&bytes).expect("it is whole");
    assert_eq!((said(&model, "max_tokens"), said(&model, "pad_token_id")), ("64", "0"));
    // what is written cuts and pads as the network does
    let again = Tokens::from_json(said(&model, "tokenizer"), 64)?;
    assert_eq!(again.vocabulary(), learner.spec().tokens().expect("it reads texts").vocabulary());
    let tokenizer: serde_json::Value = serde_json::from_str(said(&model, "tokenizer")).expect("JSON");
    assert_eq!((&tokenizer["truncation"]["max_length"], &tokenizer["padding"]["pad_id"]), (&64.into(), &0.into()));
    // several labels, and an encoder without a head
    let rows = [("good and slow", "a;b"), ("bad", "b"), ("fine", "a"), ("dull", "")];
    let file = place.path().join("tags.csv");
    std::fs::write(
        &file,
        rows.iter().fold("text,tags\n".to_owned(), |all, (text, tags)| format!("{all}{text},{tags}\n")),
    )?;
    let labels = Learner::text(Bert::tiny()?, &TextTable::open(&file)?.text("text").labels("tags")?)?;
    labels.export_onnx(place.path().join("labels.onnx"))?;
    let bytes = std::fs::read(place.path().join("labels.onnx"))?;
    assert_eq!(said(&onnx_rs::parse(&bytes).expect("it is whole"), "thresholds"), "[0.5,0.5]");
    Learner::encoder(Bert::tiny()?)?.export_onnx(place.path().join("encoder.onnx"))?;
    let bytes = std::fs::read(place.path().join("encoder.onnx"))?;
    let encoder = onnx_rs::parse(&bytes).expect("it is whole").graph.expect("there is one");
    assert_eq!(encoder.output[0].name, "embedding");
    assert!(said(&model, "tokenizer").contains("\"model\"") && said(&model, "prepare").contains("attention_mask"));
    Ok(())
}

/// A layer of a person's own: x·|x| and a learned scale.
struct Bend(candlewick_prelude::params::Param);

impl Layer for Bend {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        Ok((x * x.abs()?)?.broadcast_mul(&pass.value(&self.0))?)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let size = graph.unary("Abs", x);
        let scale = graph.weight(self.0.name(), &self.0.value())?;
        let bent = graph.mul(x, &size);
        Ok(graph.mul(&bent, &scale))
    }
}

/// One that does not say how.
struct Silent;

impl Layer for Silent {
    fn forward(&self, x: &Tensor, _: &Pass) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

#[test]
fn layers_of_ones_own_are_written() -> Result<()> {
    let network = Network::layer(5, |at| {
        let mut net = Sequential::new();
        net.push("conv", Conv2d::new(&at.child("conv"), 3, 8, 3).stride(2).padding(1).groups(1).bias().build()?);
        net.push("norm", BatchNorm2d::new(&at.child("norm"), 8)?);
        net.push("swish", Activation::HardSwish);
        net.push("same", Conv2d::new(&at.child("same"), 8, 8, 3).stride(2).groups(4).same().build()?);
        net.push("squeeze", SqueezeExcite::new(&at.child("squeeze"), 8, 4, Activation::Silu)?);
        net.push("pool", MaxPool2d { kernel: 3, stride: 2, padding: 1 });
        net.push("gelu", Activation::Gelu);
        net.push("drop", Dropout(0.5));
        net.push("path", DropPath(0.5));
        net.push("mean", GlobalAvgPool);
        net.push("bend", Bend(at.param("scale", 8, candlewick_prelude::params::Init::Constant(1.5))?));
        net.push("relu6", Activation::Relu6);
        net.push("last", Linear::new(&at.child("last"), 8, 3)?);
        Ok(net)
    })?;
    as_if_trained(&network)?;
    assert_eq!(check("own_layers", &network, &picture(50))?, Vec::<String>::new());
    let tokens = Network::layer(5, |at| {
        let mut net = Sequential::new();
        net.push("norm", LayerNorm::new(&at.child("norm"), 12, 1e-5)?);
        net.push("attention", Attention::new(&at.child("attention"), 12, 3)?);
        Ok(net)
    })?;
    as_if_trained(&tokens)?;
    check("own_tokens", &tokens, &Input::Tensor(vec![7, 12]))?;
    Ok(())
}

#[test]
fn what_does_not_say_how_is_named() -> Result<()> {
    let silent = Network::layer(5, |at| {
        let mut net = Sequential::new();
        net.push("a", Linear::new(&at.child("a"), 2, 2)?);
        net.push("silent", Silent);
        Ok(net)
    })?;
    let function = Network::whole(5, |at| {
        let linear = Linear::new(&at.child("a"), 2, 2)?;
        Ok(move |x: &Tensor, pass: &Pass| linear.forward(x, pass))
    })?;
    let vars = candlewick_prelude::candle_nn::VarMap::new();
    let vb = candlewick_prelude::candle_nn::VarBuilder::from_varmap(&vars, candle_core::DType::F32, &Device::Cpu);
    let linear = candlewick_prelude::candle_nn::linear(2, 2, vb)?;
    let candle = Network::candle(&vars, move |x| candlewick_prelude::candle_nn::Module::forward(&linear, x))?;
    for (network, text) in [
        (silent, "`Silent` does not say how it is written as ONNX\n  → implement `fn export"),
        (function, "a function of tensors, which does not say how"),
        (candle, "a candle model, which does not say how"),
    ] {
        let error = network.to_onnx(&Input::Tensor(vec![2])).map(|_: OnnxModel| ()).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    Ok(())
}

fn said<'a>(model: &'a onnx_rs::Model<'a>, key: &str) -> &'a str {
    model.metadata_props.iter().find(|entry| entry.key == key).map_or("", |entry| entry.value)
}

#[test]
fn a_learner_says_how_its_network_is_used() -> Result<()> {
    let images = noise(&[8, 3, 32, 32], 1)?;
    let data = TensorData::new(images, vec![0, 1, 0, 1, 0, 1, 0, 1], &["<a>", "é \"b\""])?;
    let data = data.normalized(Normalize::half()).split(0.25, 1)?.batch(4);
    let learner = Learner::vision_untrained(Arch::Small, &data)?;
    let place = tempfile::tempdir()?;
    let path = folder().unwrap_or_else(|| place.path().to_owned()).join("learner.onnx");
    learner.export_onnx(&path)?;
    let bytes = std::fs::read(&path)?;
    let model = onnx_rs::parse(&bytes).expect("it is whole");
    let json = |key: &str| serde_json::from_str::<serde_json::Value>(said(&model, key)).expect("JSON");
    assert_eq!(
        (said(&model, "format"), said(&model, "network"), said(&model, "task")),
        ("candlewick onnx 1", "small", "classify")
    );
    assert_eq!(json("names"), serde_json::json!(["<a>", "é \"b\""]));
    assert_eq!((said(&model, "size"), said(&model, "channels"), said(&model, "layout")), ("32", "RGB", "NCHW"));
    assert_eq!((json("mean"), json("std")), (serde_json::json!([0.5, 0.5, 0.5]), serde_json::json!([0.5, 0.5, 0.5])));
    assert!(["crop", "stretch"].contains(&said(&model, "resize")), "{}", said(&model, "resize"));
    assert!(
        json("outputs")[field::LOGITS]
            .as_str()
            .is_some_and(|words| words.starts_with("(N, 2)") && words.contains("softmax is not applied"))
    );
    let error = learner.export_onnx(Path::new("no/such/folder/a.onnx")).unwrap_err().to_string();
    assert!(error.contains("cannot be written") && error.contains("folder exists"), "{error}");
    // a file of another kind is not written over
    let weights = path.with_extension("safetensors");
    learner.save(&weights)?;
    let before = std::fs::read(&weights)?;
    for other in [weights.as_path(), Path::new("model"), Path::new("")] {
        let error = learner.export_onnx(other).unwrap_err().to_string();
        assert!(error.contains("does not end with .onnx") && error.contains("`model.onnx`"), "{error}");
    }
    assert_eq!(std::fs::read(&weights)?, before);
    assert!(said(&model, "prepare").contains("divide by 255"));
    // one of one's own names its answer as its task does
    let rows = TensorData::new(noise(&[8, 4], 2)?, vec![0, 1, 0, 1, 0, 1, 0, 1], &["a", "b"])?;
    let own = Network::layer(1, |at| Linear::new(&at.child("a"), 4, 2))?;
    let learner = Learner::new(own, Classify, &rows)?;
    learner.export_onnx(&path)?;
    let bytes = std::fs::read(&path)?;
    let graph = onnx_rs::parse(&bytes).expect("it is whole").graph.expect("there is one");
    assert_eq!((graph.input[0].name, graph.output[0].name), ("input", "logits"));
    Ok(())
}
