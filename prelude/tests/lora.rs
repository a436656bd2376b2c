//! Adapters of low rank beside PEFT's own (`reference/lora.py`): answers, one step of AdamW, what is merged; and against central differences.

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::layers::{Conv2d, GlobalAvgPool, Layer, Linear, Lora, Pass};
use candlewick_prelude::models::{AdapterFile, Arch, Detector, HeadMaker, Network};
use candlewick_prelude::ops;
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;

#[path = "lora/bert.rs"]
mod bert;
mod common;

use common::{close, four, largest, numbers, picture, values};

const RATE: f64 = 1e-2;

fn saved(network: &str) -> Result<HashMap<String, Tensor>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lora.safetensors");
    let all = safetensors::load(path, &Device::Cpu)?;
    let own =
        |(name, value): (String, Tensor)| Some((name.strip_prefix(network)?.strip_prefix('/')?.to_owned(), value));
    Ok(all.into_iter().filter_map(own).collect())
}

/// The reference's network: a convolution of 3×3, one of 1×1, a matrix, and a head.
fn small() -> Result<Network> {
    Network::whole(0, |at| {
        let stem = Conv2d::new(&at.child("stem"), 3, 8, 3).stride(2).padding(1).bias().build()?;
        let point = Conv2d::new(&at.child("point"), 8, 10, 1).build()?;
        let (fc, head) = (Linear::new(&at.child("fc"), 10, 12)?, Linear::new(&at.child("head"), 12, 3)?);
        Ok(move |x: &Tensor, pass: &Pass| {
            let x = ops::relu(&stem.forward(x, pass)?)?;
            let x = GlobalAvgPool.forward(&ops::relu(&point.forward(&x, pass)?)?, pass)?;
            head.forward(&ops::relu(&fc.forward(&x, pass)?)?, pass)
        })
    })
}

/// Fills a network with the numbers of the names that the reference has for them.
fn fill(network: &Network, published: impl Fn(&str) -> String) -> Result<()> {
    for param in network.params().params() {
        let value = values(&published(param.name()), param.var().dims())?;
        param.set(&if param.name().contains("lora_B") { (value * 0.1)? } else { value })?;
    }
    for buffer in network.params().buffers() {
        buffer.set(&values(&published(buffer.name()), buffer.value().dims())?)?;
    }
    Ok(())
}

/// What the network says without, and with its adapter; one step of AdamW; and what it says then, apart and merged.
fn as_peft(
    mut network: Network,
    lora: &Lora,
    (x, labels): (&Tensor, &[u32]),
    published: impl Fn(&str) -> String,
    saved: &HashMap<String, Tensor>,
    near: f64,
) -> Result<()> {
    let says = |network: &Network, pass: &Pass| -> Result<Tensor> {
        Ok(network.forward(x, pass)?.iter().next().expect("it says something").1.clone())
    };
    let check = |what: &str, found: &Tensor, near: f64| -> Result<()> {
        let (found, expected) = (numbers(found)?, numbers(&saved[what])?);
        assert_eq!(found.len(), expected.len());
        close(what, &found, &expected, largest(&expected), near);
        Ok(())
    };
    fill(&network, &published)?;
    check("bare", &says(&network, &Pass::eval())?, near)?;
    network.add_adapter(network.plan_adapter("default", lora)?)?;
    network.freeze_where(|_| false);
    check("bare", &says(&network, &Pass::eval())?, near)?;
    fill(&network, &published)?;
    check("out", &says(&network, &Pass::eval())?, near)?;
    let pass = Pass::train_without_noise();
    let said = says(&network, &pass)?;
    check("out", &said, near)?;
    let labels = Tensor::new(labels, &Device::Cpu)?;
    let loss = ops::cross_entropy(&said, &labels, &ops::CrossEntropy::default())?;
    check("loss", &loss, near)?;
    let grads = ops::backward(&loss)?;
    let trains = network.params().trainable();
    let expected = saved.keys().filter(|key| key.starts_with("of/")).count();
    assert_eq!(trains.len(), expected, "{trains:?}");
    Optimizer::adamw().decay_all().step(&trains, &grads, |_| RATE, None)?;
    pass.commit()?;
    for param in &trains {
        let name = published(param.name());
        let (grad, after) = (numbers(grads.get(param.var()).expect("each has one"))?, numbers(&param.value())?);
        let expected = numbers(&saved[&format!("of/{name}")])?;
        let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
        close(&format!("{name}: norm of the gradient"), &[norm], &expected, expected[0], near);
        close(&format!("{name}: gradient"), &four(&grad), &expected[1..], expected[0], near);
        let scale = largest(&after);
        close(&format!("{name}: sum"), &[after.iter().sum()], &expected[5..], scale * after.len() as f64, near);
        close(&name, &four(&after), &expected[6..], scale, near);
        if let Some(whole) = saved.get(&format!("after/{name}")) {
            close(&name, &after, &numbers(whole)?, scale, near);
        }
    }
    let before = network.params().snapshot()?;
    check("after_out", &says(&network, &Pass::eval())?, near)?;
    network.merge_adapter()?;
    check("after_out", &says(&network, &Pass::eval())?, near)?;
    network.unmerge_adapter()?;
    for ((name, before), (_, after)) in before.iter().zip(network.params().snapshot()?) {
        assert_eq!(numbers(before)?, numbers(&after)?, "{name} is as it was");
    }
    Ok(())
}

#[test]
fn a_small_network_steps_as_pefts() -> Result<()> {
    let x = picture("small/x", [4, 3, 12, 12])?;
    let lora = Lora::rank(3).alpha(6.0).rslora().targets(&["stem", "point", "fc"]);
    as_peft(small()?, &lora, (&x, &[0, 1, 2, 0]), str::to_owned, &saved("small")?, 1e-4)
}

/// A network of ten classes of double precision.
fn ten(arch: Arch) -> Result<Network> {
    Network::of(ParamSet::of(DType::F64, &Device::Cpu, 0), arch, 0, HeadMaker::classes(10))
}

#[test]
fn a_vision_transformer_steps_as_pefts_on_timms() -> Result<()> {
    let x = picture("vit/x", [2, 3, 64, 64])?.to_dtype(DType::F64)?;
    let published = |name: &str| name.replace("head.linear", "head");
    as_peft(ten(Arch::VitTiny)?, &Lora::rank(4).alpha(8.0), (&x, &[0, 1]), published, &saved("vit")?, 1e-5)
}

#[test]
fn a_convolutional_network_steps_as_pefts_on_torchvisions() -> Result<()> {
    let x = picture("resnet/x", [2, 3, 64, 64])?.to_dtype(DType::F64)?;
    let published = |name: &str| name.replace("head.linear", "fc");
    as_peft(ten(Arch::ResNet18)?, &Lora::rank(4), (&x, &[0, 1]), published, &saved("resnet")?, 1e-5)
}

fn folder(name: &str) -> Result<AdapterFile> {
    AdapterFile::read(&std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name))
}

/// A folder that PEFT wrote gives the answers that PEFT gives, apart and merged.
fn loads(mut network: Network, name: &str, x: &Tensor, saved: &HashMap<String, Tensor>) -> Result<()> {
    let fitting = network.fit_adapter("default", &folder(name)?)?;
    network.add_adapter(fitting.plan.clone())?;
    network.params().load(&fitting.matrices, None)?;
    let head = fitting.head.expect("it has this head");
    assert!(network.params().load(&head, None)?.loaded.len() >= 2);
    for round in ["apart", "merged"] {
        let said = network.forward(x, &Pass::eval())?;
        let (found, expected) = (numbers(said.iter().next().expect("an answer").1)?, numbers(&saved["out"])?);
        close(round, &found, &expected, largest(&expected), 1e-5);
        network.merge_adapter().or_else(|_| network.unmerge_adapter())?;
    }
    Ok(())
}

#[test]
fn pefts_folders_load() -> Result<()> {
    let network = small()?;
    fill(&network, str::to_owned)?;
    let file = folder("peft_small")?;
    assert_eq!((file.lora.directions(), file.lora.strength(), file.lora.is_rslora()), (3, 6.0, true));
    loads(network, "peft_small", &picture("small/x", [4, 3, 12, 12])?, &saved("small")?)?;
    let network = bert::network()?;
    fill(&network, bert::published)?;
    loads(network, "peft_bert", &bert::ids()?, &saved("bert")?)
}

#[test]
fn a_bert_steps_as_pefts_on_hugging_faces() -> Result<()> {
    // the usual layers of such a network are PEFT's: query and value
    as_peft(
        bert::network()?,
        &Lora::rank(4).alpha(8.0),
        (&bert::ids()?, &[0, 2]),
        bert::published,
        &saved("bert")?,
        1e-4,
    )
}

/// What is written has the names, the shapes and the numbers of PEFT's own file, and says the same of itself.
#[test]
fn what_is_written_is_as_peft_writes_it() -> Result<()> {
    let (place, fixture) =
        (tempfile::tempdir()?, std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/peft_small")));
    let mut network = small()?;
    network.add_adapter(
        network.plan_adapter("default", &Lora::rank(3).alpha(6.0).rslora().targets(&["stem", "point", "fc"]))?,
    )?;
    fill(&network, str::to_owned)?;
    network.save_adapter(place.path(), &["a".into(), "b".into(), "c".into()])?;
    let tensors = |folder: &std::path::Path| safetensors::load(folder.join("adapter_model.safetensors"), &Device::Cpu);
    let (ours, pefts) = (tensors(place.path())?, tensors(fixture)?);
    assert_eq!(ours.len(), pefts.len());
    for (name, theirs) in &pefts {
        assert_eq!((ours[name].dims(), numbers(&ours[name])?), (theirs.dims(), numbers(theirs)?), "{name}");
    }
    let config = |folder: &std::path::Path| -> serde_json::Value {
        let text = std::fs::read(folder.join("adapter_config.json")).expect("it is there");
        serde_json::from_slice(&text).expect("JSON")
    };
    let (mut ours, pefts) = (config(place.path()), config(fixture));
    ours["target_modules"].as_array_mut().expect("a list").sort_by_key(ToString::to_string);
    for (option, value) in ours.as_object().expect("options") {
        assert_eq!(*value, pefts[option], "{option}");
    }
    Ok(())
}

/// The head of a published architecture has the name there under which PEFT finds it.
#[test]
fn heads_are_written_under_published_names() -> Result<()> {
    for (arch, head) in [(Arch::VitTiny, "head"), (Arch::ResNet18, "fc"), (Arch::MobileNetV2, "classifier.1")] {
        let (place, mut network) = (tempfile::tempdir()?, Network::new(arch, HeadMaker::classes(2), &Device::Cpu, 1)?);
        network.add_adapter(network.plan_adapter("default", &Lora::rank(2))?)?;
        network.save_adapter(place.path(), &[])?;
        let file = AdapterFile::read(place.path())?;
        let mut rest: Vec<&str> = file.rest.iter().map(|(name, _)| name.as_str()).collect();
        rest.sort_unstable();
        assert_eq!(rest, [format!("{head}.bias"), format!("{head}.weight")], "{arch}");
        let fitting = Network::new(arch, HeadMaker::classes(2), &Device::Cpu, 2)?.fit_adapter("other", &file)?;
        assert_eq!(
            (fitting.plan.layers, fitting.head.map(|head| head.len())),
            (network.adapters().plans[0].layers.clone(), Ok(2)),
            "{arch}"
        );
    }
    Ok(())
}

/// Every architecture and detector takes adapters without being told, answers as before, and every matrix of theirs gets a gradient.
#[test]
fn every_network_takes_them() -> Result<()> {
    let fresh = || ParamSet::new(3);
    let mut networks: Vec<Network> = Vec::new();
    for arch in [Arch::Small, Arch::ResNet50, Arch::MobileNetV2, Arch::EfficientNetB0, Arch::Vgg11Bn, Arch::VitTiny] {
        networks.push(Network::of(fresh(), arch, 0, HeadMaker::classes(3))?);
    }
    for detector in [Detector::YoloxNano, Detector::YoloV8n] {
        networks.push(Network::detecting(fresh(), detector, 3)?);
    }
    for mut network in networks {
        let (x, name) = (picture("x", [1, 3, 64, 64])?, network.name());
        let says = |network: &Network| numbers(network.forward(&x, &Pass::eval())?.iter().next().expect("an answer").1);
        let before = says(&network)?;
        network.add_adapter(network.plan_adapter("default", &Lora::rank(4))?)?;
        network.freeze_where(|_| false);
        assert_eq!(says(&network)?, before, "{name}");
        let said = network.forward(&x, &Pass::train_without_noise())?;
        let grads = ops::backward(&said.iter().next().expect("an answer").1.sqr()?.sum_all()?)?;
        let adapted = network.adapted();
        assert!(adapted.len() >= 10, "{name}: {}", adapted.len());
        for param in &adapted {
            assert!(grads.get(param.var()).is_some(), "{name}: no gradient reaches {}", param.name());
        }
        let base = network.params().params().into_iter().filter(|param| param.group() < network.backbone_parts());
        assert!(
            base.filter(|param| !param.name().contains("lora_")).all(|param| grads.get(param.var()).is_none()),
            "{name}"
        );
    }
    Ok(())
}
