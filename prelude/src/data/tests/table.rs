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
