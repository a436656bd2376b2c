//! Run cards: what stands in them for each kind of learner, and that they follow a learner through files.

use candle_core::{Device, Tensor};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::Result;
use crate::data::{Batch, Boxes, Data, Fields, ImageFolder, Part, TensorData, split_hash};
use crate::layers::{Layer, Linear, Pass};
use crate::models::{Arch, Detector, Network};
use crate::show::Show;
use crate::train::{
    BestWeights, Classify, EarlyStopping, Fit, Learner, Loss, Next, Optimizer, Regress, Schedule, Task, When,
};

/// Pictures in memory whose left half is as bright as their class is high; of each class so many.
fn pictures(counts: &[usize]) -> Result<ImageFolder> {
    let shade = |class: usize, at: usize| {
        RgbImage::from_fn(40, 40, |x, y| {
            let noise = ((x * 7 + y * 13 + at as u32 * 31 + x * y * (at as u32 + 1)) % 60) as u8;
            Rgb([if x < 20 { 60 * class as u8 + noise } else { 100 + noise }; 3])
        })
    };
    let (mut made, mut labels) = (Vec::new(), Vec::new());
    for (class, count) in counts.iter().enumerate() {
        made.extend((0..*count).map(|at| shade(class, at + 100 * class)));
        labels.extend((0..*count).map(|_| ["dark", "grey|<b>", "light"][class]));
    }
    ImageFolder::in_memory(made, &labels)
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).expect("a card is JSON")
}

fn quiet(mut learner: Learner) -> Learner {
    learner.quiet();
    learner
}

fn said(card: &Value, words: &str) -> bool {
    card["limits"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|limit| limit.as_str().is_some_and(|text| text.contains(words)))
}

#[test]
fn a_classifiers_card_says_what_was_done() -> Result<()> {
    let data = pictures(&[30, 30, 8])?.hold_out(0.2, 1)?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision(Arch::Small, &data)?);
    learner.optimizer(Optimizer::sgd(0.9).weight_decay(1e-4)).clip(1.0).freeze();
    learner.add(EarlyStopping::new("loss")).add(|_: When, _: &mut Fit| Ok(Next::Go));
    learner.fit(2, 1e-3)?;
    learner.unfreeze();
    learner.fit_with(1, 1e-4..1e-3, Schedule::cosine().warm_up(0.1))?;
    let card = learner.card()?.about("For a <lesson>.").license("CC0").limit("daylight only");
    let json = value(&card.json());
    let counts = [Part::Train, Part::Valid, Part::Test].map(|part| Data::count(&data, part));
    assert_eq!(json["card_version"], 1);
    assert_eq!((&json["about"], &json["license"]), (&json!("For a <lesson>."), &json!("CC0")));
    assert_eq!(json["software"]["candle"], "0.11.1");
    assert_eq!(json["data"]["counts"], json!(counts));
    assert_eq!(json["data"]["provenance"]["kind"], "pictures in memory");
    assert_eq!(json["data"]["provenance"]["splits"].as_array().map(Vec::len), Some(2));
    assert!(
        json["data"]["provenance"]["splits"][1]
            .as_str()
            .is_some_and(|words| words.contains("0.25") && words.contains("seed 7"))
    );
    assert_eq!(json["data"]["provenance"]["split_hash"], json!(data.provenance().split_hash));
    assert_eq!(json["data"]["provenance"]["class_counts"][0], json!(data.counts(Part::Train)));
    assert_eq!((&json["model"]["name"], &json["model"]["task"]), (&json!("small"), &json!("classify")));
    assert!(json["model"]["weights"]["origin"].as_str().is_some_and(|origin| origin.contains("vehicles_small")));
    assert!(json["model"]["weights"]["loaded"].as_u64().is_some_and(|count| count > 10));
    let fits = json["fits"].as_array().expect("a list");
    assert_eq!(fits.len(), 2);
    assert_eq!((&fits[0]["verb"], &fits[0]["epochs"], &fits[0]["epochs_done"]), (&json!("fit"), &json!(2), &json!(2)));
    assert_eq!(fits[0]["optimizer"], json!({"name": "sgd", "momentum": 0.9, "nesterov": false, "weight_decay": 1e-4}));
    assert_eq!(fits[0]["trained"], "head");
    assert_eq!(fits[0]["frozen"].as_array().map(Vec::len), Some(learner.network().parts().len() - 1));
    assert_eq!(fits[0]["options"], json!(["gradients shortened to a norm of 1"]));
    assert_eq!((&fits[0]["callbacks"], &fits[0]["unnamed_callbacks"]), (&json!(["early stopping"]), &json!(1)));
    assert_eq!((&fits[1]["verb"], &fits[1]["trained"]), (&json!("fit_with"), &json!("all")));
    assert_eq!(fits[1]["schedule"], "cosine to 0, warm-up 0.1");
    assert_eq!(fits[1]["rates"].as_array().map(Vec::len), Some(learner.network().parts().len()));
    assert_eq!(fits[1]["steps"], json!(counts[0].div_ceil(8)));
    let report = learner.classification_report()?;
    for (row, own) in report.classes.iter().zip(json["metrics"]["classes"].as_array().expect("a list")) {
        assert_eq!(
            (own["name"].as_str(), own["support"].as_u64()),
            (Some(row.name.as_str()), Some(row.support as u64))
        );
        assert_eq!((own["precision"].as_f64(), own["f1"].as_f64()), (Some(row.precision), Some(row.f1)));
    }
    assert_eq!(json["metrics"]["measures"][0]["name"], "accuracy");
    for words in [
        "fewer than 20 validation",
        "uneven",
        "nothing was measured on them yet",
        "early stopping",
        "seed 7",
        "daylight only",
    ] {
        assert!(said(&json, words), "{words}: {}", json["limits"]);
    }
    assert!(
        json["reproducibility"]
            .as_str()
            .is_some_and(|words| words.contains("to the last bit") && words.contains("own callbacks"))
    );
    Ok(())
}

#[test]
fn markdown_and_html_escape_what_people_write() -> Result<()> {
    let data = pictures(&[12, 12])?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    learner.fit(1, 1e-3)?;
    let card = learner.card()?.about("a | <script>");
    let markdown = card.markdown();
    assert!(markdown.contains("| grey\\|&lt;b&gt; |") && markdown.contains("a \\| &lt;script&gt;"), "{markdown}");
    assert!(!markdown.contains("<script>") && !markdown.contains("<b>"));
    // each row of a table has as many cells as its head
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for rows in markdown.split("\n\n").filter(|block| block.starts_with('|')) {
        let first = cells(rows.lines().next().unwrap_or_default());
        assert!(rows.lines().all(|line| cells(line) == first), "{rows}");
    }
    let bundle = card.bundle();
    let html = bundle.as_html().expect("it has one");
    assert!(html.contains("grey|&lt;b&gt;") && !html.contains("<script>") && html.contains("data:image/"));
    assert!(
        bundle.as_text().is_some_and(|text| text.contains("LIMITS") && text.contains("random, or not written down"))
    );
    Ok(())
}

#[test]
fn a_card_is_saved_with_its_figures() -> Result<()> {
    let data = pictures(&[12, 12])?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    learner.fit(1, 1e-3)?;
    let card = learner.card()?;
    let folder = tempfile::tempdir()?;
    card.save(folder.path().join("my card.md"))?;
    card.save(folder.path().join("card.json"))?;
    let mut names: Vec<String> = std::fs::read_dir(folder.path())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    assert_eq!(names, ["card.json", "my card-confusion.svg", "my card-loss.svg", "my card.md"]);
    let text = std::fs::read_to_string(folder.path().join("my card.md"))?;
    assert!(text.contains("(my%20card-loss.svg)") && text.starts_with("# Run card: small for classify on"), "{text}");
    assert!(std::fs::read_to_string(folder.path().join("my card-loss.svg"))?.starts_with("<svg"));
    assert_eq!(value(&std::fs::read_to_string(folder.path().join("card.json"))?)["card_version"], 1);
    for (name, words) in [
        ("card.txt", ".md or .json"),
        ("no/such/card.md", "no/such` does not exist"),
        ("no/such/card.json", "make the folder"),
    ] {
        let error = card.save(folder.path().join(name)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    Ok(())
}

#[test]
fn the_hash_is_the_splits() -> Result<()> {
    let hash = |data: &dyn Data| data.provenance().split_hash.expect("it knows");
    let all = pictures(&[20, 20])?;
    let one = all.clone().split(0.25, 7)?;
    assert_eq!(hash(&one), hash(&all.clone().split(0.25, 7)?.size(64).batch(3)));
    assert_ne!(hash(&one), hash(&all.clone().split(0.25, 8)?));
    assert_ne!(hash(&one), hash(&all.clone().split(0.3, 7)?));
    assert_ne!(hash(&one), hash(&one.clone().limit(5)));
    let folds = all.folds(4, 7)?;
    assert_ne!(hash(&folds[0]), hash(&folds[1]));
    assert!(folds[1].provenance().splits[0].contains("fold 2 of 4"));
    let names = |part: Part| one.ids(part).into_iter().map(|id| one.sample(id).name.clone()).collect::<Vec<_>>();
    assert_eq!(hash(&one), split_hash(&[(Part::Valid, names(Part::Valid)), (Part::Train, names(Part::Train))]));
    Ok(())
}

/// Rows of two numbers, of which the first tells the class.
fn rows(count: usize) -> Result<(Tensor, Vec<u32>)> {
    let values: Vec<f32> = (0..count * 2).map(|at| ((at * 37) % 100) as f32 / 50.0 - 1.0).collect();
    let labels = values.chunks(2).map(|row| u32::from(row[0] > 0.0)).collect();
    Ok((Tensor::from_vec(values, (count, 2), &Device::Cpu)?, labels))
}

fn linear(outputs: usize) -> Result<Network> {
    Network::whole(3, move |at| {
        let linear = Linear::new(&at.child("a"), 2, outputs)?;
        Ok(move |x: &Tensor, pass: &Pass| linear.forward(x, pass))
    })
}

/// A loss of a person's own.
struct Squared;

impl Task for Squared {
    fn name(&self) -> &str {
        "squared"
    }

    fn like(&self) -> Option<&dyn Task> {
        Some(&Classify)
    }

    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        let own = said.get("logits")?.gather(&batch.targets.get("class")?.unsqueeze(1)?, 1)?;
        Loss::mean(&own.affine(1.0, -1.0)?.sqr()?)
    }
}

#[test]
fn tensors_and_a_loss_of_ones_own() -> Result<()> {
    let (inputs, labels) = rows(80)?;
    let data = TensorData::new(inputs, labels, &["below", "above"])?.split(0.25, 5)?.batch(16);
    let mut learner = quiet(Learner::new(linear(2)?, Squared, &data)?);
    let json = value(&learner.card()?.json());
    assert_eq!(json["fits"], json!([]));
    assert_eq!(json["model"]["weights"], Value::Null);
    assert!(
        said(&json, "nothing was trained") && said(&json, "no test set") && said(&json, "nobody has searched"),
        "{}",
        json["limits"]
    );
    learner.fit(1, 1e-2)?;
    let json = value(&learner.card()?.json());
    assert_eq!(
        (&json["model"]["name"], &json["model"]["task"], &json["model"]["like"]),
        (&json!("own"), &json!("squared"), &json!("classify"))
    );
    assert_eq!(json["data"]["input"], json!({"Tensor": [2]}));
    assert_eq!(json["data"]["provenance"]["name"], Value::Null);
    assert_eq!(json["data"]["provenance"]["class_counts"][1].as_array().map(Vec::len), Some(2));
    assert_eq!(json["metrics"]["classes"].as_array().map(Vec::len), Some(2));
    Ok(())
}

// numpy: errors of [0, 0, 0, 0] against [1, 2, 3, 6]: mean 3, sqrt(mean(square)) 3.535534, median 2.5, max 6
#[test]
fn numbers_have_errors() -> Result<()> {
    let inputs = Tensor::new(&[[0f32, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], &Device::Cpu)?;
    let truth = Tensor::new(&[[1f32], [2.0], [3.0], [6.0]], &Device::Cpu)?;
    let data = TensorData::numbers(inputs.clone(), truth, &["age"])?;
    let mut learner = quiet(Learner::new(linear(1)?, Regress, &data)?);
    let zero = learner.network().params().params();
    zero.iter().try_for_each(|param| param.set(&param.value().zeros_like()?))?;
    let json = value(&learner.card_on(Part::Train)?.json());
    let row = &json["metrics"]["numbers"][0];
    for (name, expected) in
        [("mean_error", 3.0), ("root_mean_square_error", 3.535_534), ("median_error", 2.5), ("largest_error", 6.0)]
    {
        assert!((row[name].as_f64().expect("a number") - expected).abs() < 1e-5, "{name}: {row}");
    }
    assert!(said(&json, "fewer than 20 training examples in all (4)"), "{}", json["limits"]);
    assert_eq!(value(&learner.card()?.json())["metrics"], Value::Null);
    Ok(())
}

#[test]
fn groups_are_measured_each() -> Result<()> {
    let data = pictures(&[24, 24])?;
    let data = data
        .grouped(|name| format!("patient {}", name.bytes().last().unwrap_or(0) % 4))
        .split(0.25, 7)?
        .size(32)
        .batch(8);
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    let card = learner.card()?;
    let json = value(&card.json());
    let groups = json["metrics"]["groups"].as_array().expect("a list");
    assert_eq!(json["metrics"]["group_measure"], "accuracy");
    let examples: u64 = groups.iter().filter_map(|group| group["examples"].as_u64()).sum();
    assert_eq!(examples, Data::count(&data, Part::Valid) as u64);
    let right: f64 = groups
        .iter()
        .map(|group| group["value"].as_f64().unwrap_or(9.0) * group["examples"].as_f64().unwrap_or(9.0))
        .sum();
    let accuracy = learner.validate()?.all.get("accuracy")?;
    assert!((right / examples as f64 - accuracy).abs() < 1e-9);
    assert!(json["data"]["provenance"]["splits"][0].as_str().is_some_and(|words| words.contains("whole groups")));
    assert!(card.markdown().contains("| patient "), "{}", card.markdown());
    Ok(())
}

#[test]
fn a_detectors_card_has_average_precision_a_class() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let drawn = crate::datasets::scenes::photographs(folder.path().join("drawn"), 12, 128u32, 3)?;
    let data: Boxes = Boxes::open(drawn.join("annotations.json"))?.split(0.25, 7)?.size(96).batch(4);
    let mut learner = quiet(Learner::detection(Detector::YoloxNano.untrained(), &data)?);
    learner.fit(1, 1e-3)?;
    let json = value(&learner.card()?.json());
    let boxes = json["metrics"]["boxes"].as_array().expect("a list");
    assert_eq!(boxes.len(), data.classes().len());
    let objects: u64 = boxes.iter().filter_map(|row| row["objects"].as_u64()).sum();
    assert_eq!(json["metrics"]["average_precision"]["objects"].as_u64(), Some(objects));
    assert_eq!(json["data"]["provenance"]["kind"], "pictures with boxes");
    assert_eq!(json["data"]["provenance"]["class_counts"][0], json!(data.counts(Part::Train)));
    assert!(json["data"]["input"]["Picture"]["size"] == 96 && json["model"]["name"] == "yolox_nano");
    Ok(())
}

#[test]
fn files_keep_what_a_card_tells() -> Result<()> {
    let data = pictures(&[20, 20])?.split(0.25, 7)?.size(32).batch(8);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.safetensors");
    let mut learner = quiet(Learner::vision(Arch::Small, &data)?);
    learner.add(BestWeights::new("loss"));
    learner.fit_one_cycle(2, 1e-3)?;
    learner.save(&path)?;
    let before = value(&learner.card()?.json());
    let mut opened = Learner::open(&path)?;
    let after = value(&opened.card()?.json());
    assert_eq!((&after["fits"], &after["model"]["weights"]), (&before["fits"], &before["model"]["weights"]));
    assert_eq!(
        (&after["data"]["provenance"], &after["data"]["present"]),
        (&before["data"]["provenance"], &json!(false))
    );
    assert_eq!(after["metrics"], Value::Null);
    assert!(said(&after, "best weights") && said(&after, "was not measured"), "{}", after["limits"]);
    // another split of the same pictures
    opened.set_data(&pictures(&[20, 20])?.split(0.25, 8)?.size(32).batch(8))?;
    assert!(said(&value(&opened.card()?.json()), "saw another split"));
    Ok(())
}

#[test]
fn a_fit_that_was_cut_off_and_resumed_is_one() -> Result<()> {
    let data = pictures(&[20, 20])?.split(0.25, 7)?.size(32).batch(8);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    let at = path.clone();
    learner.add(move |when: When, fit: &mut Fit| {
        if when == When::EpochEnded && fit.epoch() == 1 {
            fit.save(&at)?;
        }
        Ok(Next::Go)
    });
    learner.fit_one_cycle(3, 1e-3)?;
    let whole = value(&learner.card()?.json());
    let mut resumed = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    resumed.load(&path)?;
    let early = value(&resumed.card()?.json());
    assert_eq!((&early["fits"][0]["epochs_done"], &early["fits"][0]["epochs"]), (&json!(1), &json!(3)));
    resumed.resume()?;
    let json = value(&resumed.card()?.json());
    assert_eq!(json["fits"].as_array().map(Vec::len), Some(1));
    for key in ["verb", "epochs", "epochs_done", "steps", "rate", "schedule", "train_loss", "valid_loss"] {
        assert_eq!(json["fits"][0][key], whole["fits"][0][key], "{key}");
    }
    assert!(json["fits"][0]["seconds"].as_f64() > early["fits"][0]["seconds"].as_f64());
    Ok(())
}

#[test]
fn a_card_tells_what_an_interrupted_fit_and_a_changed_one_are() -> Result<()> {
    let data = pictures(&[20, 20])?.split(0.25, 7)?.size(32).batch(8);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("running.safetensors");
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    let at = path.clone();
    learner.add(move |when: When, fit: &mut Fit| {
        if when == When::EpochEnded && fit.epoch() == 1 {
            fit.save(&at)?;
        }
        Ok(Next::Go)
    });
    learner.fit(3, 1e-3)?;
    let same_step =
        |card: &Value| card["reproducibility"].as_str().is_some_and(|words| words.contains("at the same step"));
    assert!(!same_step(&value(&learner.card()?.json())));
    let mut cut = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    cut.load(&path)?;
    assert!(same_step(&value(&cut.card()?.json())));
    // finished with another optimiser: the record of its start alone would not be the truth
    cut.optimizer(Optimizer::sgd(0.9)).resume()?;
    let card = cut.card()?;
    let told = value(&card.json())["fits"][0]["resumed"][0].as_str().unwrap_or_default().to_owned();
    assert!(told.starts_with("from epoch 2 on: ") && told.contains("from here on it is SGD"), "{told}");
    assert!(card.markdown().contains("from here on it is SGD"));
    // another size of batches is the same split, other sides are another one
    cut.set_data(&data.clone().batch(4))?;
    assert!(!cut.card()?.markdown().contains("other data"));
    cut.set_data(&data.split(0.25, 8)?)?;
    assert!(cut.card()?.markdown().contains("other data"));
    Ok(())
}

#[test]
fn looks_at_the_test_are_counted_and_others_bodies_told() -> Result<()> {
    let data = pictures(&[30, 30])?.hold_out(0.2, 1)?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision(Arch::Small, &data)?);
    learner.evaluate_on(Part::Test)?;
    let json = value(&learner.card()?.json());
    assert_eq!(json["test_measured"], 1);
    assert!(said(&json, "measured once"), "{}", json["limits"]);
    let json = value(&learner.card_on(Part::Test)?.json());
    assert_eq!((&json["metrics"]["part"], &json["test_measured"]), (&json!("test"), &json!(2)));
    let mut other = quiet(learner.replace_head(&data)?);
    let json = value(&other.card()?.json());
    assert!(
        json["model"]["weights"]["origin"]
            .as_str()
            .is_some_and(|words| words.contains("another learner") && words.contains("vehicles_small"))
    );
    assert_eq!((&json["model"]["weights"]["loaded"], &json["test_measured"]), (&Value::Null, &json!(0)));
    Ok(())
}

#[test]
fn a_card_of_any_name_links_to_its_own_figures() -> Result<()> {
    let data = pictures(&[12, 12])?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    learner.fit(1, 1e-3)?;
    let card = learner.card()?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    // percent-encoding as python's urllib.parse.quote
    for (name, linked) in [
        ("a|<b>.md", "a%7C%3Cb%3E-loss.svg"),
        ("my [last] (card).md", "my%20%5Blast%5D%20%28card%29-loss.svg"),
        ("50 % # ?`*.md", "50%20%25%20%23%20%3F%60%2A-loss.svg"),
        ("карта.md", "карта-loss.svg"),
        ("card.md", "card-loss.svg"),
        ("card.MD", "card.MD-loss.svg"),
        ("card.markdown", "card.markdown-loss.svg"),
    ] {
        card.save(at(name))?;
        let text = std::fs::read_to_string(at(name))?;
        assert!(text.contains(&format!("![Losses]({linked})")), "{name}: {text}");
        let file = linked.split('%').enumerate().fold(String::new(), |file, (at, part)| match at {
            0 => part.to_owned(),
            _ => format!("{file}{}{}", u8::from_str_radix(&part[..2], 16).expect("hexadecimal") as char, &part[2..]),
        });
        assert!(at(&file).exists(), "{file}");
    }
    std::fs::write(at("file"), "")?;
    for (name, words) in [("file/card.md", "is no folder"), ("none/card.md", "does not exist")] {
        let error = card.save(at(name)).unwrap_err().to_string();
        let begins = format!("the card `{}` cannot be saved: the folder `", at(name).display());
        assert!(error.starts_with(&begins) && error.contains(words), "{error}");
    }
    // a folder in a figure's place
    std::fs::create_dir(at("taken-loss.svg"))?;
    let error = card.save(at("taken.md")).unwrap_err().to_string();
    assert!(error.contains("taken.md` cannot be saved") && error.contains("taken-loss.svg"), "{error}");
    Ok(())
}

#[test]
fn what_is_said_again_about_it_is_a_further_paragraph() -> Result<()> {
    let data = pictures(&[8, 8])?.size(32).batch(8);
    let card = quiet(Learner::vision_untrained(Arch::Small, &data)?).card()?.about("One.").about("Two.");
    assert!(card.markdown().contains("\nOne.\n\nTwo.\n"), "{}", card.markdown());
    assert!(card.bundle().as_html().is_some_and(|html| html.contains("<p>One.</p><p>Two.</p>")));
    assert_eq!(value(&card.json())["about"], "One.\n\nTwo.");
    Ok(())
}

#[test]
fn without_a_split_only_what_applies_is_said() -> Result<()> {
    let data = pictures(&[12, 12])?.size(32).batch(8);
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    let json = value(&learner.card()?.json());
    assert!(said(&json, "the data have no validation examples: how good the network is was not measured"));
    for never in ["used for choosing", "0 files", "0 pictures", "trained on"] {
        assert!(!said(&json, never), "{never}: {}", json["limits"]);
    }
    assert!(said(&value(&learner.card_on(Part::Test)?.json()), "no test examples"));
    assert!(said(&value(&learner.card_on(Part::Train)?.json()), "training would make better"));
    learner.fit(1, 1e-3)?;
    let json = value(&learner.card_on(Part::Train)?.json());
    assert!(said(&json, "trained on: they say what it remembers") && !said(&json, "choosing"), "{}", json["limits"]);
    Ok(())
}

#[test]
fn the_tests_result_stands_on_the_card() -> Result<()> {
    let data = pictures(&[30, 30])?.hold_out(0.2, 1)?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision(Arch::Small, &data)?);
    assert_eq!(value(&learner.card()?.json())["test"], Value::Null);
    learner.fit(1, 1e-3)?;
    let found = learner.evaluate_on(Part::Test)?;
    let folder = tempfile::tempdir()?;
    learner.save(folder.path().join("a.safetensors"))?;
    let card = Learner::open(folder.path().join("a.safetensors"))?.card()?;
    let json = value(&card.json());
    assert_eq!(json["test"]["measures"]["loss"].as_f64(), Some(found.all.loss));
    assert_eq!(
        (&json["test"]["epochs"], &json["test"]["examples"]),
        (&json!(1), &json!(Data::count(&data, Part::Test)))
    );
    let accuracy = format!("| accuracy | {:.3} |", found.all.get("accuracy")?);
    let text = card.markdown();
    let test = text.split("## Test").nth(1).expect("a section of its own");
    assert!(test.contains(&accuracy) && test.contains("after 1 epoch of training"), "{test}");
    learner.fit(1, 1e-3)?;
    assert!(said(&value(&learner.card()?.json()), "the test is of the network before its last epoch"));
    Ok(())
}

#[test]
fn a_fit_that_failed_before_its_first_step_is_none() -> Result<()> {
    let data = pictures(&[12, 12])?.split(0.25, 7)?.size(32).batch(8);
    let mut learner = quiet(Learner::vision_untrained(Arch::Small, &data)?);
    learner.add(|when: When, _: &mut Fit| match when {
        When::BatchBegins => Err("no".into()),
        _ => Ok(Next::Go),
    });
    assert!(learner.fit(2, 1e-3).is_err());
    let json = value(&learner.card()?.json());
    assert_eq!(json["fits"], json!([]));
    assert!(said(&json, "nothing was trained"));
    learner.remove_callbacks();
    learner.resume()?;
    let json = value(&learner.card()?.json());
    assert_eq!((&json["fits"][0]["epochs_done"], json["fits"].as_array().map(Vec::len)), (&json!(2), Some(1)));
    Ok(())
}

#[test]
fn a_detectors_groups_have_average_precision_each() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let drawn = crate::datasets::scenes::photographs(folder.path().join("drawn"), 12, 128u32, 3)?;
    let data = Boxes::open(drawn.join("annotations.json"))?;
    let site =
        |name: &str| format!("site {}", name.bytes().filter(u8::is_ascii_digit).map(usize::from).sum::<usize>() % 3);
    let data = data.grouped(site).split(0.25, 7)?.size(160).batch(4).augment(crate::data::Augment::boxes());
    assert_eq!(data.truth_counts(Part::Train), Some(data.counts(Part::Train)));
    assert_eq!(data.augmented_by(), Some(crate::data::Augment::boxes()));
    let mut learner = quiet(Learner::detection(Detector::scenes(), &data)?);
    let json = value(&learner.card_on(Part::Train)?.json());
    assert_eq!(json["metrics"]["group_measure"], "AP");
    let groups = json["metrics"]["groups"].as_array().expect("a list");
    let examples: u64 = groups.iter().filter_map(|group| group["examples"].as_u64()).sum();
    assert_eq!(examples, Data::count(&data, Part::Train) as u64);
    // of one group alone it is what is measured on its pictures
    for group in groups {
        let ids: Vec<usize> = data
            .ids(Part::Train)
            .into_iter()
            .filter(|id| data.group_of(*id).as_deref() == group["name"].as_str())
            .collect();
        let mut evaluator = crate::boxes::measure::CocoEvaluator::new(data.classes().len());
        for picture in learner.pictures_judged(Part::Train)?.1.iter().filter(|picture| ids.contains(&picture.id)) {
            evaluator.add(&picture.found, &picture.truth)?;
        }
        let expected = evaluator.value().all.ap.expect("objects");
        assert!(
            expected.is_finite() && (group["value"].as_f64().expect("a number") - expected).abs() < 1e-12,
            "{group}"
        );
    }
    Ok(())
}
