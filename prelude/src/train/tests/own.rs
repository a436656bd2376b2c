//! What a person brings: a network, a candle model, a task, a metric, data.

use super::*;
use crate::data::{Batch, BatchIter, Example, Input, Order, Part, Spec, Target};
use crate::layers::{Conv2d, GlobalAvgPool, Layer, Linear};
use crate::ops;
use candle_core::DType;
use candle_nn::{Module, VarBuilder, VarMap};

/// Three layers of one's own.
fn net(seed: u64, outputs: usize) -> Result<Network> {
    Network::whole(seed, move |at| {
        let a = Conv2d::new(&at.child("stem.0"), 3, 8, 3).padding(1).stride(2).build()?;
        let b = Conv2d::new(&at.child("stem.1"), 8, 16, 3).padding(1).stride(2).build()?;
        let c = Linear::new(&at.child("last"), 16, outputs)?;
        Ok(move |x: &Tensor, pass: &Pass| {
            let x = ops::relu(&a.forward(x, pass)?)?;
            let x = ops::relu(&b.forward(&x, pass)?)?;
            c.forward(&GlobalAvgPool.forward(&x, pass)?, pass)
        })
    })
}

#[test]
fn a_network_of_ones_own_does_what_others_do() -> Result<()> {
    let data = bars(64, 60)?;
    let mut learner = quiet(Learner::new(net(7, 2)?, Classify, &data)?);
    assert_eq!(learner.network().parts(), ["stem.0", "stem.1", "last"]);
    let first = learner.fit_one_cycle(4, 1e-2)?;
    assert!(first.notes.is_empty(), "{:?}", first.notes);
    // frozen by part, by number
    learner.unfreeze_from("stem.1")?;
    let frozen = learner.network().params().under("stem.0");
    let before = values(&frozen)?;
    learner.ema(0.9)?.fit(1, 1e-2..1e-1)?;
    assert_eq!(values(&frozen)?, before);
    assert!(learner.freeze_to(5).unwrap_err().to_string().contains("3 groups are stem.0, stem.1, last"));
    assert!(learner.summary()?.rows.iter().map(|row| row.parameters).eq([216, 1152, 34]));
    assert!(learner.predict(picture_of(&data)?)?.score > 0.4 && learner.confusion()?.size().0 > 0);
    assert!(learner.top_losses(4)?.figure.is_some() && learner.lr_find()?.rates.len() > 20);
    // saved, and loaded into the same network made again
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("own.safetensors");
    learner.save(&path)?;
    let mut again = quiet(Learner::new(net(99, 2)?, Classify, &data)?);
    again.load(&path)?;
    learner.fit(1, 1e-2)?;
    again.fit(1, 1e-2)?;
    assert_eq!(losses(&again), losses(&learner));
    assert_eq!(values(&again.judged().params().params())?, values(&learner.judged().params().params())?);
    let says = Learner::open(&path).unwrap_err().to_string();
    assert!(says.contains("a network of one's own") && says.contains("learner.load(path)?"), "{says}");
    let says = again.replace_head(&data).unwrap_err().to_string();
    assert!(says.contains("made in one piece") && says.contains("Network::whole"), "{says}");
    let says = again.embed(picture_of(&data)?).unwrap_err().to_string();
    assert!(says.contains("no features apart from its answer"), "{says}");
    let other = Network::whole(1, |at| {
        let a = Linear::new(&at.child("other"), 3, 2)?;
        Ok(move |x: &Tensor, pass: &Pass| a.forward(&x.mean((2, 3))?, pass))
    })?;
    let mut other = quiet(Learner::new(other, Classify, &data)?);
    let before = values(&other.network().params().params())?;
    let says = other.load(&path).unwrap_err().to_string();
    assert!(says.contains("does not hold the whole network") && says.contains("under the same names"), "{says}");
    assert_eq!(values(&other.network().params().params())?, before);
    Ok(())
}

fn picture_of(data: &TensorData) -> Result<image::RgbImage> {
    Ok(data.example(1)?.picture.expect("they are pictures"))
}

#[test]
fn what_does_not_fit_is_told_before_anything_is_trained() -> Result<()> {
    let data = bars(16, 61)?;
    let says = |network: Network, task: &str| match task {
        "classify" => Learner::new(network, Classify, &data),
        _ => Learner::new(network, Regress, &data),
    };
    let wrong = says(net(1, 5)?, "classify").unwrap_err().to_string();
    assert!(wrong.contains("says 5 numbers an example, the data has 2 classes (lying, standing)"), "{wrong}");
    let wrong = says(net(1, 2)?, "regress").unwrap_err().to_string();
    assert!(wrong.contains("but no numbers"), "{wrong}");
    let grey = Network::whole(1, |at| {
        let a = Conv2d::new(&at.child("a"), 1, 2, 3).build()?;
        Ok(move |x: &Tensor, pass: &Pass| GlobalAvgPool.forward(&a.forward(x, pass)?, pass))
    })?;
    let wrong = says(grey, "classify").unwrap_err().to_string();
    assert!(wrong.contains("does not take the data's pictures of 32 × 32") && wrong.contains("first layer"), "{wrong}");
    let map = Network::whole(1, |at| {
        let a = Conv2d::new(&at.child("a"), 3, 2, 3).build()?;
        Ok(move |x: &Tensor, pass: &Pass| a.forward(x, pass))
    })?;
    let wrong = says(map, "classify").unwrap_err().to_string();
    assert!(wrong.contains("something of the shape [12, 2, 30, 30]"), "{wrong}");
    let none = Network::whole(1, |_| Ok(|x: &Tensor, _: &Pass| Ok(x.clone()))).unwrap_err().to_string();
    assert!(none.contains("no parameter"), "{none}");
    let none = Network::candle(&VarMap::new(), |x| Ok(x.clone())).unwrap_err().to_string();
    assert!(none.contains("no variable") && none.contains("VarBuilder::from_varmap"), "{none}");
    Ok(())
}

/// A candle model: a convolution and a matrix.
fn candle_net(vars: &VarMap) -> Result<Network> {
    let vb = VarBuilder::from_varmap(vars, DType::F32, &Device::Cpu);
    let config = candle_nn::Conv2dConfig { stride: 2, ..Default::default() };
    let (c, l) = (candle_nn::conv2d(3, 8, 3, config, vb.pp("zz"))?, candle_nn::linear(8, 2, vb.pp("aa"))?);
    Network::candle(vars, move |x| l.forward(&c.forward(x)?.relu()?.mean((2, 3))?))
}

#[test]
fn a_candle_model_is_trained_as_candle_would() -> Result<()> {
    let (data, vars) = (bars(48, 62)?.batch(64), VarMap::new());
    let mut learner = quiet(Learner::new(candle_net(&vars)?, Classify, &data)?);
    // parts in the order they were made, not of the alphabet
    assert_eq!(learner.network().parts(), ["zz", "aa"]);
    let weight = vars.data().lock().expect("nobody panicked").get("zz.weight").expect("made above").clone();
    let before = weight.as_tensor().copy()?;
    // one step of plain SGD, by hand with candle alone
    let batch = learner.need_data()?.batches(Part::Train, Order::Epoch(0))?.next().expect("one")?;
    let said = learner.network().forward(batch.inputs.get("image")?, &Pass::train(0))?;
    let loss = candle_nn::loss::cross_entropy(said.get("logits")?, batch.targets.get("class")?)?;
    let grad = loss.backward()?.get(&weight).expect("it trains").clone();
    learner.optimizer(Optimizer::sgd(0.0)).fit(1, 0.1)?;
    let off = ((before - (grad * 0.1)?)? - weight.as_tensor())?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(off < 1e-6, "{off:e}: the model's own variable has learned");
    // frozen, averaged, saved, loaded
    learner.freeze();
    let before = weight.as_tensor().copy()?;
    learner.optimizer(Optimizer::adamw()).ema(0.5)?.fit(3, 1e-1)?;
    assert_eq!((before - weight.as_tensor())?.abs()?.max_all()?.to_scalar::<f32>()?, 0.0);
    let x = batch.inputs.get("image")?;
    let of = |network: &Network| -> Result<Vec<Vec<f32>>> {
        Ok(network.forward(x, &Pass::eval())?.get("logits")?.to_vec2()?)
    };
    let (own, average) = (of(learner.network())?, of(learner.judged())?);
    assert_ne!(own, average, "the average is another network");
    assert_eq!(of(learner.network())?, own, "and has put everything back");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("candle.safetensors");
    learner.save(&path)?;
    let mut again = quiet(Learner::new(candle_net(&VarMap::new())?, Classify, &data)?);
    again.load(&path)?;
    assert_eq!((of(again.network())?, of(again.judged())?), (own, average));
    again.unfreeze();
    again.fit(1, 1e-2)?;
    Ok(())
}

#[test]
fn a_candle_model_whose_function_panics_keeps_its_weights() -> Result<()> {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (data, vars) = (bars(16, 69)?, VarMap::new());
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let l = candle_nn::linear(3, 2, vb.pp("l"))?;
    let panics = std::sync::Arc::new(AtomicBool::new(false));
    let told = std::sync::Arc::clone(&panics);
    let network = Network::candle(&vars, move |x| {
        assert!(!told.load(Ordering::Relaxed), "on purpose");
        l.forward(&x.mean((2, 3))?)
    })?;
    let mut learner = quiet(Learner::new(network, Classify, &data)?);
    learner.ema(0.9)?.fit(1, 1e-1)?;
    let before = values(&learner.network().params().params())?;
    assert_ne!(values(&learner.judged().params().params())?, before);
    panics.store(true, Ordering::Relaxed);
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| learner.validate()));
    assert!(judged.is_err());
    assert_eq!(values(&learner.network().params().params())?, before, "not the average's");
    panics.store(false, Ordering::Relaxed);
    learner.validate()?;
    Ok(())
}

#[test]
fn candles_layer_norm_is_caught_by_name() -> Result<()> {
    let (data, vars) = (bars(32, 63)?, VarMap::new());
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let first = candle_nn::linear(3 * SIDE * SIDE, 16, vb.pp("first"))?;
    let norm = candle_nn::layer_norm(16, 1e-5, vb.pp("norm"))?;
    let last = candle_nn::linear(16, 2, vb.pp("last"))?;
    let network = Network::candle(&vars, move |x| last.forward(&norm.forward(&first.forward(&x.flatten_from(1)?)?)?))?;
    let mut learner = quiet(Learner::new(network, Classify, &data)?);
    let notes = learner.fit(1, 1e-3)?.notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("no gradient reaches 4 of 6") && notes[0].contains("first.weight"), "{notes:?}");
    assert!(notes[0].contains("norm.weight") && !notes[0].contains("last."), "{notes:?}");
    assert!(notes[0].contains("candle's own LayerNorm") && notes[0].contains("`ops::layer_norm`"), "{notes:?}");
    Ok(())
}

#[test]
fn a_candle_model_knows_whether_it_trains_and_keeps_its_statistics() -> Result<()> {
    let (data, vars) = (bars(48, 64)?, VarMap::new());
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let c = candle_nn::conv2d(3, 4, 3, Default::default(), vb.pp("c"))?;
    let norm = candle_nn::batch_norm(4, 1e-5, vb.pp("bn"))?;
    let l = candle_nn::linear(4, 2, vb.pp("l"))?;
    let network = Network::candle_t(&vars, move |x, train| {
        use candle_nn::ModuleT;
        l.forward(&norm.forward_t(&c.forward(x)?, train)?.relu()?.mean((2, 3))?)
    })?;
    let mut learner = quiet(Learner::new(network, Classify, &data)?);
    let mean = learner.network().params().get("bn.running_mean").expect("it is kept with the others");
    let before = mean.value().copy()?;
    let report = learner.fit(1, 1e-3)?;
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    let moved = |to: &Tensor| -> Result<f32> { Ok((mean.value() - to)?.abs()?.max_all()?.to_scalar()?) };
    assert!(moved(&before)? > 0.0, "training moves it");
    let before = mean.value().copy()?;
    learner.validate()?;
    assert_eq!(moved(&before)?, 0.0, "measuring does not");
    learner.unfreeze();
    assert!(mean.frozen() && learner.network().params().trainable().len() == 6);
    Ok(())
}

/// Lin et al. 2017 on top of what there is.
struct Focal(f64);

impl Task for Focal {
    fn name(&self) -> &str {
        "focal"
    }
    fn like(&self) -> Option<&dyn Task> {
        Some(&Classify)
    }
    fn loss(&self, said: &Fields, batch: &Batch) -> Result<Loss> {
        let logs = ops::log_softmax(said.get("logits")?, 1)?;
        let own = logs.gather(&batch.targets.get("class")?.unsqueeze(1)?, 1)?;
        Loss::mean(&(own.exp()?.affine(-1.0, 1.0)?.powf(self.0)? * own.neg()?)?)
    }
}

#[test]
fn a_loss_of_ones_own_stands_on_a_task_that_is_there() -> Result<()> {
    let data = bars(48, 65)?;
    let loss = |task: &dyn Task, logits: &Tensor| -> Result<f64> {
        let targets = Fields::of("class", Tensor::new(&[0u32, 1, 0], &Device::Cpu)?);
        let batch = Batch { inputs: Fields::default(), targets, ids: vec![0, 1, 2] };
        let said = Fields::of("logits", logits.clone());
        let each = task.losses(&said, &batch)?;
        let mean = task.loss(&said, &batch)?.value()?;
        assert!((each.iter().sum::<f64>() / 3.0 - mean).abs() < 1e-6, "one by one it is the same");
        Ok(mean)
    };
    let logits = Tensor::new(&[[2f32, 0.0], [0.5, 1.0], [-1.0, 1.0]], &Device::Cpu)?;
    assert!((loss(&Focal(0.0), &logits)? - loss(&Classify, &logits)?).abs() < 1e-6);
    // by hand: Σ (1 − p)² · −ln p / 3
    let p = [0.880_797, 0.622_459, 0.119_203f64];
    let expected = p.iter().map(|p| (1.0 - p).powi(2) * -p.ln()).sum::<f64>() / 3.0;
    assert!((loss(&Focal(2.0), &logits)? - expected).abs() < 1e-5);
    let mut learner = quiet(Learner::new(net(7, 2)?, Focal(2.0), &data)?);
    let report = learner.fit(2, 1e-3)?;
    assert!(report.notes.is_empty() && report.valid.is_some_and(|valid| valid.find("accuracy").is_some()));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("focal.safetensors");
    learner.save(&path)?;
    let says = quiet(Learner::new(net(7, 2)?, Classify, &data)?).load(&path).unwrap_err().to_string();
    assert!(says.contains("task `focal`") && says.contains("task `classify`"), "{says}");
    // what Classify has learned may go on under a task that is like it
    let mut plain = quiet(Learner::new(net(9, 2)?, Classify, &data)?);
    plain.save(&path)?;
    learner.load(&path)?;
    assert_eq!(values(&learner.network().params().params())?, values(&plain.network().params().params())?);
    plain.fit(1, 1e-3)?;
    learner.fit(1, 1e-3)?;
    struct Myself;
    impl Task for Myself {
        fn name(&self) -> &str {
            "myself"
        }
        fn like(&self) -> Option<&dyn Task> {
            Some(self)
        }
    }
    let says = Learner::new(net(7, 2)?, Myself, &data).unwrap_err().to_string();
    assert!(says.contains("the task `myself` is like itself") && says.contains("Some(&Classify)"), "{says}");
    struct Bare;
    impl Task for Bare {
        fn name(&self) -> &str {
            "bare"
        }
    }
    let says = Learner::new(net(7, 2)?, Bare, &data).unwrap_err().to_string();
    assert!(says.contains("the task `bare` has no loss") && says.contains("fn loss"), "{says}");
    Ok(())
}

/// How often the network is sure.
#[derive(Default)]
struct Sure(usize, usize);

impl Metric for Sure {
    fn name(&self) -> &str {
        "sure"
    }
    fn add(&mut self, seen: &Seen) -> Result<()> {
        let shares = ops::softmax(seen.said.get("logits")?, 1)?.to_vec2::<f32>()?;
        self.0 += shares.iter().filter(|row| row.iter().any(|share| *share > 0.5)).count();
        self.1 += seen.batch.len();
        Ok(())
    }
    fn value(&self) -> f64 {
        self.0 as f64 / self.1.max(1) as f64
    }
    fn reset(&mut self) {
        *self = Sure::default();
    }
}

#[test]
fn a_metric_of_ones_own_is_a_column() -> Result<()> {
    let data = bars(32, 66)?;
    let mut learner = learner(&data)?;
    learner.metric(Sure::default()).fit(2, 1e-3)?;
    assert_eq!(learner.validate()?.all.get("sure")?, 1.0);
    let text = learner.history().table().text();
    assert!(text.contains("accuracy") && text.contains("sure") && text.contains("1.000"), "{text}");
    // two columns of one name could not be told apart
    for says in [learner.metric(Sure::default()).fit(1, 1e-3).err(), learner.validate().err()] {
        let says = says.expect("an error").to_string();
        assert!(says.contains("two measures are named `sure`") && says.contains("another name"), "{says}");
    }
    Ok(())
}

/// Rows of numbers, and whether their sum is above one half.
#[derive(Clone)]
struct Sums(usize);

impl Data for Sums {
    fn spec(&self) -> Spec {
        Spec::new(Input::Tensor(vec![4]), Target::Class(vec!["low".into(), "high".into()]), 3)
    }
    fn count(&self, part: Part) -> usize {
        if part == Part::Test { 0 } else { self.0 }
    }
    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        let seed = match (part, order) {
            (Part::Train, Order::Epoch(epoch)) => epoch,
            _ => 1000,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows: Vec<f32> = (0..4 * self.0).map(|_| rng.random_range(-1.0..1.0)).collect();
        let truth: Vec<u32> = rows.chunks(4).map(|row| u32::from(row.iter().sum::<f32>() > 0.0)).collect();
        let inputs = Fields::of("input", Tensor::from_vec(rows, (self.0, 4), &Device::Cpu)?);
        let targets = Fields::of("class", Tensor::from_vec(truth, self.0, &Device::Cpu)?);
        Ok(Box::new(std::iter::once(Ok(Batch { inputs, targets, ids: (0..self.0).collect() }))))
    }
    fn example(&self, id: usize) -> Result<Example> {
        Ok(Example { name: format!("row {id}"), ..Example::default() })
    }
}

#[test]
fn data_of_ones_own_need_be_no_pictures() -> Result<()> {
    let network = |inputs: usize| {
        Network::whole(5, move |at| {
            let (a, b) = (Linear::new(&at.child("a"), inputs, 16)?, Linear::new(&at.child("b"), 16, 2)?);
            Ok(move |x: &Tensor, pass: &Pass| b.forward(&ops::relu(&a.forward(x, pass)?)?, pass))
        })
    };
    let mut learner = quiet(Learner::new(network(4)?, Classify, &Sums(64))?);
    learner.fit(60, 1e-2)?;
    assert!(learner.validate()?.all.get("accuracy")? > 0.9, "{:?}", learner.validate()?.all);
    let rows = Tensor::new(&[[0.9f32, 0.9, 0.9, 0.9], [-0.9, -0.9, -0.9, -0.9]], &Device::Cpu)?;
    let words: Vec<String> = learner.answers(&rows)?.iter().map(|answer| answer.words(learner.spec())).collect();
    assert_eq!(words, ["high", "low"]);
    let worst = learner.top_losses(3)?;
    let table = worst.table().text();
    assert!(worst.figure.is_none() && worst.examples.len() == 3 && worst.examples[0].loss >= worst.examples[2].loss);
    assert!(table.starts_with("example") && table.contains("row ") && table.contains(" %"), "{table}");
    let says = learner.predict(image::RgbImage::new(4, 4)).unwrap_err().to_string();
    assert!(says.contains("found tensors of (4)"), "{says}");
    let says = Learner::new(network(5)?, Classify, &Sums(64)).unwrap_err().to_string();
    assert!(says.contains("does not take the data's tensors of (4)"), "{says}");
    let says = Learner::vision(Arch::default(), &Sums(64)).unwrap_err().to_string();
    assert!(says.contains("expected pictures (n, 3, side, side), found tensors of (4)"), "{says}");
    assert!(says.contains("Learner::new(network, task, &data)?"), "{says}");
    let grey = TensorData::new(Tensor::zeros((4, 1, 8, 8), DType::F32, &Device::Cpu)?, vec![0, 1, 0, 1], &["a", "b"])?;
    let says = Learner::vision(Arch::default(), &grey).unwrap_err().to_string();
    assert!(says.contains("images.repeat((1, 3, 1, 1))?"), "{says}");
    // saved and loaded, with the shape of what goes in
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sums.safetensors");
    learner.save(&path)?;
    let mut again = quiet(Learner::new(network(4)?, Classify, &Sums(64))?);
    again.load(&path)?;
    assert_eq!(again.validate()?, learner.validate()?);
    Ok(())
}

#[test]
fn whole_numbers_stay_whole_for_a_network_of_ones_own() -> Result<()> {
    let rows: Vec<u32> = (0..16 * 6).map(|at| at % 11).collect();
    let tokens = Tensor::from_vec(rows, (16, 6), &Device::Cpu)?;
    let data = TensorData::new(tokens, (0..16).map(|at| at % 2).collect(), &["a", "b"])?.split(0.25, 1)?.batch(4);
    let batch = data.batches(Part::Train)?.next().expect("one")?;
    assert_eq!(batch.inputs.get("input")?.dtype(), DType::U32);
    let vars = VarMap::new();
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let (e, l) = (candle_nn::embedding(11, 8, vb.pp("e"))?, candle_nn::linear(8, 2, vb.pp("l"))?);
    let network = Network::candle(&vars, move |x| l.forward(&e.forward(x)?.mean(1)?))?;
    let report = quiet(Learner::new(network, Classify, &data)?).fit(1, 1e-3)?;
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    let doubles = VarMap::new();
    let _ = candle_nn::linear(8, 2, VarBuilder::from_varmap(&doubles, DType::F64, &Device::Cpu))?;
    let says = Network::candle(&doubles, |x| Ok(x.clone())).unwrap_err().to_string();
    assert!(says.contains("is of F64; learners train in f32") && says.contains("DType::F32"), "{says}");
    Ok(())
}

/// What scikit-learn measures (`tests/reference/labels.py`).
#[test]
fn labels_are_measured_as_scikit_learn_does() -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/labels.safetensors");
    let saved = candle_core::safetensors::load(path, &Device::Cpu)?;
    let number = |name: &str| -> Result<Vec<f64>> { Ok(saved[name].to_vec1::<f64>()?) };
    let (logits, truth) = (&saved["logits"], &saved["truth"]);
    let names = (0..4).map(|label| format!("label {label}")).collect();
    let spec = Spec::new(Input::Tensor(vec![1]), Target::Classes(names), 0);
    let measured = |metric: &mut dyn Metric, thresholds: &Tensor| -> Result<f64> {
        metric.reset();
        // in two batches
        for (from, count) in [(0, 37), (37, 23)] {
            let part = |all: &Tensor| all.narrow(0, from, count);
            let said = Fields::of("logits", part(logits)?).with("threshold", thresholds.clone());
            let targets = Fields::of("labels", part(truth)?);
            let batch = Batch { inputs: Fields::default(), targets, ids: (0..count).collect() };
            metric.add(&Seen { said: &said, batch: &batch, spec: &spec })?;
        }
        Ok(metric.value())
    };
    let found = measured(&mut AveragePrecision::default(), &saved["thresholds"])?;
    assert!((found - number("map")?[0]).abs() < 1e-9, "{found}");
    let found = measured(&mut F1::default(), &saved["thresholds"])?;
    assert!((found - number("f1")?[0]).abs() < 1e-9, "{found}");
    let shares = ops::sigmoid(logits)?.to_vec2::<f32>()?;
    let best = tasks::best_thresholds(&shares, &truth.to_vec2::<f32>()?);
    let found = measured(&mut F1::default(), &Tensor::new(best.as_slice(), &Device::Cpu)?)?;
    let expected = number("best")?.iter().sum::<f64>() / 4.0;
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    assert_eq!(best[3], 0.5, "a label that never applies");
    Ok(())
}

/// Bars, and whether each lies and whether it is in the left half.
fn several(count: usize, seed: u64) -> Result<TensorData> {
    let data = bars(count, seed)?;
    let batch = data.clone().batch(count).batches(Part::Train)?.next().expect("one")?;
    let (class, boxes) = (batch.targets.get("class")?.to_vec1::<u32>()?, batch.targets.get("box")?.to_vec2::<f32>()?);
    let rows = class.iter().zip(&boxes).map(|(class, bbox)| [1.0 - *class as f32, f32::from(u8::from(bbox[0] < 0.5))]);
    let rows: Vec<f32> = rows.flatten().collect();
    let truth = Tensor::from_vec(rows, (class.len(), 2), &Device::Cpu)?;
    TensorData::labels(batch.inputs.get("image")?.clone(), truth, &["lying", "left"])?.split(0.25, seed)
}

#[test]
fn several_labels_an_example_are_learned() -> Result<()> {
    let data = several(160, 67)?.batch(16);
    let mut learner = quiet(Learner::labels(Arch::default().untrained(), &data)?);
    // the gradient of the loss is sigmoid(x) − y, divided by the count
    let logits = candle_core::Var::new(&[[2f32, -1.0]], &Device::Cpu)?;
    let targets = Fields::of("labels", Tensor::new(&[[1f32, 1.0]], &Device::Cpu)?);
    let batch = Batch { inputs: Fields::default(), targets, ids: vec![0] };
    let loss = Labels.loss(&Fields::of("logits", logits.as_tensor().clone()), &batch)?;
    let grad = loss.total.backward()?.get(&logits).expect("it has one").to_vec2::<f32>()?;
    assert!((grad[0][0] - (0.880_797 - 1.0) / 2.0).abs() < 1e-5 && (grad[0][1] - (0.268_941 - 1.0) / 2.0).abs() < 1e-5);
    let report = learner.fit_one_cycle(10, 4e-3)?;
    let valid = report.valid.expect("a quarter is kept");
    assert!(valid.get("mAP")? > 0.8 && valid.get("F1")? > 0.6, "{valid:?}");
    let before = learner.validate()?;
    assert_eq!(before.classes.len(), 2);
    let found = learner.thresholds()?;
    let after = learner.validate()?;
    assert!(after.all.get("F1")? >= before.all.get("F1")?, "{found:?}");
    assert!(found.iter().map(|(name, _)| name.as_str()).eq(["lying", "left"]));
    let says = learner.predict(picture_of(&data)?)?;
    assert_eq!(says.label, if says.labels.is_empty() { "none".to_owned() } else { says.labels.join(", ") });
    assert!(learner.top_losses(3)?.figure.is_some());
    let says = learner.confusion().unwrap_err().to_string();
    assert!(says.contains("where an example has one class"), "{says}");
    // saved with its thresholds, opened without data, and given another head
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("labels.safetensors");
    learner.save(&path)?;
    let mut opened = Learner::open(&path)?;
    assert_eq!((opened.task().name(), opened.classes()), ("labels", learner.classes()));
    assert_eq!(opened.set_data(&data)?.validate()?, after);
    assert_eq!(opened.replace_head(&bars(16, 68)?)?.task().name(), "classify");
    assert_eq!(super::learner(&bars(16, 68)?)?.replace_head(&data)?.task().name(), "labels");
    let says = Learner::vision(Arch::default(), &data).unwrap_err().to_string();
    assert!(says.contains("labels, any number of them (lying, left)"), "{says}");
    let says = Learner::labels(Arch::default(), &bars(16, 68)?).unwrap_err().to_string();
    assert!(says.contains("but no labels") && says.contains("TensorData::labels"), "{says}");
    let wrong = TensorData::labels(
        Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?,
        Tensor::new(&[[0.5f32], [1.0]], &Device::Cpu)?,
        &["a"],
    );
    assert!(wrong.unwrap_err().to_string().contains("`a` of example 0 is 0.5; expected 0 or 1"));
    Ok(())
}

#[test]
fn what_is_handed_in_another_shape_or_kind_is_told() -> Result<()> {
    let rows = Tensor::randn(0f32, 1.0, (12, 4), &Device::Cpu)?;
    let classes: Vec<u32> = (0..12).map(|i| i % 2).collect();
    let data = TensorData::new(rows.clone(), classes.clone(), &["a", "b"])?.split(0.25, 1)?;
    let network = Network::whole(5, |at| {
        let a = Linear::new(&at.child("a"), 4, 2)?;
        Ok(move |x: &Tensor, pass: &Pass| a.forward(x, pass))
    })?;
    let mut learner = quiet(Learner::new(network, Classify, &data)?);
    let says = learner.answers(&rows.get(0)?).unwrap_err().to_string();
    assert!(says.contains("expected examples in rows (n, 4), found [4]") && says.contains("unsqueeze(0)"), "{says}");
    assert_eq!(learner.answers(&rows.to_dtype(DType::F64)?)?.len(), 12);
    let whole = TensorData::new(rows.to_dtype(DType::U8)?, classes.clone(), &["a", "b"])?.split(0.25, 1)?;
    let says = learner.set_data(&whole).unwrap_err().to_string();
    assert!(says.contains("the network does not take the data's") && says.contains("U8"), "{says}");
    learner.fit(1, 1e-3)?;
    struct Fails;
    impl Metric for Fails {
        fn name(&self) -> &str {
            "fails"
        }
        fn add(&mut self, _: &Seen) -> Result<()> {
            Err(crate::Error::new("never"))
        }
        fn value(&self) -> f64 {
            0.0
        }
        fn reset(&mut self) {}
    }
    learner.metric(Fails);
    assert!(learner.validate().unwrap_err().to_string().contains("the metric `fails` failed"));
    learner.remove_metrics().validate()?;
    let twice = TensorData::new(rows, classes, &["a", "a"]).unwrap_err().to_string();
    assert!(twice.contains("two of the 2 names are `a`"), "{twice}");
    Ok(())
}

#[test]
fn boxes_are_shares_of_the_side() -> Result<()> {
    let images = || TensorData::new(Tensor::zeros((2, 3, 8, 8), DType::F32, &Device::Cpu)?, vec![0, 1], &["a", "b"]);
    let boxes = |second: [f32; 4]| Tensor::new(&[[0.5f32, 0.5, 0.2, 0.2], second], &Device::Cpu);
    assert!(images()?.boxes(boxes([0.0, 1.0, 1.0, 0.1])?).is_ok());
    for odd in [[4.0, 4.0, 2.0, 2.0], [0.5, f32::NAN, 0.1, 0.1], [0.5, 0.5, 0.0, 0.1], [0.5, 0.5, 0.1, -0.1]] {
        let says = images()?.boxes(boxes(odd)?).expect_err("an error").to_string();
        assert!(says.contains("the box of picture 1 is") && says.contains("shares of the side"), "{says}");
    }
    Ok(())
}
