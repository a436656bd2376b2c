//! The prelude on a GPU beside the CPU: operations, networks, learners. Built without one, or without one in the machine,
//! each test says that it was skipped.

use candlewick_prelude::candle_core::{self, DType, Device, Tensor, Var};
use candlewick_prelude::candle_nn::{self, Module, VarBuilder, VarMap};
use candlewick_prelude::data::TensorData;
use candlewick_prelude::layers::{Layer, Linear, Pass};
use candlewick_prelude::models::{self, Arch, HeadMaker, Network};
use candlewick_prelude::ops::{self, Activation, Conv2dOptions, CrossEntropy};
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::{Classify, Learner, Optimizer};
use candlewick_prelude::{Result, datasets};

/// The GPU that learners would choose.
fn gpu() -> Result<Option<Device>> {
    let device = models::device()?;
    if device.is_cpu() {
        println!("skipped: no GPU, or the prelude was built for none");
        return Ok(None);
    }
    Ok(Some(device))
}

fn normal(shape: &[usize]) -> Tensor {
    Tensor::randn(0f64, 1f64, shape, &Device::Cpu).expect("random numbers")
}

fn distance(found: &Tensor, expected: &Tensor) -> candle_core::Result<f64> {
    assert_eq!(found.dims(), expected.dims());
    let numbers = |tensor: &Tensor| tensor.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all();
    let expected = numbers(expected)?;
    let scale = expected.abs()?.max(0)?.to_scalar::<f64>()?.max(1e-3);
    Ok((numbers(found)? - expected)?.abs()?.max(0)?.to_scalar::<f64>()? / scale)
}

type Operation<'a> = &'a dyn Fn(&[Tensor], &[Tensor]) -> candle_core::Result<Tensor>;

/// Whether this operation or network is asked for; `CANDLEWICK_GPU_ONLY` names one, since a failure on a GPU spoils all that
/// comes after it in its process.
fn wanted(name: &str) -> bool {
    std::env::var("CANDLEWICK_GPU_ONLY").map_or(true, |only| only == name)
}

/// Collects what differs, so that one run on a GPU says all.
struct Beside {
    gpu: Device,
    wrong: Vec<String>,
}

impl Beside {
    /// The value of an operation and the gradients of its inputs; the others enter as they are.
    fn check(&mut self, name: &str, inputs: &[Tensor], others: &[Tensor], operation: Operation) {
        if !wanted(name) {
            return;
        }
        for (dtype, tolerance) in [(DType::F64, 1e-9), (DType::F32, 1e-4)] {
            let run = |device: &Device| -> candle_core::Result<Vec<Tensor>> {
                let moved = |tensor: &Tensor| {
                    let dtype = if tensor.dtype() == DType::F64 { dtype } else { tensor.dtype() };
                    tensor.to_dtype(dtype)?.to_device(device)
                };
                let inputs =
                    inputs.iter().map(|x| Var::from_tensor(&moved(x)?)).collect::<candle_core::Result<Vec<_>>>()?;
                let others = others.iter().map(moved).collect::<candle_core::Result<Vec<_>>>()?;
                let arguments: Vec<Tensor> = inputs.iter().map(|input| input.as_tensor().clone()).collect();
                let value = operation(&arguments, &others)?;
                let count = value.elem_count();
                let weight: Vec<f64> = (0..count).map(|i| ((i * 7919) % 31) as f64 / 31. - 0.4).collect();
                let weight = Tensor::from_vec(weight, value.shape(), &Device::Cpu)?.to_dtype(value.dtype())?;
                let grads = ops::backward_from(&value, &weight.to_device(device)?)?;
                let mut all = vec![value];
                for input in &inputs {
                    all.push(grads.get(input).expect("a gradient for each input").clone());
                }
                Ok(all)
            };
            let expected = run(&Device::Cpu).unwrap_or_else(|error| panic!("{name} on the CPU: {error}"));
            match run(&self.gpu) {
                Err(error) => self.wrong.push(format!("{name} in {dtype:?}: {error}")),
                Ok(found) => {
                    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        if !found.device().same_device(&self.gpu) {
                            self.wrong.push(format!("{name} in {dtype:?}: result {at} lies on {:?}", found.device()));
                        }
                        let off = distance(found, expected).expect("numbers");
                        if off.is_nan() || off > tolerance {
                            self.wrong.push(format!("{name} in {dtype:?}: result {at} is {off:.1e} off"));
                        }
                    }
                }
            }
        }
    }

    fn ends(self) {
        assert!(self.wrong.is_empty(), "{} differ:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

#[test]
fn operations_and_gradients() -> Result<()> {
    let Some(gpu) = gpu()? else { return Ok(()) };
    let mut beside = Beside { gpu, wrong: Vec::new() };
    for (name, groups, stride, padding, extra, dilation, kernel) in [
        ("conv2d", 1, (1, 1), (1, 1), (0, 0), (1, 1), 3),
        ("conv2d by strides", 1, (2, 3), (2, 1), (1, 0), (1, 1), 3),
        ("conv2d dilated", 1, (1, 1), (2, 2), (0, 0), (2, 2), 3),
        ("conv2d of groups", 2, (2, 2), (1, 1), (0, 1), (1, 1), 3),
        ("conv2d depthwise", 4, (1, 1), (2, 2), (0, 0), (1, 1), 5),
        ("conv2d of points", 1, (1, 1), (0, 0), (0, 0), (1, 1), 1),
        ("conv2d of patches", 1, (4, 4), (0, 0), (0, 0), (1, 1), 4),
    ] {
        let options = Conv2dOptions { stride, padding, extra, dilation, groups };
        let inputs = [normal(&[3, 4, 12, 9]), normal(&[8, 4 / groups, kernel, kernel]), normal(&[8])];
        beside.check(name, &inputs, &[], &|a, _| ops::conv2d(&a[0], &a[1], Some(&a[2]), options));
    }
    let x = || normal(&[3, 6, 9, 8]);
    let stored = [normal(&[6]), normal(&[6]).sqr()?];
    let affine = [x(), normal(&[6]), normal(&[6])];
    for then in [Activation::Identity, Activation::Relu, Activation::Silu, Activation::Gelu, Activation::HardSwish] {
        let name = format!("batch norm, {then:?}");
        beside.check(&name, &affine, &[], &|a, _| Ok(ops::batch_norm_train_then(&a[0], &a[1], &a[2], 1e-3, then)?.0));
        beside.check(&format!("stored {name}"), &affine, &stored, &|a, b| {
            ops::batch_norm_eval_then(&a[0], [&b[0], &b[1], &a[1], &a[2]], 1e-3, then)
        });
    }
    beside.check("statistics", &affine[..1], &affine[1..], &|a, b| {
        let (y, mean, var) = ops::batch_norm_train(&a[0], &b[0], &b[1], 1e-3)?;
        assert!(mean.device().same_device(a[0].device()) && var.device().same_device(a[0].device()));
        Ok(y)
    });
    let options = Conv2dOptions { padding: (1, 1), ..Conv2dOptions::default() };
    beside.check(
        "conv2d_norm_eval_then",
        &[x(), normal(&[6, 6, 3, 3])],
        &[&stored[..], &affine[1..]].concat(),
        &|a, b| {
            ops::conv2d_norm_eval_then(
                &a[0],
                &a[1],
                None,
                options,
                [&b[0], &b[1], &b[2], &b[3]],
                1e-3,
                Activation::Silu,
            )
        },
    );
    beside.check("layer_norm", &[normal(&[3, 5, 16]), normal(&[16]), normal(&[16])], &[], &|a, _| {
        ops::layer_norm(&a[0], &a[1], &a[2], 1e-5)
    });
    beside.check("group_norm", &affine, &[], &|a, _| ops::group_norm(&a[0], 3, &a[1], &a[2], 1e-5));
    let one = [x()];
    beside.check("max_pool2d", &one, &[], &|a, _| ops::max_pool2d(&a[0], (3, 3), (2, 2), (1, 1)));
    beside.check("avg_pool2d", &one, &[], &|a, _| ops::avg_pool2d(&a[0], (3, 2), (2, 1), (1, 0), false));
    beside.check("adaptive_avg_pool2d", &one, &[], &|a, _| ops::adaptive_avg_pool2d(&a[0], (4, 3)));
    beside.check("mean of all", &one, &[], &|a, _| ops::adaptive_avg_pool2d(&a[0], (1, 1)));
    type Plain = fn(&Tensor) -> candle_core::Result<Tensor>;
    let plain: [(&str, Plain); 8] = [
        ("relu", ops::relu),
        ("relu6", ops::relu6),
        ("silu", ops::silu),
        ("hard_swish", ops::hard_swish),
        ("sigmoid", ops::sigmoid),
        ("gelu", ops::gelu),
        ("gelu_tanh", ops::gelu_tanh),
        ("flatten", |x| ops::flatten(x, 1)),
    ];
    for (name, function) in plain {
        beside.check(name, &one, &[], &|a, _| function(&a[0]));
    }
    beside.check("softmax", &one, &[], &|a, _| ops::softmax(&a[0], 1));
    beside.check("softmax of the last", &one, &[], &|a, _| ops::softmax(&a[0], 3));
    beside.check("log_softmax", &one, &[], &|a, _| ops::log_softmax(&a[0], 3));
    beside.check("dropout", &one, &[], &|a, _| ops::dropout(&a[0], 0.4, true, 5));
    beside.check("drop_path", &one, &[], &|a, _| ops::drop_path(&a[0], 0.4, true, 5));
    beside.check("scale", &one, &[], &|a, _| ops::scale(&a[0], 2.5));
    beside.check("reshape", &one, &[], &|a, _| ops::reshape(&a[0], (18, 72)));
    beside.check("upsample_nearest2d", &one, &[], &|a, _| ops::upsample_nearest2d(&a[0], (13, 16)));
    beside.check("upsample_bilinear2d", &one, &[], &|a, _| ops::upsample_bilinear2d(&a[0], (13, 5), false));
    beside.check("the same with corners", &one, &[], &|a, _| ops::upsample_bilinear2d(&a[0], (13, 5), true));
    beside.check("add", &[x(), x()], &[], &|a, _| ops::add(&a[0], &a[1]));
    beside.check("add_relu", &[x(), x()], &[], &|a, _| ops::add_relu(&a[0], &a[1]));
    beside.check("gate", &[x(), normal(&[3, 6, 1, 1])], &[], &|a, _| ops::gate(&a[0], &a[1]));
    beside.check("cast", &one, &[], &|a, _| ops::cast(&ops::cast(&a[0], DType::F32)?, a[0].dtype()));
    beside.check("linear", &[normal(&[2, 7, 5]), normal(&[4, 5]), normal(&[4])], &[], &|a, _| {
        ops::linear(&a[0], &a[1], Some(&a[2]))
    });
    let index = Tensor::new(&[1u32, 0, 4, 1], &Device::Cpu)?;
    beside.check("embedding", &[normal(&[5, 7])], std::slice::from_ref(&index), &|a, b| ops::embedding(&a[0], &b[0]));
    beside.check("attention", &[normal(&[2, 9, 3 * 8])], &[], &|a, _| ops::attention(&a[0], 2));
    beside.check("token", &[normal(&[2, 9, 8])], &[], &|a, _| ops::token(&a[0], 3));
    let patches = [normal(&[2, 8, 3, 2]), normal(&[1, 1, 8]), normal(&[1, 7, 8])];
    beside.check("tokens", &patches, &[], &|a, _| ops::tokens(&a[0], &a[1], &a[2]));
    beside.check("fit_places", &patches[2..], &[], &|a, _| ops::fit_places(&a[0], (3, 2), (4, 5)));
    let logits = [normal(&[4, 5])];
    beside.check("cross_entropy", &logits, &[index, normal(&[5]).sqr()?], &|a, b| {
        let options = CrossEntropy { label_smoothing: 0.1, class_weights: Some(b[1].clone()), focus: 0.0 };
        ops::cross_entropy(&a[0], &b[0], &options)
    });
    let two = [normal(&[4, 5]), normal(&[4, 5])];
    beside.check("smooth_l1", &two, &[], &|a, _| ops::smooth_l1(&a[0], &a[1], 0.7));
    beside.check("bce_with_logits", &logits, &[ops::sigmoid(&two[1])?], &|a, b| ops::bce_with_logits(&a[0], &b[0]));
    beside.ends();
    Ok(())
}

/// The same weights, the same picture: logits, and the network after two steps.
#[test]
fn every_network() -> Result<()> {
    let Some(gpu) = gpu()? else { return Ok(()) };
    let mut wrong = Vec::new();
    for arch in Arch::ALL.into_iter().filter(|arch| wanted(arch.name())) {
        // In f64, since in f32 the bends of ReLU make gradients differ by percents on any two machines.
        let made = |device: &Device| Network::of(ParamSet::of(DType::F64, device, 3), arch, 0, HeadMaker::classes(10));
        let (cpu, other) = (made(&Device::Cpu)?, made(&gpu)?);
        other.params().load(&cpu.params().snapshot()?, None)?;
        let side = arch.picture();
        let images = (Tensor::arange(0f32, (2 * 3 * side * side) as f32, &Device::Cpu)? * 0.37)?.sin()?;
        let images = images.reshape((2, 3, side, side))?.to_dtype(DType::F64)?;
        let moved = images.to_device(&gpu)?;
        let expected = cpu.forward(&images, &Pass::eval())?.get("logits")?.clone();
        match other.forward(&moved, &Pass::eval()) {
            Ok(found) => {
                let off = distance(found.get("logits")?, &expected)?;
                if off.is_nan() || off > 1e-6 {
                    wrong.push(format!("{arch}: logits are {off:.1e} off"));
                }
            }
            Err(error) => wrong.push(format!("{arch}: {error}")),
        }
        let step = |model: &Network, images: &Tensor| -> Result<(f64, Vec<(String, Tensor)>)> {
            let pass = Pass::train_without_noise();
            let labels = Tensor::new(&[3u32, 7], images.device())?;
            let loss =
                ops::cross_entropy(model.forward(images, &pass)?.get("logits")?, &labels, &CrossEntropy::default())?;
            let grads = ops::backward(&loss)?;
            Optimizer::sgd(0.9).step(&model.params().trainable(), &grads, |_| 1e-3, None)?;
            pass.commit()?;
            Ok((loss.to_scalar()?, model.params().snapshot()?))
        };
        let (loss, expected) = step(&cpu, &images)?;
        match step(&other, &moved) {
            Ok((found, weights)) => {
                if (found - loss).abs() > 1e-6 * loss.abs().max(1.) {
                    wrong.push(format!("{arch}: a loss of {found} for {loss}"));
                }
                for ((name, found), (_, expected)) in weights.iter().zip(&expected) {
                    let off = distance(found, expected)?;
                    if off.is_nan() || off > 1e-6 {
                        wrong.push(format!("{arch}: {name} is {off:.1e} off after a step"));
                    }
                }
            }
            Err(error) => wrong.push(format!("{arch}, a step: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn a_learner_from_its_first_fit_to_its_file() -> Result<()> {
    let Some(gpu) = gpu()? else { return Ok(()) };
    let place = tempfile::tempdir()?;
    let data = datasets::vehicles().per_class(24).seed(3).write_to(place.path().join("vehicles"))?;
    let data = data.split(0.25, 1)?.size(64).batch(16);
    for half in [false, true] {
        let mut learner = Learner::vision_untrained(Arch::default(), &data)?;
        learner.quiet();
        assert!(learner.network().params().device().same_device(&gpu));
        if half {
            learner.mixed_precision();
        }
        learner.ema(0.9)?.clip(1.0).accumulate(2);
        let report = learner.fit_one_cycle(8, 3e-3)?;
        let losses = learner.history().epochs.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>();
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        let valid = report.valid.expect("a validation part");
        println!("half {half}: {first} to {last} in training, {valid:?}");
        assert!(last < 0.8 * first, "half {half}: {losses:?}");
        let picture = data.picture(0)?;
        let predicted = learner.predict(&picture)?;
        let file = place.path().join(format!("learner{half}.safetensors"));
        learner.save(&file)?;
        let again = Learner::open(&file)?;
        assert!(again.network().params().device().same_device(&gpu));
        assert_eq!(format!("{predicted:?}"), format!("{:?}", again.predict(&picture)?));
    }
    Ok(())
}

/// The losses of a fit of the head, then of all.
fn losses() -> Result<Vec<f64>> {
    let images = (Tensor::arange(0f32, (32 * 3 * 32 * 32) as f32, &Device::Cpu)? * 0.37)?.sin()?;
    let images = images.reshape((32, 3, 32, 32))?;
    let data = TensorData::new(images, (0..32).map(|i| i % 2).collect(), &["even", "odd"])?.batch(8);
    let mut learner = Learner::vision_untrained(Arch::ResNet18, &data)?;
    learner.quiet().freeze();
    learner.fit(2, 1e-2)?;
    learner.unfreeze();
    learner.fit(2, 1e-3)?;
    Ok(learner.history().batches.iter().map(|batch| batch.loss).collect())
}

/// The same seed gives the same steps on both; the CPU's are another process's, since a process has one device.
#[test]
fn a_fit_goes_as_on_the_cpu() -> Result<()> {
    const MARK: &str = "losses: ";
    if gpu()?.is_none() {
        if std::env::var("CANDLEWICK_DEVICE").is_ok_and(|wanted| wanted == "cpu") {
            println!("{MARK}{}", serde_json::to_string(&losses()?).expect("numbers"));
        }
        return Ok(());
    }
    let this = std::env::current_exe()?;
    let ran = std::process::Command::new(this)
        .args(["a_fit_goes_as_on_the_cpu", "--exact", "--nocapture"])
        .env("CANDLEWICK_DEVICE", "cpu")
        .output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let (_, numbers) = said.split_once(MARK).unwrap_or_else(|| panic!("{said}"));
    let cpu: Vec<f64> = serde_json::from_str(numbers.lines().next().unwrap_or_default()).expect("losses");
    let gpu = losses()?;
    assert!(cpu.len() == gpu.len() && cpu.len() == 16, "{cpu:?}, {gpu:?}");
    // AdamW makes whole steps of gradients that are next to nothing, so that after some of them f32 goes its own way.
    for (at, (cpu, gpu)) in cpu.iter().zip(&gpu).enumerate().take(9) {
        assert!((cpu - gpu).abs() < 2e-2 * cpu.abs().max(0.1), "step {at}: {gpu} for {cpu}");
    }
    assert!(gpu.iter().all(|loss| loss.is_finite() && *loss < 5.0), "{gpu:?}");
    Ok(())
}

/// What learners that are not of a known body give: of layers of one's own, of any candle model, with several labels,
/// with numbers, on data that are no pictures.
fn own() -> Result<Vec<(&'static str, Vec<f64>)>> {
    let device = models::device()?;
    let rows = (Tensor::arange(0f32, 64. * 6., &Device::Cpu)? * 0.73)?.sin()?.reshape((64, 6))?;
    let classes: Vec<u32> = rows.sum(1)?.to_vec1::<f32>()?.into_iter().map(|sum| u32::from(sum > 0.0)).collect();
    let data = TensorData::new(rows.clone(), classes, &["low", "high"])?.split(0.25, 1)?.batch(8);
    let losses = |learner: &mut Learner| -> Result<Vec<f64>> {
        learner.quiet().clip(1.0);
        learner.fit(3, 1e-2)?;
        let valid = learner.validate()?.all.loss;
        Ok(learner.history().batches.iter().map(|batch| batch.loss).chain([valid]).collect())
    };
    let mut found = Vec::new();
    let whole = Network::whole(5, |at| {
        let (a, b) = (Linear::new(&at.child("a"), 6, 16)?, Linear::new(&at.child("b"), 16, 2)?);
        Ok(move |x: &Tensor, pass: &Pass| b.forward(&ops::relu(&a.forward(x, pass)?)?, pass))
    })?;
    found.push(("layers of one's own", losses(&mut Learner::new(whole, Classify, &data)?)?));
    let vars = VarMap::new();
    let at = VarBuilder::from_varmap(&vars, DType::F32, &device);
    let (a, b) = (candle_nn::linear(6, 16, at.pp("a"))?, candle_nn::linear(16, 2, at.pp("b"))?);
    for (name, var) in vars.data().lock().expect("nobody else").iter() {
        let count = var.elem_count();
        let value = (Tensor::arange(0f32, count as f32, &Device::Cpu)? * (0.3 + name.len() as f64))?.sin()?;
        var.set(&(value * 0.3)?.reshape(var.shape())?.to_device(&device)?)?;
    }
    let candle = Network::candle(&vars, move |x| b.forward(&a.forward(x)?.relu()?))?;
    found.push(("a candle model", losses(&mut Learner::new(candle, Classify, &data)?)?));
    let images =
        (Tensor::arange(0f32, (32 * 3 * 32 * 32) as f32, &Device::Cpu)? * 0.37)?.sin()?.reshape((32, 3, 32, 32))?;
    let labels =
        (Tensor::arange(0f32, 96., &Device::Cpu)? * 0.9)?.sin()?.ge(0.)?.to_dtype(DType::F32)?.reshape((32, 3))?;
    let labelled = TensorData::labels(images.clone(), labels, &["a", "b", "c"])?.split(0.25, 1)?.batch(8);
    found.push(("several labels", losses(&mut Learner::labels(Arch::default().untrained(), &labelled)?)?));
    let numbers = (Tensor::arange(0f32, 64., &Device::Cpu)? * 0.31)?.sin()?.reshape((32, 2))?;
    let numbers = TensorData::numbers(images, numbers, &["x", "y"])?.split(0.25, 1)?.batch(8);
    found.push(("numbers", losses(&mut Learner::regression(Arch::default().untrained(), &numbers)?)?));
    Ok(found)
}

#[test]
fn what_is_ones_own_goes_as_on_the_cpu() -> Result<()> {
    const MARK: &str = "own losses: ";
    if gpu()?.is_none() {
        if std::env::var("CANDLEWICK_DEVICE").is_ok_and(|wanted| wanted == "cpu") {
            println!("{MARK}{}", serde_json::to_string(&own()?).expect("numbers"));
        }
        return Ok(());
    }
    let ran = std::process::Command::new(std::env::current_exe()?)
        .args(["what_is_ones_own_goes_as_on_the_cpu", "--exact", "--nocapture"])
        .env("CANDLEWICK_DEVICE", "cpu")
        .output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let (_, numbers) = said.split_once(MARK).unwrap_or_else(|| panic!("{said}"));
    let cpu: Vec<(String, Vec<f64>)> =
        serde_json::from_str(numbers.lines().next().unwrap_or_default()).expect("losses");
    let mut wrong = Vec::new();
    for ((name, found), (_, expected)) in own()?.iter().zip(&cpu) {
        println!("{name}: {found:?} for {expected:?}");
        // The first steps are the same; later f32 goes its own way.
        let same = found.iter().zip(expected).take(6).all(|(gpu, cpu)| (gpu - cpu).abs() < 2e-2 * cpu.abs().max(0.1));
        if !same || found.len() != expected.len() || found.iter().any(|loss| !loss.is_finite()) {
            wrong.push(format!("{name}: {found:?} for {expected:?}"));
        }
    }
    assert!(wrong.is_empty() && cpu.len() == 4, "{}", wrong.join("\n"));
    Ok(())
}
