//! Classes renamed, merged, dropped and kept; the summary.

use super::*;

fn listing() -> Listing {
    let objects =
        |classes: &[usize]| classes.iter().map(|class| Object { class: *class, ..Object::default() }).collect();
    let picture = |name: &str, classes: &[usize]| Listed {
        name: name.to_owned(),
        objects: objects(classes),
        ..Listed::default()
    };
    Listing {
        classes: ["saint", "angel", "book", "books"].map(str::to_owned).to_vec(),
        pictures: vec![picture("a.jpg", &[0, 1, 2]), picture("b.jpg", &[3]), picture("c.jpg", &[])],
        class_extra: [("angel".to_owned(), Extra::new())].into(),
        ..Listing::default()
    }
}

fn classes(listing: &Listing) -> Vec<Vec<&str>> {
    let of = |picture: &Listed| picture.objects.iter().map(|object| listing.classes[object.class].as_str()).collect();
    listing.pictures.iter().map(of).collect()
}

#[test]
fn names_change_and_objects_follow() {
    let one = listing().rename(&[("books", "book"), ("saint", "figure"), ("angel", "figure")]).unwrap();
    assert_eq!(one.classes, ["figure", "book"]);
    assert_eq!(classes(&one), [vec!["figure", "figure", "book"], vec!["book"], vec![]]);
    assert!(one.class_extra.contains_key("figure"));
    let swapped = listing().rename(&[("saint", "angel"), ("angel", "saint")]).unwrap();
    assert_eq!((swapped.classes[0].as_str(), classes(&swapped)[0][0]), ("angel", "angel"));
    let merged = listing().merge("figure", &["saint", "angel"]).unwrap();
    assert_eq!(merged.classes, ["figure", "book", "books"]);
    assert_eq!(listing().merge("book", &["books"]).unwrap().classes, ["saint", "angel", "book"]);
    assert_eq!(listing().rename(&[]).unwrap().classes.len(), 4);
}

#[test]
fn classes_go_and_pictures_stay() {
    let rest = listing().drop_classes(&["saint", "books"]).unwrap();
    assert_eq!((rest.classes.len(), classes(&rest)), (2, vec![vec!["angel", "book"], vec![], vec![]]));
    let only = listing().only(&["book", "saint", "book"]).unwrap();
    assert_eq!(
        (only.classes.join(" "), classes(&only)),
        ("book saint".to_owned(), vec![vec!["saint", "book"], vec![], vec![]])
    );
    assert_eq!(only.background(), 2);
}

#[test]
fn names_that_are_not_there_are_refused_with_the_nearest() {
    let say = |result: Result<Listing>| result.map(|_| ()).unwrap_err().to_string();
    let says = say(listing().drop_classes(&["angle"]));
    assert_eq!(
        says,
        "there is no class `angle`\n  → did you mean `angel`? The classes are `saint`, `angel`, `book`, `books`"
    );
    for says in [
        say(listing().only(&["Saint"])),
        say(listing().merge("x", &["saintt"])),
        say(listing().rename(&[("siant", "x")])),
    ] {
        assert!(says.contains("did you mean `saint`?"), "{says}");
    }
    let many = Listing { classes: (0..40).map(|n| format!("class {n}")).collect(), ..Listing::default() };
    let says = say(many.drop_classes(&["clas 7"]));
    assert!(says.contains("did you mean `class 7`? The nearest are") && says.ends_with("and 28 others"), "{says}");
    assert!(say(Listing::default().only(&["x"])).contains("no classes at all"));
    assert!(say(listing().rename(&[("saint", "x"), ("saint", "y")])).contains("both `x` and `y`"));
    assert!(!say(listing().only(&["zebra"])).contains("did you mean"));
    assert!(say(listing().only(&["holy saint"])).contains("did you mean `saint`?"));
    let all = ["saint", "angel", "book", "books"];
    for (says, what) in [
        (say(listing().only(&[])), "`only` names no class\n  → name some: `saint`, `angel`, `book`, `books`"),
        (say(listing().merge("x", &[])), "`merge` names no class that is to become `x`\n  → name some: `saint`"),
        (
            say(listing().drop_classes(&all)),
            "`drop` names all classes: nothing would be left to learn\n  → the classes",
        ),
    ] {
        assert!(says.starts_with(what), "{says}");
    }
    assert_eq!(joined(&[("saint", "figure"), ("angel", "figure")], &listing().classes), None);
    assert_eq!(joined(&[("saint", "angel"), ("angel", "saint")], &listing().classes), None);
    assert_eq!(
        joined(&[("saint", "angel"), ("books", "book")], &listing().classes).unwrap(),
        "`saint` joins `angel`, `books` joins `book`: they are one class now"
    );
    assert!(say(listing().rename(&[("saint", " ")])).contains("no name"));
}

#[test]
fn one_text_says_it_all_in_twelve_lines() {
    let mut listing = listing();
    assert_eq!(listing.alike_names(), [("book".to_owned(), "books".to_owned())]);
    use FaultKind::*;
    for kind in [
        NotParseable,
        NotUtf8,
        MissingPicture,
        NoPictureFor,
        Ambiguous,
        NoArea,
        Outside,
        OverEdge,
        Duplicate,
        Turned,
        NameDiffers,
        SizeDiffers,
    ] {
        listing.faults.add(Fault::new(kind, Path::new("x.json"), Spot::Line(3), "wrong\nhere"));
    }
    listing.notes = vec!["note".to_owned(); 9];
    listing.unlisted = 4;
    let says = listing.summary();
    assert_eq!(says.lines().count(), 12, "{says}");
    assert!(says.starts_with("3 pictures, 4 objects of 4 classes, 1 picture without objects\n"));
    assert!(says.ends_with("1 pair of classes looks alike: `book` and `books` → `rename` makes them one"), "{says}");
    assert!(
        says.contains("\n1 picture that is not there: x.json:3: ")
            && says.contains("more of")
            && says.contains("x.json:3: wrong here"),
        "{says}"
    );
}
