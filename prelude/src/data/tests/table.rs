//! Tables of pictures with several labels each.

use super::super::*;
use crate::Result;

fn folder(table: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("a b"))?;
    for (number, name) in ["one.png", "two.png", "a b/three.png", "four.png"].into_iter().enumerate() {
        let value = number as u8 * 60;
        image::RgbImage::from_pixel(12, 9, image::Rgb([value; 3])).save(folder.path().join(name))?;
    }
    std::fs::write(folder.path().join("labels.csv"), table)?;
    Ok(folder)
}

fn open(table: &str) -> Result<LabelTable> {
    LabelTable::csv(folder(table)?.path().join("labels.csv"))
}

#[test]
fn tables_are_read_as_people_write_them() -> Result<()> {
    for table in [
        "one.png,sea;boat\ntwo.png,sea\na b/three.png,\nfour.png,boat",
        "one.png,sea;boat\n.\\two.png,sea\na b\\three.png,\nfour.png,boat",
        "\u{feff}file,labels\r\none.png,sea;boat\r\ntwo.png,sea\r\na b/three.png,\r\nfour.png,boat\r\n",
        "fname,tags\none.png,sea boat\ntwo.png,sea\n\na b/three.png,\"\"\nfour.png,boat\n",
        "one.png\tsea|boat\ntwo.png\tsea\na b/three.png\t\nfour.png\tboat\n",
        "one.png,\"boat,sea\"\ntwo.png,sea\na b/three.png,\nfour.png,boat",
        "file,boat,sea\none.png,1,1\ntwo.png,0,1\na b/three.png,0,0\nfour.png,1,0\n",
        "file\tsea\tboat\none.png\t1\t1\ntwo.png\t1\t0\na b/three.png\t0\t0\nfour.png\t0.0\t1.0\n",
    ] {
        let data = open(table)?;
        assert_eq!((data.len(), data.names()), (4, &["boat".to_owned(), "sea".to_owned()][..]), "{table}");
        assert_eq!(data.counts(Part::Train), [2, 2], "{table}");
    }
    let tagged = "one.png,sea\none.png,boat\ntwo.png,sea\na b/three.png,\nfour.png,boat\nfour.png,boat\n";
    assert_eq!((open(tagged)?.len(), open(tagged)?.counts(Part::Train)), (4, vec![2, 2]));
    let one = open("file,boat\none.png,1\ntwo.png,0\na b/three.png,0\nfour.png,1")?;
    assert_eq!((one.names(), one.counts(Part::Train)), (&["boat".to_owned()][..], vec![2]));
    let folder = folder("one.png,sea;boat\ntwo.png,sea\na b/three.png,\nfour.png,boat")?;
    let data = LabelTable::csv(folder.path().join("labels.csv"))?.size(8).batch(8);
    let batch = Data::batches(&data, Part::Train, Order::Given)?.next().expect("one")?;
    assert_eq!(batch.targets.get("labels")?.to_vec2::<f32>()?, [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]);
    assert_eq!(batch.inputs.get("image")?.dims(), [4, 3, 8, 8]);
    let split = data.clone().split(0.5, 1)?;
    assert_eq!((Data::count(&split, Part::Train), Data::count(&split, Part::Valid)), (2, 2));
    assert!(data.show_batch(4)?.text().contains("boat, sea") && data.show_batch(4)?.text().contains("none"));
    assert_eq!(data.example(2)?.name, "a b/three.png");
    Ok(())
}

#[test]
fn what_is_wrong_with_a_table_is_told() -> Result<()> {
    for (table, text) in [
        ("one.png,sea\nfive.png,boat", "lists 1 of 2 files that are not there: `five.png` (line 2)"),
        ("one.png,\ntwo.png,", "names no label"),
        ("", "lists no picture"),
        ("one.png sea", "line 1 of"),
        ("file,labels,split\none.png,sea boat,train\ntwo.png,sea,later", "line 3 of"),
        ("file,labels,when\none.png,sea boat,may\ntwo.png,sea,june", "has 3 columns"),
        ("one.png,1,0\ntwo.png,0,1", "has 3 columns"),
        ("file,sea,boat\none.png,1,0\ntwo.png,0.5,1", "line 3 of"),
        ("file,sea,boat\none.png,1,0\n\ntwo.png,0,True", "has `True` for `boat`"),
        ("one.png,sea\ntwo.png,sea,boat", "line 2 of"),
    ] {
        let says = open(table).err().expect("an error").to_string();
        assert!(says.contains(text) && says.contains("\n  → "), "{table}: {says}");
    }
    let says = LabelTable::csv("no/such/table.csv").err().expect("an error").to_string();
    assert!(says.contains("cannot be read"), "{says}");
    Ok(())
}

#[test]
fn a_table_of_classes_with_parts_and_groups() -> Result<()> {
    let read = |table: &str| -> Result<ImageFolder> { ImageFolder::csv(folder(table)?.path().join("labels.csv")) };
    for table in [
        "one.png,sea\ntwo.png,boat\na b/three.png,sea\nfour.png,boat\n",
        "label;file\nsea;one.png\nboat;two.png\nsea;a b/three.png\nboat;four.png\n",
        "path\tlabel\tyear\none.png\tsea\t1\ntwo.png\tboat\t2\na b/three.png\tsea\t3\nfour.png\tboat\t4\n",
    ] {
        let data = read(table)?;
        assert_eq!(
            (data.classes(), data.counts(Part::Train)),
            (&["boat".to_owned(), "sea".to_owned()][..], vec![2, 2])
        );
    }
    for table in [
        "one.png,sea,train\ntwo.png,boat,train\na b/three.png,sea,val\nfour.png,boat,test\n",
        "file,label,part\none.png,sea,train\ntwo.png,boat,train\na b/three.png,sea,valid\nfour.png,boat,Test\n",
    ] {
        let data = read(table)?;
        assert_eq!([Part::Train, Part::Valid, Part::Test].map(|part| data.ids(part).len()), [2, 1, 1]);
        assert_eq!(data.split(0.5, 1)?.ids(Part::Train).len(), 2, "the table's own split is kept");
    }
    let flags = read(
        "fname,labels,is_valid\none.png,sea,False\ntwo.png,boat,False\na b/three.png,sea,True\nfour.png,boat,True\n",
    )?;
    assert_eq!(flags.ids(Part::Valid).len(), 2);
    let grouped = "file,label,group\none.png,sea,x\ntwo.png,boat,x\na b/three.png,sea,y\nfour.png,boat,y\n";
    let data = read(grouped)?.split(0.5, 3)?;
    assert_eq!(data.sample(0).part, data.sample(1).part);
    assert_ne!(data.sample(0).part, data.sample(2).part);
    let kinds = folder("file,kind,year\none.png,sea,1\ntwo.png,boat,2\n")?;
    let path = kinds.path().join("labels.csv");
    assert_eq!(ImageFolder::csv_column(&path, "Kind")?.classes(), ["boat", "sea"]);
    assert!(ImageFolder::csv_column(&path, "age").unwrap_err().to_string().contains("are: kind, year"));
    for (table, text) in [
        ("file,kind,year\none.png,sea,1\ntwo.png,boat,2", "none is called `label` or `class`"),
        ("one.png,sea\ntwo.png,", "line 2 of"),
        ("one.png,sea\none.png,boat", "as `sea` in line 1 and as `boat` in line 2"),
        (
            "file,label,part\none.png,sea,train\none.png,sea,test\ntwo.png,boat,train",
            "both for train and, in line 3, for test",
        ),
        ("one.png,1.5\ntwo.png,2.5\nfour.png,3", "3 different numbers for 3 pictures"),
    ] {
        let says = read(table).expect_err("an error").to_string();
        assert!(says.contains(text) && says.contains("\n  → "), "{table}: {says}");
    }
    assert_eq!(read("one.png,sea\ntwo.png,sea")?.classes(), ["sea"]);
    Ok(())
}

#[test]
fn pictures_may_lie_in_a_folder_beside_the_table() -> Result<()> {
    let root = folder("three.png,sea;boat\n")?;
    assert_eq!(LabelTable::csv(root.path().join("labels.csv"))?.len(), 1);
    std::fs::write(root.path().join("labels.csv"), [b"one.png,caf\xe9\n".as_slice(), b"two.png,b"].concat())?;
    let says = ImageFolder::csv(root.path().join("labels.csv")).unwrap_err().to_string();
    assert!(says.contains("no UTF-8 text (line 1)"), "{says}");
    // half of the paths are wrong
    let lines: Vec<String> =
        (0..10).map(|at| if at % 2 == 0 { format!("gone{at}.png,sea") } else { "one.png,sea".into() }).collect();
    std::fs::write(root.path().join("labels.csv"), lines.join("\n"))?;
    let says = LabelTable::csv(root.path().join("labels.csv")).err().expect("an error").to_string();
    assert!(says.contains("lists 5 of 6 files that are not there: `gone0.png` (line 1), `gone2.png` (line 3), `gone4.png` (line 5) and 2 more"), "{says}");
    // names without endings, and a column of files that is not the first
    for table in ["one,sea\ntwo,sea", "id,label\none,sea\ntwo,boat", "id,photo,label\n0,one.png,sea\n1,two.png,sea"] {
        std::fs::write(root.path().join("labels.csv"), table)?;
        let found = ImageFolder::csv(root.path().join("labels.csv"));
        assert_eq!(found.map(|data| data.len()).ok(), Some(2), "{table}");
    }
    // few are: the others are there
    let names: Vec<String> = (0..19).map(|at| format!("more{at}.png,sea")).collect();
    for at in 0..18 {
        std::fs::copy(root.path().join("one.png"), root.path().join(format!("more{at}.png")))?;
    }
    std::fs::write(root.path().join("labels.csv"), names.join("\n"))?;
    assert_eq!(LabelTable::csv(root.path().join("labels.csv"))?.len(), 18);
    Ok(())
}

#[test]
fn a_table_of_numbers() -> Result<()> {
    let table = "file,age,height\none.png,31,1.5\ntwo.png,40,1.75\na b/three.png,22,1.6\nfour.png,65,1.8\n";
    let root = folder(table)?;
    let path = root.path().join("labels.csv");
    let both = NumberTable::csv(&path, &[])?;
    assert_eq!(both.names(), ["age", "height"]);
    let data = NumberTable::csv(&path, &["height"])?.size(8).batch(4);
    let batch = Data::batches(&data, Part::Train, Order::Given)?.next().expect("one")?;
    assert_eq!(batch.targets.get("numbers")?.to_vec2::<f32>()?, [[1.5], [1.75], [1.6], [1.8]]);
    assert_eq!(Data::spec(&data).target, Target::Numbers(vec!["height".to_owned()]));
    assert_eq!(Data::count(&data.clone().split(0.5, 1)?, Part::Valid), 2);
    assert!(data.show_batch(4)?.text().contains("height 1.75"));
    let comma = folder("file;number\none.png;1,5\ntwo.png;2,25\n")?;
    assert_eq!(NumberTable::csv(comma.path().join("labels.csv"), &[])?.names(), ["number"]);
    for (table, columns, text) in [
        (table, &["weight"][..], "has no column `weight`"),
        ("one.png,1\ntwo.png,tall", &[], "has `tall` for `number`, which is no number"),
        ("one.png,1\ntwo.png,NaN", &[], "has `NaN` for"),
        ("one.png,1\none.png,2", &[], "in line 1 and in line 2"),
        ("", &[], "lists no picture"),
    ] {
        let root = folder(table)?;
        let says = NumberTable::csv(root.path().join("labels.csv"), columns).err().expect("an error").to_string();
        assert!(says.contains(text) && says.contains("\n  → "), "{table}: {says}");
    }
    Ok(())
}

#[test]
fn labels_with_parts_are_split_by_label() -> Result<()> {
    let root = tempfile::tempdir()?;
    let mut lines = vec!["file,labels".to_owned()];
    for at in 0..40u8 {
        let name = format!("{at}.png");
        image::RgbImage::from_pixel(8, 8, image::Rgb([at * 5, 255 - at, at])).save(root.path().join(&name))?;
        let labels = ["sky", if at % 2 == 0 { "sea" } else { "land" }, if at % 10 == 0 { "boat" } else { "" }];
        lines.push(format!("{name},{}", labels.join(";")));
    }
    std::fs::write(root.path().join("labels.tsv"), lines.join("\n").replace(',', "\t"))?;
    for seed in 0..5 {
        let data = LabelTable::csv(root.path().join("labels.tsv"))?.hold_out(0.25, seed)?.split(0.25, seed)?;
        // boat, land, sea, sky
        for part in [Part::Train, Part::Valid, Part::Test] {
            assert!(data.counts(part).iter().all(|count| *count > 0), "{seed} {part:?} {:?}", data.counts(part));
        }
        assert!((8..=12).contains(&Data::count(&data, Part::Test)), "{}", Data::count(&data, Part::Test));
        assert_eq!(Data::truth_counts(&data, Part::Train), Some(data.counts(Part::Train)));
        assert_eq!(
            data.folds(3, seed)?.iter().map(|fold| Data::count(fold, Part::Valid)).sum::<usize>(),
            40 - Data::count(&data, Part::Test)
        );
    }
    // mixed labels are shared as classes are
    let mixed =
        LabelTable::csv(root.path().join("labels.tsv"))?.size(8).augment(Augment { mixup: 1.0, ..Augment::none() });
    let batch = Data::batches(&mixed, Part::Train, Order::Epoch(1))?.next().expect("one")?;
    let rows = batch.targets.get("labels")?.to_vec2::<f32>()?;
    assert!(rows.iter().all(|row| (row[3] - 1.0).abs() < 1e-6 && (row[1] + row[2] - 1.0).abs() < 1e-6));
    assert!(rows.iter().any(|row| row[1] > 0.01 && row[2] > 0.01));
    Ok(())
}

#[test]
fn a_table_of_one_column_is_told_of_the_mark_between_columns() -> Result<()> {
    for (table, text, remedy) in [
        ("one.png|sea\ntwo.png|boat\n", "line 1 of", "not by `|`: `boat.jpg,sea`"),
        ("path|class\none.png|sea\ntwo.png|boat\n", "is `one.png|sea`: one column", "not by `|`"),
        ("one.png sea\ntwo.png boat\n", "one column", "not by spaces"),
        (
            "one.png\ntwo.png\n",
            "one column, where a file and what it shows are two",
            "name behind each file what it shows",
        ),
        ("file,label\none.png,sea\ntwo.png,boat,1\n", "line 3 of", "is put in quotes"),
    ] {
        let folder = folder(table)?;
        let path = folder.path().join("labels.csv");
        for says in [ImageFolder::csv(&path).err(), LabelTable::csv(&path).err()] {
            let says = says.expect("an error").to_string();
            assert!(says.contains(text) && says.contains(remedy), "{table}: {says}");
        }
    }
    Ok(())
}
