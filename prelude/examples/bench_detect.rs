//! Times training steps of detectors; benches/detect_torch.py does the same in PyTorch.
//!
//! `CARGO_PROFILE_RELEASE_LTO=false cargo run --release --example bench_detect [rounds] [detector]`: batch 8 of 320×320 with five objects a picture, and the prediction of
//! one picture with suppression.

use std::time::Instant;

use candlewick_prelude::Result;
use candlewick_prelude::boxes::measure::suppress_classes;
use candlewick_prelude::candle_core::{Device, Tensor};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::detect::{self, Candidates, Reach, Sighting, TrueBox};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Detector, Network};
use candlewick_prelude::ops;
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;

const SIDE: usize = 320;
const BATCH: usize = 8;
const CLASSES: usize = 6;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let rounds: usize = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let detector = Detector::named(&args.next().unwrap_or_else(|| "yolox_nano".to_owned()))?;
    let before = peak();
    let network = Network::detecting(ParamSet::new(0), detector, CLASSES)?;
    let mut optimizer = Optimizer::sgd(0.9);
    let bytes = (Tensor::rand(0f32, 255.0, (BATCH, 3, SIDE, SIDE), &Device::Cpu)?).round()?;
    let normalize = detector.transform(SIDE).normalize;
    let images = (bytes / f64::from(255.0 * normalize.std[0]))?;
    let inputs = Fields::of(field::IMAGE, images);
    let truths: Vec<Vec<TrueBox>> = (0..BATCH).map(objects).collect();
    let mut times = [(); 5].map(|_| Vec::new());
    for round in 0..rounds + 2 {
        let start = Instant::now();
        let pass = Pass::train(round as u64);
        let said = network.rest(0, &inputs, &pass)?;
        let forward = start.elapsed();
        let loss = loss(&said, &truths)?;
        let lost = start.elapsed();
        let grads = ops::backward(&loss)?;
        let backward = start.elapsed();
        drop((said, loss));
        optimizer.step(&network.params().trainable(), &grads, |_| 1e-3, None)?;
        pass.commit()?;
        drop(grads);
        let whole = start.elapsed();
        if round >= 2 {
            for (times, time) in times.iter_mut().zip([forward, lost - forward, backward - lost, whole]) {
                times.push(time.as_secs_f64() * 1e3);
            }
        }
    }
    let most = peak();
    let one = Fields::of(field::IMAGE, inputs.get(field::IMAGE)?.narrow(0, 0, 1)?);
    for _ in 0..rounds.max(200) {
        let start = Instant::now();
        let said = network.rest(0, &one, &Pass::eval())?;
        let found = found(&said)?;
        let corners: Vec<[f32; 4]> = found[0]
            .iter()
            .map(|one| {
                let [x, y, w, h] = one.bbox;
                [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
            })
            .collect();
        let scores: Vec<f32> = found[0].iter().map(|one| one.score).collect();
        let classes: Vec<u32> = found[0].iter().map(|one| one.class as u32).collect();
        suppress_classes(&corners, &scores, &classes, 0.65)?;
        times[4].push(start.elapsed().as_secs_f64() * 1e3);
    }
    let [forward, loss, backward, step, predict] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    println!(
        "{detector}\t{step:.1}\t{forward:.1}\t{loss:.2}\t{backward:.1}\t{predict:.2}\t{:.0}\t{most:.0}",
        most - before
    );
    Ok(())
}

fn loss(said: &Fields, truths: &[Vec<TrueBox>]) -> Result<Tensor> {
    Ok(match said.find(field::YOLOV8) {
        Some(said) => detect::yolov8_loss(said, (SIDE, SIDE), truths, Reach::default())?.total,
        None => detect::yolox_loss(said.get(field::YOLOX)?, (SIDE, SIDE), truths, Candidates::Centre, false)?.total,
    })
}

fn found(said: &Fields) -> Result<Vec<Vec<Sighting>>> {
    match said.find(field::YOLOV8) {
        Some(said) => detect::yolov8_found(said, (SIDE, SIDE), 0.01),
        None => detect::found(said.get(field::YOLOX)?, (SIDE, SIDE), 0.01),
    }
}

/// Five objects of different sizes, another place in each picture.
fn objects(picture: usize) -> Vec<TrueBox> {
    let object = |number: usize| {
        let (x, y) = (40.0 + 60.0 * number as f32, 60.0 + 25.0 * ((picture + number) % BATCH) as f32);
        TrueBox { class: (picture + number) % CLASSES, bbox: [x, y, 24.0 + 24.0 * number as f32, 40.0], crowd: false }
    };
    (0..5).map(object).collect()
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
