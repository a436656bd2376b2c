//! Times the prelude's operations beside candle's own, in turn and in one process (three turns of some rounds each), and prints a table in milliseconds:
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release -p candlewick-prelude --example bench_candle [rounds] [only rows that contain this]`.
//!
//! Both sides have the same loss, a weighted sum of the value; ours goes backward by `ops::backward`, candle's by its own.
//! Where candle has no backward pass, or a wrong one (`tests/candle_traps.rs`), the forward pass alone is compared.

use candlewick_prelude::candle_core::{D, Device, Result, Tensor, Var};
use candlewick_prelude::candle_nn::{self, ModuleT};
use candlewick_prelude::ops::{self, Conv2dOptions, CrossEntropy};
use std::time::Instant;

type Operation<'a> = &'a dyn Fn(&Tensor, &[Tensor]) -> Result<Tensor>;

struct Bench {
    rounds: usize,
    only: String,
}

fn main() -> Result<()> {
    ops::keep_memory(); // as every model does; candle's operations gain from it too
    let mut args = std::env::args().skip(1);
    let rounds = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
    let bench = Bench { rounds, only: args.next().unwrap_or_default() };
    println!("| row | ours forward | candle forward | ratio | ours forward+backward | candle | ratio |");
    println!("|---|---|---|---|---|---|---|");

    for (name, x, w, stride, padding, groups) in [
        ("conv 64-64 56 k3", [8, 64, 56, 56], vec![64, 64, 3, 3], 1, 1, 1),
        ("conv 256-256 14 k3", [8, 256, 14, 14], vec![256, 256, 3, 3], 1, 1, 1),
        ("conv 512-512 7 k3", [8, 512, 7, 7], vec![512, 512, 3, 3], 1, 1, 1),
        ("conv 64-256 56 k1", [8, 64, 56, 56], vec![256, 64, 1, 1], 1, 0, 1),
        ("conv 3-64 224 k7 s2", [8, 3, 224, 224], vec![64, 3, 7, 7], 2, 3, 1),
        ("conv 64-64 56 k3, 4 groups", [8, 64, 56, 56], vec![64, 16, 3, 3], 1, 1, 4),
        ("depthwise 144 56 k3", [8, 144, 56, 56], vec![144, 1, 3, 3], 1, 1, 144),
        ("depthwise 960 7 k3", [8, 960, 7, 7], vec![960, 1, 3, 3], 1, 1, 960),
    ] {
        let options =
            Conv2dOptions { stride: (stride, stride), padding: (padding, padding), groups, ..Conv2dOptions::default() };
        bench.row(name, &x, &[w], true, &|x, p| ops::conv2d(x, &p[0], None, options), &|x, p| {
            x.conv2d(&p[0], padding, stride, 1, groups)
        })?;
    }
    let map: &[usize] = &[8, 64, 56, 56];
    let norm = candle_nn::BatchNorm::new(64, zeros(64)?, ones(64)?, ones(64)?, zeros(64)?, 1e-5)?;
    bench.row(
        "batch norm 64 56, training",
        map,
        &[vec![64], vec![64]],
        true,
        &|x, p| Ok(ops::batch_norm_train(x, &p[0], &p[1], 1e-5)?.0),
        &|x, p| {
            let (mean, var) = (zeros(64)?, ones(64)?);
            candle_nn::BatchNorm::new(64, mean, var, p[0].clone(), p[1].clone(), 1e-5)?.forward_t(x, true)
        },
    )?;
    bench.row(
        "batch norm 64 56, stored",
        map,
        &[],
        true,
        &|x, _| ops::batch_norm_eval(x, &zeros(64)?, &ones(64)?, &ones(64)?, &zeros(64)?, 1e-5),
        &|x, _| norm.forward_t(x, false),
    )?;
    let words: &[usize] = &[8, 197, 192];
    bench.row(
        "layer norm 8x197x192",
        words,
        &[vec![192], vec![192]],
        true,
        &|x, p| ops::layer_norm(x, &p[0], &p[1], 1e-6),
        &|x, p| candle_nn::ops::layer_norm_slow(x, &p[0], &p[1], 1e-6),
    )?;
    bench.row(
        "linear 1576x192 to 768",
        &[1576, 192],
        &[vec![768, 192], vec![768]],
        true,
        &|x, p| ops::linear(x, &p[0], Some(&p[1])),
        &|x, p| x.matmul(&p[0].t()?)?.broadcast_add(&p[1]),
    )?;
    bench.row("relu 64 56", map, &[], true, &|x, _| ops::relu(x), &|x, _| x.relu())?;
    bench.row("silu 64 56", map, &[], true, &|x, _| ops::silu(x), &|x, _| x.silu())?;
    bench.row("gelu 8x197x768", &[8, 197, 768], &[], true, &|x, _| ops::gelu(x), &|x, _| x.gelu_erf())?;
    bench.row("gelu, by tanh", &[8, 197, 768], &[], true, &|x, _| ops::gelu_tanh(x), &|x, _| x.gelu())?;
    bench.row("sigmoid 64 56", map, &[], true, &|x, _| ops::sigmoid(x), &|x, _| candle_nn::ops::sigmoid(x))?;
    bench.row("hard-swish 64 56", map, &[], true, &|x, _| ops::hard_swish(x), &|x, _| {
        x * (candle_nn::ops::hard_sigmoid(x)?)
    })?;
    bench.row("relu6 64 56", map, &[], true, &|x, _| ops::relu6(x), &|x, _| x.clamp(0f32, 6f32))?;
    bench.row("softmax 24x197x197", &[24, 197, 197], &[], true, &|x, _| ops::softmax(x, D::Minus1), &|x, _| {
        candle_nn::ops::softmax(x, D::Minus1)
    })?;
    bench.row("log-softmax 64x1000", &[64, 1000], &[], true, &|x, _| ops::log_softmax(x, D::Minus1), &|x, _| {
        candle_nn::ops::log_softmax(x, D::Minus1)
    })?;
    let targets = Tensor::arange(0u32, 64, &Device::Cpu)?;
    let plain = CrossEntropy::default();
    bench.row(
        "cross-entropy 64x1000",
        &[64, 1000],
        &[],
        true,
        &|x, _| ops::cross_entropy(x, &targets, &plain),
        &|x, _| candle_nn::loss::cross_entropy(x, &targets),
    )?;
    let halves = (Tensor::ones((8, 8400), candlewick_prelude::candle_core::DType::F32, &Device::Cpu)? * 0.5)?;
    bench.row("BCE with logits 8x8400", &[8, 8400], &[], true, &|x, _| ops::bce_with_logits(x, &halves), &|x, _| {
        candle_nn::loss::binary_cross_entropy_with_logit(x, &halves)
    })?;
    let index = Tensor::from_vec((0..1024u32).map(|i| i * 37 % 30000).collect::<Vec<_>>(), 1024, &Device::Cpu)?;
    bench.row("embedding 1024 of 30000x64", &[30000, 64], &[], true, &|x, _| ops::embedding(x, &index), &|x, _| {
        x.embedding(&index)
    })?;
    bench.row("dropout 64 56", map, &[], true, &|x, _| ops::dropout(x, 0.3, true, 1), &|x, _| {
        candle_nn::ops::dropout(x, 0.3)
    })?;
    bench.row("max pool 64 56 k2", map, &[], false, &|x, _| ops::max_pool2d(x, (2, 2), (2, 2), (0, 0)), &|x, _| {
        x.max_pool2d(2)
    })?;
    bench.row(
        "average pool 64 56 k2",
        map,
        &[],
        true,
        &|x, _| ops::avg_pool2d(x, (2, 2), (2, 2), (0, 0), true),
        &|x, _| x.avg_pool2d(2),
    )?;
    bench.row("average over the whole map", map, &[], true, &|x, _| ops::adaptive_avg_pool2d(x, (1, 1)), &|x, _| {
        x.mean_keepdim((2, 3))
    })?;
    let small: &[usize] = &[8, 64, 28, 28];
    bench.row("nearest 28 to 56", small, &[], true, &|x, _| ops::upsample_nearest2d(x, (56, 56)), &|x, _| {
        x.upsample_nearest2d(56, 56)
    })?;
    bench.row(
        "bilinear 28 to 56",
        small,
        &[],
        false,
        &|x, _| ops::upsample_bilinear2d(x, (56, 56), false),
        &|x, _| x.upsample_bilinear2d(56, 56, false),
    )?;
    bench.row("addition 64 56", map, &[map.to_vec()], true, &|x, p| ops::add(x, &p[0]), &|x, p| x + &p[0])?;
    Ok(())
}

fn zeros(count: usize) -> Result<Tensor> {
    Tensor::zeros(count, candlewick_prelude::candle_core::DType::F32, &Device::Cpu)
}

fn ones(count: usize) -> Result<Tensor> {
    Tensor::ones(count, candlewick_prelude::candle_core::DType::F32, &Device::Cpu)
}

impl Bench {
    /// One row of the table: medians of both sides, three turns each.
    fn row(
        &self,
        name: &str,
        x: &[usize],
        parameters: &[Vec<usize>],
        backward: bool,
        ours: Operation,
        theirs: Operation,
    ) -> Result<()> {
        if !name.contains(&self.only) {
            return Ok(());
        }
        let x = Var::randn(0f32, 1f32, x, &Device::Cpu)?;
        let random = |shape: &Vec<usize>| Var::randn(0f32, 0.1f32, shape.as_slice(), &Device::Cpu);
        let variables = parameters.iter().map(random).collect::<Result<Vec<_>>>()?;
        let arguments: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        let seed = ours(&x, &arguments)?.detach().randn_like(0., 1.)?;
        // [ours, theirs] by [forward, both]
        let mut times: [[Vec<f64>; 2]; 2] = Default::default();
        for turn in 0..6 {
            let (side, operation) = [(0, ours), (1, theirs)][turn % 2];
            for round in 0..self.rounds + 2 {
                let start = Instant::now();
                let y = operation(&x, &arguments)?;
                let forward = start.elapsed().as_secs_f64() * 1e3;
                let mut both = forward;
                if backward {
                    let loss = (y * &seed)?.sum_all()?;
                    let grads = if side == 0 { ops::backward(&loss)? } else { loss.backward()? };
                    both = start.elapsed().as_secs_f64() * 1e3;
                    std::hint::black_box(grads.get(&x));
                }
                if round >= 2 {
                    times[side][0].push(forward);
                    times[side][1].push(both);
                }
            }
        }
        let [[f, both], [their_f, their_both]] = times.map(|side| side.map(median));
        let rest = if backward {
            format!("{both:.2} | {their_both:.2} | **{:.2}**", both / their_both)
        } else {
            "– | – | –".to_owned()
        };
        println!("| {name} | {f:.2} | {their_f:.2} | {:.2} | {rest} |", f / their_f);
        Ok(())
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
