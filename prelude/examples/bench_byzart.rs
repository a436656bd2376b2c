//! Fine-tunes YOLOX-nano on icons with boxes; benches/byzart_torch.py does the same in PyTorch.
//!
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release --example bench_byzart DATA_FOLDER WEIGHTS [seed] [frozen epochs] [epochs] [rate] [mosaic share]`: prints AP50 on
//! valid and test before and after, and the seconds of training. The six classes are those of benches/byzart_classes.json.

use std::collections::BTreeMap;
use std::time::Instant;

use candlewick_prelude::Result;
use candlewick_prelude::data::{Augment, Boxes, Part};
use candlewick_prelude::models::Detector;
use candlewick_prelude::train::Learner;

/// benches/byzart_classes.json: the classes, and which names become which.
#[derive(serde::Deserialize)]
struct Told {
    classes: Vec<String>,
    names: BTreeMap<String, String>,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: f64| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (folder, weights) = (&args[0], &args[1]);
    let (seed, frozen, epochs, rate) = (number(2, 0.0), number(3, 2.0), number(4, 10.0), number(5, 1e-3));
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/byzart_classes.json"))?;
    let told: Told = serde_json::from_str(&text).expect("classes and names");
    let mut data = Boxes::voc(folder)?;
    let there = |name: &str| data.classes().iter().any(|class| class == name);
    let pairs = told.names.iter().filter(|(name, _)| there(name)).map(|(name, into)| (name.as_str(), into.as_str()));
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let kept: Vec<&str> = told.classes.iter().map(String::as_str).collect();
    data = data.rename(&pairs)?.only(&kept)?;
    let augment = Augment { mosaic: number(6, 0.0) as f32, ..Augment::boxes() };
    let data = data.size(320).batch(8).augment(augment).seeded(seed as u64);
    let mut learner = Learner::detection(Detector::YoloxNano.weights(weights).like("figure", "person"), &data)?;
    // As the peer, which measures once, at the end.
    learner.quiet().validate_every(100);
    let figure = |learner: &mut Learner, part| -> Result<(f64, f64)> {
        let all = learner.evaluate_on(part)?;
        let own = all.boxes.iter().find(|class| class.name == "figure").and_then(|class| class.coco.ap_50);
        Ok((all.coco.and_then(|coco| coco.ap_50).unwrap_or(0.0), own.unwrap_or(0.0)))
    };
    let before = (figure(&mut learner, Part::Valid)?, figure(&mut learner, Part::Test)?);
    println!("before: valid {:.3?} test {:.3?}", before.0, before.1);
    let start = Instant::now();
    let mut seconds = 0.0;
    if frozen > 0.0 {
        learner.freeze();
        learner.fit_one_cycle(frozen as usize, 2.0 * rate)?;
        seconds = start.elapsed().as_secs_f64();
        learner.unfreeze();
    }
    if epochs > 0.0 {
        learner.fit_one_cycle(epochs as usize, 0.3 * rate..rate)?;
    }
    let all = start.elapsed().as_secs_f64();
    for epoch in &learner.history().epochs {
        let valid = epoch.valid.as_ref().map(|valid| valid.words()).unwrap_or_default();
        println!("{} train {:.3} {valid} {:.1} s", epoch.epoch, epoch.train_loss, epoch.seconds);
    }
    let after = (figure(&mut learner, Part::Valid)?, figure(&mut learner, Part::Test)?);
    println!("after: valid {:.3?} test {:.3?}; {seconds:.1} s frozen, {all:.1} s in all", after.0, after.1);
    Ok(())
}
