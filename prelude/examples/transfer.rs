//! Fine-tuning against training from scratch on a few drawn pictures of cars and trucks, over three seeds.
//!
//! `cargo run --release --example transfer [pictures a class] [epochs]`: both networks see the same pictures for the
//! same number of epochs and are measured on 200 others.

use std::time::Instant;

use candlewick_prelude::Result;
use candlewick_prelude::data::{Augment, ImageFolder};
use candlewick_prelude::datasets::vehicles;
use candlewick_prelude::models::Arch;
use candlewick_prelude::train::{Learner, Measures};

const SEEDS: [u64; 3] = [1, 2, 3];

fn data(seed: u64, per_class: usize) -> Result<ImageFolder> {
    // 100 a class are kept for validation, and of the others so many train
    let all = vehicles().classes(&["car", "truck"]).per_class(300).seed(4711).write()?;
    let data = all.split(1.0 / 3.0, seed)?.limit(per_class).size(64).augment(Augment::boxes()).batch(16);
    Ok(data.seeded(seed))
}

/// Frozen first, then the last blocks at a lower rate, then everything.
fn fine_tune(learner: &mut Learner, epochs: usize) -> Result<()> {
    let (first, second) = (epochs / 3, epochs / 3);
    learner.freeze();
    learner.fit(first, 3e-3)?;
    learner.unfreeze_from("blocks.2")?;
    learner.fit(second, 1e-4..1e-3)?;
    learner.unfreeze();
    learner.fit_one_cycle(epochs - first - second, 1e-5..1e-3)?;
    Ok(())
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut number = |default| numbers.next().and_then(std::result::Result::ok).unwrap_or(default);
    let (per_class, epochs) = (number(24), number(18));
    println!("{per_class} training pictures a class, {epochs} epochs");
    println!("seed  start       accuracy  mean IoU     time");
    let mut means = [0.0; 2];
    for seed in SEEDS {
        let data = data(seed, per_class)?;
        for (index, name) in ["fine-tuned", "scratch"].into_iter().enumerate() {
            let begun = Instant::now();
            let measures: Measures = if index == 0 {
                let mut learner = Learner::localization(Arch::default(), &data)?;
                fine_tune(learner.quiet(), epochs)?;
                learner.validate()?.all
            } else {
                let mut learner = Learner::localization(Arch::default().untrained(), &data)?;
                learner.quiet().fit_one_cycle(epochs, 3e-3)?;
                learner.validate()?.all
            };
            let (accuracy, iou) = (measures.get("accuracy")?, measures.get("mean IoU")?);
            means[index] += accuracy / SEEDS.len() as f64;
            println!("{seed:4}  {name:10}  {accuracy:8.3}  {iou:8.3}  {:5.1} s", begun.elapsed().as_secs_f64());
        }
    }
    println!("mean accuracy: fine-tuned {:.3}, scratch {:.3}", means[0], means[1]);
    Ok(())
}
