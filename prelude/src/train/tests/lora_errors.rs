//! What adapters refuse, one kind each.

use super::*;
use crate::layers::{Conv2d, GlobalAvgPool, Layer, Linear, Lora};

#[track_caller]
fn refused<T>(wrong: Result<T>, texts: &[&str]) {
    let says = wrong.err().expect("it makes no sense").to_string();
    for text in texts {
        assert!(says.contains(text) && says.contains("\n  → "), "`{text}` is not in: {says}");
    }
}

#[test]
fn options_and_targets_that_make_no_sense() -> Result<()> {
    let data = bars(16, 220)?;
    let mut learner = learner(&data)?;
    refused(learner.lora(Lora::rank(0)), &["the `rank` of LoRA is 0; expected 1 or more directions"]);
    refused(learner.lora(Lora::rank(2).alpha(f64::NAN)), &["the `alpha` of LoRA is NaN"]);
    refused(learner.lora(Lora::rank(2).dropout(1.5)), &["the `dropout` of LoRA is 1.5; expected a share from 0"]);
    refused(learner.lora(Lora::rank(4096)), &["the `rank` of LoRA is 4096", "holds whole"]);
    let names: Vec<String> = learner.network().params().slots().iter().map(|slot| slot.name().to_owned()).collect();
    let (first, other) = (names[1].clone(), names[1].replace("conv", "cnov"));
    let end = first.rsplit('.').next().expect("a word").to_owned();
    refused(
        learner.lora(Lora::rank(2).targets(&[other.as_str()])),
        &[
            &format!("no layer is named like `{other}`"),
            &format!("did you mean `{end}`?"),
            "the layers that take an adapter are `",
        ],
    );
    // one pattern of two that is of nothing is told too
    refused(learner.lora(Lora::rank(2).targets(&["*", "qkv"])), &["no layer is named like `qkv`"]);
    refused(
        learner.lora(Lora::rank(2).targets(&["head.linear"])),
        &["`head.linear` is in the head, which trains whole"],
    );
    refused(learner.merge_lora(), &["there is no adapter to merge"]);
    refused(learner.save_adapter("nowhere"), &["there is no adapter to save"]);
    assert!(learner.network().adapters().is_empty() && learner.network().params().trainable().len() > 10);
    learner.lora(Lora::rank(2))?;
    refused(
        learner.lora(Lora::rank(2)),
        &["the network has adapters already: `default`, rank 2, alpha 2", "add_adapter"],
    );
    let mut groups = Learner::vision_untrained(Arch::MobileNetV2, &data)?;
    refused(
        groups.lora(Lora::rank(2).targets(&["features.1.conv.0.0"])),
        &["whose 32 groups of channels", "could not be merged"],
    );
    Ok(())
}

#[test]
fn networks_without_a_layer_for_them() -> Result<()> {
    let data = bars(16, 221)?;
    let vars = candle_nn::VarMap::new();
    let vb = candle_nn::VarBuilder::from_varmap(&vars, candle_core::DType::F32, &Device::Cpu);
    let layer = candle_nn::linear(3, 2, vb.pp("l"))?;
    let net = Network::candle(&vars, move |x| candle_nn::Module::forward(&layer, &x.mean((2, 3))?))?;
    let mut candle = Learner::new(net, Classify, &data)?;
    refused(candle.lora(Lora::rank(1)), &["a candle model's layers are candle's own", "Network::whole"]);
    let one = Network::whole(1, |at| {
        let only = Linear::new(&at.child("only"), 3, 2)?;
        Ok(move |x: &Tensor, pass: &Pass| only.forward(&GlobalAvgPool.forward(x, pass)?, pass))
    })?;
    let mut one = Learner::new(one, Classify, &data)?;
    refused(one.lora(Lora::rank(1)), &["no layer that takes an adapter stands before the head"]);
    Ok(())
}

/// A network of one's own: a convolution, a matrix, a head of one matrix.
fn own(data: &TensorData, width: usize) -> Result<Learner> {
    let net = Network::whole(3, move |at| {
        let conv = Conv2d::new(&at.child("conv"), 3, 8, 3).bias().build()?;
        let (fc, head) = (Linear::new(&at.child("fc"), 8, width)?, Linear::new(&at.child("head"), width, 2)?);
        Ok(move |x: &Tensor, pass: &Pass| {
            let x = GlobalAvgPool.forward(&crate::ops::relu(&conv.forward(x, pass)?)?, pass)?;
            head.forward(&crate::ops::relu(&fc.forward(&x, pass)?)?, pass)
        })
    })?;
    Learner::new(net, Classify, data).map(quiet)
}

#[test]
fn folders_that_are_no_adapter_of_this_network() -> Result<()> {
    let (data, folder) = (bars(16, 222)?, tempfile::tempdir()?);
    let mut learner = own(&data, 12)?;
    learner.lora(Lora::rank(2))?.fit(1, 1e-2)?;
    let at = |name: &str| folder.path().join(name);
    learner.save_adapter(at("good"))?;
    refused(own(&data, 12)?.load_adapter(at("none")), &["holds no `adapter_config.json`: there is no such folder"]);
    refused(own(&data, 12)?.load_adapter(folder.path()), &["it is no adapter's folder", "save_pretrained"]);
    refused(
        own(&data, 16)?.load_adapter(at("good")),
        &["beside `fc` it has matrices [2, 8] and [12, 2] of rank 2; the layer's weight here is [16, 8]"],
    );
    let mut other = super::learner(&data)?;
    refused(
        other.load_adapter(at("good")),
        &[
            "is another network's: it stands beside `fc` (8 to 12)",
            "has no such layer (its layers have names such as `",
        ],
    );
    assert!(other.network().adapters().is_empty());
    let mut small = own(&data, 12)?;
    small.lora(Lora::rank(1))?;
    refused(
        small.load_adapter(at("good")),
        &["is of rank 2 beside 1 layer, the adapter `default` of rank 1 beside 1 layer", "load_adapter_as"],
    );
    // options of PEFT that there is nothing like here
    let good: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at("good/adapter_config.json"))?).expect("JSON");
    std::fs::create_dir(at("bad"))?;
    std::fs::copy(at("good/adapter_model.safetensors"), at("bad/adapter_model.safetensors"))?;
    for (option, value, text) in [
        ("use_dora", serde_json::json!(true), "`use_dora` is true; there is nothing like it here"),
        ("rank_pattern", serde_json::json!({"fc": 4}), "`rank_pattern` is"),
        ("bias", serde_json::json!("all"), "`bias` is all: biases of the base were trained too"),
        ("peft_type", serde_json::json!("IA3"), "`peft_type` is IA3"),
        ("init_lora_weights", serde_json::json!("pissa_niter_4"), "changes the base's weights"),
        ("r", serde_json::json!("eight"), "`r` is \"eight\"; expected a number"),
        ("r", serde_json::json!(0), "its options make no sense"),
        ("r", serde_json::json!(3), "has matrices [2, 8] and [12, 2] of rank 3"),
    ] {
        let mut config = good.clone();
        config[option] = value;
        std::fs::write(at("bad/adapter_config.json"), config.to_string())?;
        let says = own(&data, 12)?.load_adapter(at("bad")).expect_err("refused").to_string();
        assert!(says.contains(text), "`{text}` is not in: {says}");
    }
    std::fs::write(at("bad/adapter_config.json"), "{")?;
    refused_without_remedy(own(&data, 12)?.load_adapter(at("bad")), "adapter_config.json is no JSON");
    std::fs::write(at("bad/adapter_config.json"), good.to_string())?;
    std::fs::remove_file(at("bad/adapter_model.safetensors"))?;
    refused(own(&data, 12)?.load_adapter(at("bad")), &["holds no `adapter_model.safetensors`"]);
    // other classes: the adapter is taken, the head is not
    let images = Tensor::rand(0f32, 1.0, (8, 3, SIDE, SIDE), &Device::Cpu)?;
    let renamed = TensorData::new(images, (0..8).map(|i| i % 2).collect(), &["up", "down"])?.split(0.25, 1)?.batch(4);
    let mut others = own(&renamed, 12)?;
    let head = || learner.network().params().get("head.weight").expect("there").fingerprint();
    others.load_adapter(at("good"))?;
    assert_ne!(others.network().params().get("head.weight").expect("there").fingerprint()?, head()?);
    let name = "fc.lora_B.default.weight";
    let value = |learner: &Learner| learner.network().params().get(name).expect("there").fingerprint();
    assert_eq!(value(&others)?, value(&learner)?);
    Ok(())
}

#[track_caller]
fn refused_without_remedy<T>(wrong: Result<T>, text: &str) {
    let says = wrong.err().expect("it makes no sense").to_string();
    assert!(says.contains(text), "`{text}` is not in: {says}");
}
