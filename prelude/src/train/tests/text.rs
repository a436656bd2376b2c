//! Learners of text, on a tiny encoder of random weights and reviews made here.

use super::query::Asked;
use super::resume::traces;
use super::*;
use crate::Error;
use crate::data::{Input, Part, TextTable, Tokens};
use crate::layers::Lora;
use crate::models::{Bert, BertConfig, Pooling};
use crate::show::Show;

const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nfilm\nfood\nstaff\nwas\nis\nnot\nvery\ngood\nfine\nlovely\nbad\ndull\nawful\nand\n.\n,\n##s\n##ly";

fn encoder() -> Result<Bert> {
    let tokens = Tokens::from_vocab(WORDS, true, 24)?;
    let config = BertConfig { max_position_embeddings: 32, intermediate_size: 32, ..BertConfig::new(24, 16, 3, 2) };
    Ok(Bert::of(config, tokens, None)?.pooling(Pooling::Mean))
}

/// Glad and unhappy sentences of several lengths; every fourth one is for validation.
fn reviews() -> Result<TextTable> {
    let mut rows: Vec<(String, &str)> = Vec::new();
    for what in ["film", "food", "staff"] {
        for very in ["", "very "] {
            for (word, label) in [
                ("good", "glad"),
                ("fine", "glad"),
                ("lovely", "glad"),
                ("bad", "sad"),
                ("dull", "sad"),
                ("awful", "sad"),
            ] {
                rows.push((format!("the {what} was {very}{word}."), label));
                rows.push((format!("{very}{word} {what}"), label));
            }
        }
    }
    Ok(TextTable::from_texts(&rows)?.split(0.25, 5)?.batch(8))
}

fn reader(data: &TextTable) -> Result<Learner> {
    Ok(quiet(Learner::text(encoder()?, data)?))
}

fn accuracy(learner: &mut Learner) -> Result<f64> {
    learner.validate()?.all.get("accuracy")
}

#[test]
fn an_encoder_learns_and_answers_and_lives_in_a_file() -> Result<()> {
    let data = reviews()?;
    let mut learner = reader(&data)?;
    learner.fit(30, 3e-3)?;
    assert!(accuracy(&mut learner)? > 0.9);
    let said = learner.predict("the staff is lovely")?;
    assert_eq!(
        (said.label.as_str(), said.text.as_deref(), said.picture.is_none()),
        ("glad", Some("the staff is lovely"), true)
    );
    let shown = said.bundle();
    assert!(shown.as_text().is_some_and(|text| text.starts_with("the staff is lovely\nglad ")), "{shown:?}");
    let both = learner.predict_all(&["awful food", "fine food"])?;
    assert_eq!(both.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), ["sad", "glad"]);
    // texts of one class are enough to measure on, and too few to learn from
    let glad = TextTable::from_texts(&[("the staff is lovely", "glad"), ("fine food", "glad")])?;
    assert_eq!(learner.evaluate_on(&glad)?.all.get("accuracy")?, 1.0);
    let Err(refused) = reader(&glad) else { panic!("one class is no task") };
    let says = refused.to_string();
    assert!(says.contains("needs two classes"), "{says}");
    // of several texts each is answered as alone, whatever its neighbours' lengths
    let alone = learner.predict("awful food")?;
    assert!((alone.score - both[0].score).abs() < 1e-5);

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("reviews.safetensors");
    learner.save(&path)?;
    let opened = Learner::open(&path)?;
    assert_eq!(opened.predict("the staff is lovely")?.score, said.score);
    assert_eq!(opened.spec().input, learner.spec().input);
    let mut other = reader(&data)?;
    other.load(&path)?;
    assert_eq!(accuracy(&mut other)?, accuracy(&mut learner)?);

    let worst = learner.top_losses(3)?;
    assert!(worst.examples.iter().all(|one| one.text.is_some()) && worst.figure.is_none());
    assert_eq!(learner.embedding_map()?.points.len(), data.count(Part::Valid));
    Ok(())
}

#[test]
fn an_encoder_written_as_a_folder_is_the_same_encoder() -> Result<()> {
    let data = reviews()?;
    let learner = reader(&data)?;
    let folder = tempfile::tempdir()?;
    learner.save_encoder(folder.path().join("own"))?;
    let again = quiet(Learner::encoder(Bert::open(folder.path().join("own"))?)?);
    let (a, b) = (learner.embed("the film was not bad")?, again.embed("the film was not bad")?);
    assert_eq!(a, b);
    assert!((again.similarity("good film", "good film")? - 1.0).abs() < 1e-5);
    let says = again.predict("good film")?.label;
    assert!(says.contains("16 features"), "{says}");
    // and it takes a head
    let mut classifier = quiet(again.replace_head(&data)?);
    classifier.fit(1, 1e-3)?;
    assert_eq!(classifier.classes(), ["glad", "sad"]);
    Ok(())
}

#[test]
fn what_frozen_parts_give_is_kept_token_by_token() -> Result<()> {
    let data = reviews()?;
    for part in ["head", "encoder.layer.2"] {
        let mut runs = Vec::new();
        for keep in [true, false] {
            let mut learner = reader(&data)?;
            learner.unfreeze_from(part)?.keep_features(keep);
            learner.fit(3, 1e-3)?;
            assert_eq!(learner.features_reused() > 0, keep, "{part}");
            runs.push(learner.predict("the food was dull")?.score);
        }
        assert!((runs[0] - runs[1]).abs() < 1e-5, "{part}: {runs:?}");
    }
    Ok(())
}

/// As `resume`'s test for pictures.
#[test]
fn a_fit_of_texts_that_was_cut_off_goes_on_as_if_it_had_not_been() -> Result<()> {
    let data = reviews()?;
    let folder = tempfile::tempdir()?;
    for part in ["embeddings", "encoder.layer.2"] {
        let path = folder.path().join(part);
        let mut whole = reader(&data)?;
        whole.accumulate(2).unfreeze_from(part)?;
        whole.fit(3, 1e-4..1e-3)?;
        let mut cut = reader(&data)?;
        cut.accumulate(2).unfreeze_from(part)?;
        let to = path.clone();
        cut.add(move |when: When, fit: &mut Fit| {
            if when == When::BatchEnded && fit.epoch() == 2 && fit.batch_number() == 3 {
                fit.save(&to)?;
                return Err(Error::new("the power went out"));
            }
            Ok(Next::Go)
        });
        assert!(cut.fit(3, 1e-4..1e-3).is_err());
        let mut again = reader(&data)?;
        again.load(&path)?;
        again.resume()?;
        assert_eq!(traces(&again)?, traces(&whole)?, "{part}");
    }
    Ok(())
}

#[test]
fn attributions_add_up_to_the_rise_of_the_logit() -> Result<()> {
    let data = reviews()?;
    let mut learner = reader(&data)?;
    learner.fit(20, 3e-3)?;
    let why = learner.attributions("the staffs were not lovely, but fine")?;
    let words: Vec<&str> = why.words.iter().map(|(word, _)| word.as_str()).collect();
    // pieces of one word are one
    assert_eq!(words, ["the", "staffs", "were", "not", "lovely", ",", "but", "fine"]);
    assert!(why.error < 0.05, "{}", why.error);
    let text = why.bundle().as_text().unwrap_or_default().to_owned();
    assert!(text.contains("integrated gradients") && text.contains("unexplained"), "{text}");
    // of two classes what speaks for one speaks against the other
    let (glad, sad) =
        (learner.attributions_for("lovely film", "glad")?, learner.attributions_for("lovely film", "sad")?);
    assert!(glad.words[0].1 > 0.0 && sad.words[0].1 < 0.0, "{glad:?} {sad:?}");
    assert!(learner.attributions_for("lovely film", "glas").unwrap_err().to_string().contains("did you mean `glad`?"));
    assert!(learner.attributions("").unwrap_err().to_string().contains("the text is empty"));
    Ok(())
}

#[test]
fn an_index_finds_what_is_alike() -> Result<()> {
    let learner = quiet(Learner::encoder(encoder()?)?);
    let index = SimilarityIndex::of_texts(&learner, &["the film was good", "awful food", "lovely staff"])?;
    let found = index.nearest(&learner, "awful food", 2)?;
    assert_eq!(found.nearest[0].name, "awful food");
    assert!(found.nearest[0].similarity > 0.999 && found.figure.is_none());
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("index.safetensors");
    index.save(&path)?;
    assert_eq!(SimilarityIndex::load(&path, &learner)?.len(), 3);
    let data = reviews()?;
    let whole = SimilarityIndex::of(&learner, &data)?;
    assert_eq!(whole.len(), data.count(Part::Train) + data.count(Part::Valid));
    let table = learner.similarities(&["good film", "bad film"])?;
    assert!(table.text().contains("good film") && table.text().contains("1.00"), "{}", table.text());
    Ok(())
}

#[test]
fn pairs_labels_and_numbers_are_learned_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| -> Result<std::path::PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let mut pairs = String::from("one,other,same\n");
    let mut labels = String::from("text,tags\n");
    let mut numbers = String::from("text,stars\n");
    for (at, word) in ["good", "fine", "lovely", "bad", "dull", "awful"].iter().cycle().take(48).enumerate() {
        let (what, other) = (["film", "food", "staff"][at % 3], ["film", "food", "staff"][at % 2]);
        let very = if at % 4 < 2 { "very " } else { "" };
        pairs += &format!(
            "the {what} was {very}{word} {at},the {other} is {word},{}\n",
            if what == other { "yes" } else { "no" }
        );
        labels += &format!("the {what} was {very}{word} {at},{what};{}\n", if at % 6 < 3 { "glad" } else { "sad" });
        numbers += &format!("the {what} was {very}{word} {at},{}\n", if at % 6 < 3 { 4.5 } else { 1.5 });
    }
    let pairs =
        TextTable::open(write("pairs.csv", &pairs)?)?.pair("one", "other").label("same")?.split(0.25, 1)?.batch(8);
    let mut learner = reader(&pairs)?;
    learner.fit(2, 1e-3)?;
    let said = learner.predict(("the film was good", "the film is good"))?;
    assert!(["yes", "no"].contains(&said.label.as_str()));
    assert_eq!(said.text.as_deref(), Some("the film was good / the film is good"));
    let why = learner.attributions(("the film was good", "the film is good"))?;
    assert_eq!(why.words.len(), 8);

    let labels = TextTable::open(write("labels.csv", &labels)?)?.labels("tags")?.split(0.25, 1)?.batch(8);
    let mut learner = reader(&labels)?;
    learner.fit(30, 5e-3)?;
    assert_eq!(learner.task().name(), "labels");
    assert!(learner.predict("the food was awful")?.labels.contains(&"food".to_owned()));

    let numbers = TextTable::open(write("numbers.csv", &numbers)?)?.number("stars")?.split(0.25, 1)?.batch(8);
    let mut learner = reader(&numbers)?;
    learner.fit(40, 5e-3)?;
    let stars = |text: &str| -> Result<f32> { Ok(learner.predict(text)?.numbers[0].1) };
    assert!(stars("the film was lovely")? > stars("the film was awful")? + 1.0);
    Ok(())
}

#[test]
fn a_learner_of_texts_refuses_pictures_and_the_reverse() -> Result<()> {
    let (texts, pictures) = (reviews()?, bars(16, 1)?);
    let reader = reader(&texts)?;
    let seer = quiet(Learner::vision_untrained(Arch::default(), &pictures)?);
    let picture = image::RgbImage::new(32, 32);
    for (says, wanted) in [
        (Learner::text(encoder()?, &pictures).err(), "expected texts, found pictures"),
        (Learner::vision(Arch::default().untrained(), &texts).err(), "texts of up to"),
        (reader.predict(&picture).err(), "expected a text, found a picture"),
        (seer.predict(("one", "other")).err(), "a pair of texts is no picture"),
        (reader.attention(&picture).err(), "texts of up to 24 tokens"),
        (seer.attributions(&picture).err(), "`learner.attention("),
        (reader.replace_head(&pictures).err(), "texts of up to 24 tokens"),
        (reader.answers(&Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu)?).err(), "takes texts"),
        (seer.save_encoder("x").err(), "no encoder of text"),
    ] {
        let says = says.map(|error| error.to_string()).unwrap_or_default();
        assert!(says.contains(wanted), "{wanted}: {says}");
    }
    assert!(matches!(reader.spec().input, Input::Text(_)));
    Ok(())
}

/// An adapter goes through PEFT's folder, under the names of Hugging Face's classifier.
#[test]
fn an_adapter_is_written_for_a_classifier_of_hugging_face() -> Result<()> {
    let data = reviews()?;
    let mut learner = reader(&data)?;
    learner.lora(Lora::rank(2).alpha(4.0))?;
    learner.fit(4, 1e-2)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("adapter");
    learner.save_adapter(&path)?;
    let (tensors, _) =
        crate::params::read_tensors(&std::fs::read(path.join("adapter_model.safetensors"))?, "the adapter")?;
    let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight"), "{names:?}");
    assert!(names.contains(&"base_model.model.classifier.weight"), "{names:?}");
    let mut again = reader(&data)?;
    again.network().params().load(&learner.network().params().snapshot()?, None)?;
    again.load_adapter(&path)?;
    let (a, b) = (learner.predict("the film was bad")?.score, again.predict("the film was bad")?.score);
    assert!((a - b).abs() < 1e-6, "{a} {b}");
    Ok(())
}

/// Old texts go beside new ones, whatever the lengths of both, and are measured in the network's own tokens.
#[test]
fn texts_are_rehearsed_and_measured_again() -> Result<()> {
    let old = reviews()?;
    let mut learner = reader(&old)?;
    learner.fit(20, 3e-3)?;
    let rows: Vec<(String, &str)> = ["film", "food", "staff", "the staff", "the film", "very fine food"]
        .iter()
        .flat_map(|what| {
            [
                (format!("is {what} good and bad"), "mixed"),
                (format!("the {what} was fine and dull and very bad , not good"), "mixed"),
            ]
        })
        .chain((0..12).map(|at| (format!("good {at}"), "glad")))
        .collect();
    let new = TextTable::from_texts(&rows)?.split(0.25, 1)?.batch(4);
    let mut both = quiet(learner.add_classes(&new)?);
    both.keep_old_classes(&old)?.rehearse(&old, 0.4)?;
    both.fit(12, 2e-3)?;
    let measured = both.history().epochs.last().and_then(|epoch| epoch.valid.as_ref()?.find("old accuracy"));
    assert!(measured.is_some_and(|right| right > 0.8), "{measured:?}");
    Ok(())
}

#[test]
fn a_written_encoder_says_which_token_pads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    quiet(Learner::encoder(encoder()?)?).save_encoder(folder.path())?;
    let json = std::fs::read_to_string(folder.path().join("tokenizer_config.json"))?;
    let config: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    for (role, token) in
        [("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("sep_token", "[SEP]"), ("unk_token", "[UNK]")]
    {
        assert_eq!(config[role], token, "{json}");
    }
    // `~` is the user's own folder here too
    for error in [TextTable::csv("~/no/such.csv").err(), Bert::open("~/no/such").err()] {
        let says = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(!says.is_empty() && !says.contains('~'), "{says}");
    }
    Ok(())
}

/// What an adapter adds goes into a written encoder; an adapter whose base was trained says so.
#[test]
fn an_adapter_is_written_with_what_it_stands_on() -> Result<()> {
    let data = reviews()?;
    let mut learner = reader(&data)?;
    learner.lora(Lora::rank(2).alpha(8.0))?;
    learner.fit(6, 2e-2)?;
    let folder = tempfile::tempdir()?;
    learner.save_encoder(folder.path().join("merged"))?;
    let again = quiet(Learner::encoder(Bert::open(folder.path().join("merged"))?)?);
    let (own, read) = (learner.embed("awful food")?, again.embed("awful food")?);
    assert!(own.iter().zip(&read).all(|(a, b)| (a - b).abs() < 1e-5), "{own:?} {read:?}");
    Ok(())
}

#[test]
fn verbs_of_pictures_name_those_of_texts() -> Result<()> {
    let data = reviews()?;
    let learner = reader(&data)?;
    let folder = tempfile::tempdir()?;
    learner.save_encoder(folder.path())?;
    for (says, wanted) in [
        (learner.attention("good film").err(), "`learner.predict(\"a text\")?`"),
        (learner.predict_tta("good film", 4).err(), "`learner.predict(\"a text\")?`"),
        (learner.index(folder.path()).err(), "SimilarityIndex::of_texts"),
        (Learner::open(folder.path().join("model.safetensors")).err(), "Bert::open(path)"),
        (Learner::open(folder.path()).err(), "Bert::open(path)"),
    ] {
        let says = says.map(|error| error.to_string()).unwrap_or_default();
        assert!(says.contains(wanted), "{wanted}: {says}");
    }
    // more classes, and still the network's own tokens
    let wider = learner.add_classes(&TextTable::from_texts(&[("so so film", "mixed"), ("lovely food", "glad")])?)?;
    assert_eq!(wider.spec().tokens(), learner.spec().tokens());
    Ok(())
}

/// Texts are watched as pictures are, pairs with both of their texts; what is cut is told.
#[test]
fn texts_are_watched_while_they_are_learned() -> Result<()> {
    let mut learner = reader(&reviews()?)?;
    learner.watch(3)?;
    assert_eq!(learner.watched.len(), 3);
    // of eighteen texts as many as were asked for
    learner.watch(12)?;
    assert_eq!((learner.watched.len(), learner.show_results(12)?.examples.len()), (12, 12));
    learner.watch(3)?;
    let figure = learner.glance()?.expect("there are some");
    assert!(figure.text().contains('%') && figure.text().contains(": the "), "{}", figure.text());
    // what is true stands where something else is said
    let (lines, wrong) = (figure.text().lines().count(), figure.text().matches(", is ").count());
    let is_right = |asked: &Asked, truth: &str| match asked {
        Asked::Text(text, _) => learner.predict(text.as_str()).is_ok_and(|said| said.label == truth),
        Asked::Picture(_) => false,
    };
    let right =
        learner.watched.iter().filter(|one| is_right(&one.asked, one.truth.as_deref().unwrap_or_default())).count();
    assert_eq!((lines, wrong + right), (3, 3), "{}", figure.text());
    learner.fit(1, 1e-3)?;
    learner.watch(0)?;
    assert!(learner.glance()?.is_none());
    let said = learner.predict("a good film")?;
    assert!(said.drawn().pixels().any(|pixel| pixel.0[0] < 128));
    let long = "good ".repeat(400);
    let said = learner.predict(&long)?;
    let shown = said.bundle().as_text().unwrap_or_default().to_owned();
    assert!(shown.contains('…') && shown.len() < 600, "{shown}");

    let rows: Vec<Vec<String>> = (0..12)
        .map(|at| [format!("film {at}"), format!("food {at}"), ["yes", "no"][at % 2].to_owned()].to_vec())
        .collect();
    let pairs = TextTable::of_rows(&["one", "other", "same"], &rows, "pairs")?.pair("one", "other").label("same")?;
    let mut learner = reader(&pairs.split(0.25, 1)?.batch(4))?;
    learner.watch(2)?;
    let both = |asked: &Asked| matches!(asked, Asked::Text(one, Some(other)) if one.starts_with("film") && other.starts_with("food"));
    assert!(learner.watched.iter().all(|one| both(&one.asked)));
    Ok(())
}

#[test]
fn a_learner_of_pairs_is_asked_about_pairs() -> Result<()> {
    let row = |at: usize| {
        let what = ["film", "food", "staff"][at % 3];
        let (one, other) = (["good", "fine", "bad", "dull"][at / 3], ["good", "bad"][at % 2]);
        let label = if at.is_multiple_of(2) { "same" } else { "other" };
        [format!("the {what} was {one}"), format!("the {what} is {other} {at}"), label.to_owned()].to_vec()
    };
    let rows: Vec<Vec<String>> = (0..12).map(row).collect();
    let pairs = TextTable::of_rows(&["text1", "text2", "label"], &rows, "pairs")?.split(0.25, 5)?;
    let single = reader(&reviews()?)?;
    for (learner, saved) in [(quiet(Learner::text(encoder()?, &pairs)?), true), (single, false)] {
        let folder = tempfile::tempdir().map_err(|error| Error::new(error.to_string()))?;
        let path = folder.path().join("learner.safetensors");
        learner.save(&path)?;
        for mut learner in [learner, Learner::open(&path)?] {
            let (one, two) = (learner.predict("the film was good"), learner.predict(("the film", "the staff")));
            let (fine, wrong) = if saved { (two, one) } else { (one, two) };
            assert!(fine.is_ok(), "{fine:?}");
            let says = wrong.unwrap_err().to_string();
            assert!(says.contains("this network has learned from") && says.contains("`learner.predict("), "{says}");
            // how alike texts are may be asked of either
            learner.embed("the film was good")?;
            learner.quiet();
        }
    }
    Ok(())
}

/// The plain loss of classes, twice over.
struct Twice;
impl Task for Twice {
    fn name(&self) -> &str {
        "twice"
    }
    fn like(&self) -> Option<&dyn Task> {
        Some(&Classify)
    }
    fn loss(&self, said: &crate::data::Fields, batch: &crate::data::Batch) -> Result<Loss> {
        let loss = Classify.loss(said, batch)?;
        Loss::of((loss.total * 2.0)?)
    }
}

#[test]
fn a_learner_that_is_made_takes_another_loss() -> Result<()> {
    let mut learner = reader(&reviews()?)?;
    let plain = learner.validate()?.all.loss;
    learner.set_task(Twice)?;
    assert!((learner.validate()?.all.loss / plain - 2.0).abs() < 1e-5);
    learner.fit(1, 1e-3)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("twice.safetensors");
    learner.save(&path)?;
    for (says, remedy) in [
        (Learner::open(&path).err(), "`learner.set_task(task)?`"),
        (reader(&reviews()?)?.load(&path).err(), "`learner.set_task(…)?`"),
    ] {
        let says = says.expect("an error").to_string();
        assert!(says.contains(remedy), "{says}");
    }
    let mut again = reader(&reviews()?)?;
    again.set_task(Twice)?.load(&path)?;
    assert_eq!(again.validate()?.all.loss, learner.validate()?.all.loss);
    let says = learner.set_task(Regress).expect_err("an error").to_string();
    assert!(!says.is_empty() && learner.task().name() == "twice", "{says}");
    Ok(())
}

/// A loss and nothing else: not even what it is like.
struct Bare;
impl Task for Bare {
    fn name(&self) -> &str {
        "bare"
    }
    fn loss(&self, said: &crate::data::Fields, batch: &crate::data::Batch) -> Result<Loss> {
        Classify.loss(said, batch)
    }
}

#[test]
fn a_task_that_says_no_more_than_its_loss_tells_classes_all_the_same() -> Result<()> {
    let mut learner = reader(&reviews()?)?;
    learner.fit(20, 3e-3)?;
    let said = learner.predict("the staff was lovely")?;
    let matrix = learner.confusion_matrix()?;
    learner.set_task(Bare)?;
    let now = learner.predict("the staff was lovely")?;
    assert_eq!((now.label, now.score), (said.label, said.score));
    assert_eq!(format!("{:?}", learner.confusion_matrix()?), format!("{matrix:?}"));
    // the curve says where its losses begin, the card which fit had the other one
    learner.fit(1, 1e-3)?;
    let history = learner.history();
    assert!(history.stages.last().is_some_and(|stage| stage.label.starts_with("bare · ")), "{:?}", history.stages);
    assert_eq!(history.fits.iter().map(|fit| fit.task.as_str()).collect::<Vec<_>>(), ["classify", "bare"]);
    let card = learner.card()?.markdown();
    let tasks: Vec<&str> = card.lines().filter(|line| line.starts_with("| task |")).collect();
    assert!(tasks.len() == 2 && tasks[0].contains("bare") && tasks[1].contains("classify"), "{tasks:?}");
    Ok(())
}

#[test]
fn empty_texts_are_no_questions() -> Result<()> {
    let learner = reader(&reviews()?)?;
    for empty in ["", "  \n"] {
        let says = learner.predict(empty).unwrap_err().to_string();
        assert!(says.contains("the text is empty"), "{says}");
    }
    Ok(())
}
