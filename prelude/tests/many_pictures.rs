//! A walk through the verbs over many pictures (hard links to a few): each that takes its time shows how far it is, and
//! hears an interrupt. `CANDLEWICK_MANY_PICTURES` says how many (default 4000).
//!
//! The walk runs in a process of its own, which prints as to a session; this test reads what a session would.

use candlewick_prelude::data::{Augment, ImageFolder, LabelTable, Part};
use candlewick_prelude::models::Arch;
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Error, Result, datasets, interrupt};
use candlewick_wire::{CHANNEL_VARIABLE, Message, Said, parse_frame};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A verb shorter than this need not hear anything.
const LONG: Duration = Duration::from_millis(200);
/// One longer than this must show how far it is.
const SHOWN: Duration = Duration::from_millis(1200);
/// So soon after the interrupt a verb ends. Beside other tests on two cores a batch takes its time.
const SOON: Duration = Duration::from_millis(2000);

fn count() -> usize {
    std::env::var("CANDLEWICK_MANY_PICTURES").ok().and_then(|count| count.parse().ok()).unwrap_or(4000)
}

/// Two classes of many files, a file of boxes and a table of labels.
fn many(root: &Path) -> Result<()> {
    let few = datasets::vehicles().classes(&["car", "truck"]).per_class(8).size(96).write_to(root.join("few"))?;
    let (mut boxes, mut labels) = (BTreeMap::new(), String::from("file,labels\n"));
    for number in 0..count() {
        let sample = few.sample(number % few.len());
        let class = &few.classes()[sample.class];
        let name = format!("{class}/{number:05}.png");
        let place = root.join("many").join(&name);
        std::fs::create_dir_all(place.parent().expect("a folder"))?;
        std::fs::hard_link(&sample.path, &place)?;
        let [x0, y0, x1, y1] = sample.boxes[0].bbox.to_xyxy();
        boxes.insert(name.clone(), format!(r#"[{{"class":"{class}","bbox":[{x0},{y0},{x1},{y1}]}}]"#));
        labels += &format!("{name},{class}{}\n", if number % 3 == 0 { ";third" } else { "" });
    }
    let boxes: Vec<String> = boxes.into_iter().map(|(name, objects)| format!("{name:?}:{objects}")).collect();
    std::fs::write(root.join("many/boxes.json"), format!("{{{}}}", boxes.join(",")))?;
    Ok(std::fs::write(root.join("many/labels.csv"), labels)?)
}

/// What the verbs work on.
struct Desk {
    root: PathBuf,
    data: ImageFolder,
    learner: Learner,
    places: Learner,
    labels: Learner,
    files: Vec<PathBuf>,
}

type Verb = (&'static str, fn(&mut Desk) -> Result<()>);

/// The data anew. Many names are of one file here, and stay on one side of the split.
fn fresh(root: &Path) -> Result<ImageFolder> {
    Ok(ImageFolder::open(root.join("many"))?.split(0.4, 1)?.size(32).augment(Augment::standard()).batch(64))
}

fn verbs() -> Vec<Verb> {
    vec![
        ("open", |desk| fresh(&desk.root).map(drop)),
        ("labels.csv", |desk| LabelTable::csv(desk.root.join("many/labels.csv")).map(drop)),
        ("summary", |desk| fresh(&desk.root)?.summary().map(drop)),
        ("summary, too many to keep", |desk| fresh(&desk.root)?.size(3000).batch(1).summary().map(drop)),
        ("show_batch", |desk| fresh(&desk.root)?.show_batch(9).map(drop)),
        ("batches", |desk| {
            for batch in desk.data.train_batches(0)? {
                interrupt::check()?;
                batch?;
            }
            Ok(())
        }),
        ("fit, frozen", |desk| desk.learner.freeze().fit(1, 1e-3).map(drop)),
        ("fit", |desk| desk.learner.unfreeze().fit(1, 1e-3).map(drop)),
        ("fit, boxes", |desk| desk.places.fit(1, 1e-3).map(drop)),
        ("fit, labels", |desk| desk.labels.fit(1, 1e-3).map(drop)),
        ("lr_find", |desk| desk.learner.lr_find().map(drop)),
        ("validate", |desk| desk.learner.validate().map(drop)),
        ("evaluate_on", |desk| desk.learner.evaluate_on(Part::Train).map(drop)),
        ("confusion", |desk| desk.learner.confusion().map(drop)),
        ("top_losses", |desk| desk.learner.top_losses(9).map(drop)),
        ("thresholds", |desk| desk.labels.thresholds().map(drop)),
        ("predict_all", |desk| desk.learner.predict_all(&desk.files).map(drop)),
        ("embed_all", |desk| desk.learner.embed_all(&desk.files).map(drop)),
        ("save", |desk| desk.learner.save(desk.root.join("a.safetensors"))),
    ]
}

/// A line of the walk's own, between what the verbs print.
fn tell(line: &str) {
    println!("\nwalk {line}");
}

/// Each verb once as it is, and once with an interrupt in its middle.
fn walk(root: &Path) -> Result<()> {
    many(root)?;
    let data = fresh(root)?;
    let table = LabelTable::csv(root.join("many/labels.csv"))?.split(0.4, 1)?.size(32).batch(64);
    let files = (0..data.len().min(count() / 4)).map(|id| data.sample(id).path.clone()).collect();
    let mut desk = Desk {
        root: root.to_owned(),
        learner: Learner::vision(Arch::default(), &data)?,
        places: Learner::localization(Arch::default(), &data)?,
        labels: Learner::labels(Arch::default(), &table)?,
        data,
        files,
    };
    for (name, verb) in verbs() {
        tell(&format!("begins {name}"));
        let begun = Instant::now();
        verb(&mut desk)?;
        let took = begun.elapsed();
        tell(&format!("took {}", took.as_millis()));
        if took < LONG {
            continue;
        }
        let interrupter = std::thread::spawn(move || {
            std::thread::sleep((took / 3).min(Duration::from_millis(700)));
            interrupt::request();
            Instant::now()
        });
        let ended = verb(&mut desk);
        let end = Instant::now();
        let asked = interrupter.join().expect("it only sleeps");
        interrupt::clear();
        if let Err(error) = ended.as_ref().err().filter(|error| !error.is_interrupted()).map_or(Ok(()), Err) {
            return Err(Error::new(format!("{name}: {error}")));
        }
        // What was done sooner than the first time has nothing to hear.
        tell(&format!("heard {}", end.saturating_duration_since(asked).as_millis()));
    }
    let history = desk.learner.history().batches.len();
    tell(&format!("kept {history} {}", desk.learner.validate()?.all.loss.is_finite()));
    Ok(())
}

#[test]
fn child() {
    if let Some(root) = std::env::var_os("MANY_PICTURES_CHILD") {
        walk(Path::new(&root)).expect("every verb ends well");
    }
}

#[test]
fn every_verb_shows_how_far_it_is_and_hears_an_interrupt() {
    let root = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("this test's own path"));
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).stdin(Stdio::null());
    command.env(CHANNEL_VARIABLE, "/nowhere;k7").env("MANY_PICTURES_CHILD", root.path()).env_remove("EVCXR_IS_RUNTIME");
    let output = command.output().expect("the child runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), tail(&text));
    let (mut verb, mut shown, mut verbs, mut faults) = (String::new(), 0, 0, Vec::new());
    for line in text.lines() {
        if let Some(at) = line.find('\u{1e}') {
            let message = parse_frame("k7", &line.as_bytes()[at..]);
            let shows = matches!(message, Some(Message::Said(Said::Progress(_) | Said::Display(_) | Said::Update(_))));
            shown += usize::from(shows);
            continue;
        }
        let Some((what, value)) = line.strip_prefix("walk ").and_then(|line| line.split_once(' ')) else { continue };
        let millis = || Duration::from_millis(value.parse().expect("milliseconds"));
        match what {
            "begins" => (verb, shown, verbs) = (value.to_owned(), 0, verbs + 1),
            "took" => {
                println!("{verb}: {value} ms, shown {shown} times");
                if millis() > SHOWN && shown == 0 {
                    faults.push(format!("{verb} took {value} ms and showed nothing"));
                }
            }
            "heard" => {
                println!("{verb}: ended {value} ms after the interrupt");
                if millis() > SOON {
                    faults.push(format!("{verb} ended {value} ms after the interrupt"));
                }
            }
            _ => assert!(value.ends_with(" true") && !value.starts_with("0 "), "{line}"),
        }
    }
    assert_eq!(verbs, self::verbs().len(), "{}", tail(&text));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains('\u{1e}')).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
