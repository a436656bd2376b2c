//! Values that make no sense, folders without pictures, and a folder that holds training pictures alone.

use super::*;

/// What each verb that reads pictures says; all say the same.
fn says(data: &ImageFolder) -> String {
    let all = [
        data.train_batches(0).err(),
        data.batches(Part::Train).err(),
        data.show_batch(9).err(),
        data.summary().err(),
        data.picture(0).err(),
    ];
    let all: Vec<String> = all.into_iter().map(|error| error.expect("an error").to_string()).collect();
    assert!(all.iter().all(|text| *text == all[0]), "{all:?}");
    assert!(all[0].contains("\n  → "), "no remedy: {}", all[0]);
    all[0].clone()
}

#[test]
fn options_that_make_no_sense_are_told_by_the_next_verb() -> Result<()> {
    let root = two(3)?;
    let data = || ImageFolder::open(root.path()).map(|data| data.size(8));
    for (wrong, text) in [
        (data()?.size(0), "`size` is 0; expected 1 or more pixels\n  → the side of the pictures"),
        (data()?.size(1_000_000), "6 pictures of 1000000 × 1000000 pixels at once take 72 TB; expected at most 4 GB"),
        (data()?.size(usize::MAX), "take more than 1000 EB; expected at most 4 GB"),
        (data()?.batch(0), "`batch` is 0; expected 1 or more pictures\n  → 32 are usual: `.batch(32)`"),
        (data()?.limit(0), "`limit` is 0; expected 1 or more pictures a class"),
    ] {
        assert!(says(&wrong).contains(text), "{}", says(&wrong));
    }
    let plain = Augment::none();
    for (wrong, text) in [
        (Augment { zoom: f32::INFINITY, ..plain }, "`zoom` of the augmentation is inf; expected a factor from 1 to 10"),
        (Augment { zoom: 0.5, ..plain }, "`zoom` of the augmentation is 0.5"),
        (Augment { rotate: f32::NAN, ..plain }, "`rotate` of the augmentation is NaN; expected degrees from 0 to 180"),
        (Augment { shift: -0.1, ..plain }, "`shift` of the augmentation is -0.1; expected a share from 0 to 1"),
        (Augment { brightness: 2.0, ..plain }, "`brightness` of the augmentation is 2"),
        (Augment { contrast: f32::INFINITY, ..plain }, "`contrast` of the augmentation is inf"),
        (Augment { saturation: 20.0, ..plain }, "`saturation` of the augmentation is 20"),
    ] {
        let says = says(&data()?.augment(wrong));
        assert!(says.contains(text) && says.contains("Augment::standard()"), "{says}");
    }
    let half = Normalize::half();
    for (wrong, text) in [
        (
            Normalize { std: [0.5, 0.0, 0.5], ..half },
            "a `std` of the normalisation is 0; expected a finite number above",
        ),
        (Normalize { mean: [f32::NAN; 3], ..half }, "a `mean` of the normalisation is NaN; expected a finite number"),
    ] {
        assert!(says(&data()?.normalize(wrong)).contains(text));
        let error = Transform { size: 8, resize: ResizeMethod::Crop, normalize: wrong, greys: Greys::Whole }
            .tensor(&picture(0, 0))
            .unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    for count in [0, 5000] {
        let says = data()?.show_batch(count).expect_err("an error").to_string();
        assert!(says.contains(&format!("`data.show_batch` is {count}; expected 1 to 1000")), "{says}");
    }
    Ok(())
}

#[test]
fn an_option_given_again_is_put_right() -> Result<()> {
    let root = two(3)?;
    let data = ImageFolder::open(root.path())?.size(usize::MAX).batch(0).limit(0).size(8).batch(usize::MAX).limit(2);
    assert_eq!(data.train_batches(0)?.next().expect("a batch")?.inputs.get("image")?.dims(), [4, 3, 8, 8]);
    let error = data.size(100_000).train_batches(0).err().expect("an error").to_string();
    assert!(error.contains("6 pictures of 100000 × 100000 pixels at once take 720 GB"), "{error}");
    assert!(error.contains("`.size(7453)`"), "{error}");
    Ok(())
}

#[test]
fn an_empty_class_is_left_out_with_a_word() -> Result<()> {
    let root = two(3)?;
    std::fs::create_dir(root.path().join("bus"))?;
    let data = ImageFolder::open(root.path())?.size(8);
    assert_eq!((data.classes().len(), data.counts(Part::Train)), (2, vec![3, 3]));
    assert_eq!(data.left_out(), ["class `bus` is left out: its folder holds nothing"]);
    std::fs::write(root.path().join("bus/notes.txt"), "none yet")?;
    let data = ImageFolder::open(root.path())?.size(8);
    let text = data.summary()?.table().text();
    let word = "class `bus` is left out: its folder holds 1 file of other kinds and no pictures";
    assert!(text.contains(word) && text.contains("all"), "{text}");
    let labels = data.train_batches(0)?.next().expect("a batch")?.targets.get("class")?.to_vec1::<u32>()?;
    assert_eq!(labels.iter().filter(|label| **label == 1).count(), 3);
    Ok(())
}

#[test]
fn fewer_than_two_classes_with_pictures_are_an_error() -> Result<()> {
    let root = tempfile::tempdir()?;
    std::fs::create_dir(root.path().join("bus"))?;
    std::fs::create_dir(root.path().join("van"))?;
    let none = error(root.path());
    assert!(none.contains("holds pictures to train on; no pictures in `bus`, `van`"), "{none}");
    assert!(none.contains("→ a classifier needs two classes at least"), "{none}");
    fill(root.path(), "car", 0, 3)?;
    let one = ImageFolder::open(root.path())?;
    assert_eq!(one.classes(), ["car"]);
    let left = one.left_out().join("\n");
    assert!(left.contains("class `bus` is left out") && left.contains("class `van` is left out"), "{left}");
    assert!(none.contains("(png, jpg, jpeg, jpe, jfif, webp, bmp, gif, tif, tiff)"), "{none}");
    Ok(())
}

#[test]
fn empty_classes_of_a_given_split() -> Result<()> {
    let root = tempfile::tempdir()?;
    for (number, part) in ["train", "val"].into_iter().enumerate() {
        for (class, name) in ["car", "truck", "van"].into_iter().enumerate() {
            fill(root.path(), &format!("{part}/{name}"), class as u8, 0)?;
            picture(class as u8, number as u8).save(root.path().join(part).join(name).join("a.png"))?;
        }
    }
    std::fs::remove_file(root.path().join("val/truck/a.png"))?;
    std::fs::remove_file(root.path().join("train/van/a.png"))?;
    std::fs::create_dir(root.path().join("train/bus"))?;
    std::fs::create_dir(root.path().join("test"))?;
    let data = ImageFolder::open(root.path())?;
    assert_eq!((data.counts(Part::Train), data.counts(Part::Valid)), (vec![1, 1], vec![1, 0]));
    assert_eq!(
        data.left_out(),
        [
            "`test/` is left out: it holds nothing",
            "class `bus` is left out: its folder holds nothing",
            "`val/truck/` holds no pictures: class `truck` has none in `val/`",
            "class `van` is left out: it has 1 picture to be measured on, but none to train on",
        ]
    );
    Ok(())
}

#[test]
fn training_pictures_alone_are_opened_and_can_be_split() -> Result<()> {
    let root = tempfile::tempdir()?;
    fill(root.path(), "train/car", 0, 5)?;
    fill(root.path(), "train/truck", 1, 5)?;
    std::fs::create_dir_all(root.path().join("valid"))?;
    std::fs::create_dir_all(root.path().join("models/old"))?;
    let boxes = r#"{"car/000.png": [{"class": "car", "bbox": [0, 0, 4, 8]}]}"#;
    std::fs::write(root.path().join("train/boxes.json"), boxes)?;
    let data = ImageFolder::open(root.path())?.size(8);
    assert_eq!((data.classes(), data.has_valid()), (&["car".to_owned(), "truck".to_owned()][..], false));
    assert_eq!((data.sample(0).name.as_str(), data.sample(0).boxes.len()), ("train/car/000.png", 1));
    assert!(data.summary()?.table().text().contains("nothing is kept for validation yet: `.split(0.2, 42)?`"));
    assert!(data.valid_batches().err().expect("an error").to_string().contains(".split(0.2, 42)?"));
    assert_eq!(data.split(0.2, 42)?.counts(Part::Valid), [1, 1]);
    // a folder of pictures beside it: `train` is a class then
    fill(root.path(), "bus", 1, 5)?;
    assert_eq!(ImageFolder::open(root.path())?.classes(), ["bus", "train"]);
    Ok(())
}

#[test]
fn files_of_other_kinds_are_counted_and_named() -> Result<()> {
    let root = two(3)?;
    for name in ["car/a.psd", "car/b.heic", "car/deep/c.PSD", "car/notes", "truck/Thumbs.db", "truck/.hidden"] {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder"))?;
        std::fs::write(path, "no picture")?;
    }
    std::fs::copy(root.path().join("truck/000.png"), root.path().join("truck/more.jfif"))?;
    let data = ImageFolder::open(root.path())?.size(8);
    let kinds = "1 .PSD, 1 .heic, 1 .psd, 1 without an ending";
    assert_eq!(data.left_out(), [format!("files of other kinds in `car/` are left out: {kinds}")]);
    assert_eq!(data.counts(Part::Train), [3, 4], "a .jfif is a picture, whatever is in it");
    assert!(data.summary()?.table().text().contains(kinds));
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_within_a_data_set_count_nothing_twice() -> Result<()> {
    use std::os::unix::fs::symlink;
    let (root, far) = (two(3)?, tempfile::tempdir()?);
    fill(far.path(), "more", 1, 2)?;
    symlink(root.path(), root.path().join("car/up"))?;
    symlink("../truck", root.path().join("car/beside"))?;
    symlink(".", root.path().join("truck/again"))?;
    symlink(far.path().join("nothing"), root.path().join("truck/dead"))?;
    symlink(far.path().join("more"), root.path().join("truck/far"))?;
    let data = ImageFolder::open(root.path())?;
    assert_eq!(data.counts(Part::Train), [3, 5], "what lies elsewhere is a part of the class");
    let left = data.left_out().join("\n");
    for link in ["`car/up`", "`car/beside`", "`truck/again`"] {
        assert!(left.contains(&format!("{link} is left out: it links to a folder of this data set")), "{left}");
    }
    Ok(())
}

#[test]
fn a_file_of_boxes_that_is_not_as_expected_is_told() -> Result<()> {
    let root = two(3)?;
    let csv = root.path().join("boxes.csv");
    let good = "car/000.png,car,0,0,4,4\n";
    for text in [
        good.to_owned(),
        format!("\u{feff}{good}"),
        format!("filename,label,xmin,ymin,xmax,ymax\r\n{good}"),
        format!("name, label, x1, y1, x2, y2\n{good}"),
    ] {
        std::fs::write(&csv, &text)?;
        assert_eq!(ImageFolder::open(root.path())?.sample(0).boxes.len(), 1, "{text:?}");
    }
    for text in [
        "xmin,ymin,xmax,ymax,class,image\n0,0,4,4,car,car/000.png\n",
        "image_id;label;left;top;right;bottom;score\ncar/000.png;car;0;0;4;4;0.9\n",
        "file,class,x0,y0,x1,y1\n\"car/000.png\",\"car\",\"0\",\"0\",\"4\",\"4\"\n",
        "car/000.png\tcar\t0\t0\t4\t4\n",
        "car/000.png,car,0,0,0.5,0.5\n",
    ] {
        std::fs::write(&csv, text)?;
        let boxes = ImageFolder::open(root.path())?.sample(0).boxes.clone();
        assert_eq!(
            boxes.iter().map(|found| found.bbox.to_xyxy()).collect::<Vec<_>>(),
            [[0.0, 0.0, 4.0, 4.0]],
            "{text:?}"
        );
    }
    for text in [
        "file,class,x,y,width,height\ncar/000.png,car,1,2,3,4\n",
        "file,class,cx,cy,w,h,score\ncar/000.png,car,2.5,4,3,4,1\n",
        "height,width,y_center,x_center,label,filename\n0.5,0.375,0.5,0.3125,car,car/000.png\n",
        "image;category;bbox_x;bbox_y;bbox_width;bbox_height\ncar/000.png;car;1;2;3;4\n",
    ] {
        std::fs::write(&csv, text)?;
        let boxes = ImageFolder::open(root.path())?.sample(0).boxes.clone();
        assert_eq!(
            boxes.iter().map(|found| found.bbox.to_xyxy()).collect::<Vec<_>>(),
            [[1.0, 2.0, 4.0, 6.0]],
            "{text:?}"
        );
    }
    for text in [
        "file,class,x,y\ncar/000.png,car,0,0\n",
        "file,class,banana,y,apple,h\ncar/000.png,car,0,0,4,4\n",
        "file,class,x0,y0,width,depth\ncar/000.png,car,0,0,4,4\n",
    ] {
        std::fs::write(&csv, text)?;
        let says = error(root.path());
        assert!(says.contains("names the columns file, class") && says.contains("x0,y0,x1,y1"), "{says}");
    }
    std::fs::write(&csv, format!("{good}bus/1.png,car,0,0,4,4\ncar/zzz.png,car,0,0,4,4\n"))?;
    let data = ImageFolder::open(root.path())?;
    let word = "`boxes.csv` has boxes for 2 files that are no pictures here: `bus/1.png`, `car/zzz.png`";
    assert_eq!(data.left_out(), [word]);
    for (bbox, told) in [
        ("4,4,4,8", "[4.0, 4.0, 4.0, 8.0]"),
        ("6,0,2,8", "[6.0"),
        ("0,0,NaN,8", "NaN"),
        ("-9,-9,-1,-1", "lies outside of the picture"),
        ("8,0,12,4", "lies outside of the picture of 8 × 8 pixels"),
        ("0,100,4,200", "lies outside of the picture of 8 × 8 pixels"),
    ] {
        std::fs::write(&csv, format!("car/000.png,car,{bbox}\n"))?;
        let says = error(root.path());
        assert!(says.contains(told) && says.contains("holds nothing") && says.contains("\n  → "), "{says}");
    }
    std::fs::write(&csv, [b'c', 0xff, 0xfe, b'\n'])?;
    let says = error(root.path());
    assert!(says.contains("boxes.csv` cannot be read: it is no UTF-8 text"), "{says}");
    std::fs::remove_file(&csv)?;
    std::fs::create_dir(root.path().join("boxes.json"))?;
    std::fs::write(root.path().join("boxes.json/a"), "")?;
    let says = error(root.path());
    assert!(says.contains("boxes.json` cannot be read") && says.contains("check that you may read it"), "{says}");
    Ok(())
}

#[test]
fn a_batch_of_which_nothing_can_be_read_ends_nothing() -> Result<()> {
    let root = two(4)?;
    for name in ["car/000.png", "car/001.png", "truck/002.png", "truck/003.png"] {
        std::fs::write(root.path().join(name), format!("no picture: {name}"))?;
    }
    let data = ImageFolder::open(root.path())?.size(8).batch(2);
    let ids: Vec<Vec<usize>> = data.batches(Part::Train)?.map(|batch| Ok(batch?.ids)).collect::<Result<_>>()?;
    assert_eq!(ids, [[2, 3], [4, 5]]);
    assert_eq!(data.train_batches(0)?.map(|batch| Ok(batch?.len())).sum::<Result<usize>>()?, 4);
    Ok(())
}

#[test]
fn boxes_that_contradict_are_told() -> Result<()> {
    let root = two(2)?;
    std::fs::write(root.path().join("boxes.csv"), "car/000.png,truck,0,0,4,4\ncar/001.png,car,0,0,4,4\n")?;
    let data = ImageFolder::open(root.path())?;
    let word = "`boxes.csv` says another class than the folder of 1 pictures, such as `truck` of `car/000.png`: the folder's counts";
    assert_eq!((data.left_out(), data.sample(0).class), (&[word.to_owned()][..], 0));
    let summary = data.summary()?;
    assert!(summary.table().text().contains(word));
    Ok(())
}

#[test]
fn names_that_look_alike_are_one() -> Result<()> {
    let root = two(3)?;
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    fill(root.path(), composed, 2, 3)?;
    fill(root.path(), decomposed, 3, 2)?;
    let boxes = format!("{composed}/000.png,{composed},0,0,4,8\n{decomposed}/001.png,{decomposed},0,0,4,8\n");
    std::fs::write(root.path().join("boxes.csv"), boxes)?;
    let data = ImageFolder::open(root.path())?;
    assert_eq!(data.classes(), [composed, "car", "truck"]);
    assert_eq!(data.counts(Part::Train), [5, 3, 3]);
    assert_eq!(
        data.left_out(),
        [format!("two folders `{composed}/` are one class: Unicode writes their accents in two ways")]
    );
    // Both files of the name are meant.
    assert_eq!((0..5).map(|id| data.sample(id).boxes.len()).sum::<usize>(), 4);
    for form in [composed, decomposed] {
        std::fs::write(
            root.path().join("labels.csv"),
            format!("{decomposed}/000.png,{form};x\ncar/000.png,{composed}\n"),
        )?;
        assert_eq!(LabelTable::csv(root.path().join("labels.csv"))?.names(), [composed, "x"]);
    }
    Ok(())
}

#[test]
fn names_of_one_file_are_copies() -> Result<()> {
    let root = two(3)?;
    for name in ["one.png", "two.png"] {
        std::fs::hard_link(root.path().join("car/000.png"), root.path().join("car").join(name))?;
    }
    std::fs::copy(root.path().join("car/000.png"), root.path().join("car/three.png"))?;
    let summary = ImageFolder::open(root.path())?.summary()?;
    assert_eq!(summary.copies, [["car/000.png", "car/one.png", "car/three.png", "car/two.png"]]);
    let text = summary.table().text();
    assert!(
        text.contains("1 file has copies, kept on one side: car/000.png = car/one.png = car/three.png = … (4 in all)"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_summary_reads_what_is_too_much_to_keep() -> Result<()> {
    let root = two(3)?;
    std::fs::write(root.path().join("car/001.png"), "no picture")?;
    // Six pictures at this size are more than is kept in memory; nothing of the size is made.
    let summary = ImageFolder::open(root.path())?.size(8000).batch(1).summary()?;
    assert_eq!((summary.sizes.clone(), summary.corrupt.len()), (vec![(8, 8, 5)], 1));
    assert_eq!(summary.train, [2, 3], "what cannot be read is not counted");
    Ok(())
}

#[test]
fn classes_of_a_folder_are_chosen_and_renamed() -> Result<()> {
    let root = tempfile::tempdir()?;
    for (class, name) in ["bus", "car", "truck", "van"].into_iter().enumerate() {
        fill(root.path(), name, class as u8, class as u8 + 2)?;
    }
    let data = ImageFolder::open(root.path())?.split(0.4, 42)?.batch(3).size(16);
    let valid = data.counts(Part::Valid);
    let two = data.clone().only(&["van", "car"])?;
    assert_eq!((two.classes(), two.len(), two.batch_size()), (&["car".to_owned(), "van".to_owned()][..], 8, 3));
    assert_eq!(two.counts(Part::Valid), [valid[1], valid[3]]);
    for id in 0..two.len() {
        let sample = two.sample(id);
        assert!(sample.name.starts_with(&two.classes()[sample.class]), "{}", sample.name);
        two.picture(id)?;
    }
    let others = data.clone().drop(&["van", "car"])?;
    assert_eq!(others.classes(), ["bus", "truck"]);
    let joined = data.clone().rename(&[("van", "small"), ("car", "small")])?;
    assert_eq!((joined.classes(), joined.len()), (&["bus".to_owned(), "small".to_owned(), "truck".to_owned()][..], 14));
    assert_eq!(joined.counts(Part::Valid)[1], valid[1] + valid[3]);
    let unknown = data.clone().only(&["vans", "lorry"]).unwrap_err().to_string();
    assert!(unknown.contains("no classes `vans`, `lorry`") && unknown.contains("`van` for `vans`"), "{unknown}");
    assert!(data.clone().drop(&["bus", "car", "truck", "van"]).unwrap_err().to_string().contains("would leave none"));
    assert!(data.rename(&[("bus", " ")]).is_err());
    Ok(())
}
