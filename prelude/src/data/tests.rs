//! Folders as people have them, right and wrong.

use super::*;
use crate::Result;
use candle_core::IndexOp;
use image::{Rgb, RgbImage};
use std::collections::HashSet;
use std::path::Path;
use tempfile::TempDir;

mod clumsy;
mod disk;
mod parts;
mod table;

/// A picture whose every pixel tells which one it is.
fn picture(class: u8, number: u8) -> RgbImage {
    RgbImage::from_pixel(8, 8, Rgb([class * 100, number, 7]))
}

/// Writes `count` different pictures into a class folder.
fn fill(root: &Path, folder: &str, class: u8, count: u8) -> Result<()> {
    let folder = root.join(folder);
    std::fs::create_dir_all(&folder)?;
    (0..count).try_for_each(|number| Ok(picture(class, number).save(folder.join(format!("{number:03}.png")))?))
}

/// Two classes of `count` pictures.
fn two(count: u8) -> Result<TempDir> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "car", 0, count)?;
    fill(root.path(), "truck", 1, count)?;
    Ok(root)
}

/// The error of opening a folder; it must name a remedy.
fn error(root: &Path) -> String {
    let error = ImageFolder::open(root).expect_err("an error").to_string();
    assert!(error.contains("→"), "no remedy: {error}");
    error
}

#[test]
fn a_missing_folder() -> Result<()> {
    let root = tempfile::tempdir()?;
    let error1 = error(&root.path().join("fotos"));
    assert!(error1.contains("fotos` does not exist"), "{error1}");
    let file = root.path().join("file");
    std::fs::write(&file, "x")?;
    assert!(error(&file).contains("is a file, not a folder"));
    Ok(())
}

#[test]
fn no_class_folders() -> Result<()> {
    let root = tempfile::tempdir()?;
    assert!(error(root.path()).contains("holds no folders; expected one folder a class"));
    picture(0, 0).save(root.path().join("a.png"))?;
    assert!(error(root.path()).contains("holds 1 picture but no folders"));
    Ok(())
}

#[test]
fn one_class() -> Result<()> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "car", 0, 3)?;
    let data = ImageFolder::open(root.path())?;
    assert_eq!((data.classes(), data.len()), (&["car".to_owned()][..], 3));
    let words = super::folder::one_class(data.classes());
    assert!(words.is_some_and(|words| words.contains("of the class `car`: enough to measure")));
    assert!(data.left_out().is_empty());
    Ok(())
}

#[test]
fn a_class_missing_in_a_part() -> Result<()> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "train/car", 0, 3)?;
    fill(root.path(), "train/truck", 1, 3)?;
    fill(root.path(), "val/car", 2, 3)?;
    assert!(error(root.path()).contains("class `truck` has no folder in `val/`"));
    Ok(())
}

#[test]
fn a_corrupt_picture_among_good_ones() -> Result<()> {
    let root = two(4)?;
    let whole = std::fs::read(root.path().join("car/000.png"))?;
    std::fs::write(root.path().join("car/broken.png"), &whole[..whole.len() - 20])?;
    std::fs::write(root.path().join("truck/empty.jpg"), "")?;
    let data = ImageFolder::open(root.path())?.size(8);
    let ids: Vec<usize> = data.batches(Part::Train)?.map(|batch| Ok(batch?.ids)).collect::<Result<Vec<_>>>()?.concat();
    assert_eq!(ids.len(), 8);
    let corrupt = data.corrupt();
    assert_eq!(
        corrupt.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["car/broken.png", "truck/empty.jpg"]
    );
    assert_eq!(corrupt[1].1, "the file is empty");
    let summary = data.summary()?;
    assert!(summary.table().text().contains("2 files cannot be read and are left out: car/broken.png"));

    let error = data.strict().batches(Part::Train).err().expect("a clear stop").to_string();
    assert!(
        error.contains("car/broken.png") && (error.contains(".skip_corrupt(true)") || error.contains(".strict()")),
        "{error}"
    );
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read() -> Result<()> {
    let root = two(3)?;
    std::os::unix::fs::symlink("nowhere.png", root.path().join("car/gone.png"))?;
    let data = ImageFolder::open(root.path())?.size(8);
    assert_eq!(data.train_batches(0)?.pictures(), 6);
    assert_eq!(data.corrupt()[0].0, "car/gone.png");
    assert!(data.strict().train_batches(0).is_err());
    Ok(())
}

#[test]
fn a_class_of_nothing_but_corrupt_pictures_is_an_error_where_nothing_is_left() -> Result<()> {
    let root = tempfile::tempdir()?;
    for class in ["car", "truck"] {
        std::fs::create_dir(root.path().join(class))?;
        std::fs::write(root.path().join(class).join("a.png"), "no picture")?;
    }
    let error = ImageFolder::open(root.path())?.train_batches(0).err().expect("an error").to_string();
    assert!(error.contains("none of the train pictures"), "{error}");
    Ok(())
}

#[test]
fn a_share_out_of_range() -> Result<()> {
    let root = two(4)?;
    for fraction in [0.0, 1.0, -0.2, 20.0, f64::NAN] {
        let error = ImageFolder::open(root.path())?.split(fraction, 1).expect_err("an error").to_string();
        assert!(error.contains("between 0 and 1"), "{error}");
    }
    Ok(())
}

#[test]
fn no_validation_pictures() -> Result<()> {
    let root = two(4)?;
    let data = ImageFolder::open(root.path())?;
    assert!(!data.has_valid());
    assert!(data.valid_batches().err().expect("an error").to_string().contains(".split(0.2, 42)?"));
    Ok(())
}

#[test]
fn a_split_takes_its_share_of_each_class() -> Result<()> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "car", 0, 20)?;
    fill(root.path(), "truck", 1, 5)?;
    let split = |seed| -> Result<ImageFolder> { ImageFolder::open(root.path())?.split(0.2, seed) };
    let data = split(42)?;
    assert_eq!((data.counts(Part::Train), data.counts(Part::Valid)), (vec![16, 4], vec![4, 1]));
    assert_eq!(data.ids(Part::Valid), split(42)?.ids(Part::Valid));
    assert_ne!(data.ids(Part::Valid), split(43)?.ids(Part::Valid));
    let (train, valid): (HashSet<_>, HashSet<_>) =
        (data.ids(Part::Train).into_iter().collect(), data.ids(Part::Valid).into_iter().collect());
    assert!(train.is_disjoint(&valid) && train.len() + valid.len() == data.len());
    Ok(())
}

#[test]
fn a_class_of_one_picture_cannot_be_split() -> Result<()> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "car", 0, 4)?;
    fill(root.path(), "truck", 1, 1)?;
    let error = ImageFolder::open(root.path())?.split(0.2, 1).expect_err("an error").to_string();
    assert!(error.contains("class `truck` has 1 different picture"), "{error}");
    Ok(())
}

#[test]
fn copies_stay_on_one_side() -> Result<()> {
    let root = two(6)?;
    for copy in 0..6 {
        picture(0, 3).save(root.path().join(format!("car/copy{copy}.png")))?;
    }
    for seed in 0..20 {
        let data = ImageFolder::open(root.path())?.split(0.3, seed)?;
        let same: HashSet<Part> = (0..data.len())
            .filter(|id| data.sample(*id).name.contains("copy") || data.sample(*id).name == "car/003.png")
            .map(|id| data.sample(id).part)
            .collect();
        assert_eq!(same.len(), 1, "seed {seed}");
    }
    let summary = ImageFolder::open(root.path())?.summary()?;
    assert_eq!(summary.copies.len(), 1);
    assert_eq!(summary.copies[0].len(), 7);
    Ok(())
}

#[test]
fn files_of_two_classes_are_named_and_only_train() -> Result<()> {
    let root = two(6)?;
    picture(0, 3).save(root.path().join("truck/a_car.png"))?;
    for seed in 0..10 {
        let data = ImageFolder::open(root.path())?.split(0.4, seed)?;
        let both = (0..data.len()).filter(|id| ["car/003.png", "truck/a_car.png"].contains(&&*data.sample(*id).name));
        assert!(both.into_iter().all(|id| data.sample(id).part == Part::Train), "seed {seed}");
    }
    let summary = ImageFolder::open(root.path())?.summary()?;
    assert_eq!(summary.contradictions, [["car/003.png", "truck/a_car.png"]]);
    Ok(())
}

#[test]
fn a_given_split_is_kept_and_its_leaks_leave_training() -> Result<()> {
    let root = tempfile::tempdir()?;
    for (class, name) in ["car", "truck"].into_iter().enumerate() {
        fill(root.path(), &format!("train/{name}"), class as u8, 5)?;
        std::fs::create_dir_all(root.path().join("valid").join(name))?;
        picture(class as u8, 90).save(root.path().join("valid").join(name).join("new.png"))?;
    }
    picture(1, 2).save(root.path().join("valid/truck/seen.png"))?;
    let data = ImageFolder::open(root.path())?.split(0.5, 1)?;
    assert_eq!((data.counts(Part::Train), data.counts(Part::Valid)), (vec![5, 4], vec![1, 2]));
    assert_eq!(data.leaks(), [("train/truck/002.png".to_owned(), "valid/truck/seen.png".to_owned())]);
    assert!(data.summary()?.table().text().contains("1 training file is also held for validation"));
    Ok(())
}

#[test]
fn a_test_folder_alone_is_for_validation_and_beside_val_for_the_end() -> Result<()> {
    let root = tempfile::tempdir()?;
    for (number, part) in ["train", "test"].into_iter().enumerate() {
        fill(root.path(), &format!("{part}/car"), number as u8, 3)?;
        picture(2, number as u8).save(root.path().join(part).join("car/other.png"))?;
        std::fs::create_dir_all(root.path().join(part).join("truck"))?;
        picture(2, 50 + number as u8).save(root.path().join(part).join("truck/a.png"))?;
    }
    assert_eq!(ImageFolder::open(root.path())?.counts(Part::Valid), [4, 1]);
    for (number, class) in ["car", "truck"].into_iter().enumerate() {
        std::fs::create_dir_all(root.path().join("val").join(class))?;
        picture(2, 100 + number as u8).save(root.path().join("val").join(class).join("b.png"))?;
    }
    let data = ImageFolder::open(root.path())?;
    assert_eq!((data.counts(Part::Valid), data.counts(Part::Test)), (vec![1, 1], vec![4, 1]));
    Ok(())
}

#[test]
fn batches_hold_every_picture_once_with_its_class() -> Result<()> {
    let root = two(9)?;
    let data = ImageFolder::open(root.path())?.size(8).batch(4).normalize(Normalize::none());
    let mut orders = Vec::new();
    for epoch in [0, 0, 1] {
        let batches = data.train_batches(epoch)?;
        assert_eq!((batches.len(), batches.pictures()), (5, 18));
        let mut seen = Vec::new();
        for batch in batches {
            let batch = batch?;
            let images = batch.inputs.get("image")?;
            assert_eq!(images.dims(), [batch.len(), 3, 8, 8]);
            assert_eq!(batch.targets.names().collect::<Vec<_>>(), ["class"]);
            let labels = batch.targets.get("class")?.to_vec1::<u32>()?;
            for (row, id) in batch.ids.iter().enumerate() {
                assert_eq!(labels[row] as usize, data.sample(*id).class);
                // red tells the class, green the number in it
                let (red, green) = (images.i((row, 0, 0, 0))?, images.i((row, 1, 4, 4))?);
                assert_eq!((red.to_scalar::<f32>()? * 255.0).round() as u32, 100 * labels[row]);
                assert_eq!((green.to_scalar::<f32>()? * 255.0).round() as usize, id % 9);
            }
            seen.extend(batch.ids);
        }
        assert_eq!(seen.iter().copied().collect::<HashSet<_>>().len(), 18);
        orders.push(seen);
    }
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);
    let plain: Vec<usize> =
        data.batches(Part::Train)?.map(|batch| Ok(batch?.ids)).collect::<Result<Vec<_>>>()?.concat();
    assert_eq!(plain, (0..18).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_last_batch_of_one_joins_the_one_before() -> Result<()> {
    let root = two(5)?;
    let data = ImageFolder::open(root.path())?.size(8).batch(3);
    let sizes: Vec<usize> = data.train_batches(0)?.map(|batch| Ok(batch?.len())).collect::<Result<_>>()?;
    assert_eq!(sizes, [3, 3, 4]);
    let sizes: Vec<usize> = data.batches(Part::Train)?.map(|batch| Ok(batch?.len())).collect::<Result<_>>()?;
    assert_eq!(sizes, [3, 3, 3, 1]);
    Ok(())
}

#[test]
fn augmentation_differs_by_epoch_and_repeats_by_seed() -> Result<()> {
    let root = tempfile::tempdir()?;
    for class in ["a", "b"] {
        std::fs::create_dir(root.path().join(class))?;
        let slope = RgbImage::from_fn(16, 16, |x, y| Rgb([x as u8 * 15, y as u8 * 15, class.as_bytes()[0]]));
        slope.save(root.path().join(class).join("0.png"))?;
    }
    let data = ImageFolder::open(root.path())?.size(16).augment(Augment::standard()).batch(2);
    let images = |epoch| -> Result<Vec<f32>> {
        let batch = data.train_batches(epoch)?.next().expect("a batch")?;
        let row = batch.ids.iter().position(|id| *id == 0).expect("the first picture");
        Ok(batch.inputs.get("image")?.get(row)?.flatten_all()?.to_vec1()?)
    };
    assert_eq!(images(3)?, images(3)?);
    assert_ne!(images(3)?, images(4)?);
    Ok(())
}

#[test]
fn few_pictures_by_limit() -> Result<()> {
    let root = two(10)?;
    let data = ImageFolder::open(root.path())?.split(0.2, 7)?.limit(3);
    assert_eq!((data.counts(Part::Train), data.counts(Part::Valid)), (vec![3, 3], vec![2, 2]));
    assert_eq!(data.ids(Part::Train), data.clone().batch(2).ids(Part::Train));
    let early = ImageFolder::open(root.path())?.limit(3).split(0.2, 7)?;
    assert_eq!(early.ids(Part::Train), data.ids(Part::Train));
    Ok(())
}

#[test]
fn boxes_come_from_json_and_csv() -> Result<()> {
    let root = two(2)?;
    let json = r#"{"car/000.png": [{"class": "car", "bbox": [0, 0, 4, 8]}], "car/001.png": [{"class": "car", "bbox": [2, 2, 6, 6]}],
        "truck/000.png": [{"class": "truck", "bbox": [0, 4, 8, 8]}], "truck/001.png": [{"class": "truck", "bbox": [0, 0, 8, 8]}]}"#;
    let csv = "file,class,x0,y0,x1,y1\ncar/000.png,car,0,0,4,8\ncar/001.png,car,2,2,6,6\ntruck/000.png,truck,0,4,8,8\n\ntruck/001.png,truck,0,0,8,8\n";
    for (name, text) in [("boxes.csv", csv), ("boxes.json", json)] {
        std::fs::write(root.path().join(name), text)?;
        let data = ImageFolder::open(root.path())?.size(64);
        assert!(data.has_boxes());
        let batch = data.batches(Part::Train)?.next().expect("a batch")?;
        let expected = vec![
            vec![0.25, 0.5, 0.5, 1.0],
            vec![0.5, 0.5, 0.5, 0.5],
            vec![0.5, 0.75, 1.0, 0.5],
            vec![0.5, 0.5, 1.0, 1.0],
        ];
        assert_eq!(batch.targets.get("box")?.to_vec2::<f32>()?, expected);
    }
    std::fs::write(root.path().join("boxes.json"), r#"{"car/000.png": [{"class": "ship", "bbox": [0, 0, 4, 8]}]}"#)?;
    assert!(error(root.path()).contains("the class `ship`, which has no folder"));
    std::fs::remove_file(root.path().join("boxes.csv"))?;
    for (text, what) in [
        ("[1]", "is not as expected: a list stands where files with their objects should stand"),
        ("{\"car/000.png\": [{\"class\": \"car\"", "it ends in the middle"),
        ("{car: 1}", "it is no JSON at line 1"),
        ("{\"car/000.png\": [{\"klass\": \"car\", \"bbox\": [0, 0, 4, 8]}]}", "an object has no `class` (line 1"),
        (
            "{\"car/000.png\": [{\"class\": \"car\", \"bbox\": [0, \"0\", 4, 8]}]}",
            "string \"0\" stands where a number should stand",
        ),
        (
            "{\"car/000.png\": [{\"class\": \"car\", \"bbox\": [0, 4, 8]}]}",
            "length 3 stands where four numbers should stand",
        ),
        ("{\"car/000.png\": {\"class\": \"car\"}}", "an object in braces stands where a list of objects should stand"),
    ] {
        std::fs::write(root.path().join("boxes.json"), text)?;
        let says = error(root.path());
        assert!(says.contains(what), "{text}: {says}");
        // a detector's data say the same
        let says = Boxes::open(root.path()).err().expect("an error").to_string();
        assert!(says.contains(what), "{text}: {says}");
    }
    std::fs::remove_file(root.path().join("boxes.json"))?;
    std::fs::write(root.path().join("boxes.csv"), "car/000.png,car,0,0,4\n")?;
    assert!(error(root.path()).contains("line 1 of"));
    Ok(())
}

#[test]
fn a_summary_counts_and_warns() -> Result<()> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "car", 0, 20)?;
    fill(root.path(), "truck", 1, 10)?;
    RgbImage::new(30, 20).save(root.path().join("truck/wide.png"))?;
    let summary = ImageFolder::open(root.path())?.split(0.2, 42)?.size(16).summary()?;
    assert_eq!((summary.train.clone(), summary.valid.clone()), (vec![16, 9], vec![4, 2]));
    assert_eq!(summary.imbalance, 16.0 / 9.0);
    assert_eq!(summary.sizes, [(8, 8, 30), (30, 20, 1)]);
    let text = summary.table().text();
    assert!(text.contains("all       25      6"), "{text}");
    assert!(text.contains("1.8 times the pictures of the smallest"), "{text}");
    assert!(text.contains("sizes 8 × 8 (30), 30 × 20 (1), brought to 16 × 16"), "{text}");
    Ok(())
}

#[test]
fn a_batch_can_be_looked_at() -> Result<()> {
    let root = two(6)?;
    let data = ImageFolder::open(root.path())?.size(16).augment(Augment::standard());
    let figure = data.show_batch(9)?;
    assert_eq!(figure.text().matches("car").count() + figure.text().matches("truck").count(), 9);
    assert_eq!(data.show_batch(100)?.text().lines().count(), 3);
    Ok(())
}

#[test]
fn an_early_end_stops_the_thread_without_trouble() -> Result<()> {
    let root = two(9)?;
    let data = ImageFolder::open(root.path())?.size(8).batch(2);
    let mut batches = data.train_batches(0)?;
    assert!(batches.next().is_some());
    drop(batches);
    assert_eq!(data.train_batches(1)?.count(), 9);
    Ok(())
}

/// Real photographs, where the test data is at hand.
#[test]
fn real_photographs() -> Result<()> {
    let Some(folder) = std::env::var_os("CANDLEWICK_TEST_DATA") else {
        crate::show::note("skipped: CANDLEWICK_TEST_DATA is not set");
        return Ok(());
    };
    let data = ImageFolder::open(Path::new(&folder).join("cars_trucks"))?.size(32);
    assert!(data.has_valid() && data.classes().len() >= 2, "{data:?}");
    let summary = data.summary()?;
    assert!(summary.corrupt.is_empty(), "{:?}", summary.corrupt);
    let batch = data.train_batches(0)?.next().expect("a batch")?;
    assert_eq!(batch.inputs.get("image")?.dims()[1..], [3, 32, 32]);
    Ok(())
}
