//! Values and gradients of the operations against PyTorch's, from fixtures/ops.safetensors (written by reference/ops.py).

use candlewick_prelude::candle_core::{DType, Device, Result, Tensor, Var};
use candlewick_prelude::ops::*;
use std::collections::HashMap;
use std::path::Path;

/// The largest distance allowed, relative to the largest number of the expected tensor.
const TOLERANCE: f64 = 1e-4;

struct Case {
    name: &'static str,
    tensors: HashMap<String, Tensor>,
}

impl Case {
    fn get(&self, key: &str) -> &Tensor {
        self.tensors.get(key).unwrap_or_else(|| panic!("no {key} in the fixture of {}", self.name))
    }

    /// Runs an operation on the inputs, those with a gradient in the fixture being variables, and compares all.
    fn check(&self, inputs: &[&str], operation: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
        let mut variables = Vec::new();
        let mut arguments = Vec::new();
        for input in inputs {
            let value = self.get(input);
            if self.tensors.contains_key(&format!("grad.{input}")) {
                let variable = Var::from_tensor(value)?;
                arguments.push(variable.as_tensor().clone());
                variables.push((*input, variable));
            } else {
                arguments.push(value.clone());
            }
        }
        let out = operation(&arguments)?;
        assert_eq!(out.dims(), self.get("out").dims(), "{}: shape", self.name);
        self.close("out", &out)?;
        // Both through candle's backward pass and through ours.
        let candle = (&out * self.get("seed"))?.sum_all()?.backward()?;
        let ours = backward_from(&out, self.get("seed"))?;
        for (input, variable) in variables {
            let key = format!("grad.{input}");
            for grads in [&candle, &ours] {
                let grad = grads.get(&variable).unwrap_or_else(|| panic!("{}: no gradient for {input}", self.name));
                self.close(&key, grad)?;
            }
        }
        Ok(())
    }

    fn close(&self, key: &str, found: &Tensor) -> Result<()> {
        let expected: Vec<f64> = self.get(key).to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        let found: Vec<f64> = found.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        assert_eq!(expected.len(), found.len(), "{} {key}: size", self.name);
        let scale = expected.iter().fold(0f64, |scale, x| scale.max(x.abs())).max(1e-6);
        for (i, (expected, found)) in expected.iter().zip(&found).enumerate() {
            let distance = (expected - found).abs() / scale;
            assert!(distance <= TOLERANCE, "{} {key}[{i}]: expected {expected}, found {found}", self.name);
        }
        Ok(())
    }
}

fn case(name: &'static str) -> Case {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ops.safetensors");
    let all =
        candlewick_prelude::candle_core::safetensors::load(path, &Device::Cpu).expect("the fixtures are readable");
    let prefix = format!("{name}/");
    let tensors: HashMap<String, Tensor> =
        all.into_iter().filter_map(|(key, tensor)| Some((key.strip_prefix(&prefix)?.to_owned(), tensor))).collect();
    assert!(!tensors.is_empty(), "no fixture {name}");
    Case { name, tensors }
}

fn conv(name: &'static str, options: Conv2dOptions) -> Result<()> {
    let case = case(name);
    if case.tensors.contains_key("b") {
        case.check(&["x", "w", "b"], |a| conv2d(&a[0], &a[1], Some(&a[2]), options))
    } else {
        case.check(&["x", "w"], |a| conv2d(&a[0], &a[1], None, options))
    }
}

#[test]
fn convolution() -> Result<()> {
    let plain = Conv2dOptions::default();
    let padded = Conv2dOptions { padding: (1, 1), ..plain };
    conv("conv_plain", plain)?;
    conv("conv_padded", padded)?;
    conv("conv_wide", padded)?;
    conv("conv_tiles", padded)?;
    conv("conv_stride", Conv2dOptions { stride: (2, 2), ..padded })?;
    conv("conv_stem", Conv2dOptions { stride: (2, 2), padding: (3, 3), ..plain })?;
    conv("conv_oblong", Conv2dOptions { stride: (3, 1), padding: (2, 0), dilation: (1, 3), ..plain })?;
    conv("conv_dilated", Conv2dOptions { padding: (2, 2), dilation: (2, 2), ..plain })?;
    conv("conv_groups", Conv2dOptions { groups: 2, ..padded })?;
    conv("conv_point", plain)?;
    conv("conv_point_stride", Conv2dOptions { stride: (2, 2), ..plain })?;
    conv("conv_depthwise", Conv2dOptions { groups: 5, ..padded })?;
    conv("conv_depthwise_stride", Conv2dOptions { stride: (2, 2), padding: (2, 2), groups: 4, ..plain })?;
    conv("conv_depthwise_many", Conv2dOptions { stride: (1, 2), dilation: (2, 1), groups: 3, ..padded })
}

#[test]
fn convolution_with_an_odd_zero() -> Result<()> {
    let stride = (2, 2);
    conv("conv_same", Conv2dOptions { stride, padding: (0, 1), extra: (1, 0), ..Conv2dOptions::default() })?;
    conv(
        "conv_same_depthwise",
        Conv2dOptions { stride, padding: (1, 1), extra: (1, 1), groups: 4, ..Conv2dOptions::default() },
    )
}

#[test]
fn transformers() -> Result<()> {
    case("attention").check(&["x"], |a| attention(&a[0], 3))?;
    case("tokens").check(&["x", "c", "p"], |a| tokens(&a[0], &a[1], &a[2]))?;
    case("places_up").check(&["x"], |a| fit_places(&a[0], (4, 4), (6, 5)))?;
    case("places_down").check(&["x"], |a| fit_places(&a[0], (4, 4), (3, 2)))
}

#[test]
fn joins() -> Result<()> {
    case("gate").check(&["x", "s"], |a| gate(&a[0], &a[1]))?;
    case("add_relu").check(&["x", "y"], |a| add_relu(&a[0], &a[1]))
}

#[test]
fn pooling() -> Result<()> {
    case("max_pool").check(&["x"], |a| max_pool2d(&a[0], (3, 3), (2, 2), (1, 1)))?;
    case("max_pool_oblong").check(&["x"], |a| max_pool2d(&a[0], (2, 4), (1, 3), (1, 2)))?;
    case("max_pool_ties").check(&["x"], |a| max_pool2d(&a[0], (3, 3), (1, 1), (1, 1)))?;
    case("avg_pool").check(&["x"], |a| avg_pool2d(&a[0], (3, 3), (2, 2), (1, 1), true))?;
    case("avg_pool_inside").check(&["x"], |a| avg_pool2d(&a[0], (3, 2), (2, 1), (1, 1), false))?;
    case("adaptive_pool").check(&["x"], |a| adaptive_avg_pool2d(&a[0], (4, 5)))?;
    case("adaptive_pool_one").check(&["x"], |a| adaptive_avg_pool2d(&a[0], (1, 1)))
}

#[test]
fn normalisation() -> Result<()> {
    let batch = case("batch_norm");
    batch.check(&["x", "gamma", "beta"], |a| Ok(batch_norm_train(&a[0], &a[1], &a[2], 1e-5)?.0))?;
    for (name, then) in [("batch_norm_relu6", Activation::Relu6), ("batch_norm_silu", Activation::Silu)] {
        case(name).check(&["x", "gamma", "beta"], |a| Ok(batch_norm_train_then(&a[0], &a[1], &a[2], 1e-5, then)?.0))?;
    }
    let (_, mean, var) = batch_norm_train(batch.get("x"), batch.get("gamma"), batch.get("beta"), 1e-5)?;
    batch.close("mean", &mean)?;
    batch.close("var", &var)?;
    case("batch_norm_eval")
        .check(&["x", "mean", "var", "gamma", "beta"], |a| batch_norm_eval(&a[0], &a[1], &a[2], &a[3], &a[4], 1e-3))?;
    case("layer_norm").check(&["x", "gamma", "beta"], |a| layer_norm(&a[0], &a[1], &a[2], 1e-6))?;
    case("group_norm").check(&["x", "gamma", "beta"], |a| group_norm(&a[0], 3, &a[1], &a[2], 1e-5))
}

#[test]
fn activations() -> Result<()> {
    case("relu").check(&["x"], |a| relu(&a[0]))?;
    case("relu6").check(&["x"], |a| relu6(&a[0]))?;
    case("sigmoid").check(&["x"], |a| sigmoid(&a[0]))?;
    case("silu").check(&["x"], |a| silu(&a[0]))?;
    case("hard_swish").check(&["x"], |a| hard_swish(&a[0]))?;
    case("gelu").check(&["x"], |a| gelu(&a[0]))?;
    case("gelu_tanh").check(&["x"], |a| gelu_tanh(&a[0]))
}

#[test]
fn probabilities() -> Result<()> {
    case("softmax").check(&["x"], |a| softmax(&a[0], 1))?;
    case("softmax_last").check(&["x"], |a| softmax(&a[0], 2))?;
    case("log_softmax").check(&["x"], |a| log_softmax(&a[0], 1))
}

#[test]
fn losses() -> Result<()> {
    case("cross_entropy").check(&["x", "t"], |a| cross_entropy(&a[0], &a[1], &CrossEntropy::default()))?;
    case("cross_entropy_full").check(&["x", "t", "weights"], |a| {
        cross_entropy(
            &a[0],
            &a[1],
            &CrossEntropy { label_smoothing: 0.1, class_weights: Some(a[2].clone()), focus: 0.0 },
        )
    })?;
    case("smooth_l1").check(&["x", "y"], |a| smooth_l1(&a[0], &a[1], 0.7))?;
    case("bce").check(&["x", "y"], |a| bce_with_logits(&a[0], &a[1]))
}

#[test]
fn maps_and_tables() -> Result<()> {
    case("linear").check(&["x", "w", "b"], |a| linear(&a[0], &a[1], Some(&a[2])))?;
    case("embedding").check(&["x", "i"], |a| embedding(&a[0], &a[1]))
}

#[test]
fn resizing() -> Result<()> {
    case("nearest_up").check(&["x"], |a| upsample_nearest2d(&a[0], (11, 9)))?;
    case("nearest_down").check(&["x"], |a| upsample_nearest2d(&a[0], (3, 4)))?;
    case("bilinear_up_false").check(&["x"], |a| upsample_bilinear2d(&a[0], (11, 9), false))?;
    case("bilinear_up_true").check(&["x"], |a| upsample_bilinear2d(&a[0], (11, 9), true))?;
    case("bilinear_down_false").check(&["x"], |a| upsample_bilinear2d(&a[0], (3, 4), false))?;
    case("bilinear_down_true").check(&["x"], |a| upsample_bilinear2d(&a[0], (3, 4), true))
}
