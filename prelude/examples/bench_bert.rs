//! Times training steps of an encoder of MiniLM-L6's size; benches/bert.sh sets it beside benches/bert_torch.py.
//!
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release --example bench_bert [rounds] [full|real]`: batches of 16 texts of 64 tokens, or padded to 64 as
//! sentences are, of 8 to 64 tokens. `NOISE=0` turns dropout off.

use std::time::Instant;

use candlewick_prelude::candle_core::{Device, Tensor};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{BertConfig, BertLayout, HeadMaker, Network, Pooling};
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;
use candlewick_prelude::{Result, ops};

const BATCH: usize = 16;
const LONG: usize = 64;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let rounds: usize = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let lengths = args.next().unwrap_or_else(|| "full".to_owned());
    let noisy = std::env::var("NOISE").is_ok_and(|noise| noise == "0");
    let before = peak();
    let config = BertConfig { intermediate_size: 1536, ..BertConfig::new(30522, 384, 6, 12) };
    let layout = BertLayout::new(config, Pooling::Pooler);
    let model = Network::bert(ParamSet::new(0), layout, HeadMaker::classes(2))?;
    let mut optimizer = Optimizer::adamw();
    let batch = batch(&lengths)?;
    let labels = Tensor::zeros(BATCH, candlewick_prelude::candle_core::DType::U32, &Device::Cpu)?;
    let mut times = [(); 4].map(|()| Vec::new());
    for round in 0..rounds + 2 {
        let start = Instant::now();
        let pass = if noisy { Pass::train_without_noise() } else { Pass::train(round as u64) };
        let said = model.rest(0, &batch, &pass)?;
        let loss = ops::cross_entropy(said.get(field::LOGITS)?, &labels, &ops::CrossEntropy::default())?;
        let forward = start.elapsed();
        let grads = ops::backward(&loss)?;
        let backward = start.elapsed() - forward;
        drop((said, loss));
        optimizer.step(&model.params().trainable(), &grads, |_| 1e-3, None)?;
        drop(grads);
        let whole = start.elapsed();
        if round >= 2 {
            for (times, time) in times.iter_mut().zip([forward, backward, whole]) {
                times.push(time.as_secs_f64() * 1e3);
            }
        }
    }
    let most = peak();
    for _ in 0..rounds {
        let start = Instant::now();
        model.rest(0, &batch, &Pass::eval())?;
        times[3].push(start.elapsed().as_secs_f64() * 1e3);
    }
    let [forward, backward, step, predict] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    println!("{lengths}\t{step:.1}\t{forward:.1}\t{backward:.1}\t{predict:.1}\t{:.0}\t{most:.0}", most - before);
    Ok(())
}

/// Texts of tokens that are spread over the vocabulary, each of another length where they are `real`.
fn batch(lengths: &str) -> Result<Fields> {
    let long = |text: usize| if lengths == "real" { 8 + text * 37 % (LONG - 7) } else { LONG };
    let ids = (0..BATCH * LONG).map(|at| (1000 + at as u32 * 7919 % 29000) * u32::from(at % LONG < long(at / LONG)));
    let mask = (0..BATCH * LONG).map(|at| u32::from(at % LONG < long(at / LONG)));
    let table = |values: Vec<u32>| Tensor::from_vec(values, (BATCH, LONG), &Device::Cpu);
    Ok(Fields::of(field::IDS, table(ids.collect())?).with(field::MASK, table(mask.collect())?))
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
