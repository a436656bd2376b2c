//! The desk and its talk: what is saved, what is refused, what others hear, what every format's boxes become.

use super::desk::Desk;
use super::talk;
use crate::boxes::{BBox, Detection};
use crate::data::{BoxPlace, Boxes, Finds, Listing, Reading};
use crate::{Result, annotate::Annotator};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A folder with pictures of 64 × 48 pixels.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        picture(&folder.path().join(name));
    }
    folder
}

fn picture(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(64, 48, image::Rgb([90; 3])).save_with_format(path, ImageFormat::Png).unwrap();
}

/// A page's side of the talk.
struct View {
    desk: Arc<Desk>,
    name: &'static str,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl View {
    fn open(path: &Path) -> View {
        View::of(Desk::at(BoxPlace::of(path, &Reading::default()).unwrap()).unwrap().0, "a")
    }

    fn of(desk: Arc<Desk>, name: &'static str) -> View {
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let log = heard.clone();
        desk.listen(Box::new(move |told, whose| {
            if whose != Some(name) {
                log.lock().unwrap().extend_from_slice(told);
            }
            true
        }));
        View { desk, name, heard }
    }

    fn heard(&self) -> Vec<Value> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    fn say(&self, message: Value) -> Vec<Value> {
        let mut message: Map<String, Value> = message.as_object().unwrap().clone();
        message.insert("view".to_owned(), self.name.into());
        message.insert("id".to_owned(), 7.into());
        let said = talk::hear(&self.desk, &message);
        assert!(said.iter().all(|said| said.message["view"] == self.name && said.message["id"] == 7));
        said.into_iter().map(|said| said.message).collect()
    }

    fn hello(&self) -> Value {
        self.say(json!({ "type": "hello", "protocol": 1 })).remove(0)
    }

    fn id(&self, name: &str) -> Value {
        let welcome = self.hello();
        let rows = welcome["pictures"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}"))["id"].clone()
    }

    fn state(&self, name: &str) -> Value {
        self.say(json!({ "type": "open", "picture": self.id(name), "image": false })).remove(0)
    }

    fn save(&self, name: &str, boxes: Value) -> Value {
        let state = self.state(name);
        self.save_upon(&state, boxes)
    }

    fn save_upon(&self, state: &Value, boxes: Value) -> Value {
        let message = json!({
            "type": "save", "picture": state["picture"], "base": state["revision"], "boxes": boxes,
            "fields": state["fields"],
        });
        self.say(message).remove(0)
    }
}

fn one(id: &str, class: &str, corners: [f64; 4]) -> Value {
    let [left, top, right, bottom] = corners;
    json!({ "id": id, "class": class, "left": left, "top": top, "right": right, "bottom": bottom, "proposed": false, "score": null })
}

/// Class and corners of all boxes on a picture, as they are read from disk.
fn on_disk(path: &Path, name: &str) -> Vec<(String, [f64; 4])> {
    found(&Boxes::open(path).unwrap(), name)
}

fn found(boxes: &Boxes, name: &str) -> Vec<(String, [f64; 4])> {
    let listing: &Listing = boxes.listing();
    let picture = listing.pictures.iter().find(|picture| picture.name == name).unwrap();
    let drawn = picture.objects.iter().filter(|object| !object.automatic);
    drawn.map(|object| (listing.classes[object.class].clone(), object.corners)).collect()
}

fn json_of(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn what_is_saved_is_on_disk_and_the_same_after_a_restart() {
    let names = ["a.png", "sub/b \"c\" %41.png", "é\n中.png", " d\\e'.png"];
    let folder = folder(&names);
    let view = View::open(folder.path());
    let welcome = view.hello();
    assert_eq!((&welcome["protocol"], welcome["pictures"].as_array().unwrap().len()), (&json!(1), 4));
    for (at, name) in names.iter().enumerate() {
        let left = at as f64 + 0.25;
        let told =
            view.save(name, json!([one("x", "cat", [left, 2.0, 30.0, 40.0]), one("y", "dog", [1.0, 1.0, 9.0, 9.0])]));
        assert_eq!(told["type"], "saved", "{told}");
        let expected = [("cat".to_owned(), [left, 2.0, 30.0, 40.0]), ("dog".to_owned(), [1.0, 1.0, 9.0, 9.0])];
        assert_eq!(on_disk(folder.path(), name), expected);
    }
    let before: Vec<Value> = names.iter().map(|name| view.state(name)).collect();
    let (session, dataset) = (welcome["session"].clone(), welcome["dataset"].clone());
    drop(view);
    let view = View::open(folder.path());
    assert!(view.hello()["session"] != session && view.hello()["dataset"] == dataset);
    for (name, before) in names.iter().zip(&before) {
        let state = view.state(name);
        for key in ["picture", "revision", "boxes", "fields", "width", "height"] {
            assert_eq!(state[key], before[key], "{name} {key}");
        }
        assert!(state["seq"].as_u64() > before["seq"].as_u64());
    }
    let leftovers = std::fs::read_dir(folder.path()).unwrap().flatten();
    let leftovers = leftovers.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(leftovers, 0);
}

#[test]
fn a_save_upon_something_older_is_a_conflict_and_changes_nothing() {
    let folder = folder(&["a.png"]);
    let view = View::open(folder.path());
    let other = View::of(view.desk.clone(), "b");
    let base = view.state("a.png");
    let mine = json!([one("x", "cat", [1.0, 2.0, 30.0, 40.0])]);
    assert_eq!(view.save_upon(&base, mine.clone())["type"], "saved");
    let told = other.heard();
    assert_eq!(
        (told.len(), &told[0]["type"], &told[0]["view"], &told[0]["boxes"]),
        (2, &json!("changed"), &json!("a"), &mine)
    );
    let [red, green, blue] = crate::plot::class_color("cat");
    let color = format!("#{red:02x}{green:02x}{blue:02x}");
    assert_eq!(told[1], json!({ "type": "classes", "classes": ["cat"], "colors": [color] }));
    assert!(view.heard().is_empty());
    // Twice the same, as after an answer that was lost; then another's upon the old state.
    for boxes in [mine.clone(), json!([])] {
        let told = other.save_upon(&base, boxes);
        assert_eq!((&told["type"], &told["boxes"]), (&json!("conflict"), &mine));
    }
    assert!(view.heard().is_empty());
    let base = other.state("a.png");
    assert_eq!(other.save_upon(&base, json!([]))["type"], "saved");
    assert_eq!(view.heard()[0]["boxes"], json!([]));
    let told = view.say(json!({ "type": "add_class", "name": " dog " })).remove(0);
    assert_eq!((&told["type"], &told["classes"]), (&json!("classes"), &json!(["cat", "dog"])));
    view.say(json!({ "type": "add_class", "name": "dog" }));
    assert_eq!(other.heard()[0]["classes"], json!(["cat", "dog"]));
    drop((view, other));
    assert_eq!(View::open(folder.path()).hello()["classes"], json!(["cat", "dog"]));
}

#[test]
fn classes_alone_are_kept_over_a_restart() {
    let folder = folder(&["a.png"]);
    let view = View::open(folder.path());
    view.say(json!({ "type": "add_class", "name": "dog" }));
    drop(view);
    let view = View::open(folder.path());
    assert_eq!((&view.hello()["classes"], view.hello()["pictures"].as_array().unwrap().len()), (&json!(["dog"]), 1));
    assert!(Boxes::open(folder.path()).is_err_and(|error| error.to_string().contains("no box")));
}

#[test]
fn what_is_unsound_is_refused_and_changes_nothing() {
    let folder = folder(&["a.png"]);
    let view = View::open(folder.path());
    let state = view.state("a.png");
    let why = |told: Value| {
        assert_eq!(told["type"], "refused", "{told}");
        let why = told["why"].as_str().unwrap().to_owned();
        assert!(!why.ends_with('.') && !why.contains('\n'), "{why}");
        why
    };
    let sound = one("x", "cat", [1.0, 2.0, 30.0, 40.0]);
    assert!(why(view.save_upon(&state, json!([sound, sound]))).contains("one id"));
    assert!(why(view.save_upon(&state, json!([one("x", "cat", [1.0, 2.0, 64.5, 40.0])]))).contains("within"));
    assert!(why(view.save_upon(&state, json!("boxes"))).contains("list"));
    let many: Value = (0..20_001).map(|at| one(&at.to_string(), "cat", [1.0, 2.0, 30.0, 40.0])).collect();
    assert!(why(view.save_upon(&state, many)).contains("20000"));
    let long = json!({ "type": "save", "picture": state["picture"], "base": state["revision"], "boxes": [sound], "fields": { "note": "x".repeat(4001) } });
    assert!(why(view.say(long).remove(0)).contains("note"));
    for message in [
        json!({ "type": "open", "picture": "../a" }),
        json!({ "type": "save", "picture": 1 }),
        json!({ "type": "what" }),
        json!({}),
        json!({ "type": "add_class", "name": "" }),
        json!({ "type": "hello", "protocol": 2 }),
    ] {
        why(view.say(message).remove(0));
    }
    assert_eq!(view.state("a.png")["revision"], state["revision"]);
    assert_eq!(view.hello()["classes"], json!([]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written");
}

#[test]
fn where_nothing_can_be_written_the_save_is_refused_and_undone() {
    let folder = folder(&["a.png", "b.png"]);
    let view = View::open(folder.path());
    let sound = json!([one("x", "cat", [1.0, 2.0, 30.0, 40.0])]);
    assert_eq!(view.save("a.png", sound.clone())["type"], "saved");
    // What is in the way of the file that is written beside, whoever the tests run as.
    let file = folder.path().join("annotations.json");
    let beside = folder.path().join(format!(".annotations.json.{}.part", std::process::id()));
    std::fs::create_dir(&beside).unwrap();
    let other = View::of(view.desk.clone(), "b");
    let before = view.state("b.png");
    let told = view.save("b.png", json!([one("y", "dog", [1.0, 2.0, 30.0, 40.0])]));
    assert!(told["why"].as_str().is_some_and(|why| why.contains("annotations.json` cannot be written")), "{told}");
    assert_eq!(view.say(json!({ "type": "add_class", "name": "cow" }))[0]["type"], "refused");
    assert_eq!(view.save("a.png", json!([]))["type"], "refused");
    assert!(other.heard().is_empty());
    assert_eq!(
        (view.state("b.png")["revision"].clone(), &view.hello()["classes"]),
        (before["revision"].clone(), &json!(["cat"]))
    );
    assert_eq!(json_of(&file)["images"].as_array().unwrap().len(), 1);
    std::fs::remove_dir(&beside).unwrap();
    assert_eq!(view.save("b.png", json!([one("y", "dog", [1.0, 2.0, 30.0, 40.0])]))["type"], "saved");
    assert_eq!(on_disk(folder.path(), "a.png").len() + on_disk(folder.path(), "b.png").len(), 2);
}

#[test]
fn what_a_killed_writer_left_is_no_annotation_and_goes() {
    let folder = folder(&["a.png"]);
    let left = folder.path().join(".annotations.json.1.part");
    std::fs::write(&left, "{\"written_by\":\"candlewick\",\n\"categories\":[").unwrap();
    drop(View::open(folder.path()));
    assert!(left.exists(), "another process may be writing it");
    let hours = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    std::fs::File::options().append(true).open(&left).unwrap().set_modified(hours).unwrap();
    let view = View::open(folder.path());
    assert!(!left.exists());
    assert_eq!(view.hello()["pictures"][0]["boxes"], 0);
}

#[test]
fn what_another_program_writes_meanwhile_is_seen_and_told() {
    let folder = folder(&["a.png", "b.png"]);
    let view = View::open(folder.path());
    view.save("a.png", json!([one("x", "cat", [1.0, 2.0, 30.0, 40.0])]));
    let old = view.state("a.png");
    let file = folder.path().join("annotations.json");
    let mut json = json_of(&file);
    json["annotations"][0]["bbox"] = json!([5, 6, 7, 8]);
    std::fs::write(&file, json.to_string()).unwrap();
    let told = view.save_upon(&old, json!([]));
    assert_eq!((&told["type"], &told["boxes"][0]["left"]), (&json!("conflict"), &json!(5.0)));
    let kinds: Vec<Value> = view.heard().into_iter().map(|told| told["type"].clone()).collect();
    assert_eq!(kinds, ["classes", "pictures", "changed"]);
    // One that was removed is written again.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(view.save("b.png", json!([]))["type"], "saved");
    assert_eq!(on_disk(folder.path(), "a.png"), [("cat".to_owned(), [5.0, 6.0, 12.0, 14.0])]);
}

/// Annotations of two pictures in each format, read, changed in one picture by the tool, and read again.
#[test]
fn boxes_of_every_format_are_the_same_again() {
    let names = ["a.png", "b.png"];
    let source = folder(&names);
    let view = View::open(source.path());
    let boxes = json!([one("x", "cat", [1.5, 2.0, 30.0, 40.25]), one("y", "dog", [10.0, 10.0, 20.0, 20.0])]);
    view.save("a.png", boxes);
    view.save("b.png", json!([one("z", "dog", [0.0, 0.0, 64.0, 48.0])]));
    let made = Boxes::open(source.path()).unwrap();
    type Write = fn(&Boxes, &Path) -> Result<()>;
    let formats: [(&str, Write); 5] = [
        ("coco", |made, path| made.write_coco(path.join("mine.json"))),
        ("voc", |made, path| made.write_voc(path)),
        ("csv", |made, path| made.write_csv(path.join("boxes.csv"))),
        ("yolo", |made, path| made.write_yolo(path)),
        ("two", |made, path| {
            let (train, valid) = (made.clone().only(&["cat"])?, made.clone().only(&["dog"])?);
            train.write_coco(path.join("one.json"))?;
            valid.write_coco(path.join("two.json"))
        }),
    ];
    for (format, write) in formats {
        let folder = folder(&names);
        write(&made, folder.path()).unwrap();
        if format == "yolo" {
            // Pictures that links lead to lie outside; here they are to lie within.
            let images = folder.path().join("images/train");
            for name in names {
                std::fs::remove_file(images.join(name)).unwrap();
                std::fs::rename(folder.path().join(name), images.join(name)).unwrap();
            }
        }
        let name = |name: &str| if format == "yolo" { format!("images/train/{name}") } else { name.to_owned() };
        let before = Boxes::open(folder.path()).unwrap();
        let view = View::open(folder.path());
        let state = view.state(&name("b.png"));
        let mut boxes = state["boxes"].clone();
        boxes.as_array_mut().unwrap().push(one("new", "cow", [3.0, 3.0, 9.0, 9.0]));
        assert_eq!(view.save_upon(&state, boxes)["type"], "saved", "{format}");
        let after = Boxes::open(folder.path()).unwrap();
        assert_eq!(found(&before, &name("a.png")), found(&after, &name("a.png")), "{format}");
        let mut expected = found(&before, &name("b.png"));
        expected.push(("cow".to_owned(), [3.0, 3.0, 9.0, 9.0]));
        assert_eq!(found(&after, &name("b.png")), expected, "{format}");
        let file = folder.path().join(if format == "coco" { "mine.json" } else { "annotations.json" });
        assert_eq!((view.desk.place.file.clone(), file.exists()), (file, true), "{format}");
        assert_eq!(folder.path().join("annotations.json").exists(), format != "coco");
        // Opened in its own format, too, the tool goes on with what it wrote.
        drop(view);
        let again = View::open(folder.path());
        assert_eq!(again.state(&name("b.png"))["boxes"].as_array().unwrap().len(), expected.len(), "{format}");
    }
}

#[test]
fn what_another_program_wrote_is_kept_once_and_its_fields_stay() {
    let folder = folder(&["a.png", "b.png", "c.png"]);
    let file = folder.path().join("theirs.json");
    let text = r#"{"info": {"year": 2024}, "images": [
        {"id": 7, "file_name": "b.png", "width": 64, "height": 48, "license": 3, "note": "old"},
        {"id": 8, "file_name": "gone.png", "width": 64, "height": 48}],
      "annotations": [
        {"id": 41, "image_id": 7, "category_id": 3, "bbox": [1.128, 2, 10, 10], "segmentation": [[1, 2, 3, 4, 5, 6]], "area": 50, "iscrowd": 0, "who": "me"},
        {"id": 42, "image_id": 8, "category_id": 3, "bbox": [1, 2, 10, 10]}],
      "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}]}"#;
    std::fs::write(&file, text).unwrap();
    let view = View::open(folder.path());
    let state = view.state("b.png");
    assert_eq!(
        (&state["fields"]["note"], &state["boxes"][0]["left"], &state["boxes"][0]["id"]),
        (&json!("old"), &json!(1.13), &json!("coco41"))
    );
    let mut boxes = state["boxes"].clone();
    boxes.as_array_mut().unwrap().push(one("new", "dog", [3.0, 3.0, 9.0, 9.0]));
    assert_eq!(view.save_upon(&state, boxes)["type"], "saved");
    let kept = folder.path().join("theirs.json.bak");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), text);
    let json = json_of(&file);
    assert_eq!(
        (&json["info"]["year"], &json["images"][0]["license"], &json["images"][0]["id"]),
        (&json!(2024), &json!(3), &json!(7))
    );
    let theirs = &json["annotations"][0];
    assert_eq!(
        (&theirs["id"], &theirs["bbox"][0], &theirs["area"], &theirs["who"]),
        (&json!(41), &json!(1.128), &json!(50), &json!("me"))
    );
    assert_eq!(theirs["segmentation"], json!([[1, 2, 3, 4, 5, 6]]));
    assert_eq!(json["categories"][0], json!({ "id": 3, "name": "cat", "supercategory": "animal" }));
    // Moved and back again it is what it was; moved alone it has no outline of another place.
    let state = view.state("b.png");
    let mut moved = state["boxes"].clone();
    moved[0]["left"] = json!(3.0);
    view.save_upon(&state, moved);
    assert_eq!(json_of(&file)["annotations"][0]["segmentation"], json!([]));
    view.save("b.png", state["boxes"].clone());
    assert_eq!(&json_of(&file)["annotations"][0]["segmentation"], &theirs["segmentation"]);
    view.save("a.png", json!([one("x", "cat", [1.0, 1.0, 9.0, 9.0])]));
    let ids: Vec<Value> =
        json_of(&file)["images"].as_array().unwrap().iter().map(|image| image["id"].clone()).collect();
    assert_eq!(ids, [7, 8]);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), text, "never written over");
    assert!(!folder.path().join("theirs.json.bak2").exists());
}

#[test]
fn a_file_that_cannot_be_read_is_left_alone() {
    let folder = folder(&["a.png"]);
    let file = folder.path().join("annotations.json");
    let text = "{\"written_by\":\"candlewick\",\n\"categories\":[\n],\n\"images\":[\n{\"file_name\":\"a.png\"}\n],\n\"annotations\":[";
    std::fs::write(&file, text).unwrap();
    assert!(Annotator::open(folder.path()).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    std::fs::write(&file, "{\"another\": \"format\"}").unwrap();
    assert!(Annotator::open(folder.path()).is_err_and(|error| error.to_string().contains("rename it first")));
    assert!(Annotator::open(folder.path().join("nowhere")).is_err_and(|error| error.to_string().contains('→')));
    let empty = tempfile::tempdir().unwrap();
    assert!(Annotator::open(empty.path()).is_err_and(|error| error.to_string().contains("no picture")));
}

#[cfg(unix)]
#[test]
fn nothing_outside_the_folder_is_shown() {
    let around = folder(&["inner/a.png", "inner/b.png", "secret.png"]);
    let inner = around.path().join("inner");
    let secret = around.path().join("secret.png");
    std::os::unix::fs::symlink(&secret, inner.join("link.png")).unwrap();
    let images = r#"[{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "../secret.png"}, {"id": 3, "file_name": "/etc/passwd"}]"#;
    std::fs::write(inner.join("x.json"), format!(r#"{{"images": {images}, "annotations": [], "categories": []}}"#))
        .unwrap();
    let view = View::open(&inner);
    let welcome = view.hello();
    let names: Vec<&Value> = welcome["pictures"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["a.png", "b.png"]);
    let id = view.id("a.png");
    assert_eq!(view.desk.file(id.as_str().unwrap()).unwrap(), inner.join("a.png").canonicalize().unwrap());
    // A link that is put there later.
    std::fs::remove_file(inner.join("a.png")).unwrap();
    std::os::unix::fs::symlink(&secret, inner.join("a.png")).unwrap();
    assert_eq!(view.desk.file(id.as_str().unwrap()), None);
    assert_eq!(view.say(json!({ "type": "open", "picture": id, "image": true }))[0]["type"], "refused");
    for id in ["../secret.png", "secret.png", "", "a.png", "1"] {
        assert_eq!(view.desk.file(id), None, "{id}");
    }
}

#[test]
fn a_file_with_much_that_is_not_understood_is_known_again() {
    let folder = folder(&["a.png"]);
    let file = folder.path().join("annotations.json");
    let much = "x".repeat(200_000);
    let text =
        format!(r#"{{"more": "{much}", "images": [{{"file_name": "a.png"}}], "annotations": [], "categories": []}}"#);
    std::fs::write(&file, text).unwrap();
    for at in 0..2 {
        let view = View::open(folder.path());
        assert_eq!(view.state("a.png")["boxes"].as_array().unwrap().len(), at);
        view.save("a.png", json!([one("x", "cat", [1.0, 1.0, 21.0, 21.0])]));
    }
    assert_eq!(json_of(&file)["more"].as_str().map(str::len), Some(200_000));
    assert_eq!(on_disk(folder.path(), "a.png").len(), 1);
}

#[test]
fn pictures_that_cannot_be_read_are_left_out() {
    let folder = folder(&["a.png"]);
    std::fs::write(folder.path().join("b.png"), "no picture").unwrap();
    let (desk, lines) = Desk::at(BoxPlace::of(folder.path(), &Reading::default()).unwrap()).unwrap();
    assert!(
        lines.len() == 1 && lines[0].contains("1 picture cannot be read and is left out") && lines[0].contains("b.png"),
        "{lines:?}"
    );
    assert_eq!(desk.files().len(), 1);
}

/// Finds the same on every picture.
struct Always(Vec<Detection>);

impl Finds for Always {
    fn find(&self, pictures: &[RgbImage], least: f32) -> Result<Vec<Vec<Detection>>> {
        let found: Vec<Detection> = self.0.iter().filter(|one| one.score >= least).cloned().collect();
        Ok(vec![found; pictures.len()])
    }
}

fn detection(label: &str, score: f32, corners: [f32; 4]) -> Detection {
    let [x0, y0, x1, y1] = corners;
    Detection { class: 0, label: label.to_owned(), score, bbox: BBox::new(x0, y0, x1, y1) }
}

#[test]
fn proposals_stay_apart_are_accepted_and_do_not_come_back() {
    let folder = folder(&["a.png", "b.png", "c.png"]);
    let tool = Annotator::open(folder.path()).unwrap();
    let view = View::of(tool.desk.clone(), "a");
    view.save("b.png", json!([one("mine", "cat", [1.0, 1.0, 21.0, 21.0])]));
    view.state("a.png");
    view.heard();
    let det = Always(vec![
        detection("cat", 0.9, [0.0, 0.0, 20.0, 20.0]),
        detection("dog", 0.45, [30.0, 10.0, 50.0, 30.0]),
        detection("dog", 0.1, [0.0, 30.0, 9.0, 40.0]),
    ]);
    assert!(tool.propose(&det, 1.5).is_err());
    assert_eq!(tool.propose(&det, 0.4).unwrap(), 5);
    let told = view.heard();
    let kinds: Vec<&Value> = told.iter().map(|told| &told["type"]).collect();
    assert_eq!(kinds, ["classes", "pictures", "changed", "changed"], "of the pictures that were opened");
    assert_eq!((&told[1]["whole"], &told[1]["pictures"][0]["automatic"]), (&json!(false), &json!(2)));
    assert!((told[1]["pictures"][0]["doubt"].as_f64().unwrap() - 0.9).abs() < 1e-6);
    let file = folder.path().join("annotations.json");
    let json = json_of(&file);
    assert_eq!((json["annotations"].as_array().unwrap().len(), json["proposals"].as_array().unwrap().len()), (1, 5));
    // A picture that nobody has looked at is no background.
    assert_eq!(tool.boxes().unwrap().len(), 1);
    // One is accepted, the other rejected.
    let state = view.state("a.png");
    let mut cat = state["boxes"][0].clone();
    cat["proposed"] = json!(false);
    assert_eq!(view.save_upon(&state, json!([cat]))["type"], "saved");
    assert_eq!(tool.boxes().unwrap().len(), 2);
    assert_eq!(on_disk(folder.path(), "a.png"), [("cat".to_owned(), [0.0, 0.0, 20.0, 20.0])]);
    assert!((json_of(&file)["annotations"][1]["score"].as_f64().unwrap() - 0.9).abs() < 1e-6);
    drop((tool, view));
    let tool = Annotator::open(folder.path()).unwrap();
    let view = View::of(tool.desk.clone(), "a");
    assert_eq!(tool.propose(&det, 0.4).unwrap(), 3, "neither what stands there nor what was rejected");
    assert_eq!(view.state("a.png")["boxes"].as_array().unwrap().len(), 1);
    // Undone, it is no longer rejected.
    let current = view.state("a.png");
    view.save_upon(&current, json!([cat, state["boxes"][1]]));
    assert_eq!(
        json_of(&file)["images"].as_array().unwrap().iter().filter(|image| image.get("rejected").is_some()).count(),
        0
    );
    assert_eq!(tool.boxes().unwrap().annotate().unwrap().boxes().unwrap().len(), 2);
}

#[test]
fn the_boxes_of_a_cell_bring_their_proposals_along() {
    let folder = folder(&["a.png", "b.png"]);
    let view = View::open(folder.path());
    view.save("a.png", json!([one("mine", "cat", [1.0, 1.0, 21.0, 21.0])]));
    let boxes = Boxes::open(folder.path()).unwrap();
    let boxes = boxes.auto_annotate(&Always(vec![detection("dog", 0.7, [30.0, 10.0, 50.0, 30.0])]), 0.5).unwrap();
    let tool = boxes.annotate().unwrap();
    assert!(Arc::ptr_eq(&tool.desk, &view.desk), "one desk a folder");
    // What the file has already is not written again.
    let written = std::fs::metadata(tool.file()).unwrap().modified().unwrap();
    Boxes::open(folder.path()).unwrap().annotate().unwrap();
    assert_eq!(std::fs::metadata(tool.file()).unwrap().modified().unwrap(), written);
    let boxes = view.state("a.png")["boxes"].clone();
    assert_eq!(
        (boxes[0]["id"].as_str(), &boxes[1]["class"], &boxes[1]["proposed"]),
        (Some("mine"), &json!("dog"), &json!(true))
    );
}

#[test]
fn ten_thousand_pictures_are_listed_quickly() {
    let folder = folder(&["p00000.png"]);
    let bytes = std::fs::read(folder.path().join("p00000.png")).unwrap();
    for at in 1..10_000 {
        std::fs::write(folder.path().join(format!("p{at:05}.png")), &bytes).unwrap();
    }
    let begun = std::time::Instant::now();
    let view = View::open(folder.path());
    assert_eq!(view.hello()["pictures"].as_array().unwrap().len(), 10_000);
    let listed = begun.elapsed();
    view.save("p09999.png", json!([one("x", "cat", [1.0, 1.0, 21.0, 21.0])]));
    assert!(listed.as_secs() < 15, "{listed:?}");
}

#[test]
fn a_picture_in_a_message_is_upright_and_small() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("a.png");
    DynamicImage::new_rgb8(4800, 100).save(&path).unwrap();
    let small = image::load_from_memory(&super::picture::small(&path).unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (2400, 50));
    assert_eq!(super::picture::whole(&path).unwrap().0, "image/png");
    assert!(super::picture::small(&folder.path().join("b.png")).is_err());
}

#[test]
fn a_picture_may_be_seen_without_boxes() {
    let folder = folder(&["a.png", "b.png"]);
    let view = View::open(folder.path());
    let seen = |view: &View| -> Vec<Value> {
        view.hello()["pictures"].as_array().unwrap().iter().map(|row| row["seen"].clone()).collect()
    };
    assert_eq!(seen(&view), [false, false]);
    assert_eq!(view.save("a.png", json!([]))["type"], "saved");
    assert_eq!(seen(&view), [true, false]);
    drop(view);
    let listed = json_of(&folder.path().join("annotations.json"))["images"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["file_name"]), (1, &json!("a.png")));
    assert_eq!(seen(&View::open(folder.path())), [true, false]);
}

#[test]
fn a_file_that_is_cut_off_is_marked() {
    let folder = folder(&["a.png"]);
    let whole = folder.path().join("b.jpg");
    RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 90])).save(&whole).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(folder.path().join("c.jpg"), &bytes[..bytes.len() / 2]).unwrap();
    let view = View::open(folder.path());
    let fault = |name: &str| {
        view.say(json!({ "type": "open", "picture": view.id(name), "image": true })).remove(0)["fault"].clone()
    };
    assert_eq!((fault("a.png"), fault("b.jpg")), (Value::Null, Value::Null));
    assert_eq!(fault("c.jpg"), "it is cut off: its end is missing");
}
