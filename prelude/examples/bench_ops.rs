//! Times the operations forward and backward; benches/ops.sh sets it beside benches/ops_torch.py, row by row.

use candlewick_prelude::candle_core::{Device, Error, Result, Tensor, Var};
use candlewick_prelude::ops::*;
use std::time::{Duration, Instant};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let rounds: usize = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(9);
    let only = args.next().unwrap_or_default();
    let conv = |name: &'static str, x, w, stride, padding, groups| {
        let options =
            Conv2dOptions { stride: (stride, stride), padding: (padding, padding), groups, ..Conv2dOptions::default() };
        row(name, rounds, &only, x, vec![w], move |x, p| conv2d(x, &p[0], None, options))
    };
    conv("conv 64-64 56 k3", [8, 64, 56, 56], vec![64, 64, 3, 3], 1, 1, 1)?;
    conv("conv 128-128 28 k3", [8, 128, 28, 28], vec![128, 128, 3, 3], 1, 1, 1)?;
    conv("conv 256-256 14 k3", [8, 256, 14, 14], vec![256, 256, 3, 3], 1, 1, 1)?;
    conv("conv 512-512 7 k3", [8, 512, 7, 7], vec![512, 512, 3, 3], 1, 1, 1)?;
    conv("conv 64-128 56 k3 s2", [8, 64, 56, 56], vec![128, 64, 3, 3], 2, 1, 1)?;
    conv("conv 64-256 56 k1", [8, 64, 56, 56], vec![256, 64, 1, 1], 1, 0, 1)?;
    conv("conv 320-1280 7 k1", [8, 320, 7, 7], vec![1280, 320, 1, 1], 1, 0, 1)?;
    conv("conv 3-64 224 k7 s2", [8, 3, 224, 224], vec![64, 3, 7, 7], 2, 3, 1)?;
    conv("depthwise 144 56 k3", [8, 144, 56, 56], vec![144, 1, 3, 3], 1, 1, 144)?;
    conv("depthwise 144 56 k5 s2", [8, 144, 56, 56], vec![144, 1, 5, 5], 2, 2, 144)?;
    conv("depthwise 960 7 k3", [8, 960, 7, 7], vec![960, 1, 3, 3], 1, 1, 960)?;
    row("batch norm 64 56", rounds, &only, [8, 64, 56, 56], vec![vec![64], vec![64]], |x, p| {
        Ok(batch_norm_train(x, &p[0], &p[1], 1e-5)?.0)
    })?;
    row("relu 64 56", rounds, &only, [8, 64, 56, 56], vec![], |x, _| relu(x))?;
    row("silu 64 56", rounds, &only, [8, 64, 56, 56], vec![], |x, _| silu(x))?;
    row("max pool 64 112 k3 s2", rounds, &only, [8, 64, 112, 112], vec![], |x, _| {
        max_pool2d(x, (3, 3), (2, 2), (1, 1))
    })?;
    row("layer norm 8x197x192", rounds, &only, [1, 8, 197, 192], vec![vec![192], vec![192]], |x, p| {
        layer_norm(x, &p[0], &p[1], 1e-6)
    })
}

/// Prints a row: its name, the median of the forward pass and of forward and backward together, in milliseconds.
fn row(
    name: &str,
    rounds: usize,
    only: &str,
    x: [usize; 4],
    parameters: Vec<Vec<usize>>,
    operation: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor> + Sync,
) -> Result<()> {
    if !name.contains(only) {
        return Ok(());
    }
    let x = Var::randn(0f32, 1f32, &x, &Device::Cpu)?;
    let mut variables = Vec::new();
    for shape in parameters {
        variables.push(Var::randn(0f32, 0.1f32, shape, &Device::Cpu)?);
    }
    let parameters: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
    let seed = operation(&x, &parameters)?.detach().randn_like(0., 1.)?;
    let (mut forward, mut both) = (Vec::new(), Vec::new());
    for round in 0..rounds + 2 {
        // Inside the pool of threads, where a network's operations run; PyTorch's threads stay awake between its own.
        let (grads, half, whole) = rayon::scope(|_| {
            let start = now();
            let y = operation(&x, &parameters)?;
            let half = now() - start;
            let grads = backward_from(&y, &seed)?;
            Ok::<_, Error>((grads, half, now() - start))
        })?;
        std::hint::black_box(grads.get(&x));
        if round >= 2 {
            forward.push(half.as_secs_f64() * 1e3);
            both.push(whole.as_secs_f64() * 1e3);
        }
    }
    println!("{name}\t{:.2}\t{:.2}", median(&mut forward), median(&mut both));
    Ok(())
}

/// The time on the wall, or with BENCH_CLOCK=cpu the processor time used: fair with one thread on a busy machine.
fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    if std::env::var_os("BENCH_CLOCK").is_some_and(|clock| clock == "cpu") {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call fills the struct that it is given.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        return Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
    }
    START.get_or_init(Instant::now).elapsed()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[if std::env::var_os("BENCH_BEST").is_some() { 0 } else { times.len() / 2 }]
}
