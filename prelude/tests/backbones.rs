//! The published networks in a learner's hands: parts, freezing, training, and the names of other checkpoints.

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor};
use candlewick_prelude::data::TensorData;
use candlewick_prelude::models::{Arch, HeadMaker, Network};
use candlewick_prelude::train::Learner;

/// Six pictures of two classes, bright above or below.
fn data() -> Result<TensorData> {
    let side = 32;
    let value = |at: usize| {
        let (picture, row) = (at / (3 * side * side), at / side % side);
        if (row < side / 2) == picture.is_multiple_of(2) { 1.0 } else { (at % 7) as f32 * 0.05 }
    };
    let images = Tensor::from_vec((0..6 * 3 * side * side).map(value).collect(), (6, 3, side, side), &Device::Cpu)?;
    Ok(TensorData::new(images, vec![0, 1, 0, 1, 0, 1], &["above", "below"])?.batch(6))
}

#[test]
fn training_from_a_part_on_changes_nothing_before_it() -> Result<()> {
    for (arch, part, before, within) in [
        (Arch::ResNet18, "layer3", ["conv1.weight", "bn1.weight", "layer2.1.bn2.bias"], "layer3.0.conv1.weight"),
        (
            Arch::MobileNetV2,
            "features.14",
            ["features.0.0.weight", "features.0.1.bias", "features.13.conv.2.weight"],
            "features.14.conv.2.weight",
        ),
        (
            Arch::EfficientNetLite0,
            "blocks.5",
            ["conv_stem.weight", "bn1.bias", "blocks.4.2.conv_pwl.weight"],
            "blocks.5.0.conv_pw.weight",
        ),
        (
            Arch::EfficientNetB0,
            "conv_head",
            ["bn1.weight", "blocks.0.0.se.conv_reduce.bias", "blocks.6.0.bn3.weight"],
            "bn2.weight",
        ),
        (Arch::VitTiny, "blocks.5", ["cls_token", "pos_embed", "blocks.4.mlp.fc2.weight"], "blocks.5.attn.qkv.weight"),
    ] {
        let mut learner = Learner::vision(arch.untrained(), &data()?)?;
        learner.quiet().unfreeze_from(part)?;
        let values = |learner: &Learner| -> Result<HashMap<String, u64>> {
            let params = learner.network().params().params();
            params.iter().map(|param| Ok((param.name().to_owned(), param.fingerprint()?))).collect()
        };
        let old = values(&learner)?;
        let report = learner.fit(1, 1e-3)?;
        assert!(report.notes.is_empty(), "{arch}: {:?}", report.notes);
        let new = values(&learner)?;
        for name in before {
            assert_eq!(old[name], new[name], "{arch}: {name} is frozen");
        }
        assert_ne!(old[within], new[within], "{arch}: {within} trains");
        let rows = learner.summary()?.rows;
        let state = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.state());
        assert_eq!(
            (state(&rows[0].name), state(part), state("head")),
            (Some("frozen"), Some("trainable"), Some("trainable")),
            "{arch}"
        );
        let all: usize = rows.iter().map(|row| row.parameters).sum();
        assert_eq!(all, learner.network().params().count(), "{arch}: each parameter belongs to one part");
    }
    Ok(())
}

#[test]
fn a_new_head_keeps_the_published_body() -> Result<()> {
    let learner = Learner::vision(Arch::ResNet18.untrained(), &data()?)?;
    let other = learner.replace_head(&data()?.seeded(7))?;
    for param in learner.network().params().params() {
        let kept = other.network().params().get(param.name()).expect("the same network").fingerprint()?
            == param.fingerprint()?;
        assert_eq!(
            kept,
            param.name() != "head.linear.weight" && param.name() != "head.linear.bias",
            "{}",
            param.name()
        );
    }
    Ok(())
}

/// Names and shapes of timm's checkpoints (`reference/names.py`).
#[test]
fn checkpoints_of_timm_fit_too() -> Result<()> {
    for arch in [Arch::MobileNetV2, Arch::Vgg11Bn, Arch::ResNet18] {
        let mut tensors = Vec::new();
        for line in include_str!("fixtures/timm_names.txt").lines() {
            let mut words = line.split(' ');
            if words.next() == Some(arch.name()) {
                let name = words.next().expect("a name").to_owned();
                let dims: Vec<usize> = words.map(|word| word.parse().expect("a size")).collect();
                tensors.push((name, Tensor::zeros(dims, DType::F32, &Device::Cpu)?));
            }
        }
        let model = Network::new(arch, HeadMaker::classes(10), &Device::Cpu, 0)?;
        let report = model.load_all(&tensors, "timm")?;
        assert!(report.complete() && report.ignored.is_empty(), "{arch}: {report}");
    }
    Ok(())
}

#[test]
fn weights_of_another_architecture_are_refused() -> Result<()> {
    let body = Network::new(Arch::MobileNetV2, HeadMaker::classes(2), &Device::Cpu, 0)?.params().snapshot()?;
    let model = Network::new(Arch::ResNet18, HeadMaker::classes(2), &Device::Cpu, 0)?;
    let error = model.load_body(&body, "mobilenet.safetensors").unwrap_err().to_string();
    assert!(error.contains("mobilenet.safetensors does not fit `resnet18`: 0 of 100"), "{error}");
    assert!(error.contains("conv1.weight") && error.contains("features.0.0.weight"), "{error}");
    assert!(error.contains("Arch::MobileNetV2"), "{error}");
    Ok(())
}
