//! Optimisers and a residual block beside PyTorch's and timm's numbers (`reference/train.py`, `reference/optimizers.py`), and
//! against central differences.

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::backprop::GradStore;
use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::Fields;
use candlewick_prelude::layers::{Layer, Pass};
use candlewick_prelude::models::{HeadMaker, Residual, Shapes};
use candlewick_prelude::ops;
use candlewick_prelude::params::{Init, ParamSet};
use candlewick_prelude::train::{Optimizer, Rule};

fn fixtures(name: &str) -> Result<HashMap<String, Tensor>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    Ok(safetensors::load(format!("{folder}/{name}.safetensors"), &Device::Cpu)?)
}

/// The largest difference, as a share of the expected numbers' largest.
fn distance(found: &Tensor, expected: &Tensor) -> Result<f32> {
    let largest = |tensor: &Tensor| -> Result<f32> {
        Ok(tensor.to_dtype(DType::F32)?.abs()?.flatten_all()?.max(0)?.to_scalar()?)
    };
    assert_eq!(found.dims(), expected.dims());
    Ok(largest(&(found.to_dtype(DType::F32)? - expected)?)? / largest(expected)?.max(1e-12))
}

/// Six steps as PyTorch took them; in f64 they go through the general formula instead of the fused sweep.
fn steps_as_pytorch(name: &str, optimizer: Optimizer, dtype: DType) -> Result<()> {
    let saved = fixtures("train")?;
    let get = |key: &str| saved[&format!("{name}/{key}")].to_dtype(dtype);
    let mut optimizer = optimizer;
    let set = ParamSet::new(0);
    let param = set.scope("", 0).param_of(dtype, "value", (7, 5), Init::Zeros)?;
    param.set(&get("start")?)?;
    for step in 0..6 {
        let mut grads: GradStore = param.in_graph().sum_all()?.backward()?;
        grads.insert(param.var(), get(&format!("grad.{step}"))?);
        optimizer.step(&set.params(), &grads, |_| 0.1 / (step + 1) as f64, None)?;
        let off = distance(&param.value(), &saved[&format!("{name}/value.{step}")])?;
        assert!(off < 1e-6, "{name} in {dtype:?}, step {step}: {off:e} off");
    }
    let state = &optimizer.state()["value"];
    for (key, kept) in [("first", &state.first), ("second", &state.second)] {
        match (saved.get(&format!("{name}/{key}")), kept) {
            (Some(expected), Some(kept)) => {
                let off = distance(kept, expected)?;
                assert!(off < 1e-6, "{name}: {key} {off:e} off");
            }
            (expected, kept) => assert_eq!(expected.is_some(), kept.is_some(), "{name}: {key}"),
        }
    }
    Ok(())
}

#[test]
fn optimisers_step_as_pytorch() -> Result<()> {
    let decayed = Rule::AdamW { beta1: 0.8, beta2: 0.99, eps: 1e-5, weight_decay: 0.1 };
    for dtype in [DType::F32, DType::F64] {
        steps_as_pytorch("sgd", Optimizer::sgd(0.0), dtype)?;
        steps_as_pytorch("sgd_decay", Optimizer::sgd(0.0).weight_decay(0.05), dtype)?;
        steps_as_pytorch("sgd_momentum", Optimizer::sgd(0.9), dtype)?;
        steps_as_pytorch("sgd_nesterov", Optimizer::sgd(0.9).nesterov().weight_decay(0.01), dtype)?;
        steps_as_pytorch("adamw", Optimizer::adamw(), dtype)?;
        steps_as_pytorch("adamw_decay", Optimizer::of(decayed), dtype)?;
    }
    Ok(())
}

/// Six steps of a weight and a bias, which does not decay unless asked.
fn layers_step_as_the_reference(name: &str, optimizer: Optimizer, dtype: DType) -> Result<()> {
    let saved = fixtures("optimizers")?;
    let get = |key: &str| saved[&format!("{name}/{key}")].to_dtype(dtype);
    let mut optimizer = optimizer;
    let set = ParamSet::new(0);
    let scope = set.scope("", 0);
    for (key, dims) in [("weight", vec![5, 7]), ("bias", vec![5])] {
        scope.param_of(dtype, key, dims, Init::Zeros)?.set(&get(key)?)?;
    }
    for step in 0..6 {
        let mut grads = GradStore::default();
        for param in set.params() {
            grads.insert(param.var(), get(&format!("{}.grad.{step}", param.name()))?);
        }
        optimizer.step(&set.params(), &grads, |_| 0.1 / (step + 1) as f64, None)?;
        for param in set.params() {
            let off = distance(&param.value(), &saved[&format!("{name}/{}.{step}", param.name())])?;
            assert!(off < 2e-6, "{name} in {dtype:?}, {}, step {step}: {off:e} off", param.name());
        }
    }
    let state = &optimizer.state()["weight"];
    for (key, kept) in [("first", &state.first), ("second", &state.second), ("third", &state.third)] {
        match (saved.get(&format!("{name}/{key}")), kept) {
            (Some(expected), Some(kept)) => {
                let off = distance(kept, expected)?;
                assert!(off < 2e-6, "{name}: {key} {off:e} off");
            }
            (expected, kept) => assert_eq!(expected.is_some(), kept.is_some(), "{name}: {key}"),
        }
    }
    Ok(())
}

#[test]
fn every_rule_steps_as_pytorch_and_timm() -> Result<()> {
    let (adamw, adam) = (|| Optimizer::adamw().weight_decay(0.1), || Optimizer::adam().betas(0.8, 0.99));
    let rmsprop = Optimizer::rmsprop;
    for dtype in [DType::F32, DType::F64] {
        let check = |name: &str, optimizer: Optimizer| layers_step_as_the_reference(name, optimizer, dtype);
        check("sgd_decay", Optimizer::sgd(0.9).nesterov().weight_decay(0.05))?;
        check("adamw_decay", adamw())?;
        check("adamw_all", adamw().decay_all())?;
        check("adam", Optimizer::adam())?;
        check("adam_decay", adam().weight_decay(0.1))?;
        check("adam_all", adam().weight_decay(0.1).decay_all())?;
        check("rmsprop", rmsprop())?;
        check("rmsprop_momentum", rmsprop().betas(0.8, 0.9).weight_decay(0.1))?;
        check("rmsprop_centered", rmsprop().centered().weight_decay(0.05))?;
        check("rmsprop_all", rmsprop().momentum(0.9).centered().weight_decay(0.05).decay_all())?;
        check("lamb", Optimizer::lamb())?;
        check("lamb_all", Optimizer::lamb().betas(0.8, 0.99).weight_decay(0.1).decay_all())?;
        check("lion", Optimizer::lion())?;
        check("lion_decay", Optimizer::lion().betas(0.95, 0.98).weight_decay(0.3))?;
        check("lion_all", Optimizer::lion().weight_decay(0.3).decay_all())?;
    }
    Ok(())
}

#[test]
fn a_residual_block_trains_as_pytorch() -> Result<()> {
    let saved = fixtures("train")?;
    let set = ParamSet::new(0);
    let block = Residual::new(&set.scope("block", 0), 3, 4, 2)?;
    let before: Vec<(String, Tensor)> =
        saved.iter().map(|(name, tensor)| (name.replacen("block/", "block.", 1), tensor.clone())).collect();
    assert!(set.load(&before, None)?.complete());
    let pass = Pass::train(0);
    let out = block.forward(&saved["block/x"], &pass)?;
    assert!(distance(&out.detach(), &saved["block/out"])? < 1e-5);
    let grads = ops::backward_from(&out, &saved["block/seed"])?;
    Optimizer::sgd(0.0).step(&set.params(), &grads, |_| 0.1, None)?;
    pass.commit()?;
    for (name, value) in set.snapshot()? {
        let expected = &saved[&name.replacen("block.", "block.after/", 1)];
        let off = distance(&value, expected)?;
        assert!(off < 1e-5, "{name}: {off:e} off");
    }
    Ok(())
}

/// Central differences of a scalar of one parameter, at some of its elements.
fn check_gradient(set: &ParamSet, value: &dyn Fn() -> Result<Tensor>) -> Result<()> {
    let grads = value()?.backward()?;
    for param in set.params() {
        let grad = grads.get(param.var()).expect("every parameter has a gradient").flatten_all()?.to_vec1::<f32>()?;
        let start = param.value().copy()?;
        let numbers = start.flatten_all()?.to_vec1::<f32>()?;
        let scale = grad.iter().fold(0f32, |most, value| most.max(value.abs()));
        for index in (0..numbers.len()).step_by(numbers.len().div_ceil(7)) {
            let at = |change: f32| -> Result<f64> {
                let mut moved = numbers.clone();
                moved[index] += change;
                param.set(&Tensor::from_vec(moved, start.shape(), &Device::Cpu)?)?;
                Ok(f64::from(value()?.to_scalar::<f32>()?))
            };
            let slope = (at(1e-2)? - at(-1e-2)?) / 2e-2;
            param.set(&start)?;
            let off = (slope - f64::from(grad[index])).abs();
            assert!(off < 0.03 * f64::from(scale) + 2e-3, "{}[{index}]: {} by hand {slope}", param.name(), grad[index]);
        }
    }
    Ok(())
}

#[test]
fn heads_have_the_gradient_of_central_differences() -> Result<()> {
    let features = Fields::of("features", Tensor::randn(0f32, 1.0, (3, 6, 4, 4), &Device::Cpu)?);
    for maker in [HeadMaker::classes(3), HeadMaker::class_and_box(3)] {
        let set = ParamSet::new(3);
        let head = maker.make(&set.scope("head", 0), &Shapes::of("features", &[6, 4, 4]))?;
        check_gradient(&set, &|| {
            let output = head.forward(&features, &Pass::train(5))?;
            let classes = output.get("logits")?.sqr()?.mean_all()?;
            Ok(match output.find("box") {
                Some(boxes) => (classes + boxes.sqr()?.sum_all()?)?,
                None => classes,
            })
        })?;
    }
    Ok(())
}

#[test]
fn a_box_lies_where_the_cells_say() -> Result<()> {
    // with no offset, sizes of one half and equal weights, the box is the middle half of any grid
    let set = ParamSet::new(3);
    let head = HeadMaker::class_and_box(2).make(&set.scope("head", 0), &Shapes::of("features", &[6, 4, 4]))?;
    for param in set.params() {
        param.set(&param.value().zeros_like()?)?;
    }
    for (h, w) in [(4, 4), (2, 7)] {
        let features = Fields::of("features", Tensor::randn(0f32, 1.0, (2, 6, h, w), &Device::Cpu)?);
        let boxes = head.forward(&features, &Pass::eval())?.get("box")?.to_vec2::<f32>()?;
        for value in boxes.concat() {
            assert!((value - 0.5).abs() < 1e-6, "{value}");
        }
    }
    Ok(())
}
