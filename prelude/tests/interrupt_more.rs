//! An interrupt during a download and during the search for a rate; a process of its own, since the flag is its own.

use candle_core::{Device, Tensor};
use candlewick_prelude::data::TensorData;
use candlewick_prelude::models::{Arch, Hub, PUBLISHED};
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Result, interrupt};
use std::time::{Duration, Instant};

#[test]
fn both_end_at_once_and_leave_everything_as_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // it takes connections and never answers
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let hub = Hub::at(format!("http://{}", silent.local_addr()?), folder.path());
    let begun = Instant::now();
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(200));
        interrupt::request();
    });
    let error = hub.fetch(&PUBLISHED[0]).unwrap_err();
    assert!(error.is_interrupted() && begun.elapsed() < Duration::from_secs(3), "{error} {:?}", begun.elapsed());

    let images = Tensor::rand(0f32, 1.0, (16, 3, 32, 32), &Device::Cpu)?;
    let data = TensorData::new(images, (0..16).map(|index| index % 2).collect(), &["even", "odd"])?.batch(4);
    let mut learner = Learner::vision_untrained(Arch::default(), &data)?;
    let weight = learner.network().params().params()[0].clone();
    let before = weight.fingerprint()?;
    assert!(learner.lr_find().unwrap_err().is_interrupted());
    assert_eq!(weight.fingerprint()?, before);
    interrupt::clear();
    Ok(())
}
