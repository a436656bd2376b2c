//! What EfficientNet-Lite0 with its ImageNet weights says of pictures; benches/top5.py sets it beside the Python model.
//!
//! `cargo run --release --example top5 FOLDER PICTURE...` with CANDLEWICK_EFFICIENTNET_LITE0 naming the weights' file.
//! Prints a line a picture, the numbers of the five likeliest classes with their shares, and writes the square that the
//! network saw into FOLDER as `NUMBER.png`.

use std::path::{Path, PathBuf};

use candlewick_prelude::candle_core::{D, Device};
use candlewick_prelude::data::{ResizeMethod, Transform, read_picture};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Arch, HeadMaker, Network, Trained};
use candlewick_prelude::{Error, Result, ops};

fn main() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, pictures @ ..] = args.as_slice() else {
        return Err(Error::new("usage: top5 FOLDER PICTURE..."));
    };
    let weights = std::env::var_os("CANDLEWICK_EFFICIENTNET_LITE0")
        .ok_or_else(|| Error::new("CANDLEWICK_EFFICIENTNET_LITE0 does not name the weights"))?;
    let arch = Arch::EfficientNetLite0;
    let trained = Trained::open(Path::new(&weights))?;
    let model = Network::new(arch, HeadMaker::classes(1000), &Device::Cpu, 0)?;
    model.load_all(&trained.tensors, &trained.origin)?;
    let transform = Transform {
        size: arch.picture(),
        resize: ResizeMethod::Crop,
        normalize: arch.normalize(),
        greys: Default::default(),
    };
    for (number, path) in pictures.iter().enumerate() {
        let picture = read_picture(path)?;
        transform
            .square(&picture)
            .save(folder.join(format!("{number}.png")))
            .map_err(|error| Error::new(format!("`{}` cannot be written to", folder.display())).caused_by(error))?;
        let logits = model.forward(&transform.tensor(&picture)?.unsqueeze(0)?, &Pass::eval())?.get("logits")?.clone();
        let shares = ops::softmax(&logits, D::Minus1)?.squeeze(0)?.to_vec1::<f32>()?;
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
        let five: Vec<String> = order[..5].iter().map(|class| format!("{class} {:.5}", shares[*class])).collect();
        println!("{}", five.join("\t"));
    }
    Ok(())
}
