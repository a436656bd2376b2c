//! Plain candle, as its own guide and examples use it, in cells: what needs no download.

use super::Case;
use super::Step::{Gives, Runs, Says};

pub const CASES: &[Case] = &[
    (
        "candle: tensors are made, reshaped and multiplied",
        &[
            Runs("use candle_core::{Device, DType, Tensor};\nlet cpu = Device::Cpu;"),
            Runs(
                "let ca = Tensor::randn(0f32, 1., (2, 3), &cpu)?;\nlet cb = Tensor::randn(0f32, 1., (3, 4), &cpu)?;\nlet cc = ca.matmul(&cb)?;",
            ),
            Gives("cc.shape()", "[2, 4]"),
            Gives("Tensor::new(&[[1u32, 2], [3, 4]], &cpu)?.to_vec2::<u32>()?", "[[1, 2], [3, 4]]"),
            Gives("Tensor::arange(0f32, 6., &cpu)?.reshape((2, 3))?.t()?.dims()", "[3, 2]"),
            Gives(
                "Tensor::from_vec(vec![1f32, 2., 3., 4.], (2, 2), &cpu)?.sum_keepdim(1)?.to_vec2::<f32>()?",
                "[[3.0], [7.0]]",
            ),
            Gives("Tensor::new(&[1f32, 2.], &cpu)?.to_dtype(DType::F64)?.dtype()", "F64"),
            Gives("(Tensor::ones((2, 2), DType::F32, &cpu)? + 1.0)?.mean_all()?.to_scalar::<f32>()?", "2.0"),
        ],
    ),
    (
        "candle: indexing, joining and broadcasting",
        &[
            Runs("use candle_core::IndexOp;\nlet ix = Tensor::arange(0u32, 12, &Device::Cpu)?.reshape((3, 4))?;"),
            Gives("ix.i((1, ..))?.to_vec1::<u32>()?", "[4, 5, 6, 7]"),
            Gives("ix.i((.., 1..3))?.dims()", "[3, 2]"),
            Gives("ix.get(2)?.narrow(0, 1, 2)?.to_vec1::<u32>()?", "[9, 10]"),
            Gives("Tensor::cat(&[&ix, &ix], 0)?.dims()", "[6, 4]"),
            Gives("Tensor::stack(&[&ix, &ix], 0)?.dims()", "[2, 3, 4]"),
            Runs(
                "let wide = Tensor::ones((3, 4), DType::F32, &Device::Cpu)?;\nlet row = Tensor::new(&[1f32, 2., 3., 4.], &Device::Cpu)?;",
            ),
            Gives("wide.broadcast_add(&row)?.to_vec2::<f32>()?[2]", "[2.0, 3.0, 4.0, 5.0]"),
            Gives("wide.broadcast_mul(&row)?.max(1)?.to_vec1::<f32>()?", "[4.0, 4.0, 4.0]"),
            Gives("ix.index_select(&Tensor::new(&[0u32, 2], &Device::Cpu)?, 0)?.dims()", "[2, 4]"),
            Gives("row.unsqueeze(0)?.squeeze(0)?.chunk(2, 0)?.len()", "2"),
            Gives("row.ge(2.5)?.to_vec1::<u8>()?", "[0, 0, 1, 1]"),
            Gives("row.argmax(0)?.to_scalar::<u32>()?", "3"),
        ],
    ),
    (
        "candle: a linear layer by hand",
        &[
            Runs("struct ByHand { weight: Tensor, bias: Tensor }"),
            Runs(
                "impl ByHand {\n    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {\n        let x = x.matmul(&self.weight.t()?)?;\n        x.broadcast_add(&self.bias)\n    }\n}",
            ),
            Runs(
                "struct Classifier { first: ByHand, second: ByHand }\nimpl Classifier {\n    fn forward(&self, image: &Tensor) -> Result<Tensor> {\n        let x = self.first.forward(image)?;\n        let x = x.relu()?;\n        Ok(self.second.forward(&x)?)\n    }\n}",
            ),
            Runs(
                "let device = Device::cuda_if_available(0)?;\n\
                 let first = ByHand { weight: Tensor::randn(0f32, 1.0, (100, 784), &Device::Cpu)?, bias: Tensor::randn(0f32, 1.0, 100, &Device::Cpu)? };\n\
                 let second = ByHand { weight: Tensor::randn(0f32, 1.0, (10, 100), &Device::Cpu)?, bias: Tensor::randn(0f32, 1.0, 10, &Device::Cpu)? };\n\
                 let classifier = Classifier { first, second };",
            ),
            Gives("classifier.forward(&Tensor::randn(0f32, 1.0, (1, 784), &Device::Cpu)?)?.dims()", "[1, 10]"),
        ],
    ),
    (
        "candle: layers of candle-nn from a VarBuilder",
        &[
            Runs(
                "use candle_nn::{Linear, Module, VarBuilder, VarMap, linear, Optimizer as _};\nlet varmap = VarMap::new();",
            ),
            Runs("let vb = VarBuilder::from_varmap(&varmap, DType::F32, &Device::Cpu);"),
            Runs("let layer = linear(4, 3, vb.pp(\"fc\"))?;"),
            Gives("layer.forward(&Tensor::ones((2, 4), DType::F32, &Device::Cpu)?)?.dims()", "[2, 3]"),
            Gives(
                "{ let mut names: Vec<String> = varmap.data().lock().unwrap().keys().cloned().collect(); names.sort(); names }",
                "[\"fc.bias\", \"fc.weight\"]",
            ),
            Runs(
                "let zeros = VarBuilder::zeros(DType::F32, &Device::Cpu);\nlet conv = candle_nn::conv2d(3, 8, 3, candle_nn::Conv2dConfig { padding: 1, ..Default::default() }, zeros.pp(\"conv\"))?;",
            ),
            Gives(
                "conv.forward(&Tensor::ones((1, 3, 8, 8), DType::F32, &Device::Cpu)?)?.max_pool2d(2)?.dims()",
                "[1, 8, 4, 4]",
            ),
            Runs(
                "let table = candle_nn::embedding(10, 5, vb.pp(\"table\"))?;\nlet norm = candle_nn::layer_norm(5, 1e-5, vb.pp(\"norm\"))?;",
            ),
            Gives("norm.forward(&table.forward(&Tensor::new(&[1u32, 2, 3], &Device::Cpu)?)?)?.dims()", "[3, 5]"),
            Runs(
                "let seq = candle_nn::seq().add(linear(4, 8, vb.pp(\"a\"))?).add(candle_nn::Activation::Relu).add_fn(|x| x * 2.0);",
            ),
            Gives("seq.forward(&Tensor::ones((1, 4), DType::F32, &Device::Cpu)?)?.dims()", "[1, 8]"),
            Gives(
                "candle_nn::ops::softmax(&Tensor::new(&[[0f32, 0.]], &Device::Cpu)?, 1)?.to_vec2::<f32>()?",
                "[[0.5, 0.5]]",
            ),
        ],
    ),
    (
        "candle: gradients",
        &[
            Runs(
                "use candle_core::Var;\nlet gx = Var::new(&[3f32, 1., 4.], &Device::Cpu)?;\nlet gy = (gx.as_tensor().sqr()? * 2.0)?.sum_all()?;",
            ),
            Runs("let grads = gy.backward()?;"),
            Gives("grads.get(&gx).ok_or(\"no gradient\")?.to_vec1::<f32>()?", "[12.0, 4.0, 16.0]"),
        ],
    ),
    (
        "candle: a linear model is trained with SGD",
        &[
            Runs(
                "use candle_nn::{SGD, AdamW, ParamsAdamW};\nlet truth_w = Tensor::new(&[[3f32, 1.]], &Device::Cpu)?;\nlet truth_b = Tensor::new(-2f32, &Device::Cpu)?;\nlet sample_x = Tensor::new(&[[2f32, 1.], [7., 4.], [-4., 12.], [5., 8.]], &Device::Cpu)?;\nlet sample_y = sample_x.matmul(&truth_w.t()?)?.broadcast_add(&truth_b)?;",
            ),
            Runs(
                "let w = Var::new(&[[0f32, 0.]], &Device::Cpu)?;\nlet b = Var::new(0f32, &Device::Cpu)?;\nlet mut sgd = SGD::new(vec![w.clone(), b.clone()], 0.004)?;\nlet lin = Linear::new(w.as_tensor().clone(), Some(b.as_tensor().clone()));",
            ),
            Runs(
                "for _step in 0..1000 {\n    let ys = lin.forward(&sample_x)?;\n    let loss = ys.sub(&sample_y)?.sqr()?.sum_all()?;\n    sgd.backward_step(&loss)?;\n}",
            ),
            Gives("w.to_vec2::<f32>()?[0].iter().map(|v| v.round()).collect::<Vec<f32>>()", "[3.0, 1.0]"),
        ],
    ),
    (
        "candle: a network of one's own is trained with AdamW, saved and loaded",
        &[
            Runs(
                "struct Mlp { ln1: Linear, ln2: Linear }\nimpl Mlp {\n    fn new(vs: VarBuilder) -> candle_core::Result<Self> {\n        Ok(Self { ln1: linear(8, 16, vs.pp(\"ln1\"))?, ln2: linear(16, 3, vs.pp(\"ln2\"))? })\n    }\n}",
            ),
            Runs(
                "impl Module for Mlp {\n    fn forward(&self, xs: &Tensor) -> candle_core::Result<Tensor> {\n        self.ln2.forward(&self.ln1.forward(xs)?.relu()?)\n    }\n}",
            ),
            Runs(
                "let mlp_map = VarMap::new();\nlet mlp = Mlp::new(VarBuilder::from_varmap(&mlp_map, DType::F32, &Device::Cpu))?;\nlet mut adam = AdamW::new(mlp_map.all_vars(), ParamsAdamW { lr: 0.05, ..Default::default() })?;",
            ),
            Runs(
                "let images = Tensor::randn(0f32, 1., (64, 8), &Device::Cpu)?;\nlet labels = images.narrow(1, 0, 3)?.argmax(1)?;",
            ),
            Says(
                "let mut last = 0f32;\nfor epoch in 1..=60 {\n    let log_sm = candle_nn::ops::log_softmax(&mlp.forward(&images)?, 1)?;\n    let loss = candle_nn::loss::nll(&log_sm, &labels)?;\n    adam.backward_step(&loss)?;\n    last = loss.to_scalar::<f32>()?;\n}\nprintln!(\"learned: {}\", last < 0.5);",
                "learned: true",
            ),
            Runs(
                "let file = std::env::temp_dir().join(format!(\"candlewick-test-{}.safetensors\", std::process::id()));\nmlp_map.save(&file)?;",
            ),
            Runs(
                "let mut other_map = VarMap::new();\nlet other = Mlp::new(VarBuilder::from_varmap(&other_map, DType::F32, &Device::Cpu))?;\nother_map.load(&file)?;",
            ),
            Gives("(mlp.forward(&images)? - other.forward(&images)?)?.abs()?.sum_all()?.to_scalar::<f32>()?", "0.0"),
            Runs("let tensors = candle_core::safetensors::load(&file, &Device::Cpu)?;\nstd::fs::remove_file(&file)?;"),
            Gives("tensors[\"ln1.weight\"].dims()", "[16, 8]"),
        ],
    ),
    (
        "candle: quantised tensors and custom operations",
        &[
            Runs(
                "use candle_core::quantized::{GgmlDType, QMatMul, QTensor};\nlet q = QTensor::quantize(&Tensor::randn(0f32, 1., (32, 64), &Device::Cpu)?, GgmlDType::Q8_0)?;",
            ),
            Gives("q.dequantize(&Device::Cpu)?.dims()", "[32, 64]"),
            Runs(
                "struct Eps;\nimpl candle_core::CustomOp1 for Eps {\n    fn name(&self) -> &'static str { \"eps\" }\n    fn cpu_fwd(&self, storage: &candle_core::CpuStorage, layout: &candle_core::Layout) -> candle_core::Result<(candle_core::CpuStorage, candle_core::Shape)> {\n        let slice = storage.as_slice::<f32>()?;\n        Ok((candle_core::CpuStorage::F32(slice.iter().map(|x| x + 1.0).collect()), layout.shape().clone()))\n    }\n}",
            ),
            Gives("Tensor::new(&[1f32, 2.], &Device::Cpu)?.apply_op1(Eps)?.to_vec1::<f32>()?", "[2.0, 3.0]"),
        ],
    ),
];
