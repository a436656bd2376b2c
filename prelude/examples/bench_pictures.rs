//! Pictures a second that are decoded, resized to 224² and augmented, beside `benches/pictures_torch.py`; and whether a step waits for them.
//!
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release -p candlewick-prelude --example bench_pictures -- FOLDER [PICTURES] [EPOCHS]` writes JPEGs of 640 × 480 into FOLDER
//! where it holds none, and reads them anew in each epoch, as of a set that is larger than the memory.

use candlewick_prelude::Result;
use candlewick_prelude::models::HeadMaker;
use candlewick_prelude::prelude::*;
use std::path::Path;
use std::time::Instant;

/// A picture of soft hills with fine grain, which a JPEG of 640 × 480 keeps in about as many bytes as a photograph.
fn hills(number: u32) -> image::RgbImage {
    image::RgbImage::from_fn(640, 480, |x, y| {
        let (u, v, k) = (x as f32 / 97.0, y as f32 / 71.0, number as f32);
        let grain = (x * 73_856_093) ^ (y * 19_349_663) ^ (number * 83_492_791);
        let grain = ((grain ^ (grain >> 13)).wrapping_mul(0x5bd1_e995) >> 27) as f32 - 16.0;
        let wave = |shift: f32| 120.0 + 70.0 * (u + shift + k).sin() * (v - shift * k).cos() + grain;
        image::Rgb([wave(0.0) as u8, wave(0.7) as u8, wave(1.9) as u8])
    })
}

fn write(folder: &Path, count: u32) -> Result<()> {
    for number in 0..count {
        let class = folder.join(if number % 2 == 0 { "even" } else { "odd" });
        std::fs::create_dir_all(&class)?;
        let file = std::fs::File::create(class.join(format!("{number:05}.jpg")))?;
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(file, 90);
        encoder.encode_image(&hills(number)).map_err(|error| Error::new(error.to_string()))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(given.first().map_or("/tmp/candlewick-pictures", String::as_str));
    let number = |at: usize, usual: u32| given.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    if !folder.exists() {
        write(folder, number(1, 512))?;
    }
    let epochs = number(2, 3);
    let mut rates = Vec::new();
    let kept = ImageFolder::open(folder)?.size(224).augment(Augment::standard()).batch(32);
    // as of a set that is larger than the memory
    let data = kept.clone().memory(0);
    for epoch in 0..=epochs {
        let begun = Instant::now();
        let count = data.train_batches(u64::from(epoch))?.map(|batch| Ok(batch?.len())).sum::<Result<usize>>()?;
        // the first epoch brings the files into the system's memory
        if epoch > 0 {
            rates.push(count as f64 / begun.elapsed().as_secs_f64());
        }
        if epoch == epochs {
            kept.train_batches(0)?.for_each(drop);
            let begun = Instant::now();
            let count = kept.train_batches(9)?.map(|batch| Ok(batch?.len())).sum::<Result<usize>>()?;
            println!("kept in memory: {:.0} pictures a second", count as f64 / begun.elapsed().as_secs_f64());
        }
    }
    let all: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
    rates.sort_by(f64::total_cmp);
    println!("candlewick: {:.0} pictures a second (of {epochs} epochs: {})", rates[rates.len() / 2], all.join(", "));
    waits(&data)
}

/// How long the steps of a frozen and of a whole network wait for their batch.
fn waits(data: &ImageFolder) -> Result<()> {
    let network = Network::new(Arch::default(), HeadMaker::classes(2), &Device::Cpu, 1)?;
    for (what, from) in [("frozen", network.parts().len() - 1), ("whole", 0)] {
        let (mut batches, mut steps) = (data.train_batches(1)?, 0);
        let begun = Instant::now();
        for batch in batches.by_ref() {
            let batch = batch?;
            let state = network.stem(from, &batch.inputs)?;
            let said = network.features_from(from, &state, &Pass::train(1))?;
            let logits = network.said(&said, &Pass::train(1))?.get("logits")?.clone();
            ops::backward(&ops::cross_entropy(&logits, batch.targets.get("class")?, &ops::CrossEntropy::default())?)?;
            steps += 1;
        }
        let (waited, all) = (batches.waited().as_secs_f64(), begun.elapsed().as_secs_f64());
        println!("{what}: {steps} steps in {all:.1} s, of which they waited {waited:.2} s");
    }
    Ok(())
}
