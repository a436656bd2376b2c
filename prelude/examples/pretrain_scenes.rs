//! Makes `weights/scenes_yolox_nano.safetensors`: YOLOX-nano, trained from random weights on drawn photographs of scenes.
//!
//! `cargo run --release --example pretrain_scenes [epochs] [pictures] [file]` writes the file into the package's `weights` folder, and says how
//! well it finds in photographs and in paintings that it has not seen.

use std::time::Instant;

use candlewick_prelude::Result;
use candlewick_prelude::data::{Augment, Boxes, Part};
use candlewick_prelude::datasets::scenes::{paintings, photographs};
use candlewick_prelude::models::Detector;
use candlewick_prelude::train::Learner;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// The side of the pictures.
const SIDE: u32 = 160;

/// Stores the convolutions' weights in half precision: half the size, and no difference that average precision shows.
fn halve(path: &str) {
    let bytes = std::fs::read(path).expect("it was written");
    let metadata = SafeTensors::read_metadata(&bytes).expect("it is whole").1.metadata().clone();
    let tensors = SafeTensors::deserialize(&bytes).expect("it is whole");
    let halved: Vec<(String, Vec<usize>, Dtype, Vec<u8>)> = tensors
        .iter()
        .map(|(name, view)| {
            let (shape, numbers) = (view.shape().to_vec(), view.data());
            if shape.len() != 4 {
                return (name.to_owned(), shape, view.dtype(), numbers.to_vec());
            }
            let half = |four: &[u8]| half::f16::from_f32(f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
            let numbers = numbers.chunks_exact(4).flat_map(|four| half(four).to_le_bytes()).collect();
            (name.to_owned(), shape, Dtype::F16, numbers)
        })
        .collect();
    let views = halved.iter().map(|(name, shape, dtype, numbers)| {
        (name, TensorView::new(*dtype, shape.clone(), numbers).expect("as many numbers as the shape says"))
    });
    let bytes = safetensors::serialize(views, metadata).expect("tensors of one file");
    std::fs::write(path, bytes).expect("the folder can be written");
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: usize| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (epochs, pictures) = (number(0, 24), number(1, 2400));
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/scenes_yolox_nano.safetensors").to_owned();
    let path = args.get(2).unwrap_or(&usual);
    let begun = Instant::now();
    let folder = std::env::temp_dir().join(format!("candlewick-scenes-{pictures}"));
    let seen = photographs(folder.join("photographs"), pictures, SIDE, 2020)?;
    let other = paintings(folder.join("paintings"), 200, SIDE, 7)?;
    println!("{pictures} photographs ready after {:.0} s", begun.elapsed().as_secs_f64());
    let data = Boxes::coco(seen.join("annotations.json"))?.split(0.1, 1)?.size(SIDE as usize).batch(16);
    let mut learner = Learner::detection(Detector::YoloxNano.untrained(), &data.augment(Augment::boxes()))?;
    learner.quiet();
    println!("{}", learner.fit_one_cycle(epochs, 4e-3)?.line());
    learner.save_weights(path)?;
    halve(path);
    let size = std::fs::metadata(path)?.len() as f64 / 1e6;
    println!("{}{size:.2} MB, {:.0} s in all", learner.history().table().text(), begun.elapsed().as_secs_f64());
    let found = |part: &str, all: candlewick_prelude::train::Evaluation| {
        let coco = all.coco.unwrap_or_default();
        println!("{part}: AP50 {:.3}, AP {:.3}", coco.ap_50.unwrap_or(0.0), coco.ap.unwrap_or(0.0));
    };
    found("photographs", learner.evaluate()?);
    let art = Boxes::coco(other.join("annotations.json"))?.split(0.9, 1)?.size(SIDE as usize).batch(16);
    learner.set_data(&art)?;
    found("paintings", learner.evaluate_on(Part::Valid)?);
    Ok(())
}
