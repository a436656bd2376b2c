//! Adapters of low rank under the learner's verbs.

use super::*;
use crate::layers::Lora;
use crate::show::Show;

/// A learner with adapters of rank 2 that have learned a little.
fn adapted(data: &TensorData) -> Result<Learner> {
    let mut learner = learner(data)?;
    learner.lora(Lora::rank(2).alpha(4.0))?;
    learner.fit(1, 1e-2)?;
    Ok(learner)
}

fn of(learner: &Learner, wanted: impl Fn(&Param) -> bool) -> Vec<Param> {
    learner.network().params().params().into_iter().filter(wanted).collect()
}

fn is_adapter(param: &Param) -> bool {
    param.name().contains("lora_")
}

fn is_head(param: &Param) -> bool {
    param.name().starts_with("head")
}

fn is_base(param: &Param) -> bool {
    !is_adapter(param) && !is_head(param)
}

/// How many of the base's, of the adapters' and of the head's parameters train.
fn trainable(learner: &Learner) -> [usize; 3] {
    let trains = learner.network().params().trainable();
    [&is_base as &dyn Fn(&Param) -> bool, &is_adapter, &is_head]
        .map(|kind| trains.iter().filter(|param| kind(param)).count())
}

/// What the network says of the training pictures.
fn answers(learner: &Learner, data: &TensorData) -> Result<Vec<f32>> {
    let batch = data.train_batches(0)?.next().expect("there is data")?;
    let said = learner.judged().forward(batch.inputs.get("image")?, &Pass::eval())?;
    Ok(said.get("logits")?.flatten_all()?.to_vec1()?)
}

fn far(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn text(shown: &impl Show) -> String {
    shown.bundle().as_text().unwrap_or_default().replace('\u{202f}', " ")
}

#[test]
fn adapters_and_head_train_and_the_base_stays_to_the_last_bit() -> Result<()> {
    let data = bars(32, 200)?;
    let mut learner = learner(&data)?;
    let (base, before) = (values(&of(&learner, is_base))?, answers(&learner, &data)?);
    learner.lora(Lora::rank(2))?;
    assert_eq!(answers(&learner, &data)?, before, "the matrices B are zero");
    let layers = learner.network().adapters().plans[0].layers.len();
    assert!(layers > 3, "all convolutions but the first: {layers}");
    assert_eq!(trainable(&learner), [0, 2 * layers, 2]);
    let own = values(&of(&learner, |param| !is_base(param)))?;
    let report = learner.fit(2, 1e-2)?;
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!(values(&of(&learner, is_base))?, base);
    for ((name, before), (_, after)) in own.iter().zip(values(&of(&learner, |param| !is_base(param)))?) {
        assert_ne!(*before, after, "{name} should have learned");
    }
    assert!(learner.history().stages[0].label.starts_with("adapters and head"), "{:?}", learner.history().stages);
    let says = text(&learner.summary()?);
    assert!(
        says.contains(&format!("LoRA: rank 2, alpha 2 beside {layers} layers, ")) && says.contains("%), and the head"),
        "{says}"
    );
    assert!(learner.card()?.markdown().contains("LoRA: rank 2"));
    assert!(learner.norms()?.parts.iter().any(|part| part.gradients.is_some()));
    Ok(())
}

#[test]
fn no_verb_thaws_the_base_by_accident() -> Result<()> {
    let data = bars(32, 201)?;
    let mut learner = learner(&data)?;
    learner.lora(Lora::rank(2))?;
    let all = trainable(&learner)[1];
    assert_eq!(trainable(learner.freeze()), [0, 0, 2]);
    assert_eq!(trainable(learner.unfreeze()), [0, all, 2]);
    learner.freeze_to(-2)?;
    let last = trainable(&learner)[1];
    assert!(last > 0 && last < all && trainable(&learner) == [0, last, 2]);
    learner.unfreeze_from("blocks.3")?;
    assert_eq!(trainable(&learner), [0, last, 2]);
    learner.freeze_to(0)?;
    assert_eq!(trainable(&learner), [0, all, 2]);
    let report = learner.unfreeze_gradually(2, 1e-3)?;
    assert_eq!(trainable(&learner), [0, last, 2]);
    assert!(learner.history().stages.last().expect("two").label.starts_with("adapters from blocks.3 and head"));
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    // the head is frozen by hand: a fit says so
    learner.freeze_from("head")?;
    assert_eq!(trainable(&learner), [0, all, 0]);
    let report = learner.fit(1, 1e-3)?;
    assert!(
        report.notes.iter().any(|note| note.starts_with("the head is frozen while the adapter trains")),
        "{:?}",
        report.notes
    );
    assert!(learner.history().stages.last().expect("three").label.starts_with("adapters · "));
    // a pattern of a part is of its adapters, one of the base alone is meant
    learner.freeze().unfreeze_matching("blocks.3*")?;
    assert_eq!(trainable(&learner), [0, last, 2]);
    learner.unfreeze_matching("*norm*").or_else(|_| learner.unfreeze_matching("*bn*"))?;
    assert!(trainable(&learner)[0] > 0);
    learner.freeze_matching("*lora_A*")?;
    assert_eq!(trainable(&learner)[1], last / 2);
    assert!(trainable(learner.unfreeze_base())[0] > 8);
    learner.fit(1, 1e-3)?;
    assert_eq!(trainable(learner.unfreeze()), [0, all, 2]);
    learner.fine_tune(1)?;
    assert_eq!(trainable(&learner), [0, all, 2]);
    Ok(())
}

#[test]
fn a_checkpoint_goes_on_where_it_stopped() -> Result<()> {
    let (data, folder) = (bars(32, 202)?, tempfile::tempdir()?);
    let path = folder.path().join("adapted.safetensors");
    let mut whole = learner(&data)?;
    whole.ema(0.9)?.lora(Lora::rank(2).alpha(4.0).dropout(0.2))?;
    whole.fit(1, 1e-2)?;
    whole.save(&path)?;
    whole.fit(1, 1e-2)?;
    let mut plain = learner(&data)?;
    plain.load(&path)?;
    assert_eq!(trainable(&plain), trainable(&whole));
    plain.fit(1, 1e-2)?;
    assert_eq!(losses(&plain), losses(&whole));
    assert_eq!(answers(&plain, &data)?, answers(&whole, &data)?);
    let opened = Learner::open(&path)?;
    assert_eq!(opened.network().adapters(), whole.network().adapters());
    // a file without adapters takes them away, a damaged one leaves all as it was
    let bare = folder.path().join("bare.safetensors");
    learner(&data)?.save(&bare)?;
    let (before, trains) = (answers(&plain, &data)?, trainable(&plain));
    std::fs::write(folder.path().join("damaged.safetensors"), &std::fs::read(&path)?[..20_000])?;
    assert!(plain.load(folder.path().join("damaged.safetensors")).is_err());
    assert_eq!((answers(&plain, &data)?, trainable(&plain)), (before, trains));
    plain.load(&bare)?;
    assert!(plain.network().adapters().is_empty());
    Ok(())
}

#[test]
fn an_adapter_alone_goes_through_its_folder() -> Result<()> {
    let (data, folder) = (bars(32, 203)?, tempfile::tempdir()?);
    let (path, learned) = (folder.path().join("bars_lora"), adapted(&data)?);
    learned.save_adapter(&path)?;
    let size = std::fs::metadata(path.join("adapter_model.safetensors"))?.len();
    assert!(path.join("adapter_config.json").is_file() && size < 60_000, "{size}");
    let mut fresh = learner(&data)?;
    assert!(far(&answers(&fresh, &data)?, &answers(&learned, &data)?) > 1e-3);
    fresh.load_adapter(&path)?;
    assert_eq!(answers(&fresh, &data)?, answers(&learned, &data)?);
    assert_eq!(trainable(&fresh), trainable(&learned));
    // into the one that is there, and beside it
    fresh.fit(1, 1e-2)?;
    fresh.load_adapter(path.join("adapter_config.json"))?;
    assert_eq!(answers(&fresh, &data)?, answers(&learned, &data)?);
    fresh.load_adapter_as("second", &path)?.fit(1, 1e-2)?;
    assert!(far(&answers(&fresh, &data)?, &answers(&learned, &data)?) > 1e-4);
    fresh.use_adapter("second")?;
    assert_eq!(answers(&fresh, &data)?, answers(&learned, &data)?);
    Ok(())
}

#[test]
fn merged_weights_answer_the_same_and_come_back_bit_for_bit() -> Result<()> {
    let (data, folder) = (bars(32, 204)?, tempfile::tempdir()?);
    let mut learner = adapted(&data)?;
    let (before, base) = (answers(&learner, &data)?, values(&of(&learner, is_base))?);
    let unmerged = learner.network().to_onnx(&learner.spec().input)?.bytes()?;
    learner.merge_lora()?;
    assert!(far(&answers(&learner, &data)?, &before) < 1e-5);
    assert_ne!(values(&of(&learner, is_base))?, base);
    assert_eq!(learner.network().to_onnx(&learner.spec().input)?.bytes()?, unmerged);
    let says = learner.fit(1, 1e-3).unwrap_err().to_string();
    assert!(
        says.contains("the adapter `default` is merged into the weights: nothing of it can be trained now")
            && says.contains("unmerge_lora"),
        "{says}"
    );
    for wrong in [learner.merge_lora().err(), learner.add_adapter("b", Lora::rank(2)).err()] {
        assert!(wrong.expect("it is merged").to_string().contains("is merged into the weights"));
    }
    // a checkpoint of it is of the base, and merged when it is opened
    let path = folder.path().join("merged.safetensors");
    learner.save(&path)?;
    let mut opened = quiet(Learner::open(&path)?);
    assert!(far(&answers(&opened, &data)?, &before) < 1e-5 && opened.network().adapters().merged);
    opened.unmerge_lora()?;
    assert_eq!(values(&of(&opened, is_base))?, base);
    learner.unmerge_lora()?;
    assert_eq!(values(&of(&learner, is_base))?, base);
    assert_eq!(answers(&learner, &data)?, before);
    learner.fit(1, 1e-3)?;
    // weights alone are those of a network without adapters
    let (before, path) = (answers(&learner, &data)?, folder.path().join("weights.safetensors"));
    learner.save_weights(&path)?;
    let plain = Learner::open(&path)?;
    assert!(plain.network().adapters().is_empty() && plain.network().params().trainable().len() > 10);
    assert!(far(&answers(&plain, &data)?, &before) < 1e-5);
    // forgotten, the merged weights stay
    learner.merge_lora()?.unload_lora()?.unfreeze();
    assert!(learner.network().adapters().is_empty() && of(&learner, is_adapter).is_empty());
    assert!(far(&answers(&learner, &data)?, &before) < 1e-5);
    learner.fit(1, 1e-3)?;
    assert!(learner.unmerge_lora().is_err() && learner.merge_lora().is_err() && learner.unload_lora().is_err());
    Ok(())
}

#[test]
fn several_adapters_share_a_base_and_have_heads_of_their_own() -> Result<()> {
    let (data, folder) = (bars(32, 205)?, tempfile::tempdir()?);
    let mut learner = adapted(&data)?;
    learner.ema(0.5)?;
    let first = answers(&learner, &data)?;
    learner.add_adapter("formal", Lora::rank(3))?;
    assert_eq!(answers(&learner, &data)?, first, "it waits");
    let trained = trainable(&learner);
    learner.use_adapter("formal")?;
    assert_eq!(trainable(&learner), trained, "as much of it trains as of the one before");
    learner.fit(1, 1e-2)?;
    let (base, second) = (values(&of(&learner, is_base))?, answers(&learner, &data)?);
    learner.use_adapter("default")?;
    assert_eq!(answers(&learner, &data)?, first);
    let says = text(&learner.summary()?);
    assert!(
        says.contains("LoRA `default`: rank 2") && says.contains("LoRA `formal`: rank 3") && says.contains(", waits"),
        "{says}"
    );
    let path = folder.path().join("two.safetensors");
    learner.save(&path)?;
    let mut opened = Learner::open(&path)?;
    assert_eq!(answers(&opened, &data)?, first);
    opened.use_adapter("formal")?;
    assert!(far(&answers(&opened, &data)?, &second) < 0.5 && values(&of(&opened, is_base))? == base);
    learner.use_adapter("formal")?;
    assert_eq!(answers(&learner, &data)?, second);
    for (wrong, text) in [
        (learner.use_adapter("informal").err(), "there is no adapter named `informal`"),
        (learner.add_adapter("formal", Lora::rank(2)).err(), "there is an adapter named `formal` already"),
        (learner.add_adapter("a.b", Lora::rank(2)).err(), "`a.b` cannot be an adapter's name"),
        (learner.lora(Lora::rank(2)).err(), "the network has adapters already: `formal`, rank 3"),
    ] {
        let says = wrong.expect("refused").to_string();
        assert!(says.contains(text) && says.contains("\n  → "), "{says}");
    }
    Ok(())
}

#[test]
fn features_that_are_kept_are_those_of_the_adapter_that_takes_part() -> Result<()> {
    let data = bars(32, 206)?;
    let mut learner = adapted(&data)?;
    learner.add_adapter("other", Lora::rank(2))?.freeze();
    learner.fit(2, 1e-3)?;
    assert!(learner.features_reused() > 0, "an adapter that is frozen belongs to what is frozen");
    let reused = learner.features_reused();
    learner.use_adapter("other")?;
    let report = learner.fit(1, 1e-3)?;
    assert!(learner.features_reused() < reused, "they were computed anew");
    // as without what is kept
    let valid = report.valid.expect("there is some");
    learner.keep_features(false);
    assert!((learner.evaluate()?.all.get("loss")? - valid.get("loss")?).abs() < 1e-5);
    learner.unfreeze();
    let (network, adapters) = (learner.network(), learner.network().adapters());
    let first = network
        .params()
        .slots()
        .iter()
        .find(|slot| adapters.plans[0].layers.contains(&slot.name().to_owned()))
        .map(|slot| slot.weight().group());
    assert_eq!(Some(network.frozen_parts()), first, "a part with an adapter that trains is not frozen");
    Ok(())
}

#[test]
fn a_new_head_keeps_the_adapters() -> Result<()> {
    let data = bars(32, 207)?;
    let learner = adapted(&data)?;
    let images = Tensor::rand(0f32, 1.0, (12, 3, SIDE, SIDE), &Device::Cpu)?;
    let three = TensorData::new(images, (0..12).map(|i| i % 3).collect(), &["lying", "standing", "leaning"])?
        .split(0.25, 1)?
        .batch(4);
    for mut new in [quiet(learner.replace_head(&three)?), quiet(learner.add_classes(&three)?)] {
        assert_eq!(new.network().adapters(), learner.network().adapters());
        assert_eq!(values(&of(&new, |param| !is_head(param)))?, values(&of(&learner, |param| !is_head(param)))?);
        assert_eq!(trainable(&new), trainable(&learner));
        new.fit(1, 1e-3)?;
    }
    let copy = learner.network().copy()?;
    assert_eq!(values(&copy.params().params())?, values(&learner.network().params().params())?);
    assert_eq!(copy.adapters(), learner.network().adapters());
    assert!(learner.network().copy()?.tapped(&[4]).is_ok_and(|tapped| !tapped.adapters().is_empty()));
    Ok(())
}

#[test]
fn dropout_drops_in_training_alone() -> Result<()> {
    let data = bars(32, 208)?;
    let network = Network::new(Arch::VitTiny, HeadMaker::classes(2), &Device::Cpu, 1)?;
    let mut network = network;
    network.add_adapter(network.plan_adapter("default", &Lora::rank(2).alpha(64.0).dropout(0.5))?)?;
    for param in network.params().params().iter().filter(|param| param.name().contains("lora_B")) {
        param.set(&param.value().randn_like(0.0, 0.1)?)?;
    }
    network.freeze_where(|_| false);
    let batch = data.train_batches(0)?.next().expect("there is data")?;
    let images = batch.inputs.get("image")?.narrow(0, 0, 2)?;
    // in evaluation nothing drops, whoever asks
    let tokens = |pass: &Pass| -> Result<Vec<f32>> {
        let state = network.features_from(0, &Fields::of("image", images.clone()), pass)?;
        Ok(state.get("features")?.flatten_all()?.to_vec1()?)
    };
    assert_eq!(tokens(&Pass::eval())?, tokens(&Pass::eval())?);
    assert!(far(&tokens(&Pass::train_without_noise())?, &tokens(&Pass::eval())?) < 1e-4);
    assert_eq!(tokens(&Pass::train(1))?, tokens(&Pass::train(1))?);
    assert!(far(&tokens(&Pass::train(1))?, &tokens(&Pass::train(2))?) > 1e-3);
    Ok(())
}
