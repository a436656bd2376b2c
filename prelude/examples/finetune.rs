//! Fine-tunes EfficientNet-Lite0 from its ImageNet weights; benches/finetune.py sets it beside benches/finetune_torch.py.
//!
//! `cargo run --release --example finetune FOLDER frozen|whole EPOCHS RATE SEED [varied]` with CANDLEWICK_EFFICIENTNET_LITE0 naming
//! the weights' file; FOLDER holds train/CLASS and val/CLASS, its pictures are squares of the size wanted. Prints the
//! validation accuracy, the validation loss, the seconds of fitting, the processor's seconds and the most memory in MB.

mod measured;

use candlewick_prelude::data::{Augment, ImageFolder, Part, read_picture};
use candlewick_prelude::models::Arch;
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Error, Result};
use measured::{memory, processor};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, what, epochs, rate, seed, varied @ ..] = args.as_slice() else {
        return Err(Error::new("usage: finetune FOLDER frozen|whole EPOCHS RATE SEED [varied]"));
    };
    let number = |text: &str| text.parse::<f64>().map_err(|_| Error::new(format!("`{text}` is no number")));
    let weights = std::env::var_os("CANDLEWICK_EFFICIENTNET_LITE0")
        .ok_or_else(|| Error::new("CANDLEWICK_EFFICIENTNET_LITE0 does not name the weights"))?;
    let arch = Arch::EfficientNetLite0;
    let data = ImageFolder::open(folder)?;
    let side = read_picture(&data.sample(0).path)?.width() as usize;
    let data = data.size(side).normalize(arch.normalize()).batch(32).seeded(number(seed)? as u64);
    let changes = Augment { zoom: 1.1, shift: 0.0, saturation: 0.0, ..Augment::standard() };
    let data = if varied.is_empty() { data } else { data.augment(changes) };
    // both sides hold the decoded pictures in memory before the clock starts
    data.summary()?;
    let mut learner = Learner::vision(arch.weights(weights), &data)?;
    learner.quiet();
    if what == "frozen" {
        learner.freeze();
    }
    // the first pass through a network is slower than the others, here as in PyTorch
    if let Some(batch) = data.batches(Part::Valid)?.next() {
        learner.network().embed(&batch?.inputs)?;
    }
    let before = processor();
    let report = learner.fit_one_cycle(number(epochs)? as usize, number(rate)?)?;
    let valid = report.valid.ok_or_else(|| Error::new("the folder has no val/"))?;
    let accuracy = valid.get("accuracy")?;
    println!("{accuracy:.4}\t{:.4}\t{:.2}\t{:.2}\t{:.0}", valid.loss, report.seconds, processor() - before, memory());
    Ok(())
}
