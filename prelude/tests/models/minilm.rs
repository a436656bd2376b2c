//! MiniLM itself beside sentence-transformers, onnxruntime and transformers (`../reference/minilm.py`), where its weights are.

use std::collections::HashMap;
use std::path::Path;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{D, DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Bert, HeadMaker, Network, Pooling};
use candlewick_prelude::ops;
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Optimizer;

/// MiniLM-L6's folder and the reference's, where both are there; else says that the test is skipped.
fn folders() -> Option<(String, String)> {
    let named = |name: &str| std::env::var(name).ok().filter(|folder| Path::new(folder).is_dir());
    let both = named("CANDLEWICK_MINILM").zip(named("CANDLEWICK_MINILM_REFERENCE"));
    if both.is_none() {
        eprintln!("skipped: CANDLEWICK_MINILM and CANDLEWICK_MINILM_REFERENCE name no folders (reference/minilm.py)");
    }
    both
}

fn network(folder: &str, dtype: DType) -> Result<Network> {
    let bert = Bert::open(folder)?;
    assert_eq!((bert.layout().pooling, bert.tokens().vocabulary()), (Pooling::Mean, 30522));
    let (network, report) = bert.network(ParamSet::of(dtype, &Device::Cpu, 0), HeadMaker::classes(2))?;
    let report = report.expect("trained weights");
    assert!(report.complete(), "{report}");
    Ok(network)
}

fn batch(saved: &HashMap<String, Tensor>, rows: usize) -> Result<Fields> {
    let field = |name: &str| -> Result<Tensor> { Ok(saved[name].narrow(0, 0, rows)?.to_dtype(DType::U32)?) };
    Ok(Fields::of(field::IDS, field("ids")?).with(field::MASK, field("mask")?))
}

#[test]
fn minilms_embeddings_are_sentence_transformers() -> Result<()> {
    let Some((six, reference)) = folders() else { return Ok(()) };
    for (name, folder) in [("L6", six), ("L3", format!("{reference}/L3"))] {
        let saved = safetensors::load(format!("{reference}/{name}.safetensors"), &Device::Cpu)?;
        let state = network(&folder, DType::F32)?.features_from(0, &batch(&saved, 100)?, &Pass::eval())?;
        let rows = state.get(field::FEATURES)?.to_dtype(DType::F64)?;
        let rows = rows.broadcast_div(&rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?;
        let far = (rows - &saved["embeddings"])?.abs()?.max_all()?.to_scalar::<f64>()?;
        eprintln!("MiniLM-{name}: 100 sentences, at most {far:.1e} off");
        assert!(far < 1e-4, "{name}: {far}");
    }
    Ok(())
}

#[test]
fn minilm_after_a_step_of_adamw_is_transformers() -> Result<()> {
    let Some((six, reference)) = folders() else { return Ok(()) };
    let saved = safetensors::load(format!("{reference}/L6.safetensors"), &Device::Cpu)?;
    let network = network(&six, DType::F64)?;
    let state = network.features_from(0, &batch(&saved, 8)?, &Pass::train_without_noise())?;
    let grads = ops::backward(&state.get(field::FEATURES)?.sqr()?.mean_all()?)?;
    let trained: Vec<_> =
        network.params().trainable().into_iter().filter(|param| !param.name().starts_with("head")).collect();
    Optimizer::adamw().decay_all().step(&trained, &grads, |_| 1e-3, None)?;
    let mut most = 0f64;
    for param in trained {
        // where a gradient is noise (a bias of the keys, which softmax takes out again), Adam's first step has but its sign
        let told = saved[&format!("grad/{}", param.name())].abs()?.gt(1e-14)?.to_dtype(DType::F64)?;
        let far = ((param.value() - &saved[&format!("step/{}", param.name())])?.abs()? * told)?;
        let far = far.max_all()?.to_scalar::<f64>()?;
        assert!(far < 1e-4, "{}: {far}", param.name());
        most = most.max(far);
    }
    eprintln!("MiniLM-L6 after a step of AdamW: at most {most:.1e} off");
    Ok(())
}
