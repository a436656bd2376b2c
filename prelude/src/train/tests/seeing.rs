//! What a network sees: attention, maps of features, pictures that look alike, a handful of examples.

use super::*;
use crate::data::Part;
use crate::layers::{Conv2d, GlobalAvgPool, Layer, Linear};
use crate::show::Show;
use image::{Rgb, RgbImage};

/// A picture with a bright bar at the right, as `bars` draws them.
fn bar_at_right() -> RgbImage {
    RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        let inside = (24..30).contains(&x) && (8..24).contains(&y);
        Rgb([if inside { 220 } else { 40 }; 3])
    })
}

/// The share of a map's heat that lies in its right half.
fn right_share(seen: &AttentionMap) -> f32 {
    let columns = seen.map[0].len();
    let right: f32 = seen.map.iter().flat_map(|row| &row[columns / 2..]).sum();
    right / seen.map.iter().flatten().sum::<f32>()
}

#[test]
fn attention_lies_on_what_tells_the_classes_apart() -> Result<()> {
    let data = bars(128, 1)?;
    let mut learner = learner(&data)?;
    learner.fit_one_cycle(6, 4e-3)?;
    let seen = learner.attention(bar_at_right())?;
    assert_eq!((seen.label.as_str(), seen.class, seen.method), ("standing", 1, "Grad-CAM"));
    assert_eq!((seen.map.len(), seen.map[0].len()), (2, 2), "the last map of 32 pixels");
    assert!(right_share(&seen) > 0.6, "{:?}", seen.map);
    assert!(seen.score > 0.5 && seen.peak > 0.0 && seen.caption().starts_with("standing "));
    let text = seen.bundle().as_text().unwrap_or_default().to_owned();
    assert!(text.contains("by Grad-CAM") && text.contains("right"), "{text}");
    assert_eq!(seen.table().text().lines().count(), 3);
    let other = learner.attention_for(bar_at_right(), "lying")?;
    assert!(other.class == 0 && other.score < 0.5);
    assert_eq!(learner.attention_all(&[bar_at_right(), bar_at_right()])?.0.len(), 2);
    // nothing trains, nothing is kept
    assert!(learner.network().params().params().iter().all(|param| !param.frozen()));
    let error = learner.attention_for(bar_at_right(), "standin").unwrap_err().to_string();
    assert!(error.contains("no `standin`") && error.contains("did you mean `standing`"), "{error}");
    assert!(learner.attention_all(&[] as &[&str]).is_err());
    Ok(())
}

/// A network without parts: a convolution, the mean, a matrix.
fn whole(outputs: usize) -> Result<Network> {
    Network::whole(7, move |at| {
        let first = Conv2d::new(&at.child("a"), 3, 8, 5).stride(2).bias().build()?;
        let second = Conv2d::new(&at.child("b"), 8, 16, 5).stride(2).bias().build()?;
        let last = Linear::new(&at.child("c"), 16, outputs)?;
        Ok(move |x: &Tensor, pass: &Pass| {
            let x = crate::ops::relu(&first.forward(x, pass)?)?;
            let x = crate::ops::relu(&second.forward(&x, pass)?)?;
            last.forward(&GlobalAvgPool.forward(&x, pass)?, pass)
        })
    })
}

#[test]
fn a_network_without_maps_is_shown_covered_pictures() -> Result<()> {
    let data = bars(128, 2)?;
    let mut learner = quiet(Learner::new(whole(2)?, Classify, &data)?);
    learner.fit(12, 1e-2)?;
    let seen = learner.attention_for(bar_at_right(), "standing")?;
    assert_eq!((seen.method, seen.map.len(), seen.map[0].len()), ("occlusion", 14, 14));
    assert!(right_share(&seen) > 0.7, "{}", right_share(&seen));
    Ok(())
}

#[test]
fn numbers_and_boxes_have_attention_too() -> Result<()> {
    let data = bars(64, 3)?;
    let mut where_ = quiet(Learner::localization(Arch::default().untrained(), &data)?);
    where_.fit(2, 4e-3)?;
    assert_eq!(where_.attention(bar_at_right())?.method, "Grad-CAM");
    let images = Tensor::randn(0f32, 1.0, (16, 3, SIDE, SIDE), &Device::Cpu)?;
    let values = Tensor::randn(0f32, 1.0, (16, 2), &Device::Cpu)?;
    let data = TensorData::numbers(images, values, &["age", "weight"])?.split(0.25, 1)?.batch(8);
    let mut numbers = quiet(Learner::regression(Arch::default().untrained(), &data)?);
    numbers.fit(1, 1e-3)?;
    let seen = numbers.attention_for(bar_at_right(), "weight")?;
    assert!(seen.class == 1 && seen.caption().starts_with("weight ") && !seen.caption().contains('%'));
    let mut rows = quiet(Learner::new(
        Network::whole(1, |at| {
            let one = Linear::new(at, 4, 2)?;
            Ok(move |x: &Tensor, pass: &Pass| one.forward(x, pass))
        })?,
        Classify,
        &TensorData::new(
            Tensor::zeros((8, 4), candle_core::DType::F32, &Device::Cpu)?,
            vec![0, 1, 0, 1, 0, 1, 0, 1],
            &["a", "b"],
        )?,
    )?);
    rows.quiet();
    let error = rows.attention(bar_at_right()).unwrap_err().to_string();
    assert!(error.contains("a network that takes pictures"), "{error}");
    Ok(())
}

#[test]
fn a_map_of_the_validation_pictures() -> Result<()> {
    let data = bars(64, 4)?;
    let mut learner = learner(&data)?;
    learner.fit(4, 4e-3)?;
    for map in [learner.embedding_map()?, learner.embedding_tsne()?] {
        assert_eq!(map.points.len(), 16);
        assert!(map.points.iter().all(|point| point.x.is_finite() && point.class.is_some()));
        let wrong = map.points.iter().filter(|point| point.wrong).count();
        assert_eq!(wrong, map.points.iter().filter(|point| point.class.as_ref() != Some(&point.said)).count());
        let accuracy = learner.validate()?.all.get("accuracy")?;
        assert!((1.0 - wrong as f64 / 16.0 - accuracy).abs() < 1e-9);
        let folder = tempfile::tempdir()?;
        map.write_csv(folder.path().join("map.csv"))?;
        let text = std::fs::read_to_string(folder.path().join("map.csv"))?;
        assert!(text.starts_with("example,x,y,class,says,wrong\npicture ") && text.lines().count() == 17, "{text}");
        assert!(map.table().text().lines().count() == 17 && map.figure.size().0 == 720);
    }
    assert_eq!(learner.embedding_map()?.points, learner.embedding_map()?.points);
    let shares = learner.embedding_map()?.explained.unwrap();
    assert!(shares[0] >= shares[1] && shares[0] + shares[1] <= 1.0 + 1e-9, "{shares:?}");
    let whole = Learner::new(whole(2)?, Classify, &data)?;
    assert!(whole.embedding_map().unwrap_err().to_string().contains("in one piece"));
    let alone = Learner::vision_untrained(
        Arch::default(),
        &TensorData::new(
            Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?,
            vec![0, 1, 0, 1],
            &["a", "b"],
        )?,
    )?;
    assert!(alone.embedding_map().unwrap_err().to_string().contains("no pictures for validation"));
    Ok(())
}

#[test]
fn an_index_finds_what_looks_alike_and_refuses_other_networks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (class, shade) in [("dark", 30u8), ("light", 220)] {
        std::fs::create_dir(folder.path().join(class))?;
        for number in 0..3u8 {
            let picture = RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, _| Rgb([shade, shade, (x as u8) * number]));
            picture.save(folder.path().join(class).join(format!("{number}.png"))).expect("a temporary folder");
        }
    }
    let data = bars(32, 5)?;
    let mut learner = learner(&data)?;
    let index = learner.index(folder.path())?;
    assert_eq!((index.len(), index.is_empty()), (6, false));
    let one = folder.path().join("light").join("1.png");
    let found = index.nearest(&learner, &one, 3)?;
    assert_eq!((found.nearest.len(), found.nearest[0].name.replace('\\', "/").as_str()), (3, "light/1.png"));
    assert!((found.nearest[0].similarity - 1.0).abs() < 1e-5 && found.nearest[0].class.as_deref() == Some("light"));
    assert!(found.nearest.windows(2).all(|two| two[0].similarity >= two[1].similarity));
    assert!(found.figure.is_some() && found.table().text().contains("light/1.png"));
    // by hand: the cosine of the two rows
    let (a, b) = (learner.embed(&one)?, learner.embed(folder.path().join(&found.nearest[1].name))?);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    assert!((cosine - f64::from(found.nearest[1].similarity)).abs() < 1e-5);

    let file = folder.path().join("index.safetensors");
    index.save(&file)?;
    let again = SimilarityIndex::load(&file, &learner)?;
    assert_eq!(again.nearest(&learner, &one, 3)?.nearest, found.nearest);
    for count in [0, 1001] {
        assert!(index.nearest(&learner, &one, count).unwrap_err().to_string().contains("index.nearest"));
    }
    // what trains the head alone changes no features
    learner.freeze();
    learner.fit(1, 1e-3)?;
    assert!(index.nearest(&learner, &one, 1).is_ok());
    learner.unfreeze();
    learner.fit(1, 1e-3)?;
    let error = SimilarityIndex::load(&file, &learner).unwrap_err().to_string();
    assert!(error.contains("features of another network") && error.contains("make it anew"), "{error}");
    let other = Learner::vision_untrained(Arch::ResNet18, &data)?;
    assert!(SimilarityIndex::load(&file, &other).unwrap_err().to_string().contains("this learner is `resnet18`"));
    learner.save(folder.path().join("learner.safetensors"))?;
    let error = SimilarityIndex::load(folder.path().join("learner.safetensors"), &learner).unwrap_err().to_string();
    assert!(error.contains("is no index of pictures"), "{error}");
    assert!(learner.index(folder.path().join("nowhere")).is_err());
    std::fs::create_dir(folder.path().join("empty"))?;
    assert!(learner.index(folder.path().join("empty")).unwrap_err().to_string().contains("no picture to find"));

    let of_data = SimilarityIndex::of(&learner, &data)?;
    assert_eq!(of_data.len(), 32);
    let found = of_data.nearest(&learner, bar_at_right(), 2)?;
    assert!(
        found.figure.is_some() && found.nearest[0].class.is_some() && found.nearest[0].name.starts_with("picture ")
    );
    Ok(())
}

#[test]
fn a_handful_of_examples_makes_a_classifier() -> Result<()> {
    let mut trained = learner(&bars(128, 6)?)?;
    trained.fit_one_cycle(6, 4e-3)?;
    let few = bars(24, 77)?;
    for mut made in [trained.linear_probe(&few)?, trained.prototypes(&few)?] {
        assert_eq!(made.classes(), ["lying", "standing"]);
        assert!(made.validate()?.all.get("accuracy")? > 0.8);
        assert!(made.network().params().trainable().iter().all(|param| param.name().starts_with("head")));
        // the rule is the head: it is saved, opened and predicts
        let folder = tempfile::tempdir()?;
        made.save(folder.path().join("few.safetensors"))?;
        let again = Learner::open(folder.path().join("few.safetensors"))?;
        assert_eq!(again.predict(bar_at_right())?.label, made.predict(bar_at_right())?.label);
        made.quiet();
        made.fit(1, 1e-4)?;
    }
    // a prototype is the mean of its class's features, and a picture is of the nearest
    let near = trained.prototypes(&few)?;
    let batches = few.batches(Part::Train)?.collect::<Result<Vec<_>>>()?;
    let (mut sums, mut counts) = (vec![vec![0f32; 128]; 2], [0f32; 2]);
    for batch in &batches {
        let rows = trained.network().embed(&batch.inputs)?.to_vec2::<f32>()?;
        for (row, class) in rows.iter().zip(batch.targets.get("class")?.to_vec1::<u32>()?) {
            sums[class as usize].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            counts[class as usize] += 1.0;
        }
    }
    let row = trained.embed(bar_at_right())?;
    let far = |class: usize| -> f32 {
        sums[class].iter().zip(&row).map(|(sum, value)| (sum / counts[class] - value).powi(2)).sum()
    };
    assert_eq!(near.predict(bar_at_right())?.class, usize::from(far(1) < far(0)));

    let images = Tensor::zeros((4, 3, SIDE, SIDE), candle_core::DType::F32, &Device::Cpu)?;
    let lacking = TensorData::new(images.clone(), vec![0, 1, 1, 1], &["a", "b", "c"])?;
    assert!(trained.linear_probe(&lacking).unwrap_err().to_string().contains("no training example of c"));
    let numbers = TensorData::numbers(images, Tensor::zeros((4, 1), candle_core::DType::F32, &Device::Cpu)?, &["age"])?;
    assert!(trained.prototypes(&numbers).unwrap_err().to_string().contains("expected one class an example"));
    Ok(())
}
