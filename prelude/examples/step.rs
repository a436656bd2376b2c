//! How long one training step of the default body takes: forward, backward, optimiser.
//!
//! `cargo run --release --example step [batch] [rounds]`

use std::time::Instant;

use candlewick_prelude::candle_core::{DType, Device, Tensor};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Arch, HeadMaker, Network};
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;
use candlewick_prelude::{Result, ops};

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut number = |default| numbers.next().and_then(std::result::Result::ok).unwrap_or(default);
    let (batch, rounds) = (number(32), number(9));
    let model = Network::new(Arch::default(), HeadMaker::classes(3), &Device::Cpu, 0)?;
    let mut optimizer = Optimizer::adamw();
    let images = Tensor::randn(0f32, 1.0, (batch, 3, 64, 64), &Device::Cpu)?;
    let labels = Tensor::zeros(batch, DType::U32, &Device::Cpu)?;
    let mut times = [(); 4].map(|_| Vec::new());
    for round in 0..rounds {
        let begun = Instant::now();
        model.features(&images, &Pass::eval())?;
        times[0].push(begun.elapsed());
        let begun = Instant::now();
        let output = model.forward(&images, &Pass::train(round as u64))?;
        let loss = ops::cross_entropy(output.get("logits")?, &labels, &ops::CrossEntropy::default())?;
        times[1].push(begun.elapsed());
        let begun = Instant::now();
        let grads = ops::backward(&loss)?;
        times[2].push(begun.elapsed());
        let begun = Instant::now();
        optimizer.step(&model.params().trainable(), &grads, |_| 1e-3, None)?;
        times[3].push(begun.elapsed());
    }
    for (name, mut times) in ["predict", "forward", "backward", "optimiser"].into_iter().zip(times) {
        times.sort();
        println!("{name:9} {:7.1} ms", times[rounds / 2].as_secs_f64() * 1e3);
    }
    // block by block
    let mut x = images;
    let body = Arch::default().body(&ParamSet::new(0))?;
    for (index, name) in body.names().enumerate() {
        let begun = Instant::now();
        let y = body.forward_range(index..index + 1, &x, &Pass::train(0))?;
        let forward = begun.elapsed();
        let begun = Instant::now();
        ops::backward_from(&y, &y.ones_like()?)?;
        println!(
            "{name}: {:?}, forward {:.1} ms, backward {:.1} ms",
            y.dims(),
            forward.as_secs_f64() * 1e3,
            begun.elapsed().as_secs_f64() * 1e3
        );
        x = y.detach();
    }
    Ok(())
}
