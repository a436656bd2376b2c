//! What trains, what measures, what is held out.

use super::super::*;
use super::two;
use crate::Result;
use image::{Rgb, RgbImage};
use std::collections::HashSet;
use std::path::Path;

/// A picture of patches that is like no other number's.
fn patches(number: u32) -> RgbImage {
    RgbImage::from_fn(160, 160, |x, y| {
        let mut mixed = ((x / 20) * 73_856_093) ^ ((y / 20) * 19_349_663) ^ ((number + 1) * 83_492_791);
        mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0x5bd1_e995);
        Rgb([((mixed >> 15) % 200) as u8 + 20, ((mixed >> 9) % 200) as u8, 120])
    })
}

/// Four patients of class `a`, four of class `b`, five pictures each: `a/p3_2.png`.
fn patients() -> Result<tempfile::TempDir> {
    let root = tempfile::tempdir()?;
    for (class, name) in ["a", "b"].into_iter().enumerate() {
        std::fs::create_dir(root.path().join(name))?;
        for (patient, picture) in (0..4).flat_map(|patient| (0..5).map(move |picture| (patient, picture))) {
            let number = 100 * class as u32 + 10 * patient + picture;
            patches(number).save(root.path().join(format!("{name}/p{patient}{class}_{picture}.png")))?;
        }
    }
    Ok(root)
}

fn patient(name: &str) -> String {
    let file = Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or(name);
    file.split('_').next().unwrap_or(file).to_owned()
}

fn names(data: &ImageFolder, part: Part) -> HashSet<String> {
    data.ids(part).into_iter().map(|id| data.sample(id).name.clone()).collect()
}

#[test]
fn a_patient_is_on_one_side() -> Result<()> {
    let root = patients()?;
    for seed in 0..4 {
        let data = ImageFolder::open(root.path())?.grouped(patient).hold_out(0.25, seed)?.split(0.3, seed)?;
        let of = |part: Part| names(&data, part).iter().map(|name| patient(name)).collect::<HashSet<_>>();
        let parts = [Part::Train, Part::Valid, Part::Test].map(of);
        assert_eq!(parts.iter().map(HashSet::len).sum::<usize>(), 8, "no patient twice: {parts:?}");
        // a patient of each class in each part
        for part in [Part::Train, Part::Valid, Part::Test] {
            assert!(data.counts(part).iter().all(|count| *count >= 5), "{part:?} {:?}", data.counts(part));
        }
    }
    let data = ImageFolder::open(root.path())?.grouped(patient).split(0.25, 1)?;
    assert!(data.summary()?.table().text().contains("8 groups, each on one side of a split"));
    let all = ImageFolder::open(root.path())?.grouped(|_| "one".to_owned());
    let says = all.split(0.2, 1).unwrap_err().to_string();
    assert!(says.contains("there is 1 group; a split needs two"), "{says}");
    let by_folder = ImageFolder::open(root.path())?.grouped_by_folder();
    let says = by_folder.folds(3, 1).unwrap_err().to_string();
    assert!(says.contains("there are 2 groups; 3 folds need 3"), "{says}");
    Ok(())
}

#[test]
fn nothing_moves_what_is_held_out() -> Result<()> {
    let root = patients()?;
    let open = || ImageFolder::open(root.path());
    let held = open()?.hold_out(0.2, 7)?;
    let test = names(&held, Part::Test);
    assert_eq!((test.len(), held.counts(Part::Test)), (8, vec![4, 4]));
    for seed in 0..3 {
        assert_eq!(names(&held.clone().split(0.4, seed)?, Part::Test), test);
        assert_eq!(names(&held.clone().split(0.4, seed)?.split(0.1, 9)?, Part::Test), test);
        assert_eq!(names(&held.clone().grouped(patient).split(0.4, seed)?, Part::Test), test);
        assert_eq!(names(&held.clone().hold_out(0.4, seed)?, Part::Test), test);
        let folds = held.folds(4, seed)?;
        assert!(folds.iter().all(|fold| names(fold, Part::Test) == test));
        let valid: Vec<String> = folds.iter().flat_map(|fold| names(fold, Part::Valid)).collect();
        assert_eq!((valid.len(), valid.iter().collect::<HashSet<_>>().len()), (32, 32));
        assert!(folds.iter().all(|fold| fold.counts(Part::Valid) == [4, 4] && fold.counts(Part::Train) == [12, 12]));
    }
    assert_ne!(names(&held.folds(4, 1)?[0], Part::Valid), names(&held.folds(4, 2)?[0], Part::Valid));
    for wrong in [0.0, 1.0, f64::NAN] {
        assert!(open()?.hold_out(wrong, 1).unwrap_err().to_string().contains("the share of `hold_out`"));
    }
    assert!(open()?.folds(1, 1).unwrap_err().to_string().contains("the count of `folds` is 1"));
    let says = open()?.folds(21, 1).unwrap_err().to_string();
    assert!(says.contains("class `a` has 20 different pictures; 21 folds need 21"), "{says}");
    Ok(())
}

/// The same picture, smaller, is on the side of its larger one in every kind of split.
#[test]
fn near_copies_stay_together_in_all_of_them() -> Result<()> {
    let root = patients()?;
    for at in 0..10 {
        let (patient, number) = (at % 4, 10 * (at % 4) + at / 4);
        let large = image::imageops::resize(&patches(number), 90, 90, image::imageops::FilterType::Triangle);
        large.save(root.path().join(format!("a/q{at}_{patient}{}.png", at / 4)))?;
    }
    let twin = |name: &str| name.starts_with("a/q").then(|| format!("a/p{}0_{}.png", &name[5..6], &name[6..7]));
    let together = |data: &ImageFolder| {
        for part in [Part::Train, Part::Valid, Part::Test] {
            let own = names(data, part);
            let others: Vec<String> = own.iter().filter_map(|name| twin(name)).collect();
            assert!(others.iter().all(|other| own.contains(other)), "{part:?}: {own:?}");
        }
    };
    let data = ImageFolder::open(root.path())?.hold_out(0.2, 3)?;
    together(&data.clone().split(0.3, 3)?);
    data.folds(3, 5)?.iter().for_each(together);
    together(&ImageFolder::open(root.path())?.grouped(patient).split(0.3, 2)?);
    Ok(())
}

#[test]
fn each_class_comes_equally_often() -> Result<()> {
    let root = tempfile::tempdir()?;
    for (class, count) in [("rare", 3), ("usual", 17)] {
        super::fill(root.path(), class, u8::from(class == "rare"), count)?;
    }
    let vary = Augment { brightness: 0.5, ..Augment::none() };
    let data = ImageFolder::open(root.path())?.size(8).batch(7).augment(vary).balanced();
    let epoch = |epoch: u64| -> Result<(Vec<usize>, Vec<Vec<u32>>)> {
        let (mut ids, mut firsts) = (Vec::new(), Vec::new());
        for batch in data.train_batches(epoch)? {
            let batch = batch?;
            ids.extend(batch.ids.iter().copied());
            for row in 0..batch.len() {
                let image = batch.inputs.get("image")?.get(row)?.flatten_all()?.to_vec1::<f32>()?;
                firsts.push(image[..4].iter().map(|value| value.to_bits()).collect());
            }
        }
        Ok((ids, firsts))
    };
    let (first, pictures) = epoch(0)?;
    let rare: Vec<usize> = (0..first.len()).filter(|at| data.sample(first[*at]).class == 0).collect();
    assert_eq!((first.len(), rare.len()), (20, 10));
    // each of three pictures three or four times, and each time varied anew
    for id in data.ids(Part::Train).into_iter().filter(|id| data.sample(*id).class == 0) {
        let own: Vec<usize> = rare.iter().copied().filter(|at| first[*at] == id).collect();
        assert!((3..=4).contains(&own.len()));
        assert_eq!(own.iter().map(|at| &pictures[*at]).collect::<HashSet<_>>().len(), own.len());
    }
    assert_eq!(epoch(0)?, (first.clone(), pictures));
    assert_ne!(epoch(1)?.0, first);
    assert_eq!(data.batches(Part::Train)?.pictures(), 20);
    let text = data.summary()?.table().text();
    assert!(text.contains("5.7 times the pictures of the smallest; training shows each equally often"), "{text}");
    assert!(text.contains("decoded once and kept in memory"), "{text}");
    let plain = ImageFolder::open(root.path())?.size(8).summary()?.table().text();
    assert!(plain.contains("`learner.balanced_weights()?`"), "{plain}");
    Ok(())
}

#[test]
fn mixed_pictures_have_the_shares_of_their_classes() -> Result<()> {
    let root = two(10)?;
    let open =
        |augment: Augment| Ok::<_, crate::Error>(ImageFolder::open(root.path())?.size(8).batch(20).augment(augment));
    let data = open(Augment { mixup: 0.5, cutmix: 0.5, ..Augment::none() })?.normalize(Normalize::none());
    let batch = data.train_batches(3)?.next().expect("one")?;
    let shares = batch.targets.get(field::SHARES)?.to_vec2::<f32>()?;
    let classes = batch.targets.get(field::CLASS)?.to_vec1::<u32>()?;
    assert!(shares.iter().any(|row| row[0] > 0.0 && row[1] > 0.0));
    for (row, class) in shares.iter().zip(classes) {
        assert!((row[0] + row[1] - 1.0).abs() < 1e-5 && row[class as usize] >= 0.5, "{row:?} {class}");
    }
    // red tells the class: 0 or 100; the mean red of a picture is the second class's share
    let images = batch.inputs.get("image")?;
    for (row, shares) in shares.iter().enumerate() {
        let red = images.get(row)?.get(0)?.mean_all()?.to_scalar::<f32>()? * 255.0 / 100.0;
        assert!((red - shares[1]).abs() < 0.01, "{red} {shares:?}");
    }
    let again = data.train_batches(3)?.next().expect("one")?;
    assert_eq!(again.targets.get(field::SHARES)?.to_vec2::<f32>()?, shares);
    assert!(data.batches(Part::Train)?.next().expect("one")?.targets.find(field::SHARES).is_none());
    let plain = open(Augment::standard())?.train_batches(0)?.next().expect("one")?;
    assert!(plain.targets.find(field::SHARES).is_none());
    Ok(())
}

#[test]
fn variants_stand_beside_the_picture() -> Result<()> {
    let root = two(4)?;
    let data = ImageFolder::open(root.path())?.size(16).augment(Augment { mixup: 1.0, ..Augment::standard() });
    let figure = data.show_augmented(2, 5)?;
    assert!(figure.text().starts_with("as it is | variant 1 | variant 2"), "{}", figure.text());
    assert_eq!(data.show_augmented(2, 5)?.pixels(), figure.pixels());
    assert!(data.show_augmentations(0)?.text().contains("as it is | flip | rotate"));
    assert!(data.show_augmented(99, 5).unwrap_err().to_string().contains("there is no picture 99"));
    assert!(data.show_augmented(0, 0).unwrap_err().to_string().contains("`data.show_augmented` is 0"));
    let plain = data.clone().augment(Augment::none());
    for says in [plain.show_augmented(0, 2).unwrap_err(), plain.show_augmentations(0).unwrap_err()] {
        assert!(says.to_string().contains("these pictures are not varied"), "{says}");
    }
    let views = |view: u64| -> Result<Vec<f32>> {
        let batch = Data::view(&data, Part::Train, view)?.expect("pictures vary").next().expect("one")?;
        Ok(batch.inputs.get("image")?.flatten_all()?.to_vec1()?)
    };
    assert_eq!(views(1)?, views(1)?);
    assert_ne!(views(1)?, views(2)?);
    Ok(())
}

#[test]
fn pictures_in_memory_are_as_good_as_files() -> Result<()> {
    let pictures: Vec<RgbImage> = (0..24).map(patches).collect();
    let labels: Vec<String> = (0..24).map(|at| format!("class {}", at % 2)).collect();
    let mut twice = pictures.clone();
    twice.extend(pictures[..4].to_vec());
    let labels_of_twice = [labels.clone(), labels[..4].to_vec()].concat();
    let data = ImageFolder::in_memory(twice, &labels_of_twice)?.split(0.25, 3)?.size(16).batch(8);
    assert_eq!((data.len(), data.classes()), (28, &["class 0".to_owned(), "class 1".to_owned()][..]));
    for id in 24..28 {
        assert_eq!(data.sample(id).part, data.sample(id - 24).part, "copies stay together");
    }
    assert_eq!(data.original(3)?, pictures[3]);
    assert_eq!(
        data.train_batches(0)?.map(|batch| Ok(batch?.len())).sum::<Result<usize>>()?,
        data.ids(Part::Train).len()
    );
    assert_eq!(data.folds(3, 1)?.len(), 3);
    assert!(data.summary()?.table().text().contains("160 × 160"));
    let error =
        |pictures: Vec<RgbImage>, labels: &[&str]| ImageFolder::in_memory(pictures, labels).unwrap_err().to_string();
    assert!(error(pictures[..2].to_vec(), &["a"]).contains("there are 2 pictures and 1 label"));
    assert!(error(pictures[..2].to_vec(), &["a", " "]).contains("the label of picture 1 is empty"));
    assert!(error(pictures[..2].to_vec(), &["a", "a"]).contains("of 1 class"));
    assert!(error(vec![RgbImage::new(0, 3), RgbImage::new(2, 2)], &["a", "b"]).contains("picture 0 is 0 × 3"));
    assert!(error(Vec::new(), &[]).contains("of 0 class"));
    Ok(())
}

#[test]
fn deep_greys_are_read_as_asked_and_dim_ones_are_told() -> Result<()> {
    let root = tempfile::tempdir()?;
    for (class, name) in ["low", "high"].into_iter().enumerate() {
        std::fs::create_dir(root.path().join(name))?;
        for number in 0..4u32 {
            let scan = image::ImageBuffer::from_fn(16, 16, |x, y| {
                image::Luma([((x * 100 + y * 100 + number) as u16 + class as u16 * 500).min(4095)])
            });
            scan.save(root.path().join(format!("{name}/{number}.{}", if number % 2 == 0 { "png" } else { "tiff" })))?;
        }
    }
    let mean = |data: &ImageFolder| -> Result<f32> {
        let batch = data.batches(Part::Train)?.next().expect("one")?;
        Ok(batch.inputs.get("image")?.mean_all()?.to_scalar()?)
    };
    let data = ImageFolder::open(root.path())?.size(16).normalize(Normalize::none());
    assert!(mean(&data)? < 0.05);
    let text = data.summary()?.table().text();
    assert!(text.contains("look black: `.greys(Greys::Stretch)`"), "{text}");
    let window = data.clone().greys(Greys::Window(0.0, 4095.0));
    assert!((mean(&window)? - 1751.5 / 4095.0).abs() < 0.01, "{}", mean(&window)?);
    assert!((mean(&data.clone().greys(Greys::Stretch))? - 0.5).abs() < 0.03);
    assert!(!window.summary()?.table().text().contains("look black"));
    assert_eq!(window.picture(0)?, window.original(0)?);
    let says = data.greys(Greys::Window(9.0, 1.0)).summary().unwrap_err().to_string();
    assert!(says.contains("the window of `greys` is 9 to 1"), "{says}");
    Ok(())
}

#[test]
fn what_does_not_fit_into_memory_is_decoded_anew_and_said() -> Result<()> {
    let root = two(6)?;
    let kept = ImageFolder::open(root.path())?.size(16).batch(4).augment(Augment::standard());
    let anew = kept.clone().memory(1000);
    let values = |data: &ImageFolder| -> Result<Vec<Vec<f32>>> {
        let each = data.train_batches(2)?;
        each.map(|batch| Ok(batch?.inputs.get("image")?.flatten_all()?.to_vec1()?)).collect()
    };
    assert_eq!(values(&kept)?, values(&anew)?);
    assert!(kept.summary()?.storage.starts_with("decoded once and kept in memory"));
    let says = anew.summary()?.storage;
    assert!(says.contains("more than the 0.0 MB that are kept in memory: each epoch decodes them anew"), "{says}");
    let mut batches = anew.train_batches(0)?;
    assert_eq!(batches.by_ref().count(), 3);
    assert!(batches.waited().as_secs() < 60);
    Ok(())
}

#[test]
fn groups_that_are_whole_classes_cannot_be_split() -> Result<()> {
    let root = two(4)?;
    let says = ImageFolder::open(root.path())?.grouped_by_folder().split(0.25, 1).expect_err("an error").to_string();
    assert!(says.contains("each class is one group") && says.contains("`.grouped(|name| "), "{says}");
    // one picture of a class, from whatever it comes
    let pictures = (0..3).map(patches).collect();
    let says = ImageFolder::in_memory(pictures, &["a", "a", "b"])?.split(0.5, 1).expect_err("an error").to_string();
    assert!(says.contains("leave the class out: its folder, its lines or its pictures"), "{says}");
    Ok(())
}
