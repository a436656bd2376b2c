//! What a person who is wrong is told: the message, and a remedy that works.

use super::*;
use crate::data::Augment;
use crate::layers::{GlobalAvgPool, Layer, Linear};

#[test]
fn factors_on_the_rate_that_make_no_sense_are_refused() -> Result<()> {
    let mut learner = learner(&bars(16, 200)?)?;
    for (schedule, text) in [
        (
            Schedule::exponential(1e9),
            "the factor of `exponential` is 1000000000; expected a number above 0, at most 10",
        ),
        (Schedule::exponential(f64::NAN), "the factor of `exponential` is NaN"),
        (Schedule::step(1, 100.0), "the factor of `step` is 100; expected a number above 0, at most 10"),
        (Schedule::cosine().end_at(1e6), "the share of `end_at` is 1000000; expected a number from 0 to 10"),
        (Schedule::cosine().cycles(2).growing(1e3), "the factor of `growing` is 1000"),
        (Schedule::one_cycle_with(0.3, 1e12), "the div of `one_cycle_with` is 1000000000000"),
        (Schedule::one_cycle_with(0.3, 0.1), "the div of `one_cycle_with` is 0.1; expected a number from 1 to 1000000"),
    ] {
        let says = learner.fit_with(1, 1e-3, schedule.clone()).unwrap_err().to_string();
        assert!(says.contains(text) && says.contains("\n  → "), "{says}");
        assert!(learner.plot_schedule(1, 1e-3, schedule).is_err());
    }
    assert!(learner.history().batches.is_empty());
    Ok(())
}

#[test]
fn a_learners_file_and_an_index_are_told_apart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (kept, index) = (folder.path().join("learner.safetensors"), folder.path().join("index.safetensors"));
    let data = bars(16, 201)?;
    let mut learner = learner(&data)?;
    learner.save(&kept)?;
    SimilarityIndex::of(&learner, &data)?.save(&index)?;
    for says in [Learner::open(&index).unwrap_err(), learner.load(&index).unwrap_err()] {
        let says = says.to_string();
        assert!(says.contains("holds an index of pictures") && says.contains("`SimilarityIndex::load("), "{says}");
    }
    let says = SimilarityIndex::load(&kept, &learner).expect_err("it is none").to_string();
    assert!(says.contains("holds a learner") && says.contains("`let learner = Learner::open(path)?;"), "{says}");
    // a folder that is not there, and one without pictures
    let says = learner.index(folder.path().join("gone")).expect_err("it is not there").to_string();
    assert!(says.contains("gone") && says.contains("check the path"), "{says}");
    let says = learner.index(&kept).expect_err("it is a file").to_string();
    assert!(says.contains("not a file"), "{says}");
    let empty = tempfile::tempdir()?;
    let says = learner.index(empty.path()).expect_err("it is empty").to_string();
    assert!(says.contains("there is no picture to find in `") && says.contains("`learner.index("), "{says}");
    Ok(())
}

#[test]
fn a_network_in_one_piece_says_what_has_features() -> Result<()> {
    let data = bars(16, 202)?;
    let network = Network::whole(1, |at| {
        let (pool, linear) = (GlobalAvgPool, Linear::new(&at.child("last"), 3, 2)?);
        Ok(move |x: &Tensor, pass: &Pass| linear.forward(&pool.forward(x, pass)?, pass))
    })?;
    let mut learner = quiet(Learner::new(network, Classify, &data)?);
    let picture = image::RgbImage::new(32, 32);
    let told = [
        learner.embedding_map().err().map(|error| error.to_string()),
        learner.embed(&picture).err().map(|error| error.to_string()),
        SimilarityIndex::of(&learner, &data).err().map(|error| error.to_string()),
    ];
    for says in told.map(Option::unwrap_or_default) {
        assert!(
            says.contains("made in one piece") && says.contains("`Learner::vision(Arch::default(), &data)?`"),
            "{says}"
        );
    }
    learner.fit(1, 1e-3)?;
    Ok(())
}

#[test]
fn a_network_that_has_diverged_confuses_nothing() -> Result<()> {
    let mut learner = learner(&bars(16, 203)?)?;
    for param in learner.network().params().params().iter().filter(|param| param.name().starts_with("head")) {
        param.set(&(param.value().ones_like()? * f64::NAN)?)?;
    }
    for says in [learner.most_confused(5).map(drop).unwrap_err(), learner.confusion().map(drop).unwrap_err()] {
        let says = says.to_string();
        assert!(says.contains("has diverged") && says.contains("\n  → load a checkpoint"), "{says}");
    }
    Ok(())
}

#[test]
fn what_is_shown_can_be_saved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut learner = learner(&bars(24, 204)?)?;
    let at = |name: &str| folder.path().join(name);
    learner.plot_schedule(2, 1e-3, Schedule::cosine())?.save(at("schedule.svg"))?;
    learner.plot_schedule(2, 1e-3, Schedule::cosine())?.save(at("schedule.csv"))?;
    learner.embedding_map()?.save(at("map.png"))?;
    learner.top_losses(2)?.save(at("losses.svg"))?;
    learner.norms()?.save(at("norms.png"))?;
    learner.classification_report()?.save(at("report.csv"))?;
    let picture = image::RgbImage::new(32, 32);
    learner.attention(&picture)?.save(at("attention.png"))?;
    let says = learner.classification_report()?.save(at("report.png")).unwrap_err().to_string();
    assert!(says.contains("only a table") && says.contains("report.csv"), "{says}");
    for name in ["schedule.svg", "schedule.csv", "map.png", "losses.svg", "norms.png", "report.csv", "attention.png"] {
        assert!(std::fs::metadata(at(name))?.len() > 20, "{name}");
    }
    Ok(())
}

#[test]
fn nothing_to_compare_is_said_in_the_figure() {
    let text = crate::plot::compare(&[]).text().to_owned();
    assert!(text.contains("nothing to compare"), "{text}");
    assert!(compare(&[]).unwrap_err().to_string().contains("there is no learner to compare"));
}

#[test]
fn augmentations_out_of_range_are_drawn_by_nothing() {
    let pictures = [image::RgbImage::new(32, 24), image::RgbImage::new(24, 32)];
    for (augment, name) in [
        (Augment { cutmix: 1.5, ..Augment::none() }, "`cutmix`"),
        (Augment { mixup: 2.0, ..Augment::none() }, "`mixup`"),
        (Augment { mixup: -0.5, ..Augment::none() }, "`mixup`"),
    ] {
        let says = augment.gallery(&pictures).unwrap_err().to_string();
        assert!(says.contains(name), "{says}");
    }
    assert!(Augment::every_kind().gallery(&pictures).is_ok());
}

#[test]
fn a_size_that_the_network_does_not_take_is_refused_when_it_is_made() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (at, class) in ["a", "b"].iter().cycle().take(8).enumerate() {
        let path = folder.path().join(class);
        std::fs::create_dir_all(&path)?;
        image::RgbImage::from_pixel(40, 40, image::Rgb([at as u8 * 30; 3])).save(path.join(format!("{at}.png")))?;
    }
    let data = crate::data::ImageFolder::open(folder.path())?.split(0.25, 1)?;
    for (arch, size, own) in [(Arch::VitTiny, 8, 224), (Arch::Vgg16Bn, 16, 224)] {
        let says = Learner::vision(arch.untrained(), &data.clone().size(size)).expect_err("it is refused").to_string();
        assert!(says.contains(&format!("does not take pictures of {size} × {size} pixels")), "{says}");
        assert!(says.contains(&format!("`data.size({own})`")), "{says}");
    }
    let _taken = Learner::vision(Arch::default().untrained(), &data.size(24))?;
    Ok(())
}

#[test]
fn what_no_learner_wrote_is_told_by_its_own_names() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("foreign.safetensors");
    let cpu = &Device::Cpu;
    let mut learner = quiet(Learner::vision(Arch::Small.untrained(), &bars(8, 1)?)?);
    for (names, words) in [
        (vec![("layer4.0.conv1.weight", vec![1]), ("layer3.5.conv1.weight", vec![1])], "Arch::ResNet34.weights(path)"),
        (
            vec![("model.0.conv.weight", vec![16, 3, 3, 3]), ("model.22.cv2.0.2.bias", vec![64])],
            "Detector::YoloV8n.weights(path)",
        ),
        (
            vec![
                ("backbone.backbone.stem.conv.conv.weight", vec![24, 12, 3, 3]),
                ("head.cls_preds.0.weight", vec![80, 96, 1, 1]),
            ],
            "Detector::YoloxTiny.weights(path)",
        ),
        (vec![("stages.0.blocks.0.conv_dw.weight", vec![1])], "a ConvNeXt, which none of the architectures here takes"),
        (vec![("net.weight", vec![1])], "no architecture known here"),
    ] {
        let tensors = names
            .iter()
            .map(|(name, dims)| Ok(((*name).to_owned(), Tensor::zeros(dims.clone(), candle_core::DType::F32, cpu)?)));
        crate::params::write_tensors(&path, &tensors.collect::<Result<Vec<_>>>()?, std::collections::HashMap::new())?;
        let error = learner.load(&path).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("ResNet18"), "{error}");
    }
    Ok(())
}
