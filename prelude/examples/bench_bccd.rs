//! Trains a light detector on EfficientNet-Lite0 to find blood cells; benches/bccd_torch.py has the peer.
//!
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release --example bench_bccd DATA_FOLDER WEIGHTS [seed] [frozen epochs] [epochs] [rate]`: prints AP50 on the test part and the
//! seconds of training.

use std::time::Instant;

use candlewick_prelude::Result;
use candlewick_prelude::data::{Augment, Boxes, Part};
use candlewick_prelude::models::{Arch, Detector};
use candlewick_prelude::train::Learner;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: f64| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (seed, frozen, epochs, rate) = (number(2, 0.0), number(3, 3.0), number(4, 12.0), number(5, 2e-3));
    let data = Boxes::voc(&args[0])?.size(320).batch(8).augment(Augment::boxes()).seeded(seed as u64);
    let mut learner = Learner::detection(Detector::light(Arch::EfficientNetLite0).weights(&args[1]), &data)?;
    // As the peer, which measures once, at the end.
    learner.quiet().validate_every(100);
    let start = Instant::now();
    if frozen > 0.0 {
        learner.freeze();
        learner.fit_one_cycle(frozen as usize, rate)?;
        learner.unfreeze();
    }
    if epochs > 0.0 {
        learner.fit_one_cycle(epochs as usize, 0.1 * rate..rate)?;
    }
    let all = start.elapsed().as_secs_f64();
    for epoch in &learner.history().epochs {
        let valid = epoch.valid.as_ref().map(|valid| valid.words()).unwrap_or_default();
        println!("{} train {:.3} {valid} {:.1} s", epoch.epoch, epoch.train_loss, epoch.seconds);
    }
    for class in learner.evaluate_on(Part::Test)?.boxes {
        println!("{}: {} objects, AP50 {:.3}", class.name, class.objects, class.coco.ap_50.unwrap_or(f64::NAN));
    }
    let coco = learner.evaluate_on(Part::Test)?.coco.unwrap_or_default();
    println!("test: AP50 {:.3}, AP {:.3}; {all:.1} s", coco.ap_50.unwrap_or(0.0), coco.ap.unwrap_or(0.0));
    Ok(())
}
