//! Makes `weights/vehicles_small.safetensors`: the default body, trained on drawn cars, buses and vans (no trucks).
//!
//! `cargo run --release --example pretrain [epochs] [pictures a class]` writes the file into the package's `weights`
//! folder. The same arguments give the same weights on the same machine.

use std::time::Instant;

use candlewick_prelude::Result;
use candlewick_prelude::data::Augment;
use candlewick_prelude::datasets::vehicles;
use candlewick_prelude::models::Arch;
use candlewick_prelude::train::Learner;

/// The classes that the body knows; trucks are left for the user to teach.
const CLASSES: [&str; 3] = ["car", "bus", "van"];

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut number = |default| numbers.next().and_then(std::result::Result::ok).unwrap_or(default);
    let (epochs, pictures) = (number(8), number(2000));
    let begun = Instant::now();
    let data = vehicles().classes(&CLASSES).per_class(pictures).seed(2017).write()?;
    let data = data.split(0.1, 1)?.size(64).augment(Augment::boxes()).batch(32).seeded(1);
    println!("{} pictures ready after {:.0} s", data.len(), begun.elapsed().as_secs_f64());
    let mut learner = Learner::localization(Arch::default().untrained(), &data)?;
    learner.label_smoothing(0.05);
    learner.fit_one_cycle(epochs, 4e-3)?;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/vehicles_small.safetensors");
    learner.save_weights(path)?;
    let size = std::fs::metadata(path)?.len() as f64 / 1e6;
    println!("{}{size:.2} MB, {:.0} s in all", learner.history().table().text(), begun.elapsed().as_secs_f64());
    Ok(())
}
