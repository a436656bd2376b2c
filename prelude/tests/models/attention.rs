//! Grad-CAM beside PyTorch's own gradients (`../reference/attention.py`).

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::TensorData;
use candlewick_prelude::image::{Rgb, RgbImage};
use candlewick_prelude::models::Arch;
use candlewick_prelude::train::{AttentionMap, Learner};

use super::common::{close, values};

fn picture(side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let byte = |c: u32| ((7 * x + 13 * y + 50 * c + (x * y) % 97) % 256) as u8;
        Rgb([byte(0), byte(1), byte(2)])
    })
}

/// A learner of ten classes, `class 0` and so on, with the reference's weights.
fn learner(arch: Arch, side: usize, head: &str) -> Result<Learner> {
    let names: Vec<String> = (0..10).map(|class| format!("class {class}")).collect();
    let images = Tensor::zeros((10, 3, side, side), DType::F32, &Device::Cpu)?;
    let data = TensorData::new(images, (0..10).collect(), &names)?;
    let learner = Learner::vision_untrained(arch, &data)?;
    for (name, value) in learner.network().params().snapshot()? {
        let published = name.replace("head.linear", head);
        let value = values(&published, value.dims())?;
        match learner.network().params().get(&name) {
            Some(param) => param.set(&value)?,
            None => {
                let buffers = learner.network().params().buffers();
                buffers.iter().find(|buffer| buffer.name() == name).expect("it is one of the two").set(&value)?;
            }
        }
    }
    Ok(learner)
}

fn as_pytorch(arch: Arch, side: u32, head: &str) -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/attention.safetensors");
    let saved: HashMap<String, Tensor> = safetensors::load(path, &Device::Cpu)?;
    let learner = learner(arch, side as usize, head)?;
    let seen = learner.attention(picture(side))?;
    let best = saved[&format!("{arch}/best")].to_vec1::<f32>()?[0] as usize;
    assert_eq!((seen.class, seen.label.clone(), seen.method), (best, format!("class {best}"), "Grad-CAM"));
    let check = |seen: &AttentionMap| -> Result<()> {
        let expected = saved[&format!("{arch}/{}", seen.class)].to_vec2::<f32>()?;
        let numbers = |rows: &[Vec<f32>], scale: f32| -> Vec<f64> {
            rows.concat().iter().map(|value| f64::from(value * scale)).collect()
        };
        let peak = expected.concat().into_iter().fold(0f32, f32::max);
        assert!(peak > 0.0);
        assert_eq!((seen.map.len(), seen.map[0].len()), (expected.len(), expected[0].len()));
        close(&format!("{arch}"), &numbers(&seen.map, seen.peak), &numbers(&expected, 1.0), f64::from(peak), 1e-3);
        assert_eq!(seen.map.concat().into_iter().fold(0f32, f32::max), 1.0);
        Ok(())
    };
    check(&seen)?;
    check(&learner.attention_for(picture(side), "class 3")?)
}

#[test]
fn maps_of_a_convolutional_body_as_pytorch() -> Result<()> {
    as_pytorch(Arch::ResNet18, 128, "fc")
}

#[test]
fn tokens_of_a_transformer_as_pytorch() -> Result<()> {
    as_pytorch(Arch::VitTiny, 224, "head")
}
