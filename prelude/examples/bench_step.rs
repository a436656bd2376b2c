//! Times training steps of whole networks; benches/step.sh sets it beside benches/step_torch.py.
//!
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release --example bench_step [rounds] [network]`. It computes where learners would; on a GPU, `HALF=1` makes
//! products in bfloat16. `LORA=8` trains adapters of rank 8 and the head, `DROPOUT=0.1` drops what goes into them.

use std::time::{Duration, Instant};

use candlewick_prelude::candle_core::{DType, Device, Tensor};
use candlewick_prelude::layers::{Lora, Pass};
use candlewick_prelude::models::{Arch, HeadMaker, Network, device};
use candlewick_prelude::train::Optimizer;
use candlewick_prelude::{Result, ops};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let rounds: usize = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let arch = Arch::named(&args.next().unwrap_or_else(|| "resnet18".to_owned()))?;
    let batch: usize = std::env::var("BATCH").ok().and_then(|batch| batch.parse().ok()).unwrap_or(8);
    let before = peak();
    let side = arch.picture();
    let device = device()?;
    let half = std::env::var_os("HALF").map(|_| DType::BF16);
    let mut model = Network::new(arch, HeadMaker::classes(1000), &device, 0)?;
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<f64>().ok());
    if let Some(rank) = number("LORA") {
        let lora = Lora::rank(rank as usize).dropout(number("DROPOUT").unwrap_or_default());
        model.add_adapter(model.plan_adapter("default", &lora)?)?;
        model.freeze_where(|_| false);
    }
    let mut optimizer = Optimizer::sgd(0.9);
    let images = Tensor::randn(0f32, 1.0, (batch, 3, side, side), &Device::Cpu)?.to_device(&device)?;
    let labels = Tensor::zeros(batch, DType::U32, &device)?;
    let mut times = [(); 4].map(|_| Vec::new());
    for round in 0..rounds + 2 {
        let start = now();
        let pass = Pass::train(round as u64).with_products_in(half);
        let output = model.forward(&images, &pass)?;
        let loss = ops::cross_entropy(output.get("logits")?, &labels, &ops::CrossEntropy::default())?;
        device.synchronize()?;
        let forward = now() - start;
        drop(output);
        let seed = loss.ones_like()?;
        let grads = ops::backward_letting_go(vec![(loss, seed)])?;
        device.synchronize()?;
        let backward = now() - start - forward;
        optimizer.step(&model.params().trainable(), &grads, |_| 1e-3, None)?;
        pass.commit()?;
        drop(grads);
        device.synchronize()?;
        let whole = now() - start;
        if round >= 2 {
            for (times, time) in times.iter_mut().zip([forward, backward, whole]) {
                times.push(time.as_secs_f64() * 1e3);
            }
        }
    }
    let most = peak();
    for _ in 0..rounds {
        let start = now();
        model.forward(&images, &Pass::eval().with_products_in(half))?;
        device.synchronize()?;
        times[3].push((now() - start).as_secs_f64() * 1e3);
    }
    let [forward, backward, step, predict] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    println!("{arch}\t{step:.1}\t{forward:.1}\t{backward:.1}\t{predict:.1}\t{:.0}\t{most:.0}", most - before);
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

/// The most memory that this process has held, in MiB.
fn peak() -> f64 {
    // SAFETY: the call fills the struct that it is given.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    usage.ru_maxrss as f64 / if cfg!(target_os = "macos") { 1048576. } else { 1024. }
}
